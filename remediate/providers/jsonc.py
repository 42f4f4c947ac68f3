"""JSON with comments (JSONC): read with the place of every part; one key set or removed, all else kept.

Knows text only, no file and no host. Comments, trailing commas and a byte order mark are taken, as TypeScript takes
them in tsconfig.json; plain JSON is a part of it.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from remediate.model import Json

_BLANK = re.compile(r"(?:[\s\ufeff]|//[^\n]*|/\*[\s\S]*?\*/)*")
_SPACE = re.compile(r"[ \t]*")
_SCALAR = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null')
DEEPEST = 200


class NotJson(ValueError):  # noqa: N818  (a signal to the caller, who knows the file's name)
    """The text is none. `line` is counted from 1."""

    def __init__(self, line: int, what: str) -> None:
        self.line, self.what = line, what
        super().__init__(f"line {line}: {what}")


@dataclass(frozen=True)
class Part:
    """A value with its place in the text.

    Attributes:
        value: What it says.
        begin: Its first character.
        end: One past its last.
        members: Of an object: each key, where the key begins, and its value.
        comma: Whether its last member is followed by a comma.
    """

    value: Json
    begin: int
    end: int
    members: "tuple[tuple[str, int, Part], ...]" = ()
    comma: bool = False

    def member(self, key: str) -> "Part | None":
        """Return the value of a key; of one that is written twice the last, as JSON is commonly read."""
        return next((part for name, _, part in reversed(self.members) if name == key), None)


def parsed(text: str, *, plain: bool = False) -> Part:
    """Return what a text says.

    Args:
        text: The whole file.
        plain: Whether comments and trailing commas are refused, as they are in package.json; not a byte order mark.

    Raises:
        NotJson: It says nothing, with the line.
    """
    if plain:
        _demand_plain(text)
    reader = _Reader(text)
    part = reader.value(reader.blank(0), 0)
    if reader.blank(part.end) != len(text):
        raise reader.wrong(reader.blank(part.end), "there is more after its end")
    return part


def _demand_plain(text: str) -> None:
    try:
        json.loads(text.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        raise NotJson(error.lineno, error.msg) from error
    except RecursionError as error:
        raise NotJson(1, "it is nested too deeply") from error
    except ValueError as error:
        raise NotJson(1, "it has a number that is too long") from error


@dataclass(frozen=True)
class _Reader:
    text: str

    def blank(self, at: int) -> int:
        """Return where the next word begins: past spaces and comments."""
        met = _BLANK.match(self.text, at)
        return met.end() if met else at

    def wrong(self, at: int, what: str) -> NotJson:
        return NotJson(self.text.count("\n", 0, at) + 1, what)

    def value(self, at: int, depth: int) -> Part:
        if depth > DEEPEST:
            raise self.wrong(at, "it is nested too deeply")
        if self.text.startswith("{", at):
            return self._object(at, depth)
        if self.text.startswith("[", at):
            return self._array(at, depth)
        met = _SCALAR.match(self.text, at)
        if not met:
            raise self.wrong(at, f"a value was expected, not {self.text[at : at + 10]!r}")
        return Part(self._scalar(met), at, met.end())

    def _scalar(self, met: re.Match[str]) -> Json:
        try:
            return json.loads(met[0])
        except ValueError as error:
            raise self.wrong(met.start(), f"{met[0][:20]} is no value") from error

    def _object(self, begin: int, depth: int) -> Part:
        members: list[tuple[str, int, Part]] = []
        at, comma = self.blank(begin + 1), False
        while not self.text.startswith("}", at):
            self._demand(not members or comma, at, "a comma was expected")
            key = self.value(at, depth + 1)
            self._demand(isinstance(key.value, str), at, "a key was expected")
            colon = self.blank(key.end)
            self._demand(self.text.startswith(":", colon), colon, "a colon was expected")
            part = self.value(self.blank(colon + 1), depth + 1)
            members.append((key.value, at, part))
            at, comma = self._after(part.end)
        return Part({key: part.value for key, _, part in members}, begin, at + 1, tuple(members), comma)

    def _array(self, begin: int, depth: int) -> Part:
        values: list[Json] = []
        at, comma = self.blank(begin + 1), False
        while not self.text.startswith("]", at):
            self._demand(not values or comma, at, "a comma was expected")
            part = self.value(at, depth + 1)
            values.append(part.value)
            at, comma = self._after(part.end)
        return Part(values, begin, at + 1)

    def _after(self, end: int) -> tuple[int, bool]:
        at = self.blank(end)
        return (self.blank(at + 1), True) if self.text.startswith(",", at) else (at, False)

    def _demand(self, holds: bool, at: int, what: str) -> None:
        if not holds:
            raise self.wrong(at, what)


def value_at(text: str, keys: Sequence[str]) -> Json:
    """Return the value under a path of keys; None where there is none.

    Raises:
        NotJson: The text is none.
    """
    part: Part | None = parsed(text)
    for key in keys:
        part = part.member(key) if part else None
    return part.value if part else None


def with_value(text: str, keys: Sequence[str], value: Json) -> str:
    """Return the text with a value under a path of keys; objects on the way are made where they are missing.

    Raises:
        NotJson: The text is none, or what stands on the way is no object.
    """
    part = parsed(text)
    for depth, key in enumerate(keys):
        _demand_object(text, part)
        inner = part.member(key)
        if inner is None:
            return _inserted(text, part, key, _nested(keys[depth + 1 :], value), depth)
        part = inner
    if part.value == value and type(part.value) is type(value):
        return text
    return text[: part.begin] + _written(text, value, len(keys)) + text[part.end :]


def without(text: str, keys: Sequence[str]) -> str:
    """Return the text without the key at the end of a path; as it is where it is not there.

    Raises:
        NotJson: The text is none, or what stands on the way is no object.
    """
    part: Part | None = parsed(text)
    for key in keys[:-1]:
        if part is None:
            return text
        _demand_object(text, part)
        part = part.member(key)
    while part and part.member(keys[-1]):
        text = _removed(text, part, keys[-1])
        part = _found(text, keys[:-1])
    return text


def _found(text: str, keys: Sequence[str]) -> Part | None:
    part: Part | None = parsed(text)
    for key in keys:
        part = part.member(key) if part else None
    return part


def _demand_object(text: str, part: Part) -> None:
    if not isinstance(part.value, dict):
        raise NotJson(text.count("\n", 0, part.begin) + 1, "an object was expected here")


def _nested(keys: Sequence[str], value: Json) -> Json:
    for key in reversed(keys):
        value = {key: value}
    return value


def _inserted(text: str, part: Part, key: str, value: Json, depth: int) -> str:
    member = f"{json.dumps(key, ensure_ascii=False)}: {_written(text, value, depth + 1)}"
    if not part.members:
        inner = f"{_line_end(text)}{_unit(text) * (depth + 1)}{member}{_line_end(text)}{_unit(text) * depth}"
        return text[: part.begin + 1] + inner + text[part.begin + 1 :]
    _, begin, last = part.members[-1]
    separator = _before(text, begin)
    if not part.comma:
        return f"{text[: last.end]},{separator}{member}{text[last.end :]}"
    comma = text.index(",", _Reader(text).blank(last.end)) + 1
    return f"{text[:comma]}{separator}{member},{text[comma:]}"


def _before(text: str, begin: int) -> str:
    """Return what separates members: the line end and the indent before one that begins a line, else a space."""
    line = text.rfind("\n", 0, begin) + 1
    indent = text[line:begin]
    return _line_end(text) + indent if line and not indent.strip() else " "


def _removed(text: str, part: Part, key: str) -> str:
    index = max(number for number, (name, _, _) in enumerate(part.members) if name == key)
    _, begin, value = part.members[index]
    end = value.end
    after = _Reader(text).blank(end)
    if text.startswith(",", after):
        end = after + 1
    elif index:
        previous = part.members[index - 1][2].end
        comma = text.index(",", _Reader(text).blank(previous))
        text = text[:comma] + text[comma + 1 :]
        begin, end = begin - 1, end - 1
    return _without_line(text, begin, end)


def _without_line(text: str, begin: int, end: int) -> str:
    """Return the text without a span, and without its line where nothing else stands there."""
    line = text.rfind("\n", 0, begin) + 1
    met = _SPACE.match(text, end)
    stop = met.end() if met else end
    rest = text[stop : stop + 2]
    if not text[line:begin].strip() and line and rest.startswith(("\n", "\r\n")):
        return text[:line] + text[stop + (2 if rest == "\r\n" else 1) :]
    return text[:begin] + text[stop:] if rest.startswith(("}", '"')) else text[:begin] + text[end:]


def _written(text: str, value: Json, depth: int) -> str:
    lines = json.dumps(value, indent=_unit(text), ensure_ascii=False).split("\n")
    return f"{_line_end(text)}{_unit(text) * depth}".join(lines)


def _unit(text: str) -> str:
    """Return the text's own indent, of its first indented line; two spaces where it has none."""
    met = re.search(r"\n([ \t]+)[\"'\]}/]", text)
    return met[1] if met else "  "


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
