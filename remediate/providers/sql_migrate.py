"""`sql.migrate`: one SQL script through the hazard gate, in one transaction, with its way down. Opens no connection.

That it was applied stands in `remediate.scripts`, written in the same transaction, by the SHA-256 of its text. What
PostgreSQL refuses in a transaction runs only where it is the script's one statement, and its end can be seen in the
catalog: an index that is made, or dropped, concurrently.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from remediate.errors import Conflict, Failed
from remediate.gate import Known, Verdict
from remediate.gate.concurrent import ConcurrentIndex, concurrent_index
from remediate.hazard import Hazard
from remediate.model import Change, Fidelity, Forecast, Json, Undo, WayBack
from remediate.promise import LOCK_WAIT, Need, Promise
from remediate.providers.behind_pooler import POOLED, refuse_pooler
from remediate.providers.catalog import ALL_TABLES
from remediate.providers.catalog_keys import ALL_FOREIGN_KEYS, ALL_INDEXES, INDEXES
from remediate.providers.live_tables import CATALOG, gated, known_from, known_rules, refuse_outside
from remediate.providers.own_change import OwnChange, change_of
from remediate.providers.script_record import (
    MAKE_SCRIPTS,
    SCRIPTS,
    SCRIPTS_THERE,
    applied_in,
    index_of,
    ours,
    outside,
    record_of,
    removed,
    with_script,
)
from remediate.providers.script_text import ScriptText
from remediate.providers.sql_script import not_in_a_transaction
from remediate.questions import Answers, QueryAnswer
from remediate.steps import Questions, Step
from remediate.target import DatabaseChange, OutsideTransaction, Statement, Target

WAITS = "lock: waited for 1 s at a time, 5 tries; all of it in one transaction, nothing of it where it fails"
OUTSIDE = (
    "outside a transaction: readers and writers go on meanwhile; what a broken attempt leaves is taken away"
)


class SqlMigrate(OwnChange):
    """Runs one SQL script, each statement judged by the hazard gate before (docs/SQL.md), once for each of its texts.

    All of it commits together with a row in `remediate.scripts`, or nothing does. `down` takes it back, gated, too;
    without one `way_back: none` says, with a reason, that nothing does.
    """

    kind: ClassVar[str] = "sql.migrate"
    on_schema: ClassVar[bool] = True
    tells: ClassVar[str] = (
        "Runs one SQL script[, the file {file},] in one transaction, once for each of its texts; every "
        "statement is judged by the hazard gate before[way_back?][reason?]"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    promise: ClassVar[Promise] = Promise(
        fidelity={
            Fidelity.ESTIMATE: "what will run is known to the letter, and what it makes of the data is not"
        },
        back={
            WayBack.EQUIVALENT: "the playbook's own script `down` takes it back",
            WayBack.NONE: "for the `reason` that the playbook gives, where it says `way_back: none`",
        },
        risks=("schema", "data"),
        meanwhile=f"each statement takes the locks it takes; {LOCK_WAIT}",
    )
    constant: ClassVar[tuple[tuple[str, ...], ...]] = (("text",), ("down", "text"))
    file: str | None = Field(default=None, description="The script: an absolute path on the host.")
    text: str | None = Field(default=None, description="The script itself, instead; no template.")
    down: ScriptText | None = Field(default=None, description="The script that takes it back.")
    way_back: Literal["none"] | None = Field(default=None, description="`none` where nothing takes it back.")
    reason: str = Field(default="", description="Why nothing takes it back.")
    allow: list[str] = Field(
        default=[], description="Rules of the hazard gate (docs/SQL.md) that would stop it, and shall not."
    )
    timeout: float = Field(default=60.0, gt=0, description="Seconds for one statement.")

    @classmethod
    def promised(cls, parameters: Mapping[str, Json]) -> Promise:
        """Return the promise with the way back that the playbook says."""
        return cls.promise.with_way_back(parameters.get("way_back"), parameters.get("reason"))

    @field_validator("allow")
    @classmethod
    def _known_rules(cls, allow: list[str]) -> list[str]:
        return known_rules(allow)

    @model_validator(mode="after")
    def _says_script_and_way_back(self) -> Self:
        if (self.file is None) == (self.text is None):
            raise ValueError("give either `file` or `text`")
        if (self.down is None) == (self.way_back is None):
            raise ValueError("give either `down` or `way_back: none`")
        if self.way_back == "none" and not self.reason.strip():
            raise ValueError("`way_back: none` needs a `reason`")
        return self

    @property
    def up(self) -> ScriptText:
        """The script."""
        return ScriptText(file=self.file, text=self.text)

    def ask(self) -> Questions:
        """Return the questions for the files, for the catalog, and for what was applied."""
        down = self.down.questions if self.down else ()
        return (*self.up.questions, *down, *CATALOG, SCRIPTS_THERE, SCRIPTS, POOLED)

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return the one change, or none where this very text was applied.

        Raises:
            Failed: There is no such file, or a statement cannot be run by this action.
            NotKnown: Whether its index is there is not known before an earlier step is done.
        """
        text = self.up.read(answers)
        digest = hashlib.sha256(text.encode()).hexdigest()
        if digest in applied_in(answers):
            return ()
        known = known_from(answers)
        verdict = self._verdict(self.up, text, known)
        index = _index_of(verdict)
        if index is not None and _indexes_are_known(answers) and index.stands(known):
            return ()
        if index is not None:
            refuse_pooler(answers, "what it makes concurrently")
        plan = _Planned(text, digest, verdict, index, self._down(answers, verdict, index))
        return (self._change(plan, answers),)

    def _verdict(self, script: ScriptText, text: str, known: Known) -> Verdict:
        verdict = gated(text, known, self.allow, script.place)
        if not verdict.statements:
            raise Failed(script.place, "has no statement", "write one")
        if _index_of(verdict) is None:
            todo = "give it a file of its own, without what it cannot stand beside"
            refuse_outside(verdict, script.place, todo)
            self._refuse_alone(script, verdict)
        return verdict

    def _refuse_alone(self, script: ScriptText, verdict: Verdict) -> None:
        """Refuse what is alone, needs no transaction, and leaves nothing in the catalog by which its end is known."""
        only = verdict.statements[0]
        if not_in_a_transaction(only.text):
            what = f"line {only.line}: cannot run in a transaction, and no catalog tells whether it ran"
            raise Failed(script.place, what, "sql.vacuum, sql.create_index, or by hand")

    def _down(self, answers: Answers, up: Verdict, index: ConcurrentIndex | None) -> Verdict | None:
        if self.down is None:
            return None
        verdict = self._verdict(self.down, self.down.read(answers), up.known)
        back = _index_of(verdict)
        if (index is None) != (back is None):
            what = "one of script and way back runs in a transaction, and the other cannot"
            raise Failed(self.down.place, what, "write both so, or both otherwise")
        if index and back and (index.name, index.makes) != (back.name, not back.makes):
            what = f"does not take back what the script does with the index {index.name}"
            done = "DROP" if index.makes else "CREATE"
            raise Failed(self.down.place, what, f"write {done} INDEX CONCURRENTLY of that name")
        return verdict

    def _change(self, plan: "_Planned", answers: Answers) -> Change:
        up, down = plan.up, plan.down
        missing = (up.missing,) if up.missing else ()
        note = "by the script's own way down, which nobody else has tried"
        return Change(
            what=f"run {self.up.place}: {_counted(up)}",
            target="the database",
            script=plan.text.rstrip("\n") + ("" if down is None else f"\n-- the way back:\n{_joined(down)}"),
            notes=(*missing, WAITS if plan.index is None else OUTSIDE),
            hazards=(*up.hazards, *_of_way_back(down)),
            rows=None if up.changes_rows else 0,
            # What runs is known to the byte; what it does to the rows is not.
            fidelity=Fidelity.ESTIMATE,
            way_back=WayBack.NONE if down is None else WayBack.EQUIVALENT,
            way_back_note=self.reason if down is None else note,
            risk="data" if up.changes_rows else "schema",
            alters=_alters(up),
            forecasts=() if plan.index else _forecasts(answers, plan.digest),
            data=plan.data,
        )

    def written_sql(self, change: Change) -> tuple[str, ...]:
        """Return the script's statements."""
        return tuple(str(one) for one in change.data.get("statements", ()))

    def apply(self, target: Target, change: Change) -> None:
        """Run the script, with its row in `remediate.scripts`.

        Raises:
            Failed: The server refused, or a lock was not to be had; nothing of it happened.
            Lost: The answer to COMMIT was lost, and the ledger cannot be asked.
        """
        digest, statements = str(change.data["digest"]), [str(one) for one in change.data["statements"]]
        undo: dict[str, Json] = {"script": digest}
        if change.data["index"]:
            target.change_database(self._outside(statements[0], change.data["index"], undo))
            return
        all_of_it = (
            MAKE_SCRIPTS,
            record_of(digest, self.up.place),
            *(Statement(sql=one) for one in statements),
        )
        target.change_database(
            DatabaseChange(statements=all_of_it, undo=undo, statement_timeout=self.timeout)
        )

    def undo(self, target: Target, undo: Undo) -> None:
        """Run the way down where this very change applied the script, and it was not taken back; else do nothing.

        Raises:
            Conflict: The index is no longer the one that it made; it is left.
            Failed: It was applied, and has no way down; or the way down was refused, and nothing of it happened.
        """
        digest, index = str(undo.data["digest"]), undo.data["index"]
        change = change_of(undo)
        if not (_index_stands(target, digest, index, change) if index else _stands(target, digest, change)):
            return
        if undo.data["down"] is None:
            what = f"{self.up.place} was run, and nothing takes it back: {self.reason}"
            raise Failed(target.name, what, "decide by hand")
        down = [str(one) for one in undo.data["down"]]
        if index:
            back = {"name": index["name"], "makes": not index["makes"]}
            target.change_database(self._outside(down[0], back, {"script back": digest}))
            return
        statements = (removed(digest, change), *(Statement(sql=one) for one in down))
        target.change_database(DatabaseChange(statements=statements, statement_timeout=self.timeout))

    def _outside(self, sql: str, index: dict[str, Json], undo: dict[str, Json]) -> OutsideTransaction:
        return outside(sql, str(index["name"]), makes=bool(index["makes"]), undo=undo)


