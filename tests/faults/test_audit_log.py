"""The audit log is altered, removed, locked or damaged; the runner's clock jumps."""

import fcntl
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from remediate.cli.app import run as command_line
from remediate.journal import Journal, Operator, RunHeader, store
from remediate.masking import Masker
from remediate.model import Outcome
from tests.forging import forging
from tests.operator import Operator as Person
from tests.operator import picture
from tests.practice import Practice
from tests.relay import Line

HEADS = "cat ~/.remediate/heads/* 2>/dev/null || true"


@pytest.mark.fault(27)
def test_a_log_that_was_cut_forged_or_removed_is_found_by_the_head_that_the_host_keeps(
    practice: Practice, operator: Person, web1: str
) -> None:
    practice.break_("missing-columns")
    broken = picture(practice)
    assert operator.does("run", "missing-columns", "--on", web1, "--yes").code == 0
    state, run = operator.folder / "remediate", operator.last_run
    whole = operator.does("audit", "verify", "--on", web1)
    assert (whole.code, "so does the log" in whole.out) == (0, True), whole.out
    entries = operator.does("audit", "export").lines
    kept = [one for one in map(json.loads, practice.shell(web1, HEADS).splitlines()) if one["run"] == run]
    assert [one["hash"] for one in kept] == [entries[-2]["hash"]], "the end of the run, the last entry of all"

    saved = {path.name: path.read_bytes() for path in state.iterdir() if path.is_file()}
    with forging(state) as log:
        log.execute("DELETE FROM entries WHERE seq = (SELECT max(seq) FROM entries)")
    assert operator.does("audit", "verify").code == 0, "a forger who knows all leaves no trace here"
    cut = operator.does("audit", "verify", "--on", web1)
    assert (cut.code, "web1: NOT WHOLE: it keeps entry" in cut.out) == (1, True), cut.out
    for path in [path for path in state.iterdir() if path.is_file()]:
        path.unlink()
    removed = operator.does("audit", "verify", "--on", web1)
    assert (removed.code, "removed, or begun anew" in removed.out) == (1, True), removed.out

    for name, content in saved.items():
        (state / name).write_bytes(content)
    assert operator.does("rollback", run, "--yes").code == 0
    assert picture(practice).settled == broken.settled
    after = operator.does("audit", "verify", "--on", web1)
    assert (after.code, "so does the log" in after.out) == (0, True), after.out


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, over_line: str) -> Path:
    """A runner of its own, in this process, with a short patience; its host is reached over a line that counts."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("REMEDIATE_INVENTORY", over_line)
    monkeypatch.delenv("REMEDIATE_TRACEBACK", raising=False)
    monkeypatch.setattr(store, "PATIENCE", 0.05)
    state = tmp_path / "remediate"
    with Journal.open(state, Masker()) as journal:
        write_runs(journal, 40)
    return state


def write_runs(journal: Journal, count: int) -> None:
    for number in range(count):
        run, owner = f"20261122-1015{number:02}-aaaa", Operator(user="ada", machine="desk")
        header = RunHeader(run=run, playbook="p", environment="lab", operator=owner, hosts=("web1",))
        journal.begin(header)
        journal.ended(run, "web1", Outcome.HEALTHY)


@contextmanager
def locked_head(state: Path) -> Iterator[None]:
    with (state / "head").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


@contextmanager
def locked_file(state: Path) -> Iterator[None]:
    with closing(sqlite3.connect(state / "journal.db", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def damaged_page(state: Path) -> Iterator[None]:
    path = state / "journal.db"
    raw = bytearray(path.read_bytes())
    middle = len(raw) // 4096 // 2 * 4096
    raw[middle : middle + 600] = b"\xff" * 600
    path.write_bytes(raw)
    yield


WRONG = [
    pytest.param(locked_head, "another process keeps the audit log locked", id="locked"),
    pytest.param(locked_file, "the audit log cannot be used (database is locked)", id="locked-by-sqlite"),
    pytest.param(damaged_page, "damaged", id="damaged"),
]


@pytest.mark.fault(33)
@pytest.mark.parametrize(("wrong", "what"), WRONG)
def test_a_log_that_cannot_be_written_lets_nothing_be_done_and_what_reads_says_what_is_wrong(
    here: Path, line: Line, capsys: pytest.CaptureFixture[str], wrong: Callable, what: str
) -> None:
    with wrong(here):
        code = command_line(["run", "missing-columns", "--on", "web1", "--yes"])
        said = capsys.readouterr().err
        assert (code, what in said, said.count("\n")) == (6, True, 1), said
        assert line.connections == 0, "nothing was asked of the host, and nothing done there"
        for words in (["runs"], ["show", "20261122-101500"], ["check"], ["audit", "verify"]):
            code = command_line(words)
            said = capsys.readouterr()
            assert code in (0, 1, 6), words
            assert said.err.count("\n") <= 1
            assert (said.err + said.out) != ""
            assert "internal error" not in said.err, words
        assert command_line(["plan", "missing-columns", "--on", "web1"]) in (0, 3)
        assert line.connections >= 1, "looking needs no log"


@pytest.mark.fault(18)
def test_entries_are_ordered_by_number_when_the_runners_clock_jumps_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    times = iter([5000.0, 5001.0, 5002.0, 3.0, 1.0, 2.0])
    with Journal.open(tmp_path / "remediate", Masker(), lambda: next(times)) as journal:
        write_runs(journal, 3)
    assert command_line(["audit", "verify"]) == 0
    capsys.readouterr()
    assert command_line(["runs"]) == 0
    listed = [said.split()[0] for said in capsys.readouterr().out.splitlines()]
    assert listed == [f"20261122-1015{number:02}-aaaa" for number in (2, 1, 0)]
    assert command_line(["show", listed[1]]) == 0
    begun, jump, ended = capsys.readouterr().out.splitlines()
    assert (begun.split()[1], ended.split()[2]) == ("begun", "ended")
    assert "the runner's clock went back by 4999 s" in jump
