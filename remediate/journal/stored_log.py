"""The audit log on disk, as it is read: its schema, its entries in order, and whether all of it is there.

It writes nothing, and knows chains, not runs or changes.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory

from remediate.errors import JournalError
from remediate.journal.chain import START, Head, Link, Verdict, judge_chain
from remediate.journal.log_errors import told_in_one_line
from remediate.journal.torn_tail import is_torn

PATIENCE = 10.0
"""Seconds to wait for another process that keeps the file locked."""

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS entries (
        seq INTEGER PRIMARY KEY, run TEXT NOT NULL, host TEXT NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL,
        body BLOB NOT NULL, previous BLOB NOT NULL, hash BLOB NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS entries_by_run ON entries (run, kind)",
    """CREATE TRIGGER IF NOT EXISTS entries_are_never_changed BEFORE UPDATE ON entries
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    """CREATE TRIGGER IF NOT EXISTS entries_are_never_removed BEFORE DELETE ON entries
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
)
_NAMES = {"entries", "entries_by_run", "entries_are_never_changed", "entries_are_never_removed"}
_SELECT = "SELECT seq, run, host, at, kind, body, previous, hash FROM entries WHERE {where} ORDER BY seq"
TORN = "torn tail: the last write was cut short by a crash, and was promised to nobody"


class StoredLog:
    """The entries of one state directory.

    Args:
        state: The directory; nothing is made in it.
    """

    def __init__(self, state: Path) -> None:
        self.state = state
        self.path, self.head_path = state / "journal.db", state / "head"
        self._wal = state / "journal.db-wal"

    def links(self, where: str = "1", parameters: tuple[str | int, ...] = ()) -> Iterator[Link]:
        """Return entries in order, as they are stored.

        Args:
            where: A constant condition in SQL, `?` for each parameter.
            parameters: Its values.

        Raises:
            JournalError: The log cannot be read.
        """
        with told_in_one_line(self.state, self.path):
            if not self.path.exists():
                return
            with self._reader() as connection:
                if self._is_being_made(connection):
                    return
                for row in connection.execute(_SELECT.format(where=where), parameters):
                    yield Link(*row)

    def _is_being_made(self, connection: sqlite3.Connection) -> bool:
        """Tell a log that another process is just making, and has written nothing to, from one that was emptied."""
        made = connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        return made is None and self._read_head() in {None, Head(0, START)}

    def first(self) -> Link | None:
        """Return the first entry, or None where there is none."""
        return next(self.links("seq = 1"), None)

    def last(self) -> Link | None:
        """Return the newest entry, or None where there is none."""
        return next(self.links("seq = (SELECT max(seq) FROM entries)"), None)

    def verify(self) -> Verdict:
        """Return whether the log is what was written."""
        if not self.path.exists() and not self.head_path.exists():
            return Verdict(whole=True, entries=0, head=START.hex())
        torn = self._is_torn()  # before SQLite opens the file: it leaves a torn tail out, and then removes it
        verdict = self._verify_chain()
        if not verdict.whole:
            return verdict
        note = "; ".join(filter(None, (TORN if torn else "", verdict.note)))
        return self._verify_file(verdict.model_copy(update={"note": note}))

    def _is_torn(self) -> bool:
        try:
            return is_torn(self._wal.read_bytes())
        except OSError:  # no such file: all is in the log's own
            return False

    def _verify_chain(self) -> Verdict:
        head = (
            self._read_head()
        )  # before the entries: those written meanwhile are then ahead of it, never behind
        return judge_chain(self.links(), head)

    def _verify_file(self, verdict: Verdict) -> Verdict:
        try:
            problem = self._file_problem()
        except JournalError as error:
            problem = error.what
        return verdict.model_copy(update={"whole": False, "why": problem}) if problem else verdict

    def _file_problem(self) -> str:
        with told_in_one_line(self.state, self.path), self._reader() as connection:
            told = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            names = {name.decode() for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if told != b"ok":
            return "the log's file is damaged, though every entry can be read"
        if names != _NAMES:
            return "the triggers that keep entries from being changed are not as they were"
        return ""

    def _read_head(self) -> Head | None:
        try:
            return Head.from_bytes(self.head_path.read_bytes())
        except OSError:
            return None

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        """Open the file to read; a log in WAL mode needs its neighbours even for that, which SQLite has to write.

        Where it cannot, the file is read as it is; and in a copy where a runner was killed and left entries in the WAL.
        """
        with ExitStack() as opening:
            path, mode = self.path, "mode=rw"
            if not os.access(self.state, os.W_OK):
                if self._left_in_wal():
                    path = self._copied(Path(opening.enter_context(TemporaryDirectory(prefix="remediate-"))))
                else:
                    mode = "mode=ro&immutable=1"
            connection = opening.enter_context(closing(_connected(path, mode)))
            connection.text_factory = bytes
            connection.execute("PRAGMA query_only=ON")
            yield connection

    def _left_in_wal(self) -> bool:
        try:
            return self._wal.stat().st_size > 0
        except FileNotFoundError:
            return False

    def _copied(self, folder: Path) -> Path:
        for path in (self._wal, self.path):  # entries may go over from the first to the second meanwhile
            copyfile(path, folder / path.name)
        return folder / self.path.name


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=PATIENCE, isolation_level=None
    )
