"""The app's schema reset, where the environment is for development: put aside whole, and every migration applied anew.

Prisma's own command line is not run for it, for the reason that `prisma_deploy` tells; and it drops what this keeps.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from remediate.errors import Failed
from remediate.gate import Known, Verdict
from remediate.hazard import Hazard
from remediate.model import Change, Fidelity, Forecast, Json, Undo, WayBack, digest_of
from remediate.promise import LOCK_WAIT, Need, Promise
from remediate.providers.catalog import ALL_TABLES
from remediate.providers.catalog_keys import ALL_FOREIGN_KEYS, ALL_INDEXES
from remediate.providers.live_notes import live_notes
from remediate.providers.own_hazards import ASIDE, Gated, own_hazards
from remediate.providers.prisma_checks import (
    FOLDER_SCRIPT,
    HISTORY,
    HISTORY_THERE,
    forms_in,
    history_in,
    migrations_in,
    standing_of,
)
from remediate.providers.prisma_deploy import (
    MAKE_HISTORY,
    PRISMAS_LOCK,
    RECORD,
    SQL_SCRIPT,
    WAITS,
    as_diff,
    text_of,
    texts_in,
    verdict_on,
)
from remediate.providers.schema_aside import (
    LIVE,
    SCHEMA,
    SCHEMA_FACT,
    Schema,
    noted,
    notes_on,
    put_aside,
    schema_in,
    shown,
)
from remediate.providers.schema_looks import content_of, shape_of
from remediate.providers.schema_reach import OUTSIDE, composes_sql, refuse_outside_schema
from remediate.providers.schema_return import put_back
from remediate.providers.sql_script import bare
from remediate.questions import Answers, Query, QueryAnswer, Run, Unanswered
from remediate.steps import Questions, Step
from remediate.target import DatabaseChange, Statement, Target

BACK_NOTE = "the kept schema gets its name again, rows and all; the new one goes, or is kept where somebody wrote in it"
ADDS_TO_ENUM = re.compile(r"\bALTER\s+TYPE\b.*\bADD\s+VALUE\b", re.IGNORECASE | re.DOTALL)
_ENUMS_IN_ONE_GO = 170000
_OURS = """FROM pg_namespace AS n JOIN remediate.ledger AS l ON l.undo ->> 'made' = n.oid::text
WHERE n.nspname = current_schema() ORDER BY l.at DESC LIMIT 1"""
UNTOUCHED = Query(
    sql=f"""SELECT l.undo ->> 'made_from' AS made_from, l.undo ->> 'shape' <> {shape_of("n.oid")} AS altered
{_OURS}""",
    about=(SCHEMA_FACT, ALL_TABLES),
)
"""From what a run of ours made the app's schema, and whether it was altered since; no row: none did."""
WRITTEN = Query(
    sql=f"""SELECT l.undo ->> 'content' IS DISTINCT FROM {content_of("n.oid")} AS written
{_OURS}""",  # noqa: S608  (constants)
    about=(SCHEMA_FACT, ALL_TABLES, "rows"),
)
"""Whether there are other rows in it since. It reads every table whole."""


class SchemaAnew(Gated):
    """Makes the app's schema anew, and keeps the old one under another name. It is for development alone."""

    development_only: ClassVar[bool] = True
    timeout: float = Field(default=600.0, gt=0, description="Seconds for one statement.")

    def snapshot(self, target: Target, change: Change) -> Undo:
        """Write down which schema is put aside, under which name, and by which change."""
        return self.undo_with({**recipe(change.data), "change": target.token})

    def undo(self, target: Target, undo: Undo) -> None:
        """Put the kept schema back in place of the new one.

        Raises:
            Conflict: It is gone, or the schema is no longer the one that this run made; nothing was touched.
            Failed: The server refused, or a lock was not to be had; nothing was touched.
        """
        put_back(target, undo.data)


