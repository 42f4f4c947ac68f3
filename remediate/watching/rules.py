"""The runbook's alerts as rules over the looks at one host: pure, with floors and windows. They call nobody.

A rule fires where what it looks for has been so at every look for as long as it must; a look that could not see it says
nothing, and neither does a time in which nobody looked.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from remediate.inventory.watch import CpuRule, DiskRule, ErrorsRule, RulesText, SlowRule, WatchText
from remediate.watching.readings import Opinion, Reading

MISSED = 3
"""How many looks may be missed before nobody can say that something has been so meanwhile."""
SLACK = 5.0
"""Seconds that a look may come late."""


class State(StrEnum):
    """What a rule says of a host."""

    FIRING = "firing"  # it has been so for as long as it must
    PENDING = "pending"  # it is so, and has not been for long enough
    QUIET = "quiet"  # it is not so
    UNKNOWN = "unknown"  # nobody can say


@dataclass(frozen=True)
class Alarm:
    """What one rule says.

    Attributes:
        rule: Its name, as the inventory has it.
        state: What it says.
        seen: What it was seen in, in one line.
        lasted: For how many seconds it has been so; 0 where it is not.
    """

    rule: str
    state: State
    seen: str
    lasted: float = 0.0


@dataclass(frozen=True)
class _Sight:
    """One look by one rule: whether it is bad, or None, and from when to when that was so."""

    begun: float
    at: float
    bad: bool | None
    seen: str


def alarms(watch: WatchText, readings: Sequence[Reading]) -> tuple[Alarm, ...]:
    """Return what every rule that is on says of a host.

    Args:
        watch: What the inventory says.
        readings: The looks at the host, in order.
    """
    if not readings:
        return ()
    gap = MISSED * (watch.every + watch.jitter) + SLACK
    return tuple(
        _alarm(name, _lasting(watch.rules, name), sights(watch, readings), readings, gap)
        for name, sights in _SIGHTS.items()
        if name in rules_on(watch)
    )


def blind(watch: WatchText, at: float, why: str) -> Reading:
    """Return the look at a host that could not be had: nothing of it is known, and it is not well.

    Args:
        watch: What the inventory says.
        at: When it was, on a stopwatch.
        why: Why not, in a line.
    """
    health = Opinion(healthy=False, seen=why) if watch.rules.health else None
    return Reading(at, health=health, unseen=dict.fromkeys(RULES, why), blind=why)


def span_of(watch: WatchText) -> float:
    """Return the seconds that looks must be kept for the rules."""
    longest = max((_lasting(watch.rules, name) for name in _SIGHTS), default=0.0)
    return longest + MISSED * (watch.every + watch.jitter) + SLACK


def rules_on(watch: WatchText) -> tuple[str, ...]:
    """Return the names of the rules that are on."""
    return tuple(name for name in _SIGHTS if getattr(watch.rules, name) is not None)


def _lasting(rules: RulesText, name: str) -> float:
    rule = getattr(rules, name)
    return 0.0 if rule is None else float(rule.for_)


def _alarm(
    name: str, wanted: float, sights: Iterator[_Sight], readings: Sequence[Reading], gap: float
) -> Alarm:
    seen = list(sights)
    last = seen[-1] if seen else None
    if last is None or last.at < readings[-1].at:
        return Alarm(name, State.UNKNOWN, readings[-1].unseen.get(name, "not seen yet"))
    if last.bad is None:
        return Alarm(name, State.UNKNOWN, f"{last.seen}: too few to say anything")
    if not last.bad:
        return Alarm(name, State.QUIET, last.seen)
    lasted = last.at - _since(seen, gap)
    return Alarm(name, State.FIRING if lasted >= wanted else State.PENDING, last.seen, lasted)


def _since(sights: Sequence[_Sight], gap: float) -> float:
    """Return since when it is bad without a break; a look that saw nothing breaks nothing, a long absence does."""
    since = latest = sights[-1].at
    for sight in reversed(sights):
        if sight.bad is False or latest - sight.at > gap:
            break
        if sight.bad:
            since, latest = sight.begun, sight.at
    return since


def _errors(watch: WatchText, readings: Sequence[Reading]) -> Iterator[_Sight]:
    rule = watch.rules.errors or ErrorsRule()
    for one in readings:
        if (seen := one.requests) is None:
            continue
        bad = seen.percent_failed > rule.percent
        words = f"{seen.failed:.0f} of {seen.total:.0f} requests failed ({seen.percent_failed:.1f} %)"
        yield _Sight(one.at, one.at, _floored(bad, seen.total, one, watch), words)


def _slow(watch: WatchText, readings: Sequence[Reading]) -> Iterator[_Sight]:
    rule = watch.rules.slow or SlowRule()
    for one in readings:
        if (seen := one.requests) is None:
            continue
        bad = seen.average > rule.seconds
        words = f"{seen.timed:.0f} requests took {seen.average:.3f} s on average"
        yield _Sight(one.at, one.at, _floored(bad, seen.timed, one, watch), words)


def _floored(bad: bool, many: float, look: Reading, watch: WatchText) -> bool | None:
    """Return what so many requests say: that it is bad, only enough of them do; that it is not, one of a whole window.

    In what little time there was since a healing, one that went well is no sign that the others would have.
    """
    if many >= watch.requests.at_least:
        return bad
    return None if bad or not many or look.cut_short else False


def _disk(watch: WatchText, readings: Sequence[Reading]) -> Iterator[_Sight]:
    rule = watch.rules.disk or DiskRule()
    for one in readings:
        if one.free_percent is not None:
            bad = one.free_percent < rule.free_percent
            yield _Sight(one.at, one.at, bad, f"{one.free_percent:.1f} % of the disk are free")


def _cpu(watch: WatchText, readings: Sequence[Reading]) -> Iterator[_Sight]:
    rule = watch.rules.cpu or CpuRule()
    for earlier, later in pairwise(one for one in readings if one.spent):
        if (percent := _percent(earlier, later)) is not None:
            seen = f"the processors were busy by {percent:.0f} % for {later.at - earlier.at:.0f} s"
            yield _Sight(earlier.at, later.at, percent > rule.percent, seen)


def _percent(earlier: Reading, later: Reading) -> float | None:
    return later.spent.percent_since(earlier.spent) if earlier.spent and later.spent else None


def _opinions(of: Callable[[Reading], Opinion | None], readings: Sequence[Reading]) -> Iterator[_Sight]:
    for one in readings:
        if opinion := of(one):
            yield _Sight(one.at, one.at, not opinion.healthy, opinion.seen)


_SIGHTS: Mapping[str, Callable[[WatchText, Sequence[Reading]], Iterator[_Sight]]] = {
    "errors": _errors,
    "slow": _slow,
    "database": lambda _, readings: _opinions(lambda one: one.database, readings),
    "disk": _disk,
    "cpu": _cpu,
    "health": lambda _, readings: _opinions(lambda one: one.health, readings),
}
RULES = tuple(_SIGHTS)
"""The names of all rules, as inventories have them."""
