"""Looks until the fault is gone and has stayed gone, or the time is over. Changes nothing, knows no technology."""

from collections.abc import Sequence

from remediate.clock import Clock
from remediate.errors import Failed
from remediate.events import Events
from remediate.model import Finding
from remediate.planner import NamedCheck, judged, questions_of
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
        CouldNotLook: The host could not be asked.
    """
    questions = questions_of(named.check for named in checks)
    first = now = target.answer(questions)
    opened = healthy_since = clock.monotonic()
    healthy, pause = False, SHORTEST_PAUSE
    while True:
        wrong = [finding for finding in judged(checks, first, now) if not finding.healthy]
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
        now = target.answer(questions)


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
