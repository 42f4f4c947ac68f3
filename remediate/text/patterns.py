r"""Whether a regular expression ends soon on every line: its repetitions, judged. It runs none, and reads no file.

What makes Python's `re` take for ever is a text that can be parted in many ways (R. Cox, "Regular Expression Matching
Can Be Simple And Fast", 2007): a group that is repeated and whose own pieces vary, `(\w* ?){1,30}`, or many pieces
in a row that take the same characters, `.*.*.*.*`.
"""

import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

_TOKEN = re.compile(
    r"""
      (?P<open>\((?:\?(?:P<\w+>|[aiLmsux-]*:|<?[=!]|>|\#[^)]*|P=\w+|\(\w+\))?)?) | (?P<close>\))
    | (?P<choice>\|) | (?P<count>[*+?][?+]?|\{\d*,?\d*\}[?+]?)
    | (?P<atom>\\.|\[\^?\]?(?:\\.|[^]\\])*\]|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COUNTED = re.compile(r"\{(\d*)(,?)(\d*)\}")
_WITHOUT_WIDTH = frozenset({"^", "$", r"\b", r"\B", r"\A", r"\Z"})
_MANY = 50
"""Repetitions from which on a piece counts as one without a bound."""
MOST = 3
"""Pieces without a bound that may take the same characters one after the other."""
_MOST_OPTIONAL = 12
"""Pieces that may or may not be there, and take the same characters one after the other."""


@dataclass(frozen=True)
class _Piece:
    """An atom or a group, with how often it stands there."""

    atom: str = ""
    ways: tuple[tuple["_Piece", ...], ...] = ()
    least: int = 1
    most: int = 1

    @property
    def varies(self) -> bool:
        return self.least != self.most

    @property
    def takes(self) -> frozenset[str]:
        return _characters(self.atom) if self.atom else frozenset()


def checked(pattern: str) -> str:
    """Return a pattern that is one, and that ends soon on every line.

    Raises:
        ValueError: It is not, or may not.
    """
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from error
    if may_not_end(pattern):
        raise ValueError(
            "repeats what is repeated already, and some lines take it for ever: repeat once, `a+`"
        )
    return pattern


def may_not_end(pattern: str) -> bool:
    """Tell whether there are lines on which a pattern could take longer than anybody waits.

    Args:
        pattern: A Python regular expression; of what is none, nothing is said.
    """
    try:
        re.compile(pattern)
    except re.error:
        return False
    return any(_may_not_end(way) for way in _ways(_TOKEN.finditer(pattern)))


def _ways(tokens: Iterator[re.Match[str]]) -> tuple[tuple[_Piece, ...], ...]:
    """Return the alternatives of a group, as far as its end."""
    ways: list[tuple[_Piece, ...]] = []
    pieces: list[_Piece] = []
    for token in tokens:
        if token["close"]:
            break
        if token["choice"]:
            ways.append(tuple(pieces))
            pieces = []
        elif pieces and (bounds := _bounds(token["count"] or "")):
            last = pieces.pop()
            pieces.append(_Piece(last.atom, last.ways, *bounds))
        elif token["open"]:
            pieces.append(_Piece(ways=_ways(tokens)))
        else:
            pieces.append(_Piece(token[0]))
    return (*ways, tuple(pieces))


def _bounds(count: str) -> tuple[int, int] | None:
    """Return how often at least and at most; None for a brace that is only a brace, and where there is no count."""
    if count[:1] in {"*", "+", "?"}:
        return int(count[0] == "+"), 1 if count[0] == "?" else _MANY
    found = _COUNTED.match(count)
    if found is None or not (found[1] or found[3]):
        return None
    least = int(found[1] or 0)
    most = int(found[3]) if found[3] else (_MANY if found[2] else least)
    return least, max(most, least)


def _may_not_end(pieces: Sequence[_Piece]) -> bool:
    return (
        _in_a_row(tuple(_flat(pieces)))
        or any(_repeats_what_varies(piece) for piece in pieces)
        or any(_may_not_end(way) for piece in pieces for way in piece.ways)
    )


def _flat(pieces: Sequence[_Piece]) -> Iterator[_Piece]:
    """Yield the pieces with groups that stand there once, and have no alternatives, opened."""
    for piece in pieces:
        if len(piece.ways) == 1 and piece.most == 1:
            yield from _flat(piece.ways[0])
        else:
            yield piece


def _repeats_what_varies(piece: _Piece) -> bool:
    """Tell whether a group is repeated whose text has no mark that says where one time ends and the next begins."""
    if piece.most <= 1 or not piece.ways:
        return False
    varying = [one for way in piece.ways for one in _every(way) if one.varies]
    if not varying:
        return any(_alike(one, other) for one, other in combinations(piece.ways, 2))
    return len(piece.ways) > 1 or not _has_mark(piece.ways[0], varying)


def _alike(one: Sequence[_Piece], other: Sequence[_Piece]) -> bool:
    """Tell whether one of two alternatives may begin as the other does, to where that ends."""
    return all(mine.takes & its.takes for mine, its in zip(one, other, strict=False))


def _every(pieces: Sequence[_Piece]) -> Iterator[_Piece]:
    for piece in pieces:
        yield piece
        for way in piece.ways:
            yield from _every(way)


def _has_mark(pieces: Sequence[_Piece], varying: Sequence[_Piece]) -> bool:
    """Tell whether such a text begins or ends with a character that nothing in it that varies can take."""
    ends = [piece for piece in (pieces[0], pieces[-1]) if piece.atom and not piece.varies]
    return any(_is_mark(end, varying) for end in ends)


def _is_mark(end: _Piece, varying: Sequence[_Piece]) -> bool:
    return bool(end.takes) and not any(end.takes & one.takes for one in _every(varying))


def _in_a_row(pieces: Sequence[_Piece]) -> bool:
    """Tell whether too many pieces that take one character follow each other, with nothing that parts them."""
    varying = frozenset(character for piece in pieces if piece.varies for character in piece.takes)
    return any(_too_many(pieces, character) for character in varying)


def _too_many(pieces: Sequence[_Piece], character: str) -> bool:
    unbounded = optional = 0
    for piece in pieces:
        takes = character in piece.takes
        if piece.least and not takes and piece.atom not in _WITHOUT_WIDTH:
            unbounded = optional = 0
        elif takes and piece.varies:
            unbounded += piece.most >= _MANY
            optional += 1
        if unbounded > MOST or optional > _MOST_OPTIONAL:
            return True
    return False


@cache
def _characters(atom: str) -> frozenset[str]:
    """Return the characters that an atom takes; none where it has no width, or is a reference to a group."""
    try:
        return frozenset(one for one in string.printable if re.fullmatch(atom, one))
    except re.error:
        return frozenset()
