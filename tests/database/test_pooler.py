"""Behind a real PgBouncer: it is told, looks and changes are right, and what cannot be is refused while planning."""

from collections.abc import Callable, Iterator

import pytest

from remediate.errors import Failed
from remediate.providers.doctor import Database as DoctorOfDatabase
from remediate.providers.postgres_index import CreateIndex
from remediate.providers.sql_migrate import SqlMigrate
from remediate.providers.sql_vacuum import Analyze, Vacuum
from remediate.providers.wanted_keys import WantedColumn, WantedIndex
from remediate.questions import Answers, Query, Unanswered
from remediate.steps import Action
from remediate.target import OutsideTransaction, Statement
from remediate.transport.database import IDENTITY, Database
from remediate.transport.database_door import DatabaseSettings
from remediate.transport.database_wire import Command
from remediate.transport.identified import IdentifiedDatabase

from ..laws.laws import LAWS, carry_out, planned  # noqa: TID252  (no package is installed for tests)
from .conftest import Cluster
from .pooler import PROGRAM, PgBouncer
from .test_add_columns import ACTION, CATALOGUE, DatabaseWorld
from .test_one_at_a_time import INSERT, ONE, _nothing_outlives_a_transaction

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no PgBouncer; on Debian: apt-get install pgbouncer")
QUICK = DatabaseSettings(tries=2, lock=0.5, settle=2.0)
OF_A_SESSION = """SELECT concat_ws(' ', current_setting('application_name'), current_setting('search_path'),
 current_setting('TimeZone'), current_setting('lock_timeout'), current_setting('statement_timeout'),
 current_setting('transaction_read_only'), current_setting('tcp_keepalives_idle')),
 (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')::text"""


@pytest.fixture(scope="module")
def pooler(cluster: Cluster) -> Iterator[PgBouncer]:
    made = PgBouncer(cluster)
    yield made
    made.end()


@pytest.fixture
def world(
    cluster: Cluster, dbname: str, pooler: PgBouncer, open_database: Callable[..., Database]
) -> DatabaseWorld:
    reach = open_database(cluster.url(dbname), pooler, settings=QUICK, sleep=lambda _: None)
    made = DatabaseWorld(cluster, dbname, reach)
    made.reset()
    return made


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_law_holds_through_it(world: DatabaseWorld, law) -> None:
    law(ACTION, world, CATALOGUE)


def test_it_is_told_and_the_server_itself_is_not_taken_for_one(
    world: DatabaseWorld, cluster: Cluster, open_database: Callable[..., Database]
) -> None:
    direct = open_database(cluster.url(world.dbname))
    assert [one.answer([IDENTITY])[IDENTITY].records[0]["pooled"] for one in (world.reach, direct)] == [
        True,
        False,
    ]
    named = open_database(cluster.url(world.dbname, query="pgbouncer=true"))
    assert named.answer([IDENTITY])[IDENTITY].records[0]["pooled"] is True
    known = IdentifiedDatabase(world.reach)
    known.answer([ONE])
    assert known.facts["pooled"] is True
    doctor = DoctorOfDatabase()
    answers = Answers(dict(world.reach.answer(list(doctor.ask()))), "db")
    assert "behind a pooler: no index can be made through it" in doctor.judge(answers, answers).seen


def test_a_look_is_read_only_in_the_apps_schema_and_one_failed_question_spoils_no_other(
    world: DatabaseWorld,
) -> None:
    looks = Query(sql="SELECT current_setting('search_path'), current_setting('transaction_read_only')")
    wrong = Query(sql="SELECT nope")
    answers = world.reach.answer([ONE, wrong, looks])
    assert answers[looks].rows == (('"public"', "on"),)
    assert answers[ONE].rows == ((1,),)
    assert answers[wrong].state == "42703"


def test_what_is_set_and_locked_is_left_to_nobody_else(
    cluster: Cluster, dbname: str, open_database: Callable[..., Database]
) -> None:
    one_connection = PgBouncer(cluster, size=1)
    try:
        cluster.sql("CREATE TABLE t (id int)", dbname)
        stranger = open_database(cluster.url(dbname), one_connection)
        before = left_to(stranger)
        ours = open_database(cluster.url(dbname), one_connection, settings=QUICK)
        ours.answer([ONE])
        assert ours.change("20261122-101530-k3f9/1.1/1", INSERT) is True
        assert left_to(stranger) == before
        assert before[1] == "0"
    finally:
        one_connection.end()


def left_to(database: Database) -> tuple[str, ...]:
    """Return the settings of the one connection of the server, as whoever comes next has them."""
    (result,) = database._door.wire().exchange([Command(sql=OF_A_SESSION)], 5)
    return tuple((result.get_value(0, column) or b"").decode() for column in range(2))


