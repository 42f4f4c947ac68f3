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


def moved(then: PlannedHost, now: PlannedHost) -> tuple[Moved, ...]:
    """Return what is different, what decides first; nothing where exactly the same would be done at the same place.

    Args:
        then: As it was planned; its marks are made with the same key.
        now: As it is.
    """
    decisive = (*_place(then, now), *_ending(then, now), *_plans(then, now))
    if not decisive:
        return ()
    return (*decisive, *_findings(then.findings, now.findings), *_answers(then.asked, now.asked))


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
    """Return the steps that are others, or shown as what they are not: whoever approved them saw something else."""
    if then.outcome is not now.outcome:
        return ()
    found = tuple(_steps(then, now)) or tuple(_shown(then, now))
    if found or then.mark == now.mark:
        return found
    return (Moved("the parameters of a step", (then.mark[:16],), (now.mark[:16],)),)


def _steps(then: PlannedHost, now: PlannedHost) -> Iterator[Moved]:
    for number in range(max(len(then.fixes), len(now.fixes))):
        before, after = _at(then.fixes, number), _at(now.fixes, number)
        if before is None or after is None or _known(before) != _known(after):
            step = (before or after or then.fixes[0]).step
            yield _step(f"what “{step}” would do", _wants(before, after), _wants(after, before))


def _known(step: PlannedStep) -> Json:
    return step.step, step.action, len(step.changes), step.marks


def _step(what: str, then: tuple[str, ...], now: tuple[str, ...]) -> Moved:
    """Return a step that is another; of one that shows the same lines, that what they are about has changed."""
    if then != now:
        return Moved(what, then, now)
    return Moved(
        what, (then[0],), (f"the same lines, but what they are about has changed elsewhere: {now[0]}",)
    )


def _shown(then: PlannedHost, now: PlannedHost) -> Iterator[Moved]:
    """Return the changes that are shown as what they are not: whoever approved them saw something else."""
    for before, after in zip(then.changes, now.changes, strict=True):
        if _text_of(before) != _text_of(after):
            yield Moved(f"what is shown of “{after.what}”", _lines_of(before), _lines_of(after))


def _text_of(change: Change) -> Json:
    """Return what is shown of a change, but for figures of the moment, which notes and hazards carry."""
    hazards = [(one.rule, one.severity, one.allowed) for one in change.hazards]
    return change.as_planned.model_dump(mode="json", exclude={"notes", "hazards"}), hazards


def _lines_of(change: Change) -> tuple[str, ...]:
    return (change.what, *_body(change.diff or change.script))


def _at(steps: Sequence[PlannedStep], number: int) -> PlannedStep | None:
    return steps[number] if number < len(steps) else None


def _wants(one: PlannedStep | None, other: PlannedStep | None) -> tuple[str, ...]:
    if one is None or not one.changes:
        return ("nothing",)
    known = other.marks if other else ()
    differing = (change for change, mark in zip(one.changes, one.marks, strict=False) if mark not in known)
    lines = [line for change in differing for line in _lines_of(change)]
    return tuple(lines) or tuple(change.what for change in one.changes)


def _body(text: str) -> tuple[str, ...]:
    return tuple(f"  {line}" for line in text.rstrip("\n").split("\n") if text)


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
