"""The actions `sql.analyze` and `sql.vacuum`: what autovacuum should have done, done now. Never VACUUM FULL.

Both take SHARE UPDATE EXCLUSIVE (manual, "Explicit Locking"): nobody who reads or writes waits for them. What a role
does not own the server skips, with a warning and a success; so whether it came about is asked of its counters.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field

from remediate.errors import Failed
from remediate.model import Change, Fidelity, Forecast, Undo, WayBack
from remediate.promise import Need, Promise
from remediate.providers.behind_pooler import POOLED, refuse_pooler
from remediate.providers.sql_bloat import LONG, has_too_many_dead, is_stale
from remediate.providers.sql_statistics import (
    FIGURES,
    HOLDING_BACK,
    STATISTICS,
    Figures,
    figures_in,
    held_back_by,
    with_figures,
)
from remediate.questions import Answers, Query
from remediate.sql import identifier
from remediate.steps import Action, Questions, Step
from remediate.target import DatabaseChange, OutsideTransaction, Statement, Target

ANALYZED = """SELECT coalesce(max(analyze_count) > %s, false) FROM pg_stat_all_tables
WHERE schemaname = %s AND relname = %s"""
VACUUMED = """SELECT coalesce(max(vacuum_count) > %s, false) FROM pg_stat_all_tables
WHERE schemaname = %s AND relname = %s"""
_LOCK = (
    "lock: SHARE UPDATE EXCLUSIVE: reads and writes go on; ALTER TABLE, index builds and other vacuums wait"
)
_NOTHING_TO_TAKE_BACK = "nothing is to be taken back: no row is changed by it"


class _Upkeep(Action):
    """What both have in common."""

    tables: list[str] | None = Field(default=None, description="Which; by default those that are due.")
    timeout: float = Field(default=3600.0, gt=0, description="Seconds for one table.")
    verb: ClassVar[str]
    came_about: ClassVar[str]
    counter: ClassVar[str]
    afterwards: ClassVar[dict[str, Any]]

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return a change for each table that is due.

        Raises:
            Failed: A table that is named is not there, or its owner alone may do it.
        """
        tables = figures_in(answers[FIGURES])
        chosen = [one for one in tables.values() if self._is_due(one)]
        for name in self.tables or []:
            if name not in tables:
                raise Failed(
                    answers.where, f"there is no table {name} in the app's schema", "correct its name"
                )
        for one in chosen:
            if not one.may:
                what = f"{one.name} belongs to {one.owner}: for us the server would skip it"
                raise Failed(answers.where, what, f"let {one.owner} do it, or the database's owner")
        return tuple(self._changes(chosen, answers))

    def undo(self, target: Target, undo: Undo) -> None:
        """Do nothing: no row was changed."""

    def _is_due(self, one: Figures) -> bool:
        if self.tables is not None:
            return one.name in self.tables and self._has_any(one)
        return self._has_much(one)

    def _has_any(self, one: Figures) -> bool:
        raise NotImplementedError

    def _has_much(self, one: Figures) -> bool:
        raise NotImplementedError

    def _notes(self, one: Figures, answers: Answers) -> tuple[str, ...]:
        raise NotImplementedError

    def _changes(self, chosen: list[Figures], answers: Answers) -> Iterator[Change]:
        answer = answers[FIGURES]
        for one in chosen:
            count = getattr(one, self.counter)
            answer = with_figures(answer, one.name, {**self.afterwards, self.counter: count + 1})
            yield Change(
                what=f"{self.verb.lower()} {one.name}",
                target=f"table {one.schema_name}.{one.name}",
                script=f"{self._statement(one.schema_name, one.name)};",
                notes=self._notes(one, answers),
                fidelity=Fidelity.ESTIMATE,
                way_back=WayBack.EQUIVALENT,
                way_back_note=_NOTHING_TO_TAKE_BACK,
                risk="none",
                alters=(STATISTICS,),
                forecasts=(Forecast(question=FIGURES, answer=answer),),
                data={"schema": one.schema_name, "table": one.name, "count": count},
            )

    def _statement(self, schema: str, table: str) -> str:
        return f"{self.verb} {identifier(schema, table)}"

    def _of(self, change: Change) -> tuple[Statement, Query]:
        """Return what runs, and the question whether it came about."""
        schema, table, count = (change.data[name] for name in ("schema", "table", "count"))
        asked = Query(sql=self.came_about, parameters=(count, schema, table), about=(STATISTICS,))
        return Statement(sql=self._statement(schema, table)), asked

    def _refuse_skipped(self, target: Target, change: Change, asked: Query) -> None:
        if target.answer((asked,))[asked].rows[0][0] is not True:
            what = f"the server does not count {change.data['table']} as done: it skips what the role may not"
            raise Failed(target.name, what, "look into its log; nothing was changed")


