"""The values that a run is made of: findings, changes, undos, plans, outcomes. Frozen and JSON-able; no behaviour.

What makes them and what reads them stands in the architecture chapter of the documentation.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from pydantic import Field, SerializerFunctionWrapHandler, field_serializer

from remediate.hazard import Hazard, Severity
from remediate.questions import Answer, Facts, Question, Value

Json: TypeAlias = Any
"""What the `json` module can write: str, int, float, bool, None, lists and dictionaries of them."""

Risk: TypeAlias = Literal["none", "restart", "build", "config", "schema", "data"]


class Fidelity(StrEnum):
    """How true a change's preview is."""

    EXACT = "exact"  # the after is known to the byte or row
    REHEARSED = "rehearsed"  # it was really done on a copy
    ESTIMATE = "estimate"  # what will run is known, its effect is not
    OPAQUE = "opaque"  # a free shell command


class WayBack(StrEnum):
    """How good a change's way back is."""

    EXACT = "exact"  # byte for byte, row for row
    EQUIVALENT = "equivalent"  # same meaning, not same bytes: a restart
    NONE = "none"  # say why in `way_back_note`


class Outcome(StrEnum):
    """How a run on one host ended."""

    HEALTHY = "healthy"  # nothing was wrong, nothing was done
    FIXED = "fixed"  # the fault is gone and stayed gone
    PLANNED = "planned"  # a dry run: there is something to do
    DECLINED = "declined"  # a person or the policy said no; nothing touched
    STALE = "stale"  # the world moved since the plan; nothing left changed
    BLOCKED = "blocked"  # could not look, or locked; nothing touched
    PUT_BACK = "put back"  # what a run had changed was put back because a person asked
    ROLLED_BACK = "rolled back"  # the cure did not hold, everything is as it was
    NO_CURE = "no cure"  # unhealthy, and nothing that the playbook could do
    KEPT = "kept"  # the cure did not hold and the playbook keeps what was changed
    STUCK = "stuck"  # the way back failed: a person is needed
    HELD = "held"  # nobody may change anything there until `unlock`
    FREE = "free"  # nobody has the lock: it was taken away, or there was none


WELL = frozenset({Outcome.HEALTHY, Outcome.FIXED})
"""How a run ends on a host where its fault is not, or is no more."""


class Finding(Value):
    """What a check saw.

    Attributes:
        check: The step's name in the playbook.
        healthy: Whether all is well.
        seen: What was seen, in one line for a person.
        evidence: Further lines: what it was seen in.
        facts: What later steps can say as `{{ found.NAME.… }}`.
        unwritten: Which of the facts hold rows of the app's, and are neither shown nor written with the finding.
    """

    check: str = ""
    healthy: bool
    seen: str
    evidence: tuple[str, ...] = ()
    facts: dict[str, Json] = {}
    unwritten: tuple[str, ...] = Field(default=(), exclude=True)

    @field_serializer("facts", mode="wrap")
    def _leave_out_rows(self, facts: dict[str, Json], dump: SerializerFunctionWrapHandler) -> Json:
        return dump({name: value for name, value in facts.items() if name not in self.unwritten})


class Forecast(Value):
    """What a question will be answered after a change.

    Attributes:
        question: What is asked.
        answer: The new answer.
        unwritten: Whether it bears secrets: it is planned with, and neither written down nor sent anywhere.
    """

    question: Question
    answer: Answer
    unwritten: bool = False


class Rehearsal(Value):
    """What came of really doing a change on a copy, before anybody was asked.

    Attributes:
        outcome: `done`, `failed` (the change itself would fail, too), or `not tried`.
        told: One line for a person: where it was done, or why it was not.
        instead_of: The change's fidelity before it was rehearsed.
        seconds: How long it took.
        exit_code: Of the command; None where there is none.
        appear: How many files would appear.
        disappear: How many would disappear.
        change: How many would have another content.
        files: The first of them, each with `+`, `-` or `~` before its name.
        last_lines: The end of what the command said, where it failed.
    """

    outcome: Literal["done", "failed", "not tried"]
    told: str
    instead_of: Fidelity
    seconds: float = 0.0
    exit_code: int | None = None
    appear: int = 0
    disappear: int = 0
    change: int = 0
    files: tuple[str, ...] = ()
    last_lines: tuple[str, ...] = ()


