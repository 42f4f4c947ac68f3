"""Slow statements, by what runs, by what was counted and by the plan; and how full a server is."""

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from remediate.errors import CouldNotLook
from remediate.model import Finding
from remediate.providers.sql_connections import Connections
from remediate.providers.sql_slow import Slow
from remediate.questions import Answers
from remediate.steps import Check
from remediate.transport.database import Database

from .conftest import QUOTED, Cluster
from .sessions import Sessions, login_roles, sessions

__all__ = ["login_roles", "sessions"]
NAP = "SELECT pg_sleep(0.3), 'a name' AS name"
SLOW = Slow(slower_than=250, at_least=3)  # our own questions are counted as well, and quicker than that


@pytest.fixture
def answers(
    cluster: Cluster, dbname: str, open_database: Callable[..., Database], sessions: Sessions
) -> Callable[..., Answers]:
    opened: dict[str, Database] = {}

    def asked(check: Check, user: str = "monitor") -> Answers:
        if user not in opened:
            opened[user] = open_database(cluster.url(dbname, user=user, password=QUOTED))
        return Answers(opened[user].answer(check.ask()), "db")

    return asked


@pytest.fixture
def look(answers: Callable[..., Answers]) -> Callable[..., Finding]:
    def looks(check: Check = SLOW, user: str = "monitor") -> Finding:
        seen = answers(check, user)
        return check.judge(seen, seen)

    return looks


@pytest.fixture
def counted(cluster: Cluster, dbname: str) -> None:
    if not (cluster.bin.parent / "lib" / "pg_stat_statements.so").exists():
        pytest.skip("no pg_stat_statements here; on Debian it comes with the server")
    cluster.sql("CREATE EXTENSION pg_stat_statements SCHEMA public", dbname)


def test_statements_count_since_the_beginning_in_one_look_and_since_the_first_in_a_window(
    counted: None, look, answers, sessions: Sessions
) -> None:
    api = sessions.open("api")
    for _ in range(3):
        api.execute(NAP)
    api.commit()
    found = look()
    assert not found.healthy
    assert "1 take long since the counters began (" in found.seen
    assert "3 times" in found.evidence[0]
    assert "ms: SELECT pg_sleep($1), $2 AS name" in found.evidence[0]
    blind = look(user="clerk")
    assert blind.healthy
    assert "of the statements are that took long cannot be seen: GRANT pg_monitor" in blind.evidence[-1]
    first = answers(SLOW)
    assert SLOW.judge(first, answers(SLOW)).seen == "no statement takes long since the first look"
    for _ in range(3):
        api.execute(NAP)
    api.commit()
    assert "1 take long since the first look" in SLOW.judge(first, answers(SLOW)).seen
    assert look(Slow(slower_than=250, at_least=7)).healthy


def test_what_no_application_runs_is_not_slow(counted: None, look, cluster: Cluster, dbname: str) -> None:
    for _ in range(3):
        cluster.sql("DO $$ BEGIN PERFORM pg_sleep(0.3); END $$", dbname)
    assert look().healthy


def test_where_nothing_is_counted_it_says_so_and_goes_by_what_runs(look, sessions: Sessions) -> None:
    found = look()
    assert found.healthy
    assert found.seen.endswith(
        "pg_stat_statements is not installed, so that only what runs at this moment is seen"
    )
    sessions.running("report", "SELECT pg_sleep(600), 'secret'", waits=False)
    found = look(Slow(running_longer_than=0.001))
    assert "1 run for long at this moment" in found.seen
    assert "report" in found.evidence[0]
    assert "secret" not in found.evidence[0]


def test_an_extension_elsewhere_is_told(look, cluster: Cluster, dbname: str, counted: None) -> None:
    cluster.sql("DROP EXTENSION pg_stat_statements; CREATE SCHEMA other", dbname)
    cluster.sql("CREATE EXTENSION pg_stat_statements SCHEMA other", dbname)
    assert look().seen.endswith("say extension_schema: other")
    assert "extension_schema" not in look(Slow(extension_schema="other")).seen


