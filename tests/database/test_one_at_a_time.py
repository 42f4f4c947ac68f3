"""One run at a time changes a database, whichever host it came through; whoever comes second is told of the first."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from remediate.errors import Failed, Locked
from remediate.owner import LockOwner
from remediate.questions import Query
from remediate.target import DatabaseChange, Statement
from remediate.text.statement_head import statement_head
from remediate.transport.database import Database
from remediate.transport.database_door import DatabaseSettings
from remediate.transport.database_lock import TRY_FOR_TRANSACTION
from remediate.transport.database_signature import Signature, signature_in
from remediate.transport.database_wire import Command

from .conftest import Cluster, Relay, RelayForwards

BOB = LockOwner(
    run="20261122-101530-k3f9", who="bob@laptop", since="2026-11-22 10:15:30 UTC", why="it */ is % 'red'"
)
EVE = LockOwner(run="20261122-101531-aaaa", who="eve@desk", since="2026-11-22 10:15:31 UTC")
QUICK = DatabaseSettings(tries=2, settle=3.0, commit=0.5)
INSERT = DatabaseChange(statements=(Statement(sql="INSERT INTO t VALUES (1)"),))
ONE = Query(sql="SELECT 1")
LOCKS = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1380273477"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


@pytest.fixture
def table(cluster: Cluster, dbname: str) -> str:
    cluster.sql("CREATE TABLE t (id int)", dbname)
    return dbname


@pytest.fixture
def host(cluster: Cluster, table: str, open_database: Callable[..., Database]) -> Callable[..., Database]:
    """Return a function that opens the database as one more host would."""
    return lambda url="", forwards=None: open_database(url or cluster.url(table), forwards, settings=QUICK)


def other_process(database: Database) -> Database:
    """Make a database look as if another runner were connected to it."""
    database._advisory._process = "another"
    return database


def locks(cluster: Cluster, table: str) -> int:
    return int(cluster.sql(LOCKS, table))


def until(happened: Callable[[], bool]) -> None:
    for _ in range(400):
        if happened():
            return
        time.sleep(0.025)
    raise AssertionError("it did not happen")


@pytest.mark.fault(16)
def test_whoever_comes_second_is_told_who_since_when_why_and_in_which_run(cluster, table, host) -> None:
    first, second = host(), host()
    with first.held(BOB, now=True):
        first.answer([ONE])
        with pytest.raises(Locked) as raised, second.held(EVE, now=True):
            pytest.fail("never inside")
        for told in (BOB.run, BOB.who, BOB.since, BOB.why, f"remediate resume {BOB.run}"):
            assert told in str(raised.value)
        with pytest.raises(Locked), second.held(EVE):
            second.answer([ONE])
    with second.held(EVE, now=True):
        assert second.change(f"{EVE.run}/1.1/1", INSERT) is True
    assert locks(cluster, table) == 0


@pytest.mark.fault(16)
def test_two_that_change_at_the_same_moment_never_do_it_side_by_side(cluster, table, host) -> None:
    inside, most, refused = [], [], []

    def one(number: int) -> None:
        database = other_process(host())
        for _ in range(5):
            try:
                with database.held(BOB.model_copy(update={"run": f"r{number}"}), now=True):
                    inside.append(number)
                    most.append(len(inside))
                    time.sleep(0.01)
                    inside.remove(number)
            except Locked:
                refused.append(number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}
    assert len(most) + len(refused) == 20


def test_a_change_alone_holds_it_for_its_transaction(cluster, table, host) -> None:
    first, second = host(), host()
    with first.held(BOB, now=True), pytest.raises(Locked, match=BOB.run):
        second.change("r9/1.1/1", INSERT)
    assert cluster.sql("SELECT count(*) FROM t", table).strip() == "0"
    assert second.change("r9/1.1/1", INSERT) is True


def test_a_role_that_may_not_see_statements_is_still_told_who_and_in_which_run(cluster, table, host) -> None:
    cluster.sql("CREATE ROLE other LOGIN PASSWORD 'other'")
    try:
        first, second = host(), host(cluster.url(table, user="other", password="other"))
        with first.held(BOB, now=True), pytest.raises(Locked) as raised, second.held(EVE, now=True):
            pytest.fail("never inside")
        assert BOB.run in str(raised.value)
        assert BOB.who in str(raised.value)
        second.close()
    finally:
        cluster.sql("DROP ROLE other")


@pytest.mark.fault(16)
def test_a_ghost_of_the_same_run_is_ended_and_nothing_of_it_commits(cluster, table, host) -> None:
    ghost = other_process(host())
    ghost._advisory.enter(BOB)
    wire = ghost._advisory.wire()
    assert wire.exchange(_begun(), 5)
    with (heir := host()).held(BOB, now=True):
        assert heir.change(f"{BOB.run}/1.1/1", INSERT) is True
    assert cluster.sql("SELECT count(*) FROM t", table).strip() == "1"
    ghost._advisory.leave()


SAME_PID = """
import os, sys
os.getpid = lambda: {pid}
sys.path.insert(0, {root!r})
from types import SimpleNamespace
from tests.database.conftest import DirectForwards
from tests.database.test_one_at_a_time import BOB, QUICK
from remediate.transport.database import Database
from remediate.transport.trips import Trips
cluster = SimpleNamespace(directory={directory!r}, port={port})
with Database(lambda: {url!r}, DirectForwards(cluster), Trips(), settings=QUICK).held(BOB, now=True):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.fault(16)
def test_a_ghost_that_had_our_process_id_in_another_container_is_ended_and_not_waited_for(
    cluster, table, host, request: pytest.FixtureRequest
) -> None:
    where = {"directory": str(cluster.directory), "port": cluster.port, "url": cluster.url(table)}
    text = SAME_PID.format(pid=os.getpid(), root=str(request.config.rootpath), **where)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", text], **pipes) as ghost:
        try:
            assert ghost.stdout.readline() == b"held\n"
            with (heir := host()).held(BOB, now=True):
                assert heir.change(f"{BOB.run}/1.1/1", INSERT) is True
        finally:
            ghost.kill()


