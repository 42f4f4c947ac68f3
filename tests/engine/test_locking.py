"""Whose lock is taken over without a person, and what a run does that finds its own taken away."""

from collections.abc import Callable

import pytest

from remediate.errors import Locked, Ousted
from remediate.journal import Operator, RunHeader
from remediate.model import Outcome
from remediate.owner import LockOwner
from remediate.resumption import Resumption
from remediate.rollback import Rollback
from tests.engine.conftest import CONFIG, LIMITS, PLAYBOOK, Rehearsal
from tests.laws.memory import MemoryTarget

DEAD = "20261122-090000-dead"
OTHER = LockOwner(run="20261122-110000-them", who="bob@lap", since="one")


def dead_run(rehearsal: Rehearsal, *entries: tuple[str, str, dict]) -> LockOwner:
    """Leave the lock and the log as a run of this runner that was killed."""
    operator = Operator(user="tester", machine="here")
    rehearsal.journal.begin(
        RunHeader(run=DEAD, playbook="two-files", environment="lab", operator=operator, hosts=("memory",))
    )
    for host, kind, body in entries:
        rehearsal.journal.append(DEAD, host, kind, body)
    rehearsal.world.state.owner = LockOwner(run=DEAD, who="tester@here", since="before")
    return rehearsal.world.state.owner


def cure(rehearsal: Rehearsal, target: object = None):
    run = rehearsal.host_run(target)
    return run.carry_out(run.look())


def test_the_lock_of_a_dead_run_that_began_nothing_is_taken_over_and_it_is_said_so(
    rehearsal: Rehearsal,
) -> None:
    owner = dead_run(rehearsal, ("memory", "looked", {}), ("web9", "owed", {}))
    assert cure(rehearsal).outcome is Outcome.FIXED
    assert rehearsal.world.state.owner is None
    (warning,) = [event.text for event in rehearsal.told if event.kind == "warning"]
    assert f"run {DEAD} is dead" in warning
    written = [entry for entry in rehearsal.journal.entries(rehearsal.run) if entry.host == "memory"]
    assert (written[0].kind, written[0].body["owner"]) == ("unlocked", owner.model_dump(mode="json"))


def test_what_is_not_sure_of_a_lock_that_was_taken_over_is_told_with_it(rehearsal: Rehearsal) -> None:
    class Unsure(MemoryTarget):
        def unlock(self, owner: LockOwner) -> str:
            return super().unlock(owner) or "its database cannot be asked"

    dead_run(rehearsal)
    assert cure(rehearsal, Unsure(rehearsal.world, "")).outcome is Outcome.FIXED
    (warning,) = [event.text for event in rehearsal.told if event.kind == "warning"]
    assert warning.endswith("its lock was taken over; its database cannot be asked")


def test_the_lock_of_a_dead_run_that_ended_well_is_taken_over_too(rehearsal: Rehearsal) -> None:
    dead_run(rehearsal, ("memory", "owed", {}), ("memory", "ended", {"outcome": "rolled back", "why": ""}))
    assert cure(rehearsal).outcome is Outcome.FIXED


OWING = [
    pytest.param([("memory", "owed", {})], id="it-was-cut-off"),
    pytest.param(
        [("memory", "owed", {}), ("memory", "ended", {"outcome": "stuck", "why": ""})], id="it-was-stuck"
    ),
    pytest.param(
        [
            ("memory", "owed", {}),
            ("memory", "ended", {"outcome": "fixed", "why": ""}),
            ("memory", "rollback", {}),
        ],
        id="it-was-being-taken-back",
    ),
]


@pytest.mark.parametrize("entries", OWING)
def test_the_lock_of_a_run_that_owes_something_is_left_to_a_person(
    rehearsal: Rehearsal, entries: list[tuple[str, str, dict]]
) -> None:
    owner = dead_run(rehearsal, *entries)
    with pytest.raises(Locked):
        cure(rehearsal)
    assert rehearsal.world.state.owner == owner
    assert rehearsal.content(CONFIG) == b"# ours\ncolour=red\n"


def test_the_lock_of_a_run_that_another_process_is_at_work_on_is_left_alone(rehearsal: Rehearsal) -> None:
    owner = dead_run(rehearsal)
    with rehearsal.journal.hold(DEAD), pytest.raises(Locked, match="locked by tester@here"):
        cure(rehearsal)
    assert rehearsal.world.state.owner == owner


