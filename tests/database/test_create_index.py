"""The laws of `sql.create_index` over a real PostgreSQL, and what no general law says of it."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from pydantic import ValidationError

from remediate.errors import Conflict, Failed
from remediate.model import Change, Fidelity, Undo, WayBack
from remediate.providers.catalog_keys import INDEXES, indexed_tables_in
from remediate.providers.index_compare import compared_indexes
from remediate.providers.index_leftovers import DropInvalidIndexes
from remediate.providers.index_removal import creation
from remediate.providers.postgres_index import STEPS, CreateIndex
from remediate.transport.database_door import DatabaseSettings
from remediate.transport.database_wire import Command

from ..laws.laws import LAWS, carry_out, fresh_token, planned  # noqa: TID252  (no package is installed for tests)
from .sessions import login_roles
from .test_add_columns import DatabaseWorld

__all__ = ["login_roles"]
CATALOGUE = {step.kind: step for step in STEPS}
BEGINNING = """
CREATE TYPE "Role" AS ENUM ('USER', 'ADMIN');
CREATE TABLE avatars (id text PRIMARY KEY, "userId" text, role "Role", data jsonb, "odd ""100%% name" int);
INSERT INTO avatars SELECT n, n % 3, 'USER', '{}', n FROM generate_series(1, 100) AS n;
CREATE TABLE others (id text); CREATE INDEX taken ON others (id);
CREATE TABLE parts (id int) PARTITION BY RANGE (id); CREATE VIEW seen AS SELECT id FROM others;
"""
LEFT = """CREATE INDEX "avatars_userId_idx" ON avatars ("userId");
UPDATE pg_index SET indisvalid = false WHERE indexrelid = '"avatars_userId_idx"'::regclass;"""
BY_USER = {"columns": ["userId"]}
ODD = {
    "columns": ['odd "100%% name', {"name": "id", "sort": "desc", "ops": "text_pattern_ops"}],
    "name": 'it\'s "50%"',
}
SOME = {
    "columns": ["id"],
    "unique": True,
    "where": "\"userId\" IS NOT NULL AND role = 'USER'",
    "name": "some",
}
DATA = {"columns": [{"name": "data", "ops": "jsonb_path_ops"}], "method": "gin"}


def action(*indexes: dict[str, object], table: str = "avatars") -> CreateIndex:
    return CreateIndex.model_validate({"table": table, "indexes": list(indexes)})


@pytest.fixture(scope="module")
def shared(cluster) -> str:
    return cluster.new_database()


@pytest.fixture
def world(cluster, shared: str, open_database) -> DatabaseWorld:
    quick = DatabaseSettings(tries=2, lock=0.5, settle=5.0)
    made = DatabaseWorld(
        cluster, shared, open_database(cluster.url(shared), settings=quick, sleep=lambda _: None), BEGINNING
    )
    made.reset()
    return made


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_law_holds_on_a_real_database(world: DatabaseWorld, law) -> None:
    law(action(BY_USER, ODD, SOME, DATA), world, CATALOGUE)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_law_holds_where_a_failed_build_left_something(world: DatabaseWorld, law) -> None:
    world.beginning += LEFT
    world.reset()
    law(action(BY_USER), world, CATALOGUE)


def indexes(world: DatabaseWorld) -> str:
    return world.sql(
        "SELECT string_agg(c.relname || ' ' || i.indisvalid, ', ' ORDER BY 1) FROM pg_index AS i"
        " JOIN pg_class AS c ON c.oid = i.indexrelid WHERE i.indrelid = 'avatars'::regclass AND NOT i.indisprimary"
    )


def only(changes: tuple[Change, ...]) -> Change:
    (change,) = changes
    return change


def test_the_plan_is_the_statement_that_runs_and_the_forecast_what_is_then_there(
    world: DatabaseWorld,
) -> None:
    making = action(BY_USER, ODD, SOME, DATA)
    changes = planned(making, world.target())
    assert [change.script for change in changes] == [
        'CREATE INDEX CONCURRENTLY "avatars_userId_idx" ON "public"."avatars" USING btree ("userId");',
        (
            'CREATE INDEX CONCURRENTLY "it\'s ""50%""" ON "public"."avatars" USING btree'
            ' ("odd ""100%% name", "id" "text_pattern_ops" DESC);'
        ),
        (
            'CREATE UNIQUE INDEX CONCURRENTLY "some" ON "public"."avatars" USING btree ("id")'
            ' WHERE "userId" IS NOT NULL AND "role" = \'USER\';'
        ),
        'CREATE INDEX CONCURRENTLY "avatars_data_idx" ON "public"."avatars" USING gin ("data" "jsonb_path_ops");',
    ]
    assert {(change.fidelity, change.way_back) for change in changes} == {(Fidelity.EXACT, WayBack.EXACT)}
    notes = changes[0].notes
    assert any("SHARE UPDATE EXCLUSIVE (reads and writes go on" in note for note in notes)
    assert any(note.startswith("live size: ") for note in notes)
    carry_out(making, world.target(), [])
    answer = world.target().answer((INDEXES,))[INDEXES]
    avatars = indexed_tables_in(answer)["avatars"]
    assert compared_indexes("avatars", making.indexes, avatars).healthy
    assert planned(making, world.target()) == ()


