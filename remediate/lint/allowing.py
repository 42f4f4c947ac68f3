"""Comments that silence a rule at one place: `# remediate: allow RM101 why`. They silence nothing elsewhere.

One stands at the end of the line it is for, or on lines of its own above it. Within a script it is the script's
comment, within SQL it begins with `--`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from remediate.lint.places import Spot, spot_at

_ALLOWS = re.compile(
    r"(?:^|(?<=\s))(?:\#|--)\s*remediate:\s*allow\b[ \t]*(?P<rule>[\w-]*)[ \t:,]*(?P<reason>.*)$"
)
_COMMENT = re.compile(r"\s*(#|--)")


@dataclass(frozen=True)
class Allowance:
    """One such comment.

    Attributes:
        rule: The rule's id, as it is written.
        reason: Why; empty where none is given.
        spot: Where the comment stands.
        line: The line it is for.
    """

    rule: str
    reason: str
    spot: Spot
    line: int


def allowances_in(path: Path, text: str) -> Iterator[Allowance]:
    """Yield the allowances of a file."""
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if found := _ALLOWS.search(line):
            spot = spot_at(path, text, number, found.start() + 1)
            yield Allowance(found["rule"], found["reason"].strip(), spot, _meant(lines, number))


def _meant(lines: list[str], number: int) -> int:
    """Return the line that a comment in this one is for: its own, or the next that is no comment."""
    own = number
    while own <= len(lines) and _COMMENT.match(lines[own - 1]):
        own += 1
    return own
