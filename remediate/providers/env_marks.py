"""What may be seen of an app's environment: marks of values under a key made of the `.env` file, and where URLs lead.

The key is made of the whole file by scrypt, as `secret_files.Seal` makes it, here and in the scripts on the host: who
has not got the file cannot try out values. Only what the file itself says is ever shown with its mark: the key knows
that value, so it is no easier to guess than the file. Asks nothing.
"""

import hashlib
import hmac
import re

from remediate.providers.secret_files import key_of
from remediate.text.dotenv import as_text

SHOWN = 8
"""Hexadecimal digits of a mark that are shown."""
_PLAIN = re.compile(
    r"(?:postgres|postgresql)://([\w.%-]+)(?::[^@/?#\s]*)?@((?:\[[\da-fA-F:]+\]|[\w.%-]+)(?::[1-9]\d*)?)(/[\w.-]*)(?:\?[^@#\s]*)?",
    re.ASCII,
)
"""A URL whose parts can be told apart: no second `@`, and nothing special in the password that is not encoded."""


class Marks:
    """The marks of values under one key.

    Args:
        key: The key; empty where there is no file to make it of: then there are no marks.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def under(cls, path: str, content: bytes) -> "Marks":
        """Return the marks under the key of a file, as the scripts on the host make it."""
        return cls(key_of(path, content) if content else b"")

    def of(self, value: str) -> str:
        """Return a value's mark, HMAC-SHA256 (RFC 2104) in hex; empty without a key."""
        if not self._key:
            return ""
        return hmac.new(self._key, value.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()

    def shown(self, value: str, content: bytes) -> str:
        """Return a value of the file as a person may see it: its mark, and of a database URL where it leads.

        Args:
            value: What the file says.
            content: The file.
        """
        mark = f"•{self.of(value)[:SHOWN]}"
        place = place_of(value, content)
        return f"{place} ({mark})" if place else mark


def place_of(value: str, content: bytes) -> str:
    """Return where a database URL leads and as whom; empty where a piece of a password may have got into that.

    Args:
        value: The URL.
        content: The `.env` file: where a line of it goes on behind the value, and has an `@` there, an unquoted `#`
            may have cut the value within its password.
    """
    parts = _PLAIN.fullmatch(value)
    cut = re.search(rf"{re.escape(value)}[^\n]*@", as_text(content))
    return f"{parts[1]}@{parts[2]}{parts[3]}" if parts and not cut else ""
