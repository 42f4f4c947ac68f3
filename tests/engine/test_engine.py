import dataclasses

import pytest

from remediate.errors import JournalError, Locked, Lost, Stale
from remediate.model import Outcome
from remediate.rollback import Rollback
from remediate.target import LockOwner
from tests.engine.conftest import CONFIG, LIMITS, PLAYBOOK, Practice
from tests.laws.memory import MemoryTarget
from tests.laws.world import Watched


def cure(practice: Practice, target: object = None):
    run = practice.host_run(target)
    return run.carry_out(run.look())


def test_a_healthy_host_is_left_alone(practice: Practice) -> None:
    practice.world.state.files[CONFIG].content = b"colour=green\n"
    before = practice.world.fingerprint()
    look = practice.host_run().look()
    assert look.outcome is Outcome.HEALTHY
    assert look.plan.changes == ()
    assert practice.world.fingerprint() == before


def test_looking_and_planning_change_nothing_and_leave_no_trace_in_the_journal(practice: Practice) -> None:
    before = practice.world.fingerprint()
    look = practice.host_run().look()
    assert [change.target for change in look.plan.changes] == [CONFIG, LIMITS]
    assert practice.world.fingerprint() == before
    assert list(practice.journal.entries()) == []


def test_the_fault_is_cured_and_every_change_is_owed_before_it_is_made(practice: Practice) -> None:
    assert cure(practice).outcome is Outcome.FIXED
    assert practice.content(CONFIG) == b"# ours\ncolour=green\n"
    kinds = [entry.kind for entry in practice.journal.entries()]
    assert kinds == ["confirmed", "owed", "done", "owed", "done"]


def test_the_audit_log_says_who_was_logged_in_with_which_key_at_which_host(practice: Practice) -> None:
    cure(practice)
    (confirmed,) = [entry for entry in practice.journal.entries() if entry.kind == "confirmed"]
    assert confirmed.body["login"] == {"user": "deploy", "key": "SHA256:us", "host_key": "SHA256:them"}


def test_what_the_host_keeps_of_a_run_is_gone_when_it_ends(practice: Practice) -> None:
    cure(practice)
    assert practice.world.state.forgotten == [f"{practice.run}/"]
    Rollback(MemoryTarget(practice.world, ""), practice.runner).pay()
    assert practice.world.state.forgotten == [f"{practice.run}/"] * 2


def test_a_way_back_is_in_the_journal_before_the_change_is_on_the_host(practice: Practice) -> None:
    target = Watched(MemoryTarget(practice.world, ""), cut_at=1, moment="before")
    assert cure(practice, target).outcome is Outcome.ROLLED_BACK
    kinds = [entry.kind for entry in practice.journal.entries()]
    assert kinds[:3] == ["confirmed", "owed", "unknown"]


@pytest.mark.parametrize("cut_at", [1, 2])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_cut_anywhere_is_rolled_back_to_the_byte(practice: Practice, cut_at: int, moment: str) -> None:
    before = practice.world.fingerprint()
    target = Watched(MemoryTarget(practice.world, ""), cut_at, moment)  # type: ignore[arg-type]
    ending = cure(practice, target)
    assert ending.outcome is Outcome.ROLLED_BACK
    assert practice.world.fingerprint() == before
    assert practice.journal.owed(practice.run) == ()
    assert "put-back" in practice.kinds()


def test_a_cure_that_does_not_hold_is_put_back(practice: Practice) -> None:
    practice.write_playbook(PLAYBOOK.replace("text: limit=2", "text: limit=9"))
    before = practice.world.fingerprint()
    ending = cure(practice)
    assert ending.outcome is Outcome.ROLLED_BACK
    assert "the limit is two" in ending.why
    assert practice.world.fingerprint() == before
    assert practice.now >= 1005


def test_a_relapse_while_it_must_be_stable_is_no_cure(practice: Practice) -> None:
    def relapse() -> None:
        practice.world.state.files[CONFIG].content = b"# ours\ncolour=red\n"

    before = practice.world.fingerprint()["files"][LIMITS]
    practice.on_sleep = relapse
    assert cure(practice).outcome is Outcome.ROLLED_BACK
    assert practice.world.fingerprint()["files"][LIMITS] == before


def test_somebody_who_meddles_with_the_cure_is_not_written_over(practice: Practice) -> None:
    def relapse() -> None:
        practice.world.state.files[CONFIG].content = b"# theirs\ncolour=blue\n"

    practice.on_sleep = relapse
    assert (
        cure(practice).outcome is Outcome.STUCK
    )  # what this run left is no longer there: a person must look
    assert "undo-failed" in practice.kinds()


def test_a_cure_must_stay_good_for_as_long_as_the_playbook_says(practice: Practice) -> None:
    cure(practice)
    assert practice.now - 1000 >= 2


def test_a_playbook_may_keep_what_it_changed(practice: Practice) -> None:
    practice.write_playbook(PLAYBOOK.replace("text: limit=2", "text: limit=9") + "on_failure: keep\n")
    ending = cure(practice)
    assert ending.outcome is Outcome.KEPT
    assert practice.content(LIMITS) == b"limit=2\n"
    assert practice.run in ending.todo
    assert len(practice.journal.owed(practice.run)) == 2


def test_a_host_that_moved_since_it_was_confirmed_is_not_touched(practice: Practice) -> None:
    run = practice.host_run()
    confirmed = run.look()
    practice.world.state.files[LIMITS].content = b"# somebody\nlimit=1\n"
    before = practice.world.fingerprint()
    with pytest.raises(Stale, match="set the limit"):
        run.carry_out(confirmed)
    assert practice.world.fingerprint() == before
    assert list(practice.journal.entries()) == []


