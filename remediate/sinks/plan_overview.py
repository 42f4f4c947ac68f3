"""What a reviewer wants before the details: hosts that are alike told once, what to look at first. It shows nothing."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from remediate.hazard import Severity
from remediate.model import Change, Fidelity, Json, WayBack, canonical
from remediate.review import PlannedHost
from remediate.sinks.clean import one_line

NAMED = 3
"""How many hosts a heading names; the table of hosts has all."""
_LABEL = re.compile(r"([a-zA-Z][a-zA-Z' ]{1,39}): (.+)", re.DOTALL)
_OF_A_DATABASE = ("table ", "index ", "schema ", "rows of ", "session ")
_SQL = (
    *("ALTER ", "CREATE ", "UPDATE ", "DELETE ", "INSERT ", "DROP ", "SELECT ", "WITH ", "SET ", "BEGIN"),
    *("VACUUM", "ANALYZE", "CALL ", "LOCK ", "DO "),
)


class Numbered(NamedTuple):
    """A change with its number on a host, and the step it belongs to."""

    number: int
    step: str
    change: Change


class Alike(NamedTuple):
    """Hosts on which all that a plan shows is the same.

    Attributes:
        number: Which group it is, from 1.
        hosts: In the order in which they would be changed.
    """

    number: int
    hosts: tuple[PlannedHost, ...]

    @property
    def first(self) -> PlannedHost:
        """The one that stands for all."""
        return self.hosts[0]

    @property
    def names(self) -> str:
        """The hosts' names, cut where they are many."""
        names = [host.host for host in self.hosts]
        if len(names) <= NAMED + 1:
            return ", ".join(names)
        return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"

    @property
    def changes(self) -> tuple[Numbered, ...]:
        """The changes on each of them, in order."""
        made = [(fix.step, change) for fix in self.first.fixes for change in fix.changes]
        return tuple(Numbered(number, *one) for number, one in enumerate(made, start=1))

    def anchor(self, number: int) -> str:
        """Return the name by which a change is found on a page."""
        return f"change-{self.number}-{number}"


class Concern(NamedTuple):
    """What a reviewer looks at first.

    Attributes:
        hosts: Where.
        anchor: Of the change, on a page.
        change: Its number and what it does.
        why: What is to be looked at.
        grave: Whether something is lost or stopped, rather than only less sure.
    """

    hosts: str
    anchor: str
    change: str
    why: str
    grave: bool


def alike(hosts: Sequence[PlannedHost]) -> tuple[Alike, ...]:
    """Return the hosts, those together on which the same was found and the same would be done."""
    groups: dict[bytes, list[PlannedHost]] = {}
    for host in hosts:
        groups.setdefault(canonical(_shown(host)), []).append(host)
    return tuple(Alike(number, tuple(group)) for number, group in enumerate(groups.values(), start=1))


def _shown(host: PlannedHost) -> Json:
    """Return all that is shown of a host, but for what names it."""
    shown = host.model_dump(mode="json", exclude={"host", "host_key", "machine", "database", "mark", "asked"})
    for fix in shown["fixes"]:
        del fix["marks"]
        for change in fix["changes"]:
            (change["rehearsal"] or {}).pop("seconds", None)
    return {**shown, "database": bool(host.database)}


def concerns(groups: Sequence[Alike]) -> tuple[Concern, ...]:
    """Return what to look at first, the gravest first."""
    found = [one for group in groups for numbered in group.changes for one in _concerns(group, numbered)]
    return tuple(sorted(found, key=lambda one: not one.grave))


def _concerns(group: Alike, numbered: Numbered) -> Iterator[Concern]:
    for grave, why in _reasons(numbered.change):
        what = f"{numbered.number}. {one_line(numbered.change.what, 120)}"
        yield Concern(group.names, group.anchor(numbered.number), what, one_line(why, 400), grave)


def _reasons(change: Change) -> Iterator[tuple[bool, str]]:
    if change.way_back is WayBack.NONE:
        yield True, f"no way back: {change.way_back_note}" if change.way_back_note else "no way back"
    if change.fidelity is Fidelity.OPAQUE:
        yield True, "what it does cannot be told beforehand"
    if change.rows is None:
        yield False, "nobody can count beforehand how many rows it writes"
    for hazard in change.hazards:
        allowed = ", which the step allows" if hazard.allowed else ""
        if hazard.severity is Severity.STOP:
            yield True, f"a hazard that stops{allowed}: {hazard}"
        elif hazard.severity is Severity.WARNING:
            yield False, f"warning{allowed}: {hazard}"


def is_sql(script: str, target: str) -> bool:
    """Tell whether a script is SQL: it is about something of a database, or begins like a statement."""
    return target.startswith(_OF_A_DATABASE) or script.lstrip().upper().startswith(_SQL)


class Note(NamedTuple):
    """A note of a change: what it is about, where it says so, and the rest."""

    label: str
    text: str


def labelled(notes: Sequence[str]) -> tuple[Note, ...]:
    """Return notes in two parts, those without a label last: `live size: 0.1 MB` is about the live size."""
    parted = (
        Note(*match.groups()) if (match := _LABEL.fullmatch(note)) else Note("", note) for note in notes
    )
    return tuple(sorted(parted, key=lambda note: not note.label))
