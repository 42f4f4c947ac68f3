"""The laws of `sql.not_null` over a real PostgreSQL, and what no general law says of it."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from remediate.errors import Conflict, Failed
from remediate.model import Undo, WayBack
from remediate.providers.not_null_sql import add_sql
from remediate.providers.postgres_not_null import STEPS, SetNotNull
from remediate.target import DatabaseChange
from remediate.transport.database_door import DatabaseSettings

from ..laws.laws import LAWS, carry_out, fresh_token, planned  # noqa: TID252  (no package is installed for tests)
from .test_add_columns import DatabaseTarget, DatabaseWorld, OvertakenTarget

CATALOGUE = {step.kind: step for step in STEPS}
BEGINNING = """
CREATE TABLE avatars (id text, name text, "sourceType" text NOT NULL, "odd ""100%% name" int, empty text);
INSERT INTO avatars SELECT n, n, 'u', n, NULLIF(n % 3, 0) FROM generate_series(1, 100) AS n;
CREATE VIEW seen AS SELECT id FROM avatars;
"""
NAMES = ["name", "sourceType", 'odd "100%% name']
ACTION = SetNotNull(table="avatars", columns=NAMES)


@pytest.fixture(scope="module")
def shared(cluster) -> str:
    return cluster.new_database()


@pytest.fixture
def world(cluster, shared: str, open_database) -> DatabaseWorld:
    quick = DatabaseSettings(tries=2, lock=0.5)
    made = DatabaseWorld(
        cluster, shared, open_database(cluster.url(shared), settings=quick, sleep=lambda _: None), BEGINNING
    )
    made.reset()
    return made


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_law_holds_on_a_real_database(world: DatabaseWorld, law) -> None:
    law(ACTION, world, CATALOGUE)


def not_null(world: DatabaseWorld) -> str:
    return world.sql(
        "SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'avatars'::regclass"
        " AND attnotnull AND attnum > 0"
    )


def test_the_plan_is_what_runs_and_reads_no_row_under_the_strong_lock(world: DatabaseWorld) -> None:
    (change,) = planned(ACTION, world.target())
    add, validate, make, drop = change.script.rstrip(";").split(";\n")
    assert add.endswith(
        'CHECK ("name" IS NOT NULL AND "sourceType" IS NOT NULL AND "odd ""100%% name" IS NOT NULL) NOT VALID'
    )
    assert " VALIDATE CONSTRAINT " in validate
    assert make == (
        'ALTER TABLE "public"."avatars" ALTER COLUMN "name" SET NOT NULL,'
        ' ALTER COLUMN "odd ""100%% name" SET NOT NULL'
    )
    assert " DROP CONSTRAINT " in drop
    assert change.what == 'make name, odd "100%% name of avatars NOT NULL'
    assert change.way_back is WayBack.EXACT
    assert any("every row is read under SHARE UPDATE EXCLUSIVE" in note for note in change.notes)
    sent = Recording(world.reach, fresh_token())
    ACTION.apply(sent, change)
    assert sent.sent[:2] == [[add], [validate]]
    assert sent.sent[2] == [make, drop]
    assert not_null(world) == 'name,sourceType,odd "100%% name'
    assert world.sql("SELECT count(*) FROM pg_constraint WHERE conrelid = 'avatars'::regclass") == "0"


@dataclass
class Recording(DatabaseTarget):
    """A target that keeps what was sent, without what only notes it in the ledger."""

    def __post_init__(self) -> None:
        self.sent: list[list[str]] = []

    def change_database(self, change: DatabaseChange) -> bool:
        self.sent.append([one.sql for one in change.statements if "remediate.ledger" not in one.sql])
        return super().change_database(change)


def test_rows_without_a_value_are_counted_and_nothing_is_changed(world: DatabaseWorld) -> None:
    world.sql("UPDATE avatars SET name = NULL WHERE id IN ('1', '2')")
    with pytest.raises(Failed, match="2 rows of avatars have no name, 33 rows of avatars have no empty"):
        planned(SetNotNull(table="avatars", columns=["name", "empty", "id"]), world.target())


def test_columns_that_are_not_null_already_are_left_alone(world: DatabaseWorld) -> None:
    assert planned(SetNotNull(table="avatars", columns=["sourceType"]), world.target()) == ()


@pytest.mark.parametrize(
    ("table", "column", "said"),
    [
        ("nope", "id", "there is no table nope"),
        ("seen", "id", "there is no table seen"),
        ("avatars", "sourcetype", "there is no column sourcetype in avatars; did you mean sourceType?"),
        ("avatars", "nope", "there is no column nope in avatars; add the column first"),
    ],
)
def test_what_is_not_there_is_refused(world: DatabaseWorld, table, column, said) -> None:
    with pytest.raises(Failed) as raised:
        planned(SetNotNull(table=table, columns=[column]), world.target())
    assert said in str(raised.value)


def undo(world: DatabaseWorld, undone: Undo) -> None:
    ACTION.undo(world.target().scoped(fresh_token()), undone)


def test_a_null_that_comes_meanwhile_stops_it_and_the_way_back_leaves_nothing(world: DatabaseWorld) -> None:
    (change,) = planned(ACTION, world.target())
    world.sql("UPDATE avatars SET name = NULL WHERE id = '1'")
    before = world.fingerprint()
    with pytest.raises(Failed, match="23514"):
        ACTION.apply(target := world.target().scoped(fresh_token()), change)
    assert not_null(world) == "sourceType"
    undo(world, ACTION.snapshot(target, change))
    assert world.fingerprint() == before


def test_the_check_of_a_run_that_was_cut_off_is_used(world: DatabaseWorld) -> None:
    world.sql(add_sql("public", "avatars", tuple(NAMES)))
    (change,) = planned(ACTION, world.target())
    assert "the CHECK of a run that was cut off is there, and used" in change.notes
    assert "ADD CONSTRAINT" not in change.script
    ACTION.apply(world.target().scoped(fresh_token()), change)
    assert planned(ACTION, world.target()) == ()


def applied(world: DatabaseWorld, action: SetNotNull = ACTION) -> Undo:
    undos: list[Undo] = []
    carry_out(action, world.target(), undos)
    return undos[0]


KEY = "ALTER TABLE avatars ADD CONSTRAINT key_of_theirs PRIMARY KEY (name)"


def test_a_column_that_somebody_made_a_key_since_stays_as_it_is(world: DatabaseWorld) -> None:
    undone = applied(world)
    world.sql(KEY)
    before = world.fingerprint()
    with pytest.raises(
        Conflict, match=r"avatars\.name must stay NOT NULL: constraint key_of_theirs needs it so"
    ):
        undo(world, undone)
    assert world.fingerprint() == before


def test_a_key_that_comes_between_the_look_and_the_change_is_noticed_too(world: DatabaseWorld) -> None:
    undone = applied(world)
    once: list[Callable[[], object]] = [lambda: world.sql(KEY)]
    target = OvertakenTarget(world.reach, fresh_token(), meanwhile=lambda: once.pop()() if once else None)
    with pytest.raises(Conflict, match="must stay NOT NULL"):
        ACTION.undo(target, undone)


def test_a_column_that_somebody_makes_anew_between_the_look_and_the_change_is_left_to_them(
    world: DatabaseWorld,
) -> None:
    undone = applied(world)
    anew = "ALTER TABLE avatars DROP COLUMN name, ADD COLUMN name text NOT NULL DEFAULT ''"
    target = OvertakenTarget(world.reach, fresh_token(), meanwhile=lambda: world.sql(anew))
    with pytest.raises(Failed, match="22012"):
        ACTION.undo(target, undone)
    assert not_null(world) == 'sourceType,odd "100%% name,name'


def test_a_column_that_somebody_freed_already_is_no_trouble(world: DatabaseWorld) -> None:
    before, undone = world.fingerprint(), applied(world)
    world.sql("ALTER TABLE avatars ALTER COLUMN name DROP NOT NULL")
    undo(world, undone)
    assert world.fingerprint() == before


def test_what_somebody_else_made_not_null_is_not_ours_to_free(world: DatabaseWorld) -> None:
    applied(world, SetNotNull(table="avatars", columns=["id"]))
    (change,) = planned(ACTION, world.target())
    world.sql("ALTER TABLE avatars ALTER COLUMN name SET NOT NULL")
    world.sql(add_sql("public", "avatars", tuple(NAMES)))
    before = world.fingerprint()
    undo(world, ACTION.snapshot(world.target(), change))
    assert world.fingerprint() == before


def test_a_plan_costs_one_round_trip(world: DatabaseWorld) -> None:
    planned(ACTION, world.target())
    before = world.reach._trips.database
    planned(ACTION, world.target())
    assert world.reach._trips.database == before + 1
