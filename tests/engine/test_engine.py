import dataclasses

import pytest

from remediate.engine import put_back_words
from remediate.errors import JournalError, Locked, Lost, Stale, Unreachable
from remediate.events import Event, Events
from remediate.hazard import Hazard, Severity
from remediate.masking import Masker
from remediate.model import ChangeOutline, Outcome
from remediate.owner import LockOwner
from remediate.questions import Answers, Unanswered
from remediate.rollback import Rollback
from tests.engine.conftest import CONFIG, LIMITS, PLAYBOOK, Rehearsal
from tests.laws.memory import File, MemoryTarget
from tests.laws.simulated import said
from tests.laws.world import Watched


def cure(rehearsal: Rehearsal, target: object = None):
    run = rehearsal.host_run(target)
    return run.carry_out(run.look())


def test_a_healthy_host_is_left_alone(rehearsal: Rehearsal) -> None:
    rehearsal.world.state.files[CONFIG].content = b"colour=green\n"
    before = rehearsal.world.fingerprint()
    look = rehearsal.host_run().look()
    assert look.outcome is Outcome.HEALTHY
    assert look.plan.changes == ()
    assert rehearsal.world.fingerprint() == before


def test_looking_and_planning_change_nothing_and_leave_no_trace_in_the_journal(rehearsal: Rehearsal) -> None:
    before = rehearsal.world.fingerprint()
    look = rehearsal.host_run().look()
    assert [change.target for change in look.plan.changes] == [CONFIG, LIMITS]
    assert rehearsal.world.fingerprint() == before
    assert list(rehearsal.journal.entries()) == []


def test_the_fault_is_cured_and_every_change_is_owed_before_it_is_made(rehearsal: Rehearsal) -> None:
    assert cure(rehearsal).outcome is Outcome.FIXED
    assert rehearsal.content(CONFIG) == b"# ours\ncolour=green\n"
    kinds = [entry.kind for entry in rehearsal.journal.entries()]
    assert kinds == ["confirmed", "owed", "done", "owed", "done"]


def test_the_audit_log_says_who_was_logged_in_with_which_key_at_which_host(rehearsal: Rehearsal) -> None:
    cure(rehearsal)
    (confirmed,) = [entry for entry in rehearsal.journal.entries() if entry.kind == "confirmed"]
    assert confirmed.body["login"] == {"user": "deploy", "key": "SHA256:us", "host_key": "SHA256:them"}


def test_what_the_host_keeps_of_a_run_is_gone_when_it_ends(rehearsal: Rehearsal) -> None:
    cure(rehearsal)
    assert rehearsal.world.state.forgotten == [f"{rehearsal.run}/"]
    Rollback(MemoryTarget(rehearsal.world, ""), rehearsal.runner).pay()
    assert rehearsal.world.state.forgotten == [f"{rehearsal.run}/"] * 2


def test_a_way_back_is_in_the_journal_before_the_change_is_on_the_host(rehearsal: Rehearsal) -> None:
    target = Watched(MemoryTarget(rehearsal.world, ""), cut_at=1, moment="before")
    assert cure(rehearsal, target).outcome is Outcome.ROLLED_BACK
    kinds = [entry.kind for entry in rehearsal.journal.entries()]
    assert kinds[:3] == ["confirmed", "owed", "unknown"]


@pytest.mark.parametrize("cut_at", [1, 2])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_cut_anywhere_is_rolled_back_to_the_byte(rehearsal: Rehearsal, cut_at: int, moment: str) -> None:
    before = rehearsal.world.fingerprint()
    target = Watched(MemoryTarget(rehearsal.world, ""), cut_at, moment)  # type: ignore[arg-type]
    ending = cure(rehearsal, target)
    assert ending.outcome is Outcome.ROLLED_BACK
    assert rehearsal.world.fingerprint() == before
    assert rehearsal.journal.owed(rehearsal.run) == ()
    assert "put-back" in rehearsal.kinds()


