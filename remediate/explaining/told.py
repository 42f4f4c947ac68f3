"""A playbook as it is told: values for machines, of which the sentences for people are made. No behaviour."""

from collections.abc import Mapping
from typing import Literal

from remediate.model import Json, Risk
from remediate.questions import Value


class ToldCheck(Value):
    """A check.

    Attributes:
        name: As the playbook names it.
        kind: `provider.verb`.
        does: What it does, in a sentence.
        facts: The name by which later steps find what it found; empty where none.
        alone: Whether it makes the fault when no other check does.
    """

    name: str
    kind: str
    does: str
    facts: str = ""
    alone: bool = True


class ToldChange(Value):
    """An action.

    Attributes:
        name: As the playbook names it.
        kind: `provider.verb`.
        does: What it does, in a sentence.
        fidelity: How true its preview can be, each with when it is so.
        back: How good its way back can be, each with how it is walked, or why there is none.
        risks: The classes of risk it can have.
        meanwhile: What others notice while it is made.
        needs_found: Whether it is only known after the diagnosis what exactly it is given.
        undo_last: Whether it is put back after what the steps before it changed.
        once_verified: Whether it is made after the cure has held.
        development_only: Whether it is for development alone.
    """

    name: str
    kind: str
    does: str
    fidelity: Mapping[str, str]
    back: Mapping[str, str]
    risks: tuple[str, ...]
    meanwhile: str
    needs_found: bool
    undo_last: bool
    once_verified: bool
    development_only: bool


class ToldVariable(Value):
    """A variable.

    Attributes:
        name: As `--var` takes it.
        type: What it may hold.
        choices: What a choice may be.
        default: Its value where none is given; None where one must be.
        about: What it is for.
        from_symptom: Whether `triage` takes it from the text of an error.
    """

    name: str
    type: str
    choices: tuple[str, ...] = ()
    default: Json = None
    about: str = ""
    from_symptom: bool = False


class Needs(Value):
    """What must be there.

    Attributes:
        group: The inventory group it is for.
        app: What of `app:` in the inventory it names.
        secrets: The inventory's secrets that it uses.
        software: What else, in words.
    """

    group: str
    app: tuple[str, ...]
    secrets: tuple[str, ...]
    software: tuple[str, ...]


class Explanation(Value):
    """A playbook as it is told.

    Attributes:
        name: Its name.
        title: What is wrong when it is the right one; of a tool, what it tells.
        kind: `cure` is for a fault and mends it, `tells` leaves the cure to a person, a `tool` only looks.
        symptoms: The regular expressions by which `triage` thinks of it.
        explains: The playbooks whose faults its own brings about.
        when: Whether any unhealthy check is enough, or all must be.
        diagnose: What it looks for.
        fix: What it may change, in order.
        verify: What must become healthy.
        within: Seconds that may take.
        stable: Seconds it must stay so; of a tool, for how long it looks.
        on_failure: What becomes of the changes when the cure does not hold.
        say: What the operator is told, as it was written.
        risk: What the playbook says of its risk.
        auto: How often an hour it may be run unattended; 0: not at all.
        escalate: Whom to call when it does not help.
        variables: What can be said with `--var`.
        needs: What must be there.
        notes: What a person should know.
        runbook: The headings of the written runbook whose place it takes.
    """

    name: str
    title: str
    kind: Literal["cure", "tells", "tool"]
    symptoms: tuple[str, ...]
    explains: tuple[str, ...]
    when: Literal["any", "all"]
    diagnose: tuple[ToldCheck, ...]
    fix: tuple[ToldChange, ...]
    verify: tuple[ToldCheck, ...]
    within: float
    stable: float
    on_failure: Literal["roll_back", "keep"]
    say: str
    risk: Risk
    auto: int
    escalate: str
    variables: tuple[ToldVariable, ...]
    needs: Needs
    notes: str
    runbook: tuple[str, ...]
