"""The connection to the database breaks, its answer is lost, or somebody else is in the way, in the middle of a run."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.psql import AT_WORK, WAITS, Psql
from tests.operator import DUMP, Ended, Operator
from tests.practice import REPOSITORY, Practice
from tests.relay import Line

LEDGER = r"""
CREATE SCHEMA remediate;
CREATE TABLE remediate.ledger (token text PRIMARY KEY, run text NOT NULL, step text NOT NULL, digest text NOT NULL,
  undo jsonb NOT NULL, xact xid8 NOT NULL, at timestamptz NOT NULL);
"""
LATE = (
    LEDGER
    + r"""
CREATE FUNCTION remediate.late() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(3); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON remediate.ledger DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION remediate.late()
"""
)
UNTIL_TOLD = (
    LEDGER
    + r"""
CREATE TABLE remediate.go_on ();
CREATE FUNCTION remediate.wait() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN FOR try IN 1..250 LOOP EXIT WHEN EXISTS (SELECT FROM remediate.go_on); PERFORM pg_sleep(0.1); END LOOP;
   RETURN NULL; END';
CREATE TRIGGER wait AFTER INSERT ON remediate.ledger FOR EACH ROW EXECUTE FUNCTION remediate.wait()
"""
)
RESTART = '"$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)/pg_ctl" -D "$1" -s -w -m immediate -l "$2" restart'


PROBE = """\
name: probe
title: A column is missing
symptoms: [probe]
on: backend
notes: The smallest change of a database.
diagnose:
  - name: the column is there
    sql.query: {sql: "SELECT count(*) FROM information_schema.columns WHERE column_name = 'probe'", expect: {value: 1}}
fix:
  - name: add it
    sql.add_columns: {table: avatars, columns: [{name: probe, type: TEXT}]}
verify:
  - name: the table can be read
    sql.query: {sql: "SELECT count(*) FROM avatars WHERE probe = 'never'", expect: {value: 0}}
