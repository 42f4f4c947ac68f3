"""An explanation as text for a terminal, wrapped to its width. Colours nothing and opens nothing."""

import re
import textwrap
from collections.abc import Iterator

from remediate.explaining import Explanation, Points, Quoted, story
from remediate.sinks.clean import one_line

NARROWEST, WIDEST = 40, 120
LONGEST = 20_000
"""Characters of one paragraph."""

_SPAN = re.compile(r"(?<!`)(?P<fence>`+)(?!`).+?(?<!`)(?P=fence)(?!`)|\{\{.+?\}\}")
"""Code (CommonMark, code spans), or a template outside of it."""
_KEPT_WHOLE = 60
"""Characters of code that is not broken over two lines: a command is there to be copied."""
_GLUE = "\u00a0"


def explanation_text(told: Explanation, width: int) -> str:
    """Return the text, its lines no longer than the width but for single words that are.

    Args:
        told: The explanation.
        width: Columns of the terminal.
    """
    columns = min(max(width, NARROWEST), WIDEST)
    return "\n".join(_lines(told, columns)) + "\n"


def _lines(told: Explanation, columns: int) -> Iterator[str]:
    yield from _wrapped(f"{told.name}: {told.title}", columns, "", "")
    for section in story(told):
        yield ""
        if section.heading:
            yield section.heading
        for block in section.blocks:
            if isinstance(block, Points):
                yield from _points(block, columns)
            elif isinstance(block, Quoted):
                yield from _wrapped(block.text, columns, "  | ", "  | ")
            else:
                yield from _wrapped(block, columns, "  ", "  ")


def _points(block: Points, columns: int) -> Iterator[str]:
    for number, point in enumerate(block.points, 1):
        mark = f"  {number}. " if block.numbered else "  - "
        first, *others = (
            line for line in (f"{point.name} ({point.kind})" if point.name else "", point.text) if line
        )
        yield from _wrapped(first, columns, mark, " " * len(mark))
        for line in others:
            yield from _wrapped(line, columns, " " * len(mark), " " * len(mark))
        for line in point.below:
            yield from _wrapped(line, columns, " " * len(mark), " " * (len(mark) + 2))


def _wrapped(text: str, columns: int, first: str, rest: str) -> Iterator[str]:
    flat = _SPAN.sub(_glued, one_line(text, LONGEST))
    lines = textwrap.wrap(
        flat,
        columns,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return (line.replace(_GLUE, " ") for line in lines)


def _glued(span: re.Match[str]) -> str:
    return span[0].replace(" ", _GLUE) if len(span[0]) <= _KEPT_WHOLE else span[0]
