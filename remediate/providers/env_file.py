"""The `.env` file as steps mean it, and the one way to edit it: nothing secret in a plan, a diff or the audit log.

The file as it was stays beside it on the host, readable for its owner only; the way back names it and its hash. It
parses nothing itself, and decides no value.
"""

import posixpath

from pydantic import Field

from remediate.errors import CouldNotLook, Failed
from remediate.model import Change
from remediate.providers.edits import demand_inside, place_question
from remediate.providers.env_marks import Marks
from remediate.providers.secret_files import sealed_edit
from remediate.questions import Answers, Read, ReadAnswer
from remediate.steps import Questions, Step
from remediate.text.dotenv import Entry, as_text, entries
from remediate.text.dotenv_edits import is_ended

DATABASE_URL = "DATABASE_URL"
NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"


class EnvFile(Step):
    """A step about one `.env` file."""

    file: str = Field(default=".env", description="Below `backend`, or absolute.")
    backend: str = Field(default="{{ app.backend }}", description="Absolute path of the backend.")

    @property
    def place(self) -> str:
        """The file's absolute path."""
        return posixpath.normpath(posixpath.join(self.backend, self.file))

    @property
    def content(self) -> Read:
        """The question for the file. Its answer is secret: what is shown of it goes through `env_marks`."""
        return Read(path=self.place)

    def entries_in(self, answers: Answers) -> tuple[Entry, ...]:
        """Return what the file sets; nothing where it is not there.

        Raises:
            CouldNotLook: It cannot be read, or is no file.
        """
        answer = answers[self.content]
        if answer.exists and answer.kind_of_file == "directory":
            raise CouldNotLook(self.place, "is a directory", "name the file")
        return entries(as_text(answer.content))

    def marks(self, answers: Answers) -> Marks:
        """Return the marks under the key of the file, as the scripts on the host make them."""
        return Marks.under(self.place, answers[self.content].content)


class EditedEnvFile(EnvFile):
    """An action on one `.env` file, below the app's root."""

    root: str = Field(default="{{ app.root }}", description="The app's root; nothing outside it is changed.")

    @property
    def about_file(self) -> Questions:
        """The questions that every edit has: the file, and where it really is."""
        return (self.content, place_question(self.root, self.place))

    def before(self, answers: Answers) -> ReadAnswer:
        """Return the file as it is.

        Raises:
            Failed: It is not there, no plain file, or not below the root.
        """
        demand_inside(answers, self.root, self.place)
        answer = answers[self.content]
        if not answer.exists or answer.kind_of_file != "file":
            raise Failed(self.place, "is not there, or no plain file", "look at it")
        return answer

    def edit(self, answers: Answers, after: bytes, what: str, *notes: str) -> tuple[Change, ...]:
        """Return the change of the file's content, or nothing where it has that content already.

        Args:
            answers: With the answers to `about_file`.
            after: The file's bytes afterwards.
            what: One line for a person.
            notes: Further lines.
        """
        if after == answers[self.content].content:
            return ()
        before = self.before(answers)
        mended = ("the last line gets its end",) if not is_ended(before.content) else ()
        change = sealed_edit(self.place, before, after, what)
        return (change.model_copy(update={"notes": (*notes, *mended, *change.notes)}),)
