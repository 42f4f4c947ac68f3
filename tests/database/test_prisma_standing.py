"""`prisma.tables`, `prisma.failed_migrations`, `prisma.writable` over a real PostgreSQL, and what each does not say."""

from collections.abc import Callable
from pathlib import Path

import pytest

from remediate.errors import Failed
from remediate.model import Finding
from remediate.providers.prisma_deploy import MAKE_HISTORY, MigrateDeploy
from remediate.providers.prisma_failed import FailedMigrations, Made, made_in, what_to_do
from remediate.providers.prisma_presence import Tables
from remediate.providers.prisma_writable import Writable
from remediate.steps import Check
from remediate.transport.database import Database

from .conftest import Cluster
from .test_prisma_deploy import WithFiles, write

SCHEMA = """
datasource db {
  provider = "postgresql"
}
enum Role {
  USER
  ADMIN @map("admin")
}
model Project {
  id   String @id
  role Role   @default(USER)
  @@map("projects")
}
model Avatar {
  id String @id
  n  Int    @default(autoincrement())
  @@map("avatars")
}
"""
MADE = """CREATE TYPE "Role" AS ENUM ('USER', 'admin');
CREATE TABLE "projects" ("id" TEXT PRIMARY KEY, "role" "Role" NOT NULL DEFAULT 'USER');
CREATE TABLE "avatars" ("id" TEXT PRIMARY KEY, "n" SERIAL);
"""
FAILED = """INSERT INTO _prisma_migrations (id, checksum, migration_name, logs)
VALUES ('1', 'x', '2_more', 'Database error 23505')"""
FILLED = """ALTER TABLE avatars ADD COLUMN tenant TEXT NOT NULL;
CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.tenant := 'one'; RETURN NEW; END $$;
CREATE TRIGGER fill BEFORE INSERT ON avatars FOR EACH ROW EXECUTE FUNCTION fill()
"""
MORE = """-- CREATE TABLE "commented" ();
CREATE TABLE IF NOT EXISTS public."Notes" (id int);
ALTER TABLE "avatars" ADD COLUMN "caption" TEXT, ADD COLUMN plain INT;
CREATE UNIQUE INDEX "avatars_caption_key" ON "avatars"("caption");
CREATE TYPE "Mood" AS ENUM ('good');
"""
Look = Callable[..., Finding]


@pytest.fixture
def look(database: Database, tmp_path: Path) -> Look:
    (tmp_path / "schema.prisma").write_text(SCHEMA)
    (tmp_path / "migrations").mkdir()

    def judged(kind: type[Check], database: Database = database) -> Finding:
        failed = kind is FailedMigrations
        where = (
            {"folder": f"{tmp_path}/migrations"} if failed else {"schema_file": f"{tmp_path}/schema.prisma"}
        )
        check = kind.model_validate(where)
        answers = WithFiles(database).answer(check.ask())
        return check.judge(answers, answers)

    return judged


@pytest.fixture
def sql(cluster: Cluster, dbname: str) -> Callable[[str], str]:
    cluster.sql(MADE, dbname)
    return lambda text: cluster.sql(text, dbname)


def test_a_database_that_has_it_all_is_well(sql, look: Look) -> None:
    sql("CREATE SCHEMA staging; CREATE TABLE staging.avatars (id int)")
    assert [look(kind).healthy for kind in (Tables, FailedMigrations, Writable)] == [True, True, True]
    assert look(Tables).seen == "all 2 tables are there"
    assert look(Tables).evidence == ()


def test_a_table_that_lies_in_another_schema_is_told_with_it(sql, look: Look) -> None:
    sql(
        'CREATE SCHEMA backend; ALTER TABLE avatars SET SCHEMA backend; ALTER TABLE projects RENAME TO "Projects"'
    )
    found = look(Tables)
    assert found.facts["missing"] == ["projects", "avatars"]
    assert found.facts["elsewhere"] == [{"table": "avatars", "schema": "backend"}]
    assert found.facts["empty"] is False
    assert found.evidence == (
        "avatars lies in the schema backend, which the app does not look into",
        "Projects is there: the server tells capitals from small letters",
    )


def test_an_empty_database_is_told_from_one_that_lacks_a_table(sql, cluster: Cluster, look: Look) -> None:
    sql("DROP TABLE avatars")
    assert (look(Tables).facts["missing"], look(Tables).facts["empty"]) == (["avatars"], False)
    sql("DROP TABLE projects")
    sql(MAKE_HISTORY)
    sql("CREATE SCHEMA remediate_kept_1; CREATE TABLE remediate_kept_1.avatars (id int)")
    other = cluster.new_database()
    found = look(Tables)
    assert (found.facts["empty"], found.facts["elsewhere"]) == (True, [])
    assert other in found.evidence[-1]


def test_no_second_set_of_tables_is_made_beside_a_history_in_another_schema(
    sql, database: Database, tmp_path: Path
) -> None:
    write(tmp_path, "1_init", "SELECT 1;")
    action, target = MigrateDeploy(folder=str(tmp_path)), WithFiles(database)
    sql("DROP TABLE avatars, projects; CREATE SCHEMA backend")
    assert len(action.plan(target.answer(action.ask()))) == 1, "an empty database is filled"
    sql(MAKE_HISTORY.replace("_prisma", "backend._prisma"))
    with pytest.raises(Failed, match="the schema public is empty, the history of migrations lies in backend"):
        action.plan(target.answer(action.ask()))


