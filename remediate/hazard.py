"""What a statement may do to whoever else is at work in a database: one value, made by the gate. It judges nothing."""

from enum import StrEnum

from remediate.questions import Value


class Severity(StrEnum):
    """How much a hazard weighs."""

    STOP = "stop"  # refused, unless the step allows the rule
    WARNING = "warning"  # told; refused where the policy says so
    NOTE = "note"  # what a reviewer wants to know


class Hazard(Value):
    """One thing that a statement does, with what it means at the live size of its table.

    Attributes:
        rule: The rule's id, as `allow:` takes it.
        severity: How much it weighs here.
        line: The line of the file or text at which the statement begins, from 1.
        about: The table, column or index, or empty.
        lock: The lock it takes on the table, in PostgreSQL's words; empty where none matters.
        work: `catalog only`, `full scan`, `rewrite`, `index build`, or empty.
        blocks: What it blocks, and for how long at the live size.
        seconds: How long, estimated; None where that is not known.
        why: The reason.
        safer: The safer form.
        allowed: Whether the step allows this rule.
        final: Whether no step can allow it outside a development environment.
        way_down: Whether it is of the way back, and not of the change itself.
    """

    rule: str
    severity: Severity
    line: int = 1
    about: str = ""
    lock: str = ""
    work: str = ""
    blocks: str = ""
    seconds: float | None = None
    why: str
    safer: str = ""
    allowed: bool = False
    final: bool = False
    way_down: bool = False

    @property
    def may_stop(self) -> bool:
        """Whether it stops a plan somewhere: the step does not allow it, or no step can everywhere."""
        return self.severity is Severity.STOP and (self.final or not self.allowed)

    def refused(self, severities: frozenset[Severity], *, development: bool) -> bool:
        """Tell whether it stops a plan.

        Args:
            severities: Those that stop.
            development: Whether what lives in the environment may be lost.
        """
        return self.severity in severities and not (self.allowed and (development or not self.final))

    def __str__(self) -> str:
        where = f"line {self.line} of the way back" if self.way_down else f"line {self.line}"
        parts = (self.why, self.blocks, f"safer: {self.safer}" if self.safer else "")
        return f"{where}: {self.rule}: {'; '.join(part for part in parts if part)}"