def test_a_cure_that_does_not_hold_is_put_back(rehearsal: Rehearsal) -> None:
    rehearsal.write_playbook(PLAYBOOK.replace("text: limit=2", "text: limit=9"))
    before = rehearsal.world.fingerprint()
    ending = cure(rehearsal)
    assert ending.outcome is Outcome.ROLLED_BACK
    assert "the limit is two" in ending.why
    assert rehearsal.world.fingerprint() == before
    assert rehearsal.now >= 1005


def test_a_relapse_while_it_must_be_stable_is_no_cure(rehearsal: Rehearsal) -> None:
    def relapse() -> None:
        rehearsal.world.state.files[CONFIG].content = b"# ours\ncolour=red\n"

    before = rehearsal.world.fingerprint()["files"][LIMITS]
    rehearsal.on_sleep = relapse
    assert cure(rehearsal).outcome is Outcome.ROLLED_BACK
    assert rehearsal.world.fingerprint()["files"][LIMITS] == before


def test_somebody_who_meddles_with_the_cure_is_not_written_over(rehearsal: Rehearsal) -> None:
    def relapse() -> None:
        rehearsal.world.state.files[CONFIG].content = b"# theirs\ncolour=blue\n"

    rehearsal.on_sleep = relapse
    assert (
        cure(rehearsal).outcome is Outcome.STUCK
    )  # what this run left is no longer there: a person must look
    assert "undo-failed" in rehearsal.kinds()


def test_a_cure_must_stay_good_for_as_long_as_the_playbook_says(rehearsal: Rehearsal) -> None:
    cure(rehearsal)
    assert rehearsal.now - 1000 >= 2


def test_a_playbook_may_keep_what_it_changed(rehearsal: Rehearsal) -> None:
    rehearsal.write_playbook(PLAYBOOK.replace("text: limit=2", "text: limit=9") + "on_failure: keep\n")
    ending = cure(rehearsal)
    assert ending.outcome is Outcome.KEPT
    assert rehearsal.content(LIMITS) == b"limit=2\n"
    assert rehearsal.run in ending.todo
    assert len(rehearsal.journal.owed(rehearsal.run)) == 2


def test_a_host_that_moved_since_it_was_confirmed_is_not_touched(rehearsal: Rehearsal) -> None:
    run = rehearsal.host_run()
    confirmed = run.look()
    rehearsal.world.state.files[LIMITS].content = b"# somebody\nlimit=1\n"
    before = rehearsal.world.fingerprint()
    with pytest.raises(Stale, match="set the limit"):
        run.carry_out(confirmed)
    assert rehearsal.world.fingerprint() == before
    assert list(rehearsal.journal.entries()) == []


def test_a_fault_that_vanished_before_the_first_change_is_left_alone(rehearsal: Rehearsal) -> None:
    run = rehearsal.host_run()
    confirmed = run.look()
    rehearsal.world.state.files[CONFIG].content = b"colour=green\n"
    ending = run.carry_out(confirmed)
    assert (ending.outcome, ending.why) == (Outcome.HEALTHY, "healthy on its own: nothing was changed")


def test_a_host_in_somebody_elses_hands_is_not_touched(rehearsal: Rehearsal) -> None:
    run = rehearsal.host_run()
    confirmed = run.look()
    before = rehearsal.world.fingerprint()
    with (
        MemoryTarget(rehearsal.world, "").locked(LockOwner(run="other", who="anna", since="9:00")),
        pytest.raises(Locked, match="anna"),
    ):
        run.carry_out(confirmed)
    assert rehearsal.world.fingerprint() == before


def test_a_change_that_somebody_makes_between_two_fixes_stops_the_run_and_rolls_back(
    rehearsal: Rehearsal,
) -> None:
    class Meddling(Watched):
        def _change(self, verb):
            done = super()._change(verb)
            if self.changes == 1:
                rehearsal.world.state.files[LIMITS].content = b"limit=7\n"
            return done

    ending = cure(rehearsal, Meddling(MemoryTarget(rehearsal.world, "")))
    assert ending.outcome is Outcome.ROLLED_BACK
    assert rehearsal.content(CONFIG) == b"# ours\ncolour=red\n"
    assert rehearsal.content(LIMITS) == b"limit=7\n"


