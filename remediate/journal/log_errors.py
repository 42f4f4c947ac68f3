"""What SQLite or the disk says of the audit log -> one line that a person can act on. Reads and writes nothing."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from remediate.errors import JournalError


@contextmanager
def told_in_one_line(state: Path, path: Path) -> Iterator[None]:
    """Turn what goes wrong while it is open into a JournalError.

    Args:
        state: The state directory.
        path: The log in it.
    """
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter: SQLite quotes what is damaged
        what = f"the audit log cannot be used ({_one_line(error)})"
        raise JournalError(str(path), what, "make room, or run `remediate audit verify`") from error
    except OSError as error:
        what = f"the audit log cannot be used ({error.strerror})"
        raise JournalError(str(state), what, "check the directory, its owner and its free space") from error


def _one_line(error: Exception) -> str:
    damaged = isinstance(error, UnicodeDecodeError)
    return "its file is damaged" if damaged else " ".join(str(error).split())[:200]
