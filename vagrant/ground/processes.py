"""Processes by number and start time, so that a number used again by the kernel is never ended by mistake."""

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

STATE_FIELD, START_FIELD = 0, 19
"""Fields of /proc/PID/stat behind the name: 3 (state) and 22 (starttime), see proc(5)."""


@dataclass(frozen=True)
class Process:
    """A process of ours; `started` is in clock ticks since the machine booted."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> "Process":
        """Return the process that has this number now.

        Raises ProcessLookupError where there is none.
        """
        fields = _stat(pid)
        if fields is None:
            raise ProcessLookupError(pid)
        return cls(pid, int(fields[START_FIELD]))

    def is_alive(self) -> bool:
        """Tell whether this very process still runs (one that waits to be reaped does not)."""
        fields = _stat(self.pid)
        return fields is not None and int(fields[START_FIELD]) == self.started and fields[STATE_FIELD] != "Z"

    def send(self, number: signal.Signals) -> None:
        """Send a signal if the process is still ours."""
        if self.is_alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def end(self, *, patience: float = 5.0, gently: bool = False) -> None:
        """End the process and wait until it is gone, at most twice `patience` seconds."""
        if gently:
            self.send(signal.SIGTERM)
            if self.wait(patience):
                return
        self.send(signal.SIGKILL)
        self.wait(patience)

    def wait(self, seconds: float) -> bool:
        """Wait for the process to end; False when it has not within `seconds`."""
        deadline = time.monotonic() + seconds
        while self.is_alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True


def children(pid: int) -> list[int]:
    """Return the numbers of the processes that `pid` has started, or that were handed to it."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(word) for task in tasks for word in (task / "children").read_text().split()]
    except OSError:
        return []


def descendants(pid: int) -> list[Process]:
    """Return every process below `pid`, parents first."""
    found: list[Process] = []
    waiting = children(pid)
    while waiting:
        child = waiting.pop(0)
        with suppress(ProcessLookupError):
            found.append(Process.of(child))
        waiting.extend(children(child))
    return found


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()