def test_ctrl_c_in_the_middle_is_rolled_back(rehearsal: Rehearsal) -> None:
    class Impatient(Watched):
        def _change(self, verb):
            super()._change(verb)
            if self.changes == 2:
                raise KeyboardInterrupt

    before = rehearsal.world.fingerprint()
    ending = cure(rehearsal, Impatient(MemoryTarget(rehearsal.world, "")))
    assert ending.outcome is Outcome.ROLLED_BACK
    assert "interrupted" in ending.why
    assert rehearsal.world.fingerprint() == before


def test_ctrl_c_while_verifying_is_rolled_back(rehearsal: Rehearsal) -> None:
    def press() -> None:
        raise KeyboardInterrupt

    before = rehearsal.world.fingerprint()
    rehearsal.on_sleep = press
    assert cure(rehearsal).outcome is Outcome.ROLLED_BACK
    assert rehearsal.world.fingerprint() == before


def test_a_finished_run_is_put_back_by_another_process(rehearsal: Rehearsal) -> None:
    before = rehearsal.world.fingerprint()
    assert cure(rehearsal).outcome is Outcome.FIXED
    rollback = Rollback(MemoryTarget(rehearsal.world, ""), rehearsal.runner)
    assert rollback.pay().problem == ""
    assert rehearsal.world.fingerprint() == before
    assert rollback.pay().problem == ""
    assert rehearsal.world.fingerprint() == before


def test_what_somebody_changed_since_is_not_put_back_over(rehearsal: Rehearsal) -> None:
    cure(rehearsal)
    rehearsal.world.state.files[LIMITS].content = b"limit=3\n"
    problem = Rollback(MemoryTarget(rehearsal.world, ""), rehearsal.runner).pay().problem
    assert LIMITS in problem
    assert rehearsal.content(LIMITS) == b"limit=3\n"
    assert len(rehearsal.journal.owed(rehearsal.run)) == 2


def test_a_way_back_that_fails_is_told_and_still_owed(rehearsal: Rehearsal) -> None:
    class Gone(Watched):
        def _change(self, verb):
            self.changes += 1
            if self.changes >= 2:
                raise Lost("memory", "the host is gone")
            return verb()

    ending = cure(rehearsal, Gone(MemoryTarget(rehearsal.world, "")))
    assert ending.outcome is Outcome.STUCK
    assert f"remediate rollback {rehearsal.run}" in ending.todo
    owed = rehearsal.journal.owed(rehearsal.run)
    assert [one.step for one in owed] == ["set the colour"]


def test_a_host_that_cannot_be_reached_for_a_change_leaves_that_unknown_in_the_audit_log(
    rehearsal: Rehearsal,
) -> None:
    class Away(Watched):
        def _change(self, verb):
            self.changes += 1
            if self.changes == 2:
                raise Unreachable("memory", "the host is gone")
            return verb()

    assert cure(rehearsal, Away(MemoryTarget(rehearsal.world, ""))).outcome is Outcome.ROLLED_BACK
    reported = [one.kind for one in rehearsal.journal.entries() if one.kind in {"done", "failed", "unknown"}]
    assert reported == ["done", "unknown"]


def test_no_audit_log_no_change(rehearsal: Rehearsal) -> None:
    run = rehearsal.host_run()
    confirmed = run.look()
    before = rehearsal.world.fingerprint()

    class Full:
        def confirm(self, *_: object) -> int:
            raise JournalError("audit.db", "no space left")

    run.journal = Full()  # type: ignore[assignment]
    with pytest.raises(Exception, match="no space left"):
        run.carry_out(confirmed)
    assert rehearsal.world.fingerprint() == before


