"""A way back in a process that changed nothing itself: who is met before it, and what may not stop it half-way."""

import dataclasses
import signal
from collections.abc import Callable

import pytest

from remediate.cli.interruptions import Interruptions
from remediate.errors import Conflict, JournalError, Locked, Lost, Unreachable
from remediate.model import Confirmed, Outcome
from remediate.resumption import Resumption
from remediate.rollback import Rollback
from tests.engine.conftest import Rehearsal
from tests.engine.test_resumption import FAILING, confirmed, killed, stopped
from tests.laws.memory import MemoryTarget

BUSY = Locked("memory: database", "it is locked by bob in run other, from another host")


class Asked(MemoryTarget):
    """A host that answers its nth look, and all after it, with an error."""

    error: Exception
    at = 1
    looks = 0

    def answer(self, questions):
        self.looks += 1
        if self.looks >= self.at:
            raise self.error
        return super().answer(questions)


class Undoing(MemoryTarget):
    """A host at which something befalls each way back, before its first write."""

    befalls: Callable[[], None]

    def scoped(self, token: str) -> MemoryTarget:
        undoing = Undoing(self.world, token)
        undoing.befalls = self.befalls
        return undoing

    def write(self, *words, **named) -> None:
        if "/undo" in self.token:
            self.befalls()
        super().write(*words, **named)


class Unwritable:
    """The audit log, of which one thing cannot be read or written."""

    def __init__(self, journal, name: str) -> None:
        self._journal, self._name = journal, name

    def __getattr__(self, name: str):
        return self._full if name == self._name else getattr(self._journal, name)

    def _full(self, *_: object) -> None:
        raise JournalError("audit.db", "no space left")


def asked(rehearsal: Rehearsal, error: Exception, at: int = 1) -> Asked:
    target = Asked(rehearsal.world, "")
    target.error, target.at = error, at
    return target


def was_confirmed(rehearsal: Rehearsal) -> Confirmed:
    found = confirmed(rehearsal)
    assert found is not None
    return found


def resumption(rehearsal: Rehearsal, target: object = None) -> Resumption:
    return Resumption(rehearsal.host_run(target), was_confirmed(rehearsal), stopped(rehearsal))


def kinds(rehearsal: Rehearsal) -> list[str]:
    return [entry.kind for entry in rehearsal.journal.entries()]


def cured(rehearsal: Rehearsal) -> object:
    """Cure, and return how the host was before."""
    before = rehearsal.world.fingerprint()
    run = rehearsal.host_run()
    assert run.carry_out(run.look()).outcome is Outcome.FIXED
    return before


def killed_on_its_way_back(rehearsal: Rehearsal) -> object:
    """Fail, die before the first change is put back, and return how the host was before."""
    before = rehearsal.world.fingerprint()
    rehearsal.write_playbook(FAILING)
    assert killed(rehearsal, 6, "after")
    assert kinds(rehearsal)[-1] == "stopped"
    return before


def test_a_resumption_that_is_locked_out_of_the_database_touches_nothing_and_can_be_resumed(
    rehearsal: Rehearsal,
) -> None:
    assert killed(rehearsal, 3, "after")  # the colour is done, the limit not begun
    left, written = rehearsal.world.fingerprint(), kinds(rehearsal)
    with pytest.raises(Locked, match="bob"):
        resumption(rehearsal, asked(rehearsal, BUSY)).carry_on()
    assert (rehearsal.world.fingerprint(), kinds(rehearsal)) == (left, written)
    assert resumption(rehearsal).carry_on().outcome is Outcome.FIXED


def test_a_resumption_that_was_putting_back_is_locked_out_before_it_pays_anything(
    rehearsal: Rehearsal,
) -> None:
    before = killed_on_its_way_back(rehearsal)
    left, written = rehearsal.world.fingerprint(), kinds(rehearsal)
    with pytest.raises(Locked, match="bob"):
        resumption(rehearsal, asked(rehearsal, BUSY)).carry_on()
    assert (rehearsal.world.fingerprint(), kinds(rehearsal)) == (left, written)
    assert resumption(rehearsal).carry_on().outcome is Outcome.ROLLED_BACK
    assert rehearsal.world.fingerprint() == before


def test_a_rollback_that_is_locked_out_of_the_database_puts_no_half_back(rehearsal: Rehearsal) -> None:
    before = cured(rehearsal)
    left, written = rehearsal.world.fingerprint(), kinds(rehearsal)
    fixes = was_confirmed(rehearsal).fixes
    with pytest.raises(Locked, match="bob"):
        Rollback(asked(rehearsal, BUSY), rehearsal.runner).walk(fixes)
    assert (rehearsal.world.fingerprint(), kinds(rehearsal)) == (left, written)
    assert Rollback(MemoryTarget(rehearsal.world, ""), rehearsal.runner).walk(fixes).problem == ""
    assert rehearsal.world.fingerprint() == before


