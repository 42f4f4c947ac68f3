"""The kill matrix in memory: dead before and after every entry of the journal, then resumed, or rolled back."""

import copy

import pytest

from remediate.engine import HostRun
from remediate.model import Confirmed, Outcome
from remediate.resumption import Resumption
from remediate.rollback import Rollback
from tests.engine.conftest import CONFIG, LIMITS, PLAYBOOK, Rehearsal
from tests.laws.memory import MemoryTarget
from tests.laws.world import Watched

WRITES = {"append", "confirm", "owe", "done", "failed", "unknown", "paid", "unpaid", "ended"}


class Killed(BaseException):
    """The process is gone: nothing of it runs any more, no handler and no clean-up."""


class MortalJournal:
    """A journal whose process dies before or after its nth write."""

    def __init__(self, journal, kill_at: int, moment: str) -> None:
        self._journal, self._kill_at, self._moment = journal, kill_at, moment
        self.writes = 0

    def __getattr__(self, name: str):
        method = getattr(self._journal, name)
        return (lambda *words: self._write(method, words)) if name in WRITES else method

    def _write(self, method, words):
        self.writes += 1
        mortal = self.writes == self._kill_at
        if mortal and self._moment == "before":
            raise Killed
        result = method(*words)
        if mortal:
            raise Killed
        return result


def with_journal(run: HostRun, journal: object) -> HostRun:
    run.journal = journal  # type: ignore[assignment]
    run.rollback.journal = journal  # type: ignore[assignment]
    return run


def killed(rehearsal: Rehearsal, kill_at: int, moment: str) -> bool:
    """Run until it dies, and tell whether it did."""
    journal = MortalJournal(rehearsal.journal, kill_at, moment)
    run = with_journal(rehearsal.host_run(), journal)
    try:
        run.carry_out(run.look())
    except Killed:
        return True
    return False


def confirmed(rehearsal: Rehearsal) -> Confirmed | None:
    return rehearsal.journal.confirmed(rehearsal.run, "memory")


def stopped(rehearsal: Rehearsal) -> str:
    return next((entry.body["why"] for entry in rehearsal.journal.entries() if entry.kind == "stopped"), "")


def resumed(rehearsal: Rehearsal, target: object = None):
    return Resumption(rehearsal.host_run(target), confirmed(rehearsal), stopped(rehearsal)).carry_on()  # type: ignore[arg-type]


POINTS = [(number, moment) for number in range(1, 6) for moment in ("before", "after")]
FAILING = PLAYBOOK.replace("text: limit=2", "text: limit=9")
FAILING_POINTS = [(number, moment) for number in range(1, 10) for moment in ("before", "after")]


def test_the_points_are_all_there_are(rehearsal: Rehearsal) -> None:
    assert not killed(rehearsal, 6, "before")
    assert len(list(rehearsal.journal.entries())) == 5


@pytest.mark.parametrize(("kill_at", "moment"), POINTS)
def test_killed_anywhere_and_resumed_every_change_is_made_once(
    rehearsal: Rehearsal, kill_at: int, moment: str
) -> None:
    before = copy.deepcopy(rehearsal.world.fingerprint())
    assert killed(rehearsal, kill_at, moment)
    if confirmed(rehearsal) is None:
        assert rehearsal.world.fingerprint() == before
        return
    assert resumed(rehearsal).outcome is Outcome.FIXED
    assert rehearsal.content(CONFIG) == b"# ours\ncolour=green\n"
    assert rehearsal.content(LIMITS) == b"limit=2\n"
    assert rehearsal.world.state.owner is None, "the lock is free"
    owed = rehearsal.journal.owed(rehearsal.run)
    assert [one.state for one in owed] == ["done", "done"]
    assert rehearsal.journal.verify().whole
    assert Rollback(MemoryTarget(rehearsal.world, ""), rehearsal.runner).pay().problem == ""
    assert rehearsal.world.fingerprint() == before


@pytest.mark.parametrize(("kill_at", "moment"), POINTS)
def test_killed_anywhere_and_rolled_back_all_is_as_before(
    rehearsal: Rehearsal, kill_at: int, moment: str
) -> None:
    before = copy.deepcopy(rehearsal.world.fingerprint())
    assert killed(rehearsal, kill_at, moment)
    target = MemoryTarget(rehearsal.world, "")
    with target.locked(rehearsal.runner.owner):
        assert Rollback(target, rehearsal.runner).pay().problem == ""
    assert rehearsal.world.fingerprint() == before
    assert rehearsal.world.state.owner is None
    assert rehearsal.journal.owed(rehearsal.run) == ()


@pytest.mark.parametrize(("kill_at", "moment"), FAILING_POINTS)
def test_killed_while_it_was_putting_back_it_goes_on_putting_back(
    rehearsal: Rehearsal, kill_at: int, moment: str
) -> None:
    rehearsal.write_playbook(FAILING)
    before = copy.deepcopy(rehearsal.world.fingerprint())
    if not killed(rehearsal, kill_at, moment) or confirmed(rehearsal) is None:
        assert rehearsal.world.fingerprint() == before
        return
    assert resumed(rehearsal).outcome is Outcome.ROLLED_BACK
    assert rehearsal.world.fingerprint() == before
    assert rehearsal.journal.owed(rehearsal.run) == ()


@pytest.mark.parametrize(("kill_at", "moment"), POINTS)
@pytest.mark.parametrize("again", [1, 2])
def test_a_resumption_can_be_cut_and_resumed_itself(
    rehearsal: Rehearsal, kill_at: int, moment: str, again: int
) -> None:
    assert killed(rehearsal, kill_at, moment)
    if confirmed(rehearsal) is None:
        return
    run = with_journal(rehearsal.host_run(), MortalJournal(rehearsal.journal, again, moment))
    try:
        Resumption(run, confirmed(rehearsal)).carry_on()  # type: ignore[arg-type]
    except Killed:
        assert resumed(rehearsal).outcome is Outcome.FIXED
    assert rehearsal.content(CONFIG) == b"# ours\ncolour=green\n"
    assert rehearsal.content(LIMITS) == b"limit=2\n"


def test_what_is_no_longer_what_was_confirmed_is_not_made_but_put_back(rehearsal: Rehearsal) -> None:
    assert killed(rehearsal, 3, "after")  # the colour is done, the limit not begun
    rehearsal.world.state.files[LIMITS].content = b"# theirs\nlimit=1\n"
    ending = resumed(rehearsal)
    assert ending.outcome is Outcome.ROLLED_BACK
    assert rehearsal.content(CONFIG) == b"# ours\ncolour=red\n"
    assert rehearsal.content(LIMITS) == b"# theirs\nlimit=1\n"


def test_a_resumption_whose_link_is_cut_rolls_back(rehearsal: Rehearsal) -> None:
    before = copy.deepcopy(rehearsal.world.fingerprint())
    assert killed(rehearsal, 2, "after")
    ending = resumed(rehearsal, Watched(MemoryTarget(rehearsal.world, ""), 1, "after"))
    assert ending.outcome is Outcome.ROLLED_BACK
    assert rehearsal.world.fingerprint() == before
