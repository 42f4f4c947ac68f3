"""Changes that wait until a cure has held: what is saved for the next boot must not be what did not hold."""

import pytest

from remediate.errors import Interrupted, JournalError, Lost, Ousted, PlaybookError
from remediate.journal import Course
from remediate.model import Outcome
from remediate.providers.pm2_saved import SAVED_SCRIPT
from remediate.rollback import Rollback
from tests.engine.conftest import CONFIG, LIMITS, PLAYBOOK, Rehearsal
from tests.engine.test_resumption import killed, resumed
from tests.laws.memory import File, MemoryTarget
from tests.laws.process_cases import DUMP, ONLINE, PROCESS_SCRIPTS
from tests.laws.simulated import said

SAVE = """  - name: let it outlive a boot
    pm2.save: {app: app, backend: /srv/app}
"""
STALE, FRESH = b'{"app": "stopped", "other": "online"}', b'{"app": "online", "other": "online"}'


@pytest.fixture
def saving(rehearsal: Rehearsal) -> Rehearsal:
    """A playbook whose last fix waits for the cure, and an app that is saved otherwise than it runs."""
    rehearsal.write_playbook(PLAYBOOK.replace("verify:\n", f"{SAVE}verify:\n"))
    rehearsal.world.state.files[DUMP] = File(STALE)
    rehearsal.world.state.processes["app"] = dict(ONLINE)
    rehearsal.world.scripts.update(PROCESS_SCRIPTS)
    return rehearsal


def cure(rehearsal: Rehearsal):
    run = rehearsal.host_run()
    return run.carry_out(run.look())


def test_it_is_made_after_the_cure_has_held_and_taken_back_with_it(saving: Rehearsal) -> None:
    before, seen = saving.world.fingerprint(), []
    saving.on_sleep = lambda: seen.append(saving.content(DUMP))
    assert cure(saving).outcome is Outcome.FIXED
    assert set(seen) == {STALE}, "not while it is watched"
    assert saving.content(DUMP) == FRESH
    assert not Rollback(MemoryTarget(saving.world, ""), saving.runner).pay().problem
    assert saving.world.fingerprint() == before


def test_a_cure_that_does_not_hold_never_comes_to_it(saving: Rehearsal) -> None:
    book = (saving.folder / "two-files.yml").read_text()
    saving.write_playbook(book.replace("text: limit=2", "text: limit=9"))
    assert cure(saving).outcome is Outcome.ROLLED_BACK
    assert DUMP not in {entry.body.get("change", {}).get("target") for entry in saving.journal.entries()}
    assert [entry.kind for entry in saving.journal.entries()].count("owed") == 2
    assert saving.content(DUMP) == STALE


@pytest.mark.parametrize(
    ("kill_at", "moment"), [(number, moment) for number in range(2, 8) for moment in ("before", "after")]
)
def test_a_run_that_was_killed_makes_it_once_when_it_is_resumed(
    saving: Rehearsal, kill_at: int, moment: str
) -> None:
    assert killed(saving, kill_at, moment)
    seen: list[bytes] = []
    saving.on_sleep = lambda: seen.append(saving.content(DUMP))
    assert resumed(saving).outcome is Outcome.FIXED
    assert saving.content(DUMP) == FRESH
    assert [entry.kind for entry in saving.journal.entries()].count("owed") == 3
    assert set(seen) == ({STALE} if kill_at < 7 else {FRESH})


GREEN, LIMITED = b"# ours\ncolour=green\n", b"limit=2\n"
OF_THE_WAIT = "not done after it: “let it outlive a boot”"


def instead_of_saving(saving: Rehearsal, do) -> None:
    """Let the script that saves do something else; it looks and puts back as ever."""
    scripts = saving.world.scripts
    real = scripts[SAVED_SCRIPT]
    scripts[SAVED_SCRIPT] = lambda state, args: (do if args[0] == "save" else real)(state, args)


def refused(exit_code: int):
    return lambda _state, _args: said(exit_code=exit_code)


def broken_off(saving: Rehearsal, error: BaseException):
    """Return what saves all of it, and is then broken off."""
    real = saving.world.scripts[SAVED_SCRIPT]

    def save(state, args):
        real(state, args)
        raise error

    return save


def cure_alone_is_there(saving: Rehearsal) -> bool:
    return (saving.content(CONFIG), saving.content(LIMITS), saving.content(DUMP)) == (GREEN, LIMITED, STALE)


