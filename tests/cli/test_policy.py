"""The policy before every command that changes something: refused in one line, never a hang, nothing touched."""

from pathlib import Path

import pytest

from remediate.journal import Journal
from tests.cli.test_applying import RED, Ground, ground  # noqa: F401  (fixture)
from tests.cli.test_going_on import RUN, journal  # noqa: F401  (fixture)
from tests.engine.conftest import CONFIG
from tests.laws.simulated import said

DECLINED = 4
COMMAND = """
  - name: run it
    command.run:
      {script: "true", what: it, about: ["file:/srv/app/x"], unless: {script: "false"}, way_back: none, reason: gone}
"""
NO_REASON, NO_TERMINAL = "the policy wants a reason", "lab wants its name typed, and there is no terminal"
REFUSALS = (
    ("reason: required", NO_REASON),
    ("confirm: type-name", NO_TERMINAL),
    ("hosts_at_once: 1", "2 hosts at once, the policy allows 1"),
    ("approvals: 1, approvers: approvers", "the policy wants 1 approval"),
    ("forbid: [opaque]", "“it” is opaque, which the policy forbids"),
    ("forbid: [no-way-back]", "“it” has no way back, which the policy forbids"),
    ("max_rows: 1000", "nobody can tell beforehand how many rows “run it” (command.run) writes"),
)


@pytest.fixture
def two_hosts(ground: Ground) -> Ground:  # noqa: F811
    """The ground with a playbook that also runs a command with no way back."""
    book = ground.here / "playbooks" / "two-files.yml"
    book.write_text(book.read_text().replace("verify:", f"{COMMAND.strip(chr(10))}\nverify:"))
    for world in ground.worlds.values():
        world.scripts |= {"true": lambda *_: said(""), "false": lambda *_: said("", 1)}
    (ground.here / "inventory" / "approvers").write_text("")
    return ground


def untouched(ground: Ground) -> bool:  # noqa: F811
    return {ground.content(CONFIG, host) for host in ground.worlds} == {RED}


@pytest.mark.parametrize(("policy", "told"), REFUSALS)
def test_run_and_apply_are_refused_whatever_is_said_and_plan_is_not(
    two_hosts: Ground, policy: str, told: str
) -> None:
    two_hosts.policy(policy)
    two_hosts.makes_plan(on="web1,web2")
    code, out, err = two_hosts.does("run", "two-files", "--on", "web1,web2", "--yes")
    assert (code, told in out + err) == (DECLINED, True), out + err
    code, text = two_hosts.applies()
    assert (code, told in text) == (DECLINED, True), text
    assert untouched(two_hosts)


def test_without_a_terminal_and_without_yes_it_is_a_refusal_and_no_hang(two_hosts: Ground) -> None:
    two_hosts.makes_plan()
    for words in (("run", "two-files", "--on", "web1"), ("apply", str(two_hosts.plan))):
        code, out, err = two_hosts.does(*words)
        assert (code, "there is no terminal to ask at" in out + err) == (DECLINED, True), out + err
    assert untouched(two_hosts)


@pytest.mark.parametrize("command", ["resume", "rollback"])
@pytest.mark.parametrize(
    ("policy", "told"), [("reason: required", NO_REASON), ("confirm: type-name", NO_TERMINAL)]
)
def test_what_goes_on_with_a_run_is_refused_too(
    does,
    here: Path,
    journal: Journal,  # noqa: F811
    command: str,
    policy: str,
    told: str,
) -> None:
    inventory = here / "inventory" / "lab.yml"
    inventory.write_text(inventory.read_text().replace("groups:", f"policy: {{{policy}}}\ngroups:", 1))
    owed = journal.owed(RUN)
    code, out, err = does(command, RUN, "--yes")
    assert (code, told in out + err) == (DECLINED, True), out + err
    assert journal.owed(RUN) == owed
