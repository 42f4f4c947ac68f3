"""What was escalated before, read from entries of the audit log: which incident a case belongs to, who was told. Pure.

An incident is open from its first escalation until a run of its playbook ends well where it was ill, or whoever heals
or watches says that it is over; one of which nothing was heard for a day is over, too.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from remediate.escalation.case import Case, Status
from remediate.escalation.mended import closed
from remediate.escalation.record import fingerprint
from remediate.journal import Entry, RunHeader, RunSummary
from remediate.journal.understanding import understanding
from remediate.model import WELL
from remediate.questions import Value

ESCALATED, DELIVERED, UNDELIVERED, HEALED = "escalated", "delivered", "undelivered", "incident"
KINDS = frozenset({ESCALATED, DELIVERED, UNDELIVERED, HEALED})
"""The kinds of entries that incidents are read from; the last one is written by whoever heals or watches."""
SILENCE = 24 * 3600.0
"""Seconds after which an incident of which nothing was heard is over."""


class Escalation(Value):
    """One escalation, as it was written down before anybody was told.

    Attributes:
        seq: The number of its entry.
        run: The run it was of.
        at: Seconds since the epoch.
        incident: The incident's name: the run that it began with.
        fingerprints: Which fault where.
        environment: The inventory's environment.
        playbook: The playbook's name.
        hosts: Where it was not well.
        apps: Which apps it hits.
        topics: What it is about.
        title: What is wrong, in a line.
        said: Why a person is needed, in a line.
        status: How the app did.
        away: Whether nobody could use it; not told in entries of old, which had only what was broken.
        level: The level it came to.
        started: Seconds since the epoch when the first of its faults was first seen.
        since: The same for each of its faults.
        delivering: Whether anybody was to be told.
    """

    seq: int
    run: str
    at: float
    incident: str
    fingerprints: tuple[str, ...]
    environment: str
    playbook: str
    hosts: tuple[str, ...]
    apps: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    title: str
    said: str
    status: Status
    away: bool
    level: int
    started: float
    since: dict[str, float]
    delivering: bool

    @property
    def concerns(self) -> frozenset[tuple[str, str, str]]:
        """What it would be among the concerns of whoever watches: environment, host and source, for each host."""
        return frozenset((self.environment, host, self.playbook) for host in self.hosts)


class Delivery(Value):
    """What became of telling somebody.

    Attributes:
        seq: The number of its entry.
        run: The run it was about.
        at: Seconds since the epoch.
        incident: The incident.
        level: The level it was told at.
        contact: Who.
        service: By which service; never its URL.
        delivered: Whether the service took it.
        tries: How often it was tried.
        why: Why not.
    """

    seq: int
    run: str
    at: float
    incident: str
    level: int
    contact: str
    service: str
    delivered: bool
    tries: int
    why: str = ""


class Incident(Value):
    """What a case belongs to.

    Attributes:
        name: The run that it began with.
        escalations: Those before, oldest first.
        deliveries: What became of telling somebody, oldest first.
        others: Apps that other open incidents of the environment hit, but for what is mended.
    """

    name: str
    escalations: tuple[Escalation, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def reached(self) -> int:
        """The highest level that it was escalated to; 0 for the first time."""
        return max((one.level for one in self.escalations), default=0)

    @property
    def first_escalated(self) -> float | None:
        """When it was first escalated; None for the first time."""
        return min((one.at for one in self.escalations), default=None)

    @property
    def since(self) -> dict[str, float]:
        """When each of its faults was first seen; none for the first time."""
        seen: dict[str, float] = {}
        for one in self.escalations:
            seen |= {fault: min(one.since[fault], seen.get(fault, math.inf)) for fault in one.fingerprints}
        return seen

    def was_told(self, contact: str, level: int, faults: Iterable[str]) -> bool:
        """Tell whether somebody was reached about all of these faults, at this level or a higher one."""
        mine = (one for one in self.deliveries if one.delivered and one.contact == contact)
        told = [set(self._about(one)) for one in mine if one.level >= level]
        return bool(told) and set().union(*told) >= set(faults)

    def _about(self, delivery: Delivery) -> tuple[str, ...]:
        """Return the faults that somebody was told of: those of its run's last escalation before, but what is over."""
        before = [one for one in self.escalations if one.run == delivery.run and one.seq < delivery.seq]
        return before[-1].fingerprints if before else ()


