"""What the actions on rows are made of: their common parameters, and what tells one from another. They plan nothing."""

from collections.abc import Sequence
from functools import cached_property

from pydantic import Field

from remediate.hazard import Hazard
from remediate.model import Change, Undo, digest_of
from remediate.providers.live_tables import known_from
from remediate.providers.own_hazards import ROWS_KEPT, Gated, own_hazards
from remediate.providers.row_facts import FOREIGN_KEYS, ForeignKey, foreign_keys_in
from remediate.providers.row_selection import Condition, Expected, written_out
from remediate.providers.row_way_back import Obstacle, all_owed, refuse_obstacles
from remediate.questions import Answers
from remediate.target import Statement, Target

PLACE = "RUN/STEP"
"""What stands in a plan for the token of a change, which has none yet."""


class OnRows(Gated):
    """An action on rows of a table, in batches of one transaction each.

    Attributes:
        table: The table, in the app's schema.
        key: Its primary key.
        expect: How many rows are meant; anything else is refused.
        batch: How many rows one transaction takes.
        allow: Rules of the hazard gate (docs/SQL.md) that would stop it, and shall not.
    """

    table: str
    key: list[str] = Field(default=["id"], min_length=1)
    expect: Expected
    batch: int = Field(default=500, ge=1, le=5000)

    def refuse_way_back(self, target: Target, undos: tuple[Undo, ...]) -> None:
        """Look at the rows of all batches before the first of them is put back.

        Raises:
            Conflict: Some are no longer as the run left them; says which.
            Failed: What was kept of them has been removed.
        """
        keys = foreign_keys_in(target.answer((FOREIGN_KEYS,))[FOREIGN_KEYS])
        owed = all_owed(target, undos)
        refuse_obstacles(target, [one for undo in owed for one in self.obstacles(undo, keys)])

    def obstacles(self, undo: Undo, keys: Sequence[ForeignKey]) -> tuple[Obstacle, ...]:
        """Return the questions that must have no answer where a batch is to be put back."""
        raise NotImplementedError

    @cached_property
    def recipe(self) -> str:
        """What tells this action, with its parameters, from others."""
        return digest_of([self.kind, self.parameters])

    def hazards_of(self, statement: Statement, answers: Answers) -> tuple[Hazard, ...]:
        """Return what a batch's statement does to others; it is the same for every batch."""
        script = written_out(statement.sql, statement.parameters)
        return own_hazards((script,), known_from(answers), self.allow, instead=ROWS_KEPT)


class OnRowsThatAre(OnRows):
    """An action on rows that meet conditions; as they were they are kept by the change itself.

    Attributes:
        where: Which rows: all conditions must hold.
    """

    where: list[Condition] = Field(min_length=1)

    def snapshot(self, target: Target, change: Change) -> Undo:
        """Write down under which token the rows are kept."""
        data = {name: value for name, value in change.data.items() if name != "planned"}
        return self.undo_with({**data, "change": target.token})
