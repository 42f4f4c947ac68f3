"""Every action of the database's, and its way back: pg_dump before is pg_dump after, whoever wrote in between.

What somebody wrote meanwhile either stays, as if the change had never been made, or it stops the way back, which then
names exactly those rows and touches nothing, not even what is kept of the change.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from remediate.catalogue import CATALOGUE
from remediate.errors import Conflict
from remediate.model import Undo
from remediate.providers.postgres import AddColumns
from remediate.providers.postgres_foreign_key import MakeForeignKey
from remediate.providers.postgres_index import CreateIndex
from remediate.providers.postgres_not_null import SetNotNull
from remediate.providers.row_delete import DeleteRows
from remediate.providers.row_fill import FillNulls
from remediate.providers.row_insert import InsertRows
from remediate.providers.row_update import UpdateRows
from remediate.providers.sql_migrate import SqlMigrate
from remediate.providers.sql_vacuum import Analyze, Vacuum
from remediate.steps import Action
from remediate.transport.database import Database
from remediate.transport.database_door import DatabaseSettings

from ..dumps import in_order  # noqa: TID252  (no package is installed for tests)
from ..laws.laws import carry_out, fresh_token  # noqa: TID252
from .conftest import Cluster
from .test_prisma_deploy import World, write
from .test_prisma_push import BEGINNING as PUSHED_OVER
from .test_prisma_push import backend, push
from .test_prisma_reset import BEGINNING as OLD_SCHEMA
from .test_prisma_reset import FIRST, opens, reset

__all__ = ["backend", "opens"]
Count = Callable[[str, int, int], None]
BEGINNING = """
CREATE TABLE avatar_projects (id text PRIMARY KEY, "userId" text, name text NOT NULL, "updatedAt" timestamp(3));
CREATE TABLE avatars (id text PRIMARY KEY, "projectId" text, name text, "sourceType" text)
 WITH (autovacuum_enabled = off);
CREATE TABLE likes (id text PRIMARY KEY, "avatarId" text REFERENCES avatars ON DELETE CASCADE);
CREATE TABLE covers (id text PRIMARY KEY, "projectId" text REFERENCES avatar_projects);
INSERT INTO avatar_projects SELECT 'p' || n, 'u', 'project ' || n, '2026-01-01' FROM generate_series(1, 3) AS n;
INSERT INTO avatars SELECT 'a' || n, 'p' || n % 3 + 1, 'avatar ' || n, CASE WHEN n > 3 THEN 'uploaded' END
FROM generate_series(1, 9) AS n;
INSERT INTO avatars VALUES ('o1', 'lost1', 'an orphan', 'x'), ('o2', 'lost2', NULL, 'x'), ('n1', NULL, 'none''s', 'x');
INSERT INTO likes VALUES ('l1', 'a1'), ('l2', 'a5'); INSERT INTO covers VALUES ('c1', 'p1');
"""
EXPECT = {"rows": "1..9"}
TABLE = {"table": "avatars"}
ORPHANED = {"column": "projectId", "orphaned_from": {"table": "avatar_projects"}}
LOST = [
    {"id": "lost1", "userId": "u", "name": "Recovered"},
    {"id": "lost2", "userId": "u", "name": "Recovered"},
]
WITHOUT = [{"column": "sourceType", "operator": "is null"}]
UPDATE = UpdateRows.model_validate(
    {**TABLE, "where": WITHOUT, "set": {"sourceType": "unknown"}, "expect": EXPECT}
)
FILL = FillNulls.model_validate(
    {**TABLE, "columns": ["sourceType"], "values": {"sourceType": "unknown"}, "expect": EXPECT}
)
DELETE = DeleteRows.model_validate({**TABLE, "where": [ORPHANED], "expect": EXPECT})
INSERT = InsertRows.model_validate(
    {"table": "avatar_projects", "rows": LOST, "set_now": ["updatedAt"], "expect": EXPECT}
)
COLUMNS = AddColumns.model_validate(
    {
        **TABLE,
        "columns": [
            {"name": "personaName", "type": "TEXT"},
            {"name": "usageCount", "type": "INTEGER", "nullable": False, "default": "0"},
        ],
    }
)
INDEX = CreateIndex.model_validate({**TABLE, "indexes": [{"columns": ["projectId"]}]})
KEY = MakeForeignKey.model_validate(
    {"table": "likes", "foreign_keys": [{"columns": ["avatarId"], "references": "avatars"}]}
)
PARENT = MakeForeignKey.model_validate(
    {**TABLE, "foreign_keys": [{"columns": ["projectId"], "references": "avatar_projects"}]}
)
NOT_NULL = SetNotNull.model_validate({"table": "avatar_projects", "columns": ["userId"]})
SCRIPT = SqlMigrate.model_validate(
    {
        "text": "ALTER TABLE avatars ADD note text DEFAULT ''; CREATE TABLE notes (id int);",
        "down": {"text": "DROP TABLE notes; ALTER TABLE avatars DROP COLUMN note"},
    }
)
WITH_A_WAY_BACK: dict[str, Action] = {
    action.kind: action for action in (UPDATE, FILL, DELETE, INSERT, COLUMNS, INDEX, KEY, NOT_NULL, SCRIPT)
}
NEEDING_NONE: dict[str, Action] = {
    action.kind: action for action in (Analyze(tables=["avatars"]), Vacuum(tables=["avatars"]))
}
OF_A_WHOLE_SCHEMA = {"prisma.db_push", "prisma.migrate_reset"}
HELD_ELSEWHERE = {"sql.cancel", "sql.terminate", "sql.drop_invalid_indexes", "prisma.migrate_deploy"}
"""What has no way back, says so and touches nothing: held by the third law, over the same dump."""
OF_THE_HOST = {"prisma.generate"}


@dataclass(frozen=True)
class Meanwhile:
    """What somebody writes between a change and its way back.

    Attributes:
        sql: What.
        keys: The rows that the way back must name, and stop; none where it must go on.
    """

    sql: str
    keys: tuple[str, ...] = ()


HARMLESS = Meanwhile(
    """UPDATE avatars SET name = 'theirs' WHERE id IN ('a1', 'a9');
