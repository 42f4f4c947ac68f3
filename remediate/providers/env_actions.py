"""Changes of an app's `.env` file: set a variable, unset it, mend the one the database is reached by. Shows no value.

A new database URL is tried from the host, as the app would, before it is written. The way to edit is in `env_file`.
"""

from collections.abc import Iterator
from typing import ClassVar, Self

from pydantic import Field, model_validator

from remediate.errors import Failed, Stale
from remediate.model import Change, Undo
from remediate.providers.env_door import word_for
from remediate.providers.env_file import DATABASE_URL, NAME, EditedEnvFile
from remediate.providers.env_host import (
    door_question,
    given_door_question,
    literal_door_question,
    mark_of,
    place_of,
    read_secret,
    read_tried,
    secret_question,
)
from remediate.providers.secret_files import Seal, put_sealed, recipe_back, restore_sealed
from remediate.questions import Answers, Run
from remediate.steps import Action, Questions
from remediate.target import Target
from remediate.text.dotenv import as_text, entries, value_among
from remediate.text.dotenv_edits import unglued, whole_line, with_value, without


class _Edit(EditedEnvFile, Action):
    """What the edits have in common: they are computed anew where they are made, so that no plan has to hold them."""

    def after(self, answers: Answers) -> bytes | None:
        """Return the file's bytes afterwards; None where nothing can be said to be better than what is there."""
        raise NotImplementedError

    def snapshot(self, target: Target, change: Change) -> Undo:
        """Write down where the old bytes will be."""
        return self.undo_with(recipe_back(target, change))

    def apply(self, target: Target, change: Change) -> None:
        """Compute the edit again, compare it with what was planned, and write it."""
        after = self.after(target.answer(self.ask()))
        if after is None or Seal(self.place, after).digest != change.data["after"]:
            raise Stale(self.place, "what is to be written is no longer what was planned", "run plan again")
        put_sealed(target, change, lambda _: after)

    def undo(self, target: Target, undo: Undo) -> None:
        """Write the old bytes back."""
        restore_sealed(target, undo.data)

    def with_value(self, content: bytes, key: str, value: str) -> bytes:
        """Return the content with a variable set.

        Raises:
            Failed: It cannot be written so.
        """
        try:
            return with_value(content, key, value)
        except ValueError as error:
            raise Failed(self.place, f"{key} cannot be written: {error}", "mend the file by hand") from error


class EnvSet(_Edit):
    """Sets a variable, once: at the line that counted, in the quotes that it has; a missing last line end is mended."""

    kind: ClassVar[str] = "env.set"
    key: str = Field(pattern=NAME, description="The variable.")
    value: str | None = Field(default=None, description="A value that may be seen by anybody.")
    secret: str | None = Field(
        default=None, description="Name of the inventory's secret whose value it gets."
    )
    trial: bool = Field(
        default=False, description="True: it is a database URL, and must let the app in before it is written."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.value is None) == (self.secret is None):
            raise ValueError("give either `value` or `secret`")
        return self

    @property
    def _door(self) -> Run:
        if self.secret is not None:
            return given_door_question(self.backend, self.place, self.key, self.secret)
        return literal_door_question(self.backend, self.place, self.key, self.value or "")

    def ask(self) -> Questions:
        """Return the questions for the file, the secret, and what the database says to it."""
        secret = (secret_question(self.secret),) if self.secret is not None else ()
        return (*self.about_file, *secret, *((self._door,) if self.trial else ()))

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return the edit, or nothing where the file says so already."""
        tried = ("the new value was tried: it lets the app in",) if self.trial else ()
        return self.edit(answers, self.after(answers), f"set {self.key} in {self.place}", *tried)

    def after(self, answers: Answers) -> bytes:
        """Return the file with the variable set.

        Raises:
            Failed: There is no such secret, or the database does not let it in.
        """
        value = self.value if self.secret is None else read_secret(answers, self.secret)
        if value is None:
            raise Failed(self.place, f"the inventory has no secret named {self.secret}", "add it there")
        if self.trial:
            self._demand_entry(answers, value)
        return self.with_value(self.before(answers).content, self.key, value)

    def _demand_entry(self, answers: Answers, value: str) -> None:
        word = word_for(read_tried(answers[self._door]).get(mark_of(answers, value), "EOTHER"))
        if word.state != "ok":
            where = place_of(value) or "what is to be written"
            raise Failed(
                self.place, f"{self.key} is not changed: {where}: {word.says}", word.todo or "correct it"
            )


class EnvUnset(_Edit):
    """Removes every line that sets a variable; nothing else is moved."""

    kind: ClassVar[str] = "env.unset"
    key: str = Field(pattern=NAME, description="The variable.")

    def ask(self) -> Questions:
        """Return the questions for the file."""
        return self.about_file

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return the edit, or nothing where no line sets it."""
        return self.edit(answers, self.after(answers), f"unset {self.key} in {self.place}")

    def after(self, answers: Answers) -> bytes:
        """Return the file without the variable."""
        return without(self.before(answers).content, self.key)


class EnvMend(_Edit):
    """Makes the file say once and whole the database URL that lets the app in.

    Of what the file may mean (a duplicated line, a line glued to another, a password cut by `#`), and then of the
    inventory's secret, the first that the database lets in; the one that counts now goes first. Where none is let in,
    nothing is changed.
    """

    kind: ClassVar[str] = "env.mend"
    key: str = Field(default=DATABASE_URL, pattern=NAME, description="The variable.")
    secret: str | None = Field(
        default=None, description="Name of the inventory's secret to fall back on, if the inventory has it."
    )

    @property
    def _door(self) -> Run:
        return door_question(self.backend, self.place, self.key)

    @property
    def _given(self) -> tuple[Run, ...]:
        if self.secret is None:
            return ()
        given = given_door_question(self.backend, self.place, self.key, self.secret)
        return (secret_question(self.secret), given)

    def ask(self) -> Questions:
        """Return the questions for the file, the secret, and what the database says to each."""
        return (*self.about_file, self._door, *self._given)

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return the edit, or nothing where the file is right, or cannot be mended from what is known."""
        after = self.after(answers)
        if after is None:
            return ()
        note = "the value that is kept or written was tried: it lets the app in"
        return self.edit(answers, after, f"mend {self.key} in {self.place}", note)

    def after(self, answers: Answers) -> bytes | None:
        """Return the file with the first value that is let in; None where none is."""
        content = self.before(answers).content
        whole = unglued(content, [self.key])
        tried = read_tried(answers[self._door])
        for value in self._meant(content, whole):
            if tried.get(mark_of(answers, value)) == "":
                return self.with_value(whole, self.key, value)
        given = read_secret(answers, self.secret) if self.secret is not None else None
        if given is None or read_tried(answers[self._given[1]]).get(mark_of(answers, given)) != "":
            return None
        return self.with_value(whole, self.key, given)

    def _meant(self, content: bytes, whole: bytes) -> Iterator[str]:
        now = value_among(entries(as_text(content)), self.key)
        yield from () if now is None else (now,)
        for entry in reversed([entry for entry in entries(as_text(whole)) if entry.key == self.key]):
            yield entry.value
            yield whole_line(entry).replace("#", "%23")