def _begun() -> list:
    return [Command(sql="BEGIN"), Command(sql="INSERT INTO t VALUES (2)")]


def test_another_host_of_the_same_run_and_process_is_waited_for_and_not_ended(cluster, table, host) -> None:
    first, second = host(), host()
    holding, done = threading.Event(), []

    def hold() -> None:
        with first.held(BOB, now=True):
            holding.set()
            time.sleep(0.3)
            done.append(first.change(f"{BOB.run}/1.1/1", INSERT))

    thread = threading.Thread(target=hold)
    thread.start()
    assert holding.wait(10)
    with second.held(BOB, now=True):
        assert done == [True], "the first had its turn to the end"
    thread.join()


@pytest.mark.fault(16)
def test_a_lock_whose_connection_broke_is_taken_again_and_the_host_is_asked_before_anything_is_changed(
    cluster, table, host
) -> None:
    database, asked = host(), []

    def still_ours() -> None:
        asked.append(cluster.sql("SELECT count(*) FROM t", table).strip())
        if len(asked) == 3:
            raise Locked("web1", "locked by eve")

    with database.held(BOB, still_ours, now=True):
        for number in (1, 2):
            cluster.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND application_name LIKE 'remediate %'",
                table,
            )
            if number == 1:
                assert database.change(f"{BOB.run}/1.{number}/1", INSERT) is True
            else:
                with pytest.raises(Locked, match="eve"):
                    database.change(f"{BOB.run}/1.{number}/1", INSERT)
    assert asked == ["0", "0", "1"]
    assert cluster.sql("SELECT count(*) FROM t", table).strip() == "1"
    until(lambda: locks(cluster, table) == 0)


def test_it_can_be_freed_for_a_run_and_no_other_runs_hold_is_touched(cluster, table, host) -> None:
    holder, person = host(), host()
    with holder.held(BOB, now=True):
        assert person.free(EVE.run) is False
        assert locks(cluster, table) == 1
        assert person.free(BOB.run) is True
        assert locks(cluster, table) == 0
    assert person.free(BOB.run) is False


