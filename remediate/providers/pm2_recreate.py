"""pm2: an app started anew without variables that pm2 holds for it, so that its `.env` counts. Edits no file of it.

Facts (pm2 7.0.4, measured): what pm2 holds for a process wins over `.env` at every restart, and `restart --update-env`
never removes a variable; only deleting the app and starting it from its definition does. The definition is the one
that pm2 has of the running app, not an ecosystem file: that may start other apps, and may have changed.
"""

import re
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from remediate.errors import Conflict, Failed, Stale
from remediate.model import Change, Fidelity, Json, Undo, WayBack
from remediate.promise import Need, Promise
from remediate.providers.env_actions import PASSING
from remediate.providers.env_door import word_for
from remediate.providers.env_file import EnvFile
from remediate.providers.env_host import (
    Tried,
    environ_question,
    held_door_question,
    key_question,
    read_key,
    read_started,
    read_tried,
)
from remediate.providers.env_marks import place_of
from remediate.providers.pm2_definition import RECREATE_SCRIPT
from remediate.providers.pm2_host import NO_APP
from remediate.questions import Answers, Run, Value
from remediate.steps import Action, Questions, Step
from remediate.target import Job, Target
from remediate.text.dotenv import value_among

PATIENCE = "20"
GONE, SOMEBODY_ELSES = 8, 9


class Pm2Recreate(EnvFile, Action):
    """Starts the app anew from pm2's own definition of it, less those variables that it holds otherwise than `.env`.

    Nothing is done where pm2 holds none, or the same value. A database URL is tried, from the host: the app is started
    anew only where the database refuses what pm2 holds and lets in what the file says, or both lead to the same place.
    What was saved for the next boot is untouched: `pm2.save` is a step of its own.
    """

    kind: ClassVar[str] = "pm2.recreate"
    tells: ClassVar[str] = (
        "Starts the app anew from pm2's own definition of it, without the variables {keys} that pm2 holds"
        " otherwise than {file}; a database URL only where the database refuses what pm2 holds and lets "
        "in what the file says, or both lead to the same place"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.PM2, Need.NODE)
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.ESTIMATE: "that it is started anew is known, and how it comes up is not"},
        back={
            WayBack.EQUIVALENT: "it is started anew from the definition it had, which is kept for its owner only"
        },
        risks=("restart",),
        meanwhile="the app is away for about a second",
    )
    undo_last: ClassVar[bool] = True
    app: str = Field(default="{{ app.name }}", description="The app's exact name in pm2.")
    keys: list[str] = Field(min_length=1, description="The variables that are to come from `.env`.")

    @property
    def started(self) -> Run:
        """The question what the processes were started with."""
        return environ_question(self.app, self.backend, self.place, tuple(self.keys))

    @property
    def door(self) -> Run:
        """The question what the database says to what pm2 holds, and to what the file may mean."""
        return held_door_question(self.app, self.backend, self.place, tuple(self.keys))

    @property
    def defined(self) -> Run:
        """The question for the digest of pm2's definition."""
        args = ("look", self.app, self.backend, "", "")
        return Run(script=RECREATE_SCRIPT, args=args, about=(f"process:{self.app}",))

    def ask(self) -> Questions:
        """Return the questions for the file and the key of its marks, the processes, and the database."""
        return (self.content, key_question(self.place), self.started, self.door, self.defined)

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return one recreation, or nothing where no process was given another value than the file's.

        Raises:
            Failed: The app may work with what pm2 holds, and elsewhere than the file says: a person has to decide.
        """
        given, marks = self.entries_in(answers), read_key(answers[key_question(self.place)])
        values = {key: value for key in self.keys if (value := value_among(given, key)) is not None}
        held = {
            (key, one.marks[key])
            for key, value in values.items()
            for one in read_started(answers[self.started])
            if one.marks.get(key, marks.of(value)) != marks.of(value)
        }
        if not held:
            return ()
        tried = read_tried(answers[self.door])
        said = [Said(key, tried.get(mark), tried.get(marks.of(values[key]))) for key, mark in sorted(held)]
        for one in said:
            self._demand_certainty(one, place_of(values[one.key], answers[self.content].content))
        return () if any(one.helps_nobody for one in said) else (self._change(answers, said),)

    def _demand_certainty(self, one: "Said", place: str) -> None:
        if one.doubt:
            file = f"{self.place} says {place or 'another'}, {one.of_file}"
            what = f"pm2 holds a {one.key} for {one.place_held}, {one.of_held}; {file}"
            raise Failed(self.app, what, "decide which is right; nothing was changed")

    def _change(self, answers: Answers, said: "list[Said]") -> Change:
        names = ", ".join(dict.fromkeys(one.key for one in said))
        digest = _Defined.model_validate_json(answers[self.defined].text.strip().rpartition("\n")[2]).digest
        name = f"{re.sub(r'[^A-Za-z0-9_.-]', '_', self.app)[:40]}-{digest[:16]}"
        return Change(
            what=f"start {self.app} anew without {names}",
            target=self.app,
            script=f"pm2 delete {self.app}; pm2 start DEFINITION",
            notes=(
                *(f"pm2 holds a {one.key} for {one.place_held}, {one.of_held}: it goes" for one in said),
                "away for about two seconds",
                "its number in pm2 and its restart counter begin anew",
                "what was saved for the next boot still has it, until `pm2.save` or `pm2 save`",
            ),
            fidelity=Fidelity.ESTIMATE,
            way_back=WayBack.EQUIVALENT,
            way_back_note=f"started anew from its definition, kept in PM2_HOME as remediate-{name}.json for its owner "
            "only; remove that when nobody wants it back",
            risk="restart",
            alters=(f"process:{self.app}",),
            data={"name": name, "digest": digest, "keys": sorted({one.key for one in said})},
            assumed="what the file will say is tried again then" if any(one.later for one in said) else "",
        )

    def apply(self, target: Target, change: Change) -> None:
        """Delete, start, and wait until it is up."""
        planned = self.plan(target.answer(self.ask()))
        if not planned or planned[0].assumed:
            raise Stale(self.app, "is no longer what the plan was made from", "run plan again")
        self._run(target, self._job("recreate", change.data, *change.data["keys"]))

    def undo(self, target: Target, undo: Undo) -> None:
        """Delete, and start from the definition that was kept. What was no good before need not be good again."""
        self._run(target, self._job("put-back", undo.data))

    def _job(self, verb: str, data: dict[str, Json], *keys: str) -> Job:
        args = (verb, self.app, self.backend, PATIENCE, data["name"], data["digest"], *keys)
        return Job(script=RECREATE_SCRIPT, args=args, timeout=600.0, doing=f"pm2 {verb} {self.app}")

    def _run(self, target: Target, job: Job) -> None:
        answer = target.run(job)
        if answer.exit_code == NO_APP:
            raise Failed(self.app, "pm2 knows no app of that name any more", "look at pm2 on the host")
        if answer.exit_code == GONE:
            raise Failed(self.app, answer.error_text.strip(), "start it by hand as it was")
        if answer.exit_code == SOMEBODY_ELSES:
            raise Conflict(self.app, "was given another environment by somebody else since", "decide by hand")
        if answer.exit_code:
            what = f"did not come up after `{job.doing}`"
            raise Failed(self.app, what, "read its error log", output=answer.error_text)


class _Defined(Value):
    """What is known of pm2's definition: its digest, empty where there is none."""

    daemon: bool
    digest: str = ""


