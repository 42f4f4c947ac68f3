"""What is different between a host as it was planned and as it is now, side by side. It refuses nothing itself."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from remediate.model import Change, Finding, Json
from remediate.review.document import Asked, PlannedHost, PlannedStep


@dataclass(frozen=True)
class Moved:
    """One thing that is different.

    Attributes:
        what: Which.
        then: How it was when the plan was made, in lines.
        now: How it is.
    """

    what: str
    then: tuple[str, ...]
    now: tuple[str, ...]


def moved(then: PlannedHost, now: PlannedHost, *, same_key: bool) -> tuple[Moved, ...]:
    """Return what is different, what decides first; nothing where exactly the same would be done at the same place.

    Args:
        then: As it was planned.
        now: As it is.
        same_key: Whether the marks of both are of one key, so that answers can be compared.
    """
    decisive = (*_place(then, now), *_ending(then, now), *(_plans(then, now) or _shown(then, now)))
    if not decisive:
        return ()
    answers = _answers(then.asked, now.asked) if same_key else ()
    return (*decisive, *_findings(then.findings, now.findings), *answers)


def _place(then: PlannedHost, now: PlannedHost) -> Iterator[Moved]:
    for what, before, after in (
        ("the host's key", then.host_key, now.host_key),
        ("the machine", then.machine, now.machine),
        ("the database", then.database, now.database),
    ):
        if before != after:
            yield Moved(what, (before or "none",), (after or "none",))


def _ending(then: PlannedHost, now: PlannedHost) -> Iterator[Moved]:
    if then.outcome is not now.outcome:
        ways = ((f"{one.outcome.value}: {one.why}".rstrip(": "),) for one in (then, now))
        yield Moved("what the look came to", *ways)


def _plans(then: PlannedHost, now: PlannedHost) -> tuple[Moved, ...]:
    """Return the changes that are others: of two plans with one digest none is."""
    if then.digest == now.digest or then.outcome is not now.outcome:
        return ()
    found = tuple(_steps(then, now))
    return found or (Moved("the parameters of a step", (then.digest[:16],), (now.digest[:16],)),)


def _steps(then: PlannedHost, now: PlannedHost) -> Iterator[Moved]:
    for number in range(max(len(then.fixes), len(now.fixes))):
        before, after = _at(then.fixes, number), _at(now.fixes, number)
        if before is None or after is None or before.essences != after.essences:
            step = (before or after or then.fixes[0]).step
            yield _step(f"what “{step}” would do", _wants(before, after), _wants(after, before))


def _step(what: str, then: tuple[str, ...], now: tuple[str, ...]) -> Moved:
    """Return a step that is another; of one that shows the same lines, that what they are about has changed."""
    if then != now:
        return Moved(what, then, now)
    return Moved(
        what, (then[0],), (f"the same lines, but what they are about has changed elsewhere: {now[0]}",)
    )


def _shown(then: PlannedHost, now: PlannedHost) -> Iterator[Moved]:
    """Return the changes that are shown as what they are not: whoever approved them saw something else."""
    for before, after in zip(then.changes, now.changes, strict=False):
        if _text_of(before) != _text_of(after):
            yield Moved(f"what is shown of “{after.what}”", _lines_of(before), _lines_of(after))


def _text_of(change: Change) -> Json:
    return change.model_dump(mode="json", exclude={"notes", "hazards"})


def _lines_of(change: Change) -> tuple[str, ...]:
    return (change.what, *_body(change.diff or change.script))


def _at(steps: Sequence[PlannedStep], number: int) -> PlannedStep | None:
    return steps[number] if number < len(steps) else None


def _wants(one: PlannedStep | None, other: PlannedStep | None) -> tuple[str, ...]:
    if one is None or not one.changes:
        return ("nothing",)
    known = other.essences if other else ()
    differing = (
        change for change, essence in zip(one.changes, one.essences, strict=True) if essence not in known
    )
    lines = [line for change in differing for line in _lines_of(change)]
    return tuple(lines) or tuple(change.what for change in one.changes)


def _body(text: str) -> tuple[str, ...]:
    return tuple(f"  {line}" for line in text.splitlines())


def _findings(then: Sequence[Finding], now: Sequence[Finding]) -> Iterator[Moved]:
    after = {finding.check: finding for finding in now}
    for before in then:
        found = after.get(before.check)
        if found and (found.seen, found.evidence) != (before.seen, before.evidence):
            yield Moved(f"“{before.check}”", (before.seen, *before.evidence), (found.seen, *found.evidence))


def _answers(then: Sequence[Asked], now: Sequence[Asked]) -> Iterator[Moved]:
    after = {(one.about, one.asked): one for one in now}
    for before in then:
        found = after.get((before.about, before.asked))
        if found and found.mark != before.mark:
            yield Moved(before.asked, (before.told,), (_differently(before.told, found.told),))


def _differently(then: str, now: str) -> str:
    return f"{now}, but not the same" if then == now else now
