"""Changing a database: all or nothing, at most once for a token, and the truth about it when the link breaks."""

import threading
import time
from collections.abc import Callable

import pytest

from remediate.errors import Failed, Lost
from remediate.target import DatabaseChange, Statement
from remediate.transport.database import Database
from remediate.transport.database_door import DatabaseSettings, NoDatabase
from remediate.transport.database_values import succeeded
from remediate.transport.database_wire import Command

from .conftest import Cluster, RelayForwards

QUICK = DatabaseSettings(tries=2, settle=3.0, commit=0.5)


def change(*statements: str, **more) -> DatabaseChange:
    return DatabaseChange(statements=tuple(Statement(sql=sql) for sql in statements), **more)


INSERT = change("INSERT INTO t VALUES (1)", undo={"was": ["nothing", None]})


@pytest.fixture
def table(cluster: Cluster, dbname: str) -> str:
    cluster.sql("CREATE TABLE t (id int)", dbname)
    return dbname


def count(cluster: Cluster, dbname: str) -> int:
    return int(cluster.sql("SELECT count(*) FROM t", dbname))


def test_a_change_commits_with_its_ledger_row_and_only_once(cluster, table, database: Database) -> None:
    assert database.ledger("r1/add/1") is None
    assert database.change("r1/add/1", INSERT) is True
    assert database.change("r1/add/1", INSERT) is False
    assert count(cluster, table) == 1
    assert database.ledger("r1/add/1") == {"was": ["nothing", None]}
    assert database.ledger("r1/add/2") is None
    row = cluster.sql(
        "SELECT run, step, length(digest), xact > '0', at <= now() FROM remediate.ledger", table
    )
    assert row.strip() == "r1|add/1|64|t|t"


def test_a_statement_that_fails_takes_all_with_it(cluster, table, database: Database) -> None:
    with pytest.raises(Failed, match=r"42P01.*nothing was changed"):
        database.change("r1/1", change("INSERT INTO t VALUES (1)", "INSERT INTO nowhere VALUES (1)"))
    assert count(cluster, table) == 0
    assert database.ledger("r1/1") is None
    assert cluster.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'remediate'", table).strip() == "0"


def test_two_statements_in_one_are_refused(cluster, table, database: Database) -> None:
    with pytest.raises(Failed, match="42601"):
        database.change("r1/1", change("INSERT INTO t VALUES (1); COMMIT"))
    assert count(cluster, table) == 0


def test_the_same_token_at_the_same_time_commits_once(cluster, table, open_database) -> None:
    databases = [open_database(cluster.url(table), settings=DatabaseSettings(tries=5)) for _ in range(4)]
    done: list[bool] = []
    threads = [
        threading.Thread(target=lambda one=one: done.append(one.change("r/1", INSERT))) for one in databases
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False, False, False, True]
    assert count(cluster, table) == 1


@pytest.mark.fault(15)
def test_a_lock_that_is_not_had_names_who_holds_it(cluster, table, database: Database, open_database) -> None:
    blocker = open_database(cluster.url(table) + "&application_name=x")
    wire = blocker._door.wire()
    wire.exchange(
        [
            Command(sql="BEGIN"),
            Command(sql="SELECT 'a--b'\n, $$secret$$, E'\\'secret', 12345 /* secret */ FROM t"),
        ],
        5,
    )
    with pytest.raises(Failed) as raised:
        database.change("r/1", change("ALTER TABLE t ADD COLUMN x int", lock_timeout=0.4))
    said = str(raised.value)
    assert f"pid {wire.pid} (remediate), idle in transaction" in said
    assert "secret" not in said
    assert "12345" not in said
    wire.exchange([Command(sql="COMMIT")], 5)
    assert database.change("r/1", change("ALTER TABLE t ADD COLUMN x int")) is True


def test_of_a_blocker_of_another_role_it_is_told_who_may_see_what_it_does(
    cluster, table, open_database
) -> None:
    cluster.sql("CREATE ROLE reader LOGIN PASSWORD 'reader'; CREATE ROLE writer LOGIN PASSWORD 'writer'")
    cluster.sql(
        "GRANT SELECT ON t TO reader; ALTER TABLE t OWNER TO writer; GRANT ALL ON SCHEMA public TO writer",
        table,
    )
    cluster.sql(f"GRANT CREATE ON DATABASE {table} TO writer")
    try:
        blocker = open_database(cluster.url(table, user="reader", password="reader"))
        wire = blocker._door.wire()
        wire.exchange([Command(sql="BEGIN"), Command(sql="SELECT * FROM t")], 5)
        writer = open_database(
            cluster.url(table, user="writer", password="writer"), settings=QUICK, sleep=lambda _: None
        )
        with pytest.raises(Failed) as raised:
            writer.change("r/1", change("ALTER TABLE t ADD COLUMN x int", lock_timeout=0.4))
        assert f"pid {wire.pid} (remediate) of the role reader; what it does only that role" in str(
            raised.value
        )
        blocker.close()
        writer.close()
    finally:
        cluster.sql("REASSIGN OWNED BY reader, writer TO app; DROP OWNED BY reader, writer", table)
        cluster.sql("DROP OWNED BY writer; DROP ROLE reader, writer")


