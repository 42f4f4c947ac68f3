"""Each change made while an app goes on, by our actions and by the runbook's own SQL: the longest wait of the app's.

The runbook's statements are quoted where they would fail as they stand, and completed where they fail all the same.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from remediate.errors import RemediateError
from remediate.model import Undo
from remediate.providers.postgres import AddColumns
from remediate.providers.postgres_foreign_key import MakeForeignKey
from remediate.providers.postgres_index import CreateIndex
from remediate.providers.postgres_not_null import SetNotNull
from remediate.providers.row_delete import DeleteRows
from remediate.providers.row_insert import InsertRows
from remediate.providers.row_update import UpdateRows
from remediate.providers.sql_migrate import SqlMigrate
from remediate.providers.sql_vacuum import Analyze, Vacuum
from remediate.steps import Action
from remediate.transport.database import Database
from remediate.transport.trips import Trips
from tests.bench.sample import Sample, sample
from tests.bench.traffic import Waits, traffic
from tests.database.conftest import DirectForwards
from tests.database.test_rows_killed import RunnerTarget
from tests.laws.laws import carry_out, fresh_token

HELD = 4.0
"""Seconds for which a report holds its transaction open, where there is one: longer than any lock is waited for."""
NAMES = (
    *(
        "personaName",
        "personaPersonality",
        "personaBackground",
        "gender",
        "ageRange",
        "ethnicity",
        "bodyType",
    ),
    *("hairStyle", "hairColor", "eyeColor", "skinTone", "style", "generationPrompt", "thumbnailUrl"),
)
LOST = [{"column": "projectId", "orphaned_from": {"table": "avatar_projects"}}]
EXPECT = {"rows": "1..1000000"}


@dataclass(frozen=True)
class Change:
    """One change, ours and the runbook's.

    Attributes:
        name: What it is.
        action: Ours.
        by_hand: The runbook's SQL for the same purpose; each one a statement sent alone.
        before: What makes it needed, or the other's doing undone.
        after: What leaves the table as it was.
    """

    name: str
    action: Action
    by_hand: tuple[str, ...]
    before: str = ""
    after: str = ""

    @property
    def needs_none(self) -> bool:
        """Whether there is nothing to take back."""
        return isinstance(self.action, (Analyze, Vacuum))


def _adding(name: str) -> str:
    return f'ALTER TABLE avatars ADD COLUMN IF NOT EXISTS "{name}" TEXT'


CHANGES = (
    Change(
        "add 14 columns",
        AddColumns.model_validate(
            {"table": "avatars", "columns": [{"name": name, "type": "TEXT"} for name in NAMES]}
        ),
        ("BEGIN TRANSACTION", *map(_adding, NAMES), "COMMIT"),
        after="".join(f'ALTER TABLE avatars DROP COLUMN IF EXISTS "{name}";' for name in NAMES),
    ),
    Change(
        "make an index",
        CreateIndex.model_validate({"table": "avatars", "indexes": [{"columns": ["projectId"]}]}),
        ('CREATE INDEX IF NOT EXISTS "avatars_projectId_idx" ON avatars("projectId")',),
        after='DROP INDEX IF EXISTS "avatars_projectId_idx"',
    ),
    Change(
        "set values in rows",
        UpdateRows.model_validate(
            {
                "table": "avatars",
                "where": [{"column": "sourceType", "operator": "is null"}],
                "set": {"sourceType": "uploaded"},
                "expect": EXPECT,
            }
        ),
        ('UPDATE avatars SET "sourceType" = \'uploaded\' WHERE "sourceType" IS NULL',),
        after="UPDATE avatars SET \"sourceType\" = NULL WHERE substr(id, 4) LIKE '%00' AND id LIKE 'ckx%'",
    ),
    Change(
        "make a column NOT NULL",
        SetNotNull.model_validate({"table": "avatars", "columns": ["sourceType"]}),
        ('ALTER TABLE avatars ALTER COLUMN "sourceType" SET NOT NULL',),
        before='UPDATE avatars SET "sourceType" = \'uploaded\' WHERE "sourceType" IS NULL',
        after='ALTER TABLE avatars ALTER COLUMN "sourceType" DROP NOT NULL',
    ),
    Change(
        "make lost parents anew",
        InsertRows.model_validate(
            {
                "table": "avatar_projects",
                "rows": [{"id": f"lost{n}", "userId": f"u{n}"} for n in range(5)],
                "same": {"name": "Recovered Project"},
                "set_now": ["updatedAt"],
                "expect": EXPECT,
            }
        ),
        (
            (
                'INSERT INTO avatar_projects (id, "userId", name, description, "updatedAt")'
                ' SELECT DISTINCT ON ("projectId") "projectId", "userId", \'Recovered Project\','
                " 'Auto-created to recover orphaned avatars', now() FROM avatars"
                ' WHERE "projectId" NOT IN (SELECT id FROM avatar_projects)'
            ),
        ),
        after="DELETE FROM avatar_projects WHERE id LIKE 'lost%'",
    ),
    Change(
        "delete orphaned rows",
        DeleteRows.model_validate({"table": "avatars", "where": LOST, "expect": EXPECT}),
        ('DELETE FROM avatars WHERE "projectId" NOT IN (SELECT id FROM avatar_projects)',),
        before="CREATE TABLE IF NOT EXISTS spare AS SELECT * FROM avatars WHERE \"projectId\" LIKE 'lost%'",
        after="INSERT INTO avatars SELECT * FROM spare ON CONFLICT DO NOTHING",
    ),
    Change(
        "make a foreign key",
        MakeForeignKey.model_validate(
            {
                "table": "avatars",
                "foreign_keys": [
                    {"columns": ["projectId"], "references": "avatar_projects", "on_delete": "cascade"}
                ],
            }
        ),
        (
            (
                'ALTER TABLE "avatars" ADD CONSTRAINT "avatars_projectId_fkey" FOREIGN KEY ("projectId")'
                ' REFERENCES "avatar_projects"("id") ON DELETE CASCADE ON UPDATE CASCADE'
            ),
        ),
        before="DELETE FROM avatars WHERE \"projectId\" LIKE 'lost%'",
        after='ALTER TABLE avatars DROP CONSTRAINT IF EXISTS "avatars_projectId_fkey"',
    ),
    Change(
        "run a migration",
        SqlMigrate.model_validate(
            {
                "text": "ALTER TABLE avatars ADD COLUMN note TEXT DEFAULT ''; CREATE TABLE notes (id int);",
                "down": {"text": "DROP TABLE notes; ALTER TABLE avatars DROP COLUMN note"},
            }
        ),
        ("ALTER TABLE avatars ADD COLUMN note TEXT DEFAULT ''; CREATE TABLE notes (id int);",),
        after="DROP TABLE IF EXISTS notes; ALTER TABLE avatars DROP COLUMN IF EXISTS note",
    ),
    Change("analyze", Analyze(tables=["avatars"]), ("ANALYZE avatars",)),
    Change("vacuum", Vacuum(tables=["avatars"]), ("VACUUM ANALYZE avatars",)),
)


@dataclass(frozen=True)
class Met:
    """What came of one way of making a change while the app went on.

    Attributes:
        waits: What the app felt.
        given_up: Why it was not made; empty where it was.
    """

    waits: Waits
    given_up: str = ""


@dataclass(frozen=True)
class Row:
    """A change, with a report that holds its transaction open or without.

    Attributes:
        name: Of the change.
        ours: Our action.
        back: Its way back; None where it needs none, or nothing was changed.
        by_hand: The runbook's SQL.
    """

    name: str
    ours: Met
    back: Met | None
    by_hand: Met


def measured(rows: int, held: float) -> tuple[Waits, tuple[Row, ...]]:
    """Return what the app feels when nobody changes anything, and what it feels of each change."""
    with sample(rows) as server:
        with traffic(server, held) as idle:
            time.sleep(5)
        return idle, tuple(_row(server, change, held) for change in CHANGES)


def _row(server: Sample, change: Change, held: float) -> Row:
    reach = Database(lambda: server.url, DirectForwards(server.cluster), Trips())
    target, undos = RunnerTarget(reach), list[Undo]()
    server.sql(change.before)
    server.settle()
    ours = _felt(server, held, lambda: carry_out(change.action, target, undos))
    back = (
        None
        if change.needs_none or ours.given_up
        else _felt(server, held, lambda: _undo(change, target, undos))
    )
    reach.close()
    _again(server, change)
    by_hand = _felt(server, held, lambda: _by_hand(server, change))
    _again(server, change)
    return Row(change.name, ours, back, by_hand)


def _again(server: Sample, change: Change) -> None:
    server.sql(f"{change.after}; {change.before}")
    server.settle()


def _undo(change: Change, target: RunnerTarget, undos: list[Undo]) -> None:
    for undo in reversed(undos):
        change.action.undo(target.scoped(fresh_token()), undo)


def _by_hand(server: Sample, change: Change) -> None:
    with server.connect("by hand") as connection:
        for statement in change.by_hand:
            connection.execute(statement)


def _felt(server: Sample, held: float, work: Callable[[], object]) -> Met:
    given_up = ""
    with traffic(server, held) as waits:
        try:
            work()
        except RemediateError as error:
            given_up = error.what
        except psycopg.Error as error:
            given_up = str(error)
    return Met(waits, given_up)
