"""What cannot run in a transaction is made once for its token, and the catalog tells what became of it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from remediate.errors import Failed, Lost
from remediate.owner import LockOwner
from remediate.questions import Query, Unanswered
from remediate.sql import compose
from remediate.target import OutsideTransaction, Statement
from remediate.transport.database import Database
from remediate.transport.database_door import DatabaseSettings
from remediate.transport.database_wire import Command, Wire

from .conftest import Cluster, RelayForwards
from .test_changing import once

QUICK = DatabaseSettings(tries=2, settle=10.0, commit=0.5)
BOB = LockOwner(run="r", who="bob@laptop", since="2026-11-22 10:15:30 UTC")
TOKEN = "r/1.1/1"


def index(name: str = "t_id") -> OutsideTransaction:
    valid = (
        "SELECT EXISTS (SELECT FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid"
        " WHERE c.relname = %s AND i.indisvalid)"
    )
    return OutsideTransaction(
        statement=Statement(sql=compose("CREATE INDEX CONCURRENTLY {} ON t (id)", name)),
        came_about=Query(sql=valid, parameters=(name,)),
        clean_up=Statement(sql=compose("DROP INDEX CONCURRENTLY IF EXISTS {}", name)),
        undo={"index": name},
    )


@pytest.fixture
def table(cluster: Cluster, dbname: str) -> str:
    cluster.sql("CREATE TABLE t AS SELECT generate_series(1, 100) AS id", dbname)
    return dbname


@pytest.fixture
def database(cluster: Cluster, table: str, open_database: Callable[..., Database]) -> Database:
    return open_database(cluster.url(table), settings=QUICK)


def indexes(cluster: Cluster, table: str) -> str:
    """Return the names of the table's indexes, each with whether it is valid."""
    asked = "SELECT c.relname || ' ' || i.indisvalid FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid"
    return cluster.sql(f"{asked} WHERE i.indrelid = 't'::regclass ORDER BY 1", table).strip()


def nothing_is_left_open(cluster: Cluster, table: str) -> bool:
    return cluster.sql("SELECT count(*) FROM remediate.intended", table).strip() == "0"


def until(happened: Callable[[], bool]) -> None:
    for _ in range(800):
        if happened():
            return
        time.sleep(0.025)
    raise AssertionError("it did not happen")


class Reader:
    """Somebody who has read the table and not ended the transaction: an index waits for that."""

    def __init__(self, cluster: Cluster, table: str, open_database: Callable[..., Database]) -> None:
        self.cluster, self.table = cluster, table
        self.wire = open_database(cluster.url(table))._door.wire()
        begun = [Command(sql="BEGIN ISOLATION LEVEL REPEATABLE READ"), Command(sql="SELECT count(*) FROM t")]
        self.wire.exchange(begun, 5)

    WAITING = (
        "FROM pg_stat_activity WHERE query LIKE '%CREATE INDEX CONCURRENTLY%'"
        " AND wait_event_type = 'Lock' AND datname = current_database()"
    )

    @property
    def waited_for(self) -> bool:
        return self.cluster.sql(f"SELECT count(*) {self.WAITING}", self.table).strip() == "1"

    def end_what_waits(self) -> None:
        self.cluster.sql(f"SELECT pg_terminate_backend(pid) {self.WAITING}", self.table)

    def leave(self) -> None:
        self.wire.exchange([Command(sql="COMMIT")], 5)


@pytest.fixture
def reader(cluster: Cluster, table: str, open_database: Callable[..., Database]) -> Reader:
    cluster.sql("INSERT INTO t VALUES (0)", table)
    return Reader(cluster, table, open_database)


@pytest.mark.fault(14)
def test_it_is_made_once_for_its_token_and_its_way_back_is_kept(cluster, table, database: Database) -> None:
    assert database.ledger(TOKEN) is None
    assert database.change(TOKEN, index()) is True
    assert database.change(TOKEN, index()) is False
    assert indexes(cluster, table) == "t_id true"
    assert database.ledger(TOKEN) == {"index": "t_id"}
    assert nothing_is_left_open(cluster, table)


@pytest.fixture
def poor(cluster: Cluster, table: str, open_database: Callable[..., Database]) -> Iterator[Database]:
    """The database as a role that owns the table and may create nothing but in its schema."""
    cluster.sql("CREATE ROLE poor LOGIN PASSWORD 'poor'")
    cluster.sql("ALTER TABLE t OWNER TO poor; GRANT CREATE ON SCHEMA public TO poor", table)
    database = open_database(cluster.url(table, user="poor", password="poor"), settings=QUICK)
    yield database
    database.close()
    cluster.sql("DROP OWNED BY poor CASCADE", table)
    cluster.sql("DROP ROLE poor")


