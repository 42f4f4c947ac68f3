"""The values that the journal takes and gives: a run's header, an entry, what is owed, a summary. No behaviour."""

from typing import Literal, TypeAlias

from pydantic import Field

from remediate.model import Change, Json, Outcome, Undo
from remediate.questions import Value

State: TypeAlias = Literal["intended", "done", "failed", "unknown"]
"""What is known of a change: written down, made, tried in vain, or nothing at all."""


class Operator(Value):
    """Who runs it.

    Attributes:
        user: Login name on the runner.
        machine: The runner's host name.
        key: Fingerprint of the SSH key that got in, or empty where it is not known.
    """

    user: str
    machine: str
    key: str = ""


class RunHeader(Value):
    """What is known of a run, or of another command that changes something, before anything is done.

    Attributes:
        run: Its id.
        command: Which command: a `run` of a playbook, or another, which has none.
        playbook: The playbook's name.
        playbook_path: Its file.
        playbook_digest: SHA-256 of its text with its parts.
        environment: The inventory's environment.
        inventory_path: The inventory's file.
        inventory_digest: SHA-256 of its text.
        operator: Who runs it.
        reason: Why, as the operator says.
        version: This tool's version.
        argv: The command line.
        variables: What was given as `--var`, so that another process can go on.
        healing: The run of `heal` that this run belongs to; empty where a person began it.
        only: The playbooks that a `heal` was limited to; empty: to none.
        plan: Digest of the plan document that is applied; empty where none is.
        hosts: The hosts it is for.
    """

    run: str
    command: Literal["run", "hold", "unlock", "heal", "stop", "start", "breaker reset", "watch"] = "run"
    playbook: str = ""
    playbook_path: str = ""
    playbook_digest: str = ""
    environment: str
    inventory_path: str = ""
    inventory_digest: str = ""
    operator: Operator
    reason: str = ""
    version: str = ""
    argv: tuple[str, ...] = ()
    variables: dict[str, str] = {}
    healing: str = ""
    only: tuple[str, ...] = ()
    plan: str = ""
    hosts: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What was done, in one word."""
        return self.playbook or self.command


class Entry(Value):
    """One entry of the log.

    Attributes:
        seq: Its number, from 1.
        run: The run's id.
        host: The host's name, or empty.
        at: Seconds since the epoch, on the runner's clock.
        kind: What happened.
        body: All of it, masked.
        previous: The hash of the entry before it, in hex.
        hash: Its own hash, in hex.
    """

    seq: int = Field(lt=2**63)  # SQLite counts no further
    run: str
    host: str
    at: float
    kind: str
    body: dict[str, Json]
    previous: str
    hash: str


class Owed(Value):
    """A change whose way back is not paid.

    Attributes:
        id: By which it is reported done, failed, unknown, paid.
        run: The run that made it.
        host: On which host.
        step: The fix's name in the playbook.
        token: Under which the target can be asked what became of it.
        at: Seconds since the epoch when it was written down, before it was made.
        state: What is known of the change itself.
        why: Why it failed or is unknown, or why its way back failed last.
        attempts: How often its way back was tried and failed.
        change: The change; its texts are masked, its `data` are exact.
        essence: The change's own digest, taken before its texts were masked.
        undo: The way back, exact.
    """

    id: int
    run: str
    host: str
    step: str
    token: str
    at: float
    state: State = "intended"
    why: str = ""
    attempts: int = 0
    change: Change
    essence: str = ""
    undo: Undo


class RunSummary(Value):
    """One line of the list of runs.

    Attributes:
        header: What was known before anything was done.
        started: Seconds since the epoch.
        ended: Seconds since the epoch of the last outcome, or None while a host has none.
        ended_seq: The number of the entry of that; None while a host has none.
        outcomes: The last outcome of each host that has one.
        owed: How many changes' ways back are not paid.
        unfinished: The hosts on which it has not come to an end: nobody wrote one down since it was begun or taken
            back, or it ended in a way that leaves something to do.
    """

    header: RunHeader
    started: float
    ended: float | None = None
    ended_seq: int | None = None
    outcomes: dict[str, Outcome] = {}
    owed: int = 0
    unfinished: tuple[str, ...] = ()
