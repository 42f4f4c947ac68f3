"""PostgreSQL: adds, validates and changes foreign keys, without keeping writers out while rows are checked.

Opens no connection, and deletes no row: where rows refer to nothing, it says how many, and changes nothing.
"""

from collections.abc import Iterator
from typing import ClassVar, Self

from pydantic import Field, model_validator

from remediate.errors import Failed
from remediate.model import Change, Fidelity, Forecast, Json, Undo, WayBack
from remediate.promise import LOCK_WAIT, Need, Promise
from remediate.providers import catalog
from remediate.providers.catalog import TABLES, stored_name
from remediate.providers.catalog_keys import (
    ALL_FOREIGN_KEYS,
    FOREIGN_KEYS,
    INDEXES,
    RULES,
    ForeignKey,
    ReferringTable,
    indexed_tables_in,
    referring_tables_in,
    with_foreign_key,
)
from remediate.providers.column_removal import LEDGER_EXISTS
from remediate.providers.foreign_key_compare import as_wanted, counterpart_of, differences
from remediate.providers.foreign_key_notes import (
    ADD_LOCK,
    CHANGE_LOCK,
    TAKES,
    VALIDATE_LOCK,
    figures_of,
    stakes_of,
)
from remediate.providers.foreign_key_removal import before_of, is_back_unvalidated, ours_now
from remediate.providers.foreign_key_sql import (
    LONG,
    add_sql,
    orphans,
    record_of_made,
    referring,
    taking_back,
    validate_sql,
)
from remediate.providers.live_tables import SIZES, known_from
from remediate.providers.own_change import OwnChange, change_of
from remediate.providers.own_hazards import Gated, own_hazards
from remediate.providers.wanted_keys import WantedForeignKey, WantedForeignKeyOn
from remediate.questions import Answers, Query, QueryAnswer
from remediate.steps import Questions, Step
from remediate.target import DatabaseChange, Statement, Target


