"""The action `sql.drop_invalid_indexes`: takes away what failed concurrent builds have left. Makes no index.

CREATE INDEX CONCURRENTLY and REINDEX CONCURRENTLY that fail leave an index that is invalid: no query uses it, and every
write still keeps it up (manual, chapter "CREATE INDEX", section "Building Indexes Concurrently").
"""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from remediate.errors import Failed
from remediate.model import Change, Fidelity, Forecast, Undo, WayBack
from remediate.promise import Need, Promise
from remediate.providers import catalog
from remediate.providers.behind_pooler import POOLED, refuse_pooler
from remediate.providers.catalog_keys import ALL_INDEXES, INDEXES, Index, indexed_tables_in, without_index
from remediate.providers.index_removal import removal_of_leftover
from remediate.providers.live_notes import OPEN_TRANSACTIONS, open_transactions_note
from remediate.providers.live_tables import CATALOG, known_from
from remediate.providers.own_hazards import Gated, own_hazards
from remediate.questions import Answers, QueryAnswer
from remediate.sql import identifier
from remediate.steps import Questions, Step
from remediate.target import Target


class Leftover(BaseModel):
    """An index that a failed build has left.

    Attributes:
        table: Its table, in the app's schema.
        name: Its name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    table: str
    name: str


class DropInvalidIndexes(Gated):
    """Drops invalid indexes, each with DROP INDEX CONCURRENTLY: readers and writers go on.

    One that is gone, or valid by now, is left alone; one that somebody builds, or that a constraint owns, is refused.
    """

    kind: ClassVar[str] = "sql.drop_invalid_indexes"
    tells: ClassVar[str] = (
        "Drops the invalid indexes {indexes}, each with DROP INDEX CONCURRENTLY. One that is valid by "
        "now, that somebody is building, or that a constraint owns is not dropped"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.EXACT: ""},
        back={
            WayBack.EQUIVALENT: "nothing has to be done, for an invalid index served no query; it is not made again"
        },
        risks=("schema",),
        meanwhile="readers and writers go on",
    )
    indexes: list[Leftover]

    def ask(self) -> Questions:
        """Ask for the indexes with their tables' sizes, and for whom a drop would have to wait."""
        return (POOLED, *CATALOG, OPEN_TRANSACTIONS)

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return one change for each that is there.

        Raises:
            Failed: Somebody builds it just now, a constraint owns it, or a pooler stands between.
        """
        changes, indexes = [], answers[INDEXES]
        for one in self.indexes:
            if schema := self._schema_of(one, indexes, answers.where):
                refuse_pooler(answers, "DROP INDEX CONCURRENTLY")
                indexes = without_index(indexes, catalog.stored_name(one.table), one.name)
                changes.append(self._change(one, schema, indexes, answers))
        return tuple(changes)

    def apply(self, target: Target, change: Change) -> None:
        """Drop one.

        Raises:
            Failed: It is valid by now, somebody builds it, or somebody's transaction was not ended in time.
            Lost: It is not known whether it is gone.
        """
        schema, table, name = (str(change.data[key]) for key in ("schema", "table", "name"))
        there = indexed_tables_in(target.answer((INDEXES,))[INDEXES]).get(table)
        for index in (one for one in (there.indexes if there else ()) if one.name == name):
            _refuse(index, target.name)
        target.change_database(removal_of_leftover(schema, table, name))

    def undo(self, target: Target, undo: Undo) -> None:
        """Do nothing: what served nobody is not made again."""

    def _change(self, one: Leftover, schema: str, after: QueryAnswer, answers: Answers) -> Change:
        statement = f"DROP INDEX CONCURRENTLY {identifier(schema, one.name)}"
        return Change(
            what=f"drop the invalid index {one.name} on {one.table}",
            target=f"index {schema}.{one.name}",
            script=f"{statement};",
            hazards=own_hazards((statement,), known_from(answers), self.allow),
            notes=(_LOCK_NOTE, open_transactions_note(answers.raw(OPEN_TRANSACTIONS))),
            fidelity=Fidelity.EXACT,
            way_back=WayBack.EQUIVALENT,
            way_back_note="none is needed: it served no query; it is not made again",
            risk="schema",
            alters=(ALL_INDEXES,),
            forecasts=(Forecast(question=INDEXES, answer=after),),
            data={"schema": schema, "table": catalog.stored_name(one.table), "name": one.name},
        )

    def _schema_of(self, one: Leftover, indexes: QueryAnswer, where: str) -> str:
        """Return where an index that is to go lies, or nothing where none is."""
        table = indexed_tables_in(indexes).get(catalog.stored_name(one.table))
        index = next((index for index in table.indexes if index.name == one.name), None) if table else None
        if table is None or index is None or index.valid:
            return ""
        _refuse(index, where)
        return table.schema_name


def _refuse(index: Index, where: str) -> None:
    if index.building:
        todo = "nothing was changed; try again when it is done"
        raise Failed(where, f"somebody builds {index.name} at this moment", todo)
    if index.constraint:
        todo = "nothing was changed; drop that constraint by hand"
        raise Failed(where, f"{index.name} is invalid, and a constraint owns it", todo)


_LOCK_NOTE = (
    "lock: SHARE UPDATE EXCLUSIVE (reads and writes go on), waited for 30 s; who uses the table must end"
)

STEPS: tuple[type[Step], ...] = (DropInvalidIndexes,)
