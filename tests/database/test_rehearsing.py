"""SQL on a schema rehearsed in a database made for it: what it tells, and that nothing is left of it."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from remediate.errors import Blocked
from remediate.events import Event, Events
from remediate.gate import RULES
from remediate.journal import Journal
from remediate.masking import Masker
from remediate.model import Fidelity, Plan, PlannedFix, Rehearsal
from remediate.owner import LockOwner
from remediate.planner import NamedFix
from remediate.providers.new_column import NewColumn
from remediate.providers.postgres import AddColumns
from remediate.providers.prisma_deploy import MigrateDeploy
from remediate.providers.sql_migrate import SqlMigrate
from remediate.rehearsal import failure_of, rehearse
from remediate.runner import Runner
from remediate.steps import Action
from remediate.target import DatabaseChange, Statement
from remediate.transport.copy_target import CopyTarget
from remediate.transport.database import Database
from remediate.transport.database_door import DatabaseSettings
from remediate.transport.database_scratch import PREFIX, _service, is_left_of, name_for
from remediate.transport.database_url import _KEPT

from .conftest import Cluster
from .test_prisma_deploy import World

BEGINNING = """CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE avatars (id int PRIMARY KEY, "userId" int, name text, mood mood DEFAULT 'good');
INSERT INTO avatars SELECT n, n % 7, 'name ' || n FROM generate_series(1, 50) AS n;
CREATE SEQUENCE numbers; SELECT nextval('numbers');"""
NOTE = AddColumns(table="avatars", columns=[NewColumn(name="note", type="TEXT")])
TOKEN = "0123456789ab"


def script(text: str) -> SqlMigrate:
    return SqlMigrate.model_validate({"text": text, "way_back": "none", "reason": "a test"})


@dataclass
class Stage:
    world: World
    journal: Journal
    told: list[Event]

    def rehearsed(self, *actions: Action) -> Plan:
        target = self.world.target()
        fixes = [NamedFix(f"step {number}", action) for number, action in enumerate(actions, start=1)]
        planned = tuple(
            PlannedFix(
                step=fix.name, action=fix.action.kind, parameters=fix.action.parameters,
                changes=fix.action.plan(target.answer(fix.action.ask())),
            )
            for fix in fixes
        )  # fmt: skip
        plan = Plan(playbook="p", playbook_digest="", environment="e", host="h", findings=(), fixes=planned)
        events = Events("run", [self.told.append], Masker(), time.time)
        owner = LockOwner(run="run", who="me", since="now")
        runner = Runner(owner, self.journal, events, lambda *_: actions[0])
        rehearsed = rehearse(plan, fixes, target, runner, TOKEN)  # type: ignore[arg-type]
        assert rehearsed.digest == plan.digest
        return rehearsed

    def databases(self) -> list[str]:
        return self.world.cluster.sql("SELECT datname FROM pg_database ORDER BY 1").split()

    def whole(self) -> str:
        """Return all of the database, the tool's own schema as well, and how often anything was written there."""
        written = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_all_tables"
        schemas = "SELECT string_agg(nspname, ',' ORDER BY 1) FROM pg_namespace WHERE nspname !~ '^pg_'"
        # Not the catalogs: what a server does in them by itself, autovacuum does.
        return self.world.fingerprint() + self.world.sql(f"{written} WHERE schemaname !~ '^pg_'; {schemas}")


@pytest.fixture
def stage(
    cluster: Cluster, dbname: str, open_database: Callable[..., Database], tmp_path: Path
) -> Iterator[Stage]:
    settings = DatabaseSettings(tries=2, lock=0.5)
    database = open_database(cluster.url(dbname), settings=settings, sleep=lambda _: None)
    world = World(cluster, dbname, database, beginning=BEGINNING)
    world.reset()
    with Journal.open(tmp_path / "state", Masker()) as journal:
        yield Stage(world, journal, [])


def results(plan: Plan) -> list[Rehearsal]:
    return [change.rehearsal for change in plan.changes if change.rehearsal]


def outcomes(plan: Plan) -> list[str]:
    return [one.outcome for one in results(plan)]


def test_what_is_exact_stays_so_and_what_was_an_estimate_is_rehearsed(stage: Stage) -> None:
    before, databases = stage.whole(), stage.databases()
    plan = stage.rehearsed(
        NOTE, script("ALTER TABLE avatars ALTER mood SET NOT NULL; CREATE TABLE made (id int)")
    )
    assert [change.fidelity for change in plan.changes] == [Fidelity.EXACT, Fidelity.REHEARSED]
    assert outcomes(plan) == ["done", "done"], results(plan)
    assert (stage.whole(), stage.databases()) == (before, databases)
    assert [event.kind for event in stage.told] == ["rehearsing"]


