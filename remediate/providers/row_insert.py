"""The action `sql.insert_rows`: inserts rows whose keys are not there yet, and removes those that nobody has touched.

It composes its statements and sends none by itself. Every row has its key given: what the database would number by
itself could not be planned, nor be recognised after a crash.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

from pydantic import model_validator

from remediate.errors import Conflict, Failed
from remediate.model import Change, Fidelity, Json, Undo, WayBack, canonical
from remediate.promise import Need, Promise
from remediate.providers import catalog
from remediate.providers.row_action import OnRows
from remediate.providers.row_adoption import Adopts, adopted_now, adopting
from remediate.providers.row_batches import (
    ROW_LOCKS,
    Row,
    Workable,
    about_table,
    as_shown,
    batches,
    counted,
    in_all,
    live_notes,
    meant,
    number_before,
    share_of,
    target_of,
    workable,
    written_rows,
)
from remediate.providers.row_cascade import leading_to
from remediate.providers.row_facts import FOREIGN_KEYS, ForeignKey, foreign_keys_in, rights
from remediate.providers.row_images import (
    MAKE_ROOM,
    RowsOf,
    all_saved,
    done_before,
    note_work,
    recipe_back,
    save_new,
)
from remediate.providers.row_insert_back import obstacles_of, take_away, way_back, way_back_note
from remediate.providers.row_selection import quoted, rows_fact, texts_of, written_out
from remediate.providers.row_way_back import Obstacle
from remediate.questions import Answers, Query
from remediate.steps import Questions, Step
from remediate.target import DatabaseChange, Statement, Target

_SHOWN = 5
_PLACE_OF_ROWS = ("the rows of this batch",)


class InsertRows(OnRows):
    """Inserts those of the given rows whose keys are not there.

    The way back deletes them only where all are as this run inserted them, and nothing refers to one.

    Attributes:
        rows: The rows, each a mapping of columns to values; all of the same columns.
        same: Columns that have the same value in all of them.
        set_now: Columns that become the moment of the change (`updatedAt`).
        show: The columns that the plan shows of each row, besides its key; by default all that are given.
        undecided: What nobody can say of rows that belong here, too (`found.….undecided` of `sql.orphans`): where
            there is any, nothing is inserted, and it is told.
        adopts: Columns of other tables that name these rows already: their orphans. The way back leaves those without
            a parent again, and stops where other rows name one by then.
    """

    kind: ClassVar[str] = "sql.insert_rows"
    tells: ClassVar[str] = (
        "Inserts {rows} into {table}, those whose keys are not there[, each with {same}][ and with the "
        "present moment as {set_now}]. Unless their number is as expected ({expect}), it inserts "
        "nothing[; nor where it is undecided what a row must be: {undecided}][. They become the parents "
        "of rows that name them already: {adopts}]"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    promise: ClassVar[Promise] = Promise(
        fidelity={
            Fidelity.EXACT: "",
            Fidelity.ESTIMATE: "where triggers fire, or a column becomes the moment of the change",
        },
        back={
            WayBack.EXACT: "they are deleted where all are still as they were inserted, and nothing else refers to one",
            WayBack.EQUIVALENT: "where triggers fire: what these did besides stays",
            WayBack.NONE: "where a foreign key to the table was never validated: rows may refer to them already",
        },
        risks=("data",),
        meanwhile=ROW_LOCKS,
    )
    rows: list[dict[str, Any]]
    same: dict[str, Any] = {}
    set_now: list[str] = []
    show: list[str] | None = None
    undecided: list[str] = []
    adopts: list[Adopts] = []

    @model_validator(mode="after")
    def _adopts_by_one_column(self) -> "InsertRows":
        if self.adopts and len(self.key) != 1:
            raise ValueError("adopts wants a key of one column")
        return self

    @model_validator(mode="after")
    def _rows_are_alike(self) -> "InsertRows":
        shapes = {tuple(sorted({**row, **self.same})) for row in self.rows}
        if len(shapes) > 1:
            raise ValueError("all rows have the same columns; put what differs into actions of their own")
        if missing := [name for name in self.key if shapes and name not in next(iter(shapes))]:
            raise ValueError(f"every row gives its key: {', '.join(missing)}")
        if twice := {*self.given} & {*self.set_now}:
            raise ValueError(f"set twice: {', '.join(sorted(twice))}")
        return self

    @property
    def given(self) -> tuple[str, ...]:
        """The columns that have a value given."""
        return tuple(sorted({**(self.rows[0] if self.rows else {}), **self.same}))

    @cached_property
    def missing(self) -> Query:
        """The question which of the rows are not there, in the order of their keys."""
        key, name = tuple(self.key), quoted(self.table)
        same = " AND ".join(f"r.{quoted(one)} = v.{quoted(one)}" for one in key)
        order = ", ".join(f"v.{quoted(one)}" for one in key)
        sql = f"""SELECT count(*) OVER () AS whole, {texts_of(key, "v")} AS key, NULL::jsonb AS shown,
 (g.number - 1)::text AS image FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS g (one, number)
