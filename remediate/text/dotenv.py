"""Reads a `.env` file the way Node's dotenv does, and tells where each value stands in it. Expands and edits nothing.

Source of the rules: the two regular expressions of dotenv 17's `lib/main.js`, compared with the real program.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from remediate.errors import CouldNotLook
from remediate.questions import ReadAnswer

_LINE = re.compile(
    r"^\s*(?:export\s+)?([A-Za-z0-9_.-]+)(?:\s*=\s*?|:\s+?)"
    r"(\s*'(?:\\'|[^'])*'|\s*\"(?:\\\"|[^\"])*\"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?"
    r"\s*(?:#.*)?$",
    re.MULTILINE,
)
_QUOTED = re.compile(r"^(['\"`])(.*)\1$", re.MULTILINE | re.DOTALL)
_WHOLLY_QUOTED = re.compile(r"'(?:\\'|[^'])*'|\"(?:\\\"|[^\"])*\"|`(?:\\`|[^`])*`")
_SEPARATOR = re.compile(r"\s*=|:")
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASS|PWD|CREDENTIAL|PRIVATE|SALT|AUTH|DSN", re.IGNORECASE)
_USER_INFO = re.compile(r"(?=[A-Za-z][A-Za-z0-9+.-]*://[^/?#@:\s]*:(.*))", re.DOTALL)
"""What follows the user's name in a URL (RFC 3986, section 3.2.1): its password up to an `@`, nobody knows which."""


@dataclass(frozen=True)
class Entry:
    """One variable as a `.env` file sets it.

    Attributes:
        key: Its name.
        value: What dotenv reads.
        start: Where the line begins that has the key: an index into the text with line feeds only.
        begin: Where the value begins as it is written, quotes included.
        end: Where it ends.
        written: The value as it is written, quotes included.
        rest: What stands after it on its last line: a comment, or what an unquoted `#` cut off.
    """

    key: str
    value: str
    start: int
    begin: int
    end: int
    written: str
    rest: str

    @property
    def quote(self) -> str:
        """The quotation mark around the value; empty where there is none."""
        return self.written[0] if _WHOLLY_QUOTED.fullmatch(self.written) else ""

    @property
    def is_cut(self) -> bool:
        """Whether an unquoted `#` follows the value at once: dotenv takes the rest of it for a comment."""
        return not self.quote and self.rest.startswith("#")


def as_text(content: bytes) -> str:
    """Return a file's text as dotenv takes it: line feeds only, no byte order mark; bytes that are no UTF-8 survive."""
    text = content.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    return re.sub(r"\r\n?", "\n", text)


def entries(text: str) -> tuple[Entry, ...]:
    """Return what a text (of `as_text`) sets, in order."""
    return tuple(_entry(text, match) for match in _LINE.finditer(text))


def _entry(text: str, match: re.Match[str]) -> Entry:
    raw = match[2] or ""
    begin = match.start(2) + len(raw) - len(raw.lstrip()) if match[2] is not None else match.end(1)
    if not raw.strip():  # nothing is written: it would stand behind the separator
        separator = _SEPARATOR.match(text, match.end(1))
        begin = separator.end() if separator else match.end(1)
    written = raw.strip()
    end = begin + len(written)
    line_end = text.find("\n", end)
    rest = text[end : len(text) if line_end < 0 else line_end]
    start = text.rfind("\n", 0, match.start(1)) + 1
    return Entry(match[1], _unquoted(written), start, begin, end, written, rest)


def dotenv_value(content: bytes, key: str) -> str | None:
    """Return the value of a key; of several lines with that key the last one counts.

    Args:
        content: The file's bytes.
        key: The name of the variable.

    Returns:
        The value without its quotes, `None` where no line sets the key.
    """
    return value_among(entries(as_text(content)), key)


def value_among(given: Sequence[Entry], key: str) -> str | None:
    """Return the value that counts: the last one of the key; `None` where there is none."""
    values = [entry.value for entry in given if entry.key == key]
    return _replaced(values[-1]) if values else None


def _replaced(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def dotenv_secrets(content: bytes) -> tuple[str, ...]:
    """Return the values that are secret by their names, and the passwords of URLs: whoever reads the file masks them.

    Args:
        content: The file's bytes.
    """
    found = entries(as_text(content))
    named = [entry.value for entry in found if _SECRET_NAME.search(entry.key)]
    written = [password for entry in found for password in _passwords(entry.written + entry.rest)]
    return tuple(dict.fromkeys(map(_replaced, filter(None, [*named, *written, *map(unquote, written)]))))


def _passwords(text: str) -> list[str]:
    """Return all that may be the password of a URL: up to each `@` that follows, for it may have some itself."""
    return [
        rest[: match.start()]
        for rest in _USER_INFO.findall(text)
        for match in re.finditer("@", rest)
        if match.start()
    ]


def _unquoted(value: str) -> str:
    bare = _QUOTED.sub(r"\2", value)
    return bare.replace("\\n", "\n").replace("\\r", "\r") if value.startswith('"') else bare


def required_value(file: ReadAnswer, path: str, key: str) -> str:
    """Return a value that has to be there.

    Args:
        file: The `.env` file as it was read on the host.
        path: Where it was read, for the message.
        key: The name of the variable.

    Raises:
        CouldNotLook: There is no such file, or no such key in it, or nothing after the key.
    """
    if not file.exists:
        raise CouldNotLook(path, "there is no such file", f"create it with a line {key}=…")
    value = dotenv_value(file.content, key)
    if not value:
        raise CouldNotLook(path, f"sets no {key}", f"add a line {key}=…")
    return value
