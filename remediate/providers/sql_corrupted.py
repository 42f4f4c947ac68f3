"""`sql.corrupted` and `sql.corrupted_anywhere`: whether B-tree indexes are whole, by amcheck. They repair nothing.

A unique index makes duplicates impossible unless it is broken itself, by a changed collation (glibc) or a bad disk.
That is what `bt_index_check` finds (manual, "amcheck"), with `heapallindexed` also rows that the index has lost. It
takes the lock of a SELECT, works in a READ ONLY transaction, and raises XX001 or XX002 where something is wrong.
"""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from remediate.errors import CouldNotLook
from remediate.model import Finding
from remediate.promise import Need
from remediate.providers.catalog import ALL_TABLES
from remediate.questions import Answers, Query, QueryAnswer, Unanswered
from remediate.sql import identifier
from remediate.steps import Check, Questions, Step

MOST = 20
"""How many indexes of a table are looked at: which they are is known only when the questions are asked already."""
MOST_EVERYWHERE = 150
"""How many of all tables' together, the oldest."""
_CORRUPT = ("XX001", "XX002")  # data_corrupted, index_corrupted
_MEGABYTE = 1_000_000

AMCHECK = Query(
    sql="""SELECT n.nspname AS schema_name, has_function_privilege(p.oid, 'EXECUTE') AS may
FROM pg_extension AS e JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
 AND d.classid = 'pg_proc'::regclass
JOIN pg_proc AS p ON p.oid = d.objid JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE e.extname = 'amcheck' AND p.proname = 'bt_index_check' AND p.pronargs = 2""",
    about=("extensions",),
)
"""Whether amcheck is installed in this database, where, and whether this role may use it."""

# The table by its name, else by that of one of its indexes.
_TABLE = """(SELECT o.oid FROM pg_class AS o JOIN pg_namespace AS s ON s.oid = o.relnamespace
 WHERE s.nspname = current_schema() AND o.relkind IN ('r', 'm') AND (o.relname = %s OR EXISTS (SELECT FROM pg_index AS p
  JOIN pg_class AS q ON q.oid = p.indexrelid WHERE p.indrelid = o.oid AND q.relname = %s)))"""
_INDEXES = f"""SELECT c.oid, c.relname AS name, pg_relation_size(c.oid) + pg_relation_size(i.indrelid) AS bytes
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_am AS m ON m.oid = c.relam
JOIN pg_class AS t ON t.oid = i.indrelid JOIN pg_namespace AS n ON n.oid = t.relnamespace
WHERE n.nspname = current_schema() AND t.oid IN (SELECT w.oid FROM {_TABLE} AS w)
 AND m.amname = 'btree' AND i.indisvalid AND c.relkind = 'i'
ORDER BY NOT i.indisunique, c.relname"""  # noqa: S608  (constants)

# An answer that is an error names nothing, so an index is known by its place, which may not move between two questions:
# by oid, which the snapshot holds. What one weighs (`relpages` is altered in place, under every snapshot:
# heap_inplace_update), and whether somebody holds it, decides only whether it is read.
_ALL_INDEXES = """SELECT c.oid, c.relname AS name, t.oid AS table_oid,
 sum(c.relpages + t.relpages) OVER (ORDER BY c.relpages + t.relpages, c.oid) AS pages
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_am AS m ON m.oid = c.relam
JOIN pg_class AS t ON t.oid = i.indrelid JOIN pg_namespace AS n ON n.oid = t.relnamespace
WHERE n.nspname = current_schema() AND m.amname = 'btree' AND i.indisvalid AND c.relkind = 'i'
ORDER BY c.oid"""
# None is begun once the look's transaction is so old: as a value of its own, that is asked before all else is computed.
_IN_TIME = "(SELECT clock_timestamp() < transaction_timestamp() + %s * interval '1 second')"
# To ask for the size of a table that somebody holds is to wait for them.
_MAY_BE_READ = """i.pages * current_setting('block_size')::bigint <= %s AND CASE WHEN EXISTS (
  SELECT FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database WHERE d.datname = current_database()
  AND l.relation IN (i.oid, i.table_oid) AND l.mode = 'AccessExclusiveLock') THEN false
 ELSE pg_relation_size(i.oid) + pg_relation_size(i.table_oid) <= %s END"""

_THERE = f"SELECT EXISTS {_TABLE}"


