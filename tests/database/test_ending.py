"""`sql.cancel` and `sql.terminate` over real sessions: the one that was meant, and nobody else."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from pydantic import ValidationError

from remediate.errors import Conflict, Failed
from remediate.model import WayBack
from remediate.providers.sql_ending import STEPS, Backend, Cancel, Terminate, backend_of
from remediate.providers.sql_sessions import SESSIONS, sessions_in
from remediate.steps import Action
from remediate.transport.database import Database
from remediate.transport.database_door import DatabaseSettings

from ..laws.laws import LAWS, carry_out, fresh_token, planned  # noqa: TID252  (no package is installed for tests)
from .conftest import QUOTED, Cluster
from .sessions import Sessions, login_roles, sessions
from .test_add_columns import DatabaseTarget, DatabaseWorld

__all__ = ["login_roles", "sessions"]
CATALOGUE = {step.kind: step for step in STEPS}
SLEEP = "SELECT pg_sleep(600)"
HOLD = "UPDATE t SET n = 1 WHERE id = 1"


@dataclass
class Door:
    """A target as a role, and the sessions that it sees."""

    cluster: Cluster
    dbname: str
    opens: Callable[..., Database]

    def target(self, user: str = "monitor") -> DatabaseTarget:
        quick = DatabaseSettings(tries=2, settle=3.0)
        url = self.cluster.url(self.dbname, user=user, password=QUOTED)
        return DatabaseTarget(self.opens(url, settings=quick, sleep=lambda _: None)).scoped(fresh_token())

    def backend(self, pid: int, user: str = "monitor") -> Backend:
        return backend_of(sessions_in(self.target(user).answer((SESSIONS,))[SESSIONS])[pid])


@pytest.fixture
def door(cluster: Cluster, dbname: str, open_database: Callable[..., Database], sessions: Sessions) -> Door:
    return Door(cluster, dbname, open_database)


@dataclass
class SessionWorld(DatabaseWorld):
    """A database with one session in it that holds a row, or runs a statement without an end."""

    sessions: Sessions | None = None
    runs: bool = False

    def reset(self) -> None:
        self.sessions.close()
        self.sessions.connections.clear()
        super().reset()
        if self.runs:
            self.sessions.running("cron", SLEEP, waits=False)
        else:
            self.sessions.holding("cron", HOLD)

    def fingerprint(self) -> str:
        alive = "SELECT application_name, state FROM pg_stat_activity WHERE usename = 'web' ORDER BY 1"
        return super().fingerprint() + self.sql(alive)


BEGINNING = """CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 0);
GRANT ALL ON t TO web; GRANT ALL ON SCHEMA public TO web, monitor;"""


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize(
    ("action", "runs"),
    [
        (Cancel(application="cron", longer_than=1e-9), True),
        (Terminate(application="cron", longer_than=1e-9), False),
    ],
    ids=["cancel", "terminate"],
)
def test_every_law_holds_with_real_sessions(
    cluster: Cluster,
    dbname: str,
    open_database: Callable[..., Database],
    sessions: Sessions,
    law,
    action: Action,
    runs,
) -> None:
    quick = DatabaseSettings(tries=2, settle=3.0)
    reach = open_database(cluster.url(dbname, user="monitor", password=QUOTED), settings=quick)
    world = SessionWorld(cluster, dbname, reach, beginning=BEGINNING, sessions=sessions, runs=runs)
    world.reset()
    law(action, world, CATALOGUE)


def test_a_plan_shows_whom_it_ends_what_that_costs_and_the_very_statement(
    door: Door, sessions: Sessions
) -> None:
    pid = sessions.holding("cron", HOLD)
    waits = sessions.running("api", "UPDATE t SET n = 2 WHERE id = 1")
    one = door.backend(pid)
    (change,) = planned(Terminate(backends=[one]), door.target())
    assert change.what == f"end the session of pid {pid} (cron, role web)"
    assert change.way_back is WayBack.NONE
    assert f"a.pid = {pid} AND a.backend_start = '{one.backend_start}'::timestamptz" in change.script
    assert "sessions that wait for it: 1" in change.notes
    assert any("57P01" in note and "it has written" in note for note in change.notes)
    carry_out(Terminate(backends=[one]), door.target(), [])
    assert not sessions.alive(pid)
    assert sessions.alive(waits)
    assert planned(Terminate(backends=[one]), door.target()) == ()


def test_cancelling_is_refused_where_it_would_do_nothing(door: Door, sessions: Sessions) -> None:
    idle = door.backend(sessions.holding("cron", HOLD))
    with pytest.raises(Failed, match=r"idle in transaction: cancelling does nothing to it.*sql.terminate"):
        planned(Cancel(backends=[idle]), door.target())


def test_whoever_must_not_be_ended_is_refused_with_the_reason(
    door: Door, sessions: Sessions, cluster: Cluster
) -> None:
    root = door.backend(sessions.holding("dba", "SELECT 1", user="app"))
    run = door.backend(sessions.holding("remediate 20260101-1 ann@desk", HOLD))
    web = door.backend(sessions.holding("api", "SELECT 2"))
    elsewhere = Sessions(cluster, "postgres")
    other = door.backend(elsewhere.holding("api", "SELECT 3"))
    server = next(
        backend_of(one)
        for one in sessions_in(door.target().answer((SESSIONS,))[SESSIONS]).values()
        if one.backend_type == "autovacuum launcher"
    )
    elsewhere_too = [
        (root, "a superuser's"),
        (run, "a run of this program's"),
        (other, "of the database postgres"),
    ]
    for backend, why in elsewhere_too:
        with pytest.raises(Failed, match=why):
            planned(Terminate(backends=[backend]), door.target())
    with pytest.raises(Failed, match=r"cannot be seen|the server's own"):
        planned(Terminate(backends=[server]), door.target())
    unseen = Backend(
        pid=web.pid, backend_start=None, query_start=None, query_md5=door.backend(web.pid, "clerk").query_md5
    )
    with pytest.raises(Failed, match=r"what it does cannot be seen; GRANT pg_monitor"):
        planned(Terminate(backends=[unseen]), door.target("clerk"))
    cluster.sql("GRANT pg_monitor TO clerk")
    with pytest.raises(Failed, match=r"only web and pg_signal_backend may; GRANT pg_signal_backend"):
        planned(Terminate(backends=[web]), door.target("clerk"))
    cluster.sql("REVOKE pg_monitor FROM clerk")
    elsewhere.close()


def test_what_fires_refuses_superusers_and_runs_even_if_a_plan_did_not(
    door: Door, sessions: Sessions
) -> None:
    step = Terminate(backends=[door.backend(sessions.holding("api", HOLD))])
    (change,) = planned(step, door.target())
    for name, user in (("dba", "app"), ("remediate 20260101-1 ann@desk", "web")):
        pid = sessions.holding(name, "SELECT 1", user=user)
        other = change.model_copy(update={"data": {"ended": door.backend(pid).model_dump()}})
        with pytest.raises(Conflict, match="nothing was sent"):
            step.apply(door.target("app"), other)
        assert sessions.alive(pid)


def test_more_than_are_allowed_are_left_alone_all_of_them(door: Door, sessions: Sessions) -> None:
    pids = [sessions.holding("cron", one) for one in (HOLD, "UPDATE t SET n = 1 WHERE id = 2")]
    chosen = {"application": "cron", "longer_than": 1e-9}
    with pytest.raises(Failed, match="2 sessions are meant, at most 1"):
        planned(Terminate(**chosen), door.target())
    assert len(planned(Terminate(**chosen, at_most=2), door.target())) == 2
    assert planned(Terminate(application="cron", longer_than=3600), door.target()) == ()
    assert planned(Cancel(**chosen), door.target()) == (), "none of them runs a statement"
    assert all(map(sessions.alive, pids))


@pytest.mark.parametrize("action", [Cancel, Terminate])
def test_a_session_that_went_on_to_something_else_is_not_ended(
    door: Door, sessions: Sessions, action: type[Action]
) -> None:
    pid = sessions.running("cron", SLEEP, waits=False)
    step = action(backends=[door.backend(pid)])
    (change,) = planned(step, door.target())
    sessions.cluster.sql(f"SELECT pg_cancel_backend({pid})")
    sessions.threads[0].join(20)
    sessions.connections[0].rollback()
    sessions.connections[0].execute(HOLD)
    target = door.target()
    with pytest.raises(Conflict, match="something else by now, and nothing was sent"):
        step.apply(target, change)
    assert sessions.alive(pid)
    assert planned(step, door.target()) == ()
    step.undo(door.target(), step.snapshot(target, change))
    sessions.connections[0].rollback()
    step.apply(door.target(), change)  # idle by now: there is nothing left to end
    assert sessions.alive(pid)


def test_a_session_that_is_gone_is_fine_and_whoever_has_its_number_now_is_let_be(
    door: Door, sessions: Sessions
) -> None:
    pid = sessions.holding("cron", HOLD)
    step = Terminate(backends=[door.backend(pid)])
    (change,) = planned(step, door.target())
    sessions.connections[0].close()
    sessions.until(f"NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = {pid})")
    step.apply(door.target(), change)
    assert planned(step, door.target()) == ()
    other = sessions.holding("other", HOLD)
    before = {**door.backend(other).model_dump(), "backend_start": change.data["ended"]["backend_start"]}
    step.apply(door.target(), change.model_copy(update={"data": {"ended": before}}))
    assert sessions.alive(other)


def test_what_is_fired_looks_at_the_sessions_anew(door: Door, sessions: Sessions, monkeypatch) -> None:
    """Whatever looked at the sessions before, in the same transaction, must not stand for what they are now."""
    pid = sessions.running("cron", SLEEP, waits=False)
    step = Cancel(backends=[door.backend(pid)])
    (change,) = planned(step, door.target())
    target = door.target()
    original = target.reach._changes._do

    def late(wire, server, wanted, blockers) -> None:
        sessions.cluster.sql(f"SELECT pg_cancel_backend({pid})")
        sessions.threads[0].join(20)
        sessions.connections[0].rollback()
        sessions.connections[0].execute(HOLD)
        original(wire, server, wanted, blockers)

    monkeypatch.setattr(type(target.reach._changes), "_do", lambda _, *given: late(*given))
    with pytest.raises(Conflict, match="nothing was sent"):
        step.apply(target, change)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"application": "cron"},
        {"longer_than": 3},
        {"application": "x", "longer_than": 1, "backends": [{"pid": 1}]},
    ],
)
def test_whom_to_end_is_said_in_one_way(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Terminate.model_validate(wrong)


def test_nobody_to_end_asks_and_does_nothing(door: Door) -> None:
    assert Cancel(backends=[]).ask() == ()
    assert planned(Cancel(backends=[]), door.target()) == ()