within: 10s
stable: 0s
on_failure: roll_back
"""


@pytest.fixture
def probe(tmp_path: Path) -> str:
    """A playbook that adds a column, and nothing else."""
    path = tmp_path / "probe.yml"
    path.write_text(PROBE)
    return str(path)


@pytest.fixture
def columns(tmp_path: Path) -> str:
    """`missing-columns` as it is shipped, but for what comes after the database."""
    text = (REPOSITORY / "playbooks" / "missing-columns.yml").read_text()
    client = "  - name: bring the client up to date\n    prisma.generate: {}\n  - use: build-and-restart\n"
    assert client in text
    path = tmp_path / "missing-columns.yml"
    alone = re.sub(r"^explains:.*\n", "", text, flags=re.MULTILINE)  # those that it names are not beside it
    path.write_text(alone.replace(client, "").replace("stable: 3s", "stable: 0s"))
    return str(path)


@pytest.fixture
def somebody(practice: Practice) -> Iterator[Psql]:
    """A session in which a test looks at the database; what a run left there is taken away at the end."""
    with Psql(practice) as session:
        yield session
    with Psql(practice) as session:
        session.ask("SET client_min_messages = error; DROP SCHEMA IF EXISTS remediate CASCADE")
        session.ask("SET client_min_messages = error; ALTER TABLE avatars DROP COLUMN IF EXISTS probe")
    practice.shell("web1", "rm -rf ~/.remediate")


@pytest.fixture
def reader(practice: Practice, somebody: Psql) -> Iterator[Psql]:
    """Somebody who has read the table and not ended the transaction."""
    with Psql(practice) as session:
        session.hold()
        yield session


def started(operator: Operator, playbook: str, *words: str) -> subprocess.Popen[str]:
    return operator.start("run", playbook, "--on", "web1", "--yes", *words)


def ended(process: subprocess.Popen[str]) -> Ended:
    out, err = process.communicate(timeout=90)
    assert "Traceback" not in out + err
    return Ended(process.returncode, out, err)


def dump(practice: Practice) -> str:
    return practice.shell("web1", DUMP)


@pytest.mark.fault(12)
@pytest.mark.parametrize("how", ["the server ends it", "the line is cut"])
def test_a_connection_that_ends_before_commit_has_changed_nothing_and_it_is_said_so(
    practice: Practice,
    operator: Operator,
    somebody: Psql,
    reader: Psql,
    probe: str,
    line: Line,
    over_line: str,
    how: str,
) -> None:
    before = dump(practice)
    process = started(operator, probe, "-i", over_line)
    somebody.until(WAITS)
    if how == "the line is cut":
        line.reset()
    else:
        somebody.ask(f"SELECT pg_terminate_backend(pid) {WAITS}")
    result = ended(process)
    assert result.code == 1, result.out + result.err
    assert "the connection broke before COMMIT" in result.out
    assert "everything is as it was" in result.out
    reader.let_go()
    somebody.until(f"WHERE NOT EXISTS (SELECT {AT_WORK})")
    assert dump(practice) == before


@pytest.mark.fault(13)
def test_an_answer_to_commit_that_is_lost_is_found_in_the_ledger_and_the_run_goes_on(
    practice: Practice,
    operator: Operator,
    web1: str,
    somebody: Psql,
    columns: str,
    line: Line,
    over_line: str,
) -> None:
    practice.break_("missing-columns")
    assert somebody.ask(LATE) == ""
    process = started(operator, columns, "-i", over_line)
    somebody.until(f"{AT_WORK} AND query LIKE '%*/ COMMIT' AND state = 'active'")
    line.deaf = True
    somebody.until("FROM remediate.ledger")
    line.deaf = False  # for connections to come; the old one has lost bytes, and can only end
    result = ended(process)
    assert result.code == 0, result.out + result.err
    assert line.connections >= 2
    assert somebody.ask("SELECT count(*) FROM remediate.ledger WHERE undo ? 'columns'") == "1"
    entries = operator.does("audit", "export", operator.last_run).lines
    assert {one["kind"] for one in entries if one["kind"] in ("done", "unknown", "failed")} == {"done"}


@pytest.mark.fault(14)
def test_a_runner_killed_in_the_middle_of_sql_leaves_nothing_and_resume_makes_it_once(
    practice: Practice, operator: Operator, somebody: Psql, reader: Psql, probe: str
) -> None:
    before = dump(practice)
    process = started(operator, probe)
    somebody.until(WAITS)
    process.kill()
    process.communicate()
    somebody.until(f"WHERE NOT EXISTS (SELECT {AT_WORK})")
    reader.let_go()
    assert dump(practice) == before
    run = operator.last_run
    gone_on = operator.does("resume", run, "--yes")
    assert gone_on.code == 0, gone_on.out + gone_on.err
    assert somebody.ask("SELECT count(*), count(DISTINCT token) FROM remediate.ledger") == "1|1"
    assert operator.does("rollback", run, "--yes").code == 0
    assert dump(practice) == before


@pytest.mark.fault(17)
def test_a_runner_frozen_in_the_middle_of_sql_commits_nothing_once_its_lock_was_taken_away(
    practice: Practice, operator: Operator, somebody: Psql, probe: str, tmp_path: Path
) -> None:
    before = dump(practice)
    assert somebody.ask(UNTIL_TOLD) == ""
    frozen = started(operator, probe)
    somebody.until(f"{AT_WORK} AND query LIKE '%INSERT INTO remediate.ledger%' AND state = 'active'")
    frozen.send_signal(signal.SIGSTOP)
    beside = Operator(practice, tmp_path / "other")
    freed = beside.does("unlock", "web1", "--reason", "it sleeps", "--yes")
    assert freed.code == 0, freed.out + freed.err
    somebody.until(f"WHERE NOT EXISTS (SELECT {AT_WORK})")
    somebody.ask("INSERT INTO remediate.go_on DEFAULT VALUES")
    frozen.send_signal(signal.SIGCONT)
    woken = ended(frozen)
    assert woken.code == 7, woken.out + woken.err
    assert "the lock was taken away" in woken.out
    assert dump(practice) == before
    assert somebody.ask("SELECT count(*) FROM remediate.ledger") == "0"


@pytest.mark.fault(15)
def test_a_lock_that_is_not_had_is_given_up_and_whoever_holds_it_is_named(
    practice: Practice, operator: Operator, somebody: Psql, reader: Psql, probe: str
) -> None:
    before = dump(practice)
    with Psql(practice) as other:
        other.ask(
            "SET statement_timeout = '5s'"
        )  # it would be hit behind an ALTER that waits for as long as it takes
        process = started(operator, probe)
        somebody.until(WAITS)
        while process.poll() is None:
            assert other.ask("SELECT count(*) >= 0 FROM avatars") == "t"
    result = ended(process)
    assert result.code == 1, result.out + result.err
    assert "no lock after 5 tries of 1 s each; held by pid" in result.out
    assert "idle in transaction" in result.out
    assert dump(practice) == before


@pytest.mark.fault(16)
def test_two_hosts_that_share_a_database_do_not_change_it_at_the_same_time(
    practice: Practice, operator: Operator, somebody: Psql, probe: str, altered, tmp_path: Path
) -> None:
    assert somebody.ask(UNTIL_TOLD) == ""
    shared = altered(("name: lumiku-backend", "name: another-app"), ("web1:", "web2:"))
    process = started(operator, probe, "--reason", "the first")
    somebody.until(f"{AT_WORK} AND query LIKE '%INSERT INTO remediate.ledger%' AND state = 'active'")
    beside = Operator(practice, tmp_path / "other")
    second = beside.does("run", probe, "--on", "web2", "--yes", "-i", shared)
    assert second.code == 6, second.out + second.err
    for told in (operator.last_run, "since", "the first", "remediate resume"):
        assert told in second.out
    somebody.ask("INSERT INTO remediate.go_on DEFAULT VALUES")
    result = ended(process)
    assert result.code == 0, result.out + result.err
    assert somebody.ask("SELECT count(DISTINCT run) FROM remediate.ledger") == "1"


def restarted(practice: Practice, somebody: Psql) -> None:
    folder = somebody.ask("SELECT setting FROM pg_settings WHERE name = 'data_directory'")
    practice.on("web1", "bash", "-c", RESTART, "x", folder or DATA, LOG)


DATA, LOG = "/var/lib/postgresql/main", "/var/log/postgresql/main.log"


@pytest.mark.fault(12)
def test_a_server_that_is_restarted_while_it_changes_has_changed_nothing(
    practice: Practice, operator: Operator, somebody: Psql, reader: Psql, probe: str
) -> None:
    before = dump(practice)
    process = started(operator, probe)
    somebody.until(WAITS)
    restarted(practice, somebody)
    result = ended(process)
    assert result.code == 1, result.out + result.err
    assert "the connection broke before COMMIT" in result.out
    assert dump(practice) == before


def test_a_server_that_is_down_is_one_line_and_nothing_is_touched(
    practice: Practice, operator: Operator, probe: str
) -> None:
    control = '"$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)/pg_ctl" -D "$1" -s -w'
    practice.on("web1", "bash", "-c", f"{control} -m immediate stop", "x", DATA)
    try:
        looked = operator.does("run", probe, "--on", "web1", "--yes", "--json")
        examined = operator.does("doctor", "--on", "web1", "--json")
    finally:
        practice.on("web1", "bash", "-c", f"{control} -l {LOG} start </dev/null", "x", DATA)
    assert looked.code == 6
    (end,) = [one for one in looked.lines if one["kind"] == "ended"]
    assert "is PostgreSQL running there" in end["text"]
    (found,) = [one for one in json.loads(examined.out)["findings"] if one["check"] == "database"]
    assert found["seen"].startswith("nothing answers at ")
