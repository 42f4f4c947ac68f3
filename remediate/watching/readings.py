"""What one look at a host gave for the rules: a few numbers, and what was seen. It asks and judges nothing.

Moments are those of a stopwatch (`Clock.monotonic`): a wall clock that jumps fires no alarm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from remediate.watching.access_log import Requests


@dataclass(frozen=True)
class Spent:
    """What the processors had done since they were started (proc_stat(5)).

    Attributes:
        busy: Ticks that they worked.
        total: Ticks in all.
    """

    busy: int
    total: int

    def percent_since(self, earlier: "Spent") -> float | None:
        """Return how many percent they worked since an earlier look; None where the host was booted in between."""
        spent = self.total - earlier.total
        return 100 * (self.busy - earlier.busy) / spent if spent > 0 and self.busy >= earlier.busy else None


@dataclass(frozen=True)
class Opinion:
    """What a check thinks.

    Attributes:
        healthy: Whether all is well.
        seen: What was seen, in one line.
    """

    healthy: bool
    seen: str


@dataclass(frozen=True)
class Reading:
    """One look at a host. What could not be seen is None, and `unseen` says why, by the rule's name.

    Attributes:
        at: When it was, on a stopwatch.
        requests: What the app answered lately.
        cut_short: Whether less than all the time that the rules look at counts for that: since somebody worked at the
            host.
        free_percent: How much of the disk is free.
        spent: What the processors did.
        database: What the database says to the app's URL.
        health: What the health check says.
        unseen: Why something could not be seen.
        blind: Why nothing at all could be; empty where anything was.
    """

    at: float
    requests: Requests | None = None
    cut_short: bool = False
    free_percent: float | None = None
    spent: Spent | None = None
    database: Opinion | None = None
    health: Opinion | None = None
    unseen: Mapping[str, str] = field(default_factory=dict)
    blind: str = ""


def kept(readings: Sequence[Reading], span: float) -> tuple[Reading, ...]:
    """Return the readings that rules may still need: those of the last seconds, and one before them.

    Args:
        readings: In the order in which they were made.
        span: Seconds before the latest.
    """
    if not readings:
        return ()
    old = [one for one in readings if one.at < readings[-1].at - span]
    return tuple(readings[max(0, len(old) - 1) :])
