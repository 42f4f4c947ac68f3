"""Files: whether one is there, and what it contains. Knows no file format and no program."""

import posixpath
import re
from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from remediate.errors import Failed
from remediate.model import Finding
from remediate.providers.edits import (
    leaves,
)
from remediate.providers.secret_files import (
    Seal,
)
from remediate.providers.secret_lines import bears_secrets
from remediate.questions import Answers, Read, ReadAnswer
from remediate.steps import Check, Questions, Step
from remediate.text.patterns import checked

SHOWN_MATCHES = 3


class OneFile(Step):
    """What steps about one file have in common: its path below the app's root."""

    path: str = Field(description="Absolute, or relative to `root`.")
    root: str = Field(default="{{ app.root }}", description="The app's root; nothing outside it is edited.")

    @model_validator(mode="after")
    def _stays_below_root(self) -> Self:
        if leaves(self.root, self.place):
            raise ValueError(f"given a path below the app's root {self.root}, which {self.place} is not")
        return self

    @property
    def place(self) -> str:
        """The absolute path."""
        return posixpath.normpath(posixpath.join(self.root, self.path))


class FilesExists(OneFile, Check):
    """Whether a file or directory is there."""

    kind: ClassVar[str] = "files.exists"
    tells: ClassVar[str] = "Looks whether {path} is [absent?no longer ]there[ and is of the type {type}]"
    type: Literal["file", "directory", "link", "any"] = "any"
    absent: bool = Field(default=False, description="True: it must NOT be there.")

    def ask(self) -> Questions:
        """Return the question for the path."""
        return (Read(path=self.place),)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare what is there with what should be."""
        del first
        answer = now[Read(path=self.place)]
        there = answer.exists and self.type in ("any", answer.kind_of_file)
        seen = f"{self.place} is a {answer.kind_of_file}" if answer.exists else f"{self.place} is not there"
        return Finding(healthy=there is not self.absent, seen=seen, facts={"exists": answer.exists})


class FilesContains(OneFile, Check):
    """Whether a file contains a text or a line that matches a pattern.

    A file that is not there contains nothing: with `absent` that is healthy, and the finding says that it is not there.
    """

    kind: ClassVar[str] = "files.contains"
    tells: ClassVar[str] = (
        "Looks whether {path} contains [the text {text}][a line that matches {pattern}][absent?; well is "
        "that it does not]"
    )
    text: str | None = Field(default=None, description="Literal text.")
    pattern: str | None = Field(
        default=None, description="Python regular expression; ^ and $ stand for line ends."
    )
    absent: bool = Field(
        default=False, description="True: it must NOT be in there; a file that is not there is healthy, too."
    )

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        return checked(pattern) if pattern is not None else None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.text is None) == (self.pattern is None):
            raise ValueError("give either `text` or `pattern`")
        return self

    def ask(self) -> Questions:
        """Return the question for the file."""
        return (Read(path=self.place),)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Search the content; a file that is not there contains nothing."""
        del first
        answer = now[Read(path=self.place)]
        if answer.exists and answer.kind_of_file != "file":
            return Finding(healthy=False, seen=f"{self.place} is a {answer.kind_of_file}, not a file")
        lines = _matching_lines(answer.text, self.text, self.pattern)
        sought = repr(self.text if self.text is not None else self.pattern)
        missing = "" if answer.exists else ", which is not there"
        return Finding(
            healthy=bool(lines) is not self.absent,
            seen=f"{sought} is {'' if lines else 'not '}in {self.place}{missing}",
            evidence=tuple(f"{self.place}:{number}: {line}" for number, line in self._shown(answer, lines)),
            facts={"lines": [number for number, _ in lines]},
        )

    def _shown(self, answer: ReadAnswer, lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
        shown = lines[:SHOWN_MATCHES]
        if not shown or not bears_secrets(self.place):
            return shown
        sealed = Seal(self.place, answer.content).lines(answer.content)
        return [(number, "".join(sealed[number - 1 : number]).rstrip("\r\n")) for number, _ in shown]


def _matching_lines(content: str, text: str | None, pattern: str | None) -> list[tuple[int, str]]:
    expression = re.compile(re.escape(text) if text is not None else pattern or "", re.MULTILINE)
    starts = [match.start() for match in expression.finditer(content)]
    numbers = dict.fromkeys(content.count("\n", 0, start) + 1 for start in starts)
    lines = content.split("\n")
    return [(number, lines[number - 1].rstrip("\r")) for number in numbers]


def demand_file(path: str, answer: ReadAnswer) -> None:
    """Refuse what is no file.

    Raises:
        Failed: Nothing has that name, or something else than a file.
    """
    if not answer.exists:
        raise Failed(path, "is not there", "check the path")
    if answer.kind_of_file != "file":
        raise Failed(path, f"is a {answer.kind_of_file}, not a file", "name the file itself")


STEPS: tuple[type[Step], ...] = (FilesExists, FilesContains)
