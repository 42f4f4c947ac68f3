"""The lines of a file that bears secrets: of which the name may be shown. Makes no fingerprint and opens no file.

A name is shown where it is one beyond doubt. Two readings of quotes are followed, dotenv's (at a value's start, over
lines) and the shell's (anywhere, comments left out); inside a quote of either, nothing is a name.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_BACKUP = r"(~|\.(bak|old|orig|save|swp)|\.remediate-.*)?"
_BEARING = re.compile(
    r"(\.env(rc|[._~-].*)?|env\.(?!.*\b[cm]?[jt]sx?$).*|.*\.(env|pem|key)|\.(npmrc|pgpass|netrc|htpasswd|git-credentials)"
    r"|id_[a-z0-9_-]+|credentials.*|secrets?\..*|ecosystem\.config\..*)" + _BACKUP,
    re.IGNORECASE,
)
_NAMING = re.compile(r"\.env([._~-].*)?|env\..*|.*\.env|\.npmrc", re.IGNORECASE)
"""Files of settings, one `NAME=value` a line. An `.envrc` is a program, and not one of them."""
_NAMELESS = re.compile(r".*\.(pem|key)\b.*|id_.*", re.IGNORECASE)
_SETTING = re.compile(
    r"((?:export[ \t]+)?[A-Za-z_][A-Za-z0-9_]*[ \t]*=)[\s=\"'`;,\\]*[^\s=\"'`;,\\#].*", re.DOTALL
)
"""A name with a value: what ends in `=`, or in `==`, may be the end of something in base64."""
_OPENING = re.compile(r"\s*#?\s*(?:export\s+)?[\w.-]+\s*[=:]\s*(?=[\"'`])")


def bears_secrets(path: str) -> bool:
    """Tell whether a file's name says that secrets are in it."""
    return bool(_BEARING.fullmatch(posixpath.basename(path)))


def lines_of(text: str) -> list[str]:
    """Return the lines of a text with their ends; only a line feed ends one, as an editor counts them."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def shown_names(path: str, lines: Iterable[str]) -> Iterator[str]:
    """Return of each line the `NAME=` it begins with; empty where nothing of it may be shown.

    Args:
        path: Where the file is: a format without names shows none.
        lines: All lines of the file, from the first.
    """
    name = posixpath.basename(path)
    naming = bool(_NAMING.fullmatch(name)) and not _NAMELESS.fullmatch(name)
    place = _Place()
    for line in lines:
        found = _SETTING.match(line) if naming and place == _Place() else None
        yield found[1] if found else ""
        place = place.after(line.rstrip("\r\n"))


class _Place(NamedTuple):
    """Where a line begins: in what is still open there.

    Attributes:
        dotenv: The quote that is open as dotenv reads it.
        shell: The quote that is open as a shell reads it, or a backslash at the end of the line before.
        block: `BEGIN`, which waits for its END, or `<<`: where a here-document ends is not known.
    """

    dotenv: str = ""
    shell: str = ""
    block: str = ""

    def after(self, line: str) -> "_Place":
        """Return where the next line begins."""
        return _Place(
            _dotenv_after(line, self.dotenv), _shell_after(line, self.shell), _block_after(line, self.block)
        )


def _block_after(line: str, block: str) -> str:
    if block == "<<" or "<<" in line:
        return "<<"
    begun, ended = line.rfind("-----BEGIN"), line.rfind("-----END")
    return block if begun == ended else "BEGIN" * (begun > ended)


def _dotenv_after(line: str, quote: str) -> str:
    start = 0
    if not quote:
        opening = _OPENING.match(line)
        if not opening:
            return ""
        start = opening.end() + 1
        quote = line[opening.end()]
    return "" if re.match(rf"(?:\\.|[^\\{quote}])*{quote}", line[start:], re.DOTALL) else quote


def _shell_after(line: str, quote: str) -> str:
    quote, before, escaped = quote.strip("\\"), " ", False
    for char in line:
        if escaped:
            escaped = False
        elif char == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if char == quote else quote
        elif char in "\"'`":
            quote = char
        elif char == "#" and before.isspace():
            return ""
        before = char
    return quote or ("\\" if escaped else "")
