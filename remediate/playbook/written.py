"""The keys of a playbook, as they are written: shape and types, without their meaning. Reads no file.

The editor's schema is made from these models, so their docstrings are what a person sees while writing.
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from remediate.model import Risk
from remediate.playbook.variables import Variable, VariableName
from remediate.questions import Value
from remediate.text.durations import Duration

NonEmpty = Annotated[str, Field(min_length=1)]
WrittenSteps = Annotated[tuple[dict[str, Any], ...], Field(min_length=1)]


class Confirm(Value):
    """What the operator is told and asked, beyond the plan itself.

    Attributes:
        say: A sentence; a template.
        risk: What a wrong answer can cost.
    """

    say: str = ""
    risk: Risk = "none"


class Auto(Value):
    """Whether this playbook may be run unattended, where the environment's policy allows it too.

    Attributes:
        allowed: Whether at all.
        per_hour: How often on one host within an hour; then a person is called.
    """

    allowed: bool = False
    per_hour: int = Field(default=2, ge=1)


class PlaybookText(Value):
    """A playbook as it is written.

    Attributes:
        name: Its name, the same as the file's.
        title: What is wrong when this playbook is the right one, in one line; of a tool, what it tells.
        kind: A `cure` is for a fault; a `tool` only looks, is run by a command of its own, and no fault of `triage`.
        symptoms: Regular expressions for what an error message, a log line or an alert looks like.
        explains: Playbooks whose faults this one's fault brings about: `triage` names this one first.
        on: The inventory group it is for.
        vars: Its variables, each with a type.
        notes: What a person should know who reads or runs it.
        runbook: The headings of the written runbook whose place it takes.
        when: Whether one unhealthy check is enough to go on, or all of them must be.
        diagnose: Checks. All healthy: there is nothing to do, or, of a tool, all is well.
        confirm: What the operator is told and asked.
        fix: Actions, in order. Without it the playbook tells what is wrong, and leaves the cure to a person.
        verify: Checks that must become healthy and stay so; diagnose is asked again as well. A fix needs them.
        within: How long it may take to become healthy.
        stable: How long it must stay so; of a tool, how long it looks, to see whether anything moves.
        on_failure: What becomes of the changes when the cure does not hold.
        auto: Whether it may be run unattended.
        escalate: Whom to call when it does not help: a word of the inventory's contacts.
    """

    model_config = ConfigDict(strict=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    title: NonEmpty
    kind: Literal["cure", "tool"] = "cure"
    symptoms: tuple[NonEmpty, ...] = ()
    explains: tuple[NonEmpty, ...] = ()
    on: NonEmpty
    vars: dict[VariableName, Variable] = {}
    notes: str = ""
    runbook: tuple[NonEmpty, ...] = ()
    when: Literal["any", "all"] = "any"
    diagnose: WrittenSteps
    confirm: Confirm = Confirm()
    fix: tuple[dict[str, Any], ...] = ()
    verify: WrittenSteps = ()
    within: Duration = 60.0
    stable: Duration = 10.0
    on_failure: Literal["roll_back", "keep"] = "roll_back"
    auto: Auto = Auto()
    escalate: str = ""
