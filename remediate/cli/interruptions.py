"""Ctrl-C and the like: the first one interrupts, unless something is being put back; then it is told, and waits."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruptions:
    """Turns signals into KeyboardInterrupt, and holds them back while a way back is being walked.

    Args:
        told: Told, in one line, when a signal has to wait.

    Attributes:
        arrived: Whether there was a signal: what goes on after it ends as soon as it can.
    """

    def __init__(self, told: Callable[[str], None]) -> None:
        self._told, self._shields = told, 0
        self.arrived = False

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Listen to signals while it is open."""
        before = {number: signal.signal(number, self._arrived) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def shield(self) -> Iterator[None]:
        """Hold signals back while it is open."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.arrived = True
        if self._shields:
            self._told(f"{signal.Signals(number).name}: what was changed is being put back; please wait")
            return
        raise KeyboardInterrupt
