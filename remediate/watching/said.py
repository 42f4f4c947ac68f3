"""What an errand says, line by line: JSON of its events and of what became of each fault. It decides nothing.

What it reads was masked where it was made; a line of any other shape (an error) is told as it is. What a host worded
stands within a string there, and is never a line of its own.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter

from remediate.healing.verdict import Verdict
from remediate.model import Finding, Outcome
from remediate.sinks.clean import one_line

TOLD = frozenset({"ruled", "warning", "change-started", "change-failed", "undo-failed", "put-back", "ended"})
"""The kinds of events that a service's log has; the whole story is in the audit log."""

WIDEST, MOST = 300, 20
"""Characters of a line that a tool has of a host, and how many of them, that are kept of one finding."""

HEALED = "healed"
"""What became of a fault that is gone, and stayed so."""


@dataclass(frozen=True)
class Fault:
    """What became of one fault.

    Attributes:
        playbook: The playbook whose fault it is.
        target: The host or the database that was ill.
        became: In the words of healing's own page: `healed`, `proposed`, `left to a person` (a plan of it could not be
            written), `escalated`, or how its cure ended otherwise.
        why: Why so.
        seconds: From the first look until it was verified; None where it is not healed.
    """

    playbook: str
    target: str
    became: str
    why: str
    seconds: float | None

    @property
    def in_words(self) -> str:
        """The same in one line."""
        took = f" in {self.seconds:.1f} s" if self.seconds is not None else ""
        return f"fault {self.became}: {self.playbook} on {self.target}{took}: {self.why}"


