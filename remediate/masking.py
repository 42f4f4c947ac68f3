"""Replaces secrets in text and JSON, in every form in which programs print them. It tells nobody anything.

A secret with special characters is found however each of them is written: percent-encoded in either case, escaped as
JSON, a shell, Python or HTML do it, or as it is, in any mixture. Of a secret that is broken over lines, or cut where
output was cut, what stands at the line's border is found.
"""

import base64
import re
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import TypeAlias, get_args

from remediate.model import Json, Risk

MASK = "***"
FREE = frozenset({"facts", "data", "found", "parameters", "variables", "rows"})
"""Fields whose content a playbook, an action or a database shapes: what stands below them is none of our own values."""
NAMING = frozenset(
    (
        # who, where, and what with: the log is read, and a run put back, by these
        *("run", "command", "environment", "playbook", "hosts", "host", "operator", "login", "machine"),
        *("playbook_path", "playbook_digest", "inventory_path", "inventory_digest", "version", "database"),
        *("digest", "essence", "token", "action", "target", "group", "alters", "who", "since"),
        # words of which there are only a few: values are built from them again
        *("kind", "state", "outcome", "fidelity", "way_back", "kind_of_file", "method"),
    )
)
"""Fields that stay as they are: what names a thing is no secret, and one that is masked names nothing any more."""
RISKS = frozenset(get_args(Risk))
"""A change's class of risk is one of these; what a plan says of its risk, in a field of the same name, is text."""

_Written: TypeAlias = tuple[str, re.Pattern[str]]
"""A run of letters and digits that a text must hold, and how the secret around it may be written."""


