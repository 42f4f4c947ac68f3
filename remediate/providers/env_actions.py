"""Changes of an app's `.env` file: set a variable, unset it, mend the one the database is reached by. Shows no value.

A new database URL is tried from the host, as the app would, before it is written. The way to edit is in `env_file`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar, Self

from pydantic import Field, model_validator

from remediate.errors import Failed, Stale
from remediate.model import Change, Undo
from remediate.promise import Need, Promise
from remediate.providers.edits import EDITED
from remediate.providers.env_door import word_for
from remediate.providers.env_file import DATABASE_URL, NAME, EditedEnvFile
from remediate.providers.env_host import (
    Tried,
    door_question,
    given_door_question,
    read_secret,
    read_tried,
    secret_question,
)
from remediate.providers.env_marks import place_of
from remediate.providers.secret_files import Seal, put_sealed, recipe_back, restore_sealed
from remediate.questions import Answers, Run
from remediate.steps import Action, Questions
from remediate.target import Target
from remediate.text.dotenv import as_text, entries, value_among
from remediate.text.dotenv_edits import unglued, whole_line, with_value, without

BUSY, PASSING = ("too-many", "starting"), ("too-many", "starting", "silent", "no-way")
"""What may be over in a minute, and is no reason to lead an app elsewhere; those that a server itself says."""
_PASSWORD = re.compile(r"://[^/?#]*:[^/?#]*@")


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
        answers = target.answer(self.ask())
        self.before(answers)
        after = self.after(answers)
        if after is None or Seal(self.place, after).digest != change.data["after"]:
            raise Stale(self.place, "what is to be written is no longer what was planned", "run plan again")
        put_sealed(target, change, lambda _: after)

    def undo(self, target: Target, undo: Undo) -> None:
        """Write the old bytes back."""
        restore_sealed(target, undo.data)

    def leads(self, answers: Answers, key: str, after: bytes) -> str:
        """Return in a clause from where to where a database URL leads after an edit; empty where neither can be told.

        Args:
            answers: With the answer to `content`.
            key: The variable.
            after: The file's bytes afterwards.
        """
        before = answers[self.content].content
        was, will = (value_among(entries(as_text(content)), key) or "" for content in (before, after))
        old, new = (place_of(value, before + after) for value in (was, will))
        if was == will or not (old or new):
            return ""
        return f": {old or 'what leads nowhere that can be shown'} -> {new or 'what cannot be shown'}"

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
    tells: ClassVar[str] = (
        "Sets {key} in {file}[ to {value}][ to the inventory's secret {secret}], at the line that counts "
        "and in the quotes it has[trial?, if the database lets that in]"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.NODE,)
    promise: ClassVar[Promise] = EDITED
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
        if self.value is not None and (self.trial or _PASSWORD.search(self.value)):
            raise ValueError("a URL with a password belongs into the inventory: name it with `secret`")
        return self

    @property
    def _given(self) -> tuple[Run, ...]:
        if self.secret is None:
            return ()
        door = given_door_question(self.backend, self.place, self.key, self.secret)
        return (secret_question(self.secret), door) if self.trial else (secret_question(self.secret),)

    def ask(self) -> Questions:
        """Return the questions for the file, the secret, and what the database says to it."""
        return (*self.about_file, *self._given)

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return the edit, or nothing where the file says so already."""
        tried = ("the new value was tried: it lets the app in",) if self.trial else ()
        after = self.after(answers)
        leads = self.leads(answers, self.key, after)
        return self.edit(answers, after, f"set {self.key} in {self.place}{leads}", *tried)

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
        return self.with_value(answers[self.content].content, self.key, value)

    def _demand_entry(self, answers: Answers, value: str) -> None:
        tried = read_tried(answers[self._given[1]]).get(self.marks(answers).of(value))
        word = word_for(tried.code if tried else "EOTHER")
        if word.state != "ok":
            where = place_of(value, answers[self.content].content) or "what is to be written"
            raise Failed(
                self.place, f"{self.key} is not changed: {where}: {word.says}", word.todo or "correct it"
            )


