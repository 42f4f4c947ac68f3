"""Prisma's own command line works on a host, with no way to the outside."""

import subprocess
from concurrent.futures import ThreadPoolExecutor

from tests.practice import BACKEND

SETTINGS = {
    "PRISMA_SCHEMA_ENGINE_BINARY": "/opt/schema-engine/schema-engine",
    "CHECKPOINT_DISABLE": "1",
    "PRISMA_HIDE_UPDATE_MESSAGE": "1",
    "NO_COLOR": "1",
}
DRIFT = "migrate diff --from-config-datasource --to-schema prisma/schema.prisma"
BAD_MIGRATION = "20260101000000_bad"


def prisma(practice, words, **more):
    """Return Prisma's exit code and all it said."""
    variables = [f"{name}={value}" for name, value in {**SETTINGS, **more}.items()]
    command = ["env", "-C", BACKEND, *variables, "node_modules/.bin/prisma", *words.split()]
    result = practice.lab("exec", "web1", "--", *command)
    assert isinstance(result, subprocess.CompletedProcess)
    return result.returncode, result.stdout + result.stderr


def test_a_healthy_host_is_valid_generates_and_has_no_drift(practice, web1):
    expected = {
        "validate": has("is valid"),
        "generate": has("Generated Prisma Client (v7.10.0)"),
        "migrate status": has("Database schema is up to date!"),
        "migrate deploy": has("No pending migrations to apply."),
        f"{DRIFT} --exit-code": has("No difference detected."),
        "db pull --print": has('@@map("avatars")'),
    }
    with ThreadPoolExecutor(max_workers=2) as pool:
        said = dict(zip(expected, pool.map(lambda words: prisma(practice, words), expected), strict=True))
    assert said == {words: (0, text) for words, text in expected.items()}


def test_a_missing_column_is_found_by_diff_and_repaired_by_push(practice, web1):
    psql(practice, 'ALTER TABLE avatars DROP COLUMN "gender"')
    assert prisma(practice, f"{DRIFT} --exit-code") == (2, has("Added column `gender`"))
    assert prisma(practice, f"{DRIFT} --script") == (
        0,
        has('ALTER TABLE "avatars" ADD COLUMN     "gender" TEXT;'),
    )
    assert prisma(practice, "db push") == (0, has("now in sync"))
    assert psql(practice, "SELECT gender IS NULL FROM avatars LIMIT 1") == "t"


def test_a_failing_migration_leaves_nothing_half_done_until_it_is_resolved(practice, web1):
    folder = f"{BACKEND}/prisma/migrations/{BAD_MIGRATION}"
    script = "CREATE TABLE half (id int); ALTER TABLE nowhere ADD COLUMN x int;"
    practice.shell("web1", f"mkdir {folder} && echo '{script}' > {folder}/migration.sql")
    assert prisma(practice, "migrate deploy") == (
        1,
        has("P3018", "42P01", 'relation "nowhere" does not exist'),
    )
    assert psql(practice, "SELECT to_regclass('half') IS NULL") == "t"
    assert prisma(practice, "migrate status") == (1, has(BAD_MIGRATION))
    assert prisma(practice, f"migrate resolve --rolled-back {BAD_MIGRATION}") == (
        0,
        has("marked as rolled back"),
    )


def test_an_empty_database_is_filled_by_deploy_and_one_without_history_is_refused(practice, web1):
    psql(practice, "DROP SCHEMA public CASCADE")
    psql(practice, "CREATE SCHEMA public AUTHORIZATION lumiku")
    assert prisma(practice, "migrate deploy") == (0, has("All migrations have been successfully applied."))
    psql(practice, "DROP TABLE _prisma_migrations")
    assert prisma(practice, "migrate deploy") == (1, has("P3005"))


def test_a_wrong_database_url_has_prismas_own_code(practice):
    url = "postgresql://lumiku:wrong@127.0.0.1:5432/lumiku"
    assert prisma(practice, "migrate status", DATABASE_URL=url) == (1, has("P1000"))


def psql(practice, statement):
    command = [
        "psql",
        "-h",
        "/run/postgresql",
        "-U",
        "postgres",
        "-qAt",
        "-v",
        "ON_ERROR_STOP=1",
        "-c",
        statement,
        "lumiku",
    ]
    return practice.on("web1", *command).strip()


class has:  # noqa: N801 - reads as a verb: `== (0, has("up to date"))`
    """Equal to any text that has all of these in it."""

    def __init__(self, *parts):
        self.parts = parts

    def __eq__(self, text):
        return all(part in text for part in self.parts)

    def __hash__(self):
        return hash(self.parts)

    def __repr__(self):
        return f"text with {self.parts}"
