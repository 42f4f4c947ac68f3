"""Prisma's pending migrations applied: shown before, each in one transaction with its row of Prisma's history.

Prisma's own command line is not run for it: Prisma 7 hands its engine the database's URL, password and all, as an
argument, which every user of the host can read meanwhile (`ps`, measured with 7.10). So what it does is done over the
runner's own connection: the statements of the file, then the row that `migrate deploy` writes, with Prisma's advisory
lock held (prisma-engines, sql-schema-connector). Here a lock that is not to be had ends it, and a migration that fails
leaves nothing behind: no P3009.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field, field_validator

from remediate.errors import CouldNotLook, Failed
from remediate.gate import Known, Verdict
from remediate.model import Change, Fidelity, Forecast, Json, Undo, WayBack
from remediate.promise import LOCK_WAIT, Need, Promise
from remediate.providers.catalog import ALL_TABLES, TABLES, tables_in
from remediate.providers.catalog_keys import ALL_FOREIGN_KEYS, ALL_INDEXES
from remediate.providers.live_tables import CATALOG, gated, known_from, known_rules, refuse_outside
from remediate.providers.prisma_checks import (
    FOLDER_SCRIPT,
    HISTORY,
    HISTORY_THERE,
    Standing,
    forms_in,
    history_in,
    migrations_in,
    standing_of,
)
from remediate.providers.prisma_presence import ELSEWHERE, refuse_second_set
from remediate.questions import Answers, QueryAnswer, Run, RunAnswer
from remediate.steps import Action, Questions, Step
from remediate.target import DatabaseChange, Statement, Target

SQL_SCRIPT = r"""
# $1 the folder of the migrations. Prints the names and the SQL of the newest, each ended by a NUL, up to 200 kB in all.
cd -- "$1" 2>/dev/null || exit 3
left=200000
printf '%s\n' */migration.sql | LC_ALL=C sort -r | while IFS= read -r file; do
    [ -f "$file" ] || continue
    left=$((left - $(wc -c <"$file")))
    [ "$left" -ge 0 ] || break
    printf '%s\0' "${file%/*}"
    cat -- "$file"
    printf '\0'
done
"""
MAKE_HISTORY = """CREATE TABLE _prisma_migrations (
    id                      VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum                VARCHAR(64) NOT NULL,
    finished_at             TIMESTAMPTZ,
    migration_name          VARCHAR(255) NOT NULL,
    logs                    TEXT,
    rolled_back_at          TIMESTAMPTZ,
    started_at              TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count     INTEGER NOT NULL DEFAULT 0
)"""
"""Prisma's own statement, for a database that has no history yet."""
PRISMAS_LOCK = "SELECT pg_advisory_xact_lock(72707369)"
ALONE = """SELECT 1 / (CASE WHEN EXISTS (SELECT FROM _prisma_migrations WHERE migration_name = %s
    AND rolled_back_at IS NULL) THEN 0 ELSE 1 END)"""
"""Ends the transaction where somebody else has applied, or begun, the migration since it was planned."""
RECORD = """INSERT INTO _prisma_migrations
    (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
    SELECT gen_random_uuid()::text, %s, %s, greatest(now(), max(finished_at)), clock_timestamp(), 1
    FROM _prisma_migrations"""
"""One migration begins when the one before it has ended: Prisma sorts by that, and `now()` is the same for all that
one transaction applies."""
WAITS = "lock: waited for 1 s at a time, 5 tries; nothing is applied where it is not to be had"