ONE = Query(sql="SELECT 1")


def test_a_look_after_a_stop_makes_nothing_in_a_database_that_the_run_never_touched(
    cluster, table, database: Database, poor: Database
) -> None:
    for looking in (database, poor):
        looking.stop("r/1.1")
        with looking.held(BOB):
            assert looking.answer([ONE])[ONE].rows == ((1,),)
            assert looking.ledger(TOKEN) is None
    assert cluster.sql("SELECT to_regnamespace('remediate') IS NULL", table).strip() == "t"


def test_what_was_stopped_and_cannot_be_settled_leaves_a_look_unanswered_and_fails_a_change(
    cluster, table, poor: Database
) -> None:
    cluster.sql("CREATE SCHEMA remediate", table)  # another role's, and closed to ours
    poor.stop("r/1.1")
    with poor.held(BOB):
        seen = poor.answer([ONE])[ONE]
        assert isinstance(seen, Unanswered)
        assert "42501" in seen.reason
        with pytest.raises(Failed, match="42501"):
            poor.change(TOKEN, index())
        cluster.sql("ALTER SCHEMA remediate OWNER TO poor", table)
        assert poor.answer([ONE])[ONE].rows == ((1,),)


def test_a_role_without_rights_is_told_what_to_grant_and_then_it_works(
    cluster, table, poor: Database
) -> None:
    with pytest.raises(Failed, match="CREATE SCHEMA remediate AUTHORIZATION"):
        poor.change(TOKEN, index())
    cluster.sql("CREATE SCHEMA remediate AUTHORIZATION poor", table)
    assert poor.change(TOKEN, index()) is True
    assert indexes(cluster, table) == "t_id true"


def test_the_same_token_for_another_statement_is_refused(cluster, table, database: Database) -> None:
    assert database.change(TOKEN, index()) is True
    with pytest.raises(Failed, match="for another change"):
        database.change(TOKEN, index("t_other"))
    assert indexes(cluster, table) == "t_id true"


def test_what_somebody_else_made_is_not_taken_for_ours(cluster, table, database: Database) -> None:
    cluster.sql("CREATE INDEX t_id ON t (id)", table)
    with pytest.raises(Failed, match="is there already, and not by this run"):
        database.change(TOKEN, index())
    assert database.ledger(TOKEN) is None
    assert indexes(cluster, table) == "t_id true"


def ours(name: str = "t_id") -> OutsideTransaction:
    """Return the same, with which of its name are ours: the one index of that name that no build left half-made."""
    whose = "FROM pg_class AS c JOIN pg_index AS i ON i.indexrelid = c.oid WHERE c.relname = %s"
    broken = Query(sql=f"SELECT EXISTS (SELECT {whose} AND NOT i.indisvalid)", parameters=(name,))
    made = Query(sql=f"SELECT c.oid::bigint {whose}", parameters=(name,))
    on_id = Query(
        sql=f"SELECT EXISTS (SELECT {whose} AND i.indisvalid AND i.indkey::text = '1')", parameters=(name,)
    )
    return index(name).model_copy(update={"came_about": on_id, "left": broken, "made": made})


def test_what_took_its_name_meanwhile_is_not_cleaned_up(cluster, table, database: Database) -> None:
    cluster.sql("CREATE INDEX t_id ON t ((id + 1))", table)
    with pytest.raises(Failed, match="42P07"):
        database.change(TOKEN, ours())
    assert indexes(cluster, table) == "t_id true"
    assert nothing_is_left_open(cluster, table)


def test_what_a_broken_attempt_left_is_cleaned_up_where_it_is_known_for_ours(
    cluster, table, database: Database
) -> None:
    cluster.sql("INSERT INTO t VALUES (1)", table)
    unique = Statement(sql="CREATE UNIQUE INDEX CONCURRENTLY t_id ON t (id)")
    with pytest.raises(Failed, match="23505"):
        database.change(TOKEN, ours().model_copy(update={"statement": unique}))
    assert indexes(cluster, table) == ""


def test_what_tells_it_from_others_of_its_name_is_kept_with_the_way_back(
    cluster, table, database: Database
) -> None:
    assert database.change(TOKEN, ours()) is True
    oid = int(cluster.sql("SELECT 't_id'::regclass::oid", table))
    assert database.ledger(TOKEN) == {"index": "t_id", "made": oid}


