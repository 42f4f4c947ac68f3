"""The laws of `sql.migrate` over a real PostgreSQL, and what no general law says of it."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from remediate.errors import Failed
from remediate.model import Undo
from remediate.providers.catalog_keys import ALL_INDEXES
from remediate.providers.script_record import outside
from remediate.providers.sql_migrate import STEPS, SqlMigrate
from remediate.questions import NotKnown
from remediate.transport.database import Database
from remediate.transport.database_door import DatabaseSettings
from remediate.transport.database_wire import Command

from ..laws.laws import LAWS, carry_out, fresh_token, planned, the_way_back_leads_back  # noqa: TID252  (no package is installed for tests)
from .conftest import Cluster
from .test_create_index import until
from .test_prisma_deploy import World

CATALOGUE = {step.kind: step for step in STEPS}
BEGINNING = """CREATE TABLE avatars (id int PRIMARY KEY, "userId" int, name text);
INSERT INTO avatars SELECT n, n % 7, 'name ' || n FROM generate_series(1, 3000) AS n;"""
UP = """-- a hundred percent: 100% %s
ALTER TABLE avatars ADD COLUMN note text DEFAULT '%s';
UPDATE avatars SET note = 'a;b' WHERE id < 10;
"""
DOWN = {"text": "ALTER TABLE avatars DROP COLUMN note"}
SCRIPT = SqlMigrate.model_validate({"text": UP, "down": DOWN})
INDEX = SqlMigrate.model_validate(
    {
        "text": 'CREATE INDEX CONCURRENTLY "by user" ON avatars ("userId" DESC);',
        "down": {"text": 'DROP INDEX CONCURRENTLY "by user"'},
    }
)
SHAPES = (
    SqlMigrate.model_validate(  # pg_dump shows rows in the order in which they lie: an update would move them
        {
            "text": "ALTER TABLE avatars ADD note text DEFAULT '%s'; CREATE TABLE extra AS SELECT 1 AS one;",
            "down": {"text": "DROP TABLE extra; ALTER TABLE avatars DROP COLUMN note"},
        }
    )
)
FOR_GOOD = SqlMigrate.model_validate(
    {"text": "DELETE FROM avatars WHERE id = 5", "way_back": "none", "reason": "they are gone"}
)
NOT_INDEX = SqlMigrate.model_validate(
    {
        "text": "DROP INDEX CONCURRENTLY avatars_name",
        "down": {"text": "CREATE INDEX CONCURRENTLY avatars_name ON avatars (name)"},
    }
)


@pytest.fixture
def world(cluster: Cluster, dbname: str, open_database: Callable[..., Database]) -> World:
    quick = DatabaseSettings(tries=2, lock=0.5, settle=5.0)
    database = open_database(cluster.url(dbname), settings=quick, sleep=lambda _: None)
    made = World(cluster, dbname, database, beginning=BEGINNING)
    made.reset()
    return made


def hazards(action: SqlMigrate, world: World) -> dict[str, str]:
    (change,) = planned(action, world.target())
    return {one.rule: one.severity.value for one in change.hazards if not one.way_down}


@pytest.mark.parametrize("action", [SHAPES, INDEX, FOR_GOOD], ids=["with a way down", "outside", "for good"])
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_law_holds_on_a_real_database(world: World, action: SqlMigrate, law) -> None:
    law(action, world, CATALOGUE)


def test_an_index_dropped_concurrently_is_made_again_on_the_way_back(world: World) -> None:
    world.beginning += "CREATE INDEX avatars_name ON avatars (name);"
    world.reset()
    the_way_back_leads_back(NOT_INDEX, world, CATALOGUE)


def test_the_plan_shows_both_ways_their_hazards_and_the_live_size(world: World) -> None:
    (change,) = planned(SCRIPT, world.target())
    assert change.script == UP.rstrip("\n") + "\n-- the way back:\nALTER TABLE avatars DROP COLUMN note;"
    assert (change.risk, change.rows) == ("data", None), "how many rows an UPDATE writes nobody knows before"
    assert planned(SHAPES, world.target())[0].rows == 0
    told = {(one.rule, one.severity.value, one.line, one.way_down) for one in change.hazards}
    assert told == {
        ("alter-table", "note", 2, False),
        ("change-rows", "note", 3, False),
        ("lock-held", "warning", 3, False),
        ("drop-column", "stop", 1, True),
    }


def test_a_script_is_run_once_for_each_of_its_texts(world: World) -> None:
    carry_out(SCRIPT, world.target(), [])
    assert world.sql("SELECT note FROM avatars WHERE id IN (1, 10) ORDER BY id").splitlines() == ["a;b", "%s"]
    assert planned(SCRIPT, world.target()) == ()
    other = SCRIPT.model_copy(update={"text": "UPDATE avatars SET name = 'x' WHERE id = 1"})
    assert len(planned(other, world.target())) == 1


def test_a_script_that_somebody_else_ran_meanwhile_is_not_run_twice(world: World) -> None:
    target = world.target()
    (late,) = planned(FOR_GOOD, target)
    carry_out(FOR_GOOD, target, [])
    world.sql("INSERT INTO avatars VALUES (5)")
    with pytest.raises(Failed):
        FOR_GOOD.apply(target.scoped(fresh_token()), late)
    assert world.sql("SELECT count(*) FROM avatars WHERE id = 5") == "1"


def test_what_fails_leaves_nothing_of_itself(world: World) -> None:
    broken = SCRIPT.model_copy(update={"text": f"{UP}SELECT 1/0"})
    before = world.fingerprint()
    with pytest.raises(Failed, match="22012"):
        carry_out(broken, world.target(), [])
    assert world.fingerprint() == before
    assert len(planned(broken, world.target())) == 1


def test_a_way_down_that_fails_puts_nothing_back_by_half(world: World) -> None:
    undos: list[Undo] = []
    carry_out(SCRIPT, world.target(), undos)
    world.sql("CREATE VIEW notes AS SELECT note FROM avatars")
    with pytest.raises(Failed, match="2BP01"):
        SCRIPT.undo(world.target().scoped(fresh_token()), undos[0])
    assert planned(SCRIPT, world.target()) == ()
    world.sql("DROP VIEW notes")
    SCRIPT.undo(world.target().scoped(fresh_token()), undos[0])
    assert len(planned(SCRIPT, world.target())) == 1


def test_an_index_that_somebody_else_made_is_not_taken_back(world: World) -> None:
    (change,) = planned(INDEX, world.target())
    undo = INDEX.snapshot(world.target(), change)
    world.sql('CREATE INDEX "by user" ON avatars ("userId" DESC)')
    INDEX.undo(world.target().scoped(fresh_token()), undo)
    assert world.sql("SELECT count(*) FROM pg_class WHERE relname = 'by user'") == "1"


def test_an_index_is_not_planned_before_what_alters_indexes_is_done(world: World) -> None:
    answers = world.target().answer(INDEX.ask())
    with pytest.raises(NotKnown):
        INDEX.plan(answers.after((ALL_INDEXES,), {}, "an earlier step"))


def test_a_lock_is_not_waited_for_without_end(world: World) -> None:
    world.sql("BEGIN; LOCK TABLE avatars IN ACCESS SHARE MODE; PREPARE TRANSACTION 'reader'")
    with pytest.raises(Failed, match="no lock after 2 tries"):
        carry_out(SCRIPT, world.target(), [])
    world.sql("ROLLBACK PREPARED 'reader'")


def test_a_file_on_the_host_is_read_and_its_lines_are_named(world: World, tmp_path: Path) -> None:
    script = tmp_path / "fix it.sql"
    script.write_text("-- first\n\nTRUNCATE avatars;\n/* é */ DROP TABLE avatars")
    action = SqlMigrate.model_validate({"file": str(script), "way_back": "none", "reason": "no"})
    (change,) = planned(action, world.target())
    assert [(one.rule, one.line) for one in change.hazards] == [("truncate", 3), ("drop-table", 4)]
    assert str(script) in change.what
    script.write_bytes(b"\xff")
    with pytest.raises(Failed, match="UTF-8"):
        planned(action, world.target())
    script.unlink()
    with pytest.raises(Failed, match="no such file"):
        planned(action, world.target())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("BEGIN; SELECT 1; COMMIT", "line 1: .*begins or ends transactions itself"),
        ("\nVACUUM avatars", "line 2: cannot run in a transaction, and no catalog"),
        ("SELECT 1;\nCREATE INDEX CONCURRENTLY i ON avatars (id)", "line 2: .*cannot run in a transaction"),
        ("CREATE INDEX CONCURRENTLY ON avatars (id)", "line 1: cannot run in a transaction"),
        ("SET search_path = ''", "alters the session"),
        ("COPY avatars FROM STDIN", "reads from its client"),
        ("-- nothing", "no statement"),
        ("SELECT 'a", "has no end"),
    ],
)
def test_what_this_action_cannot_run_is_refused_with_its_line(world: World, text: str, why: str) -> None:
    action = SqlMigrate.model_validate(
        {"text": text, "way_back": "none", "reason": "no", "allow": ["session"]}
    )
    with pytest.raises(Failed, match=why):
        planned(action, world.target())


@pytest.mark.parametrize(
    "down",
    [
        'DROP INDEX CONCURRENTLY "another"',
        'DROP INDEX CONCURRENTLY "by User"',
        'CREATE INDEX CONCURRENTLY "by user" ON avatars ("userId" DESC)',
        'CREATE INDEX "by user" ON avatars ("userId" DESC)',
    ],
)
def test_a_way_down_of_another_index_is_none(world: World, down: str) -> None:
    text = 'CREATE INDEX CONCURRENTLY "by user" ON avatars ("userId" DESC)'
    action = SqlMigrate.model_validate({"text": text, "down": {"text": down}})
    with pytest.raises(Failed, match=r"index by user; write DROP INDEX|one of script and way back"):
        planned(action, world.target())


def test_an_index_that_somebody_builds_under_the_same_name_meanwhile_is_left_to_them(world: World) -> None:
    world.sql("CREATE TABLE others (id int)")
    (change,) = planned(INDEX, world.target())
    reader = world.reach._door.another_wire()
    reader.exchange([Command(sql="BEGIN"), Command(sql="DELETE FROM others")], 5)
    build = threading.Thread(target=world.sql, args=('CREATE INDEX CONCURRENTLY "by user" ON others (id)',))
    build.start()
    valid = "SELECT coalesce(min(indisvalid::text), 'none') FROM pg_index AS i JOIN pg_class AS c ON c.oid = indexrelid"
    try:
        until(lambda: world.sql(f"{valid} WHERE relname = 'by user'") == "false")
        with pytest.raises(Failed, match=r"42P07\); .* what has its name was not touched"):
            INDEX.apply(world.target().scoped(fresh_token()), change)
        asked = outside("", "by user", makes=True, undo={}).left
        assert world.target().answer((asked,))[asked].rows == ((False,),)
    finally:
        reader.exchange([Command(sql="ROLLBACK")], 5)
        build.join()
        reader.close()
    assert world.sql(f"{valid} WHERE relname = 'by user'") == "true"


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": "SELECT 1"},
        {"text": "SELECT 1", "way_back": "none"},
        {"text": "SELECT 1", "way_back": "none", "reason": "x", "down": {"text": "SELECT 2"}},
        {"text": "SELECT 1", "file": "/a", "way_back": "none", "reason": "x"},
        {"way_back": "none", "reason": "x"},
        {"text": "SELECT 1", "down": {}},
        {"text": "SELECT 1", "way_back": "none", "reason": "x", "allow": ["drop-tabel"]},
    ],
)
def test_a_step_that_leaves_something_open_is_refused_at_load(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SqlMigrate.model_validate(wrong)


def test_the_live_size_decides_what_stops(world: World) -> None:
    action = SCRIPT.model_copy(update={"text": "CREATE INDEX i ON avatars (name)"})
    assert hazards(action, world) == {"index-blocks-writes": "warning"}
    world.sql("CREATE TABLE wide (id int, x text)")
    world.sql("ALTER TABLE wide ALTER x SET STORAGE PLAIN")
    world.sql("INSERT INTO wide SELECT n, repeat('x', 7000) FROM generate_series(1, 3000) AS n")  # 24 MB
    assert hazards(action.model_copy(update={"text": "CREATE INDEX i ON wide (id)"}), world) == {
        "index-blocks-writes": "stop"
    }


def test_the_catalog_is_what_the_rules_are_judged_by(world: World) -> None:
    world.sql("CREATE INDEX avatars_name_idx ON avatars (name)")

    def tripped(text: str) -> set[str]:
        return set(hazards(SCRIPT.model_copy(update={"text": text}), world)) - {"alter-table"}

    world.sql("CREATE FUNCTION purge() RETURNS void LANGUAGE sql AS 'DELETE FROM avatars'")
    assert tripped("SELECT purge()") == {"opaque"}
    assert tripped("SELECT gen_random_uuid()") == set()
    assert tripped("UPDATE avatars SET userId = 1 WHERE id = 1") == {"unquoted-name", "change-rows"}
    assert tripped('UPDATE avatars SET "userId" = 1 WHERE id = 1') == {"change-rows"}
    assert tripped("CREATE INDEX IF NOT EXISTS avatars_name_idx ON avatars (name)") == set()
    assert (
        tripped("CREATE INDEX IF NOT EXISTS avatars_name_idx ON public.avatars USING btree (name ASC)")
        == set()
    )
    assert tripped("CREATE INDEX IF NOT EXISTS avatars_name_idx ON avatars (id)") == {"not-the-same"}
    world.sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'avatars_name_idx'::regclass")
    assert tripped("CREATE INDEX IF NOT EXISTS avatars_name_idx ON avatars (name)") == {"not-the-same"}
    assert tripped("ALTER TABLE avatars ALTER name SET NOT NULL") == {"set-not-null"}
    world.sql("ALTER TABLE avatars ADD CHECK (name IS NOT NULL)")
    assert tripped("ALTER TABLE avatars ALTER name SET NOT NULL") == set()
    assert tripped("ALTER TABLE avatars ADD COLUMN IF NOT EXISTS name text") == set()
    assert tripped("ALTER TABLE avatars ADD COLUMN IF NOT EXISTS name varchar(20)") == {"not-the-same"}
