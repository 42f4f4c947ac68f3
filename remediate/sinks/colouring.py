"""Diffs and scripts in parts, each with the part it plays, for a page to colour. It chooses no colour.

Whatever a host says is escaped here or by the templates, and control characters are shown as what they are.
"""

from collections.abc import Iterator
from typing import NamedTuple

from markupsafe import Markup
from pygments.lexer import Lexer
from pygments.lexers.shell import BashLexer
from pygments.lexers.sql import PostgresLexer
from pygments.token import Comment, Keyword, Literal, Name, Number, String, _TokenType

from remediate.sinks.clean import clean, clean_lines
from remediate.sinks.plan_overview import is_sql

LONGEST_SCRIPT = 200_000
"""Characters of a script that are coloured; a longer one is shown plain."""
_COLOURS: tuple[tuple[_TokenType, str], ...] = (
    (Comment, "c"),
    (Keyword, "k"),
    (Name.Builtin, "k"),
    (Number, "m"),
    (String, "s"),
    (Literal, "s"),
)


class DiffLine(NamedTuple):
    """One line of a diff with its part in it."""

    text: str
    style: str


def diff_lines(diff: str) -> Iterator[DiffLine]:
    """Return the lines of a diff."""
    for line in clean_lines(diff):
        yield DiffLine(line or " ", _part(line))


def _part(line: str) -> str:
    if line.startswith("@@"):
        return "place"
    if line.startswith("+") and not line.startswith("+++"):
        return "added"
    if line.startswith("-") and not line.startswith("---"):
        return "removed"
    return "faint"


def highlighted(script: str, target: str) -> Markup:
    """Return a script in colours: SQL where it is about something of a database, else a shell's."""
    if len(script) > LONGEST_SCRIPT:
        return Markup.escape(clean(script))
    lexer: Lexer = PostgresLexer(stripnl=False) if is_sql(script, target) else BashLexer(stripnl=False)
    return Markup("").join(_coloured(kind, text) for kind, text in lexer.get_tokens(clean(script)))


def _coloured(kind: _TokenType, text: str) -> Markup:
    for family, colour in _COLOURS:
        if kind in family:
            return Markup('<span class="{}">{}</span>').format(colour, text)
    return Markup.escape(text)
