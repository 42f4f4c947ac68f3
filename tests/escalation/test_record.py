"""What a run's record in the audit log says of it to somebody who was not there."""

from collections.abc import Callable

import pytest

from remediate.catalogue import CATALOGUE
from remediate.escalation.case import Case, Status, status_of
from remediate.escalation.record import case_of
from remediate.playbook import load_playbook
from tests.engine.conftest import CONFIG, PLAYBOOK, Rehearsal
from tests.escalation.conftest import summary

Ran = Callable[..., Case]


def spoil(rehearsal: Rehearsal) -> None:
    rehearsal.write_playbook(PLAYBOOK.replace("text: limit=2", "text: limit=9") + "escalate: application\n")


def test_a_run_that_was_rolled_back_tells_what_it_tried_and_that_all_of_it_was_put_back(
    rehearsal: Rehearsal, ran: Ran
) -> None:
    spoil(rehearsal)
    case = ran(load_playbook(rehearsal.folder / "two-files.yml", CATALOGUE))
    assert (case.title, case.topics, case.hosts) == (
        "Two settings are wrong",
        ("application",),
        ("memory",),
    )
    assert case.fingerprints == ("two-files on memory (lab)",)
    assert (case.operator, case.reason, case.apps) == ("ada@runner", "INC-4711", ("lumiku",))
    assert [deed.what.split(":")[0] for deed in case.deeds] == [
        "looked",
        "set the colour",
        "set the limit",
        "looked whether all is as it was",
        "ended",
    ]
    assert [deed.outcome for deed in case.deeds][1:4] == [
        "done, then put back",
        "done, then put back",
        "looked again: everything is as it was",
    ]
    assert case.deeds[-1].outcome.startswith("rolled back: not cured after 5 s: the limit is two")
    assert len(case.put_back) == 2
    assert case.owed == ()
    assert case.error[0].startswith("memory: the colour is green: ")
    assert any("not cured after 5 s" in line for line in case.error)
    assert case.affected == "not known"
    assert case.commands[0] == f"remediate show {case.run}"
    assert not any("rollback" in command for command in case.commands)


def test_a_run_that_is_stuck_tells_what_it_still_owes(rehearsal: Rehearsal, ran: Ran) -> None:
    def meddle() -> None:
        rehearsal.world.state.files[CONFIG].content = b"# theirs\ncolour=blue\n"

    rehearsal.on_sleep = meddle
    case = ran()
    assert case.title == "two-files", "its playbook cannot be read any more"
    assert "stuck" in case.why
    assert len(case.owed) == 1
    assert "not put back" in case.owed[0]
    assert f"remediate rollback {case.run}" in case.commands
    assert any("not put back" in deed.outcome for deed in case.deeds)


def test_a_run_whose_runner_died_tells_what_nothing_was_heard_of(
    rehearsal: Rehearsal, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(rehearsal.journal, "done", dies)
    with pytest.raises(SystemExit):
        ran()
    entries = tuple(rehearsal.journal.entries())
    case = case_of(summary(rehearsal), entries, None, {}, 2000.0)
    assert case.why == "memory: the run never ended here"
    assert "nothing was heard of it" in case.owed[0]
    assert {f"remediate resume {case.run}", f"remediate rollback {case.run}"} <= set(case.commands)


@pytest.mark.parametrize(
    ("states", "whole"),
    [
        ([], "not known"),
        (["working"], "working"),
        (["working", "working"], "working"),
        (["broken", "broken"], "broken"),
        (["working", "broken"], "partially working"),
        (["not known", "broken"], "partially working"),
        (["partially working", "working"], "partially working"),
        (["not known", "working"], "not known"),
        (["not known", "not known"], "not known"),
    ],
)
def test_an_app_is_broken_only_where_it_is_so_everywhere(states: list[str], whole: str) -> None:
    assert status_of(map(Status, states)).value == whole