def test_a_failed_migration_is_told_with_what_is_there_of_it(sql, look: Look, tmp_path: Path) -> None:
    sql(MAKE_HISTORY)
    assert look(FailedMigrations).healthy
    sql(FAILED)
    write(tmp_path / "migrations", "2_more", MORE)
    sql('CREATE TABLE "Notes" (id int); ALTER TABLE avatars ADD COLUMN plain int')
    found = look(FailedMigrations)
    assert not found.healthy
    assert found.facts["failed"] == [
        {
            "name": "2_more",
            "there": ["table Notes", "column avatars.plain"],
            "absent": ["index avatars_caption_key", "type Mood", "column avatars.caption"],
        }
    ]
    assert found.evidence[0].startswith("half of it is there: take that away, then prisma migrate resolve")
    assert found.evidence[-1] == "Prisma noted of 2_more: Database error 23505"
    sql("UPDATE _prisma_migrations SET rolled_back_at = now()")
    assert look(FailedMigrations).healthy


NOTED = """A migration failed to apply. New migrations cannot be applied before the error is recovered from.

Migration name: 2_more
{code}
Database error:
ERROR: could not create unique index "avatars_mail_key"
DETAIL: Key (mail)=(alice@example.com) is duplicated.

DbError {{ severity: "ERROR", detail: Some("Key (mail)=(alice@example.com) is duplicated.") }}
"""


@pytest.mark.parametrize(
    "code", ["", "Database error code: 23505\n", "ERROR: invalid input: alice@example.com"]
)
def test_of_what_prisma_noted_no_value_of_a_row_is_shown(sql, look: Look, code: str) -> None:
    sql(MAKE_HISTORY + ";" + FAILED.replace("Database error 23505", NOTED.format(code=code)))
    told = look(FailedMigrations).evidence
    assert "Prisma noted of 2_more: Migration name: 2_more" in told
    assert "alice" not in " ".join(told)
    if code.startswith("Database"):
        assert told[-1] == "Prisma noted of 2_more: Database error code: 23505"


def test_who_holds_prismas_lock_is_told(sql, look: Look) -> None:
    sql(MAKE_HISTORY + ";" + FAILED)
    assert not any("lock" in line for line in look(FailedMigrations).evidence)
    sql("BEGIN; SELECT pg_advisory_xact_lock(72707369); PREPARE TRANSACTION 'migrating'")
    try:
        assert any(
            "a prepared transaction holds Prisma's lock" in line for line in look(FailedMigrations).evidence
        )
    finally:
        sql("ROLLBACK PREPARED 'migrating'")


def test_what_a_migration_makes_is_read_from_its_statements() -> None:
    assert made_in(MORE) == (
        Made("table", "Notes"),
        Made("index", "avatars_caption_key"),
        Made("type", "Mood"),
        Made("column", "avatars.caption"),
        Made("column", "avatars.plain"),
    )


@pytest.mark.parametrize(
    ("there", "says"),
    [
        ([], "see what it left"),
        ([False, False], "nothing is to be added by hand: prisma migrate resolve --rolled-back 2_more"),
        ([True, True], "prisma migrate resolve --applied 2_more"),
        ([True, False], "half of it is there"),
    ],
)
def test_what_a_person_would_do_depends_on_what_is_there(there: list[bool], says: str) -> None:
    assert says in what_to_do("2_more", there)


@pytest.mark.parametrize(
    ("change", "obstacles"),
    [
        ("ALTER TABLE avatars ADD COLUMN tenant TEXT NOT NULL", [("required", "avatars.tenant")]),
        ("ALTER TABLE avatars ADD COLUMN tenant TEXT NOT NULL DEFAULT 'one'", []),
        ("ALTER TABLE avatars ADD COLUMN tenant TEXT", []),
        ("ALTER TABLE avatars ADD COLUMN tenant INT NOT NULL GENERATED ALWAYS AS IDENTITY", []),
        ("ALTER TYPE \"Role\" RENAME VALUE 'admin' TO 'ADMIN'", [("enum", "Role.admin")]),
        ("CREATE TABLE legacy (id int NOT NULL)", []),
        (FILLED, []),
    ],
)
def test_what_is_in_the_way_of_a_write_is_told_and_what_is_not_is_not(
    sql, look: Look, change: str, obstacles: list[tuple[str, str]]
) -> None:
    sql(change)
    found = look(Writable)
    assert [(one["what"], one["name"]) for one in found.facts["obstacles"]] == obstacles
    assert found.healthy is not bool(obstacles)


def test_a_privilege_that_the_apps_role_lacks_is_told_and_a_table_meant_for_reading_and_adding_is_not(
    sql, look: Look, cluster: Cluster, dbname: str, open_database
) -> None:
    role = f"limited_{dbname}"
    sql(
        f"CREATE ROLE {role} LOGIN PASSWORD 'correct horse'; GRANT SELECT, INSERT ON avatars, projects TO {role}"
    )
    try:
        limited = open_database(cluster.url(dbname, user=role, password="correct%20horse"))
        assert look(Tables, limited).healthy
        assert look(Writable, limited).healthy
        assert "may not UPDATE every column of avatars" in look(Writable, limited).evidence[0]
        sql(f"REVOKE INSERT ON avatars FROM {role}; REVOKE SELECT ON projects FROM {role}")  # noqa: S608
        assert [one["name"] for one in look(Writable, limited).facts["obstacles"]] == [
            "no INSERT in avatars",
            "no SELECT in projects",
        ]
        limited.close()
    finally:
        sql(f"DROP OWNED BY {role}; DROP ROLE {role}")
