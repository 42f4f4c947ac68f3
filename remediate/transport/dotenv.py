"""Reads one value out of a `.env` file the way Node's dotenv does. Expands nothing and sets no environment.

Source of the rules: the two regular expressions of dotenv 17's `lib/main.js`, compared with the real program.
"""

import re
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


def dotenv_value(content: bytes, key: str) -> str | None:
    """Return the value of a key; of several lines with that key the last one counts.

    Args:
        content: The file's bytes.
        key: The name of the variable.

    Returns:
        The value without its quotes, `None` where no line sets the key.
    """
    text = content.decode("utf-8", "replace").removeprefix("\ufeff")
    values: dict[str, str] = dict(_LINE.findall(re.sub(r"\r\n?", "\n", text)))
    return _unquoted(values[key].strip()) if key in values else None


_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASS|PWD|CREDENTIAL|PRIVATE|SALT|AUTH|DSN", re.IGNORECASE)
_USER_INFO = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#@\s]*:([^/?#@\s]+)@")
"""The password of a URL, as it is written: RFC 3986, section 3.2.1."""


def dotenv_secrets(content: bytes) -> tuple[str, ...]:
    """Return the values that are secret by their names, and the passwords of URLs: whoever reads the file masks them.

    Args:
        content: The file's bytes.
    """
    text = content.decode("utf-8", "replace").removeprefix("\ufeff")
    found = _LINE.findall(re.sub(r"\r\n?", "\n", text))
    named = [_unquoted(value.strip()) for name, value in found if _SECRET_NAME.search(name)]
    written = [password for _, value in found for password in _USER_INFO.findall(value)]
    return tuple(dict.fromkeys([*(one for one in named if one), *written, *map(unquote, written)]))


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
