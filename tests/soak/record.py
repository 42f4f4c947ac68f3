"""What the audit log says of a soak: what became of faults, who was called, which brakes did not hold."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from remediate.journal import Entry, Journal
from remediate.masking import Masker
from tests.soak.course import ESCALATED, HEALED, PROPOSED, TWICE_AN_HOUR, Fate

KINDS = (
    "attempt",
    "ended",
    "concern",
    "ruled",
    "incident",
    "escalated",
    "delivered",
    "undelivered",
    "breaker-reset",
)
RAISED = ("minutes after it was", "it had come to level", "an outage of more than", "apps are hit")
"""Why an incident's level is higher than that of its fault, in the words of the call."""
HOUR = 3600.0
FAILURES = 2
"""So many cures that did not hold open the breaker."""


@dataclass(frozen=True)
class Tried:
    """One cure that was begun.

    Attributes:
        host: On which host.
        playbook: By which playbook.
        target: What was ill.
        at: When, in seconds since the epoch.
        ended: When it ended; None where it has not.
        outcome: How; None where it has not.
    """

    host: str
    playbook: str
    target: str
    at: float
    ended: float | None = None
    outcome: str | None = None


class Record:
    """The entries of an audit log that tell of healing."""

    def __init__(self, state: Path) -> None:
        with Journal.open(state, Masker()) as journal:
            self.entries: Sequence[Entry] = tuple(journal.of_kinds(KINDS))

    @property
    def last(self) -> int:
        """The number of the last entry; 0 where there is none."""
        return self.entries[-1].seq if self.entries else 0

    def since(self, mark: int, *kinds: str) -> Iterator[Entry]:
        """Yield the entries of these kinds after a number."""
        return (one for one in self.entries if one.seq > mark and one.kind in kinds)

    @property
    def attempts(self) -> tuple[Tried, ...]:
        """All cures that were begun, oldest first."""
        ends = {(one.run, one.host): one for one in self.since(0, "ended")}
        return tuple(
            _tried(one, ends.get((one.run, one.host))) for one in sorted(self.since(0, "attempt"), key=_at)
        )

    @property
    def open_concerns(self) -> set[tuple[str, str]]:
        """Host and source of what gives cause for concern."""
        still: set[tuple[str, str]] = set()
        for one in self.since(0, "concern"):
            key = (one.host, one.body["source"])
            still = still - {key} if one.body["turned"] == "closed" else still | {key}
        return still

    @property
    def open_incidents(self) -> set[str]:
        """The faults that are known, and not known to be gone."""
        still: set[str] = set()
        for one in self.since(0, "incident"):
            still = still - {_fault(one)} if one.body["state"] == "closed" else still | {_fault(one)}
        return still

    def became(self, mark: int, host: str, playbook: str) -> tuple[str, Collection[str]]:
        """Return what became of a fault after an entry, and the conditions that did not hold; empty: nothing yet."""
        if any(
            (one.host, one.playbook, one.outcome) == (host, playbook, "fixed")
            for one in self._attempts_since(mark)
        ):
            return HEALED, ()
        ruled = [one for one in self.since(mark, "ruled") if _is_of(one, host, playbook)]
        words = {"propose": PROPOSED, "escalate": ESCALATED}
        return (words.get(ruled[-1].body["verdict"], ""), ruled[-1].body["failing"]) if ruled else ("", ())

    def _attempts_since(self, mark: int) -> Iterable[Tried]:
        begun = {(one.run, one.host) for one in self.since(mark, "attempt")}
        ends = (one for one in self.since(mark, "ended") if (one.run, one.host) in begun)
        known = {(one.run, one.host): one for one in self.since(mark, "attempt")}
        return [_tried(known[one.run, one.host], one) for one in ends]

    def wrong(self, mark: int, host: str, fate: Fate) -> str:
        """Return what is not as it had to be with a fault, in words; empty where all is."""
        became, failing = self.became(mark, host, fate.playbook)
        if became != fate.became:
            return f"{became or 'nothing'} instead of {fate.became}"
        if fate.because and fate.because not in failing:
            return f"not because “{fate.because}”, but because “{', '.join(failing)}”"
        return self._wrong_call(mark, host, fate) if fate.level else ""

    def _wrong_call(self, mark: int, host: str, fate: Fate) -> str:
        calls = [
            one
            for one in self.since(mark, "escalated")
            if host in one.body["hosts"]
            and any(said.startswith(f"{fate.playbook} on ") for said in one.body["fingerprints"])
        ]
        if not calls:
            return "nobody was called"
        level = calls[-1].body["level"]
        if level < fate.level or (level > fate.level and not _is_raised(calls[-1])):
            return f"level {level} was called instead of {fate.level}: {calls[-1].body['why']}"
        names = {one.body["incident"] for one in calls}
        told = [one for one in self.since(mark, "delivered") if one.body["incident"] in names]
        return "" if told else "the call reached nobody"

    def called_twice(self) -> Iterator[str]:
        """Tell who was told of the same incident at the same level again, and of no fault that was new in it."""
        known: dict[tuple[str, int, str], set[str]] = {}
        about: dict[str, set[str]] = {}
        for one in self.since(0, "escalated", "delivered"):
            if one.kind == "escalated":
                about[one.run] = set(one.body["fingerprints"])
                continue
            call = one.body["incident"], one.body["level"], one.body["contact"]
            if call in known and about[one.run] <= known[call]:
                yield f"{call[2]} was told of {call[0]} at level {call[1]} again"
            known[call] = known.get(call, set()) | about[one.run]

    def exceeded(self, hosts_at_once: int) -> Iterator[str]:
        """Tell in words which brakes did not hold."""
        for earlier, later in combinations(self.attempts, 2):
            if later.at < (earlier.ended or earlier.at + 1):
                if earlier.host == later.host or earlier.target == later.target:
                    yield f"{earlier} and {later} at once"
                elif hosts_at_once == 1:
                    yield f"{earlier} and {later} at once, and one host may be in work"
        for one in self.attempts:
            yield from self._too_often(one)

    def opened_twice(self, mark: int) -> Iterator[str]:
        """Tell which alerts have opened more than one incident since an entry: repeated ones have to join the first."""
        opened = [
            (one.host, one.body["source"])
            for one in self.since(mark, "concern")
            if one.body["turned"] == "opened" and one.body["source"].startswith("alert:")
        ]
        for host, source in sorted({one for one in opened if opened.count(one) > 1}):
            yield f"{source} of {host} has opened {opened.count((host, source))} incidents"

    def _too_often(self, one: Tried) -> Iterator[str]:
        key = (one.playbook, one.target)
        since = max((reset.at for reset in self.since(0, "breaker-reset") if reset.at < one.at), default=0.0)
        before = [
            other
            for other in self.attempts
            if (other.playbook, other.target) == key
            and since < other.at <= one.at
            and other.outcome not in {"stale", "healthy"}
        ]
        hour = [other for other in before if one.at - other.at < HOUR]
        if sum(other.outcome == "fixed" for other in hour) > TWICE_AN_HOUR:
            yield f"{key} was healed more than twice within an hour"
        if len(hour) > TWICE_AN_HOUR:
            yield f"{key} was tried {len(hour)} times within an hour"
        if [other.outcome for other in before].count("rolled back") > FAILURES:
            yield f"{key} was tried again while its breaker was open"


def _is_raised(call: Entry) -> bool:
    """Return whether something else than the fault itself raised a call's level: another one in it, or time."""
    return len(call.body["fingerprints"]) > 1 or any(why in call.body["why"] for why in RAISED)


def _at(entry: Entry) -> float:
    return entry.at


def _fault(entry: Entry) -> str:
    return " ".join(entry.body["fingerprint"][name] for name in ("playbook", "target"))


def _is_of(entry: Entry, host: str, playbook: str) -> bool:
    return entry.host == host and entry.body["fingerprint"]["playbook"] == playbook


def _tried(begun: Entry, ended: Entry | None) -> Tried:
    fault = begun.body["fingerprint"]
    how = (ended.at, ended.body["outcome"]) if ended else (None, None)
    return Tried(begun.host, fault["playbook"], fault["target"], begun.at, *how)
