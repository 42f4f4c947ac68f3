"""Reads one value out of a `.env` file the way Node's dotenv does. Expands nothing and sets no environment.

Source of the rules: the two regular expressions of dotenv 17's `lib/main.js`, compared with the real program.
"""

import re

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
