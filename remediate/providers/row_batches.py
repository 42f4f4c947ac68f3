"""What the actions on rows share: may the table be worked on, which rows in which batches, what a person is shown.

Pure but for `not_as_planned`, which looks. Each batch is a change of its own, and a transaction of
its own; a batch is known by its keys alone, so that what is left after a crash is planned as the same batches.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from remediate.errors import Conflict, Failed
from remediate.model import Change, Json, canonical
from remediate.promise import LOCK_WAIT
from remediate.providers import catalog
from remediate.providers.catalog import TABLES, Table
from remediate.providers.live_tables import SIZES
from remediate.providers.row_facts import FOREIGN_KEYS, Rights, rights, rights_in
from remediate.providers.row_images import RowsOf, TypedColumn, done_before, in_words
from remediate.providers.row_selection import SAMPLE, Condition, Expected
from remediate.questions import Answers, Query, QueryAnswer, Scalar, Value
from remediate.steps import Questions
from remediate.target import Target
from remediate.text.suggest import did_you_mean

WAITS = (
    "lock: each row from its batch's beginning to its commit, against who writes it (readers never wait); "
    "waited for 1 s at a time, 5 tries"
)
ROW_LOCKS = (
    f"rows are locked against writers until their batch has committed, and readers never wait; {LOCK_WAIT}"
)
"""What others notice of a change of rows."""
KEPT = "the rows as they were are kept in remediate.rows of this database, until `remediate forget`"
PINNED = "before it, in the same transaction, its rows are locked, compared with the plan, and kept (token RUN/STEP)"
_TABLE_KINDS = ("r", "p")
Each = TypeVar("Each")


@dataclass(frozen=True, slots=True)
class Row:
    """A row that is meant; of a hundred thousand of them, each costs little.

    Attributes:
        key: Its key's columns, as text.
        shown: What a person is to see of it, as text; of the first few only.
        image: Tells whether what must be as it was is so.
    """

    key: dict[str, Scalar]
    shown: dict[str, Scalar]
    image: str


class Workable(Value):
    """A table whose rows may be changed.

    Attributes:
        table: As the catalog has it.
        rows: As far as images of its rows are concerned.
        rights: What the role may do, and what happens by itself.
    """

    table: Table
    rows: RowsOf
    rights: Rights

    @property
    def firing(self) -> tuple[str, ...]:
        """What is to be told of its triggers."""
        names = ", ".join(self.rights.triggers)
        return (f"triggers of the table may fire, and do what no plan knows: {names}",) if names else ()

    @property
    def sent_on(self) -> tuple[str, ...]:
        """What is to be told of who gets its changes, and the way back's, too."""
        names = ", ".join(self.rights.publications)
        return (f"published: subscribers of {names} get what is changed",) if names else ()


def about_table(table: str) -> Questions:
    """Return the questions that every action on rows has."""
    return (TABLES, SIZES, rights(table), FOREIGN_KEYS, catalog.live(table))


def workable(name: str, key: Sequence[str], columns: Sequence[str], verb: str, answers: Answers) -> Workable:
    """Return the table.

    Args:
        name: Its name.
        key: Its primary key, as the action has it.
        columns: The columns that the action names.
        verb: What is done to its rows: `update`, `delete` or `insert`.
        answers: Answers to `about_table`.

    Raises:
        Failed: It is not there, has another key or no such column, or the role may not.
    """
    table, allowed = catalog.tables_in(answers[TABLES]).get(name), rights_in(answers[rights(name)])
    if table is None or allowed is None:
        raise Failed(answers.where, f"there is no table {name} in the app's schema", "nothing was changed")
    if why := _unfit(table, key, allowed) or allowed.refusal(name, "select", verb):
        raise Failed(answers.where, why, "nothing was changed")
    for column in columns:
        if column not in table.by_name:
            what = f"{name} has no column {column}"
            raise Failed(answers.where, what, did_you_mean(column, table.by_name) or "correct the playbook")
    return Workable(table=table, rows=rows_of(table, allowed.computed), rights=allowed)


def about_parents(where: Sequence[Condition]) -> Questions:
    """Return the questions whether all rows of the parents, whose lack is a condition, are seen."""
    return tuple(rights(one.orphaned_from.table) for one in where if one.orphaned_from)


def refuse_unseen_parents(where: Sequence[Condition], answers: Answers) -> None:
    """Refuse to take for an orphan what only seems to be one.

    Raises:
        Failed: A parent's table or column is not there, or rows of it are hidden.
    """
    tables = catalog.tables_in(answers[TABLES])
    for parent in (one.orphaned_from for one in where if one.orphaned_from):
        allowed, there = rights_in(answers[rights(parent.table)]), tables.get(parent.table)
        if allowed is None or there is None or parent.column not in there.by_name:
            what = f"there is no {parent.table}.{parent.column} in the app's schema"
            raise Failed(answers.where, what, "nothing was changed")
        if why := allowed.refusal(parent.table, "select"):
            raise Failed(answers.where, why, "nothing was changed; use a role that sees all of it")


def rows_of(table: Table, computed: Sequence[str]) -> RowsOf:
    """Return a table as far as images of its rows are concerned."""
    typed = {column.name: TypedColumn(name=column.name, type=column.type) for column in table.columns}
    return RowsOf(
        schema_name=table.schema_name,
        table=table.name,
        key=tuple(typed[name] for name in table.primary_key),
        columns=tuple(column for name, column in typed.items() if name not in computed),
    )


