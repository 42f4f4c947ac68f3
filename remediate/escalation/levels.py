"""Whose turn it is: which level an incident has come to, for which reasons, and which contacts that means. Pure.

The rules are the runbook's "Escalation Process": level 1 leads the team, 2 looks after databases, 3 decides.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, TypeAlias

from remediate.inventory import Contact
from remediate.model import Finding
from remediate.questions import Value

OUTAGE = 15 * 60.0
"""Seconds of an outage after which level 3 is called at once: "Production outage >15 minutes"."""
FIRST, DATABASE, HIGHEST = 1, 2, 3
"""The runbook's levels."""

Topic: TypeAlias = Literal["database", "corruption", "security"]
"""What an incident may be about that decides its level; a playbook's `escalate:` may say other words, for contacts."""


class Situation(Value):
    """What decides the level of an incident.

    Attributes:
        topics: What it is about: a `Topic`, or words that contacts are `for`.
        apps: Which apps it has hit.
        outage: Seconds for which an app that may not be away has been away; 0 where none is.
        open_for: Seconds since it was first escalated; 0 for the first time.
        reached: The level that it was escalated to before; 0 for the first time. It never falls.
        asked: The level that a person asks for; 0 where nobody does.
    """

    topics: frozenset[str] = frozenset()
    apps: frozenset[str] = frozenset()
    outage: float = 0.0
    open_for: float = 0.0
    reached: int = 0
    asked: int = 0


class Reason(Value):
    """Why an incident has come to a level.

    Attributes:
        level: Which.
        said: Why, in a clause.
    """

    level: int
    said: str


class Turn(Value):
    """Whose turn it is.

    Attributes:
        level: The level.
        reasons: Why it is this one, and not a lower one.
        contacts: Who is called there, for what this is about; none where the inventory names nobody.
    """

    level: int
    reasons: tuple[Reason, ...]
    contacts: tuple[Contact, ...] = ()


def topics_of(findings: Iterable[Finding]) -> frozenset[Topic]:
    """Return what findings tell that an incident is about: corrupted indexes are of a database, and more than that.

    Args:
        findings: What checks saw, whoever asked them: a run, or healing.
    """
    corrupted = any(not one.healthy and one.facts.get("corrupted") for one in findings)
    return frozenset({"corruption", "database"} if corrupted else ())


def turn(situation: Situation, contacts: Sequence[Contact]) -> Turn:
    """Return whose turn it is.

    Where nobody of a level is for what this is about, it is the turn of the next level above that somebody has, and
    else of the highest below. Where nobody at all is for it, all are asked as if they were for everything: somebody is
    called wherever the inventory names anybody.

    Args:
        situation: What is known.
        contacts: The inventory's.
    """
    fitting = _fitting(contacts, situation.topics)
    reasons = tuple(_reasons(situation, fitting))
    wanted = max(reason.level for reason in reasons)
    level = _manned(wanted, {one.level for one in fitting})
    deciding = tuple(reason for reason in reasons if reason.level == wanted)
    called = tuple(one for one in fitting if one.level == level)
    return Turn(level=level, reasons=deciding, contacts=called)


def next_turn(situation: Situation, contacts: Sequence[Contact]) -> tuple[float, Turn] | None:
    """Return in how many seconds, with nothing else new, it is somebody else's turn, and whose; None where never.

    Args:
        situation: What is known now.
        contacts: The inventory's.
    """
    now = turn(situation, contacts)
    for seconds in sorted(_moments(situation, contacts)):
        later = turn(_later(situation, seconds), contacts)
        if later.level > now.level:
            return seconds, later
    return None


def _moments(situation: Situation, contacts: Iterable[Contact]) -> Iterator[float]:
    """Return the seconds from now at which a rule that goes by time comes to hold."""
    left = [one.after - situation.open_for for one in contacts if one.after is not None]
    if situation.outage:
        left.append(OUTAGE - situation.outage)
    yield from (max(seconds, 0.0) + 0.001 for seconds in left)  # a rule holds once its time is over


def _later(situation: Situation, seconds: float) -> Situation:
    outage = situation.outage and situation.outage + seconds
    return situation.model_copy(update={"open_for": situation.open_for + seconds, "outage": outage})


def _reasons(situation: Situation, fitting: Iterable[Contact]) -> Iterator[Reason]:
    yield Reason(level=FIRST, said="what could be tried did not cure it")
    if "database" in situation.topics:
        yield Reason(level=DATABASE, said="it is trouble of the database")
    yield from _at_once(situation)
    for one in fitting:
        if one.after is not None and situation.open_for > one.after:
            minutes = one.after / 60
            yield Reason(level=one.level, said=f"{minutes:g} minutes after it was escalated it is not over")
    if situation.reached:
        yield Reason(level=situation.reached, said=f"it had come to level {situation.reached} before")
    if situation.asked:
        yield Reason(level=situation.asked, said=f"level {situation.asked} was asked for")


def _at_once(situation: Situation) -> Iterator[Reason]:
    """Return why the highest level is called at once, where it is."""
    if "corruption" in situation.topics:
        yield Reason(level=HIGHEST, said="data are corrupted")
    if situation.outage > OUTAGE:
        yield Reason(level=HIGHEST, said=f"an outage of more than {OUTAGE / 60:g} minutes")
    if len(situation.apps) > 1:
        named = ", ".join(sorted(situation.apps))
        yield Reason(level=HIGHEST, said=f"{len(situation.apps)} apps are hit ({named})")
    if "security" in situation.topics:
        yield Reason(level=HIGHEST, said="security is at stake")


def _fitting(contacts: Sequence[Contact], topics: frozenset[str]) -> Sequence[Contact]:
    return [one for one in contacts if _is_for(one, topics)] or contacts


def _is_for(contact: Contact, topics: frozenset[str]) -> bool:
    return not contact.topics or bool(topics & set(contact.topics))


def _manned(wanted: int, there: set[int]) -> int:
    above = [level for level in there if level >= wanted]
    return min(above) if above else max(there, default=wanted)