CROSS JOIN LATERAL jsonb_populate_record(NULL::{name}, g.one) AS v
WHERE NOT EXISTS (SELECT FROM {name} AS r WHERE {same}) ORDER BY {order} LIMIT %s"""  # noqa: S608  (quoted)
        rows = canonical(self._whole).decode()
        return Query(sql=sql, parameters=(key, rows, self.expect.high + 1), about=(rows_fact(self.table),))

    def ask(self) -> Questions:
        """Ask for the table, the role's rights, and which of the rows are not there."""
        children = (rights(one.table) for one in self.adopts)
        return (*about_table(self.table), self.missing, done_before(self.recipe), *children)

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return one change for each batch.

        Raises:
            Failed: The table has another key, or the role may not, or the rows are fewer or more than expected, or a
                column that must have a value has none, or there is something undecided.
        """
        if self.undecided:
            what = f"nobody can say of {'; '.join(self.undecided[:_SHOWN])}"
            more = f" (and {len(self.undecided) - _SHOWN} more)" if len(self.undecided) > _SHOWN else ""
            raise Failed(answers.where, what + more, "a person decides that first; nothing was changed")
        if not self.rows:
            return ()
        table = workable(self.table, self.key, (*self.given, *self.set_now), "insert", answers)
        self._refuse_unfit(table, answers)
        before = number_before(self.recipe, answers)
        rows = meant(answers[self.missing], self.expect, before, self.table, answers.where)
        self._refuse_odd_keys(rows, answers.where)
        return tuple(self._change(table, batch, rows, answers) for batch in batches(rows, self.batch))

    def _refuse_unfit(self, table: Workable, answers: Answers) -> None:
        named = {*self.given, *self.set_now}
        if wrong := sorted(named & {*table.rights.computed}):
            raise Failed(
                answers.where, f"{self.table}.{wrong[0]} is computed by the database", "leave it out"
            )
        needed = [
            column.name
            for column in table.table.columns
            if not (column.nullable or column.generated or column.default is not None)
        ]
        without = [name for name in needed if name not in named]
        if without or any(
            row.get(name) is None for row in self._whole for name in needed if name in self.given
        ):
            names = ", ".join(without or [name for name in needed if name in self.given])
            what = f"a row of {self.table} needs a value for {names}"
            raise Failed(answers.where, what, "give one (`same` gives it to all); nothing was changed")

    @property
    def _whole(self) -> tuple[dict[str, Json], ...]:
        return tuple({**row, **self.same} for row in self.rows)

    def _refuse_odd_keys(self, rows: tuple[Row, ...], where: str) -> None:
        keys = [canonical(row.key) for row in rows]
        if len({*keys}) < len(keys) or any(None in row.key.values() for row in rows):
            what = f"two of the rows for {self.table} have the same key, or one has none"
            raise Failed(where, what, "correct the rows; nothing was changed")

    def _change(
        self, table: Workable, batch: tuple[Row, ...], rows: tuple[Row, ...], answers: Answers
    ) -> Change:
        first = batch[0] == rows[0]
        whole = canonical([self._whole[int(row.image)] for row in batch]).decode()
        insert = self._insert(table.rows, whole)
        names = tuple(str(row.key[self.key[0]]) for row in batch)
        adopted = adopting(self.adopts, names, answers, self.table)
        leading = leading_to((table.rows,), foreign_keys_in(answers[FOREIGN_KEYS]))
        unvalidated = tuple(
            key.name for key in leading if not (key.validated or any(one.is_led_by(key) for one in adopted))
        )
        return Change(
            what=f"insert {counted(len(batch))} into {self.table}",
            target=target_of(table.rows, batch),
            sample="\n".join(self._sampled(rows)) if first else "",
            script=f"{written_out(insert.sql, _PLACE_OF_ROWS)};",
            hazards=self.hazards_of(insert.model_copy(update={"parameters": _PLACE_OF_ROWS}), answers),
            notes=(
                *self._notes(rows, answers),
                *self._counted_by_itself(table),
                *table.firing,
                *table.sent_on,
            )
            if first
            else (),
            rows=written_rows(len(batch), fires=bool(table.firing)),
            fidelity=Fidelity.ESTIMATE if table.firing or self.set_now else Fidelity.EXACT,
            way_back=way_back(table, unvalidated),
            way_back_note=way_back_note(unvalidated, adopted),
            risk="data",
            alters=(
                f"table:{self.table}",
                rows_fact(self.table),
                "rows",
                f"recipe:{self.recipe}",
            ),
            data={
                "rows": table.rows.model_dump(mode="json"),
                "given": whole,
                "planned": canonical([{"key": row.key} for row in batch]).decode(),
                "number": len(batch),
                "adopts": [one.model_dump(mode="json") for one in adopted],
                "share": share_of(self.recipe, rows, answers),
            },
        )

    def _sampled(self, rows: tuple[Row, ...]) -> list[str]:
        lines = []
        for row in rows[:_SHOWN]:
            given = self._whole[int(row.image)]
            shown = self.show if self.show is not None else [*self.given, *self.set_now]
            values = [
                f"{name}: {as_shown(given[name]) if name in given else 'the moment of the change'}"
                for name in dict.fromkeys((*self.key, *shown))
            ]
            lines.append(f"+ {', '.join(values)}")
        return lines

    def _notes(self, rows: tuple[Row, ...], answers: Answers) -> tuple[str, ...]:
        there = len(self.rows) - len(rows)
        left = (
            f"{counted(there)} of those given {'is' if there == 1 else 'are'} there already, and left alone",
        )
        return (
            in_all(rows, self.batch),
            *(left if there else ()),
            "a unique column whose value is taken refuses the whole batch",
            *live_notes(answers.raw(catalog.live(self.table))),
            "what it makes stays told apart: SELECT relation, key FROM remediate.rows WHERE run = this run",
        )

    def _counted_by_itself(self, table: Workable) -> tuple[str, ...]:
        columns = (table.table.by_name[name] for name in self.key)
        counts = any(one.generated or (one.default or "").startswith("nextval(") for one in columns)
        return (
            ("its key counts up by itself, and goes on from where it was: keep out of its way",)
            if counts
            else ()
        )

    def _insert(self, rows: RowsOf, whole: str) -> Statement:
        typed = ", ".join(f"{quoted(one.name)} {one.sql_type}" for one in rows.typed(self.given))
        names = ", ".join(quoted(name) for name in (*self.given, *self.set_now))
        values = ", ".join((*(f"v.{quoted(name)}" for name in self.given), *("now()" for _ in self.set_now)))
        sql = f"""INSERT INTO {rows.name} ({names}) OVERRIDING SYSTEM VALUE
