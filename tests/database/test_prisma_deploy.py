"""The laws of `prisma.migrate_deploy` over a real PostgreSQL and real files, and what no general law says of it."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from remediate.errors import CouldNotLook, Failed
from remediate.providers.prisma_deploy import STEPS, MigrateDeploy
from remediate.questions import Answers, Query
from remediate.transport.database import Database
from remediate.transport.database_door import DatabaseSettings

from ..laws.command import CommandTarget  # noqa: TID252  (no package is installed for tests)
from ..laws.laws import LAWS, carry_out, fresh_token, planned  # noqa: TID252
from .conftest import Cluster
from .test_add_columns import DatabaseTarget, DatabaseWorld

CATALOGUE = {step.kind: step for step in STEPS}
FIRST = """-- CreateTable
CREATE TABLE "avatars" ("id" TEXT NOT NULL, "note" TEXT DEFAULT 'a;b', CONSTRAINT "avatars_pkey" PRIMARY KEY ("id"));

-- A percent sign and a dollar are nothing here: %s, %, $1
COMMENT ON TABLE "avatars" IS '100%; %s';
"""
SECOND = """CREATE FUNCTION twice(int) RETURNS int LANGUAGE plpgsql AS $body$
BEGIN
    RETURN 2 * $1;
END $body$;
ALTER TABLE "avatars" ADD COLUMN "count" INTEGER NOT NULL DEFAULT 0;
CREATE INDEX "avatars_note_idx" ON "avatars"("note");
"""


class WithFiles(DatabaseTarget):
    """A target that has this machine's files, too."""

    def answer(self, questions: Iterable[Any]) -> Answers:
        wanted = tuple(questions)
        queries = [one for one in wanted if isinstance(one, Query)]
        files = CommandTarget().answer([one for one in wanted if not isinstance(one, Query)])
        return files.laid_over(Answers(self.reach.answer(tuple(queries)), self.name))


class World(DatabaseWorld):
    def target(self) -> WithFiles:
        return WithFiles(self.reach)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "20250101_init", FIRST)
    write(tmp_path, "20250202 with a space", SECOND)
    (tmp_path / "migration_lock.toml").touch()
    return tmp_path


@pytest.fixture
def world(cluster: Cluster, dbname: str, open_database: Callable[..., Database]) -> World:
    quick = DatabaseSettings(tries=2, lock=0.5)
    database = open_database(cluster.url(dbname), settings=quick, sleep=lambda _: None)
    made = World(cluster, dbname, database, beginning="")
    made.reset()
    return made


def write(folder: Path, name: str, sql: str) -> None:
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "migration.sql").write_text(sql)


def deploy(folder: Path) -> MigrateDeploy:
    return MigrateDeploy(folder=str(folder))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_law_holds_on_a_real_database(world: World, folder: Path, law) -> None:
    law(deploy(folder), world, CATALOGUE)


def test_what_is_applied_is_what_stands_in_the_files(world: World, folder: Path) -> None:
    carry_out(deploy(folder), world.target(), [])
    assert world.sql("SELECT obj_description('avatars'::regclass)") == "100%; %s"
    assert world.sql("SELECT twice(21)") == "42"
    rows = (
        "SELECT migration_name, applied_steps_count, logs IS NULL, length(id), finished_at >= started_at FROM"
    )
    assert world.sql(f"{rows} _prisma_migrations ORDER BY started_at").splitlines() == [
        "20250101_init|1|t|36|t",
        "20250202 with a space|1|t|36|t",
    ]


