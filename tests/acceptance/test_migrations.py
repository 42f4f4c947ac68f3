"""Migrations applied by the real Prisma on a real host: shown before, seen after, refused where Prisma would refuse."""

from pathlib import Path

import pytest

from tests.operator import Operator, picture
from tests.practice import BACKEND, Practice

MIGRATIONS = f"{BACKEND}/prisma/migrations"
ADDING = 'ALTER TABLE "avatars" ADD COLUMN "note" TEXT;'
BREAKING = 'CREATE TABLE "half" (id int);\nALTER TABLE "nowhere" DROP COLUMN "x";'
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
    run, after = operator.last_run, picture(practice)
    assert migrate("--yes").code == 0
    assert picture(practice) == after, "a second run changes nothing"

    back = operator.does("rollback", run, "--yes")
    assert (back.code, "Prisma has no way down" in back.out) == (7, True), back.out + back.err
    assert sql(practice, NOTE) == "1"


def test_a_migration_that_fails_is_told_by_its_code_leaves_nothing_half_done_and_blocks_the_next(
    practice: Practice, operator: Operator, migrate
) -> None:
    write(practice, "20990101000000_broken", BREAKING)
    write(practice, "20990102000000_note", ADDING)
    failed = migrate("--yes")
    assert (failed.code, "P3018" in failed.out) == (7, True), failed.out + failed.err
    assert sql(practice, "SELECT to_regclass('half') IS NULL") == "t"
    assert sql(practice, NOTE) == "0"
    again = migrate("--yes")
    assert (again.code, "P3009" in again.out + again.err) == (1, True), again.out + again.err
    assert operator.does("audit", "verify").code == 0


def test_a_database_with_tables_and_no_history_is_refused_before_anything(
    practice: Practice, migrate
) -> None:
    sql(practice, "DROP TABLE _prisma_migrations")
    before = picture(practice)
    refused = migrate("--yes")
    assert (refused.code, "P3005" in refused.out + refused.err) == (1, True), refused.out + refused.err
    assert picture(practice) == before


def test_an_empty_database_is_filled_and_said_to_be_empty(practice: Practice, migrate) -> None:
    sql(practice, "DROP SCHEMA public CASCADE")
    sql(practice, "CREATE SCHEMA public AUTHORIZATION lumiku")
    assert "the database is empty: is it the right one?" in migrate("--dry-run").out
    assert migrate("--yes").code == 0
    assert practice.answers("web1")[0] == 200