def test_a_refused_statement_leaves_nothing(cluster, table, database: Database) -> None:
    cluster.sql("INSERT INTO t VALUES (7)", table)
    unique = index().model_copy(
        update={"statement": Statement(sql="CREATE UNIQUE INDEX CONCURRENTLY t_id ON t (id)")}
    )
    with pytest.raises(Failed, match=r"23505.*nothing is left of it"):
        database.change(TOKEN, unique)
    assert indexes(cluster, table) == ""
    assert nothing_is_left_open(cluster, table)
    assert database.ledger(TOKEN) is None


def held_by(cluster: Cluster, table: str, open_database, *statements: str) -> Wire:
    """Return the connection of somebody who has done this in a transaction, and does nothing more."""
    wire = open_database(cluster.url(table))._door.wire()
    wire.exchange([Command(sql=one) for one in statements], 5)
    return wire


def test_whose_transaction_was_not_ended_in_time_is_named(
    cluster, table, database: Database, open_database
) -> None:
    elsewhere = ("BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT 1 AS one, 'secret' AS two")
    wire = held_by(cluster, table, open_database, *elsewhere)
    soon = index().model_copy(update={"lock_timeout": 1.0})
    held = rf"within 1 s; held by pid {wire.pid} \(remediate\), idle in transaction for 00:00:\d\d: SELECT \? AS one"
    with pytest.raises(Failed, match=rf"{held}, \? AS two; .*nothing is left of it; end what blocks it"):
        database.change(TOKEN, soon)
    assert indexes(cluster, table) == ""
    assert nothing_is_left_open(cluster, table)
    wire.close()
    assert database.change(TOKEN, soon) is True


def test_what_a_writer_keeps_from_being_taken_away_is_told_and_taken_away_later(
    cluster, table, database: Database, open_database
) -> None:
    wire = held_by(cluster, table, open_database, "BEGIN", "INSERT INTO t VALUES (0)")
    soon = index().model_copy(update={"lock_timeout": 1.0})
    with pytest.raises(
        Failed, match=rf"held by pid {wire.pid} .*what it left could not be taken away either"
    ):
        database.change(TOKEN, soon)
    assert indexes(cluster, table) == "t_id false"
    wire.close()
    assert database.change(TOKEN, soon) is True
    assert indexes(cluster, table) == "t_id true"
    assert nothing_is_left_open(cluster, table)


@pytest.mark.fault(14)
def test_a_link_cut_while_it_is_made_is_found_out_and_it_is_made_again(
    cluster, table, reader: Reader, open_database
) -> None:
    database = open_database(
        cluster.url(table), RelayForwards(cluster, once(b"*/ CREATE INDEX", "drop")), settings=QUICK
    )
    made: list[bool] = []
    thread = threading.Thread(target=lambda: made.append(database.change(TOKEN, index())), daemon=True)
    thread.start()
    until(lambda: reader.waited_for)
    reader.end_what_waits()
    reader.leave()
    thread.join(60)
    assert made == [True]
    assert indexes(cluster, table) == "t_id true"
    assert nothing_is_left_open(cluster, table)


@pytest.mark.fault(14)
def test_an_answer_that_is_lost_is_found_in_the_catalog_and_it_is_not_made_again(
    cluster, table, open_database
) -> None:
    statements: list[bytes] = []

    def when(data: bytes) -> str:
        if b"*/ CREATE INDEX" in data:
            statements.append(data)
            return "lose"
        return "pass"

    database = open_database(cluster.url(table), RelayForwards(cluster, when), settings=QUICK)
    assert database.change(TOKEN, index()) is True
    assert len(statements) == 1
    assert indexes(cluster, table) == "t_id true"


KILLED = """
import sys
sys.path.insert(0, {root!r})
from tests.database.conftest import DirectForwards
from tests.database.test_outside_a_transaction import BOB, QUICK, TOKEN, index
from remediate.transport.database import Database
from remediate.transport.trips import Trips
from types import SimpleNamespace
cluster = SimpleNamespace(directory={directory!r}, port={port})
database = Database(lambda: {url!r}, DirectForwards(cluster), Trips(), settings=QUICK)
with database.held(BOB, now=True):
    database.change(TOKEN, index())
"""