class MigrateReset(SchemaAnew):
    """Puts the app's schema aside, rows and all, and applies every migration to a new one, in one transaction.

    It is for development alone: the inventory has to say `development: true`. Nothing is dropped: the old schema is
    kept under another name until a person drops it. There is nothing to do where the schema was made so from the same
    migrations, and nobody wrote in it since.
    """

    kind: ClassVar[str] = "prisma.migrate_reset"
    tells: ClassVar[str] = (
        "Puts the app's schema aside, rows and all, and applies every migration to a new one, in one "
        "transaction. It is for development alone, and nothing is dropped"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.ESTIMATE: "what will run is known to the letter, and what it does is not"},
        back={
            WayBack.EXACT: BACK_NOTE,
            WayBack.NONE: "where a migration composes SQL while it runs, for nobody can tell what that touches",
        },
        risks=("data",),
        meanwhile=f"nobody uses the tables until it has committed; {LOCK_WAIT}",
    )
    folder: str = Field(
        default="{{ app.backend }}/prisma/migrations", description="Absolute path of the migrations."
    )

    @property
    def listing(self) -> Run:
        """The question which migrations the folder has: the one that `prisma.migrations` asks."""
        return Run(script=FOLDER_SCRIPT, args=(self.folder,), about=(f"file:{self.folder}",))

    @property
    def texts(self) -> Run:
        """The question for their SQL."""
        return Run(script=SQL_SCRIPT, args=(self.folder,), about=(f"file:{self.folder}",))

    def ask(self) -> Questions:
        """Return the questions for the folder, the schema, its history, and what a run made of it before."""
        return (self.listing, self.texts, SCHEMA, LIVE, UNTOUCHED, WRITTEN, OUTSIDE, HISTORY_THERE, HISTORY)

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return the one change, or none where it would come out the same.

        Raises:
            Failed: There is no migration, one is none for a transaction or reaches outside of the app's schema, or that
                cannot be put aside.
            CouldNotLook: There is no folder, or no answer from the database.
        """
        files = migrations_in(self.folder, answers[self.listing])
        schema = schema_in(answers[SCHEMA], answers.where)
        if not files:
            todo = "set `folder`; prisma.db_push makes a schema without migrations"
            raise Failed(self.folder, "there is no migration in it, and nothing would be left", todo)
        made_from = digest_of(files)
        if made_so(answers, made_from) and _unwritten(answers) and not self._behind(answers):
            return ()
        return (self._change(files, schema, made_from, answers),)

    def _behind(self, answers: Answers) -> bool:
        standing = standing_of(forms_in(answers[self.listing]), history_in(answers))
        return any((standing.pending, standing.failed, standing.edited, standing.missing))

    def _change(self, files: Mapping[str, str], schema: Schema, made_from: str, answers: Answers) -> Change:
        texts, read = texts_in(answers[self.texts]), {}
        known = Known(looked=True, schema=schema.name)  # of a schema in which there is nothing yet
        for name in sorted(files):
            place = f"{self.folder}/{name}/migration.sql"
            text = text_of(place, files[name], texts.get(name))
            read[name] = (text, verdict := verdict_on(place, text, known, self.allow))
            known = verdict.known
        aside = put_aside(schema)
        migrations: list[Json] = [
            {"name": name, "checksum": files[name], "statements": [one.text for one in verdict.statements]}
            for name, (_, verdict) in read.items()
        ]
        for name, (text, *_) in read.items():
            place = f"{self.folder}/{name}/migration.sql"
            refuse_outside_schema(place, text, schema, answers[OUTSIDE].records[0])
        return Change(
            what=f"put the schema {schema.name} aside and apply {len(files)} migrations to a new one",
            target=f"schema {schema.name}",
            script=shown(aside),
            diff="".join(as_diff(name, text) for name, (text, _) in read.items()),
            hazards=(
                *own_hazards((shown(aside),), Known(), self.allow, instead=ASIDE),
                *(one for name, (_, verdict) in read.items() for one in _of_migration(name, verdict)),
            ),
            notes=(*notes_on(schema), *_of_enums(schema, read), *live_notes(answers.raw(LIVE)), WAITS),
            rows=None,  # what a table has is estimated alone, and migrations write as they like
            # What runs is known to the byte; what it does is not.
            fidelity=Fidelity.ESTIMATE,
            **_way_back(name for name, (text, *_) in read.items() if composes_sql(text)),
            risk="data",
            alters=(
                "table:_prisma_migrations",
                ALL_TABLES,
                ALL_INDEXES,
                ALL_FOREIGN_KEYS,
                "enums",
                SCHEMA_FACT,
                "rows",
            ),
            forecasts=tuple(_forecasts(files)),
            data={
                **schema.data(),
                "made_from": made_from,
                "aside": [one.model_dump(mode="json") for one in aside],
                "migrations": migrations,
            },
        )

    def apply(self, target: Target, change: Change) -> None:
        """Put it aside and apply all, with the rows of the history.

        Raises:
            Failed: The server refused, or a lock was not to be had; all is as it was.
            Lost: The answer to COMMIT was lost, and the ledger cannot be asked.
        """
        statements = (
            Statement(sql=PRISMAS_LOCK),
            *(Statement.model_validate(one) for one in change.data["aside"]),
            Statement(sql=MAKE_HISTORY),
            *_migrations(change.data["migrations"]),
            noted(str(change.data["schema"])),
        )
        commit(target, statements, change.data, self.timeout, "the schema was not reset")


def made_so(answers: Answers, made_from: str) -> bool:
    """Tell whether a run of ours made the app's schema from this, and nothing was altered in it since, rows apart.

    Args:
        answers: The answers, `UNTOUCHED` among them.
        made_from: The digest of what it is to be made from.
    """
    if isinstance(answers.raw(UNTOUCHED), Unanswered):  # there is no ledger, or it is not for this role
        return False
    return any(
        row["made_from"] == made_from and row["altered"] is False for row in answers[UNTOUCHED].records
    )


def _unwritten(answers: Answers) -> bool:
    """Tell whether the rows in it are those that the run left; where that is not to be had, they are not."""
    answer = answers.raw(WRITTEN)
    return isinstance(answer, QueryAnswer) and any(row["written"] is False for row in answer.records)


def recipe(data: Mapping[str, Json]) -> dict[str, Json]:
    """Return of a change's data what the way back needs, and what tells later from what the schema was made."""
    return {key: data[key] for key in ("schema", "put_aside", "kept", "extensions", "made_from")}


