"""What a tool does: looks at a host, waits, looks again, and judges what moved. It changes nothing, and cures nothing.

One look is enough for what stands still (a disk, a build). What moves, a log that grows, a process that dies and comes
back, shows only between two.
"""

from remediate.clock import Clock
from remediate.errors import CouldNotLook
from remediate.model import Finding
from remediate.planner import judged_apart, questions_of
from remediate.procedure import Procedure
from remediate.target import Target


def examine(procedure: Procedure, target: Target, clock: Clock) -> dict[str, Finding | CouldNotLook]:
    """Ask a tool's questions, once more after the time it looks for (`stable:`), and judge each check.

    Args:
        procedure: The tool bound to this host.
        target: The host.
        clock: The time.

    Returns:
        What each check saw, or why nobody can say, by the check's name, in the playbook's order.

    Raises:
        Blocked: The host could not be looked at.
    """
    checks = procedure.diagnose()
    questions = questions_of(named.check for named in checks)
    first = now = target.answer(questions)
    if procedure.playbook.stable:
        clock.sleep(procedure.playbook.stable)
        now = target.answer(questions)
    seen = judged_apart(checks, now, first)
    return {named.name: one for named, one in zip(checks, seen, strict=True)}
