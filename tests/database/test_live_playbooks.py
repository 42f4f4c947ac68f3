"""`blocked-queries` and `vacuum` as they are shipped, from what is found to the cure, on a real database."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remediate.catalogue import CATALOGUE
from remediate.planner import found_by, judged, plan_fixes, questions_of
from remediate.playbook import load_playbook
from remediate.transport.database import Database

from ..laws.laws import carry_out  # noqa: TID252  (no package is installed for tests)
from .conftest import QUOTED, Cluster
from .sessions import Sessions, login_roles, sessions
from .test_add_columns import DatabaseTarget

__all__ = ["login_roles", "sessions"]
PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
HOST = {"host": {"name": "web1"}, "app": {"name": "lumiku", "backend": "/srv", "port": 3000, "root": "/srv"}}
UPDATE = "UPDATE t SET n = 1 WHERE id = 1"
SOON = {"longer_than": "0s"}


class Desk:
    """A playbook, and a database as a role sees it."""

    def __init__(self, target: DatabaseTarget) -> None:
        self.target = target

    def found(
        self, name: str, given: dict[str, str]
    ) -> tuple[Any, dict[str, Any], dict[str, Any], list[bool]]:
        book = load_playbook(PLAYBOOKS / f"{name}.yml", CATALOGUE)
        scope = book.scope(HOST, given)
        checks = book.checks(scope)
        answers = self.target.answer(questions_of(named.check for named in checks))
        findings = judged(checks, answers, answers)
        return book, scope, found_by(checks, findings), [one.healthy for one in findings]

    def cured(self, name: str, given: dict[str, str]) -> list[str]:
        book, scope, found, _ = self.found(name, given)
        fixes = book.fixes(scope, found)
        answers = self.target.answer(questions_of(fix.action for fix in fixes))
        changes = [change.what for planned in plan_fixes(fixes, answers) for change in planned.changes]
        for fix in fixes:
            carry_out(fix.action, self.target, [])
        return changes

    def healthy(self, name: str, given: dict[str, str]) -> bool:
        return all(self.found(name, given)[3])


@pytest.fixture
def desk(cluster: Cluster, dbname: str, open_database: Callable[..., Database], sessions: Sessions) -> Desk:
    return Desk(DatabaseTarget(open_database(cluster.url(dbname, user="web", password=QUOTED))))


def test_who_is_idle_in_a_transaction_is_named_and_ended_only_where_that_is_wanted(
    desk: Desk, sessions: Sessions
) -> None:
    assert desk.healthy("blocked-queries", SOON)
    root = sessions.holding("cron", UPDATE)
    waiting = sessions.running("api", UPDATE)
    assert desk.cured("blocked-queries", SOON) == []
    assert sessions.alive(root)
    assert not desk.healthy("blocked-queries", SOON)
    assert desk.cured("blocked-queries", {**SOON, "end_idle": "true"}) == [
        f"end the session of pid {root} (cron, role web)"
    ]
    assert not sessions.alive(root)
    assert sessions.alive(waiting)
    assert desk.healthy("blocked-queries", SOON)


def test_the_statement_at_the_root_is_cancelled_and_its_session_stays(desk: Desk, sessions: Sessions) -> None:
    root = sessions.running("cron", UPDATE, "SELECT pg_sleep(600)", waits=False)
    sessions.running("api", UPDATE)
    assert desk.cured("blocked-queries", SOON) == [f"cancel the statement of pid {root} (cron, role web)"]
    assert sessions.alive(root)
    sessions.threads[0].join(20)
    assert sessions.complaints[root] == "57014"
    assert desk.healthy("blocked-queries", SOON)


def test_both_at_once_are_planned_one_after_the_other(desk: Desk, sessions: Sessions) -> None:
    roots = (
        sessions.running("cron", "LOCK TABLE t IN SHARE MODE", "SELECT pg_sleep(600)", waits=False),
        sessions.holding("report", "LOCK TABLE t IN SHARE MODE"),
    )
    sessions.running("api", UPDATE)
    done = desk.cured("blocked-queries", {**SOON, "end_idle": "true"})
    assert [words.partition(" (")[0] for words in done] == [
        f"cancel the statement of pid {roots[0]}",
        f"end the session of pid {roots[1]}",
    ]
    assert desk.healthy("blocked-queries", SOON)


def test_dead_rows_and_stale_statistics_are_seen_to_in_one_go(
    cluster: Cluster, dbname: str, desk: Desk, sessions: Sessions
) -> None:
    given = {"dead_rows": "1000"}
    assert desk.healthy("vacuum", given)
    making = """CREATE TABLE mine (id int) WITH (autovacuum_enabled = off);
        INSERT INTO mine SELECT generate_series(1, 3000); DELETE FROM mine WHERE id <= 1500"""
    cluster.sql(f"{making}; ALTER TABLE mine OWNER TO web", dbname)
    assert desk.cured("vacuum", given) == ["vacuum mine", "analyze mine"]
    assert desk.healthy("vacuum", given)
