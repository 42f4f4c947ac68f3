"""Prisma's pending migrations applied: each shown with its SQL before, and seen in the database's history after.

Only the app's own `node_modules/.bin/prisma` is run, never `npx`, which may download another version. Prisma has no way
down, and neither has this.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from remediate.errors import Failed
from remediate.model import Change, Fidelity, Forecast, Json, Risk, Undo, WayBack
from remediate.providers.catalog import ALL_TABLES, TABLES, tables_in
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
from remediate.questions import Answers, Query, QueryAnswer, Run, RunAnswer
from remediate.steps import Action, Questions, Step
from remediate.target import Job, Target

SQL_SCRIPT = r"""
# $1 the folder of the migrations. Prints the names and the SQL of the newest, each ended by a NUL, up to 200 kB in all.
cd -- "$1" 2>/dev/null || exit 3
left=200000
printf '%s\n' */migration.sql | LC_ALL=C sort -r | while IFS= read -r file; do
    [ -f "$file" ] || continue
    left=$((left - $(wc -c <"$file")))
    [ "$left" -ge 0 ] || break
    printf '%s\0' "${file%/*}"
    tr -d '\0' <"$file"
    printf '\0'
done
"""
DEPLOY_SCRIPT = r"""
# $1 the backend's directory, $2 the schema, $3 the folder of the migrations, then name and SHA-256 of each that was
# shown. What Prisma says goes to standard output, its codes among it.
cd -- "$1" || exit 90
[ -x node_modules/.bin/prisma ] || exit 91
schema=$2 folder=$3
shift 3
while [ $# -gt 0 ]; do
    [ "$(sha256sum <"$folder/$1/migration.sql" | cut -c 1-64)" = "$2" ] || exit 92
    shift 2
done
export CHECKPOINT_DISABLE=1 PRISMA_HIDE_UPDATE_MESSAGE=1 NO_COLOR=1 JITI_FS_CACHE=false XDG_CONFIG_HOME=/dev/null
exec node_modules/.bin/prisma migrate deploy --schema "$schema" </dev/null 2>&1
"""
NOT_INSTALLED, NOT_WHAT_WAS_SHOWN = (90, 91), 92
MIGRATING = Query(
    # The key of Prisma's own advisory lock, which it holds while it migrates.
    sql="SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = 72707369"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
)
DANGERS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), what)
    for pattern, what in (
        (r"\bDROP\s+(TABLE|SCHEMA)\b", "drops a table with all that is in it"),
        (r"\bDROP\s+COLUMN\b", "drops a column with all that is in it"),
        (r"\b(TRUNCATE|DELETE\s+FROM)\b", "deletes rows"),
        (r"\bUPDATE\s+\S+\s+SET\b", "changes rows"),
        (
            r"\bALTER\s+COLUMN\s+\S+\s+(SET\s+DATA\s+)?TYPE\b",
            "changes a column's type: the table may be rewritten",
        ),
        (
            r"\bSET\s+NOT\s+NULL\b",
            "demands NOT NULL: it fails where a row has none, and reads the whole table",
        ),
        (
            r"\bCREATE\s+(UNIQUE\s+)?INDEX\s+(?!CONCURRENTLY)",
            "makes an index: writers of the table wait meanwhile",
        ),
        (
            r"\bFOREIGN\s+KEY\b",
            "adds a foreign key: both tables are locked against writing while rows are compared",
        ),
    )
)
LOSES = 4
"""How many of the dangers are of rows, and not of the schema alone."""
_CODE = re.compile(r"\bP\d{4}\b")
_COMMENT_OR_STRING = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
_SCHEMA_FILE = "{{ app.backend }}/prisma/schema.prisma"


class MigrateDeploy(Action):
    """Applies the migrations that the database's history lacks, in order, by `prisma migrate deploy`.

    It refuses where a migration failed before (P3009) or a database with tables has no history (P3005): both want a
    person's decision. It has succeeded when all of them are in the history as finished.
    """

    kind: ClassVar[str] = "prisma.migrate_deploy"
    backend: str = Field(default="{{ app.backend }}", description="Where `node_modules` lies.")
    schema_file: str = Field(default=_SCHEMA_FILE, description="The Prisma schema on the host.")
    folder: str = Field(
        default="{{ app.backend }}/prisma/migrations", description="Absolute path of the migrations."
    )
    timeout: float = Field(default=600.0, gt=0, description="Seconds for all of them.")

    @property
    def listing(self) -> Run:
        """The question which migrations the folder has: the one that `prisma.migrations` asks."""
        return Run(script=FOLDER_SCRIPT, args=(self.folder,), about=(f"file:{self.folder}",))

    @property
    def texts(self) -> Run:
        """The question for the SQL of the newest."""
        return Run(script=SQL_SCRIPT, args=(self.folder,), about=(f"file:{self.folder}",))

    def ask(self) -> Questions:
        """Return the questions for folder and history, and whether there are tables, or somebody migrates now."""
        return (self.listing, self.texts, HISTORY_THERE, HISTORY, TABLES, MIGRATING)

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return the one change, or none where no migration is pending.

        Raises:
            Failed: Prisma would refuse (P3005, P3009), or somebody else migrates now.
            CouldNotLook: There is no folder, or no answer from the database.
        """
        files, history = migrations_in(self.folder, answers[self.listing]), history_in(answers)
        standing = standing_of(forms_in(answers[self.listing]), history)
        if not standing.pending:
            return ()
        self._refuse(standing, history, answers)
        return (self._change(standing, files, answers),)

    def _refuse(self, standing: Standing, history: tuple[Mapping[str, Json], ...], answers: Answers) -> None:
        if standing.failed:
            what = f"the migration {standing.failed[0]} failed before, which blocks all others (P3009)"
            todo = "look what it left, then: prisma migrate resolve --rolled-back, or --applied"
            raise Failed(answers.where, what, todo)
        if not history and tables_in(answers[TABLES]).keys() - {"_prisma_migrations"}:
            what = "the database has tables, and no history of migrations (P3005)"
            todo = "is it the right database? if so, baseline it: prisma migrate resolve --applied"
            raise Failed(answers.where, what, todo)
        if migrating := answers[MIGRATING].rows:
            what = f"somebody migrates this database now (pid {migrating[0][0]} there)"
            raise Failed(answers.where, what, "wait for it, and look again")

    def _change(self, standing: Standing, files: Mapping[str, str], answers: Answers) -> Change:
        pending = {name: files[name] for name in standing.pending}
        texts = _texts(answers[self.texts])
        dangers = [danger for name in pending for danger in _dangers(name, texts.get(name, ""))]
        unseen = [name for name in pending if name not in texts]
        many = f"{len(pending)} migrations" if len(pending) != 1 else "1 migration"
        return Change(
            what=f"apply {many}: {', '.join(pending)}",
            target="the database's schema",
            diff="".join(_as_diff(name, texts[name]) for name in pending if name in texts),
            script="node_modules/.bin/prisma migrate deploy",
            notes=(
                *(text for _, text in dangers),
                *(f"{name}: too long to be shown; read it in {self.folder}" for name in unseen),
                *_oddities(standing, answers),
                "each is a transaction of its own; it waits for locks as long as it takes, and others wait behind it",
            ),
            fidelity=Fidelity.ESTIMATE,
            way_back=WayBack.NONE,
            way_back_note="Prisma has no way down: a backup, or another migration, is the way out",
            risk=_risk(rows for rows, _ in dangers),
            alters=("table:_prisma_migrations", ALL_TABLES, "enums"),
            forecasts=tuple(_forecasts(pending, answers)),
            data={"pending": pending},
        )

    def apply(self, target: Target, change: Change) -> None:
        """Apply them, and see that they are in the history.

        Raises:
            Failed: Prisma said no, with its code; what came before the one that failed is applied.
            Lost: What became of it is unknown.
        """
        pending: dict[str, str] = change.data["pending"]
        pairs = tuple(text for pair in pending.items() for text in pair)
        job = Job(
            script=DEPLOY_SCRIPT,
            args=(self.backend, self.schema_file, self.folder, *pairs),
            timeout=self.timeout,
            doing="prisma migrate deploy",
        )
        answer = target.run(job)
        if answer.exit_code:
            raise self._failed(target.name, answer)
        if left := pending.keys() - self._recorded(target, pending):
            what = f"prisma exited with 0, but {', '.join(sorted(left))} is not in this database's history"
            raise Failed(target.name, what, "does prisma.config or .env mean another database, or folder?")

    def _failed(self, where: str, answer: RunAnswer) -> Failed:
        if answer.exit_code == NOT_WHAT_WAS_SHOWN:
            return Failed(where, "a migration is no longer what was shown", "nothing was applied; look again")
        if answer.exit_code in NOT_INSTALLED:
            return Failed(
                where, f"prisma is not installed in {self.backend}", "install it with the app (npm ci)"
            )
        codes = list(dict.fromkeys(_CODE.findall(answer.text)))
        code = f" with {', '.join(codes)}" if codes else f" with exit code {answer.exit_code}"
        todo = "those before the one that failed are applied: look at the database's history"
        return Failed(where, f"prisma migrate deploy failed{code}", todo, output=answer.text)

    def undo(self, target: Target, undo: Undo) -> None:
        """Do nothing where nothing came into the history; else say that there is no way back, and touch nothing.

        Raises:
            Failed: Migrations were applied, or one failed half-way; a person has to decide.
        """
        pending: dict[str, str] = undo.data["pending"]
        answers = target.answer((HISTORY_THERE, HISTORY))
        begun = [row["migration_name"] for row in history_in(answers) if not row["undone"]]
        if ours := [name for name in begun if name in pending]:
            what = f"{', '.join(ours)} came into the database's history, and Prisma has no way down"
            raise Failed(target.name, what, "keep it, write a migration forwards, or restore a backup")

    def _recorded(self, target: Target, pending: Mapping[str, str]) -> set[str]:
        history = history_in(target.answer((HISTORY_THERE, HISTORY)))
        finished = {row["migration_name"]: row["checksum"] for row in history if row["finished"]}
        return {name for name, checksum in pending.items() if finished.get(name) == checksum}


def _texts(answer: RunAnswer) -> dict[str, str]:
    records = answer.text.split("\0")
    return dict(zip(records[::2], records[1::2], strict=False))


def _as_diff(name: str, text: str) -> str:
    lines = text.splitlines()
    added = "".join(f"+{line}\n" for line in lines)
    return f"--- /dev/null\n+++ {name}/migration.sql\n@@ -0,0 +1,{len(lines)} @@\n{added}"


def _dangers(name: str, text: str) -> Iterator[tuple[bool, str]]:
    """Yield what a reviewer wants to know, and whether rows are at stake."""
    bare = _COMMENT_OR_STRING.sub(" ", text)
    for number, (pattern, what) in enumerate(DANGERS):
        if pattern.search(bare):
            yield number < LOSES, f"{name}: {what}"


def _risk(rows: Iterable[bool]) -> Risk:
    return "data" if any(rows) else "schema"


def _oddities(standing: Standing, answers: Answers) -> Iterator[str]:
    if standing.edited:
        yield f"edited since they were applied, which changes nothing now: {', '.join(standing.edited)}"
    if standing.missing:
        yield f"in the history, and not in the folder: {', '.join(standing.missing)}; is it the right database?"
    if not answers[HISTORY_THERE].rows[0][0]:
        yield "the database is empty: is it the right one?"


def _forecasts(pending: Mapping[str, str], answers: Answers) -> Iterator[Forecast]:
    known = history_in(answers)
    columns = ("migration_name", "checksum", "finished", "undone")
    rows = [tuple(row[column] for column in columns) for row in known]
    added = [(name, checksum, True, False) for name, checksum in pending.items()]
    yield Forecast(question=HISTORY, answer=QueryAnswer(columns=columns, rows=(*rows, *added)))
    yield Forecast(question=HISTORY_THERE, answer=QueryAnswer(columns=("there",), rows=((True,),)))


STEPS: tuple[type[Step], ...] = (MigrateDeploy,)