def first_seen(case: Case, incident: Incident) -> dict[str, float]:
    """Return when each fault of a case was first seen, in seconds since the epoch; never later than now.

    When a case began is when its oldest fault did: one that joins what is known is as old as the case tells us of it.

    Args:
        case: The case.
        incident: What it belongs to.
    """
    known = incident.since
    new = case.made if known.keys() & set(case.fingerprints) else case.started
    return {one: min(known.get(one, new), case.made) for one in case.fingerprints}


def left_of(run: str, entries: Iterable[Entry], runs: Sequence[RunSummary]) -> Escalation | None:
    """Return the last escalation of a run, however long ago, as far as what it was of is not over since.

    Args:
        run: The run's id.
        entries: Those of `KINDS`, in order.
        runs: All runs.

    Returns:
        None where it was never escalated, or is over.

    Raises:
        JournalError: An entry cannot be understood.
    """
    own = [one for one in _written(entries)[0] if one.run == run]
    return own[-1] if own and not _over(own[-1], runs) else None


def incident_of(
    case: Case, entries: Iterable[Entry], runs: Sequence[RunSummary], concerns: Iterable[Entry] = ()
) -> Incident:
    """Return the incident that a case belongs to; a new one where none that is open has a fingerprint of it.

    Args:
        case: The case.
        entries: Those of `KINDS`, in order.
        runs: All runs.
        concerns: The entries of `concern`, in order; only read where anything is open.

    Raises:
        JournalError: An entry cannot be understood.
    """
    escalations, deliveries = _read(entries, runs, case.made)
    mine = [one for one in escalations if set(one.fingerprints) & set(case.fingerprints)]
    name = mine[-1].incident if mine else case.run
    return _incident(name, case.environment, escalations, deliveries, _unmended(escalations, concerns))


def open_incidents(
    entries: Iterable[Entry], runs: Sequence[RunSummary], now: float, concerns: Iterable[Entry] = ()
) -> tuple[Incident, ...]:
    """Return the incidents that are open, oldest first.

    Args:
        entries: Those of `KINDS`, in order.
        runs: All runs.
        now: Seconds since the epoch.
        concerns: As for `incident_of`.

    Raises:
        JournalError: An entry cannot be understood.
    """
    escalations, deliveries = _read(entries, runs, now)
    ill = _unmended(escalations, concerns)
    known = {one.incident: one.environment for one in escalations}
    return tuple(_incident(name, where, escalations, deliveries, ill) for name, where in known.items())


def not_over(entries: Iterable[Entry], now: float) -> tuple[Escalation, ...]:
    """Return the escalations that nobody has said to be over, oldest first; what runs say of them is not asked.

    Args:
        entries: Those of `KINDS`, in order.
        now: Seconds since the epoch: what was not heard of for `SILENCE` is over.

    Raises:
        JournalError: An entry cannot be understood.
    """
    return tuple(_heard(_written(entries)[0], now))


def is_mended(incident: Incident, concerns: Iterable[Entry]) -> bool:
    """Return whether all that a person was called for is closed by now, though it is not over yet.

    Args:
        incident: An open one.
        concerns: The entries of `concern`, in order.

    Raises:
        JournalError: An entry cannot be understood.
    """
    called = frozenset().union(*(one.concerns for one in incident.escalations))
    return bool(called) and called <= closed(concerns).keys()


def _unmended(escalations: Sequence[Escalation], concerns: Iterable[Entry]) -> list[Escalation]:
    """Return the escalations but for those of which whoever watches has closed all."""
    gone = closed(concerns) if escalations else {}
    return [one for one in escalations if not one.concerns or not one.concerns <= gone.keys()]


def _incident(
    name: str,
    environment: str,
    escalations: Sequence[Escalation],
    deliveries: Sequence[Delivery],
    ill: Sequence[Escalation],
) -> Incident:
    mine = tuple(one for one in escalations if one.incident == name)
    first = mine[0].seq if mine else math.inf
    others = [one for one in ill if one.incident != name and one.environment == environment]
    return Incident(
        name=name,
        escalations=mine,
        deliveries=tuple(one for one in deliveries if one.incident == name and one.seq > first),
        others=tuple(sorted({app for one in others for app in one.apps})),
    )