INSERT INTO avatars (id, "sourceType") VALUES ('new', 'real');
INSERT INTO likes VALUES ('new', 'a1');
DELETE FROM likes WHERE id = 'l1'; DELETE FROM avatars WHERE id = 'a8';
INSERT INTO avatar_projects VALUES ('new', 'u', 'theirs')"""
)
"""What no change of those above has to do with: rows updated, inserted, referred to, deleted."""
OF_FILLED_ROWS = (
    Meanwhile("UPDATE avatars SET \"sourceType\" = 'real' WHERE id = 'a2'", ("id a2",)),
    Meanwhile("UPDATE avatars SET \"sourceType\" = NULL WHERE id < 'a3'", ("id a1", "id a2")),
    Meanwhile("DELETE FROM avatars WHERE id IN ('a1', 'a3', 'a9')", ("id a1", "id a3")),
    Meanwhile("UPDATE avatars SET id = 'other' WHERE id = 'a3'", ("id a3",)),
)
MEANWHILE = {
    "sql.update_rows": OF_FILLED_ROWS,
    "sql.fill_nulls": OF_FILLED_ROWS,
    "sql.delete_rows": (
        Meanwhile("INSERT INTO avatars (id) VALUES ('o2')", ("id o2",)),
        Meanwhile(
            "INSERT INTO avatars (id) VALUES ('o1'), ('o2'); INSERT INTO likes VALUES ('n', 'o1')",
            ("id o1", "id o2"),
        ),
        Meanwhile("UPDATE avatars SET id = 'o1' WHERE id = 'a9'", ("id o1",)),
    ),
    "sql.insert_rows": (
        Meanwhile("INSERT INTO covers VALUES ('new', 'lost1')", ("id lost1",)),
        Meanwhile("UPDATE avatar_projects SET name = 'theirs' WHERE id = 'lost2'", ("id lost2",)),
        Meanwhile("UPDATE avatar_projects SET name = upper(name)", ("id lost1", "id lost2")),
        Meanwhile("DELETE FROM avatar_projects WHERE id = 'lost1'"),
    ),
}
PLAYED = [(kind, meanwhile) for kind in WITH_A_WAY_BACK for meanwhile in (HARMLESS, *MEANWHILE.get(kind, ()))]


@dataclass
class LetterWorld(World):
    """A database whose dump is compared; `whole` has what is kept of changes, too."""

    def fingerprint(self) -> str:
        return in_order(super().fingerprint())

    def whole(self) -> str:
        kept = "SELECT (l.*)::text FROM remediate.ledger AS l UNION ALL SELECT (r.*)::text FROM remediate.rows AS r"
        self.sql("CREATE TABLE IF NOT EXISTS remediate.rows (id int)")
        return self.fingerprint() + self.sql(f"{kept} ORDER BY 1")

    def applied(self, action: Action) -> list[Undo]:
        undos: list[Undo] = []
        carry_out(action, self.target(), undos)
        return undos

    def undone(self, action: Action, undos: list[Undo]) -> None:
        for undo in reversed(undos):
            action.undo(self.target().scoped(fresh_token()), undo)


@pytest.fixture(scope="module")
def shared(cluster: Cluster) -> str:
    return cluster.new_database()


@pytest.fixture
def world(cluster: Cluster, shared: str, open_database: Callable[..., Database]) -> LetterWorld:
    quick = DatabaseSettings(tries=2, settle=5.0)
    reach = open_database(cluster.url(shared), settings=quick, sleep=lambda _: None)
    made = LetterWorld(cluster, shared, reach, BEGINNING)
    made.reset()
    return made


def test_every_action_that_changes_a_database_is_here() -> None:
    there = {
        kind
        for kind, step in CATALOGUE.items()
        if issubclass(step, Action) and kind.partition(".")[0] in {"sql", "prisma"}
    }
    here = {*WITH_A_WAY_BACK, *NEEDING_NONE} | OF_A_WHOLE_SCHEMA | HELD_ELSEWHERE | OF_THE_HOST
    assert there == here


@pytest.mark.parametrize(
    ("kind", "meanwhile"), PLAYED, ids=[f"{kind}: {one.sql[:50]}" for kind, one in PLAYED]
)
def test_the_way_back_leaves_what_others_wrote_or_stops_and_names_it(
    world: LetterWorld, count: Count, kind: str, meanwhile: Meanwhile
) -> None:
    action = WITH_A_WAY_BACK[kind]
    undos = world.applied(action)
    world.sql(meanwhile.sql)
    if meanwhile.keys:
        stopped(world, action, undos, meanwhile.keys)
    else:
        world.undone(action, undos)
        ended = world.fingerprint()
        world.reset()
        world.sql(meanwhile.sql)
        assert ended == world.fingerprint(), "something is not as if the change had never been made"
    count("undo to the letter", 1, 1)


def stopped(world: LetterWorld, action: Action, undos: list[Undo], keys: tuple[str, ...]) -> None:
    """Walk the way back, and see that it stops with exactly these rows named and everything as it was."""
    before = world.whole()
    with pytest.raises(Conflict) as error:
        world.undone(action, undos)
    assert re.findall(r"\bid \w+", error.value.what) == list(keys)
    assert world.whole() == before


def test_rows_whose_parents_somebody_deleted_are_named_and_none_comes_back(
    world: LetterWorld, count: Count
) -> None:
    unliked = {"table": "likes", "where": [{"column": "id", "operator": ">", "value": "l"}], "expect": EXPECT}
    action = DeleteRows.model_validate(unliked)
    undos = world.applied(action)
    world.sql("DELETE FROM avatars WHERE id = 'a5'")
    stopped(world, action, undos, ("id l2",))
    count("undo to the letter", 1, 1)


@pytest.mark.parametrize("action", NEEDING_NONE.values(), ids=NEEDING_NONE)
def test_what_needs_no_way_back_changes_no_letter(world: LetterWorld, count: Count, action: Action) -> None:
    world.sql("UPDATE avatars SET name = name")
    before = world.fingerprint()
    undos = world.applied(action)
    assert world.fingerprint() == before
    world.undone(action, undos)
    assert world.fingerprint() == before
    count("undo to the letter", 1, 1)


def test_all_of_them_one_after_the_other_and_back_last_first(world: LetterWorld, count: Count) -> None:
    before, made = world.fingerprint(), list[tuple[Action, list[Undo], str]]()
    for action in (UPDATE, INSERT, PARENT, NOT_NULL, COLUMNS, INDEX, KEY, SCRIPT):
        seen = world.fingerprint()
        made.append((action, world.applied(action), seen))
        assert world.fingerprint() != seen, f"{action.kind} changed nothing"
    for action, undos, seen in reversed(made):
        world.undone(action, undos)
        assert world.fingerprint() == seen, action.kind
    assert world.fingerprint() == before
    count("undo to the letter", len(made), len(made))


def test_a_whole_schema_made_anew_comes_back_to_the_letter(
    opens: Callable[..., World],
    backend: Path,
    tmp_path: Path,
    count: Count,
) -> None:
    write(tmp_path, "20250101_init", FIRST)
    for beginning, action in ((PUSHED_OVER, push(backend)), (OLD_SCHEMA, reset(tmp_path))):
        world = opens(beginning)
        before, undos = world.fingerprint(), list[Undo]()
        carry_out(action, world.target(), undos)
        assert world.fingerprint() != before
        for undo in reversed(undos):
            action.undo(world.target().scoped(fresh_token()), undo)
        assert world.fingerprint() == before
        count("undo to the letter", 1, 1)


def test_a_value_in_a_column_that_goes_again_is_kept_beside(world: LetterWorld, count: Count) -> None:
    before, undos = world.fingerprint(), world.applied(COLUMNS)
    world.sql("UPDATE avatars SET \"personaName\" = 'theirs' WHERE id = 'a4'")
    world.undone(COLUMNS, undos)
    assert world.fingerprint() == before
    kept = world.sql("SELECT key ->> 'id', columns ->> 'personaName' FROM remediate.saved")
    assert kept == "a4|theirs"
    count("undo to the letter", 1, 1)
