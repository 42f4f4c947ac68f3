"""Holds a run for one process of this runner: the run, its resumption and its rollback never go on side by side.

A lock of the kernel (flock): it is free the moment its process is gone, however that ended.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from remediate.errors import JournalError, Locked
from remediate.journal.private_folders import make_private


@contextmanager
def held_run(state: Path, run: str) -> Iterator[None]:
    """Hold a run while it is open.

    Args:
        state: The state directory.
        run: The run's id.

    Raises:
        Locked: Another process is at work on it.
        JournalError: The state directory cannot be written.
    """
    descriptor = _locked(state, run)
    try:
        yield
    finally:
        (state / "running" / run).unlink(missing_ok=True)
        os.close(descriptor)


def _locked(state: Path, run: str) -> int:
    """Return the open, locked file of a run; one that was removed between opening and locking holds nobody off."""
    while True:
        descriptor = _opened(state, run)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            what = "another process is at work on this run"
            raise Locked(run, what, "wait for it, or end it first") from error
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)


def _opened(state: Path, run: str) -> int:
    try:
        make_private(state)
        make_private(state / "running")
        return os.open(state / "running" / run, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        what = f"cannot be written ({error.strerror})"
        raise JournalError(str(state), what, "let it be written, or say --state DIR") from error
