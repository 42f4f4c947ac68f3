"""Changes that wait until a cure has held: what is saved for the next boot must not be what did not hold."""

import pytest

from remediate.errors import PlaybookError
from remediate.model import Outcome
from remediate.rollback import Rollback
from tests.engine.conftest import PLAYBOOK, Rehearsal
from tests.engine.test_resumption import killed, resumed
from tests.laws.memory import File, MemoryTarget
from tests.laws.process_cases import DUMP, ONLINE, PROCESS_SCRIPTS

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


def test_one_that_stands_before_another_fix_is_refused_when_the_playbook_is_read(
    rehearsal: Rehearsal,
) -> None:
    rehearsal.write_playbook(PLAYBOOK.replace("fix:\n", f"fix:\n{SAVE}"))
    with pytest.raises(PlaybookError, match=r"“set the colour” comes before that") as error:
        rehearsal.host_run()
    assert error.value.todo == "put it last in `fix`"
