"""Waits for a connection that was there and went, as long as somebody has patience. Connects nothing by itself."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from remediate.errors import Unreachable
from remediate.transport.refusals import Refused

SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 2.0
"""Seconds between two tries."""


class Absence:
    """How long one host's absence is borne.

    A host that never was there is not waited for, nor one that is there and refuses; and where it did not come back
    in time it is tried once each time, until it has been there again.

    Args:
        told: Told, once for each absence, that it is waited for, and why.
        clock: Seconds that never jump.
        sleep: Sleeps for some seconds.
    """

    def __init__(
        self,
        told: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._told, self._clock, self._sleep = told, clock, sleep
        self._patience = 0.0
        self._expected = False

    @contextmanager
    def borne(self, seconds: float) -> Iterator[None]:
        """Bear it so many seconds, while this is open."""
        before, self._patience = self._patience, seconds
        try:
            yield
        finally:
            self._patience = before

    def until_back(self, connect: Callable[[], None], over: Callable[[], bool]) -> None:
        """Connect, again and again while there is patience.

        Args:
            connect: Tries once.
            over: Whether nobody wants it any more.

        Raises:
            Unreachable: As the last try told it.
        """
        due = self._clock() + (self._patience if self._expected else 0.0)
        pause = SHORTEST_PAUSE
        while why := self._missing(connect, due, over):
            if pause == SHORTEST_PAUSE:
                self._told(f"the connection is gone, it is waited for {self._patience:g} s: {why}")
            self._sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        self._expected = True

    def _missing(self, connect: Callable[[], None], due: float, over: Callable[[], bool]) -> str:
        try:
            connect()
        except Unreachable as error:
            if isinstance(error, Refused) or over() or self._clock() >= due:
                self._expected = False
                raise
            return error.what
        return ""