@pytest.mark.parametrize(
    ("exit_code", "why"),
    [(9, "was saved otherwise by somebody else since"), (1, "could not be saved for the next boot")],
)
def test_a_cure_that_has_held_stays_where_what_waited_for_it_fails(
    saving: Rehearsal, exit_code: int, why: str
) -> None:
    instead_of_saving(saving, refused(exit_code))
    before = saving.world.fingerprint()
    ending = cure(saving)
    assert ending.outcome is Outcome.FIXED
    assert f"{OF_THE_WAIT}: {why}" in ending.why
    assert not ending.interrupted
    assert cure_alone_is_there(saving)
    assert [event.text for event in saving.told if event.kind == "warning"] == [
        f"the cure has held; {OF_THE_WAIT}: {why}"
    ]
    assert [one.step for one in saving.journal.owed(saving.run)] == ["set the limit", "set the colour"]
    assert saving.journal.standing(saving.run, "memory").course is Course.ONWARDS, "it did not fail"
    assert not Rollback(MemoryTarget(saving.world, ""), saving.runner).pay().problem
    assert saving.world.fingerprint() == before


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), Lost("memory", "the link went away"), Interrupted("memory", "told to end")]
)
def test_what_was_broken_off_after_a_cure_that_held_is_put_back_and_the_cure_is_not(
    saving: Rehearsal, error: BaseException
) -> None:
    instead_of_saving(saving, broken_off(saving, error))
    ending = cure(saving)
    assert ending.outcome is Outcome.FIXED
    assert cure_alone_is_there(saving)
    assert ending.interrupted is not isinstance(error, Lost)


def test_somebody_who_saves_in_that_very_second_takes_nothing_of_the_cure_back(saving: Rehearsal) -> None:
    saving.on_sleep = lambda: saving.world.state.files.update({DUMP: File(b'{"app": "theirs"}')})
    ending = cure(saving)
    assert ending.outcome is Outcome.FIXED
    assert "would no longer do what was confirmed" in ending.why
    assert (saving.content(CONFIG), saving.content(DUMP)) == (GREEN, b'{"app": "theirs"}')


def test_where_it_cannot_be_put_back_a_person_is_needed_and_the_cure_stays(saving: Rehearsal) -> None:
    real = saving.world.scripts[SAVED_SCRIPT]
    broken = {"save": broken_off(saving, Lost("memory", "the link went away")), "unsave": refused(9)}
    saving.world.scripts[SAVED_SCRIPT] = lambda state, args: broken.get(args[0], real)(state, args)
    ending = cure(saving)
    assert ending.outcome is Outcome.STUCK
    assert f"remediate resume {saving.run} goes on with it" in ending.todo
    assert saving.content(CONFIG) == GREEN
    saving.world.scripts[SAVED_SCRIPT] = real
    assert resumed(saving).outcome is Outcome.FIXED
    assert saving.content(DUMP) == FRESH


def test_after_the_lock_was_taken_away_nothing_more_is_done_and_the_cure_stays(saving: Rehearsal) -> None:
    instead_of_saving(saving, broken_off(saving, Ousted("memory", "the lock was taken away")))
    ending = cure(saving)
    assert ending.outcome is Outcome.STUCK
    assert "what was begun of that is not put back" in ending.why
    assert (saving.content(CONFIG), saving.content(DUMP)) == (GREEN, FRESH)


def test_where_nothing_can_be_written_down_nothing_more_is_done(saving: Rehearsal) -> None:
    run = saving.host_run()

    def full(*_: object) -> None:
        raise JournalError("audit.db", "the disk is full", "make room")

    def saved_and_full(state, args):
        run.journal.append = run.journal.failed = full  # type: ignore[method-assign]
        return said(exit_code=1)

    instead_of_saving(saving, saved_and_full)
    ending = run.carry_out(run.look())
    assert ending.outcome is Outcome.STUCK
    assert "the disk is full" in ending.why
    assert cure_alone_is_there(saving)


@pytest.mark.parametrize(("kill_at", "moment"), [(4, "before"), (6, "after"), (7, "before")])
def test_a_resumed_run_whose_last_step_fails_keeps_its_cure_too(
    saving: Rehearsal, kill_at: int, moment: str
) -> None:
    assert killed(saving, kill_at, moment)
    instead_of_saving(saving, refused(9))
    saving.world.state.files[DUMP] = File(STALE)  # what was saved before it died was written over since
    ending = resumed(saving)
    assert ending.outcome is Outcome.FIXED
    assert OF_THE_WAIT in ending.why
    assert cure_alone_is_there(saving)


def test_a_resumed_run_that_is_interrupted_there_keeps_its_cure_too(saving: Rehearsal) -> None:
    assert killed(saving, 5, "after")
    instead_of_saving(saving, broken_off(saving, KeyboardInterrupt()))
    ending = resumed(saving)
    assert (ending.outcome, ending.interrupted) == (Outcome.FIXED, True)
    assert cure_alone_is_there(saving)


def test_one_that_stands_before_another_fix_is_refused_when_the_playbook_is_read(
    rehearsal: Rehearsal,
) -> None:
    rehearsal.write_playbook(PLAYBOOK.replace("fix:\n", f"fix:\n{SAVE}"))
    with pytest.raises(PlaybookError, match=r"“set the colour” comes before that") as error:
        rehearsal.host_run()
    assert error.value.todo == "put it last in `fix`"
