"""The audit log on disk, as it is written: SQLite, append-only, its head in a file beside it. It reads nothing out.

Write-ahead log with synchronous=FULL: what `append` returned from survives a power cut. The head is written after the
commit, under the same lock; so it can be behind the log, and is never ahead of it unless somebody cut the log.
"""

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from remediate.errors import JournalError
from remediate.journal.chain import HEAD_LENGTH, START, Head, Link, hash_of
from remediate.journal.log_errors import told_in_one_line
from remediate.journal.private_folders import flush_directory, make_private
from remediate.journal.reserve import CLOSING, Reserve, is_lack_of_room
from remediate.journal.stored_log import SCHEMA

PATIENCE = 10.0
"""Seconds to wait for another process that is writing."""

_INSERT = (
    "INSERT INTO entries (seq, run, host, at, kind, body, previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


class AuditStore:
    """What writes the entries of one state directory.

    The first `append` makes the directory (0700), the log and the head (0600), and a reserve of disk.

    Args:
        state: The directory.
        clock: Seconds since the epoch.
    """

    def __init__(self, state: Path, clock: Callable[[], float]) -> None:
        self.state, self._clock = state, clock
        self.path, self.head_path = state / "journal.db", state / "head"
        self._reserve = Reserve(state)
        self._one_thread = threading.Lock()
        self._writer: sqlite3.Connection | None = None
        self._head = -1

    def append(self, run: str, host: str, kind: str, body: bytes) -> int:
        """Add one entry, flushed to disk, and return its number.

        On a full disk the reserve is given up for an entry that tells how something ended; nothing new is begun then.

        Raises:
            JournalError: It cannot be written; or the log was cut or altered, and is left as it is.
        """
        with self._one_thread, told_in_one_line(self.state, self.path):
            try:
                return self._write(run, host, kind, body)
            except (sqlite3.Error, OSError) as error:
                if kind not in CLOSING or not is_lack_of_room(error) or not self._reserve.give_up():
                    raise
                return self._write(run, host, kind, body)

    def _write(self, run: str, host: str, kind: str, body: bytes) -> int:
        connection = self._opened()
        with self._locked():
            if kind not in CLOSING:
                self._reserve.ensure()
            return self._append(connection, run.encode(), host.encode(), kind.encode(), body)

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
        known = head.seq if head and head.seq <= last.seq else -1  # one beyond may be too large for SQLite
        row = connection.execute("SELECT hash FROM entries WHERE seq = ?", (known,)).fetchone()
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
            for statement in SCHEMA:
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


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _row(link: Link) -> tuple[str | int | bytes, ...]:
    run, host, kind = (text.decode() for text in (link.run, link.host, link.kind))
    return link.seq, run, host, link.at, kind, link.body, link.previous, link.hash
