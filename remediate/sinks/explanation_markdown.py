"""An explanation as a page of Markdown, as `docs/playbooks/` has it. Opens nothing."""

from collections.abc import Iterator

from remediate.explaining import Explanation, Point, Points, Quoted, story
from remediate.explaining.wording import code
from remediate.sinks.clean import one_line
from remediate.sinks.markdown import prose

LONGEST = 20_000
"""Characters of one paragraph."""


def explanation_markdown(told: Explanation) -> str:
    """Return the page."""
    return "\n".join(_lines(told))


def _lines(told: Explanation) -> Iterator[str]:
    yield f"# {_escaped(told.name)}\n"
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
    return prose(one_line(text, LONGEST))
