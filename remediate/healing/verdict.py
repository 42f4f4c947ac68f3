"""Whether a cure may be made without a person, as a table of conditions. Pure: it asks nobody and does nothing.

A condition that does not hold leads to `propose` (the plan is left for a person to review) or to `escalate` (a person
is called). One that leads to `escalate` counts more; of equals, the first of the table decides, and is told.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from remediate.questions import Value


class Verdict(StrEnum):
    """What becomes of a cure, where nobody watches."""

    HEAL = "heal"  # it is made
    PROPOSE = "propose"  # its plan is left for a person to review and apply
    ESCALATE = "escalate"  # a person is called


CONDITIONS: Mapping[str, Verdict] = MappingProxyType(
    {
        "has a cure": Verdict.ESCALATE,
        "can be planned": Verdict.ESCALATE,
        "nothing was left half-way": Verdict.ESCALATE,
        "breaker is closed": Verdict.ESCALATE,
        "does not recur": Verdict.ESCALATE,
        "attempts are left": Verdict.ESCALATE,
        "its cause goes first": Verdict.PROPOSE,
        "playbook allows it": Verdict.PROPOSE,
        "environment allows it": Verdict.PROPOSE,
        "every change has a way back": Verdict.PROPOSE,
        "no change is opaque": Verdict.PROPOSE,
        "is put back where it fails": Verdict.PROPOSE,
        "policy agrees": Verdict.PROPOSE,
        "did not fail on its group's other hosts": Verdict.PROPOSE,
        "switch is on": Verdict.PROPOSE,
        "in a maintenance window": Verdict.PROPOSE,
        "nobody holds the host": Verdict.PROPOSE,
        "no person is at it": Verdict.PROPOSE,
        "nobody else is at it": Verdict.PROPOSE,
        "few hosts are in work": Verdict.PROPOSE,
        "has cooled down": Verdict.PROPOSE,
        "environment has attempts left": Verdict.PROPOSE,
        "time is left": Verdict.PROPOSE,
    }
)
"""Every condition, in the order in which it is told, and what follows where it does not hold."""


class Condition(Value):
    """One thing that must be so for a cure to be made without a person.

    Attributes:
        name: Which: a key of `CONDITIONS`.
        holds: Whether it is so.
        said: What is so, or is not, in one line.
        waits_for: The runs at work of which one has to end for it to hold; none where waiting alone helps nothing.
    """

    name: str
    holds: bool
    said: str
    waits_for: tuple[str, ...] = ()

    @property
    def otherwise(self) -> Verdict:
        """What follows where it does not hold."""
        return CONDITIONS[self.name]


class Ruling(Value):
    """A verdict with all that it was computed from.

    Attributes:
        verdict: What becomes of the cure.
        conditions: Those that were looked at, in the table's order.
    """

    verdict: Verdict
    conditions: tuple[Condition, ...]

    @property
    def deciding(self) -> Condition | None:
        """The condition that decides; None where all hold."""
        return next((one for one in self.conditions if not one.holds and one.otherwise is self.verdict), None)

    @property
    def why(self) -> str:
        """What decides, in one line."""
        return self.deciding.said if self.deciding else "every condition holds"


_WORST_FIRST = (Verdict.ESCALATE, Verdict.PROPOSE)


def ruled(conditions: Iterable[Condition]) -> Ruling:
    """Return the verdict that conditions lead to, whatever order they come in.

    Args:
        conditions: Each is a key of `CONDITIONS`; one that nothing is known about is not among them.

    Raises:
        ValueError: There is no condition of that name.
    """
    order = list(CONDITIONS)
    told = tuple(sorted(conditions, key=lambda one: order.index(one.name)))
    failing = {one.otherwise for one in told if not one.holds}
    return Ruling(
        verdict=next((one for one in _WORST_FIRST if one in failing), Verdict.HEAL), conditions=told
    )
