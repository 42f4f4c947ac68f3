"""Keeps the services of one plain host together: starts them, and ends every one of them when it is ended itself.

Run as `python keeper.py DESCRIPTOR COMMAND…`. PM2 and PostgreSQL leave their starter; as their subreaper
(PR_SET_CHILD_SUBREAPER, prctl(2)) this process gets them back, and knows them by that. Knows nothing of labs.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


class Ended(Exception):  # noqa: N818 - not an error: we were asked to go
    """SIGTERM came."""


def main(arguments: list[str]) -> int:
    """Start the services, say "up" or "no" on the descriptor, stay until SIGTERM."""
    say, command = int(arguments[0]), arguments[1:]
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, _go)
    try:
        started = subprocess.run(command, check=False).returncode == 0
        os.write(say, b"up" if started else b"no")
        os.close(say)
        while started:
            _reap()
            time.sleep(0.5)
    except Ended:
        pass
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _end_all()
    return 0


def _go(_number: int, _frame: object) -> None:
    raise Ended


def _end_all() -> None:
    """End what is below us until nothing is; what lost its parent meanwhile has come to us."""
    while below := _below(os.getpid()):
        for pid in below:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        _reap()
        time.sleep(0.01)


def _below(pid: int) -> list[int]:
    try:
        words = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    found = [int(word) for word in words]
    return [*found, *(lower for child in found for lower in _below(child))]


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