def test_a_hold_of_one_s_own_is_no_dead_run(rehearsal: Rehearsal) -> None:
    owner = dead_run(rehearsal).model_copy(update={"hold": True})
    rehearsal.world.state.owner = owner
    with pytest.raises(Locked):
        cure(rehearsal)
    assert rehearsal.world.state.owner == owner


def test_the_lock_of_another_runner_is_left_alone(rehearsal: Rehearsal) -> None:
    rehearsal.world.state.owner = OTHER
    with pytest.raises(Locked, match="bob@lap"):
        cure(rehearsal)
    assert rehearsal.world.state.owner == OTHER


class TakenAway(MemoryTarget):
    """A host whose lock is taken away in front of the nth write of a file."""

    at: int
    writes = 0

    def scoped(self, token: str) -> MemoryTarget:
        self.token, self.count = token, 0
        return self

    def write(self, *words: object, **named: object) -> None:
        self.writes += 1
        if self.writes == self.at:
            self.unlock(self.state.owner)  # type: ignore[arg-type]
            self.state.owner = OTHER
        super().write(*words, **named)  # type: ignore[arg-type]


@pytest.fixture
def taken_away(rehearsal: Rehearsal) -> Callable[[int], TakenAway]:
    def make(at: int) -> TakenAway:
        target = TakenAway(rehearsal.world, "")
        target.at = at
        return target

    return make


@pytest.mark.parametrize("at", [1, 2])
def test_a_run_whose_lock_is_taken_away_does_nothing_more_and_puts_nothing_back(
    rehearsal: Rehearsal, taken_away: Callable[[int], TakenAway], at: int
) -> None:
    ending = cure(rehearsal, taken_away(at))
    assert ending.outcome is Outcome.STUCK
    assert "the lock was taken away" in ending.why
    assert f"remediate rollback {rehearsal.run}" in ending.todo
    green = rehearsal.content(CONFIG) == b"# ours\ncolour=green\n"
    assert green is (at == 2), "what was made before stays, and nothing else is made"
    assert rehearsal.content(LIMITS) == b"limit=1\n"
    owed = rehearsal.journal.owed(rehearsal.run)
    assert [one.state for one in owed] == ["unknown", "done"][:at]
    assert rehearsal.world.state.owner == OTHER, "another's lock is not left"
    assert rehearsal.journal.verify().whole


def test_a_way_back_stops_where_the_lock_is_taken_away_and_can_be_walked_later(
    rehearsal: Rehearsal, taken_away: Callable[[int], TakenAway]
) -> None:
    before = rehearsal.world.fingerprint()
    rehearsal.write_playbook(PLAYBOOK.replace("text: limit=2", "text: limit=9"))
    ending = cure(rehearsal, taken_away(3))
    assert ending.outcome is Outcome.STUCK
    assert "the lock was taken away" in ending.why
    assert len(rehearsal.journal.owed(rehearsal.run)) == 2
    rehearsal.world.state.owner = None
    target = MemoryTarget(rehearsal.world, "")
    with target.locked(rehearsal.runner.owner):
        assert Rollback(target, rehearsal.runner).pay().problem == ""
    assert rehearsal.world.fingerprint() == before


def test_a_resumption_whose_lock_is_taken_away_does_nothing_more_either(
    rehearsal: Rehearsal, taken_away: Callable[[int], TakenAway]
) -> None:
    assert cure(rehearsal, taken_away(2)).outcome is Outcome.STUCK
    rehearsal.world.state.owner = None
    confirmed = rehearsal.journal.confirmed(rehearsal.run, "memory")
    assert confirmed is not None
    ending = Resumption(rehearsal.host_run(taken_away(1)), confirmed).carry_on()
    assert ending.outcome is Outcome.STUCK
    assert rehearsal.content(LIMITS) == b"limit=1\n"


def test_a_lock_that_is_found_taken_away_at_the_end_changes_no_outcome_and_is_told(
    rehearsal: Rehearsal,
) -> None:
    class Left(MemoryTarget):
        def _left(self, owner: LockOwner) -> None:
            super()._left(owner)
            raise Ousted(self.name, "the lock was taken away meanwhile")

    assert cure(rehearsal, Left(rehearsal.world, "")).outcome is Outcome.FIXED
    warnings = [event.text for event in rehearsal.told if event.kind == "warning"]
    assert warnings == ["the lock was taken away meanwhile"]
