"""An explanation as a page of Markdown, as `docs/playbooks/` has it. Opens nothing."""

import re
from collections.abc import Iterator

from remediate.explaining import Explanation, Point, Points, Quoted, story
from remediate.explaining.wording import code
from remediate.sinks.clean import one_line

LONGEST = 20_000
"""Characters of one paragraph."""


def explanation_markdown(told: Explanation) -> str:
    """Return the page."""
    return "\n".join(_lines(told))


def _lines(told: Explanation) -> Iterator[str]:
    yield f"# {told.name}\n"
    yield f"**{_escaped(told.title)}.**\n"
    for section in story(told):
        if section.heading:
            yield f"## {section.heading}\n"
        for block in section.blocks:
            if isinstance(block, Points):
                yield "\n".join(_points(block)) + "\n"
            elif isinstance(block, Quoted):
                yield f"> {_escaped(block.text)}\n"
            else:
                yield f"{_escaped(block)}\n"


def _points(block: Points) -> Iterator[str]:
    for number, point in enumerate(block.points, 1):
        mark = f"{number}. " if block.numbered else "- "
        yield f"{mark}{_step(point)}{_escaped(point.text)}"
        for line in point.below:
            yield f"{' ' * len(mark)}- {_escaped(line)}"


def _step(point: Point) -> str:
    return f"**{_escaped(point.name)}** ({code(point.kind)}). " if point.name else ""


def _escaped(text: str) -> str:
    """Return text of which nothing outside of code is an element or a link to a forge."""
    return _CODE_OR_SIGN.sub(lambda match: _SIGNS.get(match[0], match[0]), one_line(text, LONGEST))


_CODE_OR_SIGN = re.compile(r"(?<!`)(?P<fence>`+)(?!`).+?(?<!`)(?P=fence)(?!`)|[<\[]")
"""A span of code (CommonMark, code spans), or what else begins something."""
_SIGNS = {"<": "&lt;", "[": "\\["}
