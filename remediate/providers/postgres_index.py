"""PostgreSQL: makes missing indexes while the app goes on. Opens no connection.

Sources: the manual's chapter "CREATE INDEX", section "Building Indexes Concurrently" (locks, two scans, what it waits
for, what a failed build leaves), and "DROP INDEX".
"""

import difflib
from typing import ClassVar, Self

from pydantic import Field, field_validator, model_validator

from remediate.errors import Failed
from remediate.model import Change, Fidelity, Forecast, Undo, WayBack
from remediate.promise import Need, Promise
from remediate.providers import catalog
from remediate.providers.behind_pooler import POOLED, refuse_pooler
from remediate.providers.catalog import ALL_TABLES, TABLES, Table
from remediate.providers.catalog_keys import (
    ALL_INDEXES,
    INDEXES,
    Index,
    IndexColumn,
    IndexedTable,
    indexed_tables_in,
    with_index,
)
from remediate.providers.conditions import columns_in, condition_sql, same_condition
from remediate.providers.index_compare import differences, twin_of
from remediate.providers.index_removal import creation, removal, removal_of_leftover, still_ours
from remediate.providers.live_notes import OPEN_TRANSACTIONS, open_transactions_note, size_note
from remediate.providers.live_tables import CATALOG, known_from
from remediate.providers.own_change import OwnChange, change_of
from remediate.providers.own_hazards import Gated, own_hazards
from remediate.providers.wanted_keys import WantedIndex
from remediate.questions import Answers, Query, QueryAnswer
from remediate.sql import identifier
from remediate.steps import Questions, Step
from remediate.target import Target