def _unfit(table: Table, key: Sequence[str], allowed: Rights) -> str:
    if table.kind not in _TABLE_KINDS:
        return f"{table.name} is no table"
    if allowed.heirs:
        names = ", ".join(allowed.heirs)
        return f"rows of {table.name} may lie in a table that inherits from it ({names}), and could not come back there"
    if not table.primary_key:
        return f"{table.name} has no primary key, so no row of it can be named"
    if tuple(key) != table.primary_key:
        names = ", ".join(table.primary_key)
        return f"the primary key of {table.name} is ({names}): say `key: [{names}]`"
    return ""


def meant(answer: QueryAnswer, expected: Expected, before: int, name: str, where: str) -> tuple[Row, ...]:
    """Return the rows of a selection.

    Args:
        answer: To a selection.
        expected: How many there must be.
        before: How many of the same work are done: what is left after a crash is fewer.
        name: The table.
        where: The host.

    Raises:
        Failed: There are fewer or more.
    """
    number = answer.rows[0][answer.columns.index("whole")] if answer.rows else 0
    if number and not expected.low - before <= number <= expected.high:
        what = f"{number} rows of {name} are meant, expected are {expected.rows}"
        raise Failed(where, what, "nothing was changed; look at them, then correct `where` or `expect`")
    key, shown, image = (answer.columns.index(name) for name in ("key", "shown", "image"))
    return tuple(Row(row[key], row[shown] or {}, row[image]) for row in answer.rows)


def number_before(recipe: str, answers: Answers) -> int:
    """Return how many rows of the same work are done already: none, unless it was cut off before its last batch."""
    answer = answers.raw(done_before(recipe))
    if not isinstance(answer, QueryAnswer) or not answer.rows:
        return 0
    last = answer.records[0]
    return int(last["rows"]) if last["rows"] < last["whole"] else 0


def share_of(recipe: str, rows: Sequence[Row], answers: Answers) -> dict[str, Json]:
    """Return what the ledger keeps of each batch, so that it can be told whether all of its work is done.

    Args:
        recipe: What tells the action, with its parameters, from others.
        rows: All rows that are meant now.
        answers: Answers to `done_before`.
    """
    return {"recipe": recipe, "whole": number_before(recipe, answers) + len(rows)}


def batches(rows: Sequence[Each], size: int) -> Iterator[tuple[Each, ...]]:
    """Return rows, or whatever else, in batches, in their order."""
    for start in range(0, len(rows), size):
        yield tuple(rows[start : start + size])


def in_all(rows: Sequence[Row], size: int) -> str:
    """Return what is to be told of how many rows there are."""
    count = len(tuple(batches(rows, size)))
    return f"{counted(len(rows))} in all, in {counted(count, 'transaction')} of at most {size}, by the key"


def written_rows(number: int, *, fires: bool) -> int | None:
    """Return how many rows a batch writes; None where triggers fire, for nobody can count what those write."""
    return None if fires else number


def planned(rows: Sequence[Row]) -> str:
    """Return the keys and images of rows as JSON text: long, so that the audit log keeps it beside itself."""
    return canonical([{"key": row.key, "image": row.image} for row in rows]).decode()


def target_of(rows: RowsOf, batch: Sequence[Row]) -> str:
    """Return what a batch is about, which no other batch is."""
    first, last = in_words(batch[0].key), in_words(batch[-1].key)
    return f"rows of {rows.relation}: {first}" + (f" to {last}" if len(batch) > 1 else "")


def counted(number: int, noun: str = "row") -> str:
    """Return a number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def sample_of(rows: Sequence[Row], after: dict[str, str] | None) -> str:
    """Return the first rows in a diff's form.

    Args:
        rows: The rows.
        after: What each of the shown columns will be, in words; None where the row will be gone.
    """
    return "\n".join(line for row in rows[:SAMPLE] for line in _sampled(row, after))


def _sampled(row: Row, after: dict[str, str] | None) -> Iterator[str]:
    yield f"{'-' if after is None else ' '} {in_words(row.key)}"
    for name, value in row.shown.items():
        yield f"{'-' if after is None or name in after else ' '}   {name}: {as_shown(value)}"
        if after is not None and name in after:
            yield f"+   {name}: {after[name]}"


def as_shown(value: Json) -> str:
    """Return a value for a person: text in quotes, NULL for nothing."""
    return "NULL" if value is None else json.dumps(value, ensure_ascii=False)


def live_notes(answer: object) -> tuple[str, ...]:
    """Return what is to be told of the table's size."""
    if not isinstance(answer, QueryAnswer) or not answer.rows:
        return ()
    live = answer.records[0]
    rows = f"about {live['rows']} rows" if live["rows"] >= 0 else "rows never counted (no ANALYZE yet)"
    return (f"live size: {live['bytes'] / 1_000_000:.1f} MB, {rows}",)


def not_as_planned(target: Target, change: Change, rows: RowsOf, question: Query) -> None:
    """Look why a batch was refused.

    Raises:
        Conflict: Rows of it are no longer what was planned; says which.
    """
    answer = target.answer((question,)).raw(question)
    if not isinstance(answer, QueryAnswer):
        return
    now = {canonical(one["key"]): one["image"] for one in answer.records}
    moved = [
        one for one in json.loads(change.data["planned"]) if now.get(canonical(one["key"])) != one["image"]
    ]
    if moved:
        raise conflict(target, rows, [one["key"] for one in moved], len(moved), "what was planned")


def conflict(
    target: Target, rows: RowsOf, keys: Sequence[dict[str, Scalar]], number: int, what: str
) -> Conflict:
    """Return the error that names rows which are no longer as they must be."""
    named = "; ".join(in_words(key) for key in keys[:10]) + (" …" if number > 10 else "")  # noqa: PLR2004
    text = f"{counted(number)} of {rows.relation} {'is' if number == 1 else 'are'} no longer {what}: {named}"
    return Conflict(target.name, text, "nothing of this batch was touched; look at them, and decide by hand")
