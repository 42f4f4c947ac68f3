"""What a rule has found in a statement, before its weight at the live size is known. It judges nothing."""

from dataclasses import dataclass

from remediate.hazard import Severity


@dataclass(frozen=True)
class Found:
    """A rule that a statement trips.

    Attributes:
        rule: The rule's id.
        about: The table, column or index.
        why: What is said besides the rule's own reason.
        safer: The safer form, where the rule's own is not the best that can be said.
        severity: Its weight, where it is not the rule's own.
    """

    rule: str
    about: str = ""
    why: str = ""
    safer: str = ""
    severity: Severity | None = None
