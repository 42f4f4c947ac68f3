"""The laws of `prisma.db_push` over a real PostgreSQL, with a program that prints what Prisma does."""

from collections.abc import Callable
from pathlib import Path

import pytest

from remediate.errors import CouldNotLook, Failed
from remediate.model import Undo
from remediate.providers.prisma_push import STEPS, DbPush
from remediate.providers.prisma_script import read_script

from ..laws.laws import LAWS, carry_out, fresh_token, planned  # noqa: TID252  (no package is installed for tests)
from .test_prisma_reset import World, opens  # noqa: F401  (a fixture)

CATALOGUE = {step.kind: step for step in STEPS}
SCRIPT = (Path(__file__).parent / "pushed.sql").read_text()
"""As `prisma migrate diff --from-empty --to-schema … --script` of Prisma 7.10 printed it, byte for byte."""
BEGINNING = """
CREATE TYPE "Role" AS ENUM ('ADMIN', 'USER', 'GUEST');
CREATE TABLE "User" (id serial PRIMARY KEY, role "Role" NOT NULL, roles "Role"[], amount numeric(10,2) NOT NULL);
CREATE TABLE "posts; odd" (id text PRIMARY KEY, "authorId" int NOT NULL REFERENCES "User", tags text[]);
CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, started_at timestamptz NOT NULL DEFAULT now());
INSERT INTO "User" (role, roles, amount) VALUES ('ADMIN', '{USER,ADMIN}', 1.10), ('USER', NULL, 2);
DELETE FROM "User" WHERE id = 2;
INSERT INTO "posts; odd" VALUES ('p', 1, '{a,"b,c"}');
INSERT INTO _prisma_migrations VALUES ('one', '2025-01-01');
CREATE TABLE empty_one (id int);
"""
PROGRAM = """#!/bin/sh
# Prints the script where it is asked for that alone, and started where no URL is to be had.
[ "$(pwd)" = / ] && [ -z "$DATABASE_URL" ] || exit 7
[ "$*" = "migrate diff --from-empty $(cat "{home}/option") {home}/schema.prisma --script" ] || exit 8
cat "{home}/script.sql"
"""


@pytest.fixture
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:secret@db/app")
    monkeypatch.delenv("PRISMA_SCHEMA_ENGINE_BINARY", raising=False)
    for folder in (".bin", "prisma", "@prisma/engines"):
        (tmp_path / "node_modules" / folder).mkdir(parents=True)
    (tmp_path / "node_modules/@prisma/engines/schema-engine-debian").touch()
    (tmp_path / "node_modules/.bin/prisma").write_text(PROGRAM.format(home=tmp_path))
    (tmp_path / "node_modules/.bin/prisma").chmod(0o755)
    (tmp_path / "script.sql").write_text(SCRIPT)
    version(tmp_path, "7.10.0", "--to-schema")
    return tmp_path


@pytest.fixture
def world(opens: Callable[..., World]) -> World:  # noqa: F811
    return opens(BEGINNING)


def version(backend: Path, number: str, option: str) -> None:
    (backend / "node_modules/prisma/package.json").write_text(
        f'{{\n  "name": "prisma",\n  "version": "{number}"\n}}'
    )
    (backend / "option").write_text(option)


def push(backend: Path, **more: object) -> DbPush:
    return DbPush(backend=str(backend), schema_file=f"{backend}/schema.prisma", **more)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_law_holds_on_a_real_database(world: World, backend: Path, law) -> None:
    law(push(backend), world, CATALOGUE)


def test_rows_are_carried_and_sequences_count_on(world: World, backend: Path) -> None:
    undos: list[Undo] = []
    before = world.fingerprint()
    carry_out(push(backend), world.target(), undos)
    assert world.sql('TABLE "User"') == "1|ADMIN|{USER,ADMIN}|a\nb, (c\"d'|1.10"
    assert world.sql('TABLE "posts; odd"') == 'p|1|{a,"b,c"}'
    assert world.sql("SELECT id FROM _prisma_migrations") == "one"
    assert world.sql('INSERT INTO "User" (amount) VALUES (3) RETURNING id, role') == "3|USER"
    assert world.sql('SELECT enum_range(NULL::"Role")') == "{USER,ADMIN}"
    assert world.sql("SELECT to_regclass('empty_one') IS NULL") == "t"
    assert planned(push(backend), world.target()) == ()
    push(backend).undo(world.target().scoped(fresh_token()), undos[0])
    (left,) = (name for name in world.sql("SELECT nspname FROM pg_namespace").split() if "left" in name)
    assert world.sql(f'SELECT count(*) FROM {left}."User"') == "2"  # noqa: S608
    world.sql(f"SET client_min_messages = error; DROP SCHEMA {left} CASCADE")
    assert world.fingerprint() == before


def test_a_database_that_is_as_the_schema_means_it_is_left_alone(
    opens: Callable[..., World],  # noqa: F811
    backend: Path,
) -> None:
    world = opens(SCRIPT)
    assert planned(push(backend), world.target()) == ()


DRIFTS = (
    'DROP INDEX "_f_B_index"',
    'ALTER TABLE "_f" DROP CONSTRAINT "_f_AB_pkey", ADD CONSTRAINT "_f_pkey" PRIMARY KEY ("B", "A")',
    'ALTER TABLE "_f" DROP CONSTRAINT "_f_A_fkey", ADD CONSTRAINT "_f_A_fkey" FOREIGN KEY ("A") REFERENCES "User"',
    "ALTER TYPE \"Role\" ADD VALUE 'GUEST'",
    'ALTER TABLE "User" ALTER amount DROP NOT NULL',
    'ALTER TABLE "User" ALTER amount TYPE numeric(9,2)',
    "ALTER TABLE \"User\" ALTER role SET DEFAULT 'ADMIN'",
    'ALTER TABLE "User" ALTER id DROP DEFAULT',
    'CREATE TABLE theirs ("id" int)',
    'ALTER TABLE "User" ADD theirs int',
    'DROP INDEX "_f_B_index"; CREATE INDEX "_f_B_index" ON "_f" ("B", "A")',
)


