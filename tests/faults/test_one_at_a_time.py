"""Two people at once, a hold, a lock that is taken away, a runner that sleeps through it, and one that died with it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from remediate.journal import Entry, Journal
from remediate.masking import Masker
from tests.operator import Operator, picture
from tests.practice import REPOSITORY, Practice

SETTING = "/home/deploy/app/setting"
PLAYBOOK = """
name: colour
title: The colour is wrong
on: light
vars:
  root: {type: path, default: /home/deploy/app}
diagnose:
  - name: the colour is green
    files.contains: {path: setting, text: colour=green, root: "{{ root }}"}
fix:
  - name: set the colour
    files.replace: {path: setting, find: colour=red, replace_with: colour=green, root: "{{ root }}"}
verify:
  - name: it is green
    files.contains: {path: setting, text: colour=green, root: "{{ root }}"}
within: 5s
stable: 3s
"""
WAITING_BUILD = """
: >/var/tmp/wait
sed -i 's|"build": "|&echo waiting; while [ -e /var/tmp/wait ]; do sleep 0.1; done; |' /srv/lumiku/backend/package.json
"""
ENDS_ITSELF = """
import os, signal, sys
from remediate.cli.app import run
from remediate.engine import HostRun
name, number = sys.argv.pop(1), int(sys.argv.pop(1))
real = getattr(HostRun, name)
def ended(*words):
    os.kill(os.getpid(), number)
    return real(*words)
setattr(HostRun, name, ended)
sys.exit(run(sys.argv[1:]))
"""
"""Starts the program so that it sends itself a signal in front of one of the engine's steps, there and only there."""


@pytest.fixture
def ann(practice: Practice, tmp_path: Path) -> Operator:
    return Operator(practice, tmp_path / "ann")


@pytest.fixture
def bob(practice: Practice, tmp_path: Path) -> Operator:
    """Somebody with another audit log: at another machine, as far as the program can tell."""
    return Operator(practice, tmp_path / "bob")


