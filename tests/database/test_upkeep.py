"""Dead rows and stale statistics, found by the server's counters and seen to, on a real database."""

from collections.abc import Callable

import psycopg
import pytest

from remediate.errors import Failed
from remediate.model import Fidelity, Finding, WayBack
from remediate.providers.sql_bloat import Bloat, StaleStatistics
from remediate.providers.sql_vacuum import STEPS, Analyze, Vacuum
from remediate.steps import Action, Check
from remediate.transport.database import Database
from remediate.transport.database_door import DatabaseSettings

from ..laws.laws import LAWS, carry_out, planned  # noqa: TID252  (no package is installed for tests)
from .conftest import QUOTED, Cluster
from .sessions import Sessions, login_roles, sessions
from .test_add_columns import DatabaseTarget, DatabaseWorld

__all__ = ["login_roles", "sessions"]
CATALOGUE = {step.kind: step for step in STEPS}
BEGINNING = """CREATE TABLE "Avatar" (id int, n int) WITH (autovacuum_enabled = off);
INSERT INTO "Avatar" SELECT g, 0 FROM generate_series(1, 3000) g; UPDATE "Avatar" SET n = 1 WHERE id <= 1500;
CREATE TABLE small (id int) WITH (autovacuum_enabled = off); INSERT INTO small VALUES (1);
CREATE VIEW seen AS SELECT * FROM small;
"""


@pytest.fixture
def world(cluster: Cluster, dbname: str, open_database: Callable[..., Database]) -> DatabaseWorld:
    quick = DatabaseSettings(tries=2, settle=5.0)
    made = DatabaseWorld(cluster, dbname, open_database(cluster.url(dbname), settings=quick), BEGINNING)
    made.reset()
    return made


def look(check: Check, target: DatabaseTarget) -> Finding:
    answers = target.answer(check.ask())
    return check.judge(answers, answers)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("action", [Analyze(), Vacuum(dead_rows=1000)], ids=lambda action: action.kind)
def test_every_law_holds_on_a_real_database(world: DatabaseWorld, law, action: Action) -> None:
    law(action, world, CATALOGUE)


def test_dead_rows_are_found_told_as_an_estimate_and_vacuumed_away(world: DatabaseWorld) -> None:
    check = Bloat(dead_rows=1000)
    found = look(check, world.target())
    assert found.seen == "many dead rows in Avatar (an estimate)"
    assert found.facts == {"tables": ["Avatar"]}
    (line,) = found.evidence
    assert "about 1500 dead rows against 3000 live (33 %)" in line
    assert "last vacuum never, last autovacuum never; autovacuum is off for it" in line
    assert look(Bloat(), world.target()).healthy, "1,500 rows are no 10,000"
    assert look(Bloat(dead_rows=1000, dead_percent=40), world.target()).healthy
    (change,) = planned(Vacuum(dead_rows=1000), world.target())
    assert (change.script, change.fidelity) == ('VACUUM "public"."Avatar";', Fidelity.ESTIMATE)
    assert change.way_back is WayBack.EQUIVALENT
    carry_out(Vacuum(dead_rows=1000), world.target(), [])
    assert look(check, world.target()).healthy
    assert (
        world.sql(
            "SELECT vacuum_count, last_vacuum IS NOT NULL FROM pg_stat_user_tables WHERE relname = 'Avatar'"
        )
        == "1|t"
    )
    assert world.sql("SELECT step FROM remediate.ledger").endswith("1.1/1")


def test_statistics_that_were_never_made_or_are_of_another_time_are_found_and_made(
    world: DatabaseWorld,
) -> None:
    check = StaleStatistics()
    found = look(check, world.target())
    assert found.facts == {"tables": ["Avatar"]}
    assert "the planner knows nothing of it" in found.evidence[0]
    (change,) = planned(Analyze(), world.target())
    assert change.script == 'ANALYZE "public"."Avatar";'
    carry_out(Analyze(), world.target(), [])
    assert look(check, world.target()).seen == "2 tables, no statistics are stale"
    world.sql("""UPDATE "Avatar" SET n = 2 WHERE id <= 599""")
    assert look(StaleStatistics(changed_rows=500), world.target()).healthy, "599 of 3,000 are less than 20 %"
    world.sql("""UPDATE "Avatar" SET n = 2 WHERE id <= 2""")
    assert not look(StaleStatistics(changed_rows=500), world.target()).healthy
    assert look(check, world.target()).healthy


