"""Reads YAML strictly and remembers where everything stands. Knows nothing of playbooks and inventories.

Strictly: YAML 1.2's core schema (`on`, `yes` and `22:22` are text), one document, no aliases, tags or duplicate keys,
and caps on size and depth; a number that people read in two ways (`0640`) must be quoted.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError, YAMLStreamError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from remediate.errors import UsageError
from remediate.model import Json

LARGEST = 256 * 1024
"""Bytes of one file."""
SHOWN = 80
"""Characters of a value that are shown in a message."""
DEEPEST = 32
"""Levels of nesting."""

Place: TypeAlias = tuple[str | int, ...]
"""The way to a value: `("fix", 0, "sql.add_columns", "table")`."""


@dataclass(frozen=True)
class Document:
    """One file's value, with the line and column of every part of it.

    Attributes:
        path: The file.
        text: Its text.
        value: What it says, as JSON has it.
        values: Line and column of each value, from 1.
        keys: Line and column of each key of a mapping, from 1.
        wrong: Which error says that this file is wrong.
    """

    path: Path
    text: str
    value: Json
    values: Mapping[Place, tuple[int, int]]
    keys: Mapping[Place, tuple[int, int]]
    wrong: type[UsageError]

    def where(self, place: Place, *, key: bool = False) -> str:
        """Return `file:line:column` of a value (or of its key), or of the nearest thing around it that was written."""
        while place and place not in self.values:
            place = place[:-1]
        line, column = (self.keys if key else {}).get(place) or self.values.get(place, (1, 1))
        return f"{self.path}:{line}:{column}"

    def error(self, place: Place, what: str, todo: str = "", *, key: bool = False) -> UsageError:
        """Return the error that stands at this place, for the caller to raise."""
        return self.wrong(self.where(place, key=key), what, todo)

    def at(self, place: Place) -> Json:
        """Return the value at a place.

        Raises:
            KeyError, IndexError: Nothing stands there.
        """
        value = self.value
        for part in place:
            value = value[part]
        return value


def read_yaml(path: Path, wrong: type[UsageError]) -> Document:
    """Return what a file says.

    Args:
        path: The file.
        wrong: Which error to raise when it is not as it must be.

    Raises:
        UsageError: Of the kind `wrong`: it cannot be read, is too large, or is not the strict YAML described above.
    """
    try:
        raw = first_bytes(path)
    except OSError as error:
        raise wrong(
            str(path), f"cannot be read ({error.strerror})", "check the name and its permissions"
        ) from error
    if len(raw) > LARGEST:
        raise _too_large(path, raw, wrong)
    try:
        return parse_yaml(raw.decode("utf-8"), path, wrong)
    except UnicodeDecodeError as error:
        where = _place(path, raw[: error.start].decode("utf-8"))
        raise wrong(where, f"byte {error.start} is not UTF-8", "save it as UTF-8") from error


def first_bytes(path: Path) -> bytes:
    """Return a file's bytes, one more than may be taken where there are as many: no larger file is read.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return file.read(LARGEST + 1)


def _too_large(path: Path, raw: bytes, wrong: type[UsageError]) -> UsageError:
    where = _place(path, raw[:LARGEST].decode("utf-8", "replace"))
    return wrong(where, f"is larger than {LARGEST // 1024} KB", "split it")


def _place(path: Path, before: str) -> str:
    """Return `file:line:column` of what comes after this text."""
    return f"{path}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def parse_yaml(text: str, path: Path, wrong: type[UsageError]) -> Document:
    """Return what a text says, as `read_yaml` does; `path` is for messages."""
    if len(text) > LARGEST or len(raw := text.encode()) > LARGEST:
        raise _too_large(path, text[:LARGEST].encode() if len(text) > LARGEST else raw, wrong)
    reader = _Reader(path, wrong)
    for event in _events(text, path, wrong):
        reader.take(event)
    return Document(path, text, reader.root, reader.values, reader.keys, wrong)


def _events(text: str, path: Path, wrong: type[UsageError]) -> Iterator[Any]:
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise wrong(
            f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path),
            f"this is not YAML ({error.problem or error.context})",
            "check quotes, colons and indentation",
        ) from error
    except (YAMLError, YAMLStreamError) as error:
        where = _place(path, text[: getattr(error, "position", 0)])
        raise wrong(where, "holds characters that YAML forbids", "remove control characters") from error


@dataclass
class _Open:
    """A list or mapping that is being read."""

    place: Place
    value: dict[str, Json] | list[Json]
    key: str | None = None


