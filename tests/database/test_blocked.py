"""Who blocks whom, over real sessions: idle ones, queues, prepared transactions, and what a role may not see."""

import re
from collections.abc import Callable

import pytest

from remediate.model import Finding
from remediate.providers.sql_blocked import Blocked
from remediate.providers.sql_sessions import SESSIONS, head, hidden, sessions_in
from remediate.questions import Answers
from remediate.transport.database import Database

from .conftest import QUOTED, Cluster
from .sessions import Sessions, login_roles, sessions

__all__ = ["login_roles", "sessions"]
CHECK = Blocked(longer_than=0)


@pytest.fixture
def look(cluster: Cluster, dbname: str, open_database: Callable[..., Database]) -> Callable[..., Finding]:
    def looks(check: Blocked = CHECK, user: str = "monitor") -> Finding:
        database = open_database(cluster.url(dbname, user=user, password=QUOTED))
        answers = Answers(database.answer(check.ask()), "db")
        return check.judge(answers, answers)

    return looks


def test_an_idle_session_at_the_root_of_a_chain_is_named(sessions: Sessions, look) -> None:
    root = sessions.holding("cron", "UPDATE t SET n = 1 WHERE id = 1")
    second = sessions.running("api", "UPDATE t SET n = 2 WHERE id = 2", "UPDATE t SET n = 2 WHERE id = 1")
    third = sessions.running("report", "SELECT * FROM t WHERE id = 2 AND n::text <> 'secret' FOR UPDATE")
    innocent = sessions.holding("innocent", "SELECT * FROM t")
    found = look()
    assert not found.healthy
    assert [one["pid"] for one in found.facts["blockers"]] == [root]
    assert found.facts["idle"] == found.facts["blockers"]
    assert found.facts["active"] == []
    lines = found.evidence
    assert lines[0].startswith(f"pid {root} (cron, role web), idle in transaction for")
    assert "has written: UPDATE t SET n = ? WHERE id = ?" in lines[0]
    assert lines[1].startswith(f"  pid {second} (api, role web) waits")
    assert lines[2].startswith(f"    pid {third} (report, role web) waits")
    assert "a row of t" in lines[2]
    assert not any(str(innocent) in line or "secret" in line for line in lines)


def test_whoever_queues_stands_behind_the_first_of_the_queue(sessions: Sessions, look) -> None:
    reader = sessions.holding("reader", "SELECT * FROM t")
    alter = sessions.running("alter", "ALTER TABLE t ADD COLUMN more int", user="app")
    behind = [sessions.running(f"reader {number}", "SELECT * FROM t") for number in (1, 2)]
    found = look()
    assert [one["pid"] for one in found.facts["idle"]] == [reader]
    assert "3 sessions wait" in found.seen
    assert f"blocked by pid {reader} (reader, role web), idle in transaction" in found.seen
    depth = {line.split()[1]: len(line) - len(line.lstrip()) for line in found.evidence}
    assert depth == {str(reader): 0, str(alter): 2, str(behind[0]): 4, str(behind[1]): 4}
    assert re.search(r"waits \d+ s for the table t,", found.evidence[1])


def test_those_who_want_one_row_stand_behind_the_first_of_them(sessions: Sessions, look) -> None:
    update = "UPDATE t SET n = 2 WHERE id = 1"
    root = sessions.holding("cron", update)
    queue = [sessions.running(f"api {number}", update) for number in range(4)]
    depth = {line.split()[1]: len(line) - len(line.lstrip()) for line in look().evidence}
    assert depth == {str(root): 0, str(queue[0]): 2, **dict.fromkeys(map(str, queue[1:]), 4)}


def test_one_that_waits_for_two_roots_is_told_once_and_both_roots_are_named(sessions: Sessions, look) -> None:
    roots = [sessions.holding("one", "SELECT * FROM t"), sessions.holding("two", "SELECT * FROM t")]
    sessions.running("alter", "ALTER TABLE t ADD COLUMN more int", user="app")
    found = look()
    assert [one["pid"] for one in found.facts["blockers"]] == sorted(roots)
    assert len(found.evidence) == 3


