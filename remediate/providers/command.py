"""Free commands: what a constant script says, and one that changes something and can be taken back. Knows no program.

Scripts are constants of the playbook, never templates: values reach them as `$1`, `$2`, … only. The runner cannot know
what a command does, so every change here is `opaque`, which a policy can forbid.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from remediate.errors import CouldNotLook, Failed
from remediate.hazard import Hazard
from remediate.model import Change, Fidelity, Finding, Json, Risk, Undo, WayBack
from remediate.promise import Promise
from remediate.providers.shell_losses import (
    Wanted,
    folders,
    hazards_of_package,
    lost,
    package_scripts,
    said_by,
    scripts_in,
    unread,
)
from remediate.questions import Answers, NotKnown, Read, ReadAnswer, Run, Uncertain
from remediate.steps import Action, Check, Questions, Step
from remediate.target import Job, Target
from remediate.text.patterns import checked

SHOWN = 5
LOOK, LONGEST_LOOK = 20.0, 60.0
"""Seconds."""


class Script(BaseModel):
    """A constant script with its arguments.

    Attributes:
        script: POSIX shell text; no template.
        args: What it sees as `$1`, `$2`, …
        timeout: Seconds after which it is ended; None: 20 for a look, and as long as the change for its way back.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    script: str = Field(min_length=1)
    args: list[str] = []
    timeout: float | None = Field(default=None, gt=0)

    def question(self, about: list[str]) -> Run:
        """Return it as a question; it MUST change nothing then."""
        args, timeout = tuple(self.args), self.timeout or LOOK
        return Run(script=self.script, args=args, about=tuple(about), timeout=timeout)

    def shown(self, name: str) -> str:
        """Return its arguments as comments to put below a script; nothing where it has none.

        Args:
            name: Whose they are: `undo`, `unless`; empty for the script itself.
        """
        whose = f"{name}: " if name else ""
        given = enumerate(self.args, start=1)
        return "".join(f"\n# {whose}${number} is {json.dumps(text)}" for number, text in given)

    def job(self, doing: str, timeout: float) -> Job:
        """Return it as what changes something, with the seconds that it may take where it does not say so itself."""
        args = tuple(self.args)
        return Job(script=self.script, args=args, timeout=self.timeout or timeout, doing=doing)


def _refuse_losing(look: Script) -> None:
    """Refuse a look that says what no look may do: it is run before anybody is asked."""
    if said := said_by(look.script, look.args):
        raise ValueError(f"a look must change nothing, and this says {said}")
    if wanted := package_scripts(look.script, look.args):
        raise ValueError(f"a look must change nothing, and this runs `{wanted[0].name}` of a package.json")


class _Command(Step):
    script: str = Field(min_length=1, description="POSIX shell text; no template: values go into `args`.")
    args: list[str] = Field(default=[], description="What it sees as `$1`, `$2`, …")
    about: list[str] = Field(
        default=[], description="What it is about, as `file:/srv/app/x`, `process:app` or `table:avatars`."
    )


