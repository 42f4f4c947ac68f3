"""Lets one process at a time read the log, decide by it, and write what it decided. It knows no decision.

A lock of the kernel (flock) on a file of its own, which is never removed: it is free the moment its process is gone.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from remediate.errors import JournalError
from remediate.journal.private_folders import make_private

PATIENCE = 10.0
"""Seconds to wait for another process, which holds it for a few milliseconds."""


@contextmanager
def one_at_a_time(state: Path) -> Iterator[None]:
    """Keep every other process, and every other thread, from deciding while it is open.

    Args:
        state: The state directory.

    Raises:
        JournalError: Another one takes too long, or the state directory cannot be written.
    """
    descriptor = _opened(state)
    try:
        _wait(descriptor, state)
        yield
    finally:
        os.close(descriptor)


def _wait(descriptor: int, state: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                todo = "end it, and try again"
                raise JournalError(str(state), "another process takes too long to decide", todo) from error
        time.sleep(0.01)


def _opened(state: Path) -> int:
    try:
        make_private(state)
        return os.open(state / "deciding", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        what = f"cannot be written ({error.strerror})"
        raise JournalError(str(state), what, "let it be written, or say --state DIR") from error
