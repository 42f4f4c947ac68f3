"""The action `sql.delete_rows`: deletes a planned, exact set of rows, in batches, and puts the same rows back.

It composes its statements and sends none by itself. Rows that others refer to are refused, or go with what a cascade
takes, all of it kept first.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import ClassVar

from remediate.errors import Failed
from remediate.model import Change, Fidelity, Undo, WayBack
from remediate.promise import Need, Promise
from remediate.providers import catalog
from remediate.providers.foreign_key_aside import in_the_way, orphaned_by, without
from remediate.providers.row_action import PLACE, OnRowsThatAre
from remediate.providers.row_batches import (
    KEPT,
    PINNED,
    ROW_LOCKS,
    WAITS,
    Row,
    Workable,
    about_parents,
    about_table,
    batches,
    counted,
    in_all,
    live_notes,
    meant,
    not_as_planned,
    number_before,
    planned,
    refuse_unseen_parents,
    sample_of,
    share_of,
    target_of,
    workable,
    written_rows,
)
from remediate.providers.row_cascade import (
    Taken,
    all_referring,
    as_data,
    as_planned,
    from_data,
    leading_to,
    no_other_key,
    refuse_dependents,
    save_taken,
    taken_by,
)
from remediate.providers.row_facts import (
    FOREIGN_KEYS,
    ForeignKey,
    dependents,
    dependents_in,
    foreign_keys_in,
)
from remediate.providers.row_images import (
    MAKE_ROOM,
    RowsOf,
    all_saved,
    as_before,
    delete,
    done_before,
    none_of,
    note_work,
    put_rows_back,
    recipe_back,
    save,
    settled,
    there_again,
)
from remediate.providers.row_selection import (
    Fragment,
    column_fact,
    joined,
    quoted,
    rows_fact,
    selection,
    written_out,
)
from remediate.providers.row_way_back import Obstacle, is_owed, without_parent
from remediate.questions import Answers, Facts, Query
from remediate.steps import Questions, Step
from remediate.target import DatabaseChange, Statement, Target

_WHOLE_ROW = "(r.*)"
_DELETED = "deleted: somebody made them anew"


class DeleteRows(OnRowsThatAre):
    """Deletes the rows that meet all conditions, and keeps them, so that the same rows can be put back.

    Attributes:
        cascade: Whether rows that refer to them by ON DELETE CASCADE may go, too; then all is one transaction.
        show: The columns that the plan shows of each row, besides its key.
    """

    kind: ClassVar[str] = "sql.delete_rows"
    tells: ClassVar[str] = (
        "Deletes the rows of {table} that meet {where}, and keeps each as a whole in remediate.rows. Unless their"
        " number is as expected ({expect}), it deletes nothing[. Rows that refer to them by ON DELETE CASCADE go, too,"
        " where {cascade} is true]"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.EXACT: "", Fidelity.ESTIMATE: "where triggers fire"},
        back={
            WayBack.EXACT: "the same rows are inserted again where their keys are still free",
            WayBack.EQUIVALENT: "where triggers fire: what these did besides stays",
        },
        risks=("data",),
        meanwhile=ROW_LOCKS,
    )
    cascade: bool = False
    show: list[str] = []

    @property
    def _about(self) -> Facts:
        of_where = (fact for one in self.where for fact in one.about(self.table))
        return (rows_fact(self.table), f"table:{self.table}", *of_where)

    @property
    def _meant(self) -> Fragment:
        return joined(tuple(one.sql for one in self.where))

    @cached_property
    def selected(self) -> Query:
        """The question which rows are meant."""
        shown = (*(column_fact(self.table, name) for name in (*self.key, *self.show)), *self._about)
        return selection(
            self.table,
            tuple(self.key),
            shown=tuple(self.show),
            image=_WHOLE_ROW,
            where=self._meant,
            most=self.expect.high + 1,
            about=tuple(dict.fromkeys(shown)),
        )

    @cached_property
    def referring(self) -> Query:
        """The question what refers to them."""
        where, values = self._meant
        rows = written_out(f"SELECT r.* FROM {quoted(self.table)} AS r WHERE {where}", values)  # noqa: S608
        same = " AND ".join(f"x.{quoted(name)} = r.{quoted(name)}" for name in self.key).replace("%%", "%")
        among = f"EXISTS (SELECT FROM ({rows}) AS x WHERE {same})"
        return dependents(self.table, rows, among, (*self._about, "rows"))

    def ask(self) -> Questions:
        """Ask for the table, the role's rights, the rows that are meant, and what refers to them."""
        return (
            *about_table(self.table),
            *about_parents(self.where),
            self.selected,
            self.referring,
            done_before(self.recipe),
        )

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return one change for each batch.

        Raises:
            Failed: The table has another key, or the role may not, or the rows are fewer or more than expected, or
                others refer to them.
        """
        named = (*self.show, *(one.column for one in self.where))
        table = workable(self.table, self.key, named, "delete", answers)
        refuse_unseen_parents(self.where, answers)
        before = number_before(self.recipe, answers)
        rows = meant(answers[self.selected], self.expect, before, self.table, answers.where)
        if not rows:
            return ()
        taken = self._taken(table, rows, answers)
        return tuple(self._change(table, batch, rows, taken, answers) for batch in batches(rows, self.batch))

    def _taken(self, table: Workable, rows: Sequence[Row], answers: Answers) -> tuple[Taken, ...]:
        found = dependents_in(answers[self.referring])
        refuse_dependents(found, len(rows), self.table, answers.where, cascade=self.cascade)
        keys = leading_to((table.rows,), foreign_keys_in(answers[FOREIGN_KEYS]))
        own = any((key.schema_name, key.table_name) == (key.parent_schema, key.parent_table) for key in keys)
        if len(rows) > self.batch and (found or own):
            what = f"{counted(len(rows))} of {self.table} refer to each other, or are referred to"
            todo = f"nothing was changed; let them go at once: `batch: {len(rows)}`, or mean fewer"
            raise Failed(answers.where, what, todo)
        return taken_by(found, table.rows, foreign_keys_in(answers[FOREIGN_KEYS]), answers)

    def _change(
        self,
        table: Workable,
        batch: tuple[Row, ...],
        rows: tuple[Row, ...],
        taken: tuple[Taken, ...],
        answers: Answers,
    ) -> Change:
        first = batch[0] == rows[0]
        statement = delete(table.rows, PLACE)
        fires = table.firing or any(one.fires for one in taken)
        involved = (table.rows, *(one.rows for one in taken))
        more = f" and {counted(sum(one.number for one in taken))} that a cascade takes" if taken else ""
        return Change(
            what=f"delete {counted(len(batch))} of {self.table}{more}",
            target=target_of(table.rows, batch),
            sample=sample_of(rows, None) if first else "",
            script=f"{written_out(statement.sql, statement.parameters)};",
            hazards=self.hazards_of(statement, answers),
            notes=(*self._notes(rows, taken, answers), *table.firing, *table.sent_on) if first else (),
            rows=written_rows(len(batch) + sum(one.number for one in taken), fires=bool(fires)),
            fidelity=Fidelity.ESTIMATE if fires else Fidelity.EXACT,
            way_back=WayBack.EQUIVALENT if fires else WayBack.EXACT,
            way_back_note=f"inserts the same rows again where their keys are still free; {KEPT}",
            risk="data",
            alters=tuple(self._alters(taken)),
            data={
                "rows": table.rows.model_dump(mode="json"),
                "planned": planned(batch),
                "number": len(batch),
                "share": share_of(self.recipe, rows, answers),
                "taken": [one.model_dump(mode="json") for one in taken],
                "foreign_keys": as_data(leading_to(involved, foreign_keys_in(answers[FOREIGN_KEYS]))),
                "fires": bool(fires),
                "orphaned": orphaned_by(self.where),
            },
        )

    def _alters(self, taken: Sequence[Taken]) -> Facts:
        tables = (self.table, *(one.rows.table for one in taken))
        each = (fact for table in tables for fact in (f"table:{table}", rows_fact(table)))
        return (*each, "rows", f"recipe:{self.recipe}")

    def _notes(self, rows: Sequence[Row], taken: Sequence[Taken], answers: Answers) -> tuple[str, ...]:
        return (
            in_all(rows, self.batch),
            *(
                f"a cascade takes {counted(one.number)} of {one.rows.table} ({one.foreign_key.name}), kept too"
                for one in taken
            ),
            *(() if taken else ("nothing in the database refers to them",)),
            PINNED,
            WAITS,
            *live_notes(answers.raw(catalog.live(self.table))),
            *self._back_under(answers),
            "files that these rows name, in an object store or elsewhere, are not looked at",
        )

    def _back_under(self, answers: Answers) -> Iterator[str]:
        orphaned = orphaned_by(self.where)
        for key in foreign_keys_in(answers[FOREIGN_KEYS]):
            refers = [*key.columns, key.parent_table, *key.parent_columns]
            if key.table_name == self.table and not key.validated and refers in orphaned:
                yield (
                    f"way back: {key.name}, NOT VALID, lets no orphan in, so it is dropped and made anew in the same"
                    " transaction (ACCESS EXCLUSIVE on both tables)"
                )

    def apply(self, target: Target, change: Change) -> None:
        """Delete one batch, together with what is kept of it.

        Raises:
            Conflict: Rows of it are no longer as planned; none was deleted.
            Failed: The server refused, a row's lock was not to be had, or something refers to one; none was deleted.
            Lost: The answer to COMMIT was lost, and the ledger cannot be asked.
        """
        rows, token = RowsOf.model_validate(change.data["rows"]), target.token
        taken = [Taken.model_validate(one) for one in change.data["taken"]]
        number, involved = int(change.data["number"]), [rows, *(one.rows for one in taken)]
        keys = from_data(change.data["foreign_keys"])
        statements: tuple[Statement, ...] = (
            MAKE_ROOM,
            save(
                rows,
                token,
                self.recipe,
                planned=str(change.data["planned"]),
                image=_WHOLE_ROW,
                where=self._meant,
            ),
            all_saved(rows, token, number),
            note_work(self.recipe),
            *(
                part
                for one in taken
                for part in (save_taken(one, token, self.recipe), as_planned(one, token))
            ),
            no_other_key(involved, keys),
            *(none_of(question) for _, question in all_referring(involved, keys, token)),
            delete(rows, token),
            *(none_of(there_again(one, token)) for one in involved),
        )
        try:
            target.change_database(
                DatabaseChange(statements=statements, undo=recipe_back(rows, token, change.data))
            )
        except Failed:
            not_as_planned(target, change, rows, self.selected)
            self.plan(target.answer(self.ask()))  # what refers to them by now is told there
            raise

    def obstacles(self, undo: Undo, keys: Sequence[ForeignKey]) -> tuple[Obstacle, ...]:
        """Return the questions which keys of a batch are taken by now, and which rows have lost their parents.

        Rows that were orphans when they were deleted come back as such.
        """
        change, involved = str(undo.data["change"]), _involved(undo)
        orphaned = undo.data.get("orphaned", [])
        taken = (Obstacle(rows, there_again(rows, change), _DELETED) for rows in involved)
        lost = (
            Obstacle(rows, without_parent(rows, key, change), f"without what {key.name} needs")
            for rows in involved
            for key in keys
            if (key.schema_name, key.table_name) == (rows.schema_name, rows.table)
            and {*key.columns} <= {*rows.all_names}
            if key.validated or [*key.columns, key.parent_table, *key.parent_columns] not in orphaned
        )
        return (*taken, *lost)

    def undo(self, target: Target, undo: Undo) -> None:
        """Insert the rows of one batch again, and what a cascade took with them, where none of their keys is taken.

        Raises:
            Conflict: Some are; nothing was inserted.
            Failed: The server refused, or what was kept has been removed; nothing was inserted.
        """
        if not is_owed(target, undo):
            return
        change, involved = str(undo.data["change"]), _involved(undo)
        self.refuse_way_back(target, (undo,))
        root = involved[0]
        back = (
            *(none_of(there_again(rows, change)) for rows in involved),
            *(put_rows_back(rows, change) for rows in involved),
            *(as_before(rows, change, rows.all_names) for rows in involved if not undo.data["fires"]),
        )
        keys = in_the_way(target, root.table, undo.data.get("orphaned", []))
        statements = without(root.schema_name, root.table, keys, back)
        try:
            target.change_database(DatabaseChange(statements=(*statements, *settled(change))))
        except Failed:
            self.refuse_way_back(target, (undo,))
            raise


def _involved(undo: Undo) -> list[RowsOf]:
    taken = [Taken.model_validate(one) for one in undo.data["taken"]]
    return [RowsOf.model_validate(undo.data["rows"]), *(one.rows for one in taken)]


STEPS: tuple[type[Step], ...] = (DeleteRows,)