def commit(
    target: Target,
    statements: tuple[Statement, ...],
    data: Mapping[str, Json],
    timeout: float,
    failed: str,
) -> None:
    """Commit all of it, or nothing.

    Args:
        target: The host.
        statements: All of them.
        data: The change's.
        timeout: Seconds for one statement.
        failed: What did not come about, in a clause.

    Raises:
        Failed: Nothing of it happened; in one line.
    """
    change = DatabaseChange(statements=statements, undo=recipe(data), statement_timeout=timeout)
    try:
        target.change_database(change)
    except Failed as error:
        what, todo = f"{failed}: {error.what}", error.todo
        if _moved_on(target, data):
            what, todo = (
                f"{failed}: tables came or went since it was planned",
                "nothing was changed; look again",
            )
        raise Failed(target.name, what, todo, output=error.output) from error


def _moved_on(target: Target, data: Mapping[str, Json]) -> bool:
    answer = target.answer((SCHEMA,)).raw(SCHEMA)
    if not isinstance(answer, QueryAnswer):
        return False
    seen = [(row["oid"], [one["name"] for one in row["tables"]]) for row in answer.records]
    return seen != [(data["put_aside"], data["tables"])]


def _migrations(migrations: list[Json]) -> Iterator[Statement]:
    for one in migrations:
        yield from (Statement(sql=text) for text in one["statements"])
        yield Statement(sql=RECORD, parameters=(one["checksum"], one["name"]))


def _of_migration(name: str, verdict: Verdict) -> Iterator[Hazard]:
    """Yield the hazards of one of several migrations, each with its name."""
    return (one.model_copy(update={"why": f"{name}: {one.why}"}) for one in verdict.hazards)


def _of_enums(schema: Schema, read: Mapping[str, tuple[str, Verdict]]) -> Iterator[str]:
    """Yield what PostgreSQL before 17 refuses, also of a type that is made in the same transaction (55P04)."""
    adding = [
        name
        for name, (_, verdict) in read.items()
        if any(ADDS_TO_ENUM.search(bare(one.text)) for one in verdict.statements)
    ]
    if adding and schema.version < _ENUMS_IN_ONE_GO:
        yield (
            f"{', '.join(adding)} adds a value to an enum: this server lets no later migration use it in the same"
            " transaction; where one does, all of it fails, and nothing is changed"
        )


def _way_back(code: Iterable[str]) -> dict[str, Json]:
    """Return how good the way back is, and why: SQL that is composed while it runs may reach outside of the schema."""
    if names := ", ".join(code):
        what = "composes SQL while it runs: what that does outside of the schema is not taken back"
        note = f"{names} {what}; {BACK_NOTE}"
        return {"way_back": WayBack.NONE, "way_back_note": note}
    return {"way_back": WayBack.EXACT, "way_back_note": BACK_NOTE}


def _forecasts(files: Mapping[str, str]) -> Iterator[Forecast]:
    columns = ("migration_name", "checksum", "finished", "undone")
    rows = tuple((name, files[name], True, False) for name in sorted(files))
    yield Forecast(question=HISTORY, answer=QueryAnswer(columns=columns, rows=rows))
    yield Forecast(question=HISTORY_THERE, answer=QueryAnswer(columns=("there",), rows=((True,),)))


STEPS: tuple[type[Step], ...] = (MigrateReset,)
