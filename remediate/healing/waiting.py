"""Who is waited for before a cure may be begun: runs of others, while their processes live. It begins nothing.

What a dead process left half-way ends by nobody's doing: that is told at once, and nobody waits for it.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from remediate.clock import Clock
from remediate.healing.verdict import Ruling
from remediate.triage import Diagnosis

PAUSE = 1.0
"""Seconds between two looks whether somebody else has ended."""


@dataclass(frozen=True)
class Waiting:
    """A fault whose cure waits for somebody else's end.

    Attributes:
        host: Where.
        diagnosis: Which.
        runs: Those that hold it back; once one of them has ended, it is ruled on again.
        why: What holds it back, in one line.
    """

    host: str
    diagnosis: Diagnosis
    runs: frozenset[str]
    why: str

    @property
    def needs(self) -> float:
        """Seconds that must be left when it is begun, for it to be verified."""
        return self.diagnosis.playbook.within + self.diagnosis.playbook.stable


def awaited(ruling: Ruling) -> frozenset[str]:
    """Return the runs whose end alone holds a cure back; none where something else does, too, or nothing."""
    failing = [one.waits_for for one in ruling.conditions if not one.holds]
    return frozenset(run for runs in failing for run in runs) if all(failing) else frozenset()


def wait_for(
    waiting: Collection[Waiting],
    lives: Callable[[str], bool],
    may_wait: Callable[[float], bool],
    clock: Clock,
) -> None:
    """Wait until one of the runs has ended, or it may not be waited any longer; it sleeps once at least.

    Args:
        waiting: What waits, one at least.
        lives: Whether a process is at work on a run.
        may_wait: Whether it may be waited for what needs so many seconds.
        clock: The time.
    """
    runs = {run for one in waiting for run in one.runs}
    needs = max(one.needs for one in waiting)
    clock.sleep(PAUSE)
    while may_wait(needs) and all(map(lives, runs)):
        clock.sleep(PAUSE)