class Change(Value):
    """One thing that would be changed, exactly.

    Attributes:
        what: One line for a person: `add 18 columns to avatars`.
        target: The thing changed: a path, a process, a table.
        diff: Unified diff, or empty.
        sample: A few rows as they are and as they would be, in a diff's form. It is shown with the plan and written
            down nowhere, for rows may hold what is personal.
        script: What would run, command or SQL, or empty.
        notes: Further lines that a reviewer wants: lock mode, live size, downtime.
        hazards: What its SQL does to whoever else is at work there, as the gate judged it.
        rows: How many rows of the app's data it writes or deletes, those included that a cascade takes; null where
            nobody can know that beforehand.
        fidelity: How true this preview is.
        way_back: How good the way back is.
        way_back_note: How it is put back, or why it cannot be.
        risk: The class of risk.
        alters: The facts it alters.
        forecasts: Answers that are known beforehand.
        data: All that `apply` needs, JSON.
        assumed: Why this was planned without knowing an answer; empty where everything was known.
        rehearsal: What came of doing it on a copy; None where nobody asked for that.
    """

    what: str
    target: str
    diff: str = ""
    sample: str = ""
    script: str = ""
    notes: tuple[str, ...] = ()
    hazards: tuple[Hazard, ...] = ()
    rows: int | None = Field(default=0, ge=0)
    fidelity: Fidelity
    way_back: WayBack
    way_back_note: str = ""
    risk: Risk
    alters: Facts = ()
    forecasts: tuple[Forecast, ...] = ()
    data: dict[str, Json] = {}
    assumed: str = ""
    rehearsal: Rehearsal | None = None

    @field_serializer("forecasts", mode="wrap")
    def _leave_out_secrets(
        self, forecasts: tuple[Forecast, ...], dump: SerializerFunctionWrapHandler
    ) -> Json:
        return dump(tuple(forecast for forecast in forecasts if not forecast.unwritten))

    def rehearsed(self, rehearsal: Rehearsal) -> "Change":
        """Return the change with what came of its rehearsal; an estimate that was done on a copy is `rehearsed`."""
        tried = rehearsal.outcome == "done" and self.fidelity is Fidelity.ESTIMATE
        fidelity = Fidelity.REHEARSED if tried else self.fidelity
        return self.model_copy(update={"rehearsal": rehearsal, "fidelity": fidelity})

    @property
    def as_planned(self) -> "Change":
        """The change as it was before its rehearsal: `apply` plans it again, and rehearses nothing."""
        if self.rehearsal is None:
            return self
        return self.model_copy(update={"rehearsal": None, "fidelity": self.rehearsal.instead_of})

    @property
    def outline(self) -> "ChangeOutline":
        """What is needed to tell later whether another change is this one, whether it was rehearsed or not."""
        left_out = {"notes", "sample", "hazards", "rows", "forecasts", "assumed", "rehearsal"}
        stops = sorted({one.rule for one in self.hazards if one.severity is Severity.STOP})
        essence = digest_of(
            self.as_planned.model_dump(mode="json", exclude=left_out) | ({"stops": stops} if stops else {})
        )
        return ChangeOutline(
            what=self.what,
            target=self.target,
            script=self.script,
            assumed=self.assumed,
            stops=tuple(sorted({one.rule for one in self.hazards if one.may_stop})),
            essence=essence,
        )


class ChangeOutline(Value):
    """A change by its digest: enough to recognise it, too little to do it. This is what the journal keeps of a plan.

    Attributes:
        what: As in the change.
        target: As in the change.
        script: As in the change.
        assumed: As in the change.
        stops: The rules of its hazards by which some policy refuses it, whatever the step allows.
        essence: Digest of everything but notes, hazards and forecasts, which carry live figures, the sample, and how
            many rows, which `data` tells where it is known; of the hazards, only which rules stop.
    """

    what: str
    target: str
    script: str = ""
    assumed: str = ""
    stops: tuple[str, ...] = ()
    essence: str

    def same_as(self, confirmed: "ChangeOutline") -> bool:
        """Tell whether this change is the one that was confirmed.

        One that was planned on an assumption must want the same thing of the same target, and nothing may stop it by
        now that the policy was not asked about; any other must be the same in everything.
        """
        if confirmed.assumed:
            wanted = (confirmed.what, confirmed.target, confirmed.script)
            return (self.what, self.target, self.script) == wanted and set(self.stops) <= set(confirmed.stops)
        return self.essence == confirmed.essence


def rows_of(changes: Iterable[Change]) -> int | None:
    """Return how many rows of the app's data changes write together; None where that is not known of one of them."""
    rows = [change.rows for change in changes]
    known = [number for number in rows if number is not None]
    return sum(known) if len(known) == len(rows) else None