class Masker:
    """Replaces secrets in text and in JSON values. Many threads may use it.

    Values shorter than four characters are not masked: they would turn up everywhere and hide nothing. A value that is
    a common word is masked wherever that word stands. Of a value cut in two, a piece of eight characters or more is
    masked where it ends or begins a line.

    Args:
        secrets: The values.
    """

    SHORTEST = 4
    SHORTEST_LINE = 8
    SHORTEST_PIECE = 8

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: tuple[str, ...] = ()
        self._written: dict[str, _Written] = {}
        self._pieces: dict[str, list[tuple[str, int]]] = {}
        self._one_at_a_time = threading.Lock()
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Mask these values, too, from now on."""
        values = {value for secret in secrets for value in _values(secret)}
        with self._one_at_a_time:
            new = values - set(self._forms)
            if not new:
                return
            forms = {*self._forms, *(form for value in new for form in _forms(value))}
            written = {value: _written(value) for value in new if not _plain(value)}
            longest_first = sorted({**self._written, **written}.items(), key=lambda one: -len(one[0]))
            self._written = dict(longest_first)
            self._pieces = _pieces(forms)
            self._forms = tuple(sorted(forms, key=len, reverse=True))

    def text(self, text: str) -> str:
        """Return the text with every form of every secret replaced, and what is left of one at a line's border."""
        for core, written in self._written.values():
            if core in text:
                text = written.sub(MASK, text)
        for form in self._forms:
            text = text.replace(form, MASK)
        return _LINE.sub(self._bordered, text) if self._pieces else text

    def json(self, value: Json) -> Json:
        """Return one of our own values as JSON with every text and long number in it masked, but for its structure.

        The names of its fields stay, and what `NAMING` says; below a field of `FREE` everything is masked, keys, too.
        """
        if isinstance(value, Mapping):
            return {str(key): self._field(str(key), inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.json(item) for item in value]
        return self._all_of(value)

    def _field(self, name: str, value: Json) -> Json:
        if name in FREE:
            return self._all_of(value)
        stays = name in NAMING or (name == "risk" and value in RISKS)
        return value if stays else self.json(value)

    def _all_of(self, value: Json) -> Json:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self._all_of(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._all_of(item) for item in value]
        if type(value) is int and len(str(value)) >= self.SHORTEST_PIECE and str(value) in self._forms:
            return MASK
        return value

    def _bordered(self, line: re.Match[str]) -> str:
        text = line[0]
        cut = max(self._begun_before(text), default=0)
        end = len(text) - max(self._going_on(text), default=0)
        if not cut and end == len(text):
            return text
        return (MASK if cut else "") + text[cut : max(cut, end)] + (MASK if end < len(text) else "")

    def _begun_before(self, text: str) -> Iterator[int]:
        """Return the lengths of the ends of secrets that the line begins with; all of it may be in one's middle."""
        for form, at in self._pieces.get(text[: self.SHORTEST_PIECE], ()):
            rest = form[at : at + len(text)]
            if text.startswith(rest):
                yield len(rest)

    def _going_on(self, text: str) -> Iterator[int]:
        """Return the lengths of the beginnings of secrets that the line ends with."""
        for form, at in self._pieces.get(text[-self.SHORTEST_PIECE :], ()):
            if text.endswith(form[: at + self.SHORTEST_PIECE]):
                yield at + self.SHORTEST_PIECE


_LINE = re.compile(r"[^\r\n…]{8,}")
"""What was cut (`sinks.clean.one_line`) ends at its mark as at a line's end."""


def _values(secret: str) -> Iterator[str]:
    """Return the secret, and each long line of it: a program may print one alone."""
    if len(secret) >= Masker.SHORTEST:
        yield secret
    yield from (line for line in secret.splitlines() if len(line) >= Masker.SHORTEST_LINE)


def _pieces(forms: Iterable[str]) -> dict[str, list[tuple[str, int]]]:
    """Return every piece of eight characters, with the forms it is from and where it stands in them."""
    found: dict[str, list[tuple[str, int]]] = defaultdict(list)
    size = Masker.SHORTEST_PIECE
    for form in forms:
        for at in range(len(form) - size + 1):
            found[form[at : at + size]].append((form, at))
    return dict(found)


def _forms(secret: str) -> Iterator[str]:
    raw = secret.encode("utf-8", "surrogatepass")
    yield secret
    for offset in range(3):  # base64 of a longer text shows the secret in one of three alignments
        encoded = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
        start = (0, 2, 3)[offset]
        inner = encoded[start : len(encoded) - (1 if (offset + len(raw)) % 3 else 0)]
        if len(inner) >= Masker.SHORTEST:
            yield inner
            yield inner.replace("+", "-").replace("/", "_")  # RFC 4648, section 5


def _plain(text: str) -> bool:
    """Tell whether everything writes this text in the same way."""
    return text.isascii() and text.isalnum()


def _written(secret: str) -> _Written:
    core = max(re.findall(r"[A-Za-z0-9]+", secret), key=len, default="")
    return core, re.compile("".join(map(_character, secret)))


def _character(character: str) -> str:
    """Return the expression for one character in every way it is written."""
    if _plain(character):
        return character
    raw = character.encode("utf-8", "surrogatepass")
    units = character.encode("utf-16-be", "surrogatepass").hex()
    ways = [
        re.escape(character),
        _any_case("".join(f"%{byte:02x}" for byte in raw)),  # RFC 3986
        # RFC 8259, section 7; within JSON within JSON both halves of a character have a further backslash
        "".join(rf"\\{{1,4}}u(?i:{units[at : at + 4]})" for at in range(0, len(units), 4)),
        _any_case(f"\\U{ord(character):08x}"),
        _any_case("".join(f"\\x{byte:02x}" for byte in raw)),
        _any_case(f"\\x{ord(character):02x}"),  # Python's repr
        "".join(re.escape(f"\\{byte:03o}") for byte in raw),  # a shell's $'…'
        re.escape(escape(character)),
        re.escape(f"&#{ord(character)};"),
        *(re.escape(way) for way in _OTHERWISE.get(character, ())),
    ]
    # A backslash before it: of a shell, JSON or a connection string; several where texts stand in texts.
    return rf"(?:\\{{0,4}}(?:{'|'.join(dict.fromkeys(ways))}))"


def _any_case(text: str) -> str:
    return f"(?i:{re.escape(text)})"


_OTHERWISE: Mapping[str, tuple[str, ...]] = {
    " ": ("+",),
    "'": ("'\"'\"'", "'\\''", "''"),
    '"': ('""',),
    "\n": ("\\n", "n"),
    "\r": ("\\r", "r"),
    "\t": ("\\t", "t"),
    "\b": ("\\b", "b"),
    "\f": ("\\f", "f"),
}
"""How shells, SQL and JSON write some characters otherwise; a `\\` before the single letters is taken with them."""
