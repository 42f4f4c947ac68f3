import fcntl
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from remediate.errors import JournalError
from remediate.journal import Journal, store, stored_log
from remediate.masking import Masker

WRITER = """
import sys, itertools
from pathlib import Path
from remediate.masking import Masker
from remediate.journal import Journal
state, run, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
journal = Journal.open(state, Masker([]))
for number in range(count) if count else itertools.count():
    journal.append(run, "web1", "note", {"number": number, "text": "x" * 200})
    print(number, flush=True)
"""


@contextmanager
def writing(state: Path, run: str, count: int = 0) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", WRITER, str(state), run, str(count)]
    root = str(Path(store.__file__).parents[1])
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": root}) as process:
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


@contextmanager
def tampering(state: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(state / "journal.db", isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER entries_are_never_changed")
        connection.execute("DROP TRIGGER entries_are_never_removed")
        yield connection
        for statement in stored_log.SCHEMA:
            connection.execute(statement)


def written(journal: Journal, count: int = 4) -> Journal:
    for number in range(count):
        journal.append("r1", "web1", "note", {"number": number})
    journal.close()
    return journal


def test_entries_can_be_neither_changed_nor_removed(journal: Journal, state: Path) -> None:
    written(journal)
    with closing(sqlite3.connect(state / "journal.db")) as connection:
        for statement in (
            "UPDATE entries SET run = 'x'",
            "DELETE FROM entries",
            "UPDATE entries SET body = x'00'",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET body = replace(body, '2', '9') WHERE seq = 3",
        "UPDATE entries SET at = at + 1 WHERE seq = 3",
        "UPDATE entries SET host = 'web2' WHERE seq = 3",
        "UPDATE entries SET host = x'ff' WHERE seq = 3",
        "UPDATE entries SET at = 'never' WHERE seq = 3",
        "UPDATE entries SET hash = zeroblob(32) WHERE seq = 3",
        "DELETE FROM entries WHERE seq = 3",
    ],
)
def test_tampering_past_the_triggers_is_found_and_named(
    journal: Journal, state: Path, statement: str
) -> None:
    written(journal)
    with tampering(state) as connection:
        connection.execute(statement)
    verdict = journal.verify()
    assert (verdict.whole, verdict.bad) == (False, 3), verdict


@pytest.mark.fault(27)
@pytest.mark.parametrize("cut", [1, 2, 4])
def test_entries_cut_off_are_found_and_nothing_is_written_over_the_evidence(
    journal: Journal, state: Path, cut: int
) -> None:
    written(journal)
    with tampering(state) as connection:
        connection.execute("DELETE FROM entries WHERE seq > ?", (4 - cut,))
    assert f"{cut} entries were cut off" in journal.verify().why
    before = (state / "head").read_bytes()
    with pytest.raises(JournalError, match="do not fit together"):
        journal.append("r2", "", "note", {})
    assert (state / "head").read_bytes() == before


def test_a_log_taken_away_whole_is_found(journal: Journal, state: Path) -> None:
    written(journal)
    (state / "journal.db").unlink()
    assert "4 entries were cut off" in journal.verify().why
    with pytest.raises(JournalError, match="do not fit together"):
        journal.append("r2", "", "note", {})


@pytest.mark.parametrize("number", [5, 2**63, 10**20 - 1])
def test_a_head_beyond_all_entries_is_told_in_one_line(journal: Journal, state: Path, number: int) -> None:
    written(journal)
    whole = (state / "head").read_bytes()
    (state / "head").write_bytes(b"%020d" % number + whole[20:])
    with pytest.raises(JournalError, match="do not fit together") as refused:
        journal.append("r2", "", "note", {})
    assert "\n" not in str(refused.value)
    assert f"the head names entry {number}" in journal.verify().why


def test_a_head_taken_away_is_found_and_not_made_anew(journal: Journal, state: Path) -> None:
    written(journal)
    (state / "head").unlink()
    assert not journal.verify().whole
    with pytest.raises(JournalError, match="do not fit together"):
        journal.append("r2", "", "note", {})
    assert not journal.verify().whole


def test_missing_triggers_are_found(journal: Journal, state: Path) -> None:
    written(journal)
    with closing(sqlite3.connect(state / "journal.db")) as connection:
        connection.execute("DROP TRIGGER entries_are_never_removed")
    assert "triggers" in journal.verify().why


@pytest.mark.fault(27)
def test_any_flipped_bit_of_the_file_is_found_or_has_changed_no_entry(
    journal: Journal, state: Path, count: Callable[[str, int, int], None]
) -> None:
    written(journal, 3)
    path = state / "journal.db"
    raw, entries = path.read_bytes(), list(journal.entries())
    used = [offset for offset in range(len(raw)) if raw[offset]]
    sample = used[:: max(1, len(used) // 150)]
    for offset in sample:
        path.write_bytes(raw[:offset] + bytes([raw[offset] ^ (1 << offset % 8)]) + raw[offset + 1 :])
        verdict = journal.verify()
        assert not verdict.whole or list(journal.entries()) == entries, offset
        for beside in ("journal.db-wal", "journal.db-shm", "journal.db-journal"):
            (state / beside).unlink(missing_ok=True)
    count("bits flipped", len(sample), len(sample))


def test_an_altered_or_missing_before_image_is_found(journal: Journal, state: Path, samples: Any) -> None:
    owed = journal.owe("r1", "web1", "step", "a", samples.change(), samples.undo(before_bytes="eHg="))
    (blob,) = (state / "blobs").iterdir()
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")
    verdict = journal.verify()
    assert (verdict.whole, verdict.bad) == (False, owed)
    with pytest.raises(JournalError, match="altered"):
        journal.owed("r1")
    blob.unlink()
    assert not journal.verify().whole
    with pytest.raises(JournalError, match="cannot be read"):
        journal.owed("r1")


def test_blobs_come_back_verified(journal: Journal, state: Path) -> None:
    name = journal._blobs.store(b"\x00before\xff")
    assert journal._blobs.store(b"\x00before\xff") == name
    assert journal._blobs.load(name) == b"\x00before\xff"
    (state / "blobs" / name).write_bytes(b"")
    with pytest.raises(JournalError, match="altered"):
        journal._blobs.load(name)
    assert journal._blobs.store(b"\x00before\xff") == name, "a damaged one is mended by the true content"
    assert journal._blobs.load(name) == b"\x00before\xff"
    with pytest.raises(JournalError, match="no blob's name"):
        journal._blobs.load("../head")


def test_processes_that_write_at_the_same_time_make_one_chain(journal: Journal, state: Path) -> None:
    with writing(state, "r1", 60) as first, writing(state, "r2", 60) as second:
        for process in (first, second):
            assert process.stdout is not None
            assert len(process.stdout.readlines()) == 60
    verdict = journal.verify()
    assert (verdict.whole, verdict.entries, verdict.note) == (True, 120, "")
    assert [len(list(journal.entries(run))) for run in ("r1", "r2")] == [60, 60]


def test_threads_that_write_at_the_same_time_make_one_chain(journal: Journal) -> None:
    threads = [
        threading.Thread(target=lambda: [journal.append("r1", "web1", "note", {}) for _ in range(20)])
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (journal.verify().whole, journal.verify().entries) == (True, 120)


def test_reading_works_while_another_process_writes(journal: Journal, state: Path) -> None:
    with writing(state, "r1") as process:
        assert process.stdout is not None
        process.stdout.readline()
        for _ in range(20):
            assert journal.verify().whole
            assert list(journal.entries("r1"))


@pytest.mark.fault(27)
def test_killed_at_any_moment_it_has_every_entry_that_was_promised(journal: Journal, state: Path) -> None:
    for round_ in range(4):
        run = f"r{round_}"
        with writing(state, run) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(0.004 * round_)
            process.send_signal(signal.SIGKILL)
            promised = 1 + len(process.stdout.readlines())
        verdict = journal.verify()
        assert verdict.whole, verdict
        assert len(list(journal.entries(run))) in {promised, promised + 1}
    journal.append("after", "", "note", {})
    assert journal.verify().whole


def test_an_audit_log_can_be_read_where_nothing_may_be_written(
    journal: Journal, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(journal)
    before = sorted(path.name for path in state.iterdir())
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert journal.verify().whole
    assert len(list(journal.entries())) == 4
    assert sorted(path.name for path in state.iterdir()) == before


def test_a_damaged_file_is_one_line_and_nothing_is_written_to_it(journal: Journal, state: Path) -> None:
    written(journal)
    (state / "journal.db").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(JournalError) as caught:
        journal.append("r1", "", "note", {})
    assert "\n" not in str(caught.value)
    with pytest.raises(JournalError):
        list(journal.entries())
    assert not journal.verify().whole
    assert (state / "journal.db").read_bytes().startswith(b"this is no database")


@pytest.mark.fault(33)
def test_a_damaged_page_is_found_before_anything_is_written(journal: Journal, state: Path) -> None:
    written(journal, 200)
    path = state / "journal.db"
    raw = bytearray(path.read_bytes())
    raw[3 * 4096 : 3 * 4096 + 200] = bytes(200)
    path.write_bytes(raw)
    with pytest.raises(JournalError):
        journal.append("r1", "", "note", {})


def test_a_state_directory_that_others_can_look_into_is_refused(journal: Journal, state: Path) -> None:
    state.mkdir(mode=0o755)
    state.chmod(0o755)
    with pytest.raises(JournalError, match=f"looked into by others; chmod 700 {state}"):
        journal.append("r1", "", "note", {})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to somebody else")
def test_a_state_directory_of_somebody_else_is_refused(journal: Journal, state: Path) -> None:
    state.mkdir(mode=0o700)
    os.chown(state, 65534, 65534)
    with pytest.raises(JournalError, match="belongs to somebody else"):
        journal.append("r1", "", "note", {})


def test_a_place_where_nothing_can_be_written_is_one_line(
    open_journal: Callable[[], Journal], state: Path
) -> None:
    state.parent.mkdir(exist_ok=True)
    state.write_text("a file, no directory")
    with pytest.raises(JournalError) as caught:
        open_journal().append("r1", "", "note", {})
    assert "\n" not in str(caught.value)


def test_a_link_in_place_of_the_log_is_refused(journal: Journal, state: Path, tmp_path: Path) -> None:
    state.mkdir(mode=0o700)
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (state / "head").symlink_to(victim)
    with pytest.raises(JournalError):
        journal.append("r1", "", "note", {})
    (state / "head").unlink()
    (state / "journal.db").symlink_to(victim)
    with pytest.raises(JournalError):
        journal.append("r1", "", "note", {})
    assert victim.read_bytes() == b"precious"


@pytest.mark.fault(33)
def test_a_process_that_keeps_the_lock_is_waited_for_and_then_named(
    journal: Journal, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(journal)
    monkeypatch.setattr(store, "PATIENCE", 0.05)
    with (state / "head").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(JournalError, match="another process keeps the audit log locked"):
            journal.append("r1", "", "note", {})
    journal.append("r1", "", "note", {})


def test_a_full_disk_loses_nothing_that_was_promised(journal: Journal, state: Path) -> None:
    written(journal)
    copy = state.with_name("full")
    shutil.copytree(state, copy)
    journal.append("r1", "", "note", {})
    journal._store._writer.execute("PRAGMA max_page_count = 1")  # as a disk that has no page left
    with pytest.raises(JournalError, match="full"):
        fill(journal)
    verdict = journal.verify()
    assert verdict.whole
    assert verdict.entries >= 5


def fill(journal: Journal) -> None:
    for _ in range(200):
        journal.append("r1", "", "note", {"text": "x" * 4000})


@pytest.mark.parametrize("ended", [False, True])
def test_a_log_in_a_directory_that_cannot_be_written_is_read_whole(
    journal: Journal, state: Path, samples: Any, small_disk: Path, ended: bool
) -> None:
    for run in ("r1", "r2"):
        journal.begin(samples.header(run))
    if ended:
        journal.close()
    (small_disk / "state").mkdir()
    for name in ("journal.db", "journal.db-wal", "head"):  # as a killed runner leaves them
        if (state / name).exists():
            shutil.copy(state / name, small_disk / "state")
    assert (small_disk / "state" / "journal.db-wal").exists() is not ended
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with Journal.open(small_disk / "state", Masker()) as read_only:
        verdict = read_only.verify()
        assert (verdict.whole, verdict.entries) == (True, 2), verdict.why
        assert [summary.header.run for summary in read_only.runs()] == ["r2", "r1"]


def test_a_log_that_another_process_is_just_making_is_empty_and_one_that_was_emptied_is_not(
    tmp_path: Path,
) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    (state / "journal.db").touch(mode=0o600)  # it was opened, and has no table yet
    with Journal.open(state, Masker()) as journal:
        assert list(journal.entries()) == []
        assert journal.runs() == ()
        journal.append("run", "web1", "looked", {})
    for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
        (state / name).unlink(missing_ok=True)
    (state / "journal.db").touch(mode=0o600)
    with Journal.open(state, Masker()) as journal, pytest.raises(JournalError):
        list(journal.entries())


def test_only_one_at_a_time_reads_decides_and_writes(tmp_path: Path) -> None:
    seen: list[str] = []

    def decide(name: str) -> None:
        with Journal.open(tmp_path / "state", Masker()) as journal, journal.deciding():
            seen.append(f"{name} in")
            time.sleep(0.05)
            seen.append(f"{name} out")

    threads = [threading.Thread(target=decide, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    for number in range(0, 8, 2):
        assert seen[number].split()[0] == seen[number + 1].split()[0], seen


def test_a_run_lives_while_a_process_holds_it(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "state", Masker()) as journal:
        assert not journal.lives("run")
        with journal.hold("run"):
            assert journal.lives("run")
        assert not journal.lives("run")
