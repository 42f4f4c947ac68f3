"""Has `remediate` started by a process that has everything imported: a trial starts it a dozen times.

Tests that look at the process itself (its signals, its terminal, what it imports) start the program as people do.
"""

import atexit
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from tests.faults.mortal import Order
from tests.practice import REPOSITORY


class Launcher:
    """The process that forks what it is told to; one command at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._one_at_a_time = threading.Lock()

    def carry_out(self, order: Order) -> int:
        """Return how the command ended: its exit code, or the number of the signal, negative."""
        assert self._process.stdin
        assert self._process.stdout
        with self._one_at_a_time:
            self._process.stdin.write(order.to_line())
            self._process.stdin.flush()
            return int(self._process.stdout.readline())

    def end(self) -> None:
        """Let it end by itself, and wait for it."""
        self._process.__exit__(None, None, None)


def start() -> Launcher:
    """Return a launcher that was started."""
    line = [sys.executable, "-m", "tests.faults.mortal"]
    pipe = subprocess.PIPE
    return Launcher(subprocess.Popen(line, stdin=pipe, stdout=pipe, text=True, cwd=REPOSITORY))


@contextmanager
def launched() -> Iterator[Launcher]:
    """Return a launcher, and end it."""
    launcher = start()
    try:
        yield launcher
    finally:
        launcher.end()


@cache
def common() -> Launcher:
    """Return the one of this process; it ends with it."""
    launcher = start()
    atexit.register(launcher.end)
    return launcher
