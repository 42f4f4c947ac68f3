"""The connection to the database breaks, its answer is lost, or somebody else is in the way, in the middle of a run."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.psql import AT_WORK, WAITS, Psql
from tests.operator import DUMP, Ended, Operator
from tests.practice import REPOSITORY, Practice
from tests.relay import Line

LATE = r"""
CREATE SCHEMA remediate;
CREATE TABLE remediate.ledger (token text PRIMARY KEY, run text NOT NULL, step text NOT NULL, digest text NOT NULL,
  undo jsonb NOT NULL, xact xid8 NOT NULL, at timestamptz NOT NULL);
CREATE FUNCTION remediate.late() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(4); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON remediate.ledger DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION remediate.late()
"""
COLUMNS = "FROM information_schema.columns WHERE table_name = 'avatars'"
RESTART = '"$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)/pg_ctl" -D "$1" -s -w -m immediate -l "$2" restart'


@pytest.fixture
def columns(tmp_path: Path) -> str:
    """A folder with `missing-columns` as it is shipped, but for what comes after the database."""
    text = (REPOSITORY / "playbooks" / "missing-columns.yml").read_text()
    client = "  - name: bring the client up to date\n    prisma.generate: {}\n  - use: build-and-restart\n"
    assert client in text
    folder = tmp_path / "playbooks"
    folder.mkdir()
    (folder / "missing-columns.yml").write_text(text.replace(client, "").replace("stable: 3s", "stable: 0s"))
    return str(folder)


@pytest.fixture
def broken(practice: Practice, web1: str) -> Iterator[Psql]:
    """Columns are missing; a session in which a test looks at the database."""
    practice.break_("missing-columns")
    with Psql(practice) as somebody:
        yield somebody


@pytest.fixture
def reader(practice: Practice, broken: Psql) -> Iterator[Psql]:
    """Somebody who has read the table and not ended the transaction."""
    with Psql(practice) as somebody:
        somebody.hold()
        yield somebody


def started(operator: Operator, columns: str, *words: str) -> subprocess.Popen[str]:
    return operator.start("run", "missing-columns", "--on", "web1", "--yes", "--playbooks", columns, *words)


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
    broken: Psql,
    reader: Psql,
    columns: str,
    line: Line,
    over_line: str,
    how: str,
) -> None:
    before = dump(practice)
    process = started(operator, columns, "-i", over_line)
    broken.until(WAITS)
    if how == "the line is cut":
        line.reset()
    else:
        broken.ask(f"SELECT pg_terminate_backend(pid) {WAITS}")
    result = ended(process)
    assert result.code == 1, result.out + result.err
    assert "the connection broke before COMMIT" in result.out
    assert "everything is as it was" in result.out
    reader.let_go()
    broken.until(f"WHERE NOT EXISTS (SELECT {AT_WORK})")
    assert dump(practice) == before


@pytest.mark.fault(13)
def test_an_answer_to_commit_that_is_lost_is_found_in_the_ledger_and_the_run_goes_on(
    practice: Practice, operator: Operator, broken: Psql, columns: str, line: Line, over_line: str
) -> None:
    assert broken.ask(LATE) == ""
    process = started(operator, columns, "-i", over_line)
    broken.until(f"{AT_WORK} AND query LIKE '%*/ COMMIT' AND state = 'active'")
    line.deaf = True
    broken.until("FROM remediate.ledger")
    line.deaf = False  # for connections to come; the old one has lost bytes, and can only end
    result = ended(process)
    assert result.code == 0, result.out + result.err
    assert line.connections >= 2
    assert broken.ask("SELECT count(*) FROM remediate.ledger") == "1"
    entries = operator.does("audit", "export", operator.last_run).lines
    assert [one["kind"] for one in entries if one["kind"] in ("done", "unknown", "failed")] == ["done"]


@pytest.mark.fault(14)
def test_a_runner_killed_in_the_middle_of_sql_leaves_nothing_and_resume_makes_it_once(
    practice: Practice, operator: Operator, broken: Psql, reader: Psql, columns: str
) -> None:
    before = dump(practice)
    process = started(operator, columns)
    broken.until(WAITS)
    process.kill()
    process.communicate()
    broken.until(f"WHERE NOT EXISTS (SELECT {AT_WORK})")
    reader.let_go()
    assert dump(practice) == before
    run = operator.last_run
    gone_on = operator.does("resume", run, "--yes")
    assert gone_on.code == 0, gone_on.out + gone_on.err
    assert broken.ask("SELECT count(*), count(DISTINCT token) FROM remediate.ledger") == "1|1"
    assert operator.does("rollback", run, "--yes").code == 0
    assert dump(practice) == before


@pytest.mark.fault(15)
def test_a_lock_that_is_not_had_is_given_up_and_whoever_holds_it_is_named(
    practice: Practice, operator: Operator, broken: Psql, reader: Psql, columns: str
) -> None:
    before = dump(practice)
    with Psql(practice) as other:
        other.ask(
            "SET statement_timeout = '5s'"
        )  # it would be hit behind an ALTER that waits for as long as it takes
        process = started(operator, columns)
        broken.until(WAITS)
        while process.poll() is None:
            assert other.ask("SELECT count(*) >= 0 FROM avatars") == "t"
    result = ended(process)
    assert result.code == 1, result.out + result.err
    assert "no lock after 5 tries of 1 s each; held by pid" in result.out
    assert "idle in transaction" in result.out
    assert dump(practice) == before


@pytest.mark.fault(16)
def test_two_hosts_that_share_a_database_do_not_change_it_at_the_same_time(
    practice: Practice, operator: Operator, broken: Psql, reader: Psql, columns: str, altered, tmp_path: Path
) -> None:
    shared = altered(("name: lumiku-backend", "name: another-app"), ("web1:", "web2:"))
    process = started(operator, columns, "--reason", "the first")
    broken.until(WAITS)
    beside = Operator(practice, tmp_path / "other")
    second = beside.does(
        "run", "missing-columns", "--on", "web2", "--yes", "--playbooks", columns, "-i", shared
    )
    assert second.code == 6, second.out + second.err
    for told in (operator.last_run, "since", "the first", "remediate resume"):
        assert told in second.out
    reader.let_go()
    result = ended(process)
    assert result.code == 0, result.out + result.err
    assert broken.ask("SELECT count(DISTINCT run) FROM remediate.ledger") == "1"


def restarted(practice: Practice, somebody: Psql) -> None:
    folder = somebody.ask("SELECT setting FROM pg_settings WHERE name = 'data_directory'")
    practice.on("web1", "bash", "-c", RESTART, "x", folder or DATA, LOG)


DATA, LOG = "/var/lib/postgresql/main", "/var/log/postgresql/main.log"


@pytest.mark.fault(12)
def test_a_server_that_is_restarted_while_it_changes_has_changed_nothing(
    practice: Practice, operator: Operator, broken: Psql, reader: Psql, columns: str
) -> None:
    before = dump(practice)
    process = started(operator, columns)
    broken.until(WAITS)
    restarted(practice, broken)
    result = ended(process)
    assert result.code == 1, result.out + result.err
    assert "the connection broke before COMMIT" in result.out
    assert dump(practice) == before


def test_a_server_that_is_down_is_one_line_and_nothing_is_touched(
    practice: Practice, operator: Operator, web1: str, columns: str
) -> None:
    control = '"$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)/pg_ctl" -D "$1" -s -w'
    practice.on("web1", "bash", "-c", f"{control} -m immediate stop", "x", DATA)
    try:
        looked = operator.does(
            "run", "missing-columns", "--on", web1, "--yes", "--json", "--playbooks", columns
        )
        examined = operator.does("doctor", "--on", web1, "--json")
    finally:
        practice.on("web1", "bash", "-c", f"{control} -l {LOG} start </dev/null", "x", DATA)
    assert looked.code == 6
    (end,) = [one for one in looked.lines if one["kind"] == "ended"]
    assert "is PostgreSQL running there" in end["text"]
    (found,) = [one for one in json.loads(examined.out)["findings"] if one["check"] == "database"]
    assert found["seen"].startswith("nothing answers at ")