@dataclass
class _Reader:
    """Builds the value from the parser's events, without recursion, so that depth costs nothing."""

    path: Path
    wrong: type[UsageError]
    root: Json = None
    values: dict[Place, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Place, tuple[int, int]] = field(default_factory=dict)
    stack: list[_Open] = field(default_factory=list)
    documents: int = 0

    def take(self, event: Any) -> None:
        """Read one event."""
        self._refuse_extras(event)
        _TAKEN_BY[type(event)](self, event)

    def refuse(self, event: Any, what: str, todo: str) -> UsageError:
        """Return the error that stands where this event stands."""
        return self.wrong(
            f"{self.path}:{event.start_mark.line + 1}:{event.start_mark.column + 1}", what, todo
        )

    def _refuse_extras(self, event: Any) -> None:
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            raise self.refuse(
                event, "anchors and aliases are not taken", "write the value out; quote a leading & or *"
            )
        if getattr(event, "tag", None):
            raise self.refuse(event, f"the tag {event.tag} is not taken", "remove it; quote a leading !")

    def scalar(self, event: Any) -> None:
        """Read a key, or a value that is neither list nor mapping."""
        if self._awaits_key():
            self._open_key(event)
        else:
            self._put(event, self._resolved(event))

    def begin(self, event: Any) -> None:
        """Open a list or a mapping."""
        if self._awaits_key():
            raise self.refuse(event, "a key must be plain text", "a template must be in quotes")
        if len(self.stack) >= DEEPEST:
            raise self.refuse(event, f"is nested deeper than {DEEPEST} levels", "make it flatter")
        value: dict[str, Json] | list[Json] = {} if isinstance(event, MappingStartEvent) else []
        self.stack.append(_Open(self._put(event, value), value))

    def end(self, _event: Any) -> None:
        """Close a list or a mapping."""
        self.stack.pop()

    def document(self, event: Any) -> None:
        """Count documents; there is one."""
        self.documents += 1
        if self.documents > 1:
            raise self.refuse(event, "a second document begins here", "keep one document a file")

    def nothing(self, _event: Any) -> None:
        """Pass over what carries no value."""

    def _awaits_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is None

    def _open_key(self, event: Any) -> None:
        around = self.stack[-1]
        if event.value in around.value:
            line = self.keys[(*around.place, event.value)][0]
            raise self.refuse(
                event, f"`{_short(event.value)}` was already given in line {line}", "keep one of the two"
            )
        around.key = event.value
        self.keys[(*around.place, event.value)] = _position(event)

    def _put(self, event: Any, value: Json) -> Place:
        place = self._place_in(self.stack[-1], value) if self.stack else ()
        self.root = value if not self.stack else self.root
        self.values[place] = _position(event)
        return place

    def _place_in(self, around: _Open, value: Json) -> Place:
        if isinstance(around.value, list):
            around.value.append(value)
            return (*around.place, len(around.value) - 1)
        key, around.key = str(around.key), None
        around.value[key] = value
        return (*around.place, key)

    def _resolved(self, event: Any) -> Json:
        if not event.implicit[0]:
            return event.value
        if _TWO_READINGS.fullmatch(event.value):
            raise self.refuse(
                event, f"`{_short(event.value)}` is read in two ways", "put it in quotes, or drop the zero"
            )
        return next(
            (read(event.value) for shape, read in _PLAIN if shape.fullmatch(event.value)), event.value
        )


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _position(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


_TAKEN_BY: Mapping[type, Callable[[_Reader, Any], None]] = {
    ScalarEvent: _Reader.scalar,
    MappingStartEvent: _Reader.begin,
    SequenceStartEvent: _Reader.begin,
    MappingEndEvent: _Reader.end,
    SequenceEndEvent: _Reader.end,
    DocumentStartEvent: _Reader.document,
    DocumentEndEvent: _Reader.nothing,
    StreamStartEvent: _Reader.nothing,
    StreamEndEvent: _Reader.nothing,
}

_TWO_READINGS = re.compile(r"[-+]?0[0-9_]+|[-+]?[0-9]{19,}|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")

# YAML 1.2.2, chapter 10.3.2, the core schema
_PLAIN: tuple[tuple[re.Pattern[str], Callable[[str], Json]], ...] = (
    (re.compile(r"null|Null|NULL|~|"), lambda _: None),
    (re.compile(r"true|True|TRUE"), lambda _: True),
    (re.compile(r"false|False|FALSE"), lambda _: False),
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0o[0-7]+"), lambda written: int(written, 8)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda written: int(written, 16)),
    (re.compile(r"[-+]?(\.[0-9]{1,18}|[0-9]{1,18}(\.[0-9]{0,18})?)([eE][-+]?[0-9]{1,2})?"), float),
)
