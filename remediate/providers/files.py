"""Files: whether one is there, what it contains, one text in it replaced. Knows no file format and no program."""

import posixpath
import re
from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from remediate.errors import Failed
from remediate.model import Change, Finding, Forecast, Undo
from remediate.providers.edits import (
    demand_inside,
    edited,
    leaves,
    place_question,
    put_file,
    restore_file,
    save_file,
)
from remediate.providers.secret_files import (
    Seal,
    put_sealed,
    recipe_back,
    restore_sealed,
    sealed_edit,
)
from remediate.providers.secret_lines import bears_secrets
from remediate.questions import Answers, Read, ReadAnswer
from remediate.steps import Action, Check, Questions, Step
from remediate.target import Target

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
        try:
            re.compile(pattern or "", re.MULTILINE)
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from error
        return pattern

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


class FilesReplace(OneFile, Action):
    """Replaces a text that must occur exactly once in a file.

    Line ends, a byte order mark and a missing last newline are kept: a line feed in `find` and `replace_with` stands
    for CRLF where the file has CRLF throughout. Of a file that bears secrets (`.env` and its like) the diff shows names
    and fingerprints only, and the old bytes stay beside it on the host.
    """

    kind: ClassVar[str] = "files.replace"
    find: str = Field(min_length=1, description="The literal text that is there now, exactly once.")
    replace_with: str = Field(description="What stands there afterwards.")

    def ask(self) -> Questions:
        """Return the questions for the file and for where it really is."""
        return (Read(path=self.place), place_question(self.root, self.place))

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return the edit, or nothing where it has been made already."""
        before = answers[Read(path=self.place)]
        demand_inside(answers, self.root, self.place)
        demand_file(self.place, before)
        after, what = self._edit(before.content), f"replace a text in {self.place}"
        if after == before.content:
            return ()
        if bears_secrets(self.place):
            return (sealed_edit(self.place, before, after, what),)
        change = edited(self.place, before.content, after, what, "config")
        forecast = Forecast(
            question=Read(path=self.place), answer=before.model_copy(update={"content": after})
        )
        return (change.model_copy(update={"forecasts": (forecast,)}),)

    def _edit(self, content: bytes) -> bytes:
        return replaced_once(self.place, content, self.find.encode(), self.replace_with.encode())

    def snapshot(self, target: Target, change: Change) -> Undo:
        """Save the whole file; of one that bears secrets, where its old bytes will be."""
        save = recipe_back if bears_secrets(self.place) else save_file
        return self.undo_with(save(target, change))

    def apply(self, target: Target, change: Change) -> None:
        """Write the new bytes."""
        if bears_secrets(self.place):
            put_sealed(target, change, self._edit)
        else:
            put_file(target, change)

    def undo(self, target: Target, undo: Undo) -> None:
        """Write the old bytes back."""
        restore = restore_sealed if bears_secrets(self.place) else restore_file
        restore(target, undo.data)


def demand_file(path: str, answer: ReadAnswer) -> None:
    """Refuse what is no file.

    Raises:
        Failed: Nothing has that name, or something else than a file.
    """
    if not answer.exists:
        raise Failed(path, "is not there", "check the path")
    if answer.kind_of_file != "file":
        raise Failed(path, f"is a {answer.kind_of_file}, not a file", "name the file itself")


def replaced_once(path: str, content: bytes, find: bytes, replacement: bytes) -> bytes:
    """Return the content with its one occurrence of `find` replaced, or as it is where that was done before.

    Raises:
        Failed: `find` occurs more than once, or neither it nor the replacement is there.
    """
    find, replacement = with_line_ends(content, find), with_line_ends(content, replacement)
    # What was replaced before may itself contain `find` ("a" -> "ab"): those occurrences are done, not to do.
    parts = content.split(replacement) if find in replacement else [content]
    count = sum(part.count(find) for part in parts)
    if count == 0 and replacement not in content:
        raise Failed(
            path, "the text to be replaced is not in it, and neither is the new one", "look at the file"
        )
    if count > 1:
        raise Failed(
            path, f"the text to be replaced is in it {count} times", "give more of it, so that it is one"
        )
    return (replacement if len(parts) > 1 else b"").join(part.replace(find, replacement) for part in parts)


def with_line_ends(content: bytes, text: bytes) -> bytes:
    """Return a text with the line ends that the content has throughout: CRLF, or as it is."""
    all_crlf = b"\r\n" in content and content.count(b"\n") == content.count(b"\r\n")
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") if all_crlf else text


STEPS: tuple[type[Step], ...] = (FilesExists, FilesContains, FilesReplace)
