"""What the gate says of statements that this program composes itself, planned from the same look. It composes none.

squawk is not asked: the forms of these statements are few, and each is one that our own rules read
(tests/database/test_own_hazards.py). It would be a process for each change of a plan.
"""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from pydantic import Field, field_validator

from remediate.gate import Known, judge
from remediate.gate.squawk import Lint
from remediate.hazard import Hazard
from remediate.providers.catalog import TABLES
from remediate.providers.live_tables import SIZES, known_rules
from remediate.steps import Action, Questions

LIVE_SIZES: Questions = (TABLES, SIZES)
"""What the gate asks, of tables alone."""
ROWS_KEPT: Mapping[str, str] = MappingProxyType({"change-rows": "rows-kept", "delete-rows": "rows-kept"})
"""What is told in place of two rules: rows are kept as they were, and go in batches."""
ASIDE: Mapping[str, str] = MappingProxyType({"lock-table": "schema-aside", "rename": ""})
"""What is told of a schema that is put aside whole: one line, and not one for each of its steps."""


class Gated(Action):
    """An action whose own statements go through the hazard gate."""

    allow: list[str] = Field(
        default=[], description="Rules of the hazard gate (docs/SQL.md) that would stop it, and shall not."
    )

    @field_validator("allow")
    @classmethod
    def _known_rules(cls, allow: list[str]) -> list[str]:
        return known_rules(allow)


def own_hazards(
    transactions: Sequence[str],
    known: Known,
    allow: Collection[str],
    *,
    before: Sequence[str] = (),
    instead: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Hazard, ...]:
    """Return what statements of ours do to whoever else is at work.

    Args:
        transactions: One text for each transaction, in order; a plan shows them one after the other.
        known: What is known of the database.
        allow: The ids of rules that the step allows.
        before: What was done already, by a run that was cut off.
        instead: Rules in whose place others are told, or none, for the action sees to what they warn of.
    """
    hazards: list[Hazard] = []
    line = 0
    for script in before:
        known = judge(script, known, ask_squawk=_not_asked).known
    for script in transactions:
        verdict = judge(script, known, allow=allow, instead=instead, ask_squawk=_not_asked)
        hazards += (one.model_copy(update={"line": one.line + line}) for one in verdict.hazards)
        known, line = verdict.known, line + script.count("\n") + 1
    return tuple(hazards)


def _not_asked(script: str) -> Lint:
    del script
    return Lint()