def test_a_lock_that_comes_free_is_waited_for(cluster, table, open_database) -> None:
    wire = open_database(cluster.url(table))._door.wire()
    wire.exchange([Command(sql="BEGIN"), Command(sql="SELECT * FROM t")], 5)
    ends = lambda _: wire.open and wire.exchange([Command(sql="COMMIT")], 5)  # noqa: E731
    database = open_database(cluster.url(table), sleep=ends)
    assert database.change("r/1", change("ALTER TABLE t ADD COLUMN x int", lock_timeout=0.1)) is True


def test_a_role_without_rights_is_told_what_to_grant_and_then_it_works(cluster, table, open_database) -> None:
    cluster.sql("CREATE ROLE poor LOGIN PASSWORD 'poor'")
    try:
        database = open_database(cluster.url(table, user="poor", password="poor"))
        with pytest.raises(Failed, match="CREATE SCHEMA remediate AUTHORIZATION"):
            database.change("r/1", INSERT)
        assert database.ledger("r/1") is None
        cluster.sql("CREATE SCHEMA remediate AUTHORIZATION poor; GRANT INSERT ON t TO poor", table)
        assert database.change("r/1", INSERT) is True
        assert database.ledger("r/1") == INSERT.undo
        database.close()
    finally:
        cluster.sql("DROP OWNED BY poor", table)
        cluster.sql("DROP ROLE poor")


def test_a_database_that_cannot_be_reached_is_a_failure_without_effect(cluster, open_database) -> None:
    with pytest.raises(Failed, match=r"no such database.*nothing was changed"):
        open_database(cluster.url("nope")).change("r/1", INSERT)


def once(word: bytes, mode: str) -> Callable[[bytes], str]:
    left = [1]

    def when(data: bytes) -> str:
        if word in data and left[0]:
            left[0] -= 1
            return mode
        return "pass"

    return when


def relayed(open_database, cluster, table, when, **more) -> Database:
    options = {"settings": QUICK, "sleep": lambda _: time.sleep(0.05), **more}
    return open_database(cluster.url(table), RelayForwards(cluster, when), **options)


@pytest.mark.fault(13)
def test_a_lost_answer_to_commit_is_found_out_to_have_committed(cluster, table, open_database) -> None:
    database = relayed(open_database, cluster, table, once(b"COMMIT", "drop"))
    assert database.change("r/1", INSERT) is True
    assert count(cluster, table) == 1
    assert database.change("r/1", INSERT) is False


@pytest.mark.fault(13)
def test_a_commit_that_never_arrived_is_found_out_to_have_failed(cluster, table, open_database) -> None:
    database = relayed(open_database, cluster, table, once(b"COMMIT", "cut"))
    with pytest.raises(Failed, match="rolled back; nothing was changed"):
        database.change("r/1", INSERT)
    assert count(cluster, table) == 0
    assert database.change("r/1", INSERT) is True


@pytest.mark.fault(12)
def test_a_link_cut_before_commit_has_changed_nothing(cluster, table, open_database) -> None:
    database = relayed(open_database, cluster, table, once(b"INSERT INTO t", "cut"))
    with pytest.raises(Failed, match="before COMMIT"):
        database.change("r/1", INSERT)
    assert count(cluster, table) == 0


@pytest.mark.fault(13)
def test_what_nobody_can_be_asked_about_is_lost(cluster, table, open_database) -> None:
    gone = threading.Event()

    def when(data: bytes) -> str:
        if b"COMMIT" in data:
            gone.set()
        return "cut" if gone.is_set() else "pass"

    database = relayed(open_database, cluster, table, when, sleep=lambda _: None)
    with pytest.raises(Lost, match=r"r/1.*remediate\.ledger"):
        database.change("r/1", INSERT)
    with pytest.raises(Lost):
        database.ledger("r/1")


def test_a_deferred_constraint_that_fails_at_commit_is_a_failure(cluster, table, database: Database) -> None:
    cluster.sql("ALTER TABLE t ADD UNIQUE (id) DEFERRABLE INITIALLY DEFERRED", table)
    with pytest.raises(Failed, match="23505"):
        database.change("r/1", change("INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (1)"))
    assert count(cluster, table) == 0
    assert database.ledger("r/1") is None


def test_a_second_login_that_is_refused_leaves_the_first_connection_whole(
    cluster, table, open_database
) -> None:
    cluster.sql("CREATE ROLE single LOGIN PASSWORD 'single' CONNECTION LIMIT 1")
    url = cluster.url(table, user="single", password="single")
    try:
        database = open_database(url, RelayForwards(cluster, lambda _: "pass"))
        wire = database._door.wire()
        with pytest.raises(NoDatabase, match="no connection left"):
            database._door.another_wire()
        assert succeeded(wire.exchange([Command(sql="SELECT 1")], 5)[0])
        database.close()
    finally:
        cluster.sql("DROP ROLE single")


def test_a_guard_that_does_not_hold_is_told_in_words_and_another_division_by_zero_as_it_is(
    database: Database,
) -> None:
    guard = Statement(sql="SELECT 1 / (count(*) = 1)::int FROM pg_class WHERE relname = 'nope'")
    with pytest.raises(Failed, match="what it was planned on is no longer so, says a guard") as caught:
        database.change("r/1.1/1", DatabaseChange(statements=(guard,)))
    assert "division" not in str(caught.value)
    assert "SQLSTATE 22012" in str(caught.value)
    divides = Statement(sql="SELECT 2 / 0")
    with pytest.raises(Failed, match=r"division by zero \(SQLSTATE 22012\)"):
        database.change("r/1.1/2", DatabaseChange(statements=(divides,)))
