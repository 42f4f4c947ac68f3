"""A reserve of disk for a run's last words: given up when the disk is full, for what ends a run, never for new work.

It knows no entry's meaning but its kind, and no database.
"""

import errno
import os
import sqlite3
from pathlib import Path

from remediate.errors import JournalError
from remediate.journal.private_folders import flush_directory

SIZE = 1024 * 1024
"""Bytes: room for some eighty entries of a run that ends, at three pages of 4 KiB each."""
CLOSING = frozenset(
    {"done", "failed", "unknown", "stopped", "cured", "paid", "unpaid", "compared", "ended"}
    | {"healing-stopped"}
)
"""The kinds of entries that tell what became of something that was begun, or stop it; all others begin something."""

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_NO_ROOM_IN_SQLITE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}


class Reserve:
    """One file, `reserve` in the state directory, whose only use is that it can be removed.

    Args:
        state: The state directory.
    """

    def __init__(self, state: Path) -> None:
        self.path = state / "reserve"

    def ensure(self) -> None:
        """Have the reserve, really allocated, before something is begun; to be called under the log's lock.

        Raises:
            JournalError: There is no room for it.
            OSError: It cannot be made for another reason.
        """
        if self._is_there():
            return
        aside = self.path.with_name(".reserve")
        try:
            self._make(aside)
        except OSError as error:
            aside.unlink(missing_ok=True)
            if error.errno not in _NO_ROOM:
                raise
            what = "the disk is full: a run that began now could not write down how it ended"
            raise JournalError(str(self.path.parent), what, "make room (1 MiB), and try again") from error

    def give_up(self) -> bool:
        """Give the room to what has to be written down now, and tell whether there was any."""
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        return True

    def _is_there(self) -> bool:
        try:
            return self.path.lstat().st_size == SIZE
        except FileNotFoundError:
            return False

    def _make(self, aside: Path) -> None:
        if self.path.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))  # nobody of ours puts a link there
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(aside, flags, 0o600), "wb") as file:
            file.write(os.urandom(SIZE))  # not zeros: a file system may keep those for nothing
            file.flush()
            os.fsync(file.fileno())
        aside.rename(self.path)
        flush_directory(self.path.parent)


def is_lack_of_room(error: Exception) -> bool:
    """Return whether an error is what a full disk looks like; where it is not, giving the reserve up harms nobody."""
    if isinstance(error, sqlite3.Error):
        return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _NO_ROOM_IN_SQLITE
    return isinstance(error, OSError) and error.errno in _NO_ROOM
