"""The action `sql.update_rows`: sets columns of a planned, exact set of rows, in batches, and puts old values back.

It composes its statements and sends none by itself. A value is JSON that the server turns into the column's type.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

from pydantic import Field, model_validator

from remediate.errors import Failed
from remediate.model import Change, Fidelity, Undo, WayBack, canonical
from remediate.promise import Need, Promise
from remediate.providers import catalog
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
    as_shown,
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
from remediate.providers.row_cascade import leading_to
from remediate.providers.row_facts import FOREIGN_KEYS, ForeignKey, foreign_keys_in
from remediate.providers.row_images import (
    MAKE_ROOM,
    RowsOf,
    all_saved,
    as_before,
    differing,
    done_before,
    keep_after,
    lock_rows,
    none_of,
    note_work,
    put_values_back,
    recipe_back,
    save,
    settled,
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
from remediate.providers.row_way_back import AS_LEFT, Obstacle, is_owed, refuse_differing
from remediate.questions import Answers, Query
from remediate.steps import Questions, Step
from remediate.target import DatabaseChange, Statement, Target


class UpdateRows(OnRowsThatAre):
    """Sets columns of the rows that meet all conditions and are not so already.

    The way back gives a row its old values only where it still has what this run wrote.

    Attributes:
        set: What each column becomes; lists and mappings for arrays and JSON.
        set_now: Columns that become the moment of the change (`updatedAt`).
        show: The columns that the plan shows of each row; by default those that change.
    """

    kind: ClassVar[str] = "sql.update_rows"
    tells: ClassVar[str] = (
        "Sets {set} in the rows of {table} that meet {where}[, and the present moment as {set_now}]. "
        "Unless their number is as expected ({expect}), it writes nothing"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    promise: ClassVar[Promise] = Promise(
        fidelity={
            Fidelity.EXACT: "",
            Fidelity.ESTIMATE: "where triggers fire, or a column becomes the moment of the change",
        },
        back={
            WayBack.EXACT: "the old values are put back where a row still has what this run wrote",
            WayBack.EQUIVALENT: "where triggers fire: what these did besides stays",
        },
        risks=("data",),
        meanwhile=ROW_LOCKS,
    )
    set: dict[str, Any] = Field(min_length=1)
    set_now: list[str] = []
    show: list[str] | None = None

    @model_validator(mode="after")
    def _sets_what_can_be_set(self) -> "UpdateRows":
        if wrong := sorted({*self.set, *self.set_now} & {*self.key}):
            raise ValueError(f"a key is never set: {', '.join(wrong)}")
        if wrong := sorted({*self.set} & {*self.set_now}):
            raise ValueError(f"set twice: {', '.join(wrong)}")
        return self

    @property
    def written(self) -> tuple[str, ...]:
        """The columns that it writes."""
        return (*self.set, *self.set_now)

    @cached_property
    def selected(self) -> Query:
        """The question which rows are meant."""
        shown = tuple(self.show if self.show is not None else self.written)
        about = (
            rows_fact(self.table),
            *(column_fact(self.table, name) for name in dict.fromkeys((*self.key, *self.written, *shown))),
            *(fact for one in self.where for fact in one.about(self.table)),
        )
        return selection(
            self.table,
            tuple(self.key),
            shown=shown,
            image=self._image,
            where=self._meant,
            most=self.expect.high + 1,
            about=about,
        )

    @property
    def _meant(self) -> Fragment:
        return joined((*(one.sql for one in self.where), self._differs))

    @property
    def _image(self) -> str:
        return f"ROW({', '.join(f'r.{quoted(name)}' for name in self.written)})"

    @property
    def _differs(self) -> Fragment:
        wanted = f"jsonb_populate_record(NULL::{quoted(self.table)}, %s::jsonb)"
        each = (
            f"r.{quoted(name)}::text IS DISTINCT FROM ({wanted}).{quoted(name)}::text" for name in self.set
        )
        value = canonical(self.set).decode()
        return joined(tuple((text, (value,)) for text in each), " OR ")

    def ask(self) -> Questions:
        """Ask for the table, the role's rights, and the rows that are meant."""
        return (*about_table(self.table), *about_parents(self.where), self.selected, done_before(self.recipe))

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return one change for each batch.

        Raises:
            Failed: The table has another key, or the role may not, or the rows are fewer or more than expected.
        """
        named = (*self.written, *(self.show or ()), *(one.column for one in self.where))
        table = workable(self.table, self.key, named, "update", answers)
        refuse_unseen_parents(self.where, answers)
        self._refuse_unwritable(table, answers)
        before = number_before(self.recipe, answers)
        rows = meant(answers[self.selected], self.expect, before, self.table, answers.where)
        return tuple(self._change(table, batch, rows, answers) for batch in batches(rows, self.batch))

    def _refuse_unwritable(self, table: Workable, answers: Answers) -> None:
        if wrong := [name for name in self.written if name in table.rights.computed]:
            raise Failed(
                answers.where, f"{self.table}.{wrong[0]} is computed by the database", "leave it out"
            )
        for key in leading_to((table.rows,), foreign_keys_in(answers[FOREIGN_KEYS])):
            if wrong := [name for name in key.parent_columns if name in self.written]:
                what = f"{self.table}.{wrong[0]} is what {key.table_name} refers to by {key.name}"
                raise Failed(answers.where, what, "nothing was changed; rows of both would change")

    def _change(
        self, table: Workable, batch: tuple[Row, ...], rows: tuple[Row, ...], answers: Answers
    ) -> Change:
        first = batch[0] == rows[0]
        update = self._update(table.rows, PLACE)
        columns = ", ".join(self.written)
        return Change(
            what=f"set {columns} in {counted(len(batch))} of {self.table}",
            target=target_of(table.rows, batch),
            sample=sample_of(rows, self._after) if first else "",
            script=f"{written_out(update.sql, update.parameters)};",
            hazards=self.hazards_of(update, answers),
            notes=(*self._notes(rows, answers), *table.firing, *table.sent_on) if first else (),
            rows=written_rows(len(batch), fires=bool(table.firing)),
            fidelity=Fidelity.ESTIMATE if table.firing or self.set_now else Fidelity.EXACT,
            way_back=WayBack.EQUIVALENT if table.firing else WayBack.EXACT,
            way_back_note=f"puts the old values back where a row still has what this run wrote; {KEPT}",
            risk="data",
            alters=(
                f"table:{self.table}",
                *(column_fact(self.table, name) for name in self.written),
                f"recipe:{self.recipe}",
            ),
            data={
                "rows": table.rows.model_dump(mode="json"),
                "planned": planned(batch),
                "number": len(batch),
                "share": share_of(self.recipe, rows, answers),
                "fires": bool(table.firing),
            },
        )

    @property
    def _after(self) -> dict[str, str]:
        return {
            **{name: as_shown(value) for name, value in self.set.items()},
            **dict.fromkeys(self.set_now, "the moment of the change"),
        }

    def _notes(self, rows: tuple[Row, ...], answers: Answers) -> tuple[str, ...]:
        return (
            in_all(rows, self.batch),
            PINNED,
            WAITS,
            *live_notes(answers.raw(catalog.live(self.table))),
            "what it writes stays told apart: SELECT relation, key, after FROM remediate.rows WHERE run = this run",
        )

    def _update(self, rows: RowsOf, change: str) -> Statement:
        typed = ", ".join(f"{quoted(one.name)} {one.sql_type}" for one in rows.typed(tuple(self.set)))
        values = (
            *(f"{quoted(name)} = v.{quoted(name)}" for name in self.set),
            *(f"{quoted(name)} = now()" for name in self.set_now),
        )
        sql = f"""UPDATE {rows.name} AS r SET {", ".join(values)}