@dataclass(frozen=True)
class Said:
    """What the database says to what pm2 holds, and to what the file says.

    Attributes:
        key: The variable.
        held: What came of the value that pm2 holds; None where it was not tried.
        file: What came of the file's value; None where it was not tried: an earlier step is to write it.
    """

    key: str
    held: Tried | None
    file: Tried | None

    @property
    def place_held(self) -> str:
        """Where the held one leads."""
        return (self.held.place if self.held else "") or "a place that cannot be shown"

    @property
    def of_held(self) -> str:
        """What came of the held one, in a clause."""
        return word_for(self.held.code).says if self.held else "which was not tried"

    @property
    def of_file(self) -> str:
        """What came of the file's, in a clause."""
        return word_for(self.file.code).says if self.file else "which was not tried"

    @property
    def doubt(self) -> bool:
        """Whether the app may work with what pm2 holds, elsewhere than the file says."""
        if self.held is None:
            return self.file is not None
        works = self.held.code == "" or word_for(self.held.code).state in PASSING
        same = self.file is not None and self.file.code == "" and self.file.leads == self.held.leads
        return works and not same

    @property
    def helps_nobody(self) -> bool:
        """Whether the database refuses the file's as well."""
        return self.file is not None and self.file.code != ""

    @property
    def later(self) -> bool:
        """Whether an earlier step is to write what the file will say."""
        return self.held is not None and self.file is None


STEPS: tuple[type[Step], ...] = (Pm2Recreate,)