def test_a_terminal_that_goes_away_ends_no_run(rehearsal: Rehearsal) -> None:
    run = rehearsal.host_run()
    seen: list[str] = []

    def closed(event: Event) -> None:
        seen.append(event.kind)
        raise BrokenPipeError

    events = Events(rehearsal.run, [closed, rehearsal.told.append], Masker(), rehearsal.clock.wall)
    run.events = run.rollback.events = events
    assert run.carry_out(run.look()).outcome is Outcome.FIXED
    assert len(seen) == 1, "a sink that cannot be written to is asked once"
    assert "change-done" in rehearsal.kinds()


def test_a_defect_in_what_is_shown_ends_no_run(rehearsal: Rehearsal) -> None:
    run = rehearsal.host_run()

    def wrong(event: Event) -> None:
        raise KeyError(event.kind)

    events = Events(rehearsal.run, [wrong, rehearsal.told.append], Masker(), rehearsal.clock.wall)
    run.events = run.rollback.events = events
    assert run.carry_out(run.look()).outcome is Outcome.FIXED
    assert "change-done" in rehearsal.kinds()
    assert len(events.defects) == len(rehearsal.told)


def test_one_look_that_fails_while_verifying_is_no_verdict(rehearsal: Rehearsal) -> None:
    class Stuttering(Watched):
        failed = 0

        def answer(self, questions):
            if self.changes == 2 and self.failed < 2:
                self.failed += 1
                if self.failed == 1:
                    raise Unreachable(self.name, "the link is gone for a moment")
                return Answers(dict.fromkeys(questions, Unanswered(reason="too slow")), self.name)
            return super().answer(questions)

    assert cure(rehearsal, Stuttering(MemoryTarget(rehearsal.world, ""))).outcome is Outcome.FIXED


def test_a_host_that_cannot_be_looked_at_any_more_is_not_cured(rehearsal: Rehearsal) -> None:
    class Mute(Watched):
        def answer(self, questions):
            if self.changes == 2:
                raise Unreachable(self.name, "the link is gone")
            return super().answer(questions)

    ending = cure(rehearsal, Mute(MemoryTarget(rehearsal.world, "")))
    assert (ending.outcome, "not cured after 5 s" in ending.why) == (Outcome.STUCK, True)
    assert len(rehearsal.journal.owed(rehearsal.run)) == 2, "nothing was put back blindly"


def test_what_nobody_saw_the_end_of_is_stopped_before_it_is_put_back(rehearsal: Rehearsal) -> None:
    cure(rehearsal, Watched(MemoryTarget(rehearsal.world, ""), cut_at=2, moment="after"))
    assert rehearsal.world.state.stopped == [f"{rehearsal.run}/2.1"]


def test_a_plan_that_is_stale_before_the_first_change_is_told_as_such(rehearsal: Rehearsal) -> None:
    class Meddling(Watched):
        looks = 0

        def answer(self, questions):
            self.looks += 1
            if self.looks == 3:  # the third look is the first fix's own
                rehearsal.world.state.files[CONFIG].content = b"# theirs\ncolour=red\n"
            return super().answer(questions)

    run = rehearsal.host_run(Meddling(MemoryTarget(rehearsal.world, "")))
    with pytest.raises(Stale, match="no longer do what was confirmed"):
        run.carry_out(run.look())
    assert rehearsal.journal.owed(rehearsal.run) == ()


def test_an_outcome_says_no_more_than_was_seen(rehearsal: Rehearsal) -> None:
    cure(rehearsal)
    rehearsal.world.state.files[LIMITS].content = b"limit=2\nlimit=1\n"
    confirmed = rehearsal.journal.confirmed(rehearsal.run, "memory")
    assert confirmed is not None
    rehearsal.journal.paid(rehearsal.journal.owed(rehearsal.run)[0].id)  # somebody settled the limit by hand
    settled = Rollback(MemoryTarget(rehearsal.world, ""), rehearsal.runner).pay(confirmed.fixes)
    assert settled.problem == ""
    assert "set the limit" in settled.difference
    assert "everything" not in put_back_words(settled)