@pytest.fixture
def killed(cluster: Cluster, table: str, reader: Reader, request: pytest.FixtureRequest) -> Reader:
    """A runner was killed while its index waited for a reader, who is still there."""
    text = KILLED.format(
        root=str(request.config.rootpath),
        directory=str(cluster.directory),
        port=cluster.port,
        url=cluster.url(table),
    )
    with subprocess.Popen([sys.executable, "-c", text]) as process:
        until(lambda: reader.waited_for)
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert indexes(cluster, table) == "t_id false"
    return reader


@pytest.mark.fault(14)
def test_after_a_killed_runner_the_same_token_makes_it_once_whole(
    cluster, table, killed: Reader, database
) -> None:
    killed.leave()
    with database.held(BOB, now=True):
        database.change(TOKEN, index())
        assert database.change(TOKEN, index()) is False
    assert indexes(cluster, table) == "t_id true"
    assert database.ledger(TOKEN) == {"index": "t_id"}


@pytest.mark.fault(14)
def test_after_a_killed_runner_the_way_back_finds_it_ended_and_cleared_away(
    cluster, table, killed: Reader, database
) -> None:
    killed.leave()
    with database.held(BOB, now=True):
        assert database.ledger(TOKEN) in (None, {"index": "t_id"}), "not made, or made by the last breath"
    assert indexes(cluster, table) == ("" if database.ledger(TOKEN) is None else "t_id true")
    assert nothing_is_left_open(cluster, table)


@pytest.mark.fault(14)
def test_after_a_killed_runner_nobody_looks_before_it_is_ended_and_cleared_away(
    cluster, table, killed: Reader, database
) -> None:
    database.stop("r/1.1")
    killed.leave()
    there = Query(sql="SELECT to_regclass('t_id')::text")
    with database.held(BOB):
        seen = database.answer([there])[there].rows[0][0]
        assert seen is None or database.ledger(TOKEN) == {"index": "t_id"}
    assert nothing_is_left_open(cluster, table)


@pytest.mark.fault(14)
def test_a_server_that_is_restarted_in_the_middle_is_waited_for_and_asked(
    cluster, table, reader: Reader, database: Database
) -> None:
    made: list[bool] = []
    thread = threading.Thread(target=lambda: made.append(database.change(TOKEN, index())), daemon=True)
    thread.start()
    until(lambda: reader.waited_for)
    cluster.stop()
    cluster.start()
    thread.join(60)
    assert made == [True]
    assert indexes(cluster, table) == "t_id true"
    assert nothing_is_left_open(cluster, table)


def test_what_nobody_can_be_asked_about_is_lost(cluster, table, reader: Reader, open_database) -> None:
    gone = threading.Event()
    forwards = RelayForwards(cluster, lambda _: "cut" if gone.is_set() else "pass")
    quick = DatabaseSettings(tries=1, settle=2.0)
    database = open_database(cluster.url(table), forwards, settings=quick, sleep=lambda _: None)
    raised: list[BaseException] = []

    def work() -> None:
        try:
            database.change(TOKEN, index())
        except Lost as error:
            raised.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    until(lambda: reader.waited_for)
    gone.set()
    reader.end_what_waits()
    thread.join(60)
    reader.leave()
    assert "remediate resume" in str(raised[0])


def test_behind_a_pooler_it_is_refused_before_anything_is_begun(cluster, table, open_database) -> None:
    database = open_database(cluster.url(table, query="schema=public&pgbouncer=true"), settings=QUICK)
    with pytest.raises(Failed, match="behind a pooler"):
        database.change(TOKEN, index())
    assert indexes(cluster, table) == ""


@pytest.mark.parametrize(
    ("sql", "came_about"),
    [
        ("VACUUM t", "SELECT false"),
        ("CREATE DATABASE {}", "SELECT EXISTS (SELECT FROM pg_database WHERE datname = %s)"),
        ("ALTER TYPE mood ADD VALUE 'glad'", "SELECT 'glad' = ANY (enum_range(NULL::mood)::text[])"),
    ],
)
def test_whatever_refuses_a_transaction_can_be_made(
    cluster, table, database: Database, sql, came_about
) -> None:
    cluster.sql("CREATE TYPE mood AS ENUM ('sad')", table)
    name = f"{table}_other"
    statement = Statement(sql=compose(sql, name) if "{}" in sql else sql)
    asked = Query(sql=came_about, parameters=(name,) if "%s" in came_about else ())
    try:
        assert database.change(TOKEN, OutsideTransaction(statement=statement, came_about=asked)) is True
        assert database.change(TOKEN, OutsideTransaction(statement=statement, came_about=asked)) is False
    finally:
        cluster.sql(f"DROP DATABASE IF EXISTS {name}")