def test_a_rollback_that_owes_nothing_is_kept_out_by_nobody(rehearsal: Rehearsal) -> None:
    cured(rehearsal)
    Rollback(MemoryTarget(rehearsal.world, ""), rehearsal.runner).pay()
    way_back = Rollback(asked(rehearsal, BUSY), rehearsal.runner)
    assert way_back.walk().problem == ""


@pytest.mark.parametrize("error", [Unreachable("memory", "no answer"), Lost("memory", "cannot be asked")])
def test_what_cannot_be_looked_at_is_put_back_all_the_same_as_far_as_it_goes(
    rehearsal: Rehearsal, error: Exception
) -> None:
    before = cured(rehearsal)
    settled = Rollback(asked(rehearsal, error), rehearsal.runner).walk(was_confirmed(rehearsal).fixes)
    assert settled.problem == ""
    assert "it cannot be compared" in settled.difference
    assert rehearsal.world.fingerprint() == before
    warnings = [event.text for event in rehearsal.told if event.kind == "warning"]
    assert "cannot be looked at before it is put back" in warnings[0]


@pytest.mark.parametrize("error", [Lost("memory", "the link broke"), Conflict("memory", "moved")])
def test_a_last_look_that_fails_is_no_way_back_that_failed(rehearsal: Rehearsal, error: Exception) -> None:
    before = cured(rehearsal)
    target = asked(rehearsal, error, at=2)
    settled = Rollback(target, rehearsal.runner).walk(was_confirmed(rehearsal).fixes)
    assert settled.problem == ""
    assert error.what in settled.difference  # type: ignore[attr-defined]
    assert rehearsal.world.fingerprint() == before
    assert kinds(rehearsal)[-1] == "compared"


def test_ctrl_c_while_a_resumption_puts_back_waits(rehearsal: Rehearsal) -> None:
    before = killed_on_its_way_back(rehearsal)
    told: list[str] = []
    interruptions = Interruptions(told.append)
    target = Undoing(rehearsal.world, "")
    target.befalls = lambda: signal.raise_signal(signal.SIGINT)
    resuming = resumption(rehearsal, target)
    resuming.run.runner = dataclasses.replace(resuming.run.runner, shield=interruptions.shield)
    with interruptions.caught():
        assert resuming.carry_on().outcome is Outcome.ROLLED_BACK
    assert len(told) == 2, "one for each change that was put back"
    assert rehearsal.world.fingerprint() == before
    assert rehearsal.world.state.owner is None


def test_every_earlier_attempt_of_a_way_back_is_ended_before_the_next_one(rehearsal: Rehearsal) -> None:
    before = cured(rehearsal)

    def cut() -> None:
        raise Lost("memory", "the link was cut")

    target = Undoing(rehearsal.world, "")
    target.befalls = cut
    attempts = f"{rehearsal.run}/2.1/undo"
    assert "cut" in Rollback(target, rehearsal.runner).pay().problem
    assert rehearsal.world.state.stopped == []
    assert "cut" in Rollback(target, rehearsal.runner).pay().problem
    assert rehearsal.world.state.stopped == [f"{attempts}0"]
    target.befalls = lambda: None
    assert Rollback(target, rehearsal.runner).pay().problem == ""
    assert rehearsal.world.state.stopped[1:] == [f"{attempts}0", f"{attempts}1"]
    assert rehearsal.world.fingerprint() == before


@pytest.mark.parametrize("name", ["paid", "append"])
def test_an_audit_log_that_fails_after_something_was_put_back_is_a_way_back_that_stopped(
    rehearsal: Rehearsal, name: str
) -> None:
    cured(rehearsal)
    way_back = Rollback(MemoryTarget(rehearsal.world, ""), rehearsal.runner)
    way_back.journal = Unwritable(rehearsal.journal, name)  # type: ignore[assignment]
    assert "no space left" in way_back.pay(was_confirmed(rehearsal).fixes).problem


def test_an_audit_log_that_fails_before_anything_was_put_back_is_told_as_such(rehearsal: Rehearsal) -> None:
    cured(rehearsal)
    left = rehearsal.world.fingerprint()
    way_back = Rollback(MemoryTarget(rehearsal.world, ""), rehearsal.runner)
    for name, pay in (("owed", way_back.walk), ("owed", way_back.pay), ("append", way_back.walk)):
        way_back.journal = Unwritable(rehearsal.journal, name)  # type: ignore[assignment]
        with pytest.raises(JournalError, match="no space left"):
            pay()
    assert rehearsal.world.fingerprint() == left
