"""What the actions on rows are made of: their common parameters, and what tells one from another. They plan nothing."""

from functools import cached_property

from pydantic import Field

from remediate.model import Change, Undo, digest_of
from remediate.providers.row_selection import Condition, Expected
from remediate.steps import Action
from remediate.target import Target

PLACE = "RUN/STEP"
"""What stands in a plan for the token of a change, which has none yet."""


class OnRows(Action):
    """An action on rows of a table, in batches of one transaction each.

    Attributes:
        table: The table, in the app's schema.
        key: Its primary key.
        expect: How many rows are meant; anything else is refused.
        batch: How many rows one transaction takes.
    """

    table: str
    key: list[str] = Field(default=["id"], min_length=1)
    expect: Expected
    batch: int = Field(default=500, ge=1, le=5000)

    @cached_property
    def recipe(self) -> str:
        """What tells this action, with its parameters, from others."""
        return digest_of([self.kind, self.parameters])


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