def test_a_statement_that_runs_is_no_idle_blocker_and_an_advisory_lock_is_called_so(
    sessions: Sessions, look
) -> None:
    pid = sessions.running("job", "SELECT pg_advisory_xact_lock(7)", "SELECT pg_sleep(600)", waits=False)
    sessions.running("other job", "SELECT pg_advisory_lock(7)")
    found = look()
    assert [one["pid"] for one in found.facts["active"]] == [pid]
    assert found.facts["idle"] == []
    assert re.search(r"waits \d+ s for an advisory lock,", found.evidence[1])


def test_a_prepared_transaction_is_named_though_it_has_no_process(sessions: Sessions, look) -> None:
    for name, number in (("forgotten", 1), ("innocent", 2)):
        one = sessions.open(name)
        one.execute("UPDATE t SET n = 1 WHERE id = %s", (number,))
        one.execute(f"PREPARE TRANSACTION '{name}'")
        one.commit()
    try:
        sessions.running("api", "UPDATE t SET n = 2 WHERE id = 1")
        found = look()
        assert found.facts["prepared"] == ["forgotten"]
        assert found.facts["blockers"] == []
        assert "blocked by the prepared transaction forgotten (role web, database" in found.seen
    finally:
        sessions.close()
        for name in ("forgotten", "innocent"):
            sessions.cluster.sql(f"ROLLBACK PREPARED '{name}'", sessions.dbname)


def test_a_short_wait_is_healthy_and_a_wait_is_seen_by_whoever_may_see_nothing_else(
    sessions: Sessions, look
) -> None:
    root = sessions.holding("cron", "UPDATE t SET n = 1 WHERE id = 1")
    assert look().seen == "nobody waits for a lock"
    sessions.running("api", "UPDATE t SET n = 2 WHERE id = 1")
    short = look(Blocked(longer_than=3600))
    assert short.healthy
    assert "1 for less than 3600 s" in short.seen
    found = look(user="clerk")
    assert not found.healthy
    assert f"pid {root} (cron, role web), what it does only web and pg_monitor may see" in found.seen
    assert found.facts["idle"] == []
    assert "what 2 sessions of web do cannot be seen: GRANT pg_monitor" in found.evidence[-1]
    assert look(user="web").facts["idle"][0]["pid"] == root


def test_values_in_a_statement_are_never_shown() -> None:
    assert head("SELECT 'it''s' || E'a', x1, 12.5 -- 'note'\n FROM t7") == "SELECT ? || ?, x1, ? FROM t7"
    assert head(r"SELECT E'it\'s secret', 'more'") == "SELECT ?, ?"
    assert head("SELECT $tag$ it's secret $tag$") == "SELECT ?"
    assert head("SELECT $1 /* secret") == "SELECT $1"
    assert head("SELECT 'cut of") == "SELECT ?"
    assert head(None) == ""


def test_a_session_that_is_blamed_shows_no_value_of_its_statement(sessions: Sessions, look) -> None:
    sessions.holding(
        "cron", "UPDATE t SET n = 1 WHERE id = 1 AND 'a--b' <> 'c'\n AND 'alice@example.com' <> ''"
    )
    sessions.running("api", "UPDATE t SET n = 2 WHERE id = 1 AND $$it's$$ <> 'bob@example.com'")
    found = look(Blocked(longer_than=0))
    told = found.model_dump_json()
    assert "AND ? <> ?" in told
    assert not any(value in told for value in ("alice", "bob", "it's"))


def test_the_servers_own_processes_are_no_sessions_that_are_hidden(
    cluster: Cluster, dbname: str, sessions: Sessions, open_database
) -> None:
    database = open_database(cluster.url(dbname, user="clerk", password=QUOTED))
    seen = sessions_in(database.answer((SESSIONS,))[SESSIONS]).values()
    own = next(one for one in seen if not one.role)
    worker = own.model_copy(update={"database": dbname, "at_work": True})
    assert not worker.visible
    assert hidden([worker]) == ""
    assert hidden([worker.model_copy(update={"role": "web"})])