@pytest.fixture
def red(practice: Practice, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """The light host's setting, which is red; call it to have it red again."""
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks" / "colour.yml").write_text(PLAYBOOK)

    def paint() -> None:
        practice.shell("light1", f"mkdir -p {SETTING.rpartition('/')[0]} && echo colour=red >{SETTING}")

    paint()
    yield paint
    practice.shell("light1", "rm -rf /home/deploy/app /home/deploy/.remediate")


@pytest.fixture
def cure(red: object, tmp_path: Path) -> tuple[str, ...]:
    return ("run", "colour", "--on", "light1", "--yes", "--json", "--playbooks", str(tmp_path / "playbooks"))


def started(operator: Operator, step: str, number: signal.Signals, *words: str) -> subprocess.Popen[str]:
    """Start the program as an operator does; in front of a step of the engine it sends itself a signal."""
    return subprocess.Popen(
        [sys.executable, "-c", ENDS_ITSELF, step, str(number.value), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**operator.environment, "PYTHONPATH": str(REPOSITORY)},
    )


@contextmanager
def mortal(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Kill a process where the test fails: one that is stopped never ends by itself."""
    with process:
        try:
            yield process
        finally:
            process.kill()


def asleep(process: subprocess.Popen[str]) -> None:
    """Wait until a process is stopped."""
    assert os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT).si_code == os.CLD_STOPPED


def until(process: subprocess.Popen[str], kind: str) -> str:
    """Read events until one of this kind, and return what came so far."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if json.loads(line)["kind"] == kind:
            return said
    raise AssertionError(f"no {kind}: {said}")


def setting(practice: Practice) -> str:
    return practice.shell("light1", f"cat {SETTING}")


def nobody_left_anything(practice: Practice) -> bool:
    return practice.shell("light1", "ls -A /home/deploy/.remediate/locks 2>/dev/null || true") == ""


def entries(operator: Operator) -> list[Entry]:
    with Journal.open(operator.folder / "remediate", Masker()) as journal:
        assert journal.verify().whole
        return list(journal.entries())


def kinds(operator: Operator) -> list[str]:
    return [entry.kind for entry in entries(operator)]


def first_run(operator: Operator) -> str:
    return entries(operator)[0].run


@pytest.mark.fault(16)
def test_of_two_operators_at_once_one_goes_on_and_the_other_is_told_whom_to_wait_for(
    practice: Practice,
    ann: Operator,
    bob: Operator,
    red: Callable[[], None],
    cure: tuple[str, ...],
    count: Callable[[str, int, int], None],
) -> None:
    rounds = 3
    for _ in range(rounds):
        red()
        made = sum(kinds(each).count("done") for each in (ann, bob))
        confirmed = ("carry_out", signal.SIGSTOP, *cure)
        with mortal(started(ann, *confirmed)) as first, mortal(started(bob, *confirmed)) as second:
            for process in (first, second):
                asleep(process)
            for process in (first, second):
                process.send_signal(signal.SIGCONT)
            said = {process: process.communicate(timeout=60) for process in (first, second)}
        winner, loser = sorted((first, second), key=lambda process: process.returncode)
        assert (winner.returncode, loser.returncode) == (0, 6), said
        end = json.loads(said[loser][0].splitlines()[-1])
        run = json.loads(said[winner][0].splitlines()[-1])["run"]
        assert end["data"]["outcome"] == "blocked"
        assert f"in run {run}" in end["text"]
        assert "locked by" in end["text"]
        now = sum(kinds(each).count("done") for each in (ann, bob))
        assert now == made + 1, "one change was made, by one of them"
        assert setting(practice) == "colour=green\n"
        assert nobody_left_anything(practice)
    count("runners at once", rounds, rounds)


@pytest.mark.fault(16)
def test_a_host_on_hold_keeps_everybody_out_until_it_is_given_free(
    practice: Practice, ann: Operator, bob: Operator, cure: tuple[str, ...]
) -> None:
    held = ann.does("hold", "light1", "--reason", "disk is swapped")
    assert held.code == 0, held.out + held.err
    kept_out = ann.does(*cure)
    assert kept_out.code == 6
    assert "is held by" in kept_out.out
    assert "(disk is swapped)" in kept_out.out
    assert "remediate unlock light1" in kept_out.out
    second = bob.does("hold", "light1", "--reason", "me too")
    assert second.code == 6
    assert "(disk is swapped)" in second.out

    unasked = bob.does("unlock", "light1", "--reason", "it is over")
    assert unasked.code == 4, "there is no terminal to ask at"
    assert "a hold by" in unasked.err
    assert "(disk is swapped)" in unasked.err
    assert not nobody_left_anything(practice)
    assert setting(practice) == "colour=red\n"

    freed = bob.does("unlock", "light1", "--reason", "it is over", "--yes")
    assert freed.code == 0
    assert "the hold of" in freed.out
    assert nobody_left_anything(practice)
    again = bob.does("unlock", "light1", "--reason", "to be sure", "--yes")
    assert again.code == 0
    assert "nobody has the lock" in again.out
    (told,) = [entry for entry in entries(bob) if entry.kind == "unlocked"]
    assert told.body["owner"]["why"] == "disk is swapped"
    assert kinds(ann)[:3] == ["begun", "held", "ended"]


@pytest.mark.fault(17)
def test_a_frozen_runner_that_wakes_after_its_lock_was_taken_away_changes_nothing_more(
    practice: Practice, ann: Operator, bob: Operator, web1: str
) -> None:
    practice.break_("named-import")
    practice.shell(web1, WAITING_BUILD)
    cure = ("run", "prisma-import", "--on", web1, "--yes")
    with mortal(ann.start(*cure, "--json")) as frozen:
        until(frozen, "output")  # the build runs on the host
        frozen.send_signal(signal.SIGSTOP)
        run = first_run(ann)
        at_work = ann.does("unlock", web1, "--reason", "mine", "--yes")
        assert at_work.code == 6, "its own runner knows that it lives"
        assert "another process is at work" in at_work.out
        freed = bob.does("unlock", web1, "--reason", "ann's laptop sleeps", "--yes", "--json")
        assert freed.code == 0, freed.out + freed.err
        assert f"{run}/2.1/1" in freed.lines[-1]["text"], "the build was ended before the lock was given away"
        practice.shell(web1, "rm /var/tmp/wait")
        cured = bob.does(*cure)
        assert cured.code == 0, cured.out + cured.err
        after = picture(practice)

        frozen.send_signal(signal.SIGCONT)
        out, err = frozen.communicate(timeout=60)
    assert frozen.returncode == 7, out + err
    assert "the lock was taken away" in out
    assert f"remediate rollback {run}" in out
    assert "Traceback" not in out + err
    assert picture(practice).but_for_witnesses == after.but_for_witnesses
    assert practice.answers(web1)[0] == 200
    assert kinds(ann).count("owed") == 2
    assert "paid" not in kinds(ann)
    assert practice.shell(web1, "ls -A ~/.remediate/locks 2>/dev/null || true") == ""


@pytest.mark.fault(17)
def test_a_runner_that_was_frozen_before_its_first_change_makes_none(
    practice: Practice, ann: Operator, bob: Operator, cure: tuple[str, ...], tmp_path: Path
) -> None:
    """It is frozen in the moment in which it has the lock, and has looked for the last time."""
    with mortal(started(ann, "_fix_all", signal.SIGSTOP, *cure)) as frozen:
        asleep(frozen)
        assert bob.does("unlock", "light1", "--reason", "asleep", "--yes").code == 0
        assert bob.does("hold", "light1", "--reason", "mine now").code == 0
        frozen.send_signal(signal.SIGCONT)
        out, err = frozen.communicate(timeout=60)
    assert "now it is held by" in out, err
    assert "(mine now)" in out
    assert setting(practice) == "colour=red\n"
    assert bob.does("unlock", "light1", "--reason", "done", "--yes").code == 0


@pytest.mark.fault(1)
def test_a_lock_that_a_killed_runner_left_before_it_began_anything_is_taken_over_without_a_person(
    practice: Practice, ann: Operator, bob: Operator, cure: tuple[str, ...]
) -> None:
    with started(ann, "_carry_out", signal.SIGKILL, *cure) as killed:
        killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    dead = first_run(ann)
    stranger = bob.does(*cure)
    assert stranger.code == 6, "another runner knows nothing of that run"
    assert f"remediate resume {dead}" in stranger.out
    cured = ann.does(*cure)
    assert cured.code == 0, cured.out + cured.err
    assert f"run {dead} is dead" in cured.out
    assert setting(practice) == "colour=green\n"
    assert nobody_left_anything(practice)
    (told,) = [entry for entry in entries(ann) if entry.kind == "unlocked"]
    assert told.body["owner"]["run"] == dead
