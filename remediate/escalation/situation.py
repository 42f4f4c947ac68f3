"""What decides an incident's level, from a case or from what was last written down of it; whether it is due. Pure."""

from collections.abc import Iterable, Sequence

from remediate.clock import AHEAD
from remediate.escalation.case import Case
from remediate.escalation.incident import Delivery, Escalation, Incident
from remediate.escalation.levels import Situation, turn
from remediate.inventory import Contact

PAUSE, LONGEST = 60.0, 3600.0
"""Seconds after which somebody who could not be reached is tried again, doubled each time, and at most."""


def situation_of(case: Case, incident: Incident, *, development: bool, asked: int = 0) -> Situation:
    """Return what decides the level of a case.

    Args:
        case: What is known now.
        incident: What it belongs to.
        development: Whether its inventory says that what lives there may be lost: an outage there is none.
        asked: The level that a person asks for; 0 where nobody does.
    """
    away = case.is_away and not development
    known = _situation(incident, case.topics, case.apps, case.made)
    return known.model_copy(
        update={"outage": max(case.made - case.started, 0.0) if away else 0.0, "asked": asked}
    )


def is_due(incident: Incident, contacts: Sequence[Contact], *, development: bool, now: float) -> bool:
    """Return whether it is somebody else's turn since it was last escalated, or somebody is to be tried again.

    One that a clock wrote down which was ahead is due, too: how long it is open nobody can tell, so no level is raised
    by it, and who knows of it is not told; but it stands there anew, and time counts from then.

    Args:
        incident: An open one.
        contacts: Its inventory's.
        development: As for `situation_of`.
        now: Seconds since the epoch.
    """
    last = incident.escalations[-1]
    if last.at > now + AHEAD:
        return True
    away = last.away and not development
    known = _situation(incident, last.topics, last.apps, now)
    later = known.model_copy(update={"outage": max(now - last.started, 0.0) if away else 0.0})
    its_turn = turn(later, contacts)
    return its_turn.level > incident.reached or any(
        _to_try(incident, one, its_turn.level, now) for one in its_turn.contacts
    )


def _to_try(incident: Incident, contact: Contact, level: int, now: float) -> bool:
    """Return whether somebody whose turn it is does not know of it, and it is time to try again.

    They could not be reached, or what was to tell them ended before it had: then nothing was heard of it. What a clock
    wrote down which was ahead was long ago.
    """
    last = incident.escalations[-1]
    if not contact.notify or incident.was_told(contact.name, level, last.fingerprints):
        return False
    mine = _in_vain(one for one in incident.deliveries if one.contact == contact.name)
    begun = [one for one in incident.escalations if one.delivering]
    heard: list[Escalation | Delivery] = sorted((*begun[-1:], *mine[-1:]), key=lambda one: one.seq)
    if not heard:
        return False
    times, last_try = len(mine) // len(contact.notify), heard[-1].at
    pause = min(PAUSE * 2.0 ** min(max(times - 1, 0), 16), LONGEST)
    return now >= last_try + pause or last_try > now + AHEAD


def _in_vain(deliveries: Iterable[Delivery]) -> list[Delivery]:
    """Return what did not reach somebody since they were last reached, oldest first."""
    since: list[Delivery] = []
    for one in deliveries:
        since = [] if one.delivered else [*since, one]
    return since


def _situation(incident: Incident, topics: Iterable[str], apps: Iterable[str], now: float) -> Situation:
    first = incident.first_escalated
    return Situation(
        topics=frozenset(topics),
        apps=frozenset({*apps, *incident.others}),
        open_for=max(now - first, 0.0) if first is not None else 0.0,
        reached=incident.reached,
    )
