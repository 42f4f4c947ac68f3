"""The audit log on disk: SQLite, append-only, with its head in a file beside it. Knows chains, not runs or changes.

Write-ahead log with synchronous=FULL: what `append` returned from survives a power cut. The head is written after the
commit, under the same lock; so it can be behind the log, and is never ahead of it unless somebody cut the log.
"""

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from remediate.errors import JournalError
from remediate.journal.chain import HEAD_LENGTH, START, Head, Link, Verdict, hash_of, judge_chain
from remediate.journal.private_folders import flush_directory, make_private

PATIENCE = 10.0
"""Seconds to wait for another process that is writing."""

_SCHEMA = (
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
_INSERT = (
    "INSERT INTO entries (seq, run, host, at, kind, body, previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


class AuditStore:
    """The entries of one state directory.

    Reading makes nothing; the first `append` makes the directory (0700), the log and the head (0600).

    Args:
        state: The directory.
        clock: Seconds since the epoch.
    """

    def __init__(self, state: Path, clock: Callable[[], float]) -> None:
        self.state, self._clock = state, clock
        self.path, self.head_path = state / "journal.db", state / "head"
        self._one_thread = threading.Lock()
        self._writer: sqlite3.Connection | None = None
        self._head = -1

    def append(self, run: str, host: str, kind: str, body: bytes) -> int:
        """Add one entry, flushed to disk, and return its number.

        Raises:
            JournalError: It cannot be written; or the log was cut or altered, and is left as it is.
        """
        with self._one_thread, self._as_journal_error():
            connection = self._opened()
            with self._locked():
                return self._append(connection, run.encode(), host.encode(), kind.encode(), body)

    def links(self, where: str = "1", parameters: tuple[str | int, ...] = ()) -> Iterator[Link]:
        """Return entries in order, as they are stored.

        Args:
            where: A constant condition in SQL, `?` for each parameter.
            parameters: Its values.

        Raises:
            JournalError: The log cannot be read.
        """
        with self._as_journal_error():
            if not self.path.exists():
                return
            with closing(self._reader()) as connection:
                for row in connection.execute(_SELECT.format(where=where), parameters):
                    yield Link(*row)

    def verify(self) -> Verdict:
        """Return whether the log is what was written."""
        if not self.path.exists() and not self.head_path.exists():
            return Verdict(whole=True, entries=0, head=START.hex())
        verdict = self._verify_chain()
        return verdict if not verdict.whole else self._verify_file(verdict)

    def close(self) -> None:
        """Close the log; a later `append` opens it again."""
        with self._one_thread:
            if self._writer is not None:
                self._writer.close()
                os.close(self._head)
            self._writer, self._head = None, -1

    def _append(
        self, connection: sqlite3.Connection, run: bytes, host: bytes, kind: bytes, body: bytes
    ) -> int:
        connection.execute("BEGIN IMMEDIATE")
        try:
            last = self._last(connection)
            self._refuse_damage(connection, last)
            at = round(self._clock() * 1_000_000)
            link = Link(last.seq + 1, run, host, at, kind, body, last.hash, b"")
            link = replace(link, hash=hash_of(link))
            connection.execute(_INSERT, _row(link))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        os.pwrite(self._head, Head(link.seq, link.hash).to_bytes(), 0)
        return link.seq

    def _last(self, connection: sqlite3.Connection) -> Head:
        row = connection.execute("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
        return Head(*row) if row else Head(0, START)

    def _refuse_damage(self, connection: sqlite3.Connection, last: Head) -> None:
        """Refuse to write where the head does not fit: writing would hide that something was cut or altered."""
        head = Head.from_bytes(os.pread(self._head, HEAD_LENGTH + 1, 0))
        if head == last:
            return
        row = connection.execute(
            "SELECT hash FROM entries WHERE seq = ?", (head.seq if head else -1,)
        ).fetchone()
        if head and (row == (head.hash,) or head == Head(0, START)):
            return  # behind: a process ended between its commit and its note
        todo = "run `remediate audit verify`; move the directory aside to begin a new log"
        raise JournalError(str(self.state), "the audit log and its head do not fit together", todo)

    def _opened(self) -> sqlite3.Connection:
        if self._writer is None:
            make_private(self.state)
            self._head = os.open(self.head_path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                with self._locked():
                    self._writer = self._connected()
            except BaseException:
                os.close(self._head)
                raise
        return self._writer

    def _connected(self) -> sqlite3.Connection:
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            self._prepare(connection)
            self._refuse_corruption(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            for statement in _SCHEMA:
                connection.execute(statement)
            self._first_head()
        connection.execute("COMMIT")

    def _refuse_corruption(self, connection: sqlite3.Connection) -> None:
        if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            todo = "restore it from a backup, or move the directory aside to begin a new log"
            raise JournalError(str(self.path), "the audit log's file is damaged", todo)

    def _first_head(self) -> None:
        if not os.pread(self._head, 1, 0):
            os.pwrite(self._head, Head(0, START).to_bytes(), 0)
            os.fsync(self._head)
            flush_directory(self.state)

    def _reader(self) -> sqlite3.Connection:
        writable = os.access(self.state, os.W_OK)  # a log in WAL mode needs its neighbours even to be read
        mode = "mode=rw" if writable else "mode=ro&immutable=1"
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?{mode}", uri=True, timeout=PATIENCE, isolation_level=None
        )
        connection.text_factory = bytes
        connection.execute("PRAGMA query_only=ON")
        return connection

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
        with self._as_journal_error(), closing(self._reader()) as connection:
            told = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            names = {name.decode() for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if told != b"ok":
            return "the log's file is damaged, though every entry can be read"
        return (
            ""
            if names == _NAMES
            else "the triggers that keep entries from being changed are not as they were"
        )

    def _read_head(self) -> Head | None:
        try:
            return Head.from_bytes(self.head_path.read_bytes())
        except OSError:
            return None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        deadline = time.monotonic() + PATIENCE
        while not _try_lock(self._head):
            if time.monotonic() > deadline:
                raise JournalError(
                    str(self.state), "another process keeps the audit log locked", "end it, and try again"
                )
            time.sleep(0.005)
        try:
            yield
        finally:
            fcntl.flock(self._head, fcntl.LOCK_UN)

    @contextmanager
    def _as_journal_error(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter: SQLite quotes what is damaged
            what = f"the audit log cannot be used ({_one_line(error)})"
            raise JournalError(str(self.path), what, "make room, or run `remediate audit verify`") from error
        except OSError as error:
            todo = "check the directory, its owner and its free space"
            raise JournalError(
                str(self.state), f"the audit log cannot be used ({error.strerror})", todo
            ) from error


def _one_line(error: Exception) -> str:
    damaged = isinstance(error, UnicodeDecodeError)
    return "its file is damaged" if damaged else " ".join(str(error).split())[:200]


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _row(link: Link) -> tuple[str | int | bytes, ...]:
    run, host, kind = (text.decode() for text in (link.run, link.host, link.kind))
    return link.seq, run, host, link.at, kind, link.body, link.previous, link.hash