def test_tables_that_are_named_are_seen_to_where_there_is_anything_to_do(world: DatabaseWorld) -> None:
    assert [change.what for change in planned(Analyze(tables=["small"]), world.target())] == ["analyze small"]
    assert planned(Vacuum(tables=["small"]), world.target()) == ()
    assert planned(Vacuum(tables=[]), world.target()) == ()
    for name in ("none", "seen"):
        with pytest.raises(Failed, match=f"there is no table {name}"):
            planned(Analyze(tables=[name]), world.target())


def test_a_table_of_somebody_else_is_refused_as_the_server_would_skip_it(
    world: DatabaseWorld, sessions: Sessions, open_database: Callable[..., Database], login_roles: None
) -> None:
    world.sql("GRANT ALL ON SCHEMA public TO web; GRANT SELECT ON ALL TABLES IN SCHEMA public TO web")
    url = world.cluster.url(world.dbname, user="web", password=QUOTED)
    target = DatabaseTarget(open_database(url))
    assert not look(Bloat(dead_rows=1000), target).healthy
    for action in (Vacuum(dead_rows=1000), Analyze()):
        with pytest.raises(Failed, match="belongs to app: for us the server would skip it"):
            planned(action, target)
    (change,) = planned(Analyze(tables=["Avatar"]), world.target())
    with pytest.raises(Failed, match="the server does not count Avatar as done"):
        Analyze(tables=["Avatar"]).apply(target.scoped("r/1.1"), change)
    (change,) = planned(Vacuum(tables=["Avatar"]), world.target())
    with pytest.raises(Failed, match="the server does not count Avatar as done"):
        Vacuum(tables=["Avatar"]).apply(target.scoped("r/1.2"), change)


def test_nobody_is_blamed_whose_age_cannot_be_seen(
    world: DatabaseWorld, sessions: Sessions, open_database: Callable[..., Database], login_roles: None
) -> None:
    world.sql("GRANT USAGE ON SCHEMA public TO web; GRANT SELECT ON ALL TABLES IN SCHEMA public TO web")
    innocent = sessions.open("report", "app")
    innocent.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    innocent.execute("SELECT count(*) FROM small")
    world.sql("""DELETE FROM "Avatar" WHERE id <= 1500""")
    url = world.cluster.url(world.dbname, user="web", password=QUOTED)
    evidence = look(Bloat(dead_rows=1000), DatabaseTarget(open_database(url))).evidence
    assert evidence[-1] == (
        f"pid {innocent.info.backend_pid} (report, role app) may keep dead rows from being taken away;"
        " since when cannot be seen: GRANT pg_monitor TO the app's role"
    )


def test_whoever_keeps_dead_rows_where_they_are_is_named(
    world: DatabaseWorld, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = sessions.open("report", "app")
    reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ  # it keeps its picture
    reader.execute("SELECT count(*) FROM small")
    world.sql("""DELETE FROM "Avatar" WHERE id <= 1500""")
    assert len(look(Bloat(dead_rows=1000), world.target()).evidence) == 1, "it is not long at it"
    monkeypatch.setattr("remediate.providers.sql_bloat.LONG", 0.0)
    held = look(Bloat(dead_rows=1000), world.target()).evidence[-1]
    assert held.startswith(
        f"pid {reader.info.backend_pid} (report, role app) keeps dead rows from being taken away"
    )
    carry_out(Vacuum(dead_rows=1000), world.target(), [])
    assert not look(Bloat(dead_rows=1000), world.target()).healthy, "what somebody may still see stays"
