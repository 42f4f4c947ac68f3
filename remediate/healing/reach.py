"""What the healer is told to do, and what it can do to the world: two contracts. Nothing here does anything."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from remediate.engine import Ending, HostRun, Look
from remediate.errors import Blocked
from remediate.inventory import Policy
from remediate.playbook import Playbook
from remediate.triage import Diagnosis

Seen: TypeAlias = tuple[Diagnosis, ...] | Blocked
"""What was seen on a host, or why nothing could be."""


@dataclass(frozen=True)
class Orders:
    """What is to be healed, and how far one may go.

    Attributes:
        environment: The inventory's environment.
        policy: Its policy.
        development: Whether what lives there may be lost.
        groups: The group of each host that is to be healed, by name.
        members: The group of each host of the environment, by name.
        rounds: How often it may be looked and tried.
        within: Seconds for all of it.
        proposing: Whether plans are only written down.
        places: Words that name inventory and state directory again, for a command to copy.
    """

    environment: str
    policy: Policy
    development: bool
    groups: Mapping[str, str]
    rounds: int = 3
    within: float = 600.0
    proposing: bool = False
    places: tuple[str, ...] = ()
    members: Mapping[str, str] = field(default_factory=dict)


class Cure(Protocol):
    """A cure of one fault on one host: planned, and not begun."""

    @property
    def run(self) -> str:
        """The id of the run that it would be. MUST."""

    @property
    def reason(self) -> str:
        """Why, as it would stand in the audit log. MUST."""

    @property
    def found(self) -> tuple[HostRun, Look] | Ending:
        """What would be done, or why nothing can be planned. MUST."""

    def begun(self) -> AbstractContextManager[None]:
        """Hold its run for this process while it is open, and write down that it begins. MUST.

        Raises:
            JournalError: It cannot be written down.
        """

    def carry_out(self, may_go_on: Callable[[], None]) -> Ending:
        """Do it, verify it, write down how it ended. MUST.

        Args:
            may_go_on: Asked before every change; raises Interrupted where no more may be begun.
        """

    def propose(self) -> tuple[str, str]:
        """Write its plan down for review, and return the file, and what to do with it. MUST.

        Raises:
            UsageError: It cannot be written.
        """


class Reach(Protocol):
    """What the healer can do to the world."""

    def look(self, hosts: Sequence[str]) -> Mapping[str, Seen]:
        """Ask every playbook of these hosts, side by side. MUST change nothing."""

    def plan(self, playbook: Playbook, host: str) -> Cure:
        """Look again with one playbook's eyes, and plan its cure. MUST change nothing."""

    def held(self, host: str) -> str:
        """Return who holds a host, and why; empty where nobody does, or nobody can say. MUST change nothing."""

    def left_behind(self, hosts: Collection[str]) -> Mapping[str, str]:
        """Return the runs, by host, that a dead healer began and that left something to put back. MUST.

        Those whose way back stopped already are not among them.
        """

    def stuck(self, hosts: Collection[str]) -> Mapping[str, str]:
        """Return the runs of healers, by host, whose way back stopped: walking it is a person's now. MUST."""

    def put_back(self, run: str, host: str) -> Ending:
        """Put back what such a run changed, and write down how that ended. MUST.

        Raises:
            Locked: Another process is at work on that run.
        """
