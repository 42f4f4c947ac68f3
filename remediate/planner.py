"""Answers -> findings and a plan: pure functions, no target in reach. What to ask, what was found, what would change.

The planner walks the fixes in order. What a change alters becomes uncertain for the fixes after it, except where the
change foretells the new answer; so each fix is planned on what those before it will have done.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from remediate.errors import CouldNotLook, Failed
from remediate.model import Change, ChangeOutline, Finding, FixOutline, Json, PlannedFix
from remediate.questions import Answers, NotKnown
from remediate.steps import Action, Check, Questions, Step


@dataclass(frozen=True)
class NamedCheck:
    """A check as the playbook names it.

    Attributes:
        name: The step's name.
        check: The check itself.
        known_as: What later steps call its facts (`as:`), or empty.
        alone: Whether it makes the fault when no other check does; `triage` goes by those alone.
    """

    name: str
    check: Check
    known_as: str = ""
    alone: bool = True


@dataclass(frozen=True)
class NamedFix:
    """An action as the playbook names it."""

    name: str
    action: Action


def questions_of(steps: Iterable[Step]) -> Questions:
    """Return every question of these steps, each once, in order."""
    return tuple(dict.fromkeys(question for step in steps for question in step.ask()))


def judged(checks: Iterable[NamedCheck], first: Answers, now: Answers) -> tuple[Finding, ...]:
    """Return what each check saw.

    Raises:
        CouldNotLook: A check could not be judged; the message names it.
    """
    return tuple(_judge(named, first, now) for named in checks)


def _judge(named: NamedCheck, first: Answers, now: Answers) -> Finding:
    try:
        finding = named.check.judge(first, now)
    except CouldNotLook as error:
        raise CouldNotLook(now.where, f"{named.name}: {error.what}", error.todo) from error
    return finding.model_copy(update={"check": named.name})


def judged_apart(
    checks: Iterable[NamedCheck], answers: Answers, first: Answers | None = None
) -> tuple[Finding | CouldNotLook, ...]:
    """Return what each check saw, or why it could not be judged: one that cannot be hides no other.

    Args:
        checks: The checks.
        answers: The latest answers.
        first: Those when the window opened; None where there was one look only.
    """
    return tuple(_judge_or_tell(named, first or answers, answers) for named in checks)


def _judge_or_tell(named: NamedCheck, first: Answers, now: Answers) -> Finding | CouldNotLook:
    try:
        return named.check.judge(first, now).model_copy(update={"check": named.name})
    except CouldNotLook as error:
        return error


def at_fault(findings: Sequence[Finding], when: Literal["any", "all"]) -> bool:
    """Tell whether these findings say that the playbook's fault is there."""
    unhealthy = [not finding.healthy for finding in findings]
    return any(unhealthy) if when == "any" else all(unhealthy)


def found_by(checks: Sequence[NamedCheck], findings: Sequence[Finding]) -> dict[str, Json]:
    """Return the facts that later steps can use, under the names the playbook gave them."""
    return {
        named.known_as: finding.facts
        for named, finding in zip(checks, findings, strict=True)
        if named.known_as
    }


def plan_fixes(fixes: Iterable[NamedFix], answers: Answers) -> tuple[PlannedFix, ...]:
    """Return what each fix would change, planned on what the fixes before it will have done.

    Raises:
        CouldNotLook: An action's question could not be answered.
        Failed: What would have to be changed is not as it must be, or cannot be planned beforehand.
    """
    planned = []
    for fix in fixes:
        changes = plan_one(fix, answers)
        for change in changes:
            answers = after(change, answers, f"“{fix.name}” will change it")
        planned.append(
            PlannedFix(
                step=fix.name, action=fix.action.kind, parameters=fix.action.parameters, changes=changes
            )
        )
    return tuple(planned)


def plan_one(fix: NamedFix, answers: Answers) -> tuple[Change, ...]:
    """Return what one fix would change.

    Raises:
        CouldNotLook: A question of it could not be answered.
        Failed: It cannot do its work, or not be planned beforehand.
    """
    try:
        return fix.action.plan(answers)
    except NotKnown as unknown:
        where = f"{answers.where}: {fix.name}"
        raise Failed(
            where, f"cannot be planned beforehand: {unknown.because}", "make it a playbook of its own"
        ) from unknown
    except CouldNotLook as error:
        raise CouldNotLook(answers.where, f"{fix.name}: {error.what}", error.todo) from error


def after(change: Change, answers: Answers, because: str) -> Answers:
    """Return what would be answered once this change is made."""
    forecasts = {forecast.question: forecast.answer for forecast in change.forecasts}
    return answers.after(change.alters, forecasts, because)


def same_changes(fresh: Sequence[ChangeOutline], confirmed: Sequence[ChangeOutline]) -> bool:
    """Tell whether a fix, planned again when its turn came, is still what was confirmed.

    A change planned on an assumption may turn out not to be needed; nothing may be added, and nothing be different.
    """
    if not fresh:
        return all(change.assumed for change in confirmed)
    return len(fresh) == len(confirmed) and all(
        now.same_as(then) for now, then in zip(fresh, confirmed, strict=True)
    )


def stopped_by(fresh: Sequence[Change], confirmed: Sequence[Change]) -> str:
    """Return in a clause which hazards a fix shows that no policy was asked about; empty where there are none."""
    known = {rule for change in confirmed for rule in change.outline.stops}
    new = [one for change in fresh for one in change.hazards if one.may_stop and one.rule not in known]
    return f": {'; '.join(str(one) for one in new)}" if new else ""


def difference(fresh: Sequence[FixOutline], confirmed: Sequence[FixOutline]) -> str:
    """Return in one clause where two plans part, or nothing where they are the same."""
    for now, then in zip(fresh, confirmed, strict=True):
        if not same_changes(now.changes, then.changes):
            return f"“{then.step}” would now {_wants(now.changes)}, it was to {_wants(then.changes)}"
        if now.changes and now.parameters != then.parameters:
            return f"“{then.step}” would now be done with other parameters"
    return ""


def _wants(changes: Sequence[ChangeOutline]) -> str:
    return " and ".join(change.what for change in changes) if changes else "change nothing"
