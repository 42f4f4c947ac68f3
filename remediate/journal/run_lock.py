"""Holds a run for one process of this runner: the run, its resumption and its rollback never go on side by side.

A lock of the kernel (flock): it is free the moment its process is gone, however that ended.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from remediate.errors import JournalError, Locked
from remediate.journal.private_folders import make_private

A_MOMENT = 0.002
"""Seconds to wait for somebody who only asks whether a run is held, which takes microseconds."""


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


def is_held(state: Path, run: str) -> bool:
    """Tell whether a process holds a run, without keeping anybody from it, and without making anything.

    Args:
        state: The state directory.
        run: The run's id.

    Raises:
        JournalError: The state directory cannot be read.
    """
    try:
        descriptor = os.open(state / "running" / run, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        raise JournalError(str(state), what, "let it be read, or say --state DIR") from error
    try:
        return not _taken(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def held_runs(state: Path) -> tuple[str, ...]:
    """Return the runs that processes hold, in order.

    Args:
        state: The state directory.

    Raises:
        JournalError: The state directory cannot be read.
    """
    try:
        names = sorted(one.name for one in (state / "running").iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        raise JournalError(str(state), what, "let it be read, or say --state DIR") from error
    return tuple(name for name in names if is_held(state, name))


def _taken(descriptor: int, kind: int) -> bool:
    """Take a lock if it is free at once. Whoever only asks shares it, to be in nobody else's way who asks."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _locked(state: Path, run: str) -> int:
    """Return the open, locked file of a run; one that was removed between opening and locking holds nobody off.

    Where it is not to be had, but can be shared, nobody holds it: somebody only asks, or wants it, too.
    """
    while True:
        descriptor = _opened(state, run)
        if not _taken(descriptor, fcntl.LOCK_EX):
            asked = _taken(descriptor, fcntl.LOCK_SH)
            os.close(descriptor)
            if not asked:
                raise Locked(run, "another process is at work on this run", "wait for it, or end it first")
            time.sleep(A_MOMENT)
            continue
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
