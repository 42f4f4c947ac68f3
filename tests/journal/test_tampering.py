"""The log's real files: every bit of every entry flipped, the files cut, and a crash in the middle of a write."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from remediate.journal import Journal
from remediate.journal.stored_log import StoredLog
from remediate.journal.torn_tail import FRAME, HEADER, is_torn

Count = Callable[[str, int, int], None]
PAGE = 4096


def written(journal: Journal, count: int) -> None:
    for number in range(count):
        journal.append("r1", "web1", "note", {"number": number})


def cells(raw: bytes, root: int) -> list[tuple[int, int]]:
    """Return where each row of a table begins and ends in the file, in order; its root page must be a leaf.

    SQLite, Database File Format, section 1.6: a leaf has its cells' places at byte 8; a cell begins with its length.
    """
    page = (root - 1) * PAGE
    assert raw[page] == 13
    many = int.from_bytes(raw[page + 3 : page + 5], "big")
    places = [page + int.from_bytes(raw[page + 8 + 2 * n : page + 10 + 2 * n], "big") for n in range(many)]
    return [(place, place + length + start) for place in places for length, start in [_length(raw, place)]]


def _length(raw: bytes, place: int) -> tuple[int, int]:
    """Return the payload's bytes, and those of the two numbers before it."""
    if raw[place] < 0x80:
        return raw[place], 2
    return (raw[place] & 0x7F) << 7 | raw[place + 1], 3


@pytest.mark.fault(27)
def test_every_bit_of_every_entry_in_the_real_file_is_found_when_flipped_and_the_entry_is_named(
    journal: Journal, state: Path, count: Count
) -> None:
    written(journal, 3)
    journal.close()
    path = state / "journal.db"
    raw = bytearray(path.read_bytes())
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'entries'").fetchone()
    flips, entries = 0, list(StoredLog(state).links())
    for seq, (start, end) in enumerate(cells(bytes(raw), root), start=1):
        for offset in range(start, end):
            for bit in range(8):
                raw[offset] ^= 1 << bit
                path.write_bytes(raw)
                raw[offset] ^= 1 << bit
                verdict, place = StoredLog(state).verify(), (seq, offset - start, bit)
                if verdict.bad is None:  # a bit of SQLite's own that changes nothing of any entry
                    assert list(StoredLog(state).links()) == entries, place
                elif "cannot be read on" not in verdict.why:  # a length: SQLite gives none of the page
                    assert verdict.bad in {seq, seq + 1}, (place, verdict)
                flips += 1
    count("bits flipped", flips, flips)
    path.write_bytes(raw)
    assert StoredLog(state).verify().whole


def some_cuts(length: int, block: int, first: int = 0) -> list[int]:
    """Return every place near the edge of a block, and every 67th elsewhere."""
    edges = range(first, length + 1, block)
    near = {edge + step for edge in edges for step in range(-26, 27)}
    return sorted(place for place in near | set(range(0, length, 67)) if 0 <= place < length)


@pytest.fixture
def crash(tmp_path: Path, state: Path) -> Callable[[bytes, bytes, bytes], StoredLog]:
    """What is left in a state directory: the log's file, what of its write-ahead log had come to disk, the head."""
    place = tmp_path / "crash"

    def left(database: bytes, ahead: bytes, head: bytes) -> StoredLog:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700)
        (place / "journal.db").write_bytes(database)
        (place / "journal.db-wal").write_bytes(ahead)
        (place / "head").write_bytes(head)
        return StoredLog(place)

    return left


@pytest.mark.fault(27)
def test_a_crash_in_the_middle_of_a_write_loses_nothing_promised_and_a_shorter_file_is_no_crash(
    journal: Journal, state: Path, crash: Callable[[bytes, bytes, bytes], StoredLog], count: Count
) -> None:
    written(journal, 2)
    journal.close()
    written(journal, 1)
    database = (state / "journal.db").read_bytes()
    promised, head = (state / "journal.db-wal").read_bytes(), (state / "head").read_bytes()
    written(journal, 1)
    ahead = (state / "journal.db-wal").read_bytes()
    assert ahead.startswith(promised)
    assert len(ahead) > len(promised)
    cuts = some_cuts(len(ahead), FRAME + PAGE, HEADER)
    for cut in cuts:
        verdict = crash(database, ahead[:cut], head).verify()
        if cut < len(promised):
            assert (verdict.whole, verdict.bad) == (False, 3), cut
            assert "1 entries were cut off" in verdict.why
        else:
            assert (verdict.whole, verdict.entries) == (True, 3), (cut, verdict)
            assert ("torn tail" in verdict.note) == (cut > len(promised)), (cut, verdict)
    count("bytes cut at", len(cuts), len(cuts))
    behind = crash(database, ahead, head).verify()
    assert (behind.whole, behind.entries) == (True, 4)
    assert "torn tail: the head is 1 behind" in behind.note


@pytest.mark.fault(27)
def test_a_log_cut_at_any_byte_of_its_file_or_of_its_head_is_found(
    journal: Journal, state: Path, crash: Callable[[bytes, bytes, bytes], StoredLog], count: Count
) -> None:
    written(journal, 3)
    journal.close()
    database, head = (state / "journal.db").read_bytes(), (state / "head").read_bytes()
    cuts = some_cuts(len(database), PAGE)
    for cut in cuts:
        assert not crash(database[:cut], b"", head).verify().whole, cut
    for cut in range(len(head)):
        assert "head file is missing or unreadable" in crash(database, b"", head[:cut]).verify().why
    count("bytes cut at", len(cuts) + len(head), len(cuts) + len(head))
    assert crash(database, b"", head).verify().whole


def test_the_log_goes_on_after_a_torn_tail(
    journal: Journal, state: Path, open_journal: Callable[[], Journal]
) -> None:
    written(journal, 2)
    ahead = (state / "journal.db-wal").read_bytes()
    database, head = (state / "journal.db").read_bytes(), (state / "head").read_bytes()
    written(journal, 1)
    torn = (state / "journal.db-wal").read_bytes()[: len(ahead) + 100]
    journal.close()
    for name, content in (("journal.db", database), ("journal.db-wal", torn), ("head", head)):
        (state / name).write_bytes(content)
    after = open_journal()
    written(after, 1)
    assert (after.verify().whole, after.verify().entries) == (True, 3)


def test_frames_of_an_earlier_generation_are_no_tear(journal: Journal, state: Path) -> None:
    written(journal, 4)
    with closing(sqlite3.connect(state / "journal.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(RESTART)")
    written(journal, 1)
    assert not is_torn((state / "journal.db-wal").read_bytes())
    assert journal.verify().note == ""


def torn_files(raw: bytes) -> Iterator[bytes]:
    yield raw[:10]
    yield b"\0" * 40
    yield raw[:-1] + bytes([raw[-1] ^ 1])
    yield raw + raw[HEADER : HEADER + FRAME + 7]


def test_what_is_no_whole_commit_at_the_end_is_a_tear(journal: Journal, state: Path) -> None:
    written(journal, 2)
    raw = (state / "journal.db-wal").read_bytes()
    assert not is_torn(raw)
    assert not is_torn(b"")
    assert all(is_torn(bent) for bent in torn_files(raw))
