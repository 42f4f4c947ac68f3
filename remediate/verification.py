"""Looks until the fault is gone and has stayed gone, or the time is over. Changes nothing, knows no technology."""

from collections.abc import Sequence

from remediate.clock import Clock
from remediate.errors import Blocked, CouldNotLook, Failed
from remediate.events import Events
from remediate.model import Finding
from remediate.planner import NamedCheck, questions_of
from remediate.questions import Answers
from remediate.steps import Questions
from remediate.target import Target

SHORTEST_PAUSE, LONGEST_PAUSE = 0.3, 2.0
"""Seconds between two looks: short at first, for a person waits; longer later, for a host is being asked."""


def verify(
    checks: Sequence[NamedCheck],
    target: Target,
    events: Events,
    clock: Clock,
    *,
    within: float,
    stable: float,
) -> None:
    """Look again and again until every check is healthy, and has been for a while.

    Args:
        checks: What must be healthy; the checks that found the fault are among them.
        target: The host.
        events: Who is told how it goes.
        clock: The time.
        within: Seconds in which all must have become healthy.
        stable: Seconds for which all must then stay so. A relapse starts the count again.

    Raises:
        Failed: It did not become healthy, or did not stay so; names the checks.
    """
    questions = questions_of(named.check for named in checks)
    first: Answers | None = None
    opened = healthy_since = clock.monotonic()
    healthy, pause = False, SHORTEST_PAUSE
    while True:
        now, wrong = _look(checks, questions, target, first)
        first = first or now
        moment = clock.monotonic()
        if wrong:
            healthy = False
            if moment - opened >= within:
                raise _not_cured(target.name, wrong, within)
        elif not healthy:
            healthy, healthy_since = True, moment
        if healthy and moment - healthy_since >= stable:
            return
        _tell(events, target.name, wrong, within - (moment - opened), stable - (moment - healthy_since))
        clock.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


def _look(
    checks: Sequence[NamedCheck], questions: Questions, target: Target, first: Answers | None
) -> tuple[Answers | None, list[Finding]]:
    """Look once. What cannot be looked at is not healthy, and may be so at the next look."""
    try:
        now = target.answer(questions)
    except Blocked as error:
        return None, [Finding(check="the host", healthy=False, seen=error.what)]
    findings = [_seen(named, first or now, now) for named in checks]
    return now, [finding for finding in findings if not finding.healthy]


def _seen(named: NamedCheck, first: Answers, now: Answers) -> Finding:
    try:
        return named.check.judge(first, now).model_copy(update={"check": named.name})
    except CouldNotLook as error:
        return Finding(check=named.name, healthy=False, seen=error.what)


def _tell(events: Events, host: str, wrong: Sequence[Finding], left: float, stable_left: float) -> None:
    text = (
        "; ".join(finding.seen for finding in wrong)
        or f"healthy; must stay so for {max(stable_left, 0):.0f} s"
    )
    events.tell("verifying", host, text, left=round(left, 1))


def _not_cured(host: str, wrong: Sequence[Finding], within: float) -> Failed:
    seen = "; ".join(f"{finding.check}: {finding.seen}" for finding in wrong)
    evidence = "\n".join(line for finding in wrong for line in finding.evidence)
    return Failed(host, f"not cured after {within:.0f} s: {seen}", output=evidence)
