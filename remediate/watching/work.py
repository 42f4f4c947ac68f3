"""What the service has others do, and what it writes down of a concern: values. Nothing here does anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from remediate.watching.concerns import Concern, allowed
from remediate.watching.schedule import Scheduled


class Work(StrEnum):
    """What the service has somebody else do."""

    HEAL = "heal"  # hosts give cause for concern
    SCHEDULED = "scheduled"  # a playbook or a tool whose time has come
    ESCALATE = "escalate"  # a person is called


@dataclass(frozen=True)
class Errand:
    """One command that the service starts.

    Attributes:
        environment: The inventory's environment.
        work: What it is.
        hosts: On which hosts; for what is scheduled, as the inventory says it, and none means all that it is for.
        playbooks: Only these; empty: any.
        name: What is scheduled, by its name in the inventory; the run that a person is called for, or empty for all
            whose next level's time has come.
        reason: Why, in words of ours, for the audit log.
        only_looks: Whether it changes nothing: a tool.
    """

    environment: str
    work: Work
    hosts: tuple[str, ...]
    playbooks: tuple[str, ...] = ()
    name: str = ""
    reason: str = ""
    only_looks: bool = False


def to_heal(environment: str, due: Sequence[Concern]) -> Errand:
    """Return the errand that heals what gives cause for concern, on all hosts for which the same playbooks may be run.

    Args:
        environment: The inventory's environment.
        due: What is to be healed, at least one, the oldest first: its host is among those that go now.
    """
    limits = {host: frozenset(allowed([one for one in due if one.host == host])) for host in _hosts(due)}
    going = [one for one in due if limits[one.host] == limits[due[0].host]]
    reason = "watch: " + "; ".join(dict.fromkeys(f"{one.host} {one.source}" for one in going))
    return Errand(environment, Work.HEAL, _hosts(going), allowed(going), reason=reason)


def _hosts(concerns: Sequence[Concern]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.host for one in concerns))


def to_run(plan: Scheduled, again: tuple[str, ...] = ()) -> Errand:
    """Return the errand that runs something whose time has come, or that is asked again where it found something.

    Args:
        plan: What is scheduled.
        again: These hosts; none: its time has come.
    """
    written = plan.written
    due = f"watch: {plan.name} is due ({written.cron} {written.zone})"
    reason = f"watch: whether what {plan.name} found is gone" if again else due
    hosts = again or written.on
    return Errand(plan.environment, Work.SCHEDULED, hosts, (written.playbook,), plan.name, reason)


class Turned(StrEnum):
    """What became of a concern."""

    OPENED = "opened"
    CLOSED = "closed"
    TAKEN_BACK = "taken back"
    """Its sender says that it is over; our own look has not agreed yet."""
    AGAIN = "said again"
    """Its sender had taken it back, and says it once more."""
    BEYOND = "beyond playbooks"
    """Something is wrong, and healing finds nothing or cannot be carried out: a person is needed."""


@dataclass(frozen=True)
class Note:
    """What is written into the audit log of a concern.

    Attributes:
        turned: What became of it.
        concern: The concern.
    """

    turned: Turned
    concern: Concern
