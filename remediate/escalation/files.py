"""Keeps reports in the state directory, for their owner only, each written whole or not at all. It tells nobody."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from remediate.errors import JournalError
from remediate.journal.private_folders import flush_directory, make_private
from remediate.model import utf8


def report_path(state: Path, run: str) -> Path:
    """Return where the report of a run is kept: `escalations/RUN.md` in the state directory."""
    return state / "escalations" / f"{run}.md"


def write_report(state: Path, run: str, text: str) -> Path:
    """Write the report of a run in place of the one before, and return its path.

    Raises:
        JournalError: It cannot be written.
    """
    path = report_path(state, run)
    aside = path.with_name(f".{secrets.token_hex(8)}")
    try:
        make_private(state)
        make_private(path.parent)
        _write(aside, utf8(text).encode())
        aside.rename(path)
        flush_directory(path.parent)
    except OSError as error:
        with suppress(OSError):  # it was never there, or is in nobody's way
            aside.unlink()
        raise JournalError(str(path), f"cannot be written ({error.strerror})", "make room") from error
    return path


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
