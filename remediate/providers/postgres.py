"""PostgreSQL: adds missing columns, with an exact preview and a way back. Opens no connection.

Sources: the manual's chapters "ALTER TABLE" (locks, rewrites, defaults kept in the catalog) and "Explicit Locking".
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from remediate.errors import Conflict, Failed
from remediate.hazard import Hazard
from remediate.model import Change, Fidelity, Forecast, Json, Undo, WayBack
from remediate.promise import LOCK_WAIT, Need, Promise
from remediate.providers import catalog, column_leaving
from remediate.providers.catalog import ALL_TABLES, ENUMS, TABLES, Table
from remediate.providers.column_removal import LEDGER_EXISTS, added, record_of_added, removal, saved_undo
from remediate.providers.column_types import (
    is_named,
    is_volatile,
    name_of,
    postgres_type,
    same_default,
    same_type,
)
from remediate.providers.foreign_key_sql import LONG
from remediate.providers.live_notes import live_notes
from remediate.providers.live_tables import SIZES, known_from
from remediate.providers.new_column import NewColumn
from remediate.providers.own_change import OwnChange, change_of
from remediate.providers.own_hazards import Gated, own_hazards
from remediate.providers.postgres_query import QueryCheck
from remediate.questions import Answers, QueryAnswer
from remediate.sql import identifier
from remediate.steps import Questions, Step
from remediate.target import DatabaseChange, Statement, Target

_TABLE_KINDS = ("r", "p")
_UNDO_SECONDS = 120.0  # what was written meanwhile is saved under the lock; of a large table it is not


class AddColumns(Gated, OwnChange):
    """Adds columns that a table lacks, all in one ALTER TABLE.

    Those that are there with the right type are left alone. The way back drops only columns that the run added, and
    keeps what was written to them in `remediate.saved`.

    Attributes:
        table: The table, in the app's schema.
        columns: What it must have.
        wrong: Columns that are there and differ, as `found.….wrong` has them: where there is one, nothing is added.
        allow: Rules of the hazard gate (docs/SQL.md) that would stop it, and shall not.
    """

    kind: ClassVar[str] = "sql.add_columns"
    on_schema: ClassVar[bool] = True
    tells: ClassVar[str] = (
        "Adds the columns {columns} to {table}, those that it lacks, all in one ALTER TABLE[. Where a "
        "column is there with another definition ({wrong}), nothing is added]"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.EXACT: ""},
        back={
            WayBack.EXACT: "the columns are dropped again; what was written there meanwhile is kept in remediate.saved"
        },
        risks=("schema",),
        meanwhile=f"nobody reads or writes the table for some milliseconds; {LOCK_WAIT}",
    )
    table: str
    columns: list[NewColumn]
    wrong: list[dict[str, Any]] = []

    def ask(self) -> Questions:
        """Ask for the tables' shapes, and for live figures of this one."""
        enums = (ENUMS,) if any(is_named(column.type) for column in self.columns) else ()
        row = (
            (catalog.any_row(self.table),) if any(column.needs_empty_table for column in self.columns) else ()
        )
        return (TABLES, SIZES, catalog.live(self.table), *enums, *row)

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return the one change, or none where every column is there.

        Raises:
            Failed: There is no such table, a column cannot be added as it is wanted, or another one differs.
        """
        shapes = answers[TABLES]
        table = self._table(shapes, answers.where)
        missing = self._missing(table, answers)
        if missing and self.wrong:
            name, what, found, wanted = (
                self.wrong[0].get(one) for one in ("name", "what", "found", "wanted")
            )
            what = f"{self.table}.{name} has the {what} {found}, not {wanted}"
            todo = "nothing was added, for that would not cure it: write a migration for that column first"
            raise Failed(answers.where, what, todo)
        return (self._change(table, missing, shapes, answers),) if missing else ()

    def apply(self, target: Target, change: Change) -> None:
        """Add the columns, and note in the ledger's row which they are.

        Raises:
            Failed: The server refused, or the lock was not to be had; nothing was added.
            Lost: The answer to COMMIT was lost, and the ledger cannot be asked.
        """
        schema, table = str(change.data["schema"]), str(change.data["table"])
        columns = _columns_of(change.data)
        undo = saved_undo(schema, table, tuple(column.as_it_will_be() for column in columns))
        names = tuple(column.name for column in columns)
        statements = (
            Statement(sql=add_columns_sql(schema, table, columns)),
            record_of_added(schema, table, names),
        )
        target.change_database(DatabaseChange(statements=statements, undo=undo))

    def undo(self, target: Target, undo: Undo) -> None:
        """Save what was written to the added columns meanwhile, and drop them.

        Raises:
            Conflict: A column is no longer what this run added, or somebody built something on it; nothing was dropped.
            Failed: The server refused, or the lock was not to be had; nothing was dropped.
        """
        schema, table = str(undo.data["schema"]), str(undo.data["table"])
        columns, change = {column.name: column for column in _columns_of(undo.data)}, change_of(undo)
        key = tuple(str(name) for name in undo.data["primary_key"])
        ours = _still_ours(target, schema, table, columns, change)
        if ours and _is_large(target, schema, table):
            _finish(target, undo)
            aside = DatabaseChange(
                statements=column_leaving.put_aside(schema, table, tuple(ours), change),
                undo=column_leaving.note_of(schema, table, tuple(ours), change),
            )
            _drop(target, aside, lambda: _still_ours(target, schema, table, columns, change))
        elif ours:
            written = tuple(columns[name].as_written() for name in ours)
            whole = DatabaseChange(
                statements=removal(schema, table, written, key, change), statement_timeout=_UNDO_SECONDS
            )
            _drop(target, whole, lambda: _still_ours(target, schema, table, columns, change))
        _finish(target, undo)

    def _table(self, shapes: QueryAnswer, where: str) -> Table:
        table = catalog.tables_in(shapes).get(self.table)
        if table is None:
            what = f"there is no table {self.table} in the app's schema"
            raise Failed(where, what, "it needs a migration, not a column: prisma migrate deploy")
        if table.kind not in _TABLE_KINDS:
            raise Failed(where, f"{self.table} is no table", "columns are added to tables only")
        return table

    def _missing(self, table: Table, answers: Answers) -> tuple[NewColumn, ...]:
        missing = tuple(column for column in self.columns if self._is_missing(column, table, answers.where))
        for column in missing:
            if (
                why := column.unwritable()
                or self._unknown_enum(column, answers)
                or self._unfilled(column, answers)
            ):
                todo = (
                    "write a migration for it"
                    if "not one that" in why
                    else "give it a default, or backfill first"
                )
                raise Failed(answers.where, f"{self.table}.{column.name}: {why}", todo)
        return missing

    def _is_missing(self, column: NewColumn, table: Table, where: str) -> bool:
        there = table.by_name.get(column.name)
        wanted = postgres_type(column.type)
        if there and wanted and not same_type(there.type, wanted):
            what = f"{self.table}.{column.name} exists with the type {there.type}, wanted is {wanted}"
            raise Failed(where, what, "changing a type needs a migration; nothing was changed")
        return there is None

    def _unknown_enum(self, column: NewColumn, answers: Answers) -> str:
        if not is_named(column.type):
            return ""
        known = {row[0] for row in answers[ENUMS].rows}
        return (
            ""
            if name_of(column.type) in known
            else f"the type {column.type} does not exist; not one that it makes"
        )

    def _unfilled(self, column: NewColumn, answers: Answers) -> str:
        if not column.needs_empty_table or self._is_empty(answers):
            return ""
        return "is NOT NULL without a default, and the table has rows that would have no value for it"

    def _is_empty(self, answers: Answers) -> bool:
        return answers[catalog.any_row(self.table)].rows[0][0] is False

    def _hazards(self, script: str, missing: tuple[NewColumn, ...], answers: Answers) -> tuple[Hazard, ...]:
        known = known_from(answers)
        if any(column.needs_empty_table for column in missing):  # it is empty, else it was refused
            known = known.with_table(replace(known.table(self.table), bytes=0))
        return own_hazards((script,), known, self.allow)

    def _change(
        self, table: Table, missing: tuple[NewColumn, ...], shapes: QueryAnswer, answers: Answers
    ) -> Change:
        will_be = tuple(column.as_it_will_be() for column in missing)
        many = f"{len(missing)} columns" if len(missing) != 1 else "1 column"
        script = add_columns_sql(table.schema_name, table.name, missing)
        return Change(
            what=f"add {many} to {self.table}",
            target=f"table {table.schema_name}.{table.name}",
            script=f"{script};",
            hazards=self._hazards(script, missing, answers),
            notes=(
                _rewrite_note(missing),
                *live_notes(answers.raw(catalog.live(self.table))),
                _HISTORY_NOTE,
            ),
            fidelity=Fidelity.EXACT,
            way_back=WayBack.EXACT,
            way_back_note="drops these columns; values written to them meanwhile are kept in remediate.saved before"
            " (a large table's are renamed first, and dropped when all is kept: it is read under no strong lock)",
            risk="schema",
            alters=(f"table:{self.table}", ALL_TABLES),
            forecasts=(Forecast(question=TABLES, answer=catalog.with_columns(shapes, self.table, will_be)),),
            data={
                "schema": table.schema_name,
                "table": table.name,
                "columns": [column.model_dump(mode="json") for column in missing],
                "primary_key": list(table.primary_key),
            },
        )


def add_columns_sql(schema: str, table: str, columns: tuple[NewColumn, ...]) -> str:
    """Return the one ALTER TABLE that adds these columns."""
    lines = ",\n".join(f"  ADD COLUMN {column.ddl}" for column in columns)
    return f"ALTER TABLE {identifier(schema, table)}\n{lines}"


def _columns_of(data: dict[str, Json]) -> tuple[NewColumn, ...]:
    return tuple(NewColumn.model_validate(column) for column in data["columns"])


def _still_ours(
    target: Target, schema: str, table: str, columns: dict[str, NewColumn], change: str
) -> list[str]:
    """Return which columns this change added and are still as it left them; none where it never committed."""
    if target.answer((LEDGER_EXISTS,))[LEDGER_EXISTS].rows[0][0] is not True:
        return []
    question = added(schema, table, tuple(columns), change)
    ours = []
    for record in target.answer((question,))[question].records:
        name = record["name"]
        if record["was_ours"] and not (record["ours"] and _as_added(record, columns[name])):
            what = f"{table}.{name} is no longer the column that this run added"
            raise Conflict(target.name, what, "look at it, and drop it by hand if nobody needs it")
        if record["ours"] and record["built_on"]:
            what = f"{table}.{name} is used by what this run did not make: {', '.join(record['built_on'])}"
            raise Conflict(target.name, what, "drop that first, or keep the column")
        ours += [name] if record["ours"] else []
    return ours


def _drop(target: Target, change: DatabaseChange, look_again: Callable[[], object]) -> None:
    """Drop; where the guarding statement refused, looking again tells what somebody did since the first look."""
    try:
        target.change_database(change)
    except Failed:
        look_again()
        raise


def _is_large(target: Target, schema: str, table: str) -> bool:
    question = column_leaving.size_of(schema, table)
    return bool(target.answer((question,))[question].rows[0][0] >= column_leaving.LARGE)


def _finish(target: Target, undo: Undo) -> None:
    """Save and drop what stands aside, whichever way back put it there."""
    schema, table, change = str(undo.data["schema"]), str(undo.data["table"]), change_of(undo)
    columns = {column.name: column for column in _columns_of(undo.data)}
    key = tuple(str(name) for name in undo.data["primary_key"])
    if target.answer((LEDGER_EXISTS,))[LEDGER_EXISTS].rows[0][0] is not True:
        return
    question = column_leaving.aside(schema, table, change)
    found = {record["stands_as"]: record["name"] for record in target.answer((question,))[question].records}
    there = {stands_as: name for stands_as, name in found.items() if name in columns}
    if not there:
        return
    written = tuple(
        columns[name].as_written().model_copy(update={"name": stands_as}) for stands_as, name in there.items()
    )
    saving = column_leaving.saving(schema, table, written, key)
    target.change_database(DatabaseChange(statements=saving, statement_timeout=LONG))
    target.change_database(DatabaseChange(statements=column_leaving.leaving(schema, table, there, change)))


def _as_added(record: dict[str, Json], column: NewColumn) -> bool:
    alike = (
        same_type(record["type"], postgres_type(column.type) or "") and record["nullable"] == column.nullable
    )
    return alike and same_default(column.default, record["default"]) is not False


_HISTORY_NOTE = (
    "Prisma's migration history is not touched: a pending migration that adds the same column would fail"
)


def _rewrite_note(columns: tuple[NewColumn, ...]) -> str:
    lock = "lock: ACCESS EXCLUSIVE (nobody reads or writes the table meanwhile), waited for 1 s at a time, 5 tries"
    if any(is_volatile(column.default) for column in columns):
        return f"{lock}; the whole table is rewritten (a default that is computed for each row)"
    return f"{lock}; the table is not rewritten, it takes milliseconds"


STEPS: tuple[type[Step], ...] = (AddColumns, QueryCheck)