class CommandOutput(_Command, Check):
    """Whether a script that changes nothing ends and speaks as it should."""

    kind: ClassVar[str] = "command.output"
    tells: ClassVar[str] = (
        "Runs a script that must change nothing, and looks whether it ends with exit code {exit_code}[ "
        "and whether what it prints matches {pattern}][absent? (well is that it does not)]"
    )
    constant: ClassVar[tuple[tuple[str, ...], ...]] = (("script",),)
    timeout: float = Field(default=20.0, gt=0, le=LONGEST_LOOK, description="Seconds.")
    exit_code: int | None = Field(default=0, ge=0, le=255, description="null: any.")
    pattern: str | None = Field(
        default=None,
        description="Python regular expression that must occur in what it prints, on either stream.",
    )
    absent: bool = Field(default=False, description="True: `pattern` must NOT occur.")

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        return checked(pattern) if pattern is not None else None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.exit_code is None and self.pattern is None:
            raise ValueError("give `exit_code`, `pattern` or both")
        _refuse_losing(Script(script=self.script, args=self.args))
        return self

    @property
    def question(self) -> Run:
        """The script as a question."""
        return Script(script=self.script, args=self.args, timeout=self.timeout).question(self.about)

    def ask(self) -> Questions:
        """Return the one question."""
        return (self.question,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare its exit code and what it printed with what they should be.

        Raises:
            CouldNotLook: It printed too much to tell whether the pattern is in it.
        """
        del first
        answer = now[self.question]
        text = answer.text + answer.error_text
        found = re.search(self.pattern, text, re.MULTILINE) if self.pattern is not None else None
        if self.pattern is not None and found is None and answer.left_out:
            what = f"prints more than is kept, and {self.pattern!r} may be in what is left out"
            raise CouldNotLook(now.where, what, "have the script print less")
        wrong = [f"exit code {answer.exit_code} instead of {self.exit_code}"]
        if self.exit_code is None or answer.exit_code == self.exit_code:
            wrong.clear()
        if self.pattern is not None and bool(found) is self.absent:
            wrong.append(f"{self.pattern!r} is {'in' if found else 'not in'} what it prints")
        named = found.groupdict() if found else {}
        return Finding(
            healthy=not wrong,
            seen=f"`{_first_line(self.script)}`: {'; '.join(wrong) or 'as it should be'}",
            evidence=tuple(text.splitlines()[-SHOWN:]) if wrong else (),
            facts={"exit_code": answer.exit_code, "named": named},
        )


class CommandRun(_Command, Action):
    """Runs a script, unless its own check says that there is nothing to do; nobody but its author knows what it does.

    It has succeeded when it exits 0 and the check then says so. Either `undo` takes it back, twice being once, or
    `way_back: none` says, with a reason, that nothing does.
    """

    kind: ClassVar[str] = "command.run"
    tells: ClassVar[str] = (
        "Runs a script of the playbook's own ({what}), unless its check says that there is nothing to do"
        "[way_back?][reason?][risk?]"
    )
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.OPAQUE: "only its author knows what it does"},
        back={
            WayBack.EQUIVALENT: "the playbook's own script `undo` takes it back",
            WayBack.NONE: "for the `reason` that the playbook gives, where it says `way_back: none`",
        },
        risks=("none", "restart", "build", "config", "schema", "data"),
    )
    about: list[str] = Field(
        min_length=1,
        description="All that it changes, as `file:/srv/app/x`, `process:app` or `table:avatars`: "
        "what later steps know of that is asked anew.",
    )
    constant: ClassVar[tuple[tuple[str, ...], ...]] = (("script",), ("unless", "script"), ("undo", "script"))
    what: str = Field(min_length=1, description="What it does, in a few words for whoever confirms it.")
    timeout: float = Field(default=600.0, gt=0, description="Seconds.")
    unless: Script = Field(
        description="A script that changes nothing; exit code 0 says that there is nothing (more) to do."
    )
    undo_with_script: Script | None = Field(
        default=None, alias="undo", description="What takes it back; run twice it must be as run once."
    )
    way_back: Literal["none"] | None = Field(default=None, description="`none` where nothing takes it back.")
    reason: str = Field(default="", description="Why nothing takes it back.")
    risk: Risk = "config"

    # `undo` is the verb of the contract, so the field has another name within.
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    @classmethod
    def promised(cls, parameters: Mapping[str, Json]) -> Promise:
        """Return the promise with the way back that the playbook says."""
        promise = cls.promise.with_way_back(parameters.get("way_back"), parameters.get("reason"))
        return promise.model_copy(update={"risks": (parameters.get("risk", "config"),)})

    @model_validator(mode="after")
    def _says_the_way_back(self) -> Self:
        if (self.undo_with_script is None) == (self.way_back is None):
            raise ValueError("give either `undo` or `way_back: none`")
        if self.way_back == "none" and not self.reason.strip():
            raise ValueError("`way_back: none` needs a `reason`")
        if (self.unless.timeout or LOOK) > LONGEST_LOOK:
            raise ValueError(f"`unless` may take {LONGEST_LOOK:.0f} seconds at most")
        _refuse_losing(self.unless)
        return self

    @property
    def _facts(self) -> list[str]:
        return [*self.about, f"command:{self.what}"]

    @property
    def _done(self) -> Run:
        return self.unless.question(self._facts)

    def ask(self) -> Questions:
        """Return the question of its own check, and what package.json says where it runs a script of that."""
        return (self._done, *self._packages)

    @property
    def _packages(self) -> tuple[Read, ...]:
        named = [one for one in self._changing if package_scripts(one.script, one.args)]
        places = dict.fromkeys(place for one in named for place in folders(one.script, one.args))
        return tuple(Read(path=f"{place}/package.json") for place in places)

    @property
    def _changing(self) -> tuple[Script, ...]:
        return tuple(one for name, one in self._scripts.items() if name != "unless")

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return the one run, or nothing where its check says that it is done."""
        try:
            done, assumed = answers[self._done].exit_code == 0, ""
        except NotKnown as unknown:
            done, assumed = False, unknown.because
        return () if done else (self._change(assumed, tuple(dict.fromkeys(self._losses(answers)))),)

    def _losses(self, answers: Answers) -> Iterator[Hazard]:
        """Yield how it would lose data, itself or by a script of package.json."""
        found = {question.path: answers.raw(question) for question in self._packages}
        files = {
            path: scripts_in(one.content)
            for path, one in found.items()
            if isinstance(one, ReadAnswer) and one.exists
        }
        to_come = any(isinstance(one, Uncertain) for one in found.values())  # asked again when its turn comes
        for one in self._changing:
            if words := said_by(one.script, one.args):
                yield lost(words)
            for wanted in package_scripts(one.script, one.args):
                if not to_come:
                    yield from _losses_of(wanted, files)

    def _change(self, assumed: str, hazards: tuple[Hazard, ...]) -> Change:
        none = self.undo_with_script is None
        return Change(
            what=self.what,
            target=f"command: {self.what}",
            script=self.script.rstrip("\n") + "".join(one.shown(name) for name, one in self._scripts.items()),
            hazards=hazards,
            rows=None,
            fidelity=Fidelity.OPAQUE,
            way_back=WayBack.NONE if none else WayBack.EQUIVALENT,
            way_back_note=self.reason
            if none
            else "by a script of the playbook's, which nobody else has tried",
            risk=self.risk,
            alters=tuple(self._facts),
            data={name or "script": one.model_dump(mode="json") for name, one in self._scripts.items()},
            assumed=assumed,
        )

    @property
    def _scripts(self) -> dict[str, Script]:
        """All that may run, under whose it is; empty for the script itself."""
        own = Script(script=self.script, args=self.args, timeout=self.timeout)
        undo = {} if self.undo_with_script is None else {"undo": self.undo_with_script}
        return {"": own, "unless": self.unless, **undo}

    def apply(self, target: Target, change: Change) -> None:
        """Run it, and ask its check."""
        answer = target.run(self._scripts[""].job(change.what, self.timeout))
        if answer.exit_code:
            said = answer.text + answer.error_text
            raise Failed(
                target.name, f"“{self.what}” exited with {answer.exit_code}", "see what it said", said
            )
        if not self._is_done(target):
            what = f"“{self.what}” exited with 0, but its own check says that it is not done"
            raise Failed(target.name, what, "mend the playbook")

    def undo(self, target: Target, undo: Undo) -> None:
        """Run the script back, and ask the check, which must say that it is no longer done.

        Raises:
            Failed: It failed; or nothing takes it back: half of it may have happened, whatever the check says.
        """
        del undo
        if self.undo_with_script is None:
            raise Failed(target.name, f"“{self.what}” has no way back: {self.reason}", "decide by hand")
        answer = target.run(self.undo_with_script.job(f"undo: {self.what}", self.timeout))
        if answer.exit_code:
            said = answer.text + answer.error_text
            what = f"the undo of “{self.what}” exited with {answer.exit_code}"
            raise Failed(target.name, what, "see what it said", said)
        if self._is_done(target):
            what = f"the undo of “{self.what}” exited with 0, but the check says that it is still done"
            raise Failed(target.name, what, "put it back by hand")

    def _is_done(self, target: Target) -> bool:
        return target.answer((self._done,))[self._done].exit_code == 0


def _losses_of(wanted: Wanted, files: Mapping[str, Mapping[str, str]]) -> Iterator[Hazard]:
    """Yield how a script of whichever of these package.json would lose data."""
    having = {path: scripts for path, scripts in files.items() if wanted.name in scripts} or files
    for path, scripts in having.items():
        yield from hazards_of_package(wanted, scripts, path)
    if not files:
        yield unread(f"`{wanted.name}` of a package.json that it does not name by its absolute path")


def _first_line(script: str) -> str:
    return next((line.strip() for line in script.splitlines() if line.strip()), "")[:60]


STEPS: tuple[type[Step], ...] = (CommandOutput, CommandRun)