class MakeForeignKey(Gated, OwnChange):
    """Adds foreign keys that a table lacks, changes those with other rules, validates those that never were.

    A new one is added NOT VALID first, then validated in a transaction of its own: writers wait for milliseconds only.
    Rows that refer to nothing are counted beforehand; where there are some, nothing is changed.
    """

    kind: ClassVar[str] = "sql.foreign_key"
    on_schema: ClassVar[bool] = True
    tells: ClassVar[str] = (
        "Makes the foreign keys {foreign_keys}[ of {table}] as they are meant: adds those that are "
        "missing, changes those with other rules, validates those that never were. Where rows refer to "
        "nothing, nothing is changed"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.EXACT: ""},
        back={
            WayBack.EXACT: "the constraint is dropped, or made as it was, if it still is as this run left it"
        },
        risks=("schema",),
        meanwhile=f"both tables are locked for some milliseconds, and rows compared while writers go on; {LOCK_WAIT}",
    )
    table: str = Field(default="", description="The table that refers, in the app's schema.")
    foreign_keys: list[WantedForeignKeyOn] = Field(
        description="The foreign keys that it must have; each may say its own `table`. None: nothing is done."
    )

    @model_validator(mode="after")
    def _each_has_its_table(self) -> Self:
        if any(not self._on(wanted) for wanted in self.foreign_keys):
            raise ValueError("say the `table` that refers, of the step or of each foreign key")
        return self

    def ask(self) -> Questions:
        """Ask for all foreign keys and indexes, for rows that refer to nothing, and for live figures."""
        each = self.foreign_keys
        tables = dict.fromkeys((*map(self._on, each), *(one.references for one in each if not one.in_schema)))
        counts = (self._orphans(one) for one in each)
        stakes = (self._referring(one) for one in each if one.on_delete in TAKES)
        return (
            FOREIGN_KEYS,
            INDEXES,
            TABLES,
            SIZES,
            *(catalog.live(table) for table in tables),
            *counts,
            *stakes,
        )

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return what is to be done for each: add or replace, then validate; nothing where it is as wanted.

        Raises:
            Failed: There is no such table, rows refer to nothing, the key that they refer to is not unique, or the
                name is taken.
        """
        changes: list[Change] = []
        keys = answers[FOREIGN_KEYS]
        for wanted in self.foreign_keys:
            for change in self._changes(wanted, keys, answers):
                changes.append(change)
                (foretold,) = (one.answer for one in change.forecasts)
                keys = foretold if isinstance(foretold, QueryAnswer) else keys
        return tuple(changes)

    def snapshot(self, target: Target, change: Change) -> Undo:
        """Write down the number of what is replaced: one of the same name that somebody makes anew has another."""
        before = before_of(change.data)
        if before is None:
            return super().snapshot(target, change)
        there = referring_tables_in(target.answer((FOREIGN_KEYS,))[FOREIGN_KEYS]).get(
            str(change.data["table"])
        )
        keys = there.foreign_keys if there else ()
        number = next((one.oid for one in keys if one.name == before.name), 0)
        numbered = {**before.model_dump(mode="json"), "oid": number}
        return super().snapshot(
            target, change.model_copy(update={"data": {**change.data, "before": numbered}})
        )

    def apply(self, target: Target, change: Change) -> None:
        """Add or validate, in one transaction.

        Raises:
            Failed: The server refused, or the lock was not to be had; nothing was changed.
            Lost: The answer to COMMIT was lost, and the ledger cannot be asked.
        """
        schema, table = str(change.data["schema"]), str(change.data["table"])
        key = ForeignKey.model_validate(change.data["key"])
        undo: dict[str, Json] = {"schema": schema, "table": table, "constraint": key.name}
        record = record_of_made(schema, table, key.name)
        if change.data["validates"]:
            validate = Statement(sql=validate_sql(schema, table, key.name))
            target.change_database(
                DatabaseChange(statements=(validate, record), undo=undo, statement_timeout=LONG)
            )
            return
        before = before_of(change.data)
        add = Statement(sql=add_sql(schema, table, key, before.name if before else ""))
        target.change_database(DatabaseChange(statements=(add, record), undo=undo))

    def undo(self, target: Target, undo: Undo) -> None:
        """Put back what was there before: no foreign key, the one with other rules, or one that was not validated.

        Raises:
            Conflict: It is no longer what this run made; nothing was changed.
            Failed: The server refused, or the lock was not to be had.
        """
        if undo.data["validates"] and not undo.data["before"]:
            return  # taken back with the foreign key itself, which this run made
        if target.answer((LEDGER_EXISTS,))[LEDGER_EXISTS].rows[0][0] is not True:
            return
        schema, table = str(undo.data["schema"]), str(undo.data["table"])
        before = before_of(undo.data)
        if ours := ours_now(target, undo.data, change_of(undo)):
            statements = taking_back(schema, table, ours, before)
            try:
                target.change_database(DatabaseChange(statements=statements))
            except Failed:
                ours_now(target, undo.data, change_of(undo))  # says what somebody did since the first look
                raise
        if before and before.valid and is_back_unvalidated(target, table, before):
            validate = Statement(sql=validate_sql(schema, table, before.name))
            target.change_database(DatabaseChange(statements=(validate,), statement_timeout=LONG))

    def _on(self, wanted: WantedForeignKeyOn) -> str:
        return wanted.table or self.table

    def _orphans(self, wanted: WantedForeignKeyOn) -> Query:
        to = (*((wanted.in_schema,) if wanted.in_schema else ()), wanted.references)
        return orphans(self._on(wanted), tuple(wanted.columns), to, tuple(wanted.referenced))

    def _referring(self, wanted: WantedForeignKeyOn) -> Query:
        return referring(self._on(wanted), tuple(wanted.columns))

    def _changes(self, wanted: WantedForeignKeyOn, keys: QueryAnswer, answers: Answers) -> Iterator[Change]:
        table = self._table(wanted, keys, answers)
        there = counterpart_of(table.name, wanted, table)
        if there and there.valid and not any(differences(wanted, there)):
            return
        self._refuse(wanted, table, there, answers)
        if there and not any(differences(wanted, there)):
            yield self._validation(table, there, there, keys, answers)
            return
        key = as_wanted(wanted, table, there)
        stakes = tuple(stakes_of(wanted, table, self._referring(wanted), answers))
        adding = self._addition(table, key, there, keys, answers, stakes=stakes)
        yield adding
        foretold = adding.forecasts[0].answer
        yield self._validation(
            table, key, None, foretold if isinstance(foretold, QueryAnswer) else keys, answers
        )

    def _table(self, wanted: WantedForeignKeyOn, keys: QueryAnswer, answers: Answers) -> ReferringTable:
        name = self._on(wanted)
        table = referring_tables_in(keys).get(stored_name(name))
        if table is None:
            what = f"there is no table {name} in the app's schema"
            raise Failed(answers.where, what, "it needs a migration first: prisma migrate deploy")
        return table

    def _refuse(
        self, wanted: WantedForeignKeyOn, table: ReferringTable, there: ForeignKey | None, answers: Answers
    ) -> None:
        counted = answers.raw(self._orphans(wanted))
        if isinstance(counted, QueryAnswer) and counted.rows[0][0]:
            what = f"{counted.rows[0][0]} rows of {table.name} refer to nothing in {wanted.references}"
            todo = (
                "nothing was changed; look at them with sql.orphans, delete them or make what they refer to"
            )
            raise Failed(answers.where, what, todo)
        if there and (there.full or there.some_columns) and any(differences(wanted, there)):
            what = f"{there.name} on {table.name} is of a kind that this action does not make anew"
            raise Failed(answers.where, f"{what}: {there.definition}", "write a migration for it")
        name = wanted.name_on(table.name)
        if any(key.name == name for key in table.foreign_keys if key != there):
            what = f"{name} on {table.name} is another foreign key"
            raise Failed(answers.where, what, "nothing was changed; give this one another name")
        if not wanted.in_schema:
            self._refuse_without_key(wanted, answers)

    def _refuse_without_key(self, wanted: WantedForeignKey, answers: Answers) -> None:
        referred = indexed_tables_in(answers[INDEXES]).get(stored_name(wanted.references))
        if referred is None:
            what = f"there is no table {wanted.references} in the app's schema"
            raise Failed(answers.where, what, "it needs a migration first: prisma migrate deploy")
        columns = {stored_name(name) for name in wanted.referenced}
        for index in referred.indexes:
            plain = index.unique and index.valid and index.immediate and not index.where
            if plain and {column.name for column in index.columns} == columns:
                return
        what = (
            f"{', '.join(wanted.referenced)} of {wanted.references} is not unique, so nothing can refer to it"
        )
        raise Failed(answers.where, what, "make a unique index first (sql.create_index)")

    def _addition(
        self,
        table: ReferringTable,
        key: ForeignKey,
        before: ForeignKey | None,
        keys: QueryAnswer,
        answers: Answers,
        *,
        stakes: tuple[str, ...],
    ) -> Change:
        after = with_foreign_key(keys, table.name, key, before.name if before else "")
        rules = f"ON DELETE {RULES[key.on_delete]} ON UPDATE {RULES[key.on_update]}"
        back = "makes the old one again" if before else "drops it"
        script = add_sql(table.schema_name, table.name, key, before.name if before else "")
        what = f"add the foreign key {key.name} from {table.name} to {key.to_table}"
        if before:
            what = f"change the foreign key {before.name} of {table.name} to {rules}"
        return Change(
            what=what,
            target=f"table {table.schema_name}.{table.name}",
            script=f"{script};",
            hazards=own_hazards((script,), known_from(answers), self.allow),
            notes=(
                *((f"until now: {before.definition}",) if before else ()),
                CHANGE_LOCK if before else ADD_LOCK,
                *stakes,
                *figures_of(table, key, answers),
            ),
            fidelity=Fidelity.EXACT,
            way_back=WayBack.EXACT,
            way_back_note=f"{back}, if it still is the one that this run made",
            risk="schema",
            alters=(ALL_FOREIGN_KEYS,),
            forecasts=(Forecast(question=FOREIGN_KEYS, answer=after),),
            data=_data(table, key, before, validates=False),
        )

    def _validation(
        self,
        table: ReferringTable,
        key: ForeignKey,
        before: ForeignKey | None,
        keys: QueryAnswer,
        answers: Answers,
    ) -> Change:
        after = with_foreign_key(keys, table.name, key.model_copy(update={"valid": True}))
        back = "makes it anew, not validated" if before else "with the foreign key itself"
        script = validate_sql(table.schema_name, table.name, key.name)
        return Change(
            what=f"validate the foreign key {key.name} of {table.name}",
            target=f"table {table.schema_name}.{table.name}",
            script=f"{script};",
            hazards=own_hazards((script,), known_from(answers), self.allow),
            notes=(VALIDATE_LOCK, *figures_of(table, key, answers)),
            fidelity=Fidelity.EXACT,
            way_back=WayBack.EXACT,
            way_back_note=f"{back}, if it still is what this run left",
            risk="schema",
            alters=(ALL_FOREIGN_KEYS,),
            forecasts=(Forecast(question=FOREIGN_KEYS, answer=after),),
            data=_data(table, key, before, validates=True),
        )


def _data(
    table: ReferringTable, key: ForeignKey, before: ForeignKey | None, *, validates: bool
) -> dict[str, Json]:
    return {
        "schema": table.schema_name,
        "table": table.name,
        "key": _unnumbered(key),
        "before": _unnumbered(before) if before else None,
        "validates": validates,
    }


def _unnumbered(key: ForeignKey) -> dict[str, Json]:
    """Return it without its number: one that was put back has another, and is the same to a plan."""
    return key.model_copy(update={"oid": 0}).model_dump(mode="json")


STEPS: tuple[type[Step], ...] = (MakeForeignKey,)
