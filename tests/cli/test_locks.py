"""The commands hold and unlock at a host that cannot be reached: what is refused, written down and listed."""

import json

import pytest

from remediate.cli.confirming import confirm_unlock
from remediate.errors import Declined
from remediate.owner import LockOwner
from remediate.target import Lock
from tests.cli.test_confirming import answering, environment

USAGE, BLOCKED = 2, 6
LOCK = Lock(owner=LockOwner(run="r1", who="ann@desk", since="noon", why="INC\x1b[2J-1"), jobs=("r1/2.1/1",))


@pytest.mark.parametrize("command", ["hold", "unlock"])
@pytest.mark.parametrize("given", [[], ["--reason", " "]])
def test_a_reason_is_wanted_before_anything_is_done(does, here, command: str, given: list[str]) -> None:
    code, _, err = does(command, "web1", *given)
    assert code == USAGE
    assert "--reason" in err
    assert len(err.strip().splitlines()) == 1
    assert not (here / "state").exists()


@pytest.mark.parametrize("command", ["hold", "unlock"])
def test_a_host_that_is_not_known_is_a_wrong_command_line(does, command: str) -> None:
    code, _, err = does(command, "web9", "--reason", "x")
    assert code == USAGE
    assert "web9" in err


def test_a_hold_that_did_not_come_about_is_blocked_and_stands_in_the_audit_log(does) -> None:
    code, out, _ = does("hold", "web1", "--reason", "the disk is swapped")
    assert code == BLOCKED
    assert "web1  ✗ blocked: " in out
    _, listed, _ = does("runs")
    assert "hold (lab) web1 blocked" in listed
    assert "“the disk is swapped”" in listed
    run = json.loads(does("runs", "--json")[1])["header"]["run"]
    _, shown, _ = does("show", run)
    assert "hold on web1 by" in shown
    assert "held       by " in shown
    assert does("audit", "verify")[0] == 0
    kinds = [json.loads(line)["kind"] for line in does("audit", "export")[1].splitlines()]
    assert kinds == ["begun", "held", "ended", "head"], "it is written down before it is made"
    for command in ("resume", "rollback"):
        code, _, err = does(command, run, "--yes")
        assert code == USAGE
        assert "is no run of a playbook, but a hold" in err


def test_each_host_that_cannot_be_asked_whose_lock_it_has_is_blocked(does) -> None:
    code, out, _ = does("unlock", "backend", "--reason", "x", "--yes", "--json")
    assert code == BLOCKED
    ends = [json.loads(line) for line in out.splitlines()]
    assert [(end["host"], end["data"]["outcome"]) for end in ends] == [
        ("web1", "blocked"),
        ("web2", "blocked"),
    ]


def test_whose_lock_it_is_is_shown_clean_before_it_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    ask, asked = answering("n")
    with pytest.raises(Declined, match="declined by the operator"):
        confirm_unlock({"web1": LOCK}, environment(), "x", yes=False, ask=ask)
    said = capsys.readouterr().err
    assert "web1: a lock by ann@desk since noon in run r1 (INC\\x1b[2J-1)" in said
    assert "to be ended: r1/2.1/1" in said
    assert "web1" in asked[0]


def test_taking_a_lock_away_is_confirmed_as_the_policy_wants_it() -> None:
    ask, _ = answering("production")
    locks = {"web1": LOCK}
    assert confirm_unlock(locks, environment(confirm="type-name"), "x", yes=True, ask=ask) == "name typed"
    assert confirm_unlock(locks, environment(), "x", yes=True, ask=None) == "--yes"
    with pytest.raises(Declined, match="no terminal"):
        confirm_unlock(locks, environment(confirm="type-name"), "x", yes=True, ask=None)