FROM remediate.rows AS s, jsonb_to_record(%s::jsonb) AS v ({typed})
WHERE s.change = %s AND s.relation = %s AND {rows.is_row_of()}"""  # noqa: S608  (quoted)
        return Statement(sql=sql, parameters=(canonical(self.set).decode(), change, rows.relation))

    def apply(self, target: Target, change: Change) -> None:
        """Change one batch, together with what is kept of it.

        Raises:
            Conflict: Rows of it are no longer as planned; none was changed.
            Failed: The server refused, or a row's lock was not to be had; none was changed.
            Lost: The answer to COMMIT was lost, and the ledger cannot be asked.
        """
        rows, token = RowsOf.model_validate(change.data["rows"]), target.token
        number = int(change.data["number"])
        statements = (
            MAKE_ROOM,
            save(
                rows,
                token,
                self.recipe,
                planned=str(change.data["planned"]),
                image=self._image,
                where=self._meant,
            ),
            all_saved(rows, token, number),
            note_work(self.recipe),
            self._update(rows, token),
            keep_after(rows, token, self.written),
        )
        try:
            target.change_database(
                DatabaseChange(statements=statements, undo=recipe_back(rows, token, change.data))
            )
        except Failed:
            not_as_planned(target, change, rows, self.selected)
            raise

    def obstacles(self, undo: Undo, keys: Sequence[ForeignKey]) -> tuple[Obstacle, ...]:
        """Return the question which rows of a batch have something else by now."""
        del keys
        rows, change = RowsOf.model_validate(undo.data["rows"]), str(undo.data["change"])
        return (Obstacle(rows, differing(rows, change, self.written, gone_is_fine=False), AS_LEFT),)

    def undo(self, target: Target, undo: Undo) -> None:
        """Give the rows of one batch their old values, where all of them still have what this run wrote.

        Raises:
            Conflict: Some have not; none was touched.
            Failed: The server refused, or what was kept has been removed; none was touched.
        """
        if not is_owed(target, undo):
            return
        rows, change = RowsOf.model_validate(undo.data["rows"]), str(undo.data["change"])
        question = differing(rows, change, self.written, gone_is_fine=False)
        refuse_differing(target, rows, question)
        statements = (
            lock_rows(rows, change),
            none_of(question),
            put_values_back(rows, change, self.written),
            *(() if undo.data["fires"] else (as_before(rows, change, self.written),)),
            *settled(change),
        )
        try:
            target.change_database(DatabaseChange(statements=statements))
        except Failed:
            refuse_differing(target, rows, question)
            raise


STEPS: tuple[type[Step], ...] = (UpdateRows,)