@pytest.mark.parametrize(
    "made",
    [
        'CREATE INDEX other_name ON avatars ("userId")',
        'CREATE INDEX other_name ON avatars USING btree ("userId" ASC NULLS LAST)',
    ],
)
def test_an_equal_index_under_another_name_is_left_alone(world: DatabaseWorld, made) -> None:
    world.sql(made)
    assert planned(action(BY_USER), world.target()) == ()


@pytest.mark.parametrize(
    "made",
    [
        'CREATE UNIQUE INDEX other_name ON avatars ("userId", id)',
        'CREATE INDEX other_name ON avatars ("userId" DESC)',
        'CREATE INDEX other_name ON avatars ("userId") WHERE "userId" > \'1\'',
        'CREATE INDEX other_name ON avatars ("userId") WHERE lower("userId") > \'1\'',
        'CREATE INDEX other_name ON avatars (lower("userId"))',
    ],
)
def test_what_only_resembles_it_does_not_do(world: DatabaseWorld, made) -> None:
    world.sql(made)
    assert (
        only(planned(action(BY_USER), world.target())).what == "make the index avatars_userId_idx on avatars"
    )


def test_a_condition_that_cannot_be_compared_is_not_taken_for_the_same(world: DatabaseWorld) -> None:
    world.sql('CREATE INDEX other_name ON avatars ("userId") WHERE lower("userId") > \'1\'')
    partial = action({**BY_USER, "where": "\"userId\" > '1'"})
    assert only(planned(partial, world.target()))
    world.sql('ALTER INDEX other_name RENAME TO "avatars_userId_idx"')
    with pytest.raises(Failed, match="avatars_userId_idx on avatars is another index: another condition"):
        planned(partial, world.target())


def test_a_name_that_somebody_takes_meanwhile_stays_theirs(world: DatabaseWorld) -> None:
    change = only(planned(action(BY_USER), world.target()))
    world.sql('CREATE INDEX "avatars_userId_idx" ON others (id)')
    with pytest.raises(Failed, match="42P07"):
        action(BY_USER).apply(world.target().scoped(fresh_token()), change)
    assert world.sql("SELECT count(*) FROM pg_class WHERE relname = 'avatars_userId_idx'") == "1"


def test_what_a_failed_build_left_is_dropped_first_and_the_plan_says_so(world: DatabaseWorld) -> None:
    world.sql(LEFT)
    change = only(planned(action(BY_USER), world.target()))
    assert change.script.startswith(
        'DROP INDEX CONCURRENTLY "public"."avatars_userId_idx";\nCREATE INDEX CONC'
    )
    assert "avatars_userId_idx is invalid, left by a build that failed: it is dropped first" in change.notes
    assert change.way_back is WayBack.EQUIVALENT
    carry_out(action(BY_USER), world.target(), [])
    assert indexes(world) == "avatars_userId_idx true"


def test_a_leftover_of_the_same_meaning_is_dropped_whatever_it_is_called(world: DatabaseWorld) -> None:
    world.sql(LEFT + 'ALTER INDEX "avatars_userId_idx" RENAME TO failed')
    carry_out(action(BY_USER), world.target(), [])
    assert indexes(world) == "avatars_userId_idx true"


