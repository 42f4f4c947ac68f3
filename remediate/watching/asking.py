"""Which of what is scheduled is asked again, whether what it found is gone, and what healing is asked for. Pure.

A playbook that is scheduled has its own faults treated; a tool only tells, and nobody but itself sees whether what it
told is gone.
"""

from collections.abc import Iterable, Mapping, Sequence

from remediate.watching.concerns import Concern
from remediate.watching.schedule import Scheduled
from remediate.watching.work import Errand, to_run

CUT_SHORT = 4
"""The exit code of what was told to end: it says nothing of a host."""


def asked_again(due: Sequence[Concern], plans: Mapping[str, Scheduled]) -> Errand | None:
    """Return the errand that asks something again, of the hosts where it found something; None where nothing is due.

    Args:
        due: What is to be asked for now, oldest first.
        plans: What is scheduled, by name.
    """
    asking = [one for one in due if one.asking and _name(one) in plans]
    if not asking:
        return None
    plan = plans[_name(asking[0])]
    hosts = [one.host for one in asking if one.source == asking[0].source]
    return to_run(plan, tuple(dict.fromkeys(hosts)))


def _name(concern: Concern) -> str:
    return concern.source.partition(":")[2]


def to_be_healed(due: Iterable[Concern]) -> tuple[Concern, ...]:
    """Return what healing is asked for: all but what is asked again first."""
    return tuple(one for one in due if not one.asking)