def test_the_name_of_the_connection_goes_with_the_lock(cluster, table, host) -> None:
    names = "SELECT application_name FROM pg_stat_activity WHERE datname = current_database() ORDER BY 1"
    database = host()
    with database.held(BOB, now=True):
        assert f"remediate {BOB.run} {BOB.who}" in cluster.sql(names, table)
    assert BOB.run not in cluster.sql(names, table)
    assert "remediate" in cluster.sql(names, table)


@pytest.mark.parametrize("query", ["schema=public&pgbouncer=true"])
def test_behind_a_pooler_that_the_url_names_nothing_outlives_a_transaction(
    cluster, table, host, query
) -> None:
    first, second = (host(cluster.url(table, query=query)) for _ in range(2))
    _nothing_outlives_a_transaction(cluster, table, first, second)


class Pooler(RelayForwards):
    """A server that greets with another process id than its own, as poolers do."""

    def forward(self, destination: object, *, tcp: bool = False) -> Relay:
        assert destination
        assert not tcp
        return _Greeting(self.cluster, self.when)


class _Greeting(Relay):
    def altered(self, data: bytes) -> bytes:
        place = data.find(b"K\x00\x00\x00\x0c")
        return data if place < 0 else data[: place + 5] + b"\0\0\0\x07" + data[place + 9 :]


def test_a_pooler_that_nobody_named_is_recognised_by_its_greeting(cluster, table, host) -> None:
    first, second = (host(forwards=Pooler(cluster, lambda _: "pass")) for _ in range(2))
    _nothing_outlives_a_transaction(cluster, table, first, second)


def _nothing_outlives_a_transaction(cluster: Cluster, table: str, first: Database, second: Database) -> None:
    names = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'remediate 2%'"
    with first.held(BOB, now=True):
        first.answer([ONE])
        assert locks(cluster, table) == 0
        assert cluster.sql(names, table).strip() == "0"
        assert first.change(f"{BOB.run}/1.1/1", INSERT) is True
        assert cluster.sql(names, table).strip() == "0"
    wire = first._door.wire()
    wire.prefix = Signature(owner=BOB, process="another", session="x").comment
    wire.exchange([Command(sql="BEGIN"), TRY_FOR_TRANSACTION], 5)
    with second.held(EVE), pytest.raises(Locked, match=BOB.run):
        second.change(f"{EVE.run}/1.1/1", INSERT)
    wire.exchange([Command(sql="ROLLBACK")], 5)
    with second.held(EVE):
        assert second.change(f"{EVE.run}/1.1/1", INSERT) is True


@pytest.mark.parametrize("why", ["", "*/ DROP TABLE t; /*", "%s %% $1", "\x00\x1b[2J", "é" * 900, '"\\'])
def test_whatever_the_reason_is_it_arrives_as_text_and_ends_no_comment(
    cluster, table, host, why: str
) -> None:
    owner = BOB.model_copy(update={"why": why})
    written = Signature(owner=owner, process="another", session="x").comment + "SELECT '*/ x'"
    found = signature_in(written)
    assert found is not None
    assert found.owner.why == why[:200]
    assert statement_head(written, 80) == "SELECT ?"
    database = host()
    with database.held(owner, now=True):
        assert database.answer([ONE])[ONE].rows == ((1,),)
        assert database.change(f"{BOB.run}/1.1/1", INSERT) is True


def test_a_token_that_was_used_for_another_change_is_refused_and_not_taken_for_done(
    cluster, table, host
) -> None:
    database = host()
    assert database.change("r/1.1/1", INSERT) is True
    other = DatabaseChange(statements=(Statement(sql="INSERT INTO t VALUES (2)"),))
    with pytest.raises(Failed, match=r"r/1\.1/1 is in remediate\.ledger for another change"):
        database.change("r/1.1/1", other)
    assert database.change("r/1.1/1", INSERT) is False
    assert cluster.sql("SELECT string_agg(id::text, ',') FROM t", table).strip() == "1"
