"""PostgreSQL: makes columns NOT NULL, without keeping anybody out while rows are read. Opens no connection.

Fills in nothing: what a missing value should be is a decision about data (`sql.update_rows`), to be made before.
"""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from remediate.errors import Conflict, Failed
from remediate.model import Change, Fidelity, Forecast, Undo, WayBack
from remediate.promise import LOCK_WAIT, Need, Promise
from remediate.providers import catalog
from remediate.providers.catalog import ALL_TABLES, TABLES, Table
from remediate.providers.column_removal import LEDGER_EXISTS
from remediate.providers.foreign_key_sql import LONG
from remediate.providers.live_notes import live_notes
from remediate.providers.live_tables import SIZES, known_from
from remediate.providers.not_null_sql import (
    add_sql,
    check_name,
    check_there,
    drop_check_sql,
    found_check,
    found_columns,
    nulls,
    record_of_check,
    record_of_columns,
    set_sql,
    taking_back,
    validate_sql,
)
from remediate.providers.own_change import OwnChange, change_of
from remediate.providers.own_hazards import Gated, own_hazards
from remediate.questions import Answers, QueryAnswer
from remediate.steps import Questions, Step
from remediate.target import DatabaseChange, Statement, Target

_TABLE_KINDS = ("r", "p")


class SetNotNull(Gated, OwnChange):
    """Makes columns NOT NULL: a CHECK that is validated while writers go on, then SET NOT NULL, which reads no row.

    NULLs that are there are counted beforehand; where there are some, nothing is changed.
    """

    kind: ClassVar[str] = "sql.not_null"
    on_schema: ClassVar[bool] = True
    tells: ClassVar[str] = (
        "Makes {columns} of {table} NOT NULL, by a check that is validated while writers go on. Where "
        "rows have NULL there, nothing is changed"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.EXACT: ""},
        back={WayBack.EXACT: "the columns take NULL again (DROP NOT NULL)"},
        risks=("schema",),
        meanwhile=f"nobody reads or writes the table for some milliseconds, twice; {LOCK_WAIT}",
    )
    table: str = Field(description="The table, in the app's schema.")
    columns: list[str] = Field(min_length=1, description="Columns that must not be NULL.")

    @property
    def named(self) -> tuple[str, ...]:
        """The columns' names as the database keeps them."""
        return tuple(dict.fromkeys(map(catalog.stored_name, self.columns)))

    def ask(self) -> Questions:
        """Ask for the tables' shapes, for NULLs, for what a run that was cut off left, and for live figures."""
        table = catalog.stored_name(self.table)
        there = check_there(table, check_name(table, self.named))
        return (TABLES, SIZES, nulls(table, self.named), there, catalog.live(table))

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return the one change, or none where all columns are NOT NULL.

        Raises:
            Failed: There is no such table or column, or a row has no value.
        """
        table = self._table(answers)
        wanted = tuple(name for name in self.named if table.by_name[name].nullable)
        if not wanted:
            return ()
        counted = answers.raw(nulls(table.name, self.named))
        if isinstance(counted, QueryAnswer):
            self._refuse_nulls(counted, answers.where)
        return (self._change(table, wanted, answers, counted=isinstance(counted, QueryAnswer)),)

    def apply(self, target: Target, change: Change) -> None:
        """Let no new NULL in, read every row, and only then make the columns NOT NULL: three transactions.

        Raises:
            Failed: The server refused, or the lock was not to be had. What was done until then is taken back by `undo`.
            Lost: The answer to COMMIT was lost, and the ledger cannot be asked.
        """
        schema, table = str(change.data["schema"]), str(change.data["table"])
        wanted, named = tuple(change.data["columns"]), tuple(change.data["named"])
        undo = {"schema": schema, "table": table, "columns": list(wanted)}
        add = (Statement(sql=add_sql(schema, table, named)), record_of_check(schema, table, named))
        if not change.data["check_there"]:
            target.change_database(DatabaseChange(statements=add, undo=undo))
        validate = (Statement(sql=validate_sql(schema, table, named)),)
        target.change_database(DatabaseChange(statements=validate, undo=undo, statement_timeout=LONG))
        finish = (
            Statement(sql=set_sql(schema, table, wanted)),
            Statement(sql=drop_check_sql(schema, table, named)),
            record_of_columns(schema, table, wanted),
        )
        target.change_database(DatabaseChange(statements=finish, undo=undo))

    def undo(self, target: Target, undo: Undo) -> None:
        """Let NULLs into the columns again, and drop the CHECK where it still stands.

        Raises:
            Conflict: Somebody made a column part of a primary key since; nothing was changed.
            Failed: The server refused, or the lock was not to be had.
        """
        if target.answer((LEDGER_EXISTS,))[LEDGER_EXISTS].rows[0][0] is not True:
            return
        schema, table = str(undo.data["schema"]), str(undo.data["table"])
        wanted, named = tuple(undo.data["columns"]), tuple(undo.data["named"])
        change = change_of(undo)
        check = found_check(schema, table, named, change)
        if target.answer((check,))[check].rows:
            drop = (Statement(sql=drop_check_sql(schema, table, named)),)
            target.change_database(DatabaseChange(statements=drop))
        if ours := _still_ours(target, schema, table, wanted, change):
            try:
                target.change_database(DatabaseChange(statements=taking_back(schema, table, ours, change)))
            except Failed:
                _still_ours(
                    target, schema, table, wanted, change
                )  # says what somebody did since the first look
                raise

    def _table(self, answers: Answers) -> Table:
        table = catalog.tables_in(answers[TABLES]).get(catalog.stored_name(self.table))
        if table is None or table.kind not in _TABLE_KINDS:
            what = f"there is no table {self.table} in the app's schema"
            raise Failed(answers.where, what, "correct the table's name")
        for name in self.named:
            if name not in table.by_name:
                folded = [one for one in table.by_name if one.casefold() == name.casefold()]
                todo = f"did you mean {folded[0]}?" if folded else "add the column first (sql.add_columns)"
                raise Failed(answers.where, f"there is no column {name} in {self.table}", todo)
        return table

    def _refuse_nulls(self, counted: QueryAnswer, where: str) -> None:
        empty = [(name, number) for name, number in zip(self.named, counted.rows[0], strict=True) if number]
        if empty:
            told = ", ".join(f"{number} rows of {self.table} have no {name}" for name, number in empty)
            raise Failed(
                where, told, "nothing was changed; stop the code that writes NULL, then fill them in"
            )

    def _change(self, table: Table, wanted: tuple[str, ...], answers: Answers, *, counted: bool) -> Change:
        schema, named = table.schema_name, self.named
        there = answers[check_there(table.name, check_name(table.name, named))].rows
        add = add_sql(schema, table.name, named)
        steps = (
            *(() if there else (add,)),
            validate_sql(schema, table.name, named),
            set_sql(schema, table.name, wanted),
            drop_check_sql(schema, table.name, named),
        )
        columns = table.model_copy(update={"columns": _without_null(table, wanted)}).model_dump(mode="json")
        return Change(
            what=f"make {', '.join(wanted)} of {self.table} NOT NULL",
            target=f"table {schema}.{table.name}",
            script=";\n".join(steps) + ";",
            hazards=own_hazards(steps, known_from(answers), self.allow, before=(add,) if there else ()),
            notes=(
                _LOCK_NOTE,
                _REFUSED_NOTE,
                *(("the CHECK of a run that was cut off is there, and used",) if there else ()),
                *live_notes(answers.raw(catalog.live(table.name))),
                *(
                    ()
                    if counted
                    else ("NULLs could not be counted: where there are some, nothing is changed",)
                ),
            ),
            fidelity=Fidelity.EXACT,
            way_back=WayBack.EXACT,
            way_back_note="DROP NOT NULL of these columns",
            risk="schema",
            alters=(f"table:{self.table}", ALL_TABLES),
            forecasts=(Forecast(question=TABLES, answer=_with_table(answers[TABLES], table.name, columns)),),
            data={
                "schema": schema,
                "table": table.name,
                "columns": list(wanted),
                "named": list(named),
                "check_there": bool(there),
            },
        )


def _without_null(table: Table, wanted: tuple[str, ...]) -> tuple[catalog.Column, ...]:
    return tuple(
        column.model_copy(update={"nullable": column.nullable and column.name not in wanted})
        for column in table.columns
    )


def _with_table(answer: QueryAnswer, name: str, table: dict[str, object]) -> QueryAnswer:
    """Return what `TABLES` will be answered once a table is like this."""
    rows = [
        tuple((table if record["name"] == name else record)[column] for column in answer.columns)
        for record in answer.records
    ]
    return answer.model_copy(update={"rows": tuple(rows)})


def _still_ours(
    target: Target, schema: str, table: str, columns: tuple[str, ...], change: str
) -> tuple[str, ...]:
    """Return which columns a change made NOT NULL and still are.

    Raises:
        Conflict: Something that this run did not make needs one to be so.
    """
    question = found_columns(schema, table, columns, change)
    return tuple(_free(target, table, target.answer((question,))[question]))


def _free(target: Target, table: str, answer: QueryAnswer) -> Iterator[str]:
    for record in answer.records:
        if record["built_on"]:
            what = f"{table}.{record['name']} must stay NOT NULL: {', '.join(record['built_on'])} needs it so"
            raise Conflict(target.name, what, "keep it, or drop that first")
        yield record["name"]


_LOCK_NOTE = (
    "lock: ACCESS EXCLUSIVE, twice, for milliseconds (nobody reads or writes the table meanwhile), waited for 1 s at a"
    " time, 5 tries; in between every row is read under SHARE UPDATE EXCLUSIVE (reads and writes go on)"
)
_REFUSED_NOTE = (
    "from the first statement on a write that leaves one of them empty is refused (23514, then 23502)"
)

STEPS: tuple[type[Step], ...] = (SetNotNull,)
