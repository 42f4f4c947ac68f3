"""What is due when: looks at hosts, and playbooks by their cron expressions. Pure: it knows no clock, starts nothing.

What was missed, because nobody was there or because something else took long, is due once, not once for each time; and
only as it was written when it was missed: what is written anew counts from when that is first seen.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from remediate.clock import AHEAD
from remediate.inventory.watch import ScheduledText
from remediate.text.cron import next_due


def drawn(seed: str, most: float) -> float:
    """Return a share of some seconds that is always the same for one name, and another one for another.

    Args:
        seed: The name.
        most: Seconds; what is returned is less.
    """
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")
    return most * number / 2**64


@dataclass(frozen=True)
class Scheduled:
    """One thing that is run from time to time.

    Attributes:
        environment: The inventory's environment.
        name: Its name there.
        written: What the inventory says.
        since: The moment up to which it is done with, as its expression tells time, which knows no delay; seconds since
            the epoch.
    """

    environment: str
    name: str
    written: ScheduledText
    since: float

    @property
    def delay(self) -> float:
        """How many seconds after its moment it begins."""
        return drawn(f"{self.environment}/{self.name}", self.written.jitter)

    @property
    def due(self) -> float:
        """When it is due next, or was due first since it was last begun."""
        return next_due(self.written.cron, self.written.zone, self.since) + self.delay

    def begun(self, now: float) -> "Scheduled":
        """Return it after it was begun: all moments until now are done with, however late it was."""
        return replace(self, since=now - self.delay)

    def set_right(self, now: float) -> "Scheduled":
        """Return it by a clock that may have gone back: that puts nothing off for as long as it was ahead."""
        return replace(self, since=now) if self.since > now + AHEAD else self


@dataclass(frozen=True)
class Since:
    """From when something that is scheduled counts, and as what.

    Attributes:
        at: When it was last begun, or first seen written like this; seconds since the epoch.
        cron: Its expression by then; empty where it was in the inventory no more.
        zone: Its time zone by then.
        served: The moment up to which it is done with, as its expression tells time: its delay may be another one by
            now. None where that is not known: `at`, less its delay.
    """

    at: float
    cron: str = ""
    zone: str = ""
    served: float | None = None

    def is_of(self, written: ScheduledText) -> bool:
        """Return whether it still stands as it did."""
        return (self.cron, self.zone) == (written.cron, written.zone)


def rewritten(
    written: Mapping[str, ScheduledText], since: Mapping[str, Since], now: float
) -> Mapping[str, Since]:
    """Return what counts from now on, because it is new, or written anew, or was taken out.

    Args:
        written: What the inventory says.
        since: What the audit log has.
        now: Seconds since the epoch.
    """
    anew = {
        name: Since(now, one.cron, one.zone)
        for name, one in written.items()
        if name not in since or not since[name].is_of(one)
    }
    gone = {name: Since(now) for name, one in since.items() if name not in written and one.cron}
    return {**anew, **gone}


def scheduled(
    environment: str, written: Mapping[str, ScheduledText], since: Mapping[str, Since], now: float
) -> tuple[Scheduled, ...]:
    """Return everything that is run from time to time in an environment.

    Args:
        environment: Its name.
        written: What the inventory says.
        since: From when each counts, as the audit log has it; one that is not in it like this counts from now on.
        now: Seconds since the epoch.
    """
    counting = {**since, **rewritten(written, since, now)}
    plans = (Scheduled(environment, name, one, counting[name].at) for name, one in written.items())
    return tuple(_counting(plan, counting[plan.name].served).set_right(now) for plan in plans)


def _counting(plan: Scheduled, served: float | None) -> Scheduled:
    return plan.begun(plan.since) if served is None else replace(plan, since=served)


def due_now(plans: Iterable[Scheduled], now: float) -> tuple[Scheduled, ...]:
    """Return what is due, the longest overdue first."""
    return tuple(sorted((one for one in plans if one.due <= now), key=lambda one: (one.due, one.name)))


@dataclass(frozen=True)
class Turn:
    """When a host is looked at.

    Attributes:
        host: Its name.
        due: When it is due next, on a stopwatch.
    """

    host: str
    due: float

    def after(self, now: float, every: float) -> "Turn":
        """Return the turn after this one: in step with it, and those that were missed are left out."""
        missed = max(0, int((now - self.due) // every))
        return Turn(self.host, self.due + every * (missed + 1))


def turns(environment: str, hosts: Iterable[str], jitter: float, now: float) -> tuple[Turn, ...]:
    """Return the first turn of each host: soon, and not all of them in one moment."""
    return tuple(Turn(host, now + drawn(f"{environment}/{host}", jitter)) for host in hosts)