def test_a_migration_that_would_fail_is_told_with_the_servers_words_and_the_rest_is_not_tried(
    stage: Stage, tmp_path: Path
) -> None:
    stage.world.sql("DROP TABLE avatars")
    for name, sql in (
        ("1_good", "CREATE TABLE a (id int);"),
        ("2_bad", "CREATE TABLE b (id int);\nALTER TABLE b ADD FOREIGN KEY (id) REFERENCES a (nothing);"),
        ("3_later", "CREATE TABLE c (id int);"),
    ):
        (tmp_path / "migrations" / name).mkdir(parents=True)
        (tmp_path / "migrations" / name / "migration.sql").write_text(sql)
    before, databases = stage.whole(), stage.databases()
    plan = stage.rehearsed(MigrateDeploy(folder=str(tmp_path / "migrations")))
    assert outcomes(plan) == ["done", "failed", "not tried"], results(plan)
    failed = failure_of(plan)
    assert failed is not None
    assert "apply the migration 2_bad" in failed.what
    assert '"nothing"' in failed.what
    assert (stage.whole(), stage.databases()) == (before, databases)


REACHING = (
    "ALTER DATABASE {name} SET work_mem = '1MB'",
    "CREATE ROLE reached_{name}",
    "DO $$ BEGIN EXECUTE 'ALTER DATABASE {name} SET work_mem = 1000'; END $$",
    "REVOKE CONNECT ON DATABASE {name} FROM PUBLIC",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'bystander_{name}'",
    "CREATE TABLE made AS SELECT pg_terminate_backend(pid) FROM pg_stat_get_activity(NULL) AS a WHERE pid = {pid}",
)


def of_the_cluster(stage: Stage) -> str:
    """Return what databases, roles and settings there are, with all rights, and who is connected."""
    return stage.world.cluster.sql(
        "SELECT concat_ws(' ', oid, datname, datacl, datallowconn) FROM pg_database UNION ALL SELECT r::text"
        " FROM pg_authid AS r UNION ALL SELECT s::text FROM pg_db_role_setting AS s UNION ALL SELECT pid::text"
        " FROM pg_stat_activity WHERE application_name LIKE 'bystander%' ORDER BY 1"
    )


@pytest.mark.parametrize(("text", "by_prisma"), [*((one, False) for one in REACHING), (REACHING[0], True)])
def test_sql_that_reaches_beyond_one_database_is_not_tried(
    stage: Stage, dbname: str, text: str, by_prisma: bool, tmp_path: Path
) -> None:
    with psycopg.connect(
        stage.world.cluster.url(dbname).partition("?")[0], application_name=f"bystander_{dbname}"
    ) as other:
        sql = f"CREATE TABLE first (id int); {text.format(name=dbname, pid=other.info.backend_pid)}"
        action: Action = SqlMigrate.model_validate(
            {"text": sql, "way_back": "none", "reason": "a test", "allow": sorted(RULES)}
        )
        if by_prisma:
            stage.world.sql("DROP TABLE avatars")
            (tmp_path / "migrations" / "1_bad").mkdir(parents=True)
            (tmp_path / "migrations" / "1_bad" / "migration.sql").write_text(sql)
            action = MigrateDeploy(folder=str(tmp_path / "migrations"), allow=sorted(RULES))
        before = of_the_cluster(stage)
        plan = stage.rehearsed(action) if by_prisma else stage.rehearsed(action, NOTE)
        assert set(outcomes(plan)) == {"not tried"}, results(plan)
        assert of_the_cluster(stage) == before
    if not by_prisma:
        assert "comes before it, and was not tried" in results(plan)[1].told


def test_what_the_gate_would_stop_is_not_tried_though_the_step_allows_it(stage: Stage) -> None:
    text = {"text": "DROP TABLE avatars", "way_back": "none", "reason": "a test", "allow": ["drop-table"]}
    plan = stage.rehearsed(SqlMigrate.model_validate(text))
    assert outcomes(plan) == ["not tried"]
    assert "drop-table" in results(plan)[0].told


def test_a_statement_that_a_copy_would_leave_out_as_a_guard_is_not_said_to_be_done(stage: Stage) -> None:
    assert outcomes(stage.rehearsed(script("CREATE TABLE made AS SELECT 1 / 2 AS half"))) == ["not tried"]