def _read(
    entries: Iterable[Entry], runs: Sequence[RunSummary], now: float
) -> tuple[list[Escalation], list[Delivery]]:
    """Return the escalations of incidents that are open, and all deliveries."""
    escalations, deliveries = _written(entries)
    return [one for one in _heard(escalations, now) if not _over(one, runs)], deliveries


def _heard(escalations: Sequence[Escalation], now: float) -> list[Escalation]:
    """Return the escalations of incidents of which something was heard lately.

    One that a clock wrote down which was ahead was: what is due of it is written down anew, with the right time.
    """
    heard = {one.incident: one.at for one in escalations}
    return [one for one in escalations if now - heard[one.incident] < SILENCE]


def _written(entries: Iterable[Entry]) -> tuple[list[Escalation], list[Delivery]]:
    """Return the escalations that nobody has said to be over, and all deliveries."""
    escalations: list[Escalation] = []
    deliveries: list[Delivery] = []
    for entry in entries:
        with understanding(entry.seq):
            if entry.kind == ESCALATED:
                escalations.append(_escalation(entry))
            elif entry.kind == HEALED:
                left = (_without(one, entry) for one in escalations)
                escalations = [one for one in left if one.fingerprints]
            elif entry.kind in {DELIVERED, UNDELIVERED}:
                deliveries.append(_delivery(entry))
    return escalations, deliveries


def _escalation(entry: Entry) -> Escalation:
    names = ("incident", "environment", "playbook", "title", "said", "status", "level", "started")
    known = {name: entry.body[name] for name in names}
    lists = {name: tuple(entry.body[name]) for name in ("fingerprints", "hosts", "apps", "topics")}
    away = entry.body.get("away", entry.body["status"] == Status.BROKEN)
    since = entry.body.get("since", [known["started"]] * len(lists["fingerprints"]))
    told = {"away": away, "since": dict(zip(lists["fingerprints"], since, strict=True))}
    told["delivering"] = entry.body.get("delivering", True)
    return Escalation(seq=entry.seq, run=entry.run, at=entry.at, **known, **lists, **told)


def _delivery(entry: Entry) -> Delivery:
    known = {name: entry.body[name] for name in ("incident", "level", "contact", "service", "tries", "why")}
    return Delivery(seq=entry.seq, run=entry.run, at=entry.at, delivered=entry.kind == DELIVERED, **known)


def _without(escalation: Escalation, entry: Entry) -> Escalation:
    """Return an escalation without the fault that whoever heals has closed; on one host that is all of a playbook's."""
    told: Mapping[str, str] = entry.body["fingerprint"]
    gone = fingerprint(told["playbook"], told["target"], told["environment"])
    if entry.body["state"] != "closed" or gone not in escalation.fingerprints:
        return escalation
    alike = gone if len(escalation.hosts) > 1 else f"{told['playbook']} on "
    left = tuple(one for one in escalation.fingerprints if not one.startswith(alike))
    started = min((escalation.since[one] for one in left), default=escalation.started)
    return escalation.model_copy(update={"fingerprints": left, "started": started})


def _over(escalation: Escalation, runs: Iterable[RunSummary]) -> bool:
    """Tell whether what looks for the same has ended well since, on every host that was ill; by the log's order."""
    good = {
        host
        for run in runs
        if _looks_for_it(run.header, escalation)
        if run.ended_seq is not None and run.ended_seq > escalation.seq
        for host, outcome in run.outcomes.items()
        if outcome in WELL
    }
    return bool(escalation.hosts) and good >= set(escalation.hosts)


def _looks_for_it(header: RunHeader, escalation: Escalation) -> bool:
    """Tell whether it is a run of the same playbook; what is of several is looked for by a healing that asks all."""
    if header.environment != escalation.environment or header.playbook != escalation.playbook:
        return False
    return bool(header.playbook) or (header.command == "heal" and not header.only)