@dataclass(frozen=True)
class _Planned:
    """A script that is to be run.

    Attributes:
        text: As it stands.
        digest: SHA-256 of that, in hex.
        up: What the gate says of it.
        index: The one index that it makes or drops concurrently, or None.
        down: What the gate says of the way back, or None where there is none.
    """

    text: str
    digest: str
    up: Verdict
    index: ConcurrentIndex | None
    down: Verdict | None

    @property
    def data(self) -> dict[str, Json]:
        """All that it takes to run it, and to take it back."""
        index = None if self.index is None else {"name": self.index.name, "makes": self.index.makes}
        down = None if self.down is None else _texts(self.down)
        return {"digest": self.digest, "statements": _texts(self.up), "down": down, "index": index}


def _stands(target: Target, digest: str, change: str) -> bool:
    """Tell whether a change applied the script, and it is not taken back."""
    made = ours(digest, change)
    answers = target.answer((SCRIPTS_THERE, SCRIPTS, made))
    return digest in applied_in(answers) and bool(answers[made].rows[0][0])


def _index_stands(target: Target, digest: str, index: dict[str, Json], change: str) -> bool:
    """Tell whether a change made, or dropped, the index, and it is not taken back.

    Raises:
        Conflict: What it made has another name by now, or something else has its name.
    """
    name, made = str(index["name"]), index_of(digest, str(index["name"]), change)
    answers = target.answer((SCRIPTS_THERE, made))
    one = next(iter(answers[made].records), None) if answers[SCRIPTS_THERE].rows[0][1] else None
    if one is None or not index["makes"]:
        return one is not None and one["named"] is None
    if one["named"] not in (None, one["made"]) or one["name"] not in (None, name):
        what = f"{name} is no longer the index that this run made"
        raise Conflict(target.name, what, "look at it, and drop it by hand if nobody needs it")
    return one["oid"] is not None