def test_an_audit_log_that_fails_after_a_change_leaves_the_rest_to_a_person(rehearsal: Rehearsal) -> None:
    class FullAfterTheFirst(Watched):
        def _change(self, verb):
            run.journal = Full()  # type: ignore[assignment]
            return super()._change(verb)

    class Full:
        def __getattr__(self, name: str):
            raise JournalError("audit.db", "no space left", "make room")

    run = rehearsal.host_run(FullAfterTheFirst(MemoryTarget(rehearsal.world, "")))
    ending = run.carry_out(run.look())
    assert ending.outcome is Outcome.STUCK
    assert "no space left" in ending.why
    assert rehearsal.run in ending.todo
    assert len(rehearsal.journal.owed(rehearsal.run)) == 1


def test_the_outline_of_a_plan_does_not_change_with_its_live_notes(rehearsal: Rehearsal) -> None:
    change = rehearsal.host_run().look().plan.changes[0]
    noted = change.model_copy(update={"notes": ("12 MB, 3 readers",)})
    assert noted.outline.same_as(change.outline)
    other = change.model_copy(update={"data": {}})
    assert not other.outline.same_as(change.outline)


def test_what_was_planned_on_an_assumption_is_another_once_something_stops_it(rehearsal: Rehearsal) -> None:
    change = rehearsal.host_run().look().plan.changes[0]
    assumed = change.model_copy(update={"assumed": "an earlier step alters that"})
    stop = Hazard(rule="loses-data", severity=Severity.STOP, why="a reset", allowed=True, final=True)
    stopped = change.model_copy(update={"hazards": (stop,)})
    assert change.outline.same_as(assumed.outline)
    assert not stopped.outline.same_as(assumed.outline)
    assert stopped.outline.same_as(assumed.model_copy(update={"hazards": (stop,)}).outline)
    excused = change.model_copy(update={"hazards": (stop.model_copy(update={"final": False}),)})
    assert excused.outline.same_as(assumed.outline), "no policy refuses what the step allows"
    old = assumed.outline.model_dump(mode="json", exclude={"stops"})
    assert ChangeOutline.model_validate(old) == assumed.outline, "journals from before say nothing of it"


FREE = """
  - name: {name}
    command.run:
      script: {script}
      what: {name}
      about: ["file:{about}"]
      unless: {{script: "{unless}"}}
      undo: {{script: "true"}}
"""


def test_a_fix_that_an_earlier_one_made_dangerous_is_not_done(rehearsal: Rehearsal) -> None:
    """Of the second fix nobody could be asked: what it runs is written by the first."""
    package, build = "/srv/app/package.json", "cd /srv/app && npm run build"
    files = rehearsal.world.state.files
    files[package] = File(b'{"scripts": {"build": "tsc"}}')

    def worsen(*_: object):
        files[package].content = b'{"scripts": {"build": "prisma migrate reset -f"}}'
        return said("")

    rehearsal.world.scripts |= {
        "worsen": worsen,
        "worse": lambda *_: said("", int(b"reset" not in files[package].content)),
        "false": lambda *_: said("", 1),
        "true": lambda *_: said(""),
    }
    fixes = (("worsen", "worsen", package, "worse"), ("build", build, "/srv/app", "false"))
    told = "".join(
        FREE.format(name=name, script=script, about=about, unless=unless)
        for name, script, about, unless in fixes
    )
    rehearsal.write_playbook(
        PLAYBOOK[: PLAYBOOK.index("fix:")] + f"fix:{told}" + PLAYBOOK[PLAYBOOK.index("verify:") :]
    )
    run = rehearsal.host_run()
    look = run.look()
    assert (look.plan.changes[-1].hazards, bool(look.plan.changes[-1].assumed)) == ((), True)
    ending = run.carry_out(look)
    assert "“build” would no longer do what was confirmed" in ending.why
    assert "migrate reset (by 'build' of package.json)" in ending.why


def test_a_look_is_a_value(rehearsal: Rehearsal) -> None:
    look = rehearsal.host_run().look()
    with pytest.raises(dataclasses.FrozenInstanceError):
        look.outcome = Outcome.FIXED  # type: ignore[misc]
