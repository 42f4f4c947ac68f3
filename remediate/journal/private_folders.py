"""Directories of the runner that are for their owner only. Knows nothing of what is kept in them."""

import os
from pathlib import Path

from remediate.errors import JournalError


def make_private(state: Path) -> None:
    """Make the state directory, or refuse one that others can look into."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = state.stat()
    if status.st_uid != os.geteuid():
        raise JournalError(str(state), "belongs to somebody else", "choose a state directory of your own")
    if status.st_mode & 0o077:
        raise JournalError(str(state), "can be looked into by others", f"chmod 700 {state}")


def flush_directory(folder: Path) -> None:
    """Flush a directory, so that a new name in it outlives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
