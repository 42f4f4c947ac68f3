"""Files edited as text: one text replaced, one line there or not, one key of a JSON file. Moves and deletes nothing.

The bytes around the edit stay: comments, order, line ends, a byte order mark. Of a file that bears secrets (`.env` and
its like) the diff shows names and fingerprints only, and the old bytes stay beside it on the host.
"""

import posixpath
from typing import ClassVar, Self

from pydantic import Field, field_validator, model_validator

from remediate.errors import Failed
from remediate.model import Change, Forecast, Json, Risk, Undo
from remediate.promise import Promise
from remediate.providers.edits import (
    EDITED,
    demand_inside,
    edited,
    place_question,
    put_file,
    restore_file,
    save_file,
)
from remediate.providers.files import OneFile, demand_file
from remediate.providers.jsonc import NotJson, parsed, with_value, without
from remediate.providers.secret_files import put_sealed, recipe_back, restore_sealed, sealed_edit
from remediate.providers.secret_lines import bears_secrets
from remediate.questions import Answers, Read
from remediate.steps import Action, Questions, Step
from remediate.target import Target


class FileEdit(OneFile, Action):
    """One file whose bytes after the edit follow from those before it."""

    risk: ClassVar[Risk] = "config"

    @property
    def what(self) -> str:
        """The edit in one line, for a person."""
        raise NotImplementedError

    def after(self, before: bytes) -> bytes:
        """Return the bytes after the edit; the same where it has been made already.

        Raises:
            Failed: It cannot be made in this file.
        """
        raise NotImplementedError

    def ask(self) -> Questions:
        """Return the questions for the file and for where it really is."""
        return (Read(path=self.place), place_question(self.root, self.place))

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return the edit, or nothing where it has been made already."""
        before = answers[Read(path=self.place)]
        demand_inside(answers, self.root, self.place)
        demand_file(self.place, before)
        after = self.after(before.content)
        if after == before.content:
            return ()
        if bears_secrets(self.place):
            return (sealed_edit(self.place, before, after, self.what),)
        change = edited(self.place, before.content, after, self.what, self.risk)
        forecast = Forecast(
            question=Read(path=self.place), answer=before.model_copy(update={"content": after})
        )
        return (change.model_copy(update={"forecasts": (forecast,)}),)

    def snapshot(self, target: Target, change: Change) -> Undo:
        """Save the whole file; of one that bears secrets, where its old bytes will be."""
        save = recipe_back if bears_secrets(self.place) else save_file
        return self.undo_with(save(target, change))

    def apply(self, target: Target, change: Change) -> None:
        """Write the new bytes."""
        if bears_secrets(self.place):
            put_sealed(target, change, self.after)
        else:
            put_file(target, change)

    def undo(self, target: Target, undo: Undo) -> None:
        """Write the old bytes back."""
        restore = restore_sealed if bears_secrets(self.place) else restore_file
        restore(target, undo.data)


class FilesReplace(FileEdit):
    """Replaces a text that must occur exactly once in a file.

    Line ends, a byte order mark and a missing last newline are kept: a line feed in `find` and `replace_with` stands
    for CRLF where the file has CRLF throughout. Of a file that bears secrets (`.env` and its like) the diff shows names
    and fingerprints only, and the old bytes stay beside it on the host.
    """

    kind: ClassVar[str] = "files.replace"
    tells: ClassVar[str] = (
        "Replaces the text {find} by {replace_with} in {path}, where it must occur exactly once"
    )
    promise: ClassVar[Promise] = EDITED
    find: str = Field(min_length=1, description="The literal text that is there now, exactly once.")
    replace_with: str = Field(description="What stands there afterwards.")

    @property
    def what(self) -> str:
        """The edit in one line."""
        return f"replace a text in {self.place}"

    def after(self, before: bytes) -> bytes:
        """Return the content with the text replaced."""
        return replaced_once(self.place, before, self.find.encode(), self.replace_with.encode())


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


class FilesLine(FileEdit):
    """Makes one whole line be in a file exactly once, or not at all.

    A new line goes to the end, or behind the last line that equals `after`; a last line without an end gets one first.
    Of a line that is there more than once the first stays. Spaces count.
    """

    kind: ClassVar[str] = "files.line"
    tells: ClassVar[str] = (
        "Sees to it that {path} has the line {line} [!absent?exactly once][absent?not at all][, behind "
        "the line {behind}]"
    )
    promise: ClassVar[Promise] = EDITED
    line: str = Field(min_length=1, description="The whole line, without its end.")
    absent: bool = Field(default=False, description="True: it must NOT be in there.")
    behind: str | None = Field(
        default=None, description="The whole line behind which a new one goes; default: at the end."
    )

    @field_validator("line", "behind")
    @classmethod
    def _one_line(cls, line: str | None) -> str | None:
        if line is not None and ("\n" in line or "\r" in line):
            raise ValueError("must be one line")
        return line

    @property
    def what(self) -> str:
        """The edit in one line."""
        return f"{'remove a line from' if self.absent else 'put a line into'} {self.place}"

    def after(self, before: bytes) -> bytes:
        """Return the content with the line once, or without it."""
        wanted = self.line.encode()
        lines = before.splitlines(keepends=True)
        found = [number for number, line in enumerate(lines) if line.rstrip(b"\r\n") == wanted]
        surplus = set(found if self.absent else found[1:])
        kept = [line for number, line in enumerate(lines) if number not in surplus]
        return b"".join(kept if found or self.absent else self._with(kept, before))

    def _with(self, lines: list[bytes], before: bytes) -> list[bytes]:
        end = with_line_ends(before, b"\n")
        ended = [*lines[:-1], lines[-1] if lines[-1].endswith(b"\n") else lines[-1] + end] if lines else []
        at = self._place_in(ended)
        return [*ended[:at], self.line.encode() + end, *ended[at:]]

    def _place_in(self, lines: list[bytes]) -> int:
        if self.behind is None:
            return len(lines)
        wanted = self.behind.encode()
        found = [number for number, line in enumerate(lines) if line.rstrip(b"\r\n") == wanted]
        if not found:
            raise Failed(self.place, "the line to put it behind is not in it", "correct `behind`")
        return found[-1] + 1


PLAIN = ("package.json", "package-lock.json")


class FilesJsonSet(FileEdit):
    """Sets one key of a JSON file, or removes it; comments, order and layout of all the rest stay.

    JSON with comments and trailing commas (tsconfig.json) is read as TypeScript reads it; package.json and its lock
    file are plain JSON, as Node and npm read them. Objects on the way to the key are made where they are missing.
    """

    kind: ClassVar[str] = "files.json_set"
    tells: ClassVar[str] = (
        "[!absent?Sets {key} in {path} to {value}][absent?Removes {key} from {path}]; comments, order and"
        " layout of all the rest stay"
    )
    promise: ClassVar[Promise] = EDITED
    key: list[str] = Field(min_length=1, description="The path of keys: [compilerOptions, module].")
    value: Json = Field(default=None, description="What it shall be: any JSON value.")
    absent: bool = Field(default=False, description="True: the key must NOT be there.")

    @model_validator(mode="after")
    def _either(self) -> Self:
        if self.absent and self.value is not None:
            raise ValueError("give either `value` or `absent`")
        return self

    @property
    def what(self) -> str:
        """The edit in one line."""
        return f"{'remove' if self.absent else 'set'} {'.'.join(self.key)} in {self.place}"

    def after(self, before: bytes) -> bytes:
        """Return the content with the key set, or without it."""
        plain = posixpath.basename(self.place) in PLAIN
        try:
            text = before.decode()
            parsed(text, plain=plain)
            new = without(text, self.key) if self.absent else with_value(text, self.key, self.value)
            parsed(new, plain=plain)
        except UnicodeDecodeError as error:
            raise Failed(self.place, "is no UTF-8 text", "look at the file") from error
        except NotJson as error:
            raise Failed(f"{self.place}:{error.line}", error.what, "mend the file by hand") from error
        return new.encode()


STEPS: tuple[type[Step], ...] = (FilesReplace, FilesLine, FilesJsonSet)
