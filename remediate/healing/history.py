"""What was healed before, read from entries of the audit log: attempts, resets, the switch, incidents. Pure.

Nothing of it is kept anywhere else, so a runner that was killed forgets nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from remediate.clock import AHEAD
from remediate.journal import Entry
from remediate.journal.understanding import understanding
from remediate.model import Outcome
from remediate.questions import Value

ATTEMPT, RESET, STOPPED, STARTED, INCIDENT = (
    "attempt",
    "breaker-reset",
    "healing-stopped",
    "healing-started",
    "incident",
)
RULED = "ruled"
"""A verdict, kept to be read: nothing is decided by it."""
KINDS = frozenset({ATTEMPT, RESET, STOPPED, STARTED, INCIDENT, "stopped", "ended"})
"""The kinds of entries that a history is read from."""


class Fingerprint(Value):
    """Which fault where, however often and by however many hosts it is seen.

    Attributes:
        environment: The inventory's environment.
        target: What is ill: a host's name, or the identity of a database, which several hosts may share.
        playbook: The playbook whose fault it is.
    """

    environment: str
    target: str
    playbook: str

    def __str__(self) -> str:
        return f"{self.playbook} on {self.target} ({self.environment})"


class Attempt(Value):
    """One cure that was begun without a person.

    Attributes:
        number: Of its entry in the log.
        run: The run that makes it.
        host: On which host.
        group: That host's group.
        fingerprint: Which fault.
        at: Seconds since the epoch when it was begun.
        ended: Seconds since the epoch when it ended; None where it has not.
        outcome: How; None where it has not.
        interrupted: Whether it ended because somebody wanted no more: the switch, a signal, the time given.
        failed: Whether it went wrong of itself before it ended, so that what it had changed was to be put back.
        told: Of the entry that told first what it came to; None where none has.
    """

    number: int
    run: str
    host: str
    group: str
    fingerprint: Fingerprint
    at: float
    ended: float | None = None
    outcome: Outcome | None = None
    interrupted: bool = False
    failed: bool = False
    told: int | None = None

    @property
    def counts(self) -> bool:
        """Whether it is an attempt for the brakes: one that ended without having touched anything is none."""
        return self.failed or self.outcome not in _TOUCHED_NOTHING

    @property
    def healed(self) -> bool:
        """Whether the fault was gone, and stayed gone."""
        return self.outcome is Outcome.FIXED

    @property
    def did_not_hold(self) -> bool:
        """Whether the cure failed: it was made in vain, or could not be made; not where it was only interrupted."""
        if self.failed:
            return True
        return self.outcome in _DID_NOT_HOLD and not (
            self.interrupted and self.outcome is Outcome.ROLLED_BACK
        )

    @property
    def half_way(self) -> bool:
        """Whether it may have left something to put back: it has not ended, or not well."""
        return self.ended is None or self.outcome in _HALF_WAY


_TOUCHED_NOTHING = frozenset({Outcome.HEALTHY, Outcome.DECLINED, Outcome.STALE, Outcome.BLOCKED})
_DID_NOT_HOLD = frozenset({Outcome.ROLLED_BACK, Outcome.KEPT, Outcome.STUCK})
_HALF_WAY = frozenset({Outcome.STUCK, Outcome.BLOCKED})


class Reset(Value):
    """A person's word that what was tried before counts no more.

    Attributes:
        number: Of its entry in the log.
        at: Seconds since the epoch.
        environment: Where.
        target: A host, or the identity of a database.
        playbook: Of which playbook; empty: of all.
    """

    number: int
    at: float
    environment: str
    target: str
    playbook: str = ""

    def ends(self, attempt: Attempt) -> bool:
        """Tell whether an attempt counts no more because of this; what it comes to must have been known by then.

        Of one that a clock wrote down which was ahead, that was known.
        """
        one, known = attempt.fingerprint, attempt.told
        if known is None and attempt.at > self.at + AHEAD:
            known = attempt.number
        return (
            known is not None
            and known < self.number
            and one.environment == self.environment
            and self.target in {attempt.host, one.target}
            and self.playbook in {"", one.playbook}
        )


class Stop(Value):
    """The switch, while it is off.

    Attributes:
        at: Seconds since the epoch.
        who: Who stopped it.
        why: Why.
    """

    at: float
    who: str
    why: str


class Incident(Value):
    """A fault from when it was first seen until a look finds it gone.

    Attributes:
        number: Of the entry that opened it.
        run: The run that opened it.
        host: On which host it was seen first.
        fingerprint: Which fault.
        since: Seconds since the epoch.
    """

    number: int
    run: str
    host: str
    fingerprint: Fingerprint
    since: float


@dataclass(frozen=True)
class History:
    """What is known of what was healed before.

    Attributes:
        attempts: All, oldest first; what is in work stays so whatever a person resets.
        stop: The switch, while it is off.
        incidents: Those that are open.
        resets: What persons said counts no more for the breakers.
    """

    attempts: tuple[Attempt, ...] = ()
    stop: Stop | None = None
    incidents: Mapping[Fingerprint, Incident] = field(default_factory=lambda: MappingProxyType({}))
    resets: tuple[Reset, ...] = ()

    def of(self, fingerprint: Fingerprint) -> tuple[Attempt, ...]:
        """Return the attempts at one fault, oldest first, that count for the brakes; reset ones do not."""
        return self._counting(one for one in self.attempts if one.fingerprint == fingerprint)

    def elsewhere(self, fingerprint: Fingerprint, host: str, group: str) -> tuple[Attempt, ...]:
        """Return the attempts by the same playbook at faults of a group's other hosts, oldest first, that count.

        Args:
            fingerprint: Which fault; attempts at that one, from wherever, are not among them.
            host: Where it would be cured.
            group: That host's group.
        """
        ours = (fingerprint.environment, group, fingerprint.playbook)
        return self._counting(
            one
            for one in self.attempts
            if (one.fingerprint.environment, one.group, one.fingerprint.playbook) == ours
            and one.fingerprint != fingerprint
            and one.host != host
        )

    def _counting(self, attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
        return tuple(one for one in attempts if one.counts and not self.is_reset(one))

    def is_reset(self, attempt: Attempt) -> bool:
        """Tell whether a person said that an attempt counts no more."""
        return any(reset.ends(attempt) for reset in self.resets)


def history_of(entries: Iterable[Entry]) -> History:
    """Return the history that entries tell, in the order of their numbers.

    Raises:
        JournalError: One of them cannot be understood.
    """
    attempts: dict[tuple[str, str], Attempt] = {}
    resets: list[Reset] = []
    stop: Stop | None = None
    incidents: dict[Fingerprint, Incident] = {}
    for entry in entries:
        with understanding(entry.seq):
            match entry.kind:
                case "attempt":
                    attempts[entry.run, entry.host] = _attempt(entry)
                case "stopped" if (entry.run, entry.host) in attempts:
                    attempts[entry.run, entry.host] = _stopped(attempts[entry.run, entry.host], entry)
                case "ended" if (entry.run, entry.host) in attempts:
                    attempts[entry.run, entry.host] = _ended(attempts[entry.run, entry.host], entry)
                case "breaker-reset":
                    resets.append(_reset(entry))
                case "healing-stopped":
                    stop = Stop(at=entry.at, who=entry.body["who"], why=entry.body["why"])
                case "healing-started":
                    stop = None
                case "incident":
                    _note_incident(incidents, entry)
    return History(tuple(attempts.values()), stop, MappingProxyType(incidents), tuple(resets))


def _attempt(entry: Entry) -> Attempt:
    return Attempt(
        number=entry.seq,
        run=entry.run,
        host=entry.host,
        group=entry.body["group"],
        fingerprint=Fingerprint.model_validate(entry.body["fingerprint"]),
        at=entry.at,
    )


def _stopped(attempt: Attempt, entry: Entry) -> Attempt:
    """Return an attempt that is being put back, of itself or by somebody's wish: the first word on that counts."""
    if attempt.healed or attempt.failed or attempt.interrupted:
        return attempt
    if entry.body.get("interrupted"):
        return attempt.model_copy(update={"interrupted": True})
    return attempt.model_copy(update={"failed": True, "told": entry.seq})


def _ended(attempt: Attempt, entry: Entry) -> Attempt:
    """Return an attempt as it ended: being put back later makes it neither one that held nor one that did not."""
    if attempt.healed:
        return attempt
    if attempt.ended is not None and attempt.did_not_hold:
        return attempt.model_copy(update={"ended": entry.at})
    known = {
        "outcome": Outcome(entry.body["outcome"]),
        "interrupted": attempt.interrupted or bool(entry.body.get("interrupted")),
        "told": entry.seq,
    }
    return attempt.model_copy(update={"ended": entry.at, **known})


def _reset(entry: Entry) -> Reset:
    known = {name: entry.body[name] for name in ("environment", "target", "playbook")}
    return Reset(number=entry.seq, at=entry.at, **known)


def _note_incident(incidents: dict[Fingerprint, Incident], entry: Entry) -> None:
    fingerprint = Fingerprint.model_validate(entry.body["fingerprint"])
    if entry.body["state"] == "closed":
        incidents.pop(fingerprint, None)
    elif fingerprint not in incidents:
        incidents[fingerprint] = Incident(
            number=entry.seq, run=entry.run, host=entry.host, fingerprint=fingerprint, since=entry.at
        )
