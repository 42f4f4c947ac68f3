"""What a run has at hand on its own side: the audit log, who listens, the actions, the time. No host is in reach."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from remediate.clock import Clock
from remediate.events import Events
from remediate.journal import Journal
from remediate.model import Json
from remediate.owner import LockOwner
from remediate.steps import Action


@dataclass(frozen=True)
class Runner:
    """The runner's side of one run.

    Attributes:
        owner: Who runs it, why, under which id; told to whoever finds a lock taken.
        journal: The audit log; every change is written there before it is made.
        events: Who listens.
        action_of: Builds an action from its kind and parameters, as an Undo or a planned fix has them.
        clock: The time.
        may_go_on: Asked before every change; raises Interrupted where no more may be begun: then all is put back.
        shield: While it is open, a Ctrl-C is told and waits: a way back is not left half-way.
    """

    owner: LockOwner
    journal: Journal
    events: Events
    action_of: Callable[[str, dict[str, Json]], Action]
    clock: Clock = field(default_factory=Clock)
    may_go_on: Callable[[], None] = lambda: None
    shield: Callable[[], AbstractContextManager[None]] = nullcontext

    @property
    def run(self) -> str:
        """The run's id."""
        return self.owner.run