def _indexes_are_known(answers: Answers) -> bool:
    """Tell so.

    Raises:
        NotKnown: An earlier step will make or drop some.
        CouldNotLook: The database did not answer.
    """
    return isinstance(answers[INDEXES], QueryAnswer)


def _index_of(verdict: Verdict) -> ConcurrentIndex | None:
    return concurrent_index(verdict.statements[0]) if len(verdict.statements) == 1 else None


def _texts(verdict: Verdict) -> list[Json]:
    return [statement.text for statement in verdict.statements]


def _joined(verdict: Verdict) -> str:
    return "\n".join(f"{statement.text};" for statement in verdict.statements)


def _counted(verdict: Verdict) -> str:
    count = len(verdict.statements)
    return "1 statement" if count == 1 else f"{count} statements"


def _of_way_back(down: Verdict | None) -> tuple[Hazard, ...]:
    return () if down is None else tuple(one.model_copy(update={"way_down": True}) for one in down.hazards)


def _alters(verdict: Verdict) -> tuple[str, ...]:
    tables = tuple(f"table:{name}" for name in verdict.known.tables)
    return (ALL_TABLES, ALL_INDEXES, ALL_FOREIGN_KEYS, "enums", "rows", "scripts", *tables)


def _forecasts(answers: Answers, digest: str) -> tuple[Forecast, ...]:
    return (
        Forecast(question=SCRIPTS, answer=with_script(answers, digest)),
        Forecast(
            question=SCRIPTS_THERE, answer=answers[SCRIPTS_THERE].model_copy(update={"rows": ((True, True),)})
        ),
    )


STEPS: tuple[type[Step], ...] = (SqlMigrate,)
