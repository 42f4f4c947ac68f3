"""A rule of the linter, what it finds, and what is then told. It reads no file and looks at nothing itself."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from remediate.lint.places import Spot

S = TypeVar("S")


class Weight(StrEnum):
    """How much a remark weighs."""

    ERROR = "error"  # it does harm, or not what it says: exit code 2
    WARNING = "warning"  # it may: exit code 2 with --strict
    NOTE = "note"  # there is something better


@dataclass(frozen=True)
class Flaw:
    """What a rule has found.

    Attributes:
        spot: Where.
        what: What is wrong there, in a clause.
        within: Which step it is of, or another name that stays when lines move.
    """

    spot: Spot
    what: str
    within: str = ""


@dataclass(frozen=True)
class Rule(Generic[S]):
    """One mistake that can be seen in a file's text.

    Attributes:
        id: `RM101`.
        name: Its name in words.
        weight: How much it weighs.
        reason: Why it is a mistake, with what was measured of it.
        remedy: What to write instead.
        bad: Sections of a playbook or inventory in which it is made, laid over `examples.BASE`.
        good: The same as it should be.
        look: Finds it.
    """

    id: str
    name: str
    weight: Weight
    reason: str
    remedy: str
    bad: str
    good: str
    look: Callable[[S], Iterator[Flaw]]

    @property
    def anchor(self) -> str:
        """Of its section in docs/LINT.md, as GitHub makes it of the heading."""
        return f"{self.id.lower()}-{self.name}"


@dataclass(frozen=True)
class Remark:
    """A rule's word on one place of a file.

    Attributes:
        rule: The rule's id.
        name: The rule's name.
        weight: How much it weighs.
        spot: Where.
        what: What is wrong there.
        reason: Why.
        remedy: What to do.
        within: The step it is of, or nothing.
        allowed: The reason that a comment beside it gives for it; empty where none does.
    """

    rule: str
    name: str
    weight: Weight
    spot: Spot
    what: str
    reason: str
    remedy: str
    within: str = ""
    allowed: str = ""
