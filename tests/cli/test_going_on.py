"""The commands resume, rollback and unlock around their work: what is had before it, and what is told after it."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from remediate.cli import locks, putting_back, resuming
from remediate.engine import Ending
from remediate.errors import JournalError
from remediate.journal import Journal, Operator, RunHeader
from remediate.masking import Masker
from remediate.model import Change, Confirmed, Fidelity, Outcome, Undo, WayBack
from remediate.owner import LockOwner
from remediate.target import Lock
from tests.laws.memory import MemoryTarget, MemoryWorld, State

RUN = "20261122-101530-dead"
HEALTHY, FAILED, USAGE = 0, 1, 2


@pytest.fixture
def journal(here: Path) -> Iterator[Journal]:
    """The log of a run on two hosts that owes something on web1 and was being taken back there."""
    with Journal.open(here / "state" / "remediate", Masker()) as journal:
        header = RunHeader(
            run=RUN,
            playbook="two-files",
            environment="lab",
            inventory_path=str(here / "inventory" / "lab.yml"),
            operator=Operator(user="tester", machine="here"),
            hosts=("web1", "web2"),
        )
        journal.begin(header)
        journal.confirm(RUN, "web1", Confirmed(digest="d", login={}, machine="", found={}, fixes=()))
        change = Change(
            what="change the colour",
            target="/srv/app/config.ini",
            fidelity=Fidelity.EXACT,
            way_back=WayBack.EXACT,
            risk="config",
        )
        undo = Undo(action="files.replace", parameters={}, data={})
        journal.owe(RUN, "web1", "set the colour", f"{RUN}/1.1", change, undo)
        journal.append(RUN, "web1", "rollback", {})
        journal.ended(RUN, "web2", Outcome.ROLLED_BACK)
        yield journal


@pytest.mark.parametrize("command", ["resume", "rollback"])
def test_a_secret_that_cannot_be_had_turns_no_run(does, here: Path, journal: Journal, command: str) -> None:
    (here / "inventory" / "token").unlink()
    before = list(journal.entries())
    code, _, err = does(command, RUN, "--yes")
    assert (code, "secret token" in err) == (USAGE, True)
    assert "to put back on" not in err, "nobody is asked in vain"
    assert list(journal.entries()) == before


@pytest.mark.usefixtures("journal")
def test_the_exit_code_of_a_resumption_counts_the_hosts_that_ended_before_it(
    does, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resuming, "_go_on", lambda *_, **__: Ending(Outcome.FIXED, "went on"))
    assert does("resume", RUN, "--yes")[0] == FAILED, "web2 had been rolled back"


def test_a_lock_that_was_taken_away_is_told_as_such_where_the_log_cannot_be_read_afterwards(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object) -> None:
        raise JournalError("audit.db", "entry 3 is damaged")

    monkeypatch.setattr(journal, "owed", damaged)
    owner = LockOwner(run=RUN, who="tester@here", since="noon")
    target = MemoryTarget(MemoryWorld(State(owner=owner)), "")
    opened = SimpleNamespace(journal=journal, run="20261122-110000-mine", reason="it is dead")
    ending = locks._unlock(opened, target, Lock(owner=owner))  # type: ignore[arg-type]
    assert (ending.outcome, ending.todo) == (Outcome.FREE, "run `remediate audit verify`")
    assert target.lock() is None


def test_a_way_back_that_is_stuck_is_told_so_where_the_log_cannot_be_read_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def damaged(*_: object) -> None:
        raise JournalError("audit.db", "entry 3 is damaged")

    told: list[Outcome] = []
    opened = SimpleNamespace(
        journal=SimpleNamespace(standing=damaged),
        run=RUN,
        tell_end=lambda _, ending: told.append(ending.outcome),
    )
    monkeypatch.setattr(putting_back, "_put_back_under_lock", lambda *_: Ending(Outcome.STUCK, "half-way"))
    ending = putting_back.put_back(opened, SimpleNamespace(name="web1"))  # type: ignore[arg-type]
    assert (ending.outcome, told) == (Outcome.STUCK, [Outcome.STUCK])