def test_the_lock_of_a_run_is_held_for_each_transaction_and_a_second_run_is_told_whose_it_is(
    cluster: Cluster, dbname: str, pooler: PgBouncer, open_database: Callable[..., Database]
) -> None:
    cluster.sql("CREATE TABLE t (id int)", dbname)
    first, second = (open_database(cluster.url(dbname), pooler, settings=QUICK) for _ in range(2))
    _nothing_outlives_a_transaction(cluster, dbname, first, second)


INDEX = CreateIndex(table="avatars", indexes=[WantedIndex(columns=[WantedColumn(name="name")])])
MIGRATE = SqlMigrate.model_validate(
    {
        "text": "CREATE INDEX CONCURRENTLY i ON avatars (name)",
        "down": {"text": "DROP INDEX CONCURRENTLY i"},
    }
)


@pytest.mark.parametrize(
    ("action", "what"),
    [
        (INDEX, "CREATE INDEX CONCURRENTLY"),
        (Vacuum(tables=["avatars"]), "VACUUM"),
        (MIGRATE, "what it makes concurrently"),
    ],
)
def test_what_cannot_run_in_a_transaction_is_refused_while_it_is_planned(
    world: DatabaseWorld, action: Action, what: str
) -> None:
    world.sql("DELETE FROM avatars WHERE id = 'a'; SELECT pg_stat_force_next_flush()")
    with pytest.raises(Failed, match=f"{what} needs a connection of its own, and a pooler stands between"):
        planned(action, world.target())


def test_what_is_asked_for_all_the_same_is_refused_before_it_is_begun(world: DatabaseWorld) -> None:
    index = Statement(sql="CREATE INDEX CONCURRENTLY i ON avatars (name)")
    there = Query(sql="SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'i')")
    with pytest.raises(Failed, match="behind a pooler nothing can be changed outside a transaction"):
        world.reach.change("r/1.1/1", OutsideTransaction(statement=index, came_about=there))
    assert world.sql("SELECT to_regclass('i') IS NULL, to_regnamespace('remediate') IS NULL") == "t|t"


def test_analyze_runs_in_a_transaction_and_through_it(world: DatabaseWorld) -> None:
    carry_out(Analyze(tables=["avatars"]), world.target(), [])
    assert world.sql("SELECT reltuples FROM pg_class WHERE relname = 'avatars'") == "2"


def test_a_busy_lock_is_given_up_and_whoever_has_it_is_named(
    world: DatabaseWorld, cluster: Cluster, open_database: Callable[..., Database]
) -> None:
    holder = open_database(cluster.url(world.dbname))._door.wire()
    name = "SET LOCAL application_name = 'nightly-report'"
    holder.exchange([Command(sql="BEGIN"), Command(sql=name), Command(sql="SELECT FROM avatars")], 5)
    with pytest.raises(Failed, match=r"no lock after 2 tries .*\(nightly-report\), idle in transaction"):
        carry_out(ACTION, world.target(), [])
    holder.exchange([Command(sql="ROLLBACK")], 5)
    carry_out(ACTION, world.target(), [])


@pytest.mark.parametrize("login", [{"password": "wrong"}, {"user": "nobody"}])
def test_a_login_that_it_refuses_is_told_in_one_line(
    cluster: Cluster, dbname: str, pooler: PgBouncer, open_database: Callable[..., Database], login
) -> None:
    answer = open_database(cluster.url(dbname, **login), pooler).answer([ONE])[ONE]
    assert isinstance(answer, Unanswered)
    # Debian's PgBouncer has one code for all of it (08P01); newer ones have the server's own for a password.
    assert "refuses us (password, role or database" in answer.reason or "is wrong" in answer.reason


def test_one_that_gives_a_connection_for_a_statement_alone_is_told_with_what_it_says(
    cluster: Cluster, dbname: str, open_database: Callable[..., Database]
) -> None:
    alone = PgBouncer(cluster, "statement")
    try:
        database = open_database(cluster.url(dbname), alone, settings=QUICK)
        # It closes with words of ours unread, and the kernel may drop its own with that (RST): mostly they arrive.
        answers = [database.answer([ONE])[ONE] for _ in range(10)]
        assert all(isinstance(answer, Unanswered) for answer in answers)
        assert any(
            "transaction blocks not allowed in statement pooling mode" in one.reason for one in answers
        )
        for _ in range(10):
            with pytest.raises(Failed, match=r"broke before COMMIT") as failed:
                database.change("r/1.1/1", INSERT)
            if "statement pooling mode" in str(failed.value):
                break
        assert "statement pooling mode" in str(failed.value)
    finally:
        alone.end()