def test_a_leftover_of_the_same_name_is_dropped_whatever_it_means(world: DatabaseWorld) -> None:
    world.sql(LEFT)
    carry_out(action({"columns": ["role"], "name": "avatars_userId_idx"}), world.target(), [])
    assert world.sql("SELECT pg_get_indexdef('\"avatars_userId_idx\"'::regclass)").endswith("(role)")


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ({"columns": ["userid"]}, 'there is no column "userid" in avatars; did you mean "userId"?'),
        ({"columns": ["nope"]}, 'there is no column "nope" in avatars; add the column first'),
        ({**BY_USER, "where": "userId IS NULL"}, 'no column "userid" in avatars; did you mean "userId"?'),
        ({**BY_USER, "where": "id = 'x' OR true"}, "is not one that this action writes; write a migration"),
        ({**BY_USER, "name": "taken"}, "the name taken is taken by others or an index of it"),
        ({**BY_USER, "name": "others"}, "the name others is taken by others"),
        ({**BY_USER, "name": "avatars_pkey"}, "avatars_pkey on avatars is another index: columns id, wanted userId"),
        ({**BY_USER, "unique": True}, "3 values of userId are there more than once in avatars"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_refused_while_planning(world: DatabaseWorld, index, said) -> None:
    with pytest.raises(Failed) as raised:
        planned(action(index), world.target())
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("table", "said"),
    [("nope", "there is no table nope"), ("parts", "parts is partitioned"), ("seen", "seen is no table")],
)
def test_what_is_no_plain_table_is_refused(world: DatabaseWorld, table, said) -> None:
    with pytest.raises(Failed, match=said):
        planned(action({"columns": ["id"]}, table=table), world.target())


@pytest.mark.parametrize(
    "wrong",
    [
        {"columns": []},
        {"columns": ["a"], "primary": True},
        {"columns": [{"name": "a", "ops": "x); DROP TABLE avatars; --"}]},
        {"columns": [{"name": "a", "sort": "down"}]},
        {"columns": ["a"], "method": "rum; x"},
    ],
)
def test_what_is_no_index_is_refused_at_load(wrong) -> None:
    with pytest.raises(ValidationError):
        action(wrong)


def test_values_that_are_there_twice_but_outside_its_condition_do_no_harm(world: DatabaseWorld) -> None:
    unique = {**BY_USER, "unique": True, "where": "role = 'ADMIN'"}
    assert only(planned(action(unique), world.target()))


def applied(world: DatabaseWorld) -> Undo:
    undos: list[Undo] = []
    carry_out(action(BY_USER), world.target(), undos)
    return undos[0]


def undo(world: DatabaseWorld, undone: Undo) -> None:
    action(BY_USER).undo(world.target().scoped(fresh_token()), undone)


@pytest.mark.parametrize(
    ("meanwhile", "said"),
    [
        ('DROP INDEX "avatars_userId_idx"; CREATE INDEX "avatars_userId_idx" ON avatars ("userId")',
         "avatars_userId_idx on avatars is no longer the index avatars_userId_idx that this run made"),
        ('ALTER INDEX "avatars_userId_idx" RENAME TO mine', "mine on avatars is no longer the index"),
        ('ALTER TABLE avatars CLUSTER ON "avatars_userId_idx"', "is used by what this run did not make: CLUSTER"),
    ],
)  # fmt: skip
def test_an_index_that_somebody_took_for_themselves_is_left_to_them(world, meanwhile, said) -> None:
    undone = applied(world)
    world.sql(meanwhile)
    before = world.fingerprint()
    with pytest.raises(Conflict, match=said):
        undo(world, undone)
    assert world.fingerprint() == before


def test_a_constraint_that_somebody_made_of_it_is_left_to_them(world: DatabaseWorld) -> None:
    making, undos = action(SOME | {"where": None}), list[Undo]()
    carry_out(making, world.target(), undos)
    world.sql('ALTER TABLE avatars ADD CONSTRAINT "some" UNIQUE USING INDEX "some"')
    with pytest.raises(Conflict, match="used by what this run did not make: constraint some"):
        making.undo(world.target().scoped(fresh_token()), undos[0])