class MigrateDeploy(Action):
    """Applies the migrations that the database's history lacks, in order, as `prisma migrate deploy` does.

    Each is one change, and one transaction with its row of the history; one that fails leaves nothing of itself. It
    refuses where a migration failed before (P3009), a database with tables has no history (P3005), or an empty schema
    lies beside one that has it: all want a person's decision. So does a migration that ends transactions itself or
    makes an index concurrently.
    """

    kind: ClassVar[str] = "prisma.migrate_deploy"
    on_schema: ClassVar[bool] = True
    tells: ClassVar[str] = (
        "Applies the migrations that the database's history lacks, in order, each in a transaction of its"
        " own. It refuses where a migration failed before, where a database with tables has no history, "
        "or where the app looks into an empty schema beside one that has the history"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    promise: ClassVar[Promise] = Promise(
        fidelity={
            Fidelity.ESTIMATE: "what will run is known to the letter, and what the SQL makes of the data is not"
        },
        back={WayBack.NONE: "Prisma has no way down, so that a backup or another migration is the way out"},
        risks=("schema", "data"),
        meanwhile=f"each statement takes the locks it takes; {LOCK_WAIT}",
    )
    folder: str = Field(
        default="{{ app.backend }}/prisma/migrations", description="Absolute path of the migrations."
    )
    timeout: float = Field(default=600.0, gt=0, description="Seconds for one statement.")
    allow: list[str] = Field(
        default=[], description="Rules of the hazard gate (docs/SQL.md) that would stop it, and shall not."
    )

    @field_validator("allow")
    @classmethod
    def _known_rules(cls, allow: list[str]) -> list[str]:
        return known_rules(allow)

    @property
    def listing(self) -> Run:
        """The question which migrations the folder has: the one that `prisma.migrations` asks."""
        return Run(script=FOLDER_SCRIPT, args=(self.folder,), about=(f"file:{self.folder}",))

    @property
    def texts(self) -> Run:
        """The question for the SQL of the newest."""
        return Run(script=SQL_SCRIPT, args=(self.folder,), about=(f"file:{self.folder}",))

    def ask(self) -> Questions:
        """Return the questions for the folder and the history, and for the tables that there are, here or elsewhere."""
        return (self.listing, self.texts, HISTORY_THERE, HISTORY, *CATALOG, ELSEWHERE)

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return one change for each migration that is pending.

        Raises:
            Failed: Prisma would refuse (P3005, P3009), another schema has the history, or a migration is none for a
                transaction.
            CouldNotLook: There is no folder, or no answer from the database.
        """
        files, history = migrations_in(self.folder, answers[self.listing]), history_in(answers)
        standing = standing_of(forms_in(answers[self.listing]), history)
        if not standing.pending:
            return ()
        _refuse(standing, history, answers)
        texts = texts_in(answers[self.texts])
        return tuple(self._changes(standing, files, texts, answers))

    def _changes(
        self, standing: Standing, files: Mapping[str, str], texts: Mapping[str, bytes], answers: Answers
    ) -> Iterator[Change]:
        """Yield the changes; what one migration makes is known to the gate at the next."""
        known = known_from(answers)
        for name in standing.pending:
            place = f"{self.folder}/{name}/migration.sql"
            text = text_of(place, files[name], texts.get(name))
            verdict = verdict_on(place, text, known, self.allow)
            known = verdict.known
            yield self._change(_Pending(name, files[name], text, verdict), standing, answers)

    def _change(self, one: "_Pending", standing: Standing, answers: Answers) -> Change:
        name, verdict = one.name, one.verdict
        first = name == standing.pending[0]
        notes = (*((verdict.missing,) if verdict.missing else ()), WAITS)
        return Change(
            what=f"apply the migration {name}",
            target="the database's schema",
            diff=as_diff(name, one.text),
            notes=(*notes, *(_oddities(standing, answers) if first else ())),
            hazards=verdict.hazards,
            rows=None if verdict.changes_rows else 0,
            # What runs is known to the byte; what it does to the rows is not.
            fidelity=Fidelity.ESTIMATE,
            way_back=WayBack.NONE,
            way_back_note="Prisma has no way down: a backup, or another migration, is the way out",
            risk="data" if verdict.changes_rows else "schema",
            alters=("table:_prisma_migrations", ALL_TABLES, ALL_INDEXES, ALL_FOREIGN_KEYS, "enums"),
            forecasts=tuple(_forecasts(name, standing, dict(_checksums(answers[self.listing])), answers)),
            data={
                "name": name,
                "checksum": one.checksum,
                "statements": [statement.text for statement in verdict.statements],
                "first_ever": first and not answers[HISTORY_THERE].rows[0][0],
            },
        )

    def written_sql(self, change: Change) -> tuple[str, ...]:
        """Return the migration's statements."""
        return tuple(str(one) for one in change.data.get("statements", ()))

    def snapshot(self, target: Target, change: Change) -> Undo:
        """Write down which migration it is."""
        del target
        return self.undo_with({"name": change.data["name"]})

    def apply(self, target: Target, change: Change) -> None:
        """Apply it together with its row of the history.

        Raises:
            Failed: The server refused, or a lock was not to be had; nothing of it was applied.
            Lost: The answer to COMMIT was lost, and the ledger cannot be asked.
        """
        name = str(change.data["name"])
        try:
            target.change_database(
                DatabaseChange(statements=tuple(_in_order(change.data)), statement_timeout=self.timeout)
            )
        except Failed as error:
            what = f"the migration {name} was not applied: {error.what}"
            todo = "nothing of it is left; those before it are applied"
            if name in _begun(target):
                todo = "somebody else has applied it, or begun to, meanwhile; look again"
            raise Failed(target.name, what, todo, output=error.output) from error

    def undo(self, target: Target, undo: Undo) -> None:
        """Do nothing where it was not applied; else say that there is no way back, and touch nothing.

        Raises:
            Failed: It was applied; a person has to decide.
        """
        name = str(undo.data["name"])
        if name in _begun(target):
            what = f"the migration {name} is applied, and Prisma has no way down"
            raise Failed(target.name, what, "keep it, write another one, or restore a backup")


@dataclass(frozen=True)
class _Pending:
    """A migration that is to be applied, with what the gate says of it."""

    name: str
    checksum: str
    text: str
    verdict: Verdict


def _refuse(standing: Standing, history: tuple[Mapping[str, Json], ...], answers: Answers) -> None:
    if standing.failed:
        what = f"the migration {standing.failed[0]} failed before, which blocks all others (P3009)"
        todo = "look what it left, then: prisma migrate resolve --rolled-back, or --applied"
        raise Failed(answers.where, what, todo)
    if not history and tables_in(answers[TABLES]).keys() - {"_prisma_migrations"}:
        what = "the database has tables, and no history of migrations (P3005)"
        todo = "is it the right database? if so, baseline it: prisma migrate resolve --applied"
        raise Failed(answers.where, what, todo)
    if not answers[HISTORY_THERE].rows[0][0]:
        refuse_second_set(answers)


def _in_order(data: Mapping[str, Json]) -> Iterator[Statement]:
    yield Statement(sql=PRISMAS_LOCK)
    if data["first_ever"]:
        yield Statement(sql=MAKE_HISTORY)
    yield Statement(sql=ALONE, parameters=(data["name"],))
    yield from (Statement(sql=text) for text in data["statements"])
    yield Statement(sql=RECORD, parameters=(data["checksum"], data["name"]))


def _begun(target: Target) -> set[str]:
    history = history_in(target.answer((HISTORY_THERE, HISTORY)))
    return {str(row["migration_name"]) for row in history if not row["undone"]}


def texts_in(answer: RunAnswer) -> dict[str, bytes]:
    """Return the files' bytes of an answer to `SQL_SCRIPT`, by the migrations' names; the oldest may be left out."""
    if answer.left_out:
        return {}
    records = answer.stdout.split(b"\0")
    return {
        name.decode("utf-8", "backslashreplace"): text
        for name, text in zip(records[::2], records[1::2], strict=False)
    }


def _checksums(answer: RunAnswer) -> Iterator[tuple[str, str]]:
    for line in answer.text.splitlines():
        checksum, _, name = line.partition(" ")
        yield name, checksum


def text_of(place: str, checksum: str, content: bytes | None) -> str:
    """Return a migration's text.

    Args:
        place: Its file, for messages.
        checksum: The SHA-256 with which it was listed.
        content: Its bytes, or None where they were not told.

    Raises:
        Failed: It is too long, or no UTF-8.
        CouldNotLook: It is not what was listed.
    """
    if content is None:
        raise Failed(place, "is too long to be shown, or too old to be pending", "apply it by hand")
    if hashlib.sha256(content).hexdigest() != checksum:
        raise CouldNotLook(place, "was changed while it was read", "look again")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Failed(place, "is no UTF-8", "write it as UTF-8") from error


def verdict_on(place: str, text: str, known: Known, allow: Collection[str] = ()) -> Verdict:
    """Return what the gate says of a migration.

    Raises:
        Failed: It cannot be taken apart, or one of its statements is none for a transaction.
    """
    verdict = gated(text, known, allow, place, with_others=True)
    refuse_outside(verdict, place, "apply it by hand: prisma migrate deploy")
    return verdict


def as_diff(name: str, text: str) -> str:
    """Return a migration as a unified diff of a new file, which is how a plan shows it."""
    lines = text.splitlines()
    added = "".join(f"+{line}\n" for line in lines)
    return f"--- /dev/null\n+++ {name}/migration.sql\n@@ -0,0 +1,{len(lines)} @@\n{added}"


def _oddities(standing: Standing, answers: Answers) -> Iterator[str]:
    if standing.edited:
        yield f"edited since they were applied, which changes nothing now: {', '.join(standing.edited)}"
    if standing.missing:
        yield f"in the history, and not in the folder: {', '.join(standing.missing)}; is it the right database?"
    if not answers[HISTORY_THERE].rows[0][0]:
        yield "the database is empty: is it the right one?"


def _forecasts(
    name: str, standing: Standing, checksums: Mapping[str, str], answers: Answers
) -> Iterator[Forecast]:
    """Yield the history with this migration, and those before it, as its last rows."""
    columns = ("migration_name", "checksum", "finished", "undone")
    rows = [tuple(row[column] for column in columns) for row in history_in(answers)]
    until = standing.pending[: standing.pending.index(name) + 1]
    added = [(one, checksums[one], True, False) for one in until]
    yield Forecast(question=HISTORY, answer=QueryAnswer(columns=columns, rows=(*rows, *added)))
    yield Forecast(question=HISTORY_THERE, answer=QueryAnswer(columns=("there",), rows=((True,),)))


STEPS: tuple[type[Step], ...] = (MigrateDeploy,)
