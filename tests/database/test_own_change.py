"""A way back takes back its own change, and never what another run has done alike, over a real PostgreSQL."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remediate.errors import Conflict
from remediate.model import Undo
from remediate.providers.postgres import AddColumns
from remediate.providers.postgres_foreign_key import MakeForeignKey
from remediate.providers.postgres_index import CreateIndex
from remediate.providers.postgres_not_null import SetNotNull
from remediate.providers.prisma_reset import MigrateReset
from remediate.providers.sql_migrate import SqlMigrate
from remediate.steps import Action
from remediate.transport.database import Database
from remediate.transport.database_door import DatabaseSettings

from ..laws.laws import carry_out, fresh_token, planned  # noqa: TID252  (no package is installed for tests)
from .conftest import Cluster
from .test_prisma_deploy import World, write

BEGINNING = """CREATE TABLE projects (id int PRIMARY KEY);
CREATE TABLE avatars (id int PRIMARY KEY, name text, "projectId" int); CREATE INDEX there ON avatars (name);
INSERT INTO projects VALUES (1); INSERT INTO avatars VALUES (1, 'one', 1), (2, 'two', NULL);
"""
FOREIGN = 'ALTER TABLE avatars ADD CONSTRAINT old FOREIGN KEY ("projectId") REFERENCES projects (id)'
NOTE = {"name": "note", "type": "TEXT"}
KEY = {"columns": ["projectId"], "references": "projects", "on_delete": "cascade"}
NOT_VALID = f"{FOREIGN} ON DELETE CASCADE ON UPDATE CASCADE NOT VALID"
MAKES = 'CREATE INDEX CONCURRENTLY "by name" ON avatars (name, id)'
DROPS = "DROP INDEX CONCURRENTLY there"
MADE_AGAIN = "CREATE INDEX CONCURRENTLY there ON avatars (name)"


def of(step: type[Action], parameters: dict[str, Any], beginning: str = "") -> Any:
    return pytest.param(step.model_validate(parameters), beginning, id=f"{step.kind} {beginning[-9:]}")


def script(up: str, down: str) -> dict[str, Any]:
    return {"text": up, "down": {"text": down}}


ACTIONS = [
    of(AddColumns, {"table": "avatars", "columns": [NOTE]}),
    of(CreateIndex, {"table": "avatars", "indexes": [{"columns": ["projectId"]}]}),
    of(MakeForeignKey, {"table": "avatars", "foreign_keys": [KEY]}),
    of(MakeForeignKey, {"table": "avatars", "foreign_keys": [KEY]}, FOREIGN),
    of(MakeForeignKey, {"table": "avatars", "foreign_keys": [KEY]}, NOT_VALID),
    of(SetNotNull, {"table": "avatars", "columns": ["name"]}),
    of(
        SqlMigrate,
        script("ALTER TABLE avatars ADD COLUMN note text", "ALTER TABLE avatars DROP COLUMN note"),
    ),
    of(SqlMigrate, script(MAKES, 'DROP INDEX CONCURRENTLY "by name"')),
    of(SqlMigrate, script(DROPS, MADE_AGAIN)),
    of(MigrateReset, {"folder": "FOLDER"}),
]


@pytest.fixture
def world(cluster: Cluster, dbname: str, open_database: Callable[..., Database]) -> World:
    quick = DatabaseSettings(tries=2, lock=0.5, settle=5.0)
    database = open_database(cluster.url(dbname), settings=quick, sleep=lambda _: None)
    made = World(cluster, dbname, database, beginning=BEGINNING)
    made.reset()
    return made


def take_back(action: Action, world: World, undos: list[Undo]) -> None:
    for undo in reversed(undos):
        action.undo(world.target().scoped(fresh_token()), undo)


@pytest.mark.parametrize(("action", "beginning"), ACTIONS)
def test_what_another_run_did_meanwhile_is_not_this_runs_to_take_back(
    world: World, tmp_path: Path, action: Action, beginning: str
) -> None:
    if isinstance(action, MigrateReset):
        write(tmp_path, "1_init", "CREATE TABLE avatars (id int);")
        action = MigrateReset(folder=str(tmp_path))
    world.sql(beginning)
    before, owed, others = world.fingerprint(), list[Undo](), list[Undo]()
    for change in planned(action, world.target()):
        owed.append(action.snapshot(world.target().scoped(fresh_token()), change))
    assert owed
    carry_out(action, world.target(), others)
    after = world.fingerprint()
    assert after != before
    take_back(action, world, owed)
    assert world.fingerprint() == after
    take_back(action, world, others)
    assert world.fingerprint() == before
    take_back(action, world, others)
    assert world.fingerprint() == before


def test_rows_that_another_run_made_room_for_are_not_lost(world: World) -> None:
    action = SqlMigrate.model_validate(
        script("ALTER TABLE avatars ADD COLUMN note text", "ALTER TABLE avatars DROP COLUMN note")
    )
    (change,) = planned(action, world.target())
    owed = action.snapshot(world.target().scoped(fresh_token()), change)
    carry_out(action, world.target(), [])
    world.sql("UPDATE avatars SET note = 'precious'")
    action.undo(world.target().scoped(fresh_token()), owed)
    assert world.sql("SELECT DISTINCT note FROM avatars") == "precious"


def test_an_index_that_somebody_made_anew_is_not_the_scripts(world: World) -> None:
    action, undos = (
        SqlMigrate.model_validate(script(MAKES, 'DROP INDEX CONCURRENTLY "by name"')),
        list[Undo](),
    )
    carry_out(action, world.target(), undos)
    world.sql('DROP INDEX "by name"; CREATE INDEX "by name" ON avatars (id)')
    with pytest.raises(Conflict, match="by name is no longer the index that this run made"):
        take_back(action, world, undos)
