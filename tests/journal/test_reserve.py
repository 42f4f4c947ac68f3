"""A disk that is full, a real one: what ends a run is still written down, and nothing new is begun."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from remediate.errors import JournalError
from remediate.journal import Journal
from remediate.journal.reserve import SIZE, Reserve
from remediate.journal.store import _try_lock
from remediate.masking import Masker


@pytest.fixture
def on_small_disk(small_disk: Path) -> Iterator[Journal]:
    with Journal.open(small_disk / "state", Masker()) as journal:
        yield journal


def fill(disk: Path) -> Path:
    """Take every byte that is left."""
    filler = disk / "filler"
    with filler.open("ab", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return filler


def wear_out(write: Callable[[], object]) -> None:
    for _ in range(400):
        write()


@pytest.mark.fault(11)
def test_on_a_full_disk_an_end_is_written_down_and_nothing_new_is_begun_until_there_is_room(
    on_small_disk: Journal, small_disk: Path, samples: Any
) -> None:
    journal = on_small_disk
    journal.begin(samples.header("r1"))
    owed = journal.owe("r1", "web1", "step", "a", samples.change(), samples.undo())
    filler = fill(small_disk)
    with pytest.raises(JournalError):  # not at once: pages that are there already are used up first
        wear_out(lambda: journal.append("r1", "web1", "note", {"text": "x" * 5000}))
    assert (small_disk / "state" / "reserve").stat().st_size == SIZE, "not for what is new"
    for _ in range(20):
        journal.unpaid(owed, "x" * 5000)
    assert not (small_disk / "state" / "reserve").exists()
    with pytest.raises(JournalError, match=r"the disk is full: .*; make room"):
        journal.owe("r1", "web1", "step", "b", samples.change(), samples.undo())
    journal.paid(owed)
    filler.unlink()
    journal.begin(samples.header("r2"))
    assert (small_disk / "state" / "reserve").stat().st_size == SIZE
    assert journal.verify().whole
    assert journal.owed("r1") == ()


@pytest.mark.fault(11)
def test_a_disk_that_stays_full_refuses_the_end_too_and_the_log_stays_whole(
    on_small_disk: Journal, small_disk: Path, samples: Any
) -> None:
    journal = on_small_disk
    journal.begin(samples.header("r1"))
    owed = journal.owe("r1", "web1", "step", "a", samples.change(), samples.undo())
    (small_disk / "state" / "reserve").unlink()
    fill(small_disk)
    promised: list[int] = []
    with pytest.raises(JournalError) as caught:
        wear_out(lambda: promised.append(journal.unpaid(owed, "x" * 5000)))
    assert "\n" not in str(caught.value)
    verdict = journal.verify()
    assert (verdict.whole, verdict.entries) == (True, 2 + len(promised))
    journal.close()
    (small_disk / "filler").unlink()
    journal.paid(owed)
    with closing(sqlite3.connect(small_disk / "state" / "journal.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert journal.verify().whole


def test_a_run_that_could_not_write_down_its_end_is_not_begun(small_disk: Path, samples: Any) -> None:
    filler = fill(small_disk)
    with filler.open("r+b") as file:
        file.truncate(filler.stat().st_size - SIZE // 2)
    with Journal.open(small_disk / "state", Masker()) as journal, pytest.raises(JournalError, match="full"):
        journal.begin(samples.header("r1"))
    assert not (small_disk / "state" / "reserve").exists()


def test_the_reserve_is_looked_after_under_the_lock_of_the_log(
    journal: Journal, state: Path, samples: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    free: list[bool] = []

    def look(reserve: Reserve) -> None:
        with (state / "head").open("rb") as head:
            free.append(_try_lock(head.fileno()))
        ensure(reserve)

    ensure = Reserve.ensure
    monkeypatch.setattr(Reserve, "ensure", look)
    journal.begin(samples.header("r1"))
    assert free == [False]


def test_a_reserve_that_cannot_be_made_takes_nothing_from_another_process(small_disk: Path) -> None:
    (small_disk / "reserve").write_bytes(b"x" * 4096)
    fill(small_disk)
    with pytest.raises(JournalError, match="full"):
        Reserve(small_disk).ensure()
    assert (small_disk / "reserve").read_bytes() == b"x" * 4096
    assert sorted(path.name for path in small_disk.iterdir()) == ["filler", "reserve"]


def test_a_reserve_that_somebody_cut_is_made_whole_and_a_link_in_its_place_is_refused(
    journal: Journal, state: Path, samples: Any, open_journal: Callable[[], Journal], tmp_path: Path
) -> None:
    journal.begin(samples.header("r1"))
    (state / "reserve").write_bytes(b"")
    journal.begin(samples.header("r2"))
    assert (state / "reserve").stat().st_size == SIZE
    assert (state / "reserve").stat().st_mode & 0o777 == 0o600
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (state / "reserve").unlink()
    (state / "reserve").symlink_to(victim)
    with pytest.raises(JournalError):
        journal.begin(samples.header("r3"))
    assert victim.read_text() == "precious"
