"""A playbook bound to one host: its steps are built as what they need becomes known. It asks and changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

from remediate.errors import Declined
from remediate.model import Json
from remediate.planner import NamedCheck, NamedFix
from remediate.playbook import Playbook
from remediate.policy import DEVELOPMENT_TODO, outside_development
from remediate.text.templates import Scope


@dataclass(frozen=True)
class Procedure:
    """What one host is looked at for, and what would be done about it.

    Attributes:
        playbook: The playbook.
        scope: What its templates see on this host, but for what is found and for the database.
        environment: The inventory's environment.
        development: Whether its inventory says that what lives there may be lost.
    """

    playbook: Playbook
    scope: Scope
    environment: str
    development: bool = False

    def diagnose(self) -> tuple[NamedCheck, ...]:
        """Return the checks that find the fault."""
        return self.playbook.checks(self.scope)

    def ready_fixes(self) -> tuple[NamedFix, ...]:
        """Return the fixes that can be built before anything is found, so that all is asked in one go.

        Raises:
            Declined: One of the fixes is for development alone, and this is another environment.
        """
        self.refuse_outside_development()
        return self.playbook.ready_fixes(self.scope)

    def fixes(self, found: Mapping[str, Json]) -> tuple[NamedFix, ...]:
        """Return all fixes, in order.

        Raises:
            Declined: As `ready_fixes`.
        """
        self.refuse_outside_development()
        return self.playbook.fixes(self.scope, found)

    def refuse_outside_development(self) -> None:
        """Refuse here, where every plan gets its fixes: before a question is asked, and once more before a change.

        Raises:
            Declined: One of the fixes is for development alone, and this is another environment.
        """
        fixes = ((step.name, step.step) for step in self.playbook.fix)
        if why := outside_development(fixes, self.environment, development=self.development):
            raise Declined(self.environment, why, DEVELOPMENT_TODO)

    def verify(self, found: Mapping[str, Json]) -> tuple[NamedCheck, ...]:
        """Return the checks that must become healthy."""
        return self.playbook.verifying(self.scope, found)

    def say(self, found: Mapping[str, Json], database: Mapping[str, Json]) -> str:
        """Return what the operator is to be told, beyond the plan."""
        return self.playbook.say({**self.scope, "database": database}, found)
