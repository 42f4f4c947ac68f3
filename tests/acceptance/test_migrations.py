"""Migrations applied on a real host: shown before, to Prisma's content after, refused where Prisma would refuse."""

from pathlib import Path

import pytest

from tests.operator import Operator, picture
from tests.practice import BACKEND, Practice

MIGRATIONS = f"{BACKEND}/prisma/migrations"
ADDING = 'ALTER TABLE "avatars" ADD COLUMN "note" TEXT;'
BREAKING = 'CREATE TABLE "half" (id int);\nALTER TABLE "nowhere" ADD COLUMN "x" int;'
PLAYBOOK = """
name: migrate
title: Migrations are pending
on: backend
diagnose: [{name: all migrations are applied, prisma.migrations: {}}]
fix: [{name: apply them, prisma.migrate_deploy: {}}]
verify: [{name: they are in the history, prisma.migrations: {}}]
within: 5s
stable: 0s
"""


@pytest.fixture
def migrate(operator: Operator, tmp_path: Path, web1: str):
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "migrate.yml").write_text(PLAYBOOK)
    return lambda *words: operator.does(
        "run", "migrate", "--on", web1, "--playbooks", str(tmp_path / "books"), *words
    )


def write(practice: Practice, name: str, sql: str) -> None:
    practice.shell("web1", f"mkdir '{MIGRATIONS}/{name}'")
    practice.put("web1", f"{MIGRATIONS}/{name}/migration.sql", sql.encode())


def sql(practice: Practice, statement: str) -> str:
    login = ["psql", "-h", "/run/postgresql", "-U", "postgres", "-qAtc", statement, "lumiku"]
    return practice.on("web1", *login).strip()


def prisma(practice: Practice, verb: str) -> str:
    engine = "PRISMA_SCHEMA_ENGINE_BINARY=/opt/schema-engine/schema-engine"
    return practice.shell("web1", f"cd {BACKEND} && {engine} node_modules/.bin/prisma migrate {verb} 2>&1")


NOTE = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'note'"


def test_a_pending_migration_is_shown_applied_once_and_never_said_to_be_taken_back(
    practice: Practice, operator: Operator, migrate
) -> None:
    write(practice, "20990101000000_a note", ADDING)
    before = picture(practice)
    dry = migrate("--dry-run")
    assert dry.code == 3, dry.out + dry.err
    assert ADDING in dry.out
    assert "Prisma has no way down" in dry.out
    assert picture(practice) == before, "looking and planning are inert"

    done = migrate("--yes")
    assert done.code == 0, done.out + done.err
    assert sql(practice, NOTE) == "1"
    assert "No pending migrations" in prisma(practice, "deploy"), "Prisma itself is content"
    run, after = operator.last_run, picture(practice)
    assert migrate("--yes").code == 0
    assert picture(practice) == after, "a second run changes nothing"

    back = operator.does("rollback", run, "--yes")
    assert (back.code, "Prisma has no way down" in back.out) == (7, True), back.out + back.err
    assert sql(practice, NOTE) == "1"


def test_a_migration_that_fails_leaves_nothing_of_itself_and_blocks_none(practice: Practice, migrate) -> None:
    write(practice, "20990101000000_broken", BREAKING)
    before = picture(practice)
    failed = migrate("--yes")
    assert (failed.code, "42P01" in failed.out) == (1, True), failed.out + failed.err
    assert picture(practice).settled == before.settled
    practice.put("web1", f"{MIGRATIONS}/20990101000000_broken/migration.sql", ADDING.encode())
    assert migrate("--yes").code == 0
    assert sql(practice, NOTE) == "1"


def test_a_migration_that_the_gate_stops_is_declined_unless_the_step_allows_it(
    practice: Practice, migrate, tmp_path: Path
) -> None:
    write(practice, "20990101000000_drop", 'SELECT 1;\nALTER TABLE "avatars" DROP COLUMN "style";')
    before = picture(practice)
    assert "stops line 2: drop-column" in migrate("--dry-run").out
    refused = migrate("--yes")
    assert (refused.code, "allow: [drop-column]" in refused.out + refused.err) == (4, True), refused.out
    assert picture(practice) == before
    book = tmp_path / "books" / "migrate.yml"
    book.write_text(PLAYBOOK.replace("deploy: {}", "deploy: {allow: [drop-column]}"))
    done = migrate("--yes")
    assert (done.code, "ALLOWED BY THE STEP" in done.out) == (0, True), done.out + done.err


def test_what_came_before_a_migration_that_fails_stays_applied_and_a_person_is_called(
    practice: Practice, migrate
) -> None:
    write(practice, "20990101000000_note", ADDING)
    write(practice, "20990102000000_broken", BREAKING)
    failed = migrate("--yes")
    assert (failed.code, "Prisma has no way down" in failed.out) == (7, True), failed.out + failed.err
    assert (sql(practice, NOTE), sql(practice, "SELECT to_regclass('half') IS NULL")) == ("1", "t")


def test_a_database_with_tables_and_no_history_is_refused_before_anything(
    practice: Practice, migrate
) -> None:
    sql(practice, "DROP TABLE _prisma_migrations")
    before = picture(practice)
    refused = migrate("--yes")
    assert (refused.code, "P3005" in refused.out + refused.err) == (8, True), refused.out + refused.err
    assert picture(practice) == before


def test_an_empty_database_is_filled_and_said_to_be_empty(practice: Practice, migrate) -> None:
    sql(practice, "DROP SCHEMA public CASCADE")
    sql(practice, "CREATE SCHEMA public AUTHORIZATION lumiku")
    assert "the database is empty: is it the right one?" in migrate("--dry-run").out
    assert migrate("--yes").code == 0
    assert "Database schema is up to date!" in prisma(practice, "status")
    assert practice.answers("web1")[0] == 200
