"""The checks `sql.orphans` and `sql.nulls`: rows that name a parent which is not there, and columns without a value.

Reads only. Row-level security would hide rows and make both lie, so where it hides any they say so instead.
"""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from pydantic import Field

from remediate.errors import CouldNotLook
from remediate.model import Finding, Json
from remediate.promise import Need
from remediate.providers import catalog
from remediate.providers.catalog import TABLES
from remediate.providers.prisma_schema import tables_of
from remediate.providers.row_batches import counted
from remediate.providers.row_facts import (
    FOREIGN_KEYS,
    ForeignKey,
    foreign_keys_in,
    null_counts,
    nulls_in,
    rights,
    rights_in,
)
from remediate.providers.row_images import in_words
from remediate.providers.row_selection import Parent, column_fact, orphaned, quoted, rows_fact, written_out
from remediate.questions import Answers, Query, Read, ReadAnswer, Scalar
from remediate.steps import Check, Questions, Step
from remediate.text.suggest import did_you_mean

_MOST_PARENTS = 1000
_MOST_KEYS = 10
# The key of a row, whatever it is of: which columns that are, only the catalog knows.
_KEY = """(SELECT jsonb_object_agg(a.attname, to_jsonb(r.*) -> a.attname::text)
  FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
  WHERE i.indrelid = r.tableoid AND i.indisprimary)"""
# A subselect that knows nothing of the row is looked at once, before the table is: held so, no row of it is read.
_HELD = """NOT (SELECT EXISTS (SELECT FROM pg_constraint AS f
  JOIN pg_class AS c ON c.oid = f.conrelid JOIN pg_class AS p ON p.oid = f.confrelid AND p.relnamespace = c.relnamespace
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_attribute AS a ON a.attrelid = f.conrelid AND f.conkey = ARRAY[a.attnum]
  JOIN pg_attribute AS b ON b.attrelid = f.confrelid AND f.confkey = ARRAY[b.attnum]
  WHERE f.contype = 'f' AND f.convalidated AND n.nspname = current_schema()
  AND c.relname = %s AND a.attname = %s AND p.relname = %s AND b.attname = %s)) AND """