def test_a_plan_shows_the_sql_and_what_it_does_to_rows(world: World, folder: Path) -> None:
    first, second = planned(deploy(folder), world.target())
    assert [first.risk, second.risk, first.hazards, second.hazards] == [
        "schema",
        "schema",
        (),
        (),
    ]  # all is new
    assert '+ALTER TABLE "avatars" ADD COLUMN "count" INTEGER NOT NULL DEFAULT 0;' in second.diff
    carry_out(deploy(folder), world.target(), [])
    world.sql("INSERT INTO avatars SELECT n::text FROM generate_series(1, 1000) AS n")
    write(folder, "20250303_drop", '\n\nALTER TABLE "avatars" DROP COLUMN "note"; -- TRUNCATE nothing')
    (dropping,) = planned(deploy(folder), world.target())
    assert (dropping.risk, dropping.way_back.value) == ("data", "none")
    (hazard,) = dropping.hazards
    assert (hazard.rule, hazard.severity, hazard.line) == ("drop-column", "stop", 3)
    (allowed,) = planned(MigrateDeploy(folder=str(folder), allow=["drop-column"]), world.target())
    assert allowed.hazards[0].allowed


def test_a_migration_that_fails_leaves_nothing_of_itself_and_those_before_it_stay(
    world: World, folder: Path
) -> None:
    write(folder, "20250303_broken", "CREATE TABLE half (id int); ALTER TABLE nowhere DROP COLUMN x;")
    with pytest.raises(Failed, match=r"20250303_broken was not applied: .*42P01") as error:
        carry_out(deploy(folder), world.target(), [])
    assert "those before it are applied" in error.value.todo
    assert world.sql("SELECT to_regclass('half') IS NULL, to_regclass('avatars') IS NULL") == "t|f"
    assert world.sql("SELECT count(*) FROM _prisma_migrations") == "2"


def test_a_table_that_somebody_reads_is_not_waited_for_without_end(world: World, folder: Path) -> None:
    later = (folder / "20250202 with a space").rename(folder.parent / "later")
    carry_out(deploy(folder), world.target(), [])
    later.rename(folder / "20250202 with a space")
    world.sql("BEGIN; LOCK TABLE avatars IN ACCESS SHARE MODE; PREPARE TRANSACTION 'reader'")
    with pytest.raises(Failed, match=r"20250202 with a space was not applied: .*lock"):
        carry_out(deploy(folder), world.target(), [])
    world.sql("ROLLBACK PREPARED 'reader'")
    assert world.sql("SELECT count(*) FROM _prisma_migrations") == "1"
    assert world.sql("SELECT to_regproc('twice') IS NULL") == "t"


def test_one_that_somebody_else_applied_meanwhile_is_not_applied_twice(world: World, folder: Path) -> None:
    write(folder, "20250303_twice", "SELECT 1;")  # nothing in itself keeps it from being applied twice
    action, target = deploy(folder), world.target()
    *_, late = planned(action, target)
    carry_out(action, target, [])
    with pytest.raises(Failed, match="20250303_twice was not applied") as error:
        action.apply(target.scoped(fresh_token()), late)
    assert "somebody else has applied it" in error.value.todo
    assert world.sql("SELECT count(*) FROM _prisma_migrations") == "3"


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("CREATE INDEX CONCURRENTLY i ON avatars (id);", "cannot run in a transaction"),
        ("BEGIN; SELECT 1; COMMIT;", "begins or ends transactions itself"),
        ("SELECT 'a", "has no end"),
    ],
)
def test_one_that_is_none_for_a_transaction_is_refused_before_anything(
    world: World, folder: Path, sql: str, why: str
) -> None:
    write(folder, "20250303_odd", sql)
    with pytest.raises(Failed, match=why):
        planned(deploy(folder), world.target())
    assert world.sql("SELECT to_regclass('avatars') IS NULL") == "t"


def test_tables_without_a_history_and_a_failed_one_want_a_person(world: World, folder: Path) -> None:
    world.sql("CREATE TABLE somebodys (id int)")
    with pytest.raises(Failed, match="P3005"):
        planned(deploy(folder), world.target())
    world.sql("DROP TABLE somebodys")
    carry_out(deploy(folder), world.target(), [])
    write(folder, "20250303_more", "SELECT 1;")
    world.sql("UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name LIKE '%space'")
    with pytest.raises(Failed, match="P3009"):
        planned(deploy(folder), world.target())


def test_a_host_without_migrations_is_told(world: World, tmp_path: Path) -> None:
    with pytest.raises(CouldNotLook, match="no such folder"):
        planned(deploy(tmp_path / "nowhere"), world.target())