def test_an_index_that_somebody_else_made_is_not_ours_to_drop(world: DatabaseWorld) -> None:
    carry_out(action(ODD), world.target(), [])
    change = only(planned(action(BY_USER), world.target()))
    world.sql(change.script)
    undo(world, action(BY_USER).snapshot(world.target(), change))
    assert "avatars_userId_idx true" in indexes(world)


def test_one_that_somebody_builds_at_this_moment_is_waited_for_by_a_person(world, open_database) -> None:
    wire = open_database(world.cluster.url(world.dbname))._door.wire()
    wire.exchange([Command(sql="BEGIN"), Command(sql="DELETE FROM avatars")], 5)
    change = only(planned(action(BY_USER), world.target()))
    holder = f"would have to wait now for the end of: pid {wire.pid} (remediate, idle in transaction) for "
    assert any(note.startswith(holder) for note in change.notes)
    builder = threading.Thread(target=world.sql, args=(change.script,))
    builder.start()
    try:
        until(lambda: indexes(world) != "")
        with pytest.raises(Failed, match="somebody builds avatars_userId_idx on avatars at this moment"):
            planned(action(BY_USER), world.target())
    finally:
        wire.exchange([Command(sql="ROLLBACK")], 5)
        builder.join()
        wire.close()
    assert planned(action(BY_USER), world.target()) == ()


@pytest.fixture
def built_by_another(world: DatabaseWorld, login_roles) -> Iterator[None]:
    """Somebody whose progress our role may not see builds the index, and waits for a transaction."""
    mine = "ALTER TABLE avatars OWNER TO web; GRANT ALL ON SCHEMA public TO web"
    world.sql(f"{mine}; GRANT CREATE ON DATABASE {world.dbname} TO web")
    reader = world.reach._door.another_wire()
    reader.exchange([Command(sql="BEGIN"), Command(sql="DELETE FROM avatars")], 5)
    build = 'CREATE INDEX CONCURRENTLY "avatars_userId_idx" ON avatars ("userId")'
    builder = threading.Thread(target=world.sql, args=(build,))
    builder.start()
    until(lambda: indexes(world) != "")
    yield
    reader.exchange([Command(sql="ROLLBACK")], 5)
    builder.join()
    reader.close()
    assert indexes(world) == "avatars_userId_idx true"


def test_a_build_of_a_role_that_hides_it_is_not_taken_for_broken(
    world: DatabaseWorld, built_by_another, cluster, open_database
) -> None:
    web = open_database(cluster.url(world.dbname, user="web"), settings=DatabaseSettings(tries=2))
    target = replace(world, reach=web).target()
    found = indexed_tables_in(target.answer((INDEXES,))[INDEXES])["avatars"]
    comparison = compared_indexes("avatars", action(BY_USER).indexes, found)
    assert (comparison.building, comparison.invalid) == (("avatars_userId_idx",), ())
    with pytest.raises(Failed, match="somebody builds avatars_userId_idx on avatars at this moment"):
        planned(action(BY_USER), target)


def test_a_build_that_somebody_began_after_the_plan_is_left_to_them(
    world: DatabaseWorld, built_by_another, cluster, open_database
) -> None:
    web = open_database(cluster.url(world.dbname, user="web"), settings=DatabaseSettings(tries=2))
    target = replace(world, reach=web).target()
    change = only(planned(action({"columns": ["role"]}), target))
    data = {**change.data, "leftover": "avatars_userId_idx"}
    with pytest.raises(Failed, match="somebody builds"):
        action({"columns": ["role"]}).apply(
            target.scoped(fresh_token()), change.model_copy(update={"data": data})
        )
    left = creation("public", "avatars", action(BY_USER).indexes[0]).left
    assert target.answer((left,))[left].rows == ((False,),)