class Undo(Value):
    """The recipe back: usable by another process, tomorrow.

    Attributes:
        action: Which action can read it, `provider.verb`.
        parameters: That action's parameters, as they were.
        data: What was saved, JSON.
    """

    action: str
    parameters: dict[str, Json]
    data: dict[str, Json]


class PlannedFix(Value):
    """One fix of the playbook with the changes it would make; none where there is nothing to do.

    Attributes:
        step: The step's name in the playbook.
        action: `provider.verb`.
        parameters: The action's parameters, rendered.
        changes: In order.
    """

    step: str
    action: str
    parameters: dict[str, Json]
    changes: tuple[Change, ...]

    @property
    def rows(self) -> int | None:
        """How many rows of the app's data all of its changes write; None where nobody can know beforehand."""
        return rows_of(self.changes)

    @property
    def outline(self) -> "FixOutline":
        """The fix with its changes by their digests."""
        changes = tuple(change.outline for change in self.changes)
        return FixOutline(step=self.step, action=self.action, parameters=self.parameters, changes=changes)


class FixOutline(Value):
    """A planned fix with its changes by their digests."""

    step: str
    action: str
    parameters: dict[str, Json]
    changes: tuple[ChangeOutline, ...]


class Confirmed(Value):
    """What was confirmed on one host, as the journal keeps it: enough to go on with it, or to take it back and compare.

    Attributes:
        digest: The plan's.
        login: Who was logged in, with which key, at a host of which key.
        machine: The machine id of that host; empty where it has none.
        found: What the diagnosis found; later steps are built from it.
        fixes: The plan's fixes with their changes by their digests.
    """

    digest: str
    login: dict[str, str] = {}
    machine: str = ""
    found: dict[str, Json] = {}
    fixes: tuple[FixOutline, ...]


class Plan(Value):
    """What a run would do on one host.

    Attributes:
        playbook: Its name.
        playbook_digest: SHA-256 of the playbook's text with its parts.
        environment: The inventory's environment.
        host: The host's name in the inventory.
        database: Identity of the database, or empty where none is used.
        findings: What was found.
        fixes: In order.
        say: What the playbook wants the operator told.
        risk: What the playbook's confirm says of its risk.
    """

    playbook: str
    playbook_digest: str
    environment: str
    host: str
    database: str = ""
    findings: tuple[Finding, ...]
    fixes: tuple[PlannedFix, ...]
    say: str = ""
    risk: str = ""

    @property
    def changes(self) -> tuple[Change, ...]:
        """All changes of all fixes, in order."""
        return tuple(change for fix in self.fixes for change in fix.changes)

    @property
    def shown(self) -> dict[str, Json]:
        """What may leave the runner, as JSON: forecasts and data hold whole files, of which a masker knows little."""
        return self._without("data", "forecasts")

    @property
    def kept(self) -> dict[str, Json]:
        """What may be written into a file, as JSON: what is shown, but for the rows in a sample."""
        return self._without("data", "forecasts", "sample")

    def _without(self, *fields: str) -> dict[str, Json]:
        unseen = {"__all__": {"changes": {"__all__": set(fields)}}}
        return self.model_dump(mode="json", exclude={"fixes": unseen})

    @property
    def outline(self) -> tuple[FixOutline, ...]:
        """All fixes with their changes by their digests."""
        return tuple(fix.outline for fix in self.fixes)

    @property
    def digest(self) -> str:
        """SHA-256 over everything that would be done, in hex; two looks at one state give the same.

        Left out are findings and notes, which carry live figures, what the operator is told, and which rules stop,
        which each change's essence holds already.
        """
        plain = self.model_dump(mode="json", exclude={"findings", "say", "fixes"})
        known = {"changes": {"__all__": {"stops"}}}
        return digest_of(
            {**plain, "fixes": [fix.model_dump(mode="json", exclude=known) for fix in self.outline]}
        )


def canonical(value: Json) -> bytes:
    """Return the one JSON text of a value: sorted keys, no spaces, UTF-8 (after RFC 8785, without its number form)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8",
        "backslashreplace",  # a command line may carry bytes that are no UTF-8
    )


def utf8(text: str) -> str:
    """Return the text as UTF-8 can hold it: what a command line had of other bytes (PEP 383) is written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def well_formed(value: Json) -> Json:
    """Return the value with every text in it as UTF-8 can hold it, keys of mappings, too."""
    if isinstance(value, str):
        return utf8(value)
    if isinstance(value, Mapping):
        return {utf8(str(key)): well_formed(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [well_formed(inner) for inner in value]
    return value


def digest_of(value: Json) -> str:
    """Return the SHA-256 of a value's canonical JSON, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()