def test_code_that_the_schema_brings_along_is_not_run(stage: Stage) -> None:
    stage.world.sql("""CREATE FUNCTION swept() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_reload_conf(); RETURN NEW; END $$;
        CREATE TRIGGER sweep AFTER INSERT ON avatars FOR EACH ROW EXECUTE FUNCTION swept()""")
    plan = stage.rehearsed(
        script("CREATE TABLE made (id int)"), script("INSERT INTO avatars (id) VALUES (99)")
    )
    assert outcomes(plan) == ["done", "not tried"]
    assert "the function swept" in results(plan)[1].told


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO avatars (id) VALUES (1001); INSERT INTO avatars (id) VALUES (1001)",
        "CREATE TABLE made (n int); INSERT INTO made SELECT 5 / count(*) FROM avatars",
        "CREATE TABLE owned (a int NOT NULL); INSERT INTO owned SELECT max(id) FROM avatars",
    ],
)
def test_what_fails_for_want_of_rows_is_not_said_to_fail(stage: Stage, text: str) -> None:
    plan = stage.rehearsed(script(text), NOTE)
    assert outcomes(plan) == ["not tried", "not tried"], results(plan)
    assert "depends on rows" in results(plan)[0].told
    assert failure_of(plan) is None


def test_changes_are_tried_one_upon_the_other(stage: Stage) -> None:
    first, second = script("CREATE TABLE one (id int)"), script("ALTER TABLE one ADD COLUMN more int")
    stage.world.sql("CREATE TABLE one (id int)")
    later = second.plan(stage.world.target().answer(second.ask()))
    stage.world.sql("DROP TABLE one")
    earlier = first.plan(stage.world.target().answer(first.ask()))
    with stage.world.reach.copied(TOKEN) as copy:
        on = CopyTarget(stage.world.target(), copy)
        first.apply(on.scoped("t/1"), earlier[0])  # type: ignore[arg-type]
        second.apply(on.scoped("t/2"), later[0])  # type: ignore[arg-type]
    assert stage.world.sql("SELECT to_regclass('one') IS NULL") == "t"


def test_what_only_the_live_database_has_is_no_failure_of_the_change(stage: Stage) -> None:
    on = "ON avatars (name)"
    stage.world.sql(f"CREATE INDEX by_name {on}")
    again = SqlMigrate.model_validate(
        {
            "text": "DROP INDEX CONCURRENTLY by_name",
            "down": {"text": f"CREATE INDEX CONCURRENTLY by_name {on}"},
        }
    )
    assert outcomes(stage.rehearsed(again)) == ["done"]
    stage.world.sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'by_name'::regclass")
    assert outcomes(stage.rehearsed(again)) == [
        "done"
    ]  # pg_dump leaves it out, so it is not there to be dropped
    stage.world.sql('ALTER TABLE avatars ADD FOREIGN KEY ("userId") REFERENCES avatars (id) NOT VALID')
    guard = (
        "SELECT 1 / (count(*) = 1)::int FROM pg_constraint WHERE oid = %s::bigint::oid AND NOT convalidated"
    )
    with stage.world.reach.copied(TOKEN) as copy:
        on_copy = CopyTarget(stage.world.target(), copy, "t/1")
        change = DatabaseChange(statements=(Statement(sql=guard, parameters=(1,)), Statement(sql="SELECT 2")))
        assert on_copy.change_database(change)


def test_a_role_that_may_make_no_database_is_told_so_and_the_plan_stands(
    stage: Stage, open_database: Callable[..., Database], cluster: Cluster, dbname: str
) -> None:
    cluster.sql(
        f"CREATE ROLE small_{dbname} LOGIN PASSWORD 'x'; ALTER TABLE avatars OWNER TO small_{dbname}", dbname
    )
    cluster.sql(f"GRANT ALL ON SCHEMA public TO small_{dbname}", dbname)
    try:
        stage.world.reach = open_database(cluster.url(dbname, user=f"small_{dbname}", password="x"))
        plan = stage.rehearsed(NOTE)
        assert outcomes(plan) == ["not tried"]
        assert "CREATEDB" in results(plan)[0].told
        assert plan.changes[0].fidelity is Fidelity.EXACT
        assert failure_of(plan) is None
    finally:
        stage.world.reach.close()
        cluster.sql(f"REASSIGN OWNED BY small_{dbname} TO app; DROP OWNED BY small_{dbname}", dbname)
        cluster.sql(f"DROP ROLE small_{dbname}")