SELECT {values} FROM jsonb_to_recordset(%s::jsonb) AS v ({typed})"""  # noqa: S608  (quoted)
        return Statement(sql=sql, parameters=(whole,))

    def snapshot(self, target: Target, change: Change) -> Undo:
        """Write down under which token the keys are kept (by the change itself), and who names them already."""
        adopted = adopted_now(target, change.data.get("adopts", []))
        return self.undo_with({"rows": change.data["rows"], "change": target.token, "adopted": adopted})

    def apply(self, target: Target, change: Change) -> None:
        """Insert one batch, together with what is kept of it.

        Raises:
            Conflict: One of the keys is there by now; none was inserted.
            Failed: The server refused; none was inserted.
            Lost: The answer to COMMIT was lost, and the ledger cannot be asked.
        """
        rows, token = RowsOf.model_validate(change.data["rows"]), target.token
        number = int(change.data["number"])
        statements = (
            MAKE_ROOM,
            self._insert(rows, str(change.data["given"])),
            save_new(rows, token, self.recipe, str(change.data["planned"])),
            all_saved(rows, token, number),
            note_work(self.recipe),
        )
        try:
            target.change_database(
                DatabaseChange(statements=statements, undo=recipe_back(rows, token, change.data))
            )
        except Failed:
            self._refuse_taken(target, change)
            raise

    def _refuse_taken(self, target: Target, change: Change) -> None:
        left = self.plan(target.answer(self.ask()))
        if change.outline.essence not in {one.outline.essence for one in left}:
            what = f"{change.target}: not all of these keys are free any more"
            raise Conflict(target.name, what, "nothing of this batch was inserted; run plan again")

    def obstacles(self, undo: Undo, keys: Sequence[ForeignKey]) -> tuple[Obstacle, ...]:
        """Return the questions which rows of a batch were changed, and which something refers to by now."""
        return obstacles_of(undo, keys)

    def undo(self, target: Target, undo: Undo) -> None:
        """Delete what one batch inserted, where all of it is still so and nothing refers to it.

        Raises:
            Conflict: Some is not, or something does; none was deleted.
            Failed: The server refused, or what was kept has been removed; none was deleted.
        """
        take_away(target, undo)


STEPS: tuple[type[Step], ...] = (InsertRows,)
