"""What a run was about on its hosts when it was last heard of: a pure reading of its entries. Reads no file."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from remediate.journal.understanding import understanding
from remediate.journal.values import Entry
from remediate.model import Outcome


class Course(StrEnum):
    """Which way a run was going on one host."""

    UNBEGUN = "unbegun"
    """Nothing had been confirmed."""
    ONWARDS = "onwards"
    """What was confirmed was being done."""
    BACK = "back"
    """It had failed, and was putting back what it had done."""
    TAKEN_BACK = "taken back"
    """It was being put back by a person's wish."""


@dataclass(frozen=True)
class Standing:
    """Where a run stands on one host.

    Attributes:
        course: Which way it was going.
        why: Why it had failed; empty where it had not.
    """

    course: Course = Course.UNBEGUN
    why: str = ""


_COURSE_OF = {"confirmed": Course.ONWARDS, "stopped": Course.BACK, "rollback": Course.TAKEN_BACK}
COURSES = frozenset(_COURSE_OF)
"""The kinds of entries that turn a run."""


def standing(entries: Iterable[Entry], host: str) -> Standing:
    """Return where a run stands on a host.

    Args:
        entries: The run's entries, in order.
        host: The host's name.
    """
    turns = [entry for entry in entries if entry.host == host and entry.kind in COURSES]
    if not turns:
        return Standing()
    course = _COURSE_OF[turns[-1].kind]
    return Standing(course, str(turns[-1].body["why"]) if course is Course.BACK else "")


def outcomes(entries: Iterable[Entry]) -> dict[str, Outcome]:
    """Return the last outcome of each host, but for those where the run has been going back since."""
    ended: dict[str, Outcome] = {}
    for entry in entries:
        if entry.kind == "ended":
            with understanding(entry.seq):
                ended[entry.host] = Outcome(entry.body["outcome"])
        elif entry.kind == "rollback":
            ended.pop(entry.host, None)
    return ended


def unfinished(
    entries: Sequence[Entry], hosts: Sequence[str], ended: Mapping[str, Outcome]
) -> tuple[str, ...]:
    """Return the hosts on which a run has not come to its end: there is something to go on with, or to put back.

    A run that ended stuck has not; nor has one that was blocked after it had been confirmed.
    """
    turned = {entry.host for entry in entries if entry.kind in COURSES}
    open_ends = {*((host, Outcome.BLOCKED) for host in turned), *((host, Outcome.STUCK) for host in hosts)}
    return tuple(host for host in hosts if host not in ended or (host, ended[host]) in open_ends)
