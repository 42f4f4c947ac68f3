"""Bytes kept beside the audit log under their own hash: before-images, which may hold secrets. Never shown, never sent.

The chained entry holds the hash, so what lies here cannot be altered unnoticed.
"""

import hashlib
import os
import re
import secrets
from pathlib import Path

from remediate.errors import JournalError
from remediate.journal.private_folders import flush_directory, make_private

_NAME = re.compile(r"[0-9a-f]{64}")


class Blobs:
    """A directory, 0700, of files, 0600, each named by the SHA-256 of its content.

    Args:
        folder: The directory; made when the first blob is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def store(self, content: bytes) -> str:
        """Keep these bytes, flushed to disk, and return their SHA-256 in hex.

        Raises:
            JournalError: They cannot be written.
        """
        name = hashlib.sha256(content).hexdigest()
        try:
            if not self._holds(name, content):
                self._write(name, content)
        except OSError as error:
            raise JournalError(
                str(self.folder), f"cannot be written ({error.strerror})", "make room"
            ) from error
        return name

    def load(self, name: str) -> bytes:
        """Return the bytes of this SHA-256.

        Raises:
            JournalError: They are missing, or no longer what they were.
        """
        if problem := self.fault_of(name):
            raise JournalError(
                str(self.folder / name), problem, "restore it from a backup of the state directory"
            )
        return (self.folder / name).read_bytes()

    def fault_of(self, name: str) -> str:
        """Return what is wrong with a blob, or nothing."""
        try:
            if not _NAME.fullmatch(name):
                return "is no blob's name"
            content = (self.folder / name).read_bytes()
        except OSError as error:
            return f"the saved content cannot be read ({error.strerror})"
        return "" if hashlib.sha256(content).hexdigest() == name else "the saved content was altered"

    def _holds(self, name: str, content: bytes) -> bool:
        try:
            return (self.folder / name).read_bytes() == content
        except FileNotFoundError:
            return False

    def _write(self, name: str, content: bytes) -> None:
        make_private(self.folder.parent)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        aside = self.folder / f".{secrets.token_hex(8)}"
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            aside.rename(self.folder / name)
        finally:
            aside.unlink(missing_ok=True)
        flush_directory(self.folder)
