"""The action `sql.fill_nulls`: gives the rows that lack a value one, column by column. Composes no statement itself.

Each column is one `sql.update_rows` of the rows where it is NULL: planned to the row, done in batches, kept for the way
back, and told apart afterwards from values that somebody entered.
"""

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, field_validator

from remediate.errors import Failed
from remediate.model import Change, Fidelity, Json, Undo, WayBack
from remediate.promise import Need, Promise
from remediate.providers.not_null_sql import nulls
from remediate.providers.row_action import OnRows
from remediate.providers.row_batches import ROW_LOCKS
from remediate.providers.row_facts import ForeignKey
from remediate.providers.row_selection import Condition
from remediate.providers.row_update import UpdateRows
from remediate.providers.row_way_back import Obstacle
from remediate.questions import Answers
from remediate.steps import Questions, Step
from remediate.target import Target


def _read(given: object) -> object:
    """Return what a text says as JSON: a variable of a playbook is text."""
    return json.loads(given or "{}") if isinstance(given, str) else given


class FillNulls(OnRows):
    """Gives rows that have NULL in a column a value there, and touches no other row.

    The way back makes those NULL again that still have what this run wrote.

    Attributes:
        columns: Which; one that no row lacks is left alone.
        values: What each gets: of those that are not among `columns` nothing is done.
        given: The same, and before it; also as JSON text, as `--var` gives it.
        show: Further columns that the plan shows of each row: since when it is there.
    """

    kind: ClassVar[str] = "sql.fill_nulls"
    tells: ClassVar[str] = (
        "Gives the rows of {table} that have NULL in {columns} a value there, and touches no other row: "
        "[what was given ({given}), else ]the column's own from {values}. Unless their number is as "
        "expected ({expect}), or where a column has no value given, it writes nothing"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    promise: ClassVar[Promise] = Promise(
        fidelity={
            Fidelity.EXACT: "",
            Fidelity.ESTIMATE: "where triggers fire",
        },
        back={
            WayBack.EXACT: "those that still have what this run wrote are made NULL again",
            WayBack.EQUIVALENT: "where triggers fire: what these did besides stays",
        },
        risks=("data",),
        meanwhile=ROW_LOCKS,
    )
    columns: list[str]
    values: dict[str, Any] = Field(default={}, description="By column, e.g. the schema's defaults.")
    given: Annotated[dict[str, Any], BeforeValidator(_read, json_schema_input_type=dict[str, Any] | str)] = {}
    show: list[str] = []

    @field_validator("values", "given")
    @classmethod
    def _no_null(cls, values: dict[str, Any]) -> dict[str, Any]:
        if wrong := [name for name, value in values.items() if value is None]:
            raise ValueError(f"NULL is no value to fill in: {', '.join(wrong)}")
        return values

    @cached_property
    def updates(self) -> dict[str, UpdateRows]:
        """What fills each column that there is a value for."""
        values = {**self.values, **self.given}
        return {name: self._update(name, values[name]) for name in self.columns if name in values}

    @property
    def without(self) -> tuple[str, ...]:
        """The columns that nobody gave a value for."""
        return tuple(name for name in self.columns if name not in self.updates)

    def ask(self) -> Questions:
        """Ask for the rows without a value; of columns for which there is none, how many there are."""
        unfilled = (nulls(self.table, self.without),) if self.without else ()
        return (*(one for update in self.updates.values() for one in update.ask()), *unfilled)

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return one change for each batch of each column.

        Raises:
            Failed: A row lacks what nobody gave a value for, or what `sql.update_rows` refuses.
        """
        self._refuse_without(answers)
        return tuple(
            change.model_copy(
                update={"target": f"{name} in {change.target}", "data": {**change.data, "column": name}}
            )
            for name, update in self.updates.items()
            for change in update.plan(answers)
        )

    def snapshot(self, target: Target, change: Change) -> Undo:
        """Write down under which token the rows are kept, and of which column."""
        return self.undo_with(self._of(change.data).snapshot(target, change).data)

    def apply(self, target: Target, change: Change) -> None:
        """Fill one batch, together with what is kept of it.

        Raises:
            Conflict: Rows of it are no longer as planned; none was changed.
            Failed: The server refused, or a row's lock was not to be had; none was changed.
            Lost: The answer to COMMIT was lost, and the ledger cannot be asked.
        """
        self._of(change.data).apply(target, change)

    def undo(self, target: Target, undo: Undo) -> None:
        """Let the rows of one batch lack the value again, where all of them still have what this run wrote.

        Raises:
            Conflict: Some have not; none was touched.
            Failed: The server refused, or what was kept has been removed; none was touched.
        """
        self._of(undo.data).undo(target, undo)

    def obstacles(self, undo: Undo, keys: Sequence[ForeignKey]) -> tuple[Obstacle, ...]:
        """Return the rows of one batch that no longer have what this run wrote."""
        return self._of(undo.data).obstacles(undo, keys)

    def _of(self, data: dict[str, Json]) -> UpdateRows:
        return self.updates[str(data["column"])]

    def _update(self, name: str, value: object) -> UpdateRows:
        return UpdateRows(
            table=self.table,
            key=self.key,
            expect=self.expect,
            batch=self.batch,
            where=[Condition(column=name, operator="is null")],
            set={name: value},
            show=[name, *(one for one in self.show if one != name)],
        )

    def _refuse_without(self, answers: Answers) -> None:
        if not self.without:
            return
        counted = zip(self.without, answers[nulls(self.table, self.without)].rows[0], strict=True)
        if lacking := [f"{number} rows of {self.table} have no {name}" for name, number in counted if number]:
            given = json.dumps(dict.fromkeys(self.without, "…"), ensure_ascii=False)
            todo = f"nothing was changed; say what they should have: --var 'values={given}'"
            raise Failed(answers.where, f"{', '.join(lacking)}, and the schema no constant default", todo)


STEPS: tuple[type[Step], ...] = (FillNulls,)
