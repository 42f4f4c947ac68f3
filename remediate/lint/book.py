"""A playbook as the linter's rules see it: steps, scripts, calls and patterns, each with its place. It judges none."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from remediate.lint.places import spot_in, spot_of
from remediate.lint.rule import Flaw
from remediate.lint.shell_words import Call, calls_of
from remediate.model import Json
from remediate.playbook import Playbook
from remediate.playbook.step_templates import StepTemplate
from remediate.text.strict_yaml import Document, Place
from remediate.text.templates import is_template

LONGEST = 20_000
"""Characters of a script that are read; what comes after is passed over, so that no file keeps a linter busy."""
COMMANDS = ("command.output", "command.run")


@dataclass(frozen=True)
class Piece:
    """A constant text of a step.

    Attributes:
        step: The step.
        place: Where the text stands.
        text: The text.
        looks: Whether it may only look.
    """

    step: StepTemplate[Any]
    place: Place
    text: str
    looks: bool

    def flaw(self, what: str, start: int = 0, end: int | None = None) -> Flaw:
        """Return what is wrong with a part of it."""
        stop = len(self.text) if end is None else end
        return Flaw(spot_in(self.step.document, self.place, self.text, start, stop), what, self.step.name)


@dataclass(frozen=True)
class Shell(Piece):
    """A script."""

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """The calls it makes."""
        return tuple(calls_of(self.text[:LONGEST]))

    def at(self, call: Call, what: str) -> Flaw:
        """Return what is wrong with one of its calls."""
        return self.flaw(what, call.start, call.end)


@dataclass(frozen=True)
class Book:
    """A playbook, and what of those beside it a rule may need.

    Attributes:
        playbook: The playbook.
        explains: What each playbook of the folder explains.
    """

    playbook: Playbook
    explains: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def document(self) -> Document:
        """Its own file."""
        return self.playbook.document

    @property
    def looks(self) -> tuple[StepTemplate[Any], ...]:
        """All its checks."""
        return (*self.playbook.diagnose, *self.playbook.verify)

    @property
    def steps(self) -> tuple[StepTemplate[Any], ...]:
        """All its steps."""
        return (*self.playbook.diagnose, *self.playbook.fix, *self.playbook.verify)

    @property
    def documents(self) -> tuple[Document, ...]:
        """Its file, and those of the parts it uses."""
        every = (self.document, *(step.document for step in self.steps))
        return tuple({document.path: document for document in every}.values())

    @cached_property
    def shells(self) -> tuple[Shell, ...]:
        """All scripts."""
        return tuple(shell for step in self.steps if step.kind in COMMANDS for shell in _shells(step))

    def calls(self) -> Iterator[tuple[Shell, Call]]:
        """Yield every call of every script."""
        return ((shell, call) for shell in self.shells for call in shell.calls)

    @cached_property
    def patterns(self) -> tuple[Piece, ...]:
        """Every regular expression of a step that is constant."""
        keys = {"pm2.log": "without", "command.output": "pattern", "files.contains": "pattern"}
        return tuple(
            Piece(step, (*step.place, key), text, looks=True)
            for step in self.steps
            if (key := keys.get(step.kind, ""))
            and isinstance(text := raw(step).get(key), str)
            and not is_template(text)
        )

    def own(self, place: Place, what: str, *, key: bool = False) -> Flaw:
        """Return what is wrong at a place of the playbook's own file."""
        return Flaw(spot_of(self.document, place, key=key), what, "/".join(map(str, place)))


def _shells(step: StepTemplate[Any]) -> Iterator[Shell]:
    ways = [("script",), ("unless", "script"), ("undo", "script")]
    for way in ways:
        text: Json = raw(step)
        for part in way:
            text = text.get(part) if isinstance(text, dict) else None
        if isinstance(text, str):
            looks = step.kind == "command.output" or way[0] == "unless"
            yield Shell(step, (*step.place, *way), text, looks)


def raw(step: StepTemplate[Any]) -> dict[str, Json]:
    """Return a step's parameters as they are written; templates as text, defaults left out."""
    written: dict[str, Json] = step.document.at(step.place)
    return written


def flaw_of(step: StepTemplate[Any], what: str, *way: str) -> Flaw:
    """Return what is wrong with a step, or with one of its parameters."""
    place = (*step.place, *way)
    return Flaw(spot_of(step.document, place, key=not way), what, step.name)
