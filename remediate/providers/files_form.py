"""Files judged by their form: whether one can be read as what it is, whether it is what it was. Changes nothing."""

import posixpath
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from remediate.errors import CouldNotLook
from remediate.model import Finding
from remediate.providers.files import OneFile
from remediate.providers.jsonc import NotJson, parsed
from remediate.providers.typescript_syntax import unread
from remediate.questions import Answers, Read, ReadAnswer
from remediate.steps import Check, Questions, Step

Form = Literal["json", "jsonc", "typescript"]
FORM_OF: dict[str, Form] = {
    ".json": "json",
    ".jsonc": "jsonc",
    ".ts": "typescript",
    ".tsx": "typescript",
    ".mts": "typescript",
    ".cts": "typescript",
    ".js": "typescript",
    ".jsx": "typescript",
    ".mjs": "typescript",
    ".cjs": "typescript",
}
WITH_COMMENTS = ("tsconfig", "jsconfig")


class FilesParses(OneFile, Check):
    """Whether a file can be read as JSON, JSON with comments, or TypeScript.

    The form follows from the name where it is not given; `tsconfig*.json` may have comments, as tsc has it.
    """

    kind: ClassVar[str] = "files.parses"
    tells: ClassVar[str] = "Looks whether {path} can be read[ as {form}]"
    form: Form | None = Field(default=None, description="Default: by the file's name.")

    def ask(self) -> Questions:
        """Return the question for the file."""
        return (Read(path=self.place),)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Read the file."""
        del first
        form = self._form(now.where)
        line, wrong = _wrong(form, self.place, now[Read(path=self.place)])
        where = f"{self.place}:{line}" if line else self.place
        seen = f"{where}: {wrong}" if wrong else f"{self.place} is {form}"
        return Finding(healthy=not wrong, seen=seen, facts={"line": line})

    def _form(self, where: str) -> Form:
        name, extension = posixpath.splitext(posixpath.basename(self.place))
        form = self.form or FORM_OF.get(extension)
        if form is None:
            raise CouldNotLook(where, f"nobody can tell what {self.place} should be", "give `form`")
        return "jsonc" if self.form is None and name.startswith(WITH_COMMENTS) else form


def _wrong(form: Form, place: str, answer: ReadAnswer) -> tuple[int, str]:
    if not answer.exists:
        return 0, "is not there"
    if answer.kind_of_file != "file":
        return 0, f"is a {answer.kind_of_file}, not a file"
    try:
        text = answer.content.decode()
    except UnicodeDecodeError as error:
        return answer.content.count(b"\n", 0, error.start) + 1, "is no UTF-8 text"
    return _wrong_text(form, place, text)


def _wrong_text(form: Form, place: str, text: str) -> tuple[int, str]:
    if form == "typescript":
        return unread(place, text) or (0, "")
    try:
        parsed(text.removeprefix("\ufeff"), plain=form == "json")
    except NotJson as error:
        return error.line, error.what
    return 0, ""


class FilesUnchanged(OneFile, Check):
    """Whether a file has the content it should have: of a digest, or of another file; or still has it in `verify`.

    Without either, a window decides: it must not change from the first look to the last.
    """

    kind: ClassVar[str] = "files.unchanged"
    tells: ClassVar[str] = (
        "Looks whether {path} has the content that it should have[, with the SHA-256 {sha256}][, that of "
        "{like}][!sha256?[!like?, which is here what it had at the first look]]"
    )
    sha256: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{64}$", description="SHA-256 of its content, in hex."
    )
    like: str | None = Field(default=None, description="Another file with the same content, below `root`.")

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if self.sha256 and self.like:
            raise ValueError("give either `sha256` or `like`")
        return self

    @property
    def _other(self) -> Read:
        return Read(path=posixpath.normpath(posixpath.join(self.root, self.like or self.path)))

    def ask(self) -> Questions:
        """Return the question for the file, and for the other one."""
        return tuple(dict.fromkeys((Read(path=self.place), self._other)))

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare the digests."""
        answer = now[Read(path=self.place)]
        if not answer.exists:
            return Finding(healthy=False, seen=f"{self.place} is not there")
        wanted = self.sha256 or (now if self.like else first)[self._other].sha256
        same = answer.sha256 == wanted
        than = f"as {self._other.path}" if self.like else "as it was"
        seen = f"{self.place} is {'' if same else 'not '}{than}"
        return Finding(healthy=same, seen=seen, facts={"sha256": answer.sha256})


STEPS: tuple[type[Step], ...] = (FilesParses, FilesUnchanged)