class Orphans(Check):
    """Every row's parent is there; a row that names none (NULL) has none to miss, and is counted apart.

    Attributes:
        table: The table, in the app's schema.
        column: Its column that names the parent.
        parent: The parent's table and column.
        carry: Columns whose value all rows of a lost parent must share for `found.….parents` to have it: what is
            needed to make the parent anew (`userId`). Where they do not, `found.….undecided` says whose and which.
        trusts_keys: Whether a foreign key that is validated is taken at its word, and no row is read: where one is,
            only a session that had switched its triggers off can have made an orphan.
        must_exist: Whether a table or column that is not there is a mistake in this step; else no row of it can be
            orphaned, and what is missing is another check's matter.
    """

    kind: ClassVar[str] = "sql.orphans"
    tells: ClassVar[str] = (
        "Looks for rows of {table} whose {column} names a parent that is not there "
        "({parent})[trusts_keys?. Where a validated foreign key is in place it is taken at its word, and "
        "no row is read][must_exist?. A table or column that is not there is no fault here: another "
        "playbook sees to that][. Of a lost parent's rows it notes {carry}, which is needed to make the "
        "parent anew]"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    table: str
    column: str
    parent: Parent
    carry: list[str] = []
    must_exist: bool = True
    trusts_keys: bool = False

    @property
    def _held(self) -> tuple[str, tuple[str, ...]]:
        """The condition that no validated foreign key holds the rows, with its values; nothing if none is trusted."""
        names = (self.table, self.column, self.parent.table, self.parent.column)
        return (_HELD, names) if self.trusts_keys else ("", ())

    @property
    def _about(self) -> tuple[str, ...]:
        columns = (column_fact(self.table, name) for name in (self.column, *self.carry))
        parent = (rows_fact(self.parent.table), column_fact(self.parent.table, self.parent.column))
        return (rows_fact(self.table), f"table:{self.table}", *columns, *parent)

    @property
    def lost(self) -> Query:
        """The question for the parents that are not there, those with the most rows first."""
        (held, names), column, name = self._held, f"r.{quoted(self.column)}", quoted(self.table)
        carried = "".join(
            f", min({one}::text), count(DISTINCT {one}::text) + (count(*) > count({one}))::int,"
            f" to_jsonb((array_agg(DISTINCT {one}::text))[:{_MOST_KEYS}])"
            for one in (f"r.{quoted(name)}" for name in self.carry)
        )
        sql = f"""SELECT {column}::text AS parent, count(*) AS rows, sum(count(*)) OVER ()::bigint AS whole,
 count(*) OVER () AS parents{carried} FROM {name} AS r WHERE {held}{orphaned(self.column, self.parent)}
GROUP BY {column} ORDER BY count(*) DESC, 1 LIMIT %s"""  # noqa: S608  (quoted)
        return Query(sql=sql, parameters=(*names, _MOST_PARENTS), about=self._about)

    @property
    def keys(self) -> Query:
        """The question for the keys of some of the rows."""
        held, names = self._held
        where = f"{held}{orphaned(self.column, self.parent)}"
        sql = f"SELECT {_KEY} AS key FROM {quoted(self.table)} AS r WHERE {where} LIMIT %s"  # noqa: S608  (quoted)
        return Query(sql=sql, parameters=(*names, _MOST_KEYS), about=self._about)

    @property
    def listing(self) -> str:
        """The statement that lists them in whole, for whoever exports them; it is sent by nobody here."""
        where = orphaned(self.column, self.parent)
        return written_out(f"SELECT r.* FROM {quoted(self.table)} AS r WHERE {where}", ())  # noqa: S608  (quoted)

    @property
    def without(self) -> Query:
        """The question how many rows name no parent."""
        held, names = self._held
        where = f"{held}r.{quoted(self.column)} IS NULL AND %s"
        sql = f"SELECT count(*) AS nulls FROM {quoted(self.table)} AS r WHERE {where}"  # noqa: S608  (quoted)
        return Query(sql=sql, parameters=(*names, True), about=self._about)

    def ask(self) -> Questions:
        """Ask for them, for the foreign keys, and whether rows are hidden."""
        tables = (rights(self.table), rights(self.parent.table))
        return (TABLES, *tables, FOREIGN_KEYS, self.lost, self.keys, self.without)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Say how many rows name a parent that is not there, which, and whether a foreign key forbids it."""
        del first
        if not self.must_exist and (absent := self._absent(now)):
            return self._nothing_to_miss(absent)
        _refuse_unseen(self.table, (self.column, *self.carry), now)
        _refuse_unseen(self.parent.table, (self.parent.column,), now)
        rows = now[self.lost].rows
        whole, parents = (rows[0][2], rows[0][3]) if rows else (0, 0)
        key = self._foreign_key(now)
        nulls, undecided = now[self.without].rows[0][0], self._undecided(rows)
        guarded = f"foreign key {key.name}, " + ("validated" if key.validated else "NOT VALID") if key else ""
        lead = f"{whole} rows of {self.table} name {parents} {self.parent.table} that are not there"
        seen = lead if whole else f"every row of {self.table} that names one has its {self.parent.table}"
        unread = self.trusts_keys and key is not None and key.validated
        return Finding(
            healthy=not whole,
            seen=f"no row was read: {guarded}"
            if unread
            else f"{seen} ({nulls} name none); {guarded or 'no foreign key'}",
            evidence=(
                *((f"to export them: {self.listing}",) if whole else ()),
                *(f"nobody can say of {one}" for one in undecided),
                *(f"{self.parent.column} {row[0]}: {counted(row[1])}" for row in rows[:_MOST_KEYS]),
                *(f"row {_named(key[0])}" for key in now[self.keys].rows),
            ),
            facts={
                "count": whole,
                "nulls": nulls,
                "missing": [row[0] for row in rows],
                **self._parents(rows),
                "undecided": undecided,
                "keys": [row[0] for row in now[self.keys].rows],
                "foreign_key": key.name if key else "",
                "validated": bool(key and key.validated),
            },
            unwritten=("parents",) if self.carry else (),
        )

    def _absent(self, now: Answers) -> str:
        """Return the first table or column that is not there, or nothing."""
        there = catalog.tables_in(now[TABLES])
        for table, columns in (
            (self.table, (self.column, *self.carry)),
            (self.parent.table, (self.parent.column,)),
        ):
            if table not in there:
                return f"table {table}"
            if missing := [name for name in columns if name not in there[table].by_name]:
                return f"column {missing[0]} of {table}"
        return ""

    def _nothing_to_miss(self, absent: str) -> Finding:
        none: dict[str, Json] = {"count": 0, "nulls": 0, "foreign_key": "", "validated": False}
        lists = ("missing", "parents", "unclear", "undecided", "keys")
        return Finding(
            healthy=True,
            seen=f"not looked at, for there is no {absent}",
            facts={**none, **{name: [] for name in lists}},
        )

    def _parents(self, rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
        clear = [row for row in rows if not any(self._differing(row))]
        return {
            "parents": [
                {self.parent.column: row[0], **dict(zip(self.carry, row[4::3], strict=True))} for row in clear
            ],
            "unclear": [row[0] for row in rows if row not in clear],
        }

    def _differing(self, row: tuple[Any, ...]) -> Iterator[tuple[str, list[str | None]]]:
        """Yield the columns in which the rows of a lost parent differ, each with some of their values."""
        for name, number, values in zip(self.carry, row[5::3], row[6::3], strict=True):
            if number != 1:
                yield name, values

    def _undecided(self, rows: Sequence[tuple[Any, ...]]) -> list[str]:
        """Return why not every lost parent can be made anew from its rows, in words."""
        told = [
            f"{self.parent.table} {self.parent.column} {row[0]}: its rows have {_listed(values)} for {name}"
            for row in rows
            for name, values in self._differing(row)
        ]
        rest = rows[0][3] - len(rows) if rows else 0
        return [*told, *([f"{rest} further {self.parent.table}, too many to be listed"] if rest else [])]

    def _foreign_key(self, now: Answers) -> ForeignKey | None:
        schemas = {table.schema_name for table in catalog.tables_in(now[TABLES]).values()}
        wanted = ((self.column,), (self.parent.column,), self.table, self.parent.table)
        for key in foreign_keys_in(now[FOREIGN_KEYS]):
            found = (key.columns, key.parent_columns, key.table_name, key.parent_table)
            if found == wanted and {key.schema_name, key.parent_schema} <= schemas:
                return key
        return None


class Nulls(Check):
    """Columns that must have a value have one in every row.

    Attributes:
        table: The table, in the app's schema.
        columns: Which; by default those that the Prisma schema requires.
        schema_file: The Prisma schema, where no columns are given.
    """

    kind: ClassVar[str] = "sql.nulls"
    tells: ClassVar[str] = (
        "Counts the rows of {table} that have NULL where a value is required[: in {columns}]"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    table: str
    columns: list[str] | None = None
    schema_file: str = Field(
        default="{{ app.backend }}/prisma/schema.prisma", description="Absolute path of schema.prisma."
    )

    @property
    def counts(self) -> Query:
        """The question for the NULLs of every column that takes them."""
        return null_counts(self.table)

    def ask(self) -> Questions:
        """Ask for the NULLs, and for the Prisma schema where that says which columns count."""
        schema = (Read(path=self.schema_file),) if self.columns is None else ()
        return (TABLES, rights(self.table), self.counts, *schema)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Say which of the columns have NULLs, and how many."""
        del first
        wanted = self._wanted(now)
        _refuse_unseen(self.table, wanted, now)
        found = {
            name: one for name, one in nulls_in(now[self.counts]).items() if name in wanted and one["count"]
        }
        told = ", ".join(f"{one['count']} of {name}" for name, one in found.items())
        without = f"NULL where {self.table} must have a value: {told}"
        return Finding(
            healthy=not found,
            seen=without if found else f"none of {len(wanted)} columns of {self.table} has a NULL",
            evidence=tuple(
                f"{name} is NULL in row {_named(key)}" for name, one in found.items() for key in one["keys"]
            ),
            facts={
                "columns": list(found),
                "counts": {name: one["count"] for name, one in found.items()},
                "keys": {name: one["keys"] for name, one in found.items()},
            },
        )

    def _wanted(self, now: Answers) -> tuple[str, ...]:
        if self.columns is not None:
            return tuple(self.columns)
        file = now[Read(path=self.schema_file)]
        if not file.exists:
            raise CouldNotLook(self.schema_file, "there is no such file", "say which `columns` are required")
        return self._required(file)

    def _required(self, file: ReadAnswer) -> tuple[str, ...]:
        meant = next((one for one in tables_of(file.text, self.schema_file) if one.name == self.table), None)
        if meant is None:
            what = f"no model of it has the table {self.table}"
            raise CouldNotLook(self.schema_file, what, "say which `columns` are required")
        return tuple(catalog.stored_name(column.name) for column in meant.columns if not column.nullable)


def _listed(values: list[str | None]) -> str:
    return " and ".join("none" if value is None else value for value in values)


def _named(key: dict[str, Scalar] | None) -> str:
    return in_words(key) if key else "of a table without a primary key"


def _refuse_unseen(table: str, columns: tuple[str, ...], now: Answers) -> None:
    """Refuse to judge what is not there or not to be seen.

    Raises:
        CouldNotLook: There is no such table or column, or rows of it are hidden.
    """
    there, allowed = catalog.tables_in(now[TABLES]).get(table), rights_in(now[rights(table)])
    if there is None or allowed is None:
        raise CouldNotLook(now.where, f"there is no table {table} in the app's schema", "correct its name")
    if why := allowed.refusal(table, "select"):
        raise CouldNotLook(now.where, why, "use a role that sees all of it")
    for column in columns:
        if column not in there.by_name:
            todo = did_you_mean(column, there.by_name) or "correct its name"
            raise CouldNotLook(now.where, f"{table} has no column {column}", todo)


STEPS: tuple[type[Step], ...] = (Orphans, Nulls)
