"""Edits a `.env` file's bytes and leaves the rest of them alone: layout, comments, quotes, line ends. Reads no file.

A variable that is set several times becomes one, at the line that counted; a missing last line end is mended.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from remediate.text.dotenv import Entry, as_text, entries, value_among

Splice = tuple[int, int, str]
"""From where to where in the text with line feeds only, and what stands there afterwards."""

_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*://"
_MARKS = ("", '"', "'", "`")


def with_value(content: bytes, key: str, value: str) -> bytes:
    """Return the file with a key set to a value, once.

    Args:
        content: The file's bytes.
        key: The variable.
        value: What dotenv is to read afterwards.

    Raises:
        ValueError: No way of writing gives that value; says why, without it.
    """
    text = as_text(content)
    mine = [entry for entry in entries(text) if entry.key == key]
    if not mine:
        return _spliced(content, [_appended(text, f"{key}={_written(value, '')}\n")])
    *others, last = mine
    end = last.end + (len(re.split(r"\s", last.rest, maxsplit=1)[0]) if last.is_cut else 0)
    same = last.value == value and not last.is_cut
    kept = [] if same else [(last.begin, end, _written(value, last.quote))]
    return _checked(_spliced(content, [*(_gone(entry, text) for entry in others), *kept]), key, value)


def without(content: bytes, key: str) -> bytes:
    """Return the file without any line that sets the key."""
    text = as_text(content)
    splices = [_gone(entry, text) for entry in entries(text) if entry.key == key]
    return _spliced(content, splices) if splices else content


def unglued(content: bytes, keys: Iterable[str], wanted: Callable[[str], bool] = bool) -> bytes:
    """Return the file with a line end before each of these keys that stands in the middle of another value.

    That is what `echo KEY=value >> .env` leaves behind where the last line has no end.

    Args:
        content: The file's bytes.
        keys: The variables.
        wanted: Tells of a value that stands in the middle of another variable's whether it is to get its own line.
    """
    text = as_text(content)
    places = [
        place
        for entry in entries(text)
        for key in keys
        for place, value in _glue(entry, key)
        if entry.key == key or wanted(value)
    ]
    return _spliced(content, [(place, place, "\n") for place in sorted(set(places))]) if places else content


def glued(given: Sequence[Entry], key: str) -> tuple[str, ...]:
    """Return the variables in whose values a line of this key was glued."""
    return tuple(entry.key for entry in given if _glue(entry, key))


def _glue(entry: Entry, key: str) -> list[tuple[int, str]]:
    """Return where in the text a line of the key begins within this value, and the value it gives.

    Something stands right before it, a URL or a quote follows, and then no white space: `DATABASE_URL=… npm run seed`
    is a command.
    """
    if entry.quote:
        return []
    name = rf"(?<=[^\s_.\-?&]){re.escape(key)}="
    found = list(re.finditer(rf"{name}(?=[\"'`]|{_SCHEME})", entry.written))
    ends = [*(match.start() for match in found), len(entry.written)][1:]
    parts = [(match, entry.written[match.end() : end]) for match, end in zip(found, ends, strict=False)]
    return [
        (entry.begin + match.start(), value.strip("\"'`"))
        for match, value in parts
        if not re.search(r"\s", value)
    ]


def is_ended(content: bytes) -> bool:
    """Tell whether the last line has its end."""
    return not content or content.endswith((b"\n", b"\r"))


def whole_line(entry: Entry) -> str:
    """Return the value as it was meant where an unquoted `#` cuts it: up to the next white space."""
    return entry.written + re.split(r"\s", entry.rest, maxsplit=1)[0] if entry.is_cut else entry.value


def _written(value: str, quote: str) -> str:
    """Return a value as it can be written, with these quotes if they fit.

    Raises:
        ValueError: It cannot be written at all.
    """
    for mark in (quote, *_MARKS):
        line = f"K={mark}{value}{mark}\n"
        read = entries(line)
        whole = len(read) == 1 and read[0].end == len(line) - 1 and not read[0].is_cut
        if whole and read[0].value == value and "\r" not in value:
            return f"{mark}{value}{mark}"
    raise ValueError("no quotation marks fit around it")


def _checked(content: bytes, key: str, value: str) -> bytes:
    after = [entry for entry in entries(as_text(content)) if entry.key == key]
    if len(after) != 1 or value_among(after, key) != value:
        raise ValueError("the file would read otherwise: a line before it has no closing quotation mark")
    return content


def _gone(entry: Entry, text: str) -> Splice:
    end = entry.end + len(entry.rest)
    return entry.start, min(end + 1, len(text)), ""


def _appended(text: str, line: str) -> Splice:
    return len(text), len(text), line if not text or text.endswith("\n") else f"\n{line}"


def _spliced(content: bytes, splices: Iterable[Splice]) -> bytes:
    """Return the bytes with the splices made and the last line ended, in the line ends that the file has."""
    mark = b"\xef\xbb\xbf" if content.startswith(b"\xef\xbb\xbf") else b""
    original = content.removeprefix(mark).decode("utf-8", "surrogateescape")
    breaks = re.findall(r"\r\n?|\n", original)
    line_end = breaks[0] if breaks else "\n"
    places = [match.start() for match in re.finditer(r"(?s)\r\n|.", original)] + [len(original)]
    for begin, end, text in sorted(splices, reverse=True):
        original = original[: places[begin]] + text.replace("\n", line_end) + original[places[end] :]
    ended = original if not original or original.endswith(("\n", "\r")) else original + line_end
    return mark + ended.encode("utf-8", "surrogateescape")