class Analyze(_Upkeep):
    """Counts anew what the planner goes by; in a transaction, with its row in the ledger.

    Without `tables` it sees to those of which more than `changed_rows` and `changed_percent` changed; named ones are
    analyzed where anything changed.
    """

    kind: ClassVar[str] = "sql.analyze"
    tells: ClassVar[str] = (
        "Counts anew what the planner goes by (ANALYZE)[: of the tables {tables}, where anything "
        "changed][!tables?, for every table that has changed much]"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.ESTIMATE: "the figures are known only once they are counted"},
        back={WayBack.EQUIVALENT: "nothing has to be done, for no row is changed by it"},
        risks=("none",),
        meanwhile="readers and writers go on",
    )
    verb: ClassVar[str] = "ANALYZE"
    came_about: ClassVar[str] = ANALYZED
    counter: ClassVar[str] = "analyze_count"
    afterwards: ClassVar[dict[str, Any]] = {"changed": 0, "analyzed": True}
    changed_rows: int = Field(default=1_000, ge=1, description="As in `sql.stale_statistics`.")
    changed_percent: float = Field(default=20.0, ge=0, description="As in `sql.stale_statistics`.")

    def ask(self) -> Questions:
        """Ask for the figures."""
        return (FIGURES,)

    def apply(self, target: Target, change: Change) -> None:
        """Analyze the table.

        Raises:
            Failed: The server refused, skipped it, or the lock was not to be had.
            Lost: The answer to COMMIT was lost, and the ledger cannot be asked.
        """
        statement, asked = self._of(change)
        target.change_database(DatabaseChange(statements=(statement,), statement_timeout=self.timeout))
        self._refuse_skipped(target, change, asked)

    def _has_any(self, one: Figures) -> bool:
        return one.changed > 0 or not one.analyzed

    def _has_much(self, one: Figures) -> bool:
        return is_stale(one, self.changed_rows, self.changed_percent)

    def _notes(self, one: Figures, answers: Answers) -> tuple[str, ...]:
        del answers
        return (_LOCK, one.of_changed_rows, "it reads a sample of the table")


class Vacuum(_Upkeep):
    """Makes the room of dead rows free for new ones. Files do not shrink by it: that is VACUUM FULL, never done here.

    Without `tables` it sees to those that have more than `dead_rows` and `dead_percent`; named ones are vacuumed where
    they have any dead row.
    """

    kind: ClassVar[str] = "sql.vacuum"
    tells: ClassVar[str] = (
        "Frees the room of dead rows for new ones (VACUUM, never FULL)[: of the tables {tables}, where "
        "there are any][!tables?, for every table that has many]"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.ESTIMATE: "how many rows can be taken away is known only afterwards"},
        back={WayBack.EQUIVALENT: "nothing has to be done, for no row is changed by it"},
        risks=("none",),
        meanwhile="readers and writers go on",
    )
    verb: ClassVar[str] = "VACUUM"
    came_about: ClassVar[str] = VACUUMED
    counter: ClassVar[str] = "vacuum_count"
    afterwards: ClassVar[dict[str, Any]] = {"dead": 0}
    dead_rows: int = Field(default=10_000, ge=1, description="As in `sql.bloat`.")
    dead_percent: float = Field(default=20.0, ge=0, le=100, description="As in `sql.bloat`.")

    def ask(self) -> Questions:
        """Ask for the figures, and who keeps dead rows where they are."""
        return (FIGURES, HOLDING_BACK, POOLED)

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return one change for each table that is due.

        Raises:
            Failed: There is no such table, it is not ours, or a pooler stands between.
        """
        changes = super().plan(answers)
        if changes:
            refuse_pooler(answers, self.verb)
        return changes

    def apply(self, target: Target, change: Change) -> None:
        """Vacuum the table, outside a transaction.

        Raises:
            Failed: The server refused, skipped it, or the lock was not to be had.
            Lost: It is not known whether it came about.
        """
        statement, asked = self._of(change)
        target.change_database(
            OutsideTransaction(statement=statement, came_about=asked, statement_timeout=self.timeout)
        )
        self._refuse_skipped(target, change, asked)

    def _has_any(self, one: Figures) -> bool:
        return one.dead > 0

    def _has_much(self, one: Figures) -> bool:
        return has_too_many_dead(one, self.dead_rows, self.dead_percent)

    def _notes(self, one: Figures, answers: Answers) -> tuple[str, ...]:
        held = held_back_by(answers.raw(HOLDING_BACK), LONG)
        return (_LOCK, one.of_dead_rows, "it reads the table and its indexes", *filter(None, [held]))


STEPS: tuple[type[Step], ...] = (Analyze, Vacuum)
