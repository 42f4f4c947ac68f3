"""Remarks with what may be a secret made unreadable in all that they show. It finds no mistake, and judges none.

It is wider than the rules about secrets: a line that another rule shows may hold one that no rule is about, and a
remark that hides too much does less harm than one that hides too little.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from remediate.lint.places import Spot
from remediate.lint.rule import Remark
from remediate.lint.secrets_in_text import LINE_PATTERNS, NAME, PLACEHOLDER, Span, literals
from remediate.text.strict_yaml import Document

_GAP = r"(?:\s|\\\n|=)+"
_QUOTED = r"(?:\\?(?P<quote>['\"]))+(?:(?!(?P=quote))[^\n]){0,2000}"
_ELSEWHERE = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?<!\S)(?:-u|--user|--proxy-user){_GAP}(?P<secret>{_QUOTED}|[^\s:'\"]{{1,100}}:\S+)",
        rf"(?<!\S)--?(?:pass(?:word|wd|phrase)?|token|secret|api-?key){_GAP}(?P<secret>{_QUOTED}|(?!-)\S+)",
        r"\b(?:mysql\w*|redis-cli)\s[^|;&\n]{0,200}(?<!\S)(?:-p|-a\s+)(?P<secret>\S+)",
        # of SQL the rest of the line: which quote ends the literal depends on who reads it first
        r"\b(?:PASSWORD|IDENTIFIED\s+BY)\s+(?P<secret>(?:E|U&)?\\?['\"$][^\n]*)",
        r"\b(?:authorization|x-api-key|x-auth-token|cookie)['\"]?[ \t]*:[ \t]*(?P<secret>['\"]?[^'\"\n]{4,})",
    )
)
_NAMED = re.compile(r"\b(?P<name>[A-Za-z_]\w{0,100})['\"]?[ \t]*[=:][ \t]*")
_VALUE = re.compile(rf"(?P<secret>{_QUOTED}|(?![{{\[|>])[^\s'\"]{{1,2000}})")


def blotted(remarks: Sequence[Remark], documents: Sequence[Document]) -> tuple[Remark, ...]:
    """Return the remarks with every secret blotted out.

    Args:
        remarks: Of one file.
        documents: What was read for it.
    """
    lines = {document.path: document.text.split("\n") for document in documents}
    meant = {document.path: _values(document) for document in documents}
    return tuple(
        replace(
            remark,
            spot=_of_spot(remark.spot, lines, meant),
            what=_of_text(remark.what),
            remedy=_of_text(remark.remedy) if remark.rule == "RM001" else remark.remedy,
            allowed=_of_text(remark.allowed),
        )
        for remark in remarks
    )


def _values(document: Document) -> dict[int, list[Span]]:
    """Return where a value stands under a name that says secret, line by line: as far as each line goes."""
    found: dict[int, list[Span]] = {}
    for place, written in literals(document):
        _, line, column = document.where(place).rsplit(":", 2)
        found.setdefault(int(line), []).append((int(column) - 1, None))
        for below in range(written.count("\n") + 1 if "\n" in written else 0):
            found.setdefault(int(line) + 1 + below, []).append((0, None))
    return found


def _of_spot(spot: Spot, lines: dict[Path, list[str]], meant: dict[Path, dict[int, list[Span]]]) -> Spot:
    every = lines.get(spot.path, [])
    above = every[spot.line - 2] if 1 < spot.line <= len(every) else ""
    spans = [*spans_of(spot.source, above), *meant.get(spot.path, {}).get(spot.line, [])]
    return replace(spot, source=_without(spot.source, spans))


def _of_text(text: str) -> str:
    return _without(text, spans_of(text))


def _without(text: str, spans: Iterable[Span]) -> str:
    for start, end in spans:
        stop = len(text) if end is None else end
        text = text[:start] + "*" * (stop - start) + text[stop:]
    return text


def spans_of(line: str, above: str = "") -> Iterator[Span]:
    """Yield where in a line something stands that may be a secret.

    Args:
        line: The line.
        above: The one before it, which may say what this one begins with.
    """
    before = len(above) + 1
    for start, end in _spans(f"{above}\n{line}"):
        if end > before:
            yield max(start - before, 0), end - before


def _spans(text: str) -> Iterator[tuple[int, int]]:
    for pattern in LINE_PATTERNS:
        yield from (found.span() for found in pattern.finditer(text) if not _is_named(found["secret"]))
    for pattern in _ELSEWHERE:
        yield from (
            found.span("secret") for found in pattern.finditer(text) if not _is_named(found["secret"])
        )
    for name in _NAMED.finditer(text):
        value = _VALUE.match(text, name.end()) if NAME.search(name["name"]) else None
        if value and not _is_named(value["secret"]):
            yield value.span()


def _is_named(word: str) -> bool:
    """Tell whether a word only says where a secret comes from."""
    return bool(PLACEHOLDER.fullmatch(word.strip("'\"")))