def test_a_fault_that_vanished_before_the_first_change_is_left_alone(practice: Practice) -> None:
    run = practice.host_run()
    confirmed = run.look()
    practice.world.state.files[CONFIG].content = b"colour=green\n"
    ending = run.carry_out(confirmed)
    assert (ending.outcome, ending.why) == (Outcome.HEALTHY, "healthy on its own: nothing was changed")


def test_a_host_in_somebody_elses_hands_is_not_touched(practice: Practice) -> None:
    run = practice.host_run()
    confirmed = run.look()
    before = practice.world.fingerprint()
    with (
        MemoryTarget(practice.world, "").locked(LockOwner(run="other", who="anna", since="9:00")),
        pytest.raises(Locked, match="anna"),
    ):
        run.carry_out(confirmed)
    assert practice.world.fingerprint() == before


def test_a_change_that_somebody_makes_between_two_fixes_stops_the_run_and_rolls_back(
    practice: Practice,
) -> None:
    class Meddling(Watched):
        def _change(self, verb):
            done = super()._change(verb)
            if self.changes == 1:
                practice.world.state.files[LIMITS].content = b"limit=7\n"
            return done

    ending = cure(practice, Meddling(MemoryTarget(practice.world, "")))
    assert ending.outcome is Outcome.ROLLED_BACK
    assert practice.content(CONFIG) == b"# ours\ncolour=red\n"
    assert practice.content(LIMITS) == b"limit=7\n"


def test_ctrl_c_in_the_middle_is_rolled_back(practice: Practice) -> None:
    class Impatient(Watched):
        def _change(self, verb):
            super()._change(verb)
            if self.changes == 2:
                raise KeyboardInterrupt

    before = practice.world.fingerprint()
    ending = cure(practice, Impatient(MemoryTarget(practice.world, "")))
    assert ending.outcome is Outcome.ROLLED_BACK
    assert "interrupted" in ending.why
    assert practice.world.fingerprint() == before


def test_ctrl_c_while_verifying_is_rolled_back(practice: Practice) -> None:
    def press() -> None:
        raise KeyboardInterrupt

    before = practice.world.fingerprint()
    practice.on_sleep = press
    assert cure(practice).outcome is Outcome.ROLLED_BACK
    assert practice.world.fingerprint() == before


def test_a_finished_run_is_put_back_by_another_process(practice: Practice) -> None:
    before = practice.world.fingerprint()
    assert cure(practice).outcome is Outcome.FIXED
    rollback = Rollback(MemoryTarget(practice.world, ""), practice.runner)
    assert rollback.pay() == ""
    assert practice.world.fingerprint() == before
    assert rollback.pay() == ""
    assert practice.world.fingerprint() == before


def test_what_somebody_changed_since_is_not_put_back_over(practice: Practice) -> None:
    cure(practice)
    practice.world.state.files[LIMITS].content = b"limit=3\n"
    problem = Rollback(MemoryTarget(practice.world, ""), practice.runner).pay()
    assert LIMITS in problem
    assert practice.content(LIMITS) == b"limit=3\n"
    assert len(practice.journal.owed(practice.run)) == 2


def test_a_way_back_that_fails_is_told_and_still_owed(practice: Practice) -> None:
    class Gone(Watched):
        def _change(self, verb):
            self.changes += 1
            if self.changes >= 2:
                raise Lost("memory", "the host is gone")
            return verb()

    ending = cure(practice, Gone(MemoryTarget(practice.world, "")))
    assert ending.outcome is Outcome.STUCK
    assert f"remediate rollback {practice.run}" in ending.todo
    owed = practice.journal.owed(practice.run)
    assert [one.step for one in owed] == ["set the colour"]


def test_no_audit_log_no_change(practice: Practice) -> None:
    run = practice.host_run()
    confirmed = run.look()
    before = practice.world.fingerprint()

    class Full:
        def append(self, *_: object) -> int:
            raise JournalError("audit.db", "no space left")

    run.journal = Full()  # type: ignore[assignment]
    with pytest.raises(Exception, match="no space left"):
        run.carry_out(confirmed)
    assert practice.world.fingerprint() == before


def test_an_audit_log_that_fails_after_a_change_leaves_the_rest_to_a_person(practice: Practice) -> None:
    class FullAfterTheFirst(Watched):
        def _change(self, verb):
            run.journal = Full()  # type: ignore[assignment]
            return super()._change(verb)

    class Full:
        def __getattr__(self, name: str):
            raise JournalError("audit.db", "no space left", "make room")

    run = practice.host_run(FullAfterTheFirst(MemoryTarget(practice.world, "")))
    ending = run.carry_out(run.look())
    assert ending.outcome is Outcome.STUCK
    assert "no space left" in ending.why
    assert practice.run in ending.todo
    assert len(practice.journal.owed(practice.run)) == 1


def test_the_outline_of_a_plan_does_not_change_with_its_live_notes(practice: Practice) -> None:
    change = practice.host_run().look().plan.changes[0]
    noted = change.model_copy(update={"notes": ("12 MB, 3 readers",)})
    assert noted.outline.same_as(change.outline)
    other = change.model_copy(update={"data": {}})
    assert not other.outline.same_as(change.outline)


def test_a_look_is_a_value(practice: Practice) -> None:
    look = practice.host_run().look()
    with pytest.raises(dataclasses.FrozenInstanceError):
        look.outcome = Outcome.FIXED  # type: ignore[misc]
