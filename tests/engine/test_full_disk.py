"""The runner's disk fills up in the middle of a run: a real small disk under the log, a host in memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from remediate.journal import Journal
from remediate.masking import Masker
from remediate.model import Outcome
from tests.laws.memory import MemoryTarget

from .conftest import CONFIG, LIMITS, Rehearsal


@pytest.fixture
def on_small_disk(rehearsal: Rehearsal, small_disk: Path) -> Iterator[Rehearsal]:
    with Journal.open(small_disk / "state", Masker()) as journal:
        rehearsal.journal = journal
        yield rehearsal


class Filling(MemoryTarget):
    """A host during whose first change the runner's disk fills up; with `greedy` the reserve is taken, too."""

    disk: Path
    greedy = False

    def scoped(self, token):
        self.token = token
        return self

    def write(self, path, content, expect, like=None):
        super().write(path, content, expect, like)
        if (self.disk / "filler").exists():
            return
        if self.greedy:
            (self.disk / "state" / "reserve").unlink(missing_ok=True)
        with (self.disk / "filler").open("ab", buffering=0) as file:
            for size in (65536, 4096, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    continue


def run_it(rehearsal: Rehearsal, disk: Path, *, greedy: bool) -> Outcome:
    target = Filling(rehearsal.world, "")
    target.disk, target.greedy = disk, greedy
    run = rehearsal.host_run(target)
    return run.carry_out(run.look()).outcome


@pytest.mark.fault(11)
def test_with_its_reserve_a_run_puts_everything_back_and_writes_that_down(
    on_small_disk: Rehearsal, small_disk: Path
) -> None:
    before = on_small_disk.world.fingerprint()
    assert run_it(on_small_disk, small_disk, greedy=False) is Outcome.ROLLED_BACK
    assert on_small_disk.world.fingerprint() == before
    journal = on_small_disk.journal
    kinds = [entry.kind for entry in journal.entries(on_small_disk.run)]
    assert kinds == ["confirmed", "owed", "done", "stopped", "paid", "compared"]
    assert journal.owed(on_small_disk.run) == ()
    assert journal.verify().whole


@pytest.mark.fault(11)
def test_without_any_room_it_stops_at_once_and_what_is_owed_stays_owed(
    on_small_disk: Rehearsal, small_disk: Path
) -> None:
    assert run_it(on_small_disk, small_disk, greedy=True) is Outcome.STUCK
    journal = on_small_disk.journal
    assert b"colour=green" in on_small_disk.content(CONFIG)
    assert on_small_disk.content(LIMITS) == b"limit=1\n", "nothing was done that is not written down"
    (owed,) = journal.owed(on_small_disk.run)
    assert owed.change.target == CONFIG
    (small_disk / "filler").unlink()
    assert on_small_disk.host_run().rollback.pay().problem == ""
    assert b"colour=red" in on_small_disk.content(CONFIG)
    assert (journal.owed(on_small_disk.run), journal.verify().whole) == ((), True)
