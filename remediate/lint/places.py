"""Where in a file something stands: line, column, and the line itself, also within long texts. It judges nothing."""

from dataclasses import dataclass
from pathlib import Path

from remediate.text.strict_yaml import Document, Place


@dataclass(frozen=True)
class Spot:
    """A place that a person is shown.

    Attributes:
        path: The file.
        line: From 1.
        column: From 1, of the first character that is meant.
        end: The column after the last one.
        source: The line as it stands.
    """

    path: Path
    line: int
    column: int
    end: int
    source: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


def spot_at(path: Path, text: str, line: int, column: int, length: int = 0) -> Spot:
    """Return the spot at a line and column of a text.

    Args:
        path: The file.
        text: All of it.
        line: From 1.
        column: From 1.
        length: Of what is meant, in characters; 0: as far as the line goes.
    """
    lines = text.split("\n")
    source = lines[line - 1] if line <= len(lines) else ""
    end = min(column + length, len(source) + 1) if length else len(source.rstrip()) + 1
    return Spot(path, line, column, max(end, column + 1), source)


def spot_of(document: Document, place: Place, *, key: bool = False) -> Spot:
    """Return where a value (or its key) stands, or the nearest thing around it that was written."""
    _, line, column = document.where(place, key=key).rsplit(":", 2)
    length = len(str(place[-1])) if key and place in document.keys else 0
    return spot_at(document.path, document.text, int(line), int(column), length)


def spot_in(document: Document, place: Place, value: str, start: int, end: int) -> Spot:
    """Return where a piece of a text stands in the file, whatever quotes or folds are around the text.

    Args:
        document: The file.
        place: Of the text.
        value: The text, as YAML reads it.
        start: Where the piece begins in it, from 0.
        end: Where it ends.
    """
    whole = spot_of(document, place)
    piece = value[start:end].split("\n", maxsplit=1)[0].rstrip()
    for wanted in (piece, piece.split(" ")[0]):
        found = _found(document.text, whole, wanted, value.count(wanted, 0, start)) if wanted else None
        if found is not None:
            return _spot_of_offset(document, found, len(wanted))
    return whole


def _found(text: str, whole: Spot, wanted: str, before: int) -> int | None:
    """Return where the piece stands that so many others like it stand before, from where its text begins."""
    at = _offset(text, whole) - 1
    for _ in range(before + 1):
        at = text.find(wanted, at + 1)
        if at < 0:
            return None
    return at


def _offset(text: str, spot: Spot) -> int:
    return sum(len(line) + 1 for line in text.split("\n")[: spot.line - 1]) + spot.column - 1


def _spot_of_offset(document: Document, offset: int, length: int) -> Spot:
    before = document.text[:offset]
    line, column = before.count("\n") + 1, offset - before.rfind("\n")
    return spot_at(document.path, document.text, line, column, length)
