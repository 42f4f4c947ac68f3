"""The time, as an argument: what a wall clock shows, what a stopwatch shows, and how to wait."""

import time
from collections.abc import Callable
from dataclasses import dataclass

AHEAD = 60.0
"""Seconds by which a moment that was written down must lie in the future to be a wrong clock's: less is set right."""


@dataclass(frozen=True)
class Clock:
    """Where a run gets its time from.

    Attributes:
        wall: Seconds since the epoch; may jump.
        monotonic: Seconds since some moment; never jumps. Deadlines use this one.
        sleep: Waits for that many seconds.
    """

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