def test_what_cannot_be_seen_is_not_called_quick_unless_it_does_nothing(look, sessions: Sessions) -> None:
    other = sessions.open("report", user="web")
    other.commit()
    assert look(user="clerk").healthy, "connected and idle: nothing of it can be slow"
    other.execute("SELECT 1")
    with pytest.raises(
        CouldNotLook, match=r"what pid \d+ \(report, role web\) is at cannot be seen; GRANT pg_monitor"
    ):
        look(user="clerk")
    assert look(user="web").healthy


def test_a_plan_is_told_and_nothing_of_it_is_run(look, cluster: Cluster, dbname: str) -> None:
    cluster.sql("INSERT INTO t SELECT g, g FROM generate_series(10, 5000) g; ANALYZE t", dbname)
    cluster.sql(
        "CREATE FUNCTION ring() RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''it ran''; END'",
        dbname,
    )
    plain = {"query": "SELECT * FROM t WHERE n = %s AND n < ring()", "values": [10]}
    found = look(Slow(**plain), "web")
    assert found.healthy
    assert found.facts["scans"] == ["t"]
    assert "plan (not run): Seq Scan of t; cost" in found.evidence[0]
    wrong = look(Slow(**plain, largest_scan=4000), "web")
    assert "the plan reads t whole (about 5000 rows)" in wrong.seen
    by_key = look(Slow(query="SELECT * FROM t WHERE id = %s", values=[7], largest_scan=0), "web")
    assert by_key.healthy
    assert "Index Scan of t_pkey" in by_key.evidence[0]
    with pytest.raises(CouldNotLook, match="42P01"):
        look(Slow(query="SELECT * FROM nothing"), "web")


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("DELETE FROM t", "a statement that reads"),
        ("ANALYZE SELECT 1", "a statement that reads"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("SELECT pg_terminate_backend(1)", "has effects"),
    ],
)
def test_only_a_statement_that_reads_is_planned(query: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Slow(query=query)


def test_a_planned_statement_has_a_place_for_each_value() -> None:
    with pytest.raises(ValidationError, match="1 times %s in sql, but 2 values"):
        Slow(query="SELECT %s", values=[1, 2])


def test_connections_are_counted_against_each_limit_and_told_by_application(
    look, cluster: Cluster, dbname: str, sessions: Sessions
) -> None:
    for _ in range(3):
        sessions.open("api").commit()
    sessions.holding("cron", "SELECT 1")
    found = look(Connections(percent=100))
    assert found.healthy
    assert "of the server's 37 connections are used" in found.seen
    assert "3 more are kept for superusers" in found.seen
    (idle,) = [one for one in found.facts["idle"] if one["application"] == "api"]
    assert (idle["role"], idle["count"]) == ("web", 3)
    cluster.sql(f"ALTER DATABASE {dbname} CONNECTION LIMIT 5; ALTER ROLE web CONNECTION LIMIT 8")
    try:
        found = look(Connections())
        assert not found.healthy
        assert found.seen == f"5 of the database {dbname}'s 5 connections are used (100 %)"
        said = [line.partition(" (the longest")[0] for line in found.evidence]
        assert "3 of api (role web): 3 idle" in said
        assert "1 of cron (role web): 1 idle in transaction" in said
        assert "the role web's 8 connections are used (50 %)" in look(Connections(percent=50)).seen
        assert "4 of" not in look(Connections()).seen
    finally:
        cluster.sql("ALTER ROLE web CONNECTION LIMIT -1")


def test_a_role_without_rights_counts_all_and_says_whom_it_cannot_see(look, sessions: Sessions) -> None:
    sessions.open("api").commit()
    found = look(Connections(percent=1), "clerk")
    assert "1 of api (role web): 1 hidden" in found.evidence
    assert "what 1 session of web does cannot be seen: GRANT pg_monitor TO the app's role" in found.evidence
