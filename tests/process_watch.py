"""Looks for words in /proc until its stdin ends: `ps`, many times a second. The first line of stdin has the words.

Prints how often it looked, then one line for each process that showed one. Runs by itself, so that it needs no turn of
the tests' interpreter.
"""

import os
import select
import sys
import time
from pathlib import Path

TICK = 0.04
YOUNG = 2.0
"""Seconds in which a process may still become another program; afterwards its arguments hardly change."""
RARELY = 50
"""Every so many ticks all processes are looked at, whatever their age."""
OURS = (b"SSH_CONNECTION=", b"SUDO_COMMAND=", b"REMEDIATE_INVENTORY=")
"""What the environment of a process has that the program started: on a host, by sudo there, or beside itself."""
PRISMA = b"/opt/schema-engine/schema-engine"
"""Prisma hands its engine the URL as an argument. The ground's own tests start it; the program must not."""


def read(pid: str, name: str) -> bytes:
    try:
        return Path("/proc", pid, name).read_bytes()
    except OSError:  # it has ended, or is not ours to look at
        return b""


def shows(pid: str, needles: list[bytes]) -> str:
    arguments, environment = read(pid, "cmdline"), read(pid, "environ")
    theirs = any(mark in environment for mark in OURS)
    excused = PRISMA in arguments.split(b"\0") and not theirs
    if not excused and any(needle in arguments for needle in needles):
        return "arguments"
    return "environment" if theirs and any(needle in environment for needle in needles) else ""


def main() -> None:
    needles = [word.encode() for word in sys.stdin.readline().split()]
    seen: dict[str, float] = {}
    hits: dict[str, None] = {}
    ticks = 0
    while True:
        ticks += 1
        now = time.monotonic()
        pids = [name for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208  (names are enough)
        seen = {pid: seen.get(pid, now) for pid in pids}
        for pid in pids:
            if (now - seen[pid] < YOUNG or ticks % RARELY == 0) and (where := shows(pid, needles)):
                hits[
                    f"{where} of {pid}: {read(pid, 'cmdline').replace(bytes(1), b' ').decode(errors='replace')[:300]}"
                ] = None
        if select.select([sys.stdin], [], [], TICK)[0]:
            break
    sys.stdout.write("\n".join([str(ticks), *(hit.replace("\n", " ") for hit in hits)]) + "\n")


main()
