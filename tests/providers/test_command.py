"""Free commands: constant text, values as arguments only, a check of their own and an honest word on the way back."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from remediate.catalogue import CATALOGUE
from remediate.errors import CouldNotLook, Failed, PlaybookError
from remediate.inventory import Policy
from remediate.model import Fidelity, Finding, Plan, PlannedFix, WayBack
from remediate.planner import difference
from remediate.playbook import load_playbook
from remediate.policy import refusals
from remediate.providers.command import CommandOutput, CommandRun, Script
from remediate.questions import Answers, RunAnswer
from tests.laws.command import CommandTarget
from tests.laws.laws import carry_out, planned

TARGET = CommandTarget()


def judged(**parameters: object) -> Finding:
    check = CommandOutput.model_validate(parameters)
    answers = TARGET.answer(check.ask())
    return check.judge(answers, answers)


def test_an_exit_code_and_what_is_printed_on_either_stream_are_judged() -> None:
    assert judged(script="exit 3", exit_code=3).healthy
    assert judged(script="exit 3").seen == "`exit 3`: exit code 3 instead of 0"
    assert judged(script="echo oops >&2", pattern="^oops$").healthy
    assert not judged(script="echo oops >&2", pattern="^oops$", absent=True).healthy
    found = judged(script="echo version 12", pattern=r"version (?P<number>\d+)")
    assert found.facts == {"exit_code": 0, "named": {"number": "12"}}


def test_an_argument_is_never_read_as_shell() -> None:
    word = "'; echo harm; $(echo harm) `echo harm`"
    assert judged(script='printf %s "$1"', args=[word], pattern="^';.*harm`$").healthy


def making(path: Path, **more: object) -> CommandRun:
    parameters = {
        "script": 'printf made >"$1"',
        "args": [str(path)],
        "what": "make a file",
        "about": [f"file:{path}"],
        "unless": Script(script='[ -e "$1" ]', args=[str(path)]),
        **({} if "way_back" in more else {"undo": Script(script='rm -f -- "$1"', args=[str(path)])}),
        **more,
    }
    return CommandRun.model_validate(parameters)


def test_it_is_opaque_and_a_policy_that_forbids_that_binds(tmp_path: Path) -> None:
    (change,) = planned(making(tmp_path / "a"), TARGET)
    assert (change.fidelity, change.way_back) == (Fidelity.OPAQUE, WayBack.EQUIVALENT)
    (forever,) = planned(making(tmp_path / "a", way_back="none", reason="mail was sent"), TARGET)
    assert (forever.way_back, forever.way_back_note) == (WayBack.NONE, "mail was sent")
    fix = PlannedFix(step="s", action="command.run", parameters={}, changes=(forever,))
    plan = Plan(playbook="p", playbook_digest="d", environment="e", host="h", findings=(), fixes=(fix,))
    assert refusals([plan], Policy(), "") == ()
    refused = refusals([plan], Policy(forbid=("opaque", "no-way-back")), "")
    assert len(refused) == 2


def test_exit_code_0_is_not_enough(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="its own check says that it is not done"):
        carry_out(making(tmp_path / "a", script="true"), TARGET, [])
    with pytest.raises(Failed, match="exited with 4") as error:
        carry_out(making(tmp_path / "a", script="echo why; exit 4"), TARGET, [])
    assert error.value.output == "why\n"


def test_an_undo_that_undoes_nothing_is_told(tmp_path: Path) -> None:
    undos: list = []
    action = making(tmp_path / "a", undo=Script(script="true"))
    carry_out(action, TARGET, undos)
    with pytest.raises(Failed, match="still done"):
        action.undo(TARGET, undos[0])


def test_what_has_no_way_back_says_so_when_it_is_wanted(tmp_path: Path) -> None:
    undos: list = []
    action = making(tmp_path / "a", way_back="none", reason="mail was sent")
    carry_out(action, TARGET, undos)
    with pytest.raises(Failed, match="has no way back: mail was sent"):
        action.undo(TARGET, undos[0])
    (tmp_path / "a").unlink()
    with pytest.raises(Failed, match="has no way back"):
        action.undo(TARGET, undos[0])  # half of it may have happened, whatever its check says


def test_arguments_are_shown_and_confirmed(tmp_path: Path) -> None:
    (change,) = planned(making(tmp_path / "a"), TARGET)
    assert f'# $1 is "{tmp_path}/a"' in change.script
    assert f'# undo: $1 is "{tmp_path}/a"' in change.script
    for other in ({"args": ["b"]}, {"undo": Script(script='rm -f -- "$1"', args=["b"])}):
        (changed,) = planned(making(tmp_path / "a", **other), TARGET)
        assert changed.outline.essence != change.outline.essence
        assert not changed.outline.same_as(change.model_copy(update={"assumed": "why"}).outline)


def test_what_takes_a_change_back_may_take_as_long_as_the_change(tmp_path: Path) -> None:
    action = making(tmp_path / "a", timeout=300.0)
    assert action.undo_with_script
    assert action.undo_with_script.job("undo", action.timeout).timeout == 300.0
    with pytest.raises(ValidationError, match="60 seconds at most"):
        making(tmp_path / "a", unless=Script(script="true", timeout=61.0))


def test_a_pattern_that_may_be_in_what_was_left_out_is_not_judged() -> None:
    check = CommandOutput(script="true", pattern="x", absent=True)
    answers = Answers({check.question: RunAnswer(exit_code=0, stdout=b"a", left_out=9)}, "web1")
    with pytest.raises(CouldNotLook, match="prints more than is kept"):
        check.judge(answers, answers)


@pytest.mark.parametrize(
    "wrong",
    [
        {"way_back": "none"},
        {"way_back": "none", "reason": " "},
        {"way_back": "none", "undo": Script(script="x")},
        {"about": []},
    ],
)
def test_a_command_says_its_way_back_or_why_it_has_none(tmp_path: Path, wrong: dict) -> None:
    with pytest.raises(ValidationError):
        making(tmp_path / "a", **wrong)


PLAYBOOK = """
name: free
title: A free command
on: backend
diagnose:
  - name: look
    command.output: {script: %s, args: ["{{ app.name }}"]}
verify:
  - name: look again
    command.output: {script: "true"}
"""


def test_a_script_holds_no_template_and_its_arguments_may(tmp_path: Path) -> None:
    file = tmp_path / "free.yml"
    file.write_text(PLAYBOOK % "'echo ${#1} \"$1\"'")
    assert load_playbook(file, CATALOGUE).name == "free"
    file.write_text(PLAYBOOK % "'echo {{ app.name }}'")
    with pytest.raises(
        PlaybookError, match=r"free.yml:7:\d+: `script` is run by a shell, and must hold no template"
    ):
        load_playbook(file, CATALOGUE)


def test_a_plan_with_other_parameters_is_another_plan(tmp_path: Path) -> None:
    (change,) = planned(making(tmp_path / "a"), TARGET)
    fix = PlannedFix(step="s", action="command.run", parameters={"timeout": 1}, changes=(change,)).outline
    other = fix.model_copy(update={"parameters": {"timeout": 2}})
    assert difference([fix], [fix]) == ""
    assert difference([other], [fix]) == "“s” would now be done with other parameters"