def test_what_differs_in_one_thing_is_made_anew(opens: Callable[..., World], backend: Path) -> None:  # noqa: F811
    world = opens(SCRIPT)
    for drift in DRIFTS:
        world.sql(drift)
        assert planned(push(backend), world.target()), drift
        carry_out(push(backend), world.target(), [])
        assert planned(push(backend), world.target()) == (), drift


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("INSERT INTO empty_one VALUES (1), (2)", r"the table empty_one \(2 rows\)"),
        ('ALTER TABLE "User" ADD "old <&" int DEFAULT 1', r"User\.old <& \(1 values\)"),
        (
            'ALTER TABLE "posts; odd" ALTER "authorId" TYPE bigint',
            r"posts; odd\.authorId \(1 values go from bigint to INTEGER\)",
        ),
    ],
)
def test_what_has_no_place_is_left_behind_only_where_that_is_accepted(
    world: World, backend: Path, more: str, told: str
) -> None:
    world.sql(more)
    with pytest.raises(Failed, match=rf"no place, or another type, for {told}; set accept_data_loss"):
        planned(push(backend), world.target())
    (change,) = planned(push(backend, accept_data_loss=True), world.target())
    assert any(note.startswith("lost until it is rolled back: ") for note in change.notes)
    carry_out(push(backend, accept_data_loss=True), world.target(), [])
    assert world.sql('SELECT count(*) FROM "posts; odd"') == "1"


def test_a_row_that_does_not_fit_ends_all_of_it_with_one_line(world: World, backend: Path) -> None:
    world.sql("INSERT INTO \"User\" (role, amount) VALUES ('GUEST', 1)")
    before = world.fingerprint()
    with pytest.raises(Failed, match=r"not pushed: the server refused: .*Role.*22P02") as error:
        carry_out(push(backend), world.target(), [])
    assert "\n" not in str(error.value)
    assert world.fingerprint() == before


def test_a_text_that_is_too_long_is_not_cut_off(world: World, backend: Path) -> None:
    (backend / "script.sql").write_text(
        SCRIPT.replace('"tags" TEXT[]', '"tags" VARCHAR(3)').replace("USING GIN ", "")
    )
    with pytest.raises(Failed, match=r"22001"):
        carry_out(push(backend, accept_data_loss=True), world.target(), [])


def test_a_column_that_rows_have_no_value_for_is_refused(world: World, backend: Path) -> None:
    (backend / "script.sql").write_text(
        SCRIPT.replace('"tags" TEXT[]', '"tags" TEXT[],\n    "must" INTEGER NOT NULL')
    )
    with pytest.raises(Failed, match=r"no value for posts; odd\.must, which must have one"):
        planned(push(backend), world.target())


def test_a_plan_shows_every_statement_and_what_is_not_made_anew(world: World, backend: Path) -> None:
    world.sql("CREATE VIEW v AS TABLE \"User\"; CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    (change,) = planned(push(backend), world.target())
    script = change.script
    inserted = script.index('INSERT INTO "public"."posts; odd" ("id", "authorId", "tags")')
    assert (
        script.index("RENAME TO")
        < script.index('CREATE TABLE "User"')
        < inserted
        < script.index("FOREIGN KEY")
    )
    assert '"role"::text::"Role", "roles"::text::"Role"[]' in script
    assert "not made anew, for a Prisma schema knows none: 1 views, 1 functions" in change.notes
    assert (change.fidelity.value, change.way_back.value, change.risk) == ("exact", "exact", "data")
    assert [one.rule for one in change.hazards] == ["schema-aside"]


@pytest.mark.parametrize(
    ("number", "option"), [("6.19.0", "--to-schema-datamodel"), ("10.0.1", "--to-schema")]
)
def test_prisma_is_asked_as_its_version_wants_it(
    world: World, backend: Path, number: str, option: str
) -> None:
    version(backend, number, option)
    assert planned(push(backend), world.target())


def test_a_host_without_prisma_or_its_engine_is_told_and_nothing_is_downloaded(
    world: World, backend: Path
) -> None:
    (backend / "script.sql").unlink()
    with pytest.raises(CouldNotLook, match="prisma migrate diff ended with exit code 1"):
        planned(push(backend), world.target())
    (backend / "node_modules/@prisma/engines/schema-engine-debian").unlink()
    with pytest.raises(CouldNotLook, match="no schema engine there, and looking downloads none"):
        planned(push(backend), world.target())
    (backend / "node_modules/.bin/prisma").unlink()
    with pytest.raises(CouldNotLook, match="prisma is not installed"):
        planned(push(backend), world.target())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('CREATE TABLE "auth"."User" ("id" INTEGER NOT NULL);', "names schemas of its own"),
        ("CREATE TYPE \"Role\" AS ENUM ('A');", "would make no table"),
        ('CREATE TABLE "a" ("id" TEXT DEFAULT \'a);', "cannot be taken apart"),
    ],
)
def test_a_script_that_cannot_be_made_here_is_refused(text: str, why: str) -> None:
    with pytest.raises(Failed, match=why):
        read_script(text, "schema.prisma")