def test_what_a_kill_left_is_dropped_by_the_next_and_nothing_else_ever(stage: Stage, dbname: str) -> None:
    cluster = stage.world.cluster
    of = cluster.sql(
        "SELECT current_database() || '/' || oid FROM pg_database WHERE datname = current_database()", dbname
    ).strip()
    ours, another, made_up = name_for("a" * 12, of), name_for("b" * 12, "another/1"), f"{PREFIX}{'c' * 24}"
    foreign, commented = name_for("d" * 12, of), name_for("e" * 12, of)
    for name in (ours, another, made_up, foreign, commented):
        cluster.sql(f"CREATE DATABASE {name}")
    cluster.sql(f"CREATE ROLE other_{dbname}; ALTER DATABASE {foreign} OWNER TO other_{dbname}")
    cluster.sql(f"COMMENT ON DATABASE {commented} IS 'mine, do not touch'")
    try:
        stage.rehearsed(NOTE)
        left = set(stage.databases())
        assert ours not in left
        assert {another, made_up, foreign, commented} <= left
    finally:
        for name in (another, made_up, foreign, commented):
            cluster.sql(f"DROP DATABASE {name}")
        cluster.sql(f"DROP ROLE other_{dbname}")


def test_one_that_is_at_work_is_left_alone_by_another(stage: Stage) -> None:
    with stage.world.reach.copied("f" * 12):
        alive = [name for name in stage.databases() if name.startswith(PREFIX)]
        assert outcomes(stage.rehearsed(NOTE)) == ["done"]
        assert [name for name in stage.databases() if name.startswith(PREFIX)] == alive
    assert not [name for name in stage.databases() if name.startswith(PREFIX)]


def test_an_interrupt_in_the_middle_leaves_no_database(stage: Stage) -> None:
    databases = stage.databases()
    with suppress(KeyboardInterrupt), stage.world.reach.copied(TOKEN):
        assert stage.databases() != databases
        raise KeyboardInterrupt
    assert stage.databases() == databases


def test_a_schema_that_cannot_be_copied_is_told_and_nothing_is_left(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    databases = stage.databases()
    for text, told in (("exit 1", "pg_dump: "), ("echo 'SELECT 1/0;'", "ERROR:  division by zero")):
        for name, said in (("pg_dump", text), ("psql", 'exec /usr/bin/psql "$@"')):
            (tmp_path / name).write_text(f"#!/bin/sh\n{said}\n")
            (tmp_path / name).chmod(0o755)
        monkeypatch.setattr(
            "remediate.transport.database_scratch._programs",
            lambda _: (str(tmp_path / "pg_dump"), str(tmp_path / "psql")),
        )
        plan = stage.rehearsed(NOTE)
        assert outcomes(plan) == ["not tried"]
        assert told in results(plan)[0].told
        assert stage.databases() == databases
    monkeypatch.setattr("remediate.transport.database_scratch._programs", lambda _: None)
    with pytest.raises(Blocked, match="no pg_dump"), stage.world.reach.copied(TOKEN):
        pass
    assert stage.databases() == databases


def test_no_parameter_of_the_connection_stands_in_an_argument_or_the_environment(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    for name in ("pg_dump", "psql"):
        tell = f"""{{ tr '\\0' '\\n' </proc/$$/cmdline; env; }} >>'{said}'; cat "$PGSERVICEFILE" >>'{said}.file'"""
        (tmp_path / name).write_text(f"#!/bin/sh\n{tell}\n[ {name} = psql ] || echo 'SELECT 1;'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(
        "remediate.transport.database_scratch._programs",
        lambda _: (str(tmp_path / "pg_dump"), str(tmp_path / "psql")),
    )
    with stage.world.reach.copied(TOKEN):
        assert "password" not in said.read_text().lower().replace("--no-password", "")
        assert "client_encoding=" not in said.read_text()
        assert "client_encoding=" in Path(f"{said}.file").read_text()


def test_every_parameter_that_a_url_may_have_can_be_handed_on_in_a_file() -> None:
    kept = {name: f"a secret {name} ' of \\ #it" for name in (*_KEPT, "sslpassword")}
    assert _service("from", kept).splitlines() == [
        "[from]",
        *(f"{name}={value}" for name, value in kept.items()),
    ]
    for value in ("two\nlines", "a space at the end ", "long" * 300):
        with pytest.raises(Blocked) as refused:
            _service("from", {"sslpassword": value})
        assert value not in str(refused.value)


def test_a_name_tells_whose_it_is() -> None:
    name = name_for(TOKEN, "app/5")
    assert len(name) < 64
    assert is_left_of("app/5", name, None)
    assert not is_left_of("app/6", name, None)
    assert not is_left_of("app/5", name.upper(), None)
    assert not is_left_of("app/5", name + "x", None)
    assert not is_left_of("app/5", name, "somebody's")