class _Shape(BaseModel):
    """What is read of a line; whatever else it has is not."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)


class _Fingerprint(_Shape):
    playbook: str
    target: str


class _Ruling(_Shape):
    verdict: Annotated[Verdict, Field(strict=False)] = Verdict.ESCALATE


class _Treated(_Shape):
    fingerprint: _Fingerprint
    ruling: _Ruling = _Ruling()
    outcome: Annotated[Outcome, Field(strict=False)] | None
    plan: str
    why: str
    seconds: float | None

    @property
    def became(self) -> str:
        if self.outcome is not None:
            return HEALED if self.outcome is Outcome.FIXED else self.outcome.value
        if self.plan:
            return "proposed"
        return "left to a person" if self.ruling.verdict is Verdict.PROPOSE else "escalated"

    @property
    def fault(self) -> Fault:
        return Fault(self.fingerprint.playbook, self.fingerprint.target, self.became, self.why, self.seconds)


class _Healed(_Shape):
    """The last line of an errand that heals."""

    kind: Literal["healed"]
    faults: tuple[_Treated, ...] = Field(strict=False)


class _Event(_Shape):
    kind: str
    host: str = ""
    text: str = ""


class _Found(_Shape):
    healthy: bool
    check: str
    seen: str
    evidence: tuple[str, ...] = Field(default=(), strict=False)
    facts: dict[str, Any] = {}

    @property
    def finding(self) -> Finding:
        """Of what it can tell later steps only what decides a level is kept."""
        lines = (line for one in self.evidence for line in one.splitlines())
        names = self.facts.get("corrupted") or []
        known = [one_line(name, WIDEST) for name in names if isinstance(name, str)][:MOST]
        return Finding(
            check=one_line(self.check, WIDEST),
            healthy=False,
            seen=one_line(self.seen, WIDEST),
            evidence=tuple(one_line(line, WIDEST) for line in islice(lines, MOST)),
            facts={"corrupted": list(known)} if known else {},
        )


class _Unknown(_Shape):
    """What a check of a tool could not see."""

    check: str
    why: str

    @property
    def finding(self) -> Finding:
        seen = one_line(f"could not be looked at: {self.why}", WIDEST)
        return Finding(check=one_line(self.check, WIDEST), healthy=False, seen=seen)


class _Examined(_Shape):
    """What a tool says of a host."""

    host: str
    healthy: bool | None
    blocked: str
    findings: tuple[_Found, ...] = Field(strict=False)
    unknown: tuple[_Unknown, ...] = Field(default=(), strict=False)

    @property
    def wrong(self) -> tuple[Finding, ...]:
        """What is not well, or nobody can say; none where all is well."""
        wrong = [one.finding for one in self.findings if not one.healthy]
        unseen = [one.finding for one in self.unknown]
        if self.blocked:
            unseen.append(_Unknown(check=self.host, why=self.blocked).finding)
        return (*wrong, *unseen)

    @property
    def in_words(self) -> str:
        wrong = [f"{one.check}: {one.seen}" for one in self.findings if not one.healthy]
        verdict = {True: "well", False: "not well", None: "could not be looked at whole"}[self.healthy]
        return f"{self.host}: {verdict}" + "".join(f"; {one}" for one in (self.blocked, *wrong) if one)


class _Delivery(_Shape):
    contact: str
    service: str
    delivered: bool
    why: str = ""


class _Escalated(_Shape):
    """What calling a person came to."""

    incident: str
    level: int
    subject: str
    told: tuple[_Delivery, ...] = Field(strict=False)
    problems: tuple[str, ...] = Field(strict=False)
    nobody: bool
    file: str

    @property
    def in_words(self) -> tuple[str, ...]:
        told = (
            f"{one.contact} by {one.service}: {'told' if one.delivered else f'NOT told: {one.why}'}"
            for one in self.told
        )
        nobody = ("nobody is told: no contact whose turn it is has `notify`",) if self.nobody else ()
        report = f"level {self.level}: {self.subject}; the report is in {self.file or 'no file'}"
        return (report, *told, *nobody, *self.problems)


def lines_in(said: str) -> tuple[str, ...]:
    """Return what is told of a line that an errand printed; nothing of most events."""
    match _shape(said):
        case _Healed(faults=faults):
            return tuple(one.fault.in_words for one in faults)
        case _Examined() as examined:
            return (examined.in_words,)
        case _Escalated() as escalated:
            return escalated.in_words
        case _Event(kind=kind, host=host, text=text):
            return (f"{host}: {kind}: {text}",) if kind in TOLD and text else ()
    return (said,) if said.strip() else ()


def faults_in(said: str) -> tuple[Fault, ...]:
    """Return what became of each fault, where a line tells it; it is the last of an errand that heals."""
    shape = _shape(said)
    return tuple(one.fault for one in shape.faults) if isinstance(shape, _Healed) else ()


def wrong_in(lines: Iterable[str]) -> dict[str, tuple[Finding, ...]]:
    """Return what a tool that printed these lines found wrong, by host: nothing where all is well there."""
    shapes = map(_shape, lines)
    return {one.host: one.wrong for one in shapes if isinstance(one, _Examined)}


def unsaid(lines: Sequence[str], code: int) -> tuple[Finding, ...]:
    """Return what is known of an errand that ended without a word of its own of what became: its last line.

    Args:
        lines: What it printed.
        code: The exit code, which says that it did not end well.

    Returns:
        Nothing where it ended with what a page makes of it: whoever heals calls people by itself.
    """
    if any(isinstance(_shape(line), _Healed) for line in lines):
        return ()
    last = next(
        (line for line in reversed(lines) if line.strip() and _shape(line) is None), "it said nothing"
    )
    seen = one_line(f"it ended with {code}: {last}", WIDEST)
    return (Finding(check="it is carried out", healthy=False, seen=seen),)


def nobody_called_in(lines: Iterable[str]) -> bool:
    """Return whether an errand that printed these lines was to tell a person, and nobody is there to be told."""
    shapes = map(_shape, lines)
    return any(isinstance(one, _Escalated) and one.nobody for one in shapes)


def cured_by(lines: Iterable[str]) -> bool:
    """Return whether an errand that printed these lines healed anything."""
    return any(fault.became == HEALED for line in lines for fault in faults_in(line))


def _sort(record: object) -> str:
    if not isinstance(record, dict):
        return ""
    if "kind" in record:
        return "healed" if record["kind"] == "healed" else "event"
    return "escalated" if "incident" in record else "examined"


_LINE: TypeAdapter[Any] = TypeAdapter(
    Annotated[
        Annotated[_Healed, Tag("healed")]
        | Annotated[_Event, Tag("event")]
        | Annotated[_Escalated, Tag("escalated")]
        | Annotated[_Examined, Tag("examined")],
        Discriminator(_sort),
    ]
)


def _shape(said: str) -> _Healed | _Event | _Escalated | _Examined | None:
    """Return which of our own lines it is; None where it is none, however it was made."""
    try:
        shape: _Healed | _Event | _Escalated | _Examined = _LINE.validate_python(json.loads(said))
    except (ValueError, RecursionError):  # of pydantic, too
        return None
    return shape