def test_a_vacuum_of_a_role_that_hides_it_is_no_build(
    world: DatabaseWorld, login_roles, cluster, open_database
) -> None:
    world.sql("INSERT INTO avatars SELECT n, n FROM generate_series(101, 20000) AS n; " + LEFT)  # noqa: S608
    world.sql("ALTER TABLE avatars OWNER TO web; GRANT ALL ON SCHEMA public TO web")
    slowly = "SET vacuum_cost_delay = 100; SET vacuum_cost_limit = 1; SET application_name = 'slow vacuum';\n"
    pid = "SELECT coalesce(max(pid), 0) FROM pg_stat_progress_vacuum"
    vacuum = threading.Thread(target=ended, args=(world, slowly + "VACUUM avatars;"))
    vacuum.start()
    try:
        until(lambda: world.sql(pid) != "0")
        web = open_database(cluster.url(world.dbname, user="web"), settings=DatabaseSettings(tries=2))
        (change,) = planned(action(BY_USER), replace(world, reach=web).target())
        assert change.script.startswith('DROP INDEX CONCURRENTLY "public"."avatars_userId_idx"')
        assert world.sql(pid) != "0"
    finally:
        world.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'slow vacuum'"
        )
        vacuum.join()


def ended(world: DatabaseWorld, script: str) -> None:
    """Run a script that somebody ends."""
    with pytest.raises(AssertionError, match="terminating connection"):
        world.sql(script)


def until(happened: Callable[[], bool]) -> None:
    for _ in range(300):
        if happened():
            return
        time.sleep(0.1)
    raise AssertionError("it did not happen")


def test_rows_that_come_meanwhile_and_forbid_it_leave_nothing_behind(world: DatabaseWorld) -> None:
    unique = action({"columns": ["id", "userId"], "unique": True})
    change = only(planned(unique, world.target()))
    world.sql("ALTER TABLE avatars DROP CONSTRAINT avatars_pkey; INSERT INTO avatars SELECT * FROM avatars")
    with pytest.raises(Failed, match="23505"):
        unique.apply(world.target().scoped(fresh_token()), change)
    assert indexes(world) == ""


def test_a_plan_costs_one_round_trip(world: DatabaseWorld) -> None:
    planned(action(BY_USER, SOME), world.target())
    before = world.reach._trips.database
    planned(action(BY_USER, SOME), world.target())
    assert world.reach._trips.database == before + 1


def test_indexes_of_several_tables_are_made_in_one_step(world: DatabaseWorld) -> None:
    of_others = {"columns": [{"name": "id", "sort": "desc"}], "table": "others"}
    both = CreateIndex.model_validate({"indexes": [{**BY_USER, "table": "avatars"}, of_others]})
    first, second = planned(both, world.target())
    assert first.what == "make the index avatars_userId_idx on avatars"
    assert (
        second.script
        == 'CREATE INDEX CONCURRENTLY "others_id_idx" ON "public"."others" USING btree ("id" DESC);'
    )
    carry_out(both, world.target(), [])
    assert indexes(world) == "avatars_userId_idx true"
    assert planned(both, world.target()) == ()


def test_an_index_of_no_table_is_refused_at_load() -> None:
    with pytest.raises(ValidationError, match="say of which table"):
        CreateIndex.model_validate({"indexes": [BY_USER]})
    assert CreateIndex.model_validate({"indexes": []}).indexes == []


DROP = DropInvalidIndexes.model_validate(
    {"indexes": [{"table": "avatars", "name": name} for name in ("avatars_userId_idx", "gone")]}
)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_law_holds_for_dropping_what_a_failed_build_left(world: DatabaseWorld, law) -> None:
    world.beginning += LEFT
    world.reset()
    law(DROP, world, {**CATALOGUE, DROP.kind: DropInvalidIndexes})


def test_only_what_is_invalid_is_dropped(world: DatabaseWorld) -> None:
    world.sql(LEFT)
    change = only(planned(DROP, world.target()))
    assert change.script == 'DROP INDEX CONCURRENTLY "public"."avatars_userId_idx";'
    world.sql("UPDATE pg_index SET indisvalid = true WHERE indexrelid = '\"avatars_userId_idx\"'::regclass")
    assert planned(DROP, world.target()) == ()
    with pytest.raises(Failed, match="is there already, and not by this run"):
        DROP.apply(world.target().scoped(fresh_token()), change)
    assert indexes(world) == "avatars_userId_idx true"


def test_an_invalid_index_that_a_constraint_owns_is_a_persons(world: DatabaseWorld) -> None:
    key = DropInvalidIndexes.model_validate({"indexes": [{"table": "avatars", "name": "avatars_pkey"}]})
    world.sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'avatars_pkey'::regclass")
    with pytest.raises(Failed, match="avatars_pkey is invalid, and a constraint owns it"):
        planned(key, world.target())