class _ByAmcheck(Check):
    """What checks by amcheck have in common."""

    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    optional: bool = Field(
        default=False, description="Whether it is told, and no reason to stop, where it cannot be looked at."
    )
    extension_schema: str = Field(default="public", description="Where the extension amcheck is installed.")

    @property
    def _function(self) -> str:
        return f"{identifier(self.extension_schema, 'bt_index_check')}(i.oid::regclass, true)"

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Tell what is broken.

        Raises:
            CouldNotLook: amcheck cannot be used; or none is broken of those that could be looked at, and one could not.
        """
        del first
        try:
            return self._judged(now)
        except CouldNotLook as error:
            if not self.optional:
                raise
            seen = f"not looked at: {error.what}"
            return Finding(healthy=True, seen=seen, evidence=(error.todo,), facts={"corrupted": []})

    def _judged(self, now: Answers) -> Finding:
        raise NotImplementedError

    def _refuse_without(self, now: Answers) -> None:
        found = now[AMCHECK].records
        if not found:
            todo = "a superuser makes it: CREATE EXTENSION amcheck"
            raise CouldNotLook(now.where, "the extension amcheck is not installed in this database", todo)
        schema = found[0]["schema_name"]
        if schema != self.extension_schema:
            what = f"amcheck is installed in the schema {schema}, not in {self.extension_schema}"
            raise CouldNotLook(now.where, what, f"say extension_schema: {schema}")
        if not found[0]["may"]:
            function = identifier(schema, "bt_index_check")
            todo = f"GRANT EXECUTE ON FUNCTION {function}(regclass, boolean) TO the app's role"
            raise CouldNotLook(now.where, "the role may not use amcheck", todo)


class Corrupted(_ByAmcheck):
    """Whether the indexes of a table are whole, rows that an index lost included. It changes nothing.

    Where it finds one that is not, that is for a person: copies of the files have it, too, and a REINDEX stops at
    duplicates. Where amcheck is not installed, or the role may not use it, it says so and what a person would do.
    The table is meant by its name, or by that of one of its indexes; where neither is given, nothing is known, and it
    says so. Facts: `corrupted` (names).
    """

    kind: ClassVar[str] = "sql.corrupted"
    tells: ClassVar[str] = (
        "Looks whether the indexes of one table are whole[; the table is {table}][, or the one that has "
        "the index {index}]. It needs the extension amcheck, and changes nothing[optional?. Where amcheck"
        " is not there, it says so, and that is no fault]"
    )
    table: str = ""
    index: str = Field(default="", description="One of the table's indexes, where the table is not known.")
    largest_megabytes: int = Field(
        default=1_000, ge=1, description="Up to how much of an index and its table it reads; of each."
    )

    @property
    def _named(self) -> tuple[str, str]:
        return (self.table, "" if self.table else self.index)

    @property
    def _called(self) -> str:
        return self.table or f"the table of {self.index}"

    @property
    def _fact(self) -> str:
        return f"table:{self.table}" if self.table else ALL_TABLES

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if not self.model_fields_set & {"table", "index"}:
            raise ValueError("say `table`, or `index`: the name of one of its indexes")
        return self

    @property
    def indexes(self) -> Query:
        """The question which indexes the table has."""
        return Query(sql=_INDEXES, parameters=self._named, about=(self._fact,))

    def nth(self, number: int) -> Query:
        """Return the question whether an index is whole, by its place in the list: one that is not spoils no other."""
        one = f"SELECT * FROM ({_INDEXES}) AS every OFFSET %s LIMIT 1"  # noqa: S608  (a constant)
        return Query(
            sql=f"SELECT i.name, {self._function} FROM ({one}) AS i WHERE i.bytes <= %s",  # noqa: S608  (quoted)
            parameters=(*self._named, number, self.largest_megabytes * _MEGABYTE),
            about=(self._fact, "rows"),
        )

    @property
    def there(self) -> Query:
        """The question whether there is such a table."""
        return Query(sql=_THERE, parameters=self._named, about=(self._fact,))

    def ask(self) -> Questions:
        """Ask for the extension, the table, its indexes, and each of them, where a table is named."""
        if not any(self._named):
            return ()
        return (AMCHECK, self.there, self.indexes, *map(self.nth, range(MOST)))

    def _judged(self, now: Answers) -> Finding:
        if not any(self._named):
            return Finding(healthy=True, seen="not known: no table is named", facts={"corrupted": []})
        self._refuse_without(now)
        names = [record["name"] for record in now[self.indexes].records]
        said = {name: now.raw(self.nth(number)) for number, name in enumerate(names[:MOST])}
        broken = {name: why for name, one in said.items() if (why := _corruption(one))}
        unseen = [why for name in names if name not in broken and (why := self._unseen(name, said.get(name)))]
        if not broken and unseen:
            raise CouldNotLook(now.where, unseen[0], _BY_A_DBA)
        many = f"{len(broken)} of {len(names)} indexes of {self._called} are broken: {', '.join(broken)}"
        return Finding(
            healthy=not broken,
            seen=many if broken else f"the {len(names)} indexes of {self._called} are whole",
            evidence=(
                *(f"{name}: {why}" for name, why in broken.items()),
                *unseen,
                *(_TODO if broken else ()),
            ),
            facts={"corrupted": list(broken)},
        )

    def _refuse_without(self, now: Answers) -> None:
        if not now[self.there].rows[0][0]:
            what = f"there is no table {self.table or f'of {self.index}'} in the app's schema"
            raise CouldNotLook(now.where, what, "correct its name")
        super()._refuse_without(now)

    def _unseen(self, name: str, answer: object) -> str:
        if isinstance(answer, QueryAnswer):
            return "" if answer.rows else f"{name} is larger than {self.largest_megabytes} MB with its table"
        return (
            f"{name}: {answer.reason}"
            if isinstance(answer, Unanswered)
            else f"{name} is one of more than {MOST}"
        )


def _corruption(answer: object) -> str:
    return answer.reason if isinstance(answer, Unanswered) and answer.state in _CORRUPT else ""


class CorruptedAnywhere(_ByAmcheck):
    """Whether the indexes of all of the app's tables are whole, the smallest, up to so much. It changes nothing.

    Where it finds one that is not, that is for a person, as with `sql.corrupted`. Which are the smallest, the catalogs'
    own sizes tell; one that has become larger than all may be together is not read. It tells how many it has not looked
    at, and why: what is beyond the megabytes, or not among the first 150, what there was no time for, and tables that
    are locked, for which it does not wait. Facts: `corrupted` (names).
    """

    kind: ClassVar[str] = "sql.corrupted_anywhere"
    tells: ClassVar[str] = (
        "Looks whether the indexes of the app's tables are whole, the smallest, up to {megabytes} MB with their "
        "tables and for some {seconds} seconds. It needs the extension amcheck, and changes nothing[optional?. What it "
        "cannot look at, it tells, and that is no fault]"
    )
    megabytes: int = Field(
        default=200, ge=1, description="Up to how much it reads of indexes and their tables, all together."
    )
    seconds: int = Field(
        default=8, ge=1, le=12, description="After how long it begins no other; one may take half of that."
    )

    indexes: ClassVar[Query] = Query(sql=_ALL_INDEXES, about=(ALL_TABLES, "rows"))

    def nth(self, number: int) -> Query:
        """Return the question whether an index is whole, by its place in the list: one that is not spoils no other."""
        one = f"SELECT * FROM ({_ALL_INDEXES}) AS every ORDER BY oid OFFSET %s LIMIT 1"  # noqa: S608  (a constant)
        return Query(
            sql=f"SELECT i.name, {self._function} FROM ({one}) AS i WHERE {_IN_TIME} AND {_MAY_BE_READ}",  # noqa: S608  (quoted)
            parameters=(number, self.seconds, self.megabytes * _MEGABYTE, self.megabytes * _MEGABYTE),
            about=self.indexes.about,
            timeout=self.seconds / 2,
        )

    def ask(self) -> Questions:
        """Ask for the extension, the indexes, and each of them."""
        return (AMCHECK, self.indexes, *map(self.nth, range(MOST_EVERYWHERE)))

    def _judged(self, now: Answers) -> Finding:
        self._refuse_without(now)
        names = [record["name"] for record in now[self.indexes].records]
        said = [now.raw(self.nth(number)) for number in range(min(len(names), MOST_EVERYWHERE))]
        broken = {name: why for name, one in zip(names, said, strict=False) if (why := _corruption(one))}
        told = {record["name"] for one in said if isinstance(one, QueryAnswer) for record in one.records}
        whole = len(told.intersection(names))
        unseen = len(names) - whole - len(broken)
        left = f"; {unseen} were not looked at" if unseen else ""
        if unseen and not broken and not self.optional:
            raise CouldNotLook(now.where, f"{unseen} of {len(names)} indexes: {self._beyond}", _BY_A_DBA)
        many = f"{len(broken)} of {len(names)} indexes are broken: {', '.join(broken)}"
        return Finding(
            healthy=not broken,
            seen=(many if broken else f"{whole} of {len(names)} indexes were looked at, and are whole")
            + left,
            evidence=(
                *(f"{name}: {why}" for name, why in broken.items()),
                *((f"not looked at: {self._beyond}",) if unseen else ()),
                *(_TODO if broken else ()),
            ),
            facts={"corrupted": list(broken)},
        )

    @property
    def _beyond(self) -> str:
        first = (
            f"beyond {self.megabytes} MB with their tables, {self.seconds} s, or the first {MOST_EVERYWHERE}"
        )
        return f"{first}, of a table that is locked, or not to be read"


_BY_A_DBA = "let a DBA run pg_amcheck --heapallindexed on a copy, or at a quiet hour"
_TODO = (
    "escalate: stop writing where you can, and keep a copy of the files before anything is repaired",
    "look for the cause: a changed collation (glibc, ICU) breaks every index on text; a bad disk more than that",
    "then look for duplicates by reading the table itself (SET enable_indexscan, enable_bitmapscan and so on = off)",
    "decide about each duplicate, and only then: REINDEX INDEX CONCURRENTLY",
)

STEPS: tuple[type[Step], ...] = (Corrupted, CorruptedAnywhere)