class CreateIndex(Gated, OwnChange):
    """Makes indexes that a table lacks, each with CREATE INDEX CONCURRENTLY: readers and writers go on.

    One that is there already, under whatever name, is left alone. What a failed build left is dropped first.
    """

    kind: ClassVar[str] = "sql.create_index"
    on_schema: ClassVar[bool] = True
    tells: ClassVar[str] = (
        "Builds the indexes {indexes}[ on {table}] that are missing, each with CREATE INDEX CONCURRENTLY."
        " What a failed build has left in the way is dropped first"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.EXACT: ""},
        back={
            WayBack.EXACT: "the new index is dropped, if it still is the one that this run made",
            WayBack.EQUIVALENT: "where something invalid was in the way: it is not made again, for it served no query",
        },
        risks=("schema",),
        meanwhile="readers and writers go on; an open transaction holds the build up",
    )
    table: str = Field(default="", description="The table, in the app's schema, of indexes that name none.")
    indexes: list[WantedIndex] = Field(description="The indexes that must be there.")

    @field_validator("indexes")
    @classmethod
    def _no_primary_key(cls, indexes: list[WantedIndex]) -> list[WantedIndex]:
        if any(one.primary for one in indexes):
            raise ValueError("a primary key is a constraint; write a migration for it")
        return indexes

    @model_validator(mode="after")
    def _each_of_a_table(self) -> Self:
        if not self.table and any(not one.table for one in self.indexes):
            raise ValueError("say of which table: `table`, of the step or of the index")
        return self

    def ask(self) -> Questions:
        """Ask for the tables' shapes and indexes, for values that are there twice, and for live figures."""
        tables = dict.fromkeys((self.table, *map(self._of, self.indexes)))
        live = (catalog.live(name) for name in tables if name)
        twice = (twice_there(self._of(one), one) for one in self.indexes if one.unique and _is_writable(one))
        return (POOLED, *CATALOG, *live, OPEN_TRANSACTIONS, *twice)

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return one change for each index that is missing.

        Raises:
            Failed: There is no such table or column, its name is taken, somebody builds it just now, or rows forbid
                it to be unique.
        """
        changes, indexes = [], answers[INDEXES]
        for wanted in self.indexes:
            table = self._table(self._of(wanted), answers)
            if change := self._change(wanted, table, indexes, answers):
                changes.append(change)
                (foretold,) = (one.answer for one in change.forecasts)
                indexes = foretold if isinstance(foretold, QueryAnswer) else indexes
        return tuple(changes)

    def apply(self, target: Target, change: Change) -> None:
        """Drop what a failed build left, then build.

        Raises:
            Failed: The server refused, or somebody's transaction was not ended in time; what was left is taken away.
                Or somebody has begun to build what is to be dropped first.
            Lost: It is not known whether it came about.
        """
        schema, table = str(change.data["schema"]), str(change.data["table"])
        wanted = WantedIndex.model_validate(change.data["wanted"])
        if leftover := str(change.data["leftover"]):
            there = indexed_tables_in(target.answer((INDEXES,))[INDEXES])[table].indexes
            for index in (one for one in there if one.name == leftover):
                self._refuse_at_work(index, table, target.name)
            target.change_database(removal_of_leftover(schema, table, leftover))
        target.change_database(creation(schema, table, wanted))

    def undo(self, target: Target, undo: Undo) -> None:
        """Drop the index that this run made.

        Raises:
            Conflict: It is no longer the index that this run made, or somebody built something on it; it is left.
            Failed: The server refused.
        """
        schema, table = str(undo.data["schema"]), str(undo.data["table"])
        name = WantedIndex.model_validate(undo.data["wanted"]).name_on(table)
        if (oid := still_ours(target, schema, table, name, change_of(undo))) is not None:
            target.change_database(removal(schema, name, oid))

    def _of(self, wanted: WantedIndex) -> str:
        """Return of which table an index is to be."""
        return wanted.table or self.table

    def _table(self, name: str, answers: Answers) -> Table:
        table = catalog.tables_in(answers[TABLES]).get(catalog.stored_name(name))
        if table is None:
            what = f"there is no table {name} in the app's schema"
            raise Failed(answers.where, what, "it needs a migration, not an index: prisma migrate deploy")
        if table.kind != "r":
            what = f"{name} is {'partitioned' if table.kind == 'p' else 'no table'}"
            raise Failed(answers.where, what, "indexes are built concurrently on plain tables only")
        return table

    def _change(
        self, wanted: WantedIndex, table: Table, indexes: QueryAnswer, answers: Answers
    ) -> Change | None:
        self._refuse_unwritable(wanted, table, answers.where)
        there = indexed_tables_in(indexes)
        leftover = self._leftover(wanted, table.name, there, answers.where)
        if leftover is None:
            return None
        refuse_pooler(answers, "CREATE INDEX CONCURRENTLY")
        self._refuse_twice(wanted, answers)
        name = wanted.name_on(table.name)
        drop = f"DROP INDEX CONCURRENTLY {identifier(table.schema_name, leftover)}" if leftover else ""
        steps = (*((drop,) if drop else ()), wanted.ddl(table.schema_name, table.name))
        after = with_index(indexes, table.name, _as_it_will_be(wanted, table), leftover)
        return Change(
            what=f"make the index {name} on {table.name}",
            target=f"index {table.schema_name}.{name}",
            script=";\n".join(steps) + ";",
            hazards=own_hazards(steps, known_from(answers), self.allow),
            notes=(
                *(
                    (f"{leftover} is invalid, left by a build that failed: it is dropped first",)
                    if leftover
                    else ()
                ),
                _LOCK_NOTE,
                size_note(answers.raw(catalog.live(self._of(wanted)))),
                open_transactions_note(answers.raw(OPEN_TRANSACTIONS)),
                *self._not_counted(wanted, answers),
            ),
            fidelity=Fidelity.EXACT,
            way_back=WayBack.EQUIVALENT if leftover else WayBack.EXACT,
            way_back_note="DROP INDEX CONCURRENTLY of this index, if it still is the one that this run made"
            + ("; the invalid one, which served nobody, is not made again" if leftover else ""),
            risk="schema",
            alters=(ALL_INDEXES,),
            forecasts=(Forecast(question=INDEXES, answer=after),),
            data={
                "schema": table.schema_name,
                "table": table.name,
                "wanted": wanted.model_dump(mode="json"),
                "leftover": leftover,
            },
        )

    def _leftover(
        self, wanted: WantedIndex, table: str, there: dict[str, IndexedTable], where: str
    ) -> str | None:
        """Return the name of an invalid index to drop first, nothing where there is none; None where all is done."""
        name = wanted.name_on(table)
        found = there[table].indexes if table in there else ()
        sure = [index for index in found if same_condition(wanted.where, index.where) is True]
        twin = twin_of(wanted, sure, name)
        if twin and twin.valid:
            return None
        named = next((index for index in found if index.name == name), None)
        for index in (twin, named):
            if index and not index.valid:
                self._refuse_at_work(index, table, where)
                return index.name
        self._refuse_taken(wanted, name, named, there, where)
        return ""

    def _refuse_at_work(self, index: Index, table: str, where: str) -> None:
        if index.building:
            what = f"somebody builds {index.name} on {table} at this moment, or works at the table"
            raise Failed(where, what, "nothing was changed; try again when it is done")
        if index.constraint:
            what = f"{index.name} is invalid, and a constraint owns it"
            raise Failed(where, what, "nothing was changed; drop that constraint by hand")

    def _refuse_taken(
        self,
        wanted: WantedIndex,
        name: str,
        named: Index | None,
        there: dict[str, IndexedTable],
        where: str,
    ) -> None:
        todo = "nothing was changed; give the index another name"
        if named:
            differ = "; ".join(
                f"{what} {is_}, wanted {want}" for what, want, is_ in differences(wanted, named)
            )
            raise Failed(
                where, f"{name} on {self._of(wanted)} is another index: {differ or 'another condition'}", todo
            )
        for table in there.values():
            if name == table.name or any(index.name == name for index in table.indexes):
                raise Failed(where, f"the name {name} is taken by {table.name} or an index of it", todo)

    def _refuse_unwritable(self, wanted: WantedIndex, table: Table, where: str) -> None:
        if not _is_writable(wanted):
            what = f"the condition {wanted.where} is not one that this action writes"
            raise Failed(where, what, "write a migration for it")
        names = [column.name for column in wanted.columns]
        for name in (*names, *(columns_in(wanted.where) if wanted.where else ())):
            if catalog.stored_name(name) not in table.by_name:
                near = _nearest(name, list(table.by_name))
                todo = f"did you mean {identifier(near)}?" if near else "add the column first"
                raise Failed(where, f"there is no column {identifier(name)} in {table.name}", todo)

    def _refuse_twice(self, wanted: WantedIndex, answers: Answers) -> None:
        if wanted.unique and (twice := self._twice(wanted, answers)):
            columns = ", ".join(column.name for column in wanted.columns)
            what = f"{twice} values of {columns} are there more than once in {self._of(wanted)}"
            raise Failed(
                answers.where, what, "nothing was changed; decide which rows are right, then try again"
            )

    def _twice(self, wanted: WantedIndex, answers: Answers) -> int | None:
        answer = answers.raw(twice_there(self._of(wanted), wanted))
        return int(answer.rows[0][0]) if isinstance(answer, QueryAnswer) else None

    def _not_counted(self, wanted: WantedIndex, answers: Answers) -> tuple[str, ...]:
        if not wanted.unique or self._twice(wanted, answers) is not None:
            return ()
        return ("values that are there twice could not be counted: where there are some, the build fails",)


def twice_there(table: str, wanted: WantedIndex) -> Query:
    """Return the question how many values, that are to be there once only, are there more than once."""
    names = [identifier(column.name) for column in wanted.columns]
    tests = [
        *(f"{name} IS NOT NULL" for name in names),
        *((condition_sql(wanted.where),) if wanted.where else ()),
    ]
    sql = (
        f"SELECT count(*) FROM (SELECT FROM {identifier(table)} WHERE {' AND '.join(map(str, tests))}"  # noqa: S608
        f" GROUP BY {', '.join(names)} HAVING count(*) > 1) AS twice"
    )
    return Query(sql=sql, about=(f"table:{table}", ALL_TABLES))


def _is_writable(wanted: WantedIndex) -> bool:
    return wanted.where is None or condition_sql(wanted.where) is not None


def _nearest(name: str, names: list[str]) -> str:
    folded = [one for one in names if one.casefold() == name.casefold()]
    return next(iter([*folded, *difflib.get_close_matches(name, names)]), "")


def _as_it_will_be(wanted: WantedIndex, table: Table) -> Index:
    columns = tuple(
        IndexColumn(
            name=catalog.stored_name(column.name),
            descending=column.sort == "desc",
            nulls_first=column.sort == "desc",
            ops=column.ops.rpartition(".")[2].lower(),
            usual_ops=not column.ops,
        )
        for column in wanted.columns
    )
    return Index(
        name=wanted.name_on(table.name),
        method=wanted.method,
        unique=wanted.unique,
        primary=False,
        valid=True,
        where=condition_sql(wanted.where) if wanted.where else None,
        definition=wanted.ddl(table.schema_name, table.name, concurrently=False),
        columns=columns,
    )


_LOCK_NOTE = (
    "lock: SHARE UPDATE EXCLUSIVE (reads and writes go on; other DDL and VACUUM of the table wait), waited for 30 s;"
    " the table is read twice, and transactions that are open must end"
)

STEPS: tuple[type[Step], ...] = (CreateIndex,)