class EnvUnset(_Edit):
    """Removes every line that sets a variable; nothing else is moved."""

    kind: ClassVar[str] = "env.unset"
    tells: ClassVar[str] = "Removes every line of {file} that sets {key}; nothing else is moved"
    promise: ClassVar[Promise] = EDITED
    key: str = Field(pattern=NAME, description="The variable.")

    def ask(self) -> Questions:
        """Return the questions for the file."""
        return self.about_file

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return the edit, or nothing where no line sets it."""
        return self.edit(answers, self.after(answers), f"unset {self.key} in {self.place}")

    def after(self, answers: Answers) -> bytes:
        """Return the file without the variable."""
        return without(answers[self.content].content, self.key)


class EnvMend(_Edit):
    """Makes the file say once and whole the database URL that lets the app in.

    Of what the file may mean (a duplicated line, a line glued to another, a password cut by `#`), and then of the
    inventory's secret, the first that the database lets in; the one that counts now goes first. Where none is let in,
    nothing is changed; nor where one that goes first is kept out by what may pass: no connection left, a server that
    starts, no answer. What is glued to another variable's value is cut off from it only where it is let in.
    """

    kind: ClassVar[str] = "env.mend"
    tells: ClassVar[str] = (
        "Makes {file} say the database URL {key} once and whole, as the database lets it in: the first "
        "that works of what the file may mean (a duplicated line, one glued to another, a password cut by"
        " `#`)[, and then of the inventory's secret {secret}]. Where none works, or the trouble may pass "
        "by itself, nothing is changed"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.NODE,)
    promise: ClassVar[Promise] = EDITED
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
        what = f"mend {self.key} in {self.place}{self.leads(answers, self.key, after)}"
        note = "the value that is kept or written was tried: it lets the app in"
        return self.edit(answers, after, what, note)

    def after(self, answers: Answers) -> bytes | None:
        """Return the file with the first value that is let in; None where none is."""
        content, tried = answers[self.content].content, self._tried(answers)
        whole = unglued(content, [self.key], lambda value: _lets_in(tried, (value, _encoded(value))))
        value = self._chosen(content, tried)
        if value is None:
            return None
        mine = [entry for entry in entries(as_text(whole)) if entry.key == self.key]
        if whole == content and [(one.value, one.is_cut) for one in mine] == [(value, False)]:
            return content
        return self.with_value(whole, self.key, value)

    def _tried(self, answers: Answers) -> Mapping[str, str]:
        """Return what came of each value that is known here: value -> code."""
        given = read_secret(answers, self.secret) if self.secret is not None else None
        marks, content = self.marks(answers), answers[self.content].content
        doors: dict[str, Tried] = dict(read_tried(answers[self._door]))
        if given is not None:
            doors |= read_tried(answers[self._given[1]])
        values = (*self._meant(content), *(() if given is None else (given,)))
        return {value: doors[mark].code for value in values if (mark := marks.of(value)) in doors}

    def _chosen(self, content: bytes, tried: Mapping[str, str]) -> str | None:
        for value, code in tried.items():
            state = word_for(code).state
            if state in BUSY or (state in PASSING and place_of(value, content)):
                return None  # what cannot be told apart may be half a URL, which leads nowhere
            if code == "":
                return value
        return None

    def _meant(self, content: bytes) -> Iterator[str]:
        whole = unglued(content, [self.key])
        now = value_among(entries(as_text(content)), self.key)
        yield from () if now is None else (now,)
        for entry in reversed([entry for entry in entries(as_text(whole)) if entry.key == self.key]):
            yield entry.value
            yield _encoded(whole_line(entry))


def _encoded(value: str) -> str:
    return value.replace("#", "%23")


def _lets_in(tried: Mapping[str, str], values: tuple[str, ...]) -> bool:
    return any(tried.get(value) == "" for value in values)
