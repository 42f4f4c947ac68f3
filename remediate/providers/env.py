"""An app's environment: what its `.env` file says, what its process really has, and whether the database lets it in.

Values are compared here and shown nowhere: findings have keys, places and marks. The changes are in `env_actions`.
"""

import posixpath
from collections import Counter
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from remediate.errors import CouldNotLook
from remediate.model import Finding
from remediate.promise import Need
from remediate.providers.env_actions import EnvMend, EnvSet, EnvUnset
from remediate.providers.env_door import word_for
from remediate.providers.env_file import DATABASE_URL, EnvFile
from remediate.providers.env_host import (
    Started,
    door_question,
    environ_question,
    read_secret,
    read_started,
    read_tried,
    secret_question,
)
from remediate.providers.env_marks import place_of
from remediate.providers.pm2_host import newest_question, read_newest
from remediate.questions import Answers, Read, Run
from remediate.steps import Check, Questions, Step
from remediate.text.dotenv import Entry, as_text, entries, value_among
from remediate.text.dotenv_edits import glued, is_ended


class EnvKeys(EnvFile, Check):
    """Whether the file sets every variable that it must."""

    kind: ClassVar[str] = "env.keys"
    tells: ClassVar[str] = (
        "Looks whether {file} sets every variable that it must[: {keys}][; those that {example} names "
        "count as well]"
    )
    keys: list[str] = Field(default=[], description="Their names.")
    example: str | None = Field(
        default=None, description="A file below `backend` that names them, as `.env.example` does."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if bool(self.keys) == (self.example is not None):
            raise ValueError("give either `keys` or `example`")
        return self

    @property
    def _example(self) -> tuple[Read, ...]:
        place = posixpath.join(self.backend, self.example) if self.example is not None else ""
        return (Read(path=posixpath.normpath(place)),) if place else ()

    def ask(self) -> Questions:
        """Return the questions for the file, and for its example."""
        return (self.content, *self._example)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare the names in it with those that must be there; a value may be empty."""
        del first
        wanted = self.keys or [entry.key for one in self._example for entry in self._named(now, one)]
        there = {entry.key for entry in self.entries_in(now)}
        lacking = [key for key in dict.fromkeys(wanted) if key not in there]
        return Finding(
            healthy=not lacking,
            seen=f"{self.place} sets no {', '.join(lacking)}" if lacking else f"{self.place} sets them all",
            facts={"missing": lacking},
        )

    def _named(self, now: Answers, example: Read) -> tuple[Entry, ...]:
        if not now[example].exists:
            raise CouldNotLook(example.path, "is not there", "give `keys` instead")
        return entries(as_text(now[example].content))


class EnvValue(EnvFile, Check):
    """Whether a variable has the value it must: that of a secret in the inventory, or one that is a database URL."""

    kind: ClassVar[str] = "env.value"
    tells: ClassVar[str] = (
        "Looks whether {key} in {file} has the value it must have[: that of the inventory's secret "
        "{secret}][: one of the form {form}]"
    )
    key: str = Field(description="The variable.")
    secret: str | None = Field(default=None, description="Name of the inventory's secret that it must equal.")
    form: Literal["database-url"] | None = Field(default=None, description="What it must be.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.secret is None) == (self.form is None):
            raise ValueError("give either `secret` or `form`")
        return self

    def ask(self) -> Questions:
        """Return the questions for the file and the secret."""
        secret = (secret_question(self.secret),) if self.secret is not None else ()
        return (self.content, *secret)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare, and show where both lead; of the file's value its mark, too."""
        del first
        value = value_among(self.entries_in(now), self.key)
        if value is None:
            return Finding(healthy=False, seen=f"{self.place} sets no {self.key}")
        is_so, wanted = self._wanted(now, value)
        verdict = "is" if is_so else "is not"
        shown = self.marks(now).shown(value, now[self.content].content)
        return Finding(healthy=is_so, seen=f"{self.key} in {self.place} {verdict} {wanted}: {shown}")

    def _wanted(self, now: Answers, value: str) -> tuple[bool, str]:
        if self.secret is None:
            whole = place_of(value, now[self.content].content)
            return bool(whole), "a PostgreSQL URL whose parts can be told apart"
        secret = read_secret(now, self.secret)
        if secret is None:
            raise CouldNotLook(self.place, f"the inventory has no secret named {self.secret}", "add it there")
        place = place_of(secret, now[self.content].content)
        return secret == value, f"the secret {self.secret}" + (f" for {place}" if place else "")


class EnvTidy(EnvFile, Check):
    """Whether the file says each thing once and whole.

    No variable twice, none glued to another's value, none cut by an unquoted `#`, and the last line ended.
    """

    kind: ClassVar[str] = "env.tidy"
    tells: ClassVar[str] = (
        "Looks whether {file} says each variable once and whole: none twice, none glued to the value of "
        "another, none cut by a `#` outside quotes[; only {keys} is looked at][ended?; a last line without an "
        "end is all right]"
    )
    keys: list[str] = Field(
        default=[], description="Look at these variables only; a glued line is found for them alone."
    )
    ended: bool = Field(default=True, description="False: a last line without an end is all right.")

    def ask(self) -> Questions:
        """Return the question for the file."""
        return (self.content,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Look at each line, as dotenv reads it."""
        del first
        given = self.entries_in(now)
        mine = [entry for entry in given if not self.keys or entry.key in self.keys]
        times = Counter(entry.key for entry in mine)
        facts: dict[str, list[str]] = {
            "duplicated": [key for key, count in times.items() if count > 1],
            "glued": [key for key in self.keys if glued(given, key)],
            "cut": sorted({entry.key for entry in mine if entry.is_cut}),
        }
        wrong = [f"{', '.join(keys)} {_UNTIDY[how]}" for how, keys in facts.items() if keys]
        if self.ended and not is_ended(now[self.content].content):
            wrong.append("its last line has no end")
        return Finding(
            healthy=not wrong,
            seen=f"{self.place}: {'; '.join(wrong) or 'each thing once, and whole'}",
            facts={**facts},
        )


_UNTIDY = {
    "duplicated": "is set more than once, the last one counts",
    "glued": "stands in the middle of another value, where a line had no end",
    "cut": "is cut by an unquoted #",
}


class EnvProcess(EnvFile, Check):
    """Whether the app's processes really have what the file says.

    What pm2 holds for a process wins over the file at every restart; and what was written into the file after a process
    began, it has not read.
    """

    kind: ClassVar[str] = "env.process"
    tells: ClassVar[str] = (
        "Looks whether the app's processes really have what {file} says for {keys}. What pm2 holds for a "
        "process wins over the file at every restart"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.PM2, Need.NODE)
    app: str = Field(default="{{ app.name }}", description="The app's exact name in pm2.")
    keys: list[str] = Field(min_length=1, description="The variables to compare.")

    @property
    def started(self) -> Run:
        """The question what the processes were started with."""
        return environ_question(self.app, self.backend, self.place, tuple(self.keys))

    @property
    def changed(self) -> Run:
        """The question when the file last changed, a link followed; that time cannot be set."""
        return newest_question(self.backend, (self.file,))

    def ask(self) -> Questions:
        """Return the questions for the file, when it changed, and the processes."""
        return (self.content, self.changed, self.started)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare by marks; where pm2 has not got the app, there is nothing to compare."""
        del first
        given = self.entries_in(now)
        values = {key: value for key in self.keys if (value := value_among(given, key)) is not None}
        processes = read_started(now[self.started])
        changed, _ = read_newest(now[self.changed])
        older = [one.pid for one in processes if one.pid and one.since < changed]
        other = [text for one in processes for text in self._differences(now, one, values)]
        late = [f"process {pid} began before {self.place} was last changed" for pid in older]
        agrees = f"{self.app} has what {self.place} says" if processes else f"pm2 has no {self.app}"
        return Finding(
            healthy=not (other or late),
            seen="; ".join((*other, *late)) or agrees,
            facts={"held": bool(other), "older": bool(late)},
        )

    def _differences(self, now: Answers, process: Started, values: dict[str, str]) -> list[str]:
        marks = self.marks(now)
        given = f"process {process.pid} was given" if process.pid else f"pm2 holds for {self.app}"
        return [
            f"{given} another {key}, which wins over {marks.shown(value, now[self.content].content)}"
            for key, value in values.items()
            if process.marks.get(key, marks.of(value)) != marks.of(value)
        ]


class EnvDatabase(EnvFile, Check):
    """Whether the database lets in whoever has the file's URL, tried from the host with the driver the app has.

    Facts for later steps: `state` (ok, auth, refused, no-host, no-way, no-database, too-many, starting, silent, tls,
    bad-url, missing, other) and `code` (SQLSTATE or error code).
    """

    kind: ClassVar[str] = "env.database"
    tells: ClassVar[str] = (
        "Tries the database URL that {file} has as {key}, from the host and with the driver that the app "
        "has, and looks whether the database lets it in"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.NODE,)
    key: str = DATABASE_URL

    @property
    def door(self) -> Run:
        """The question what the database says to each value that the file may mean."""
        return door_question(self.backend, self.place, self.key)

    def ask(self) -> Questions:
        """Return the questions for the file and the database."""
        return (self.content, self.door)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Tell what the database said to the value that counts."""
        del first
        value = value_among(self.entries_in(now), self.key)
        if not value:
            return Finding(
                healthy=False, seen=f"{self.place} sets no {self.key}", facts={"state": "missing", "code": ""}
            )
        marks = self.marks(now)
        tried = read_tried(now[self.door]).get(marks.of(value))
        if tried is None:
            raise CouldNotLook(self.place, f"{self.key} could not be tried", "write it on one line")
        word, content = word_for(tried.code), now[self.content].content
        todo = f"; {word.todo}" if word.todo else ""
        where = place_of(value, content) or f"{self.key} ({marks.shown(value, content)})"
        return Finding(
            healthy=word.state == "ok",
            seen=f"{where}: {word.says}{todo}",
            facts={"state": word.state, "code": tried.code},
        )


STEPS: tuple[type[Step], ...] = (
    EnvKeys,
    EnvValue,
    EnvTidy,
    EnvProcess,
    EnvDatabase,
    EnvSet,
    EnvUnset,
    EnvMend,
)
