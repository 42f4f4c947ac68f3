"""What became of a run, read from its entries: each change with its end, each host's last word. It shows nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from remediate.journal import Entry, RunSummary
from remediate.journal.understanding import understanding
from remediate.model import Change, Outcome

State: TypeAlias = Literal["under way", "made", "failed", "unknown", "put back", "way back failed"]
_STATES: dict[str, State] = {
    "done": "made",
    "failed": "failed",
    "unknown": "unknown",
    "paid": "put back",
    "unpaid": "way back failed",
}
TURNS = frozenset({"resumed", "rollback"})
"""The kinds of entries with which somebody takes a run up again."""
_WENT_WRONG = frozenset({"failed", "unknown", "stopped", "unpaid"})
_MINUTE, _HOUR = 60, 3600


class Made(NamedTuple):
    """A change of a run, and what became of it.

    Attributes:
        seq: The entry with which it began.
        host: Where.
        step: The fix's name in the playbook.
        change: The change, as the audit log shows it.
        state: What became of it last.
        at: Seconds since the epoch when it began.
        took: Seconds until it was made or failed; None where that is not known.
        ended: Seconds since the epoch of the last that was heard of it; None where nothing was.
        why: Why it failed, or its way back.
    """

    seq: int
    host: str
    step: str
    change: Change
    state: State
    at: float
    took: float | None = None
    ended: float | None = None
    why: str = ""


class HostEnd(NamedTuple):
    """How a run ended on one host, as far as it did.

    Attributes:
        host: Its name.
        outcome: The last one; None where it has none.
        why: What was said of it.
        failure: What went wrong, of the last time that the run was taken up; empty where nothing did.
        made: How many changes still are made.
        put_back: How many were put back.
        unfinished: Whether there is something to go on with, or to put back.
    """

    host: str
    outcome: Outcome | None
    why: str
    failure: str
    made: int
    put_back: int
    unfinished: bool


class Signed(NamedTuple):
    """Somebody who approved the plan that a run applied."""

    principal: str
    key: str


def changes_made(entries: Iterable[Entry]) -> tuple[Made, ...]:
    """Return the changes of a run in the order in which they were begun.

    Raises:
        JournalError: An entry is damaged.
    """
    made: dict[int, Made] = {}
    for entry in entries:
        with understanding(entry.seq):
            _follow(made, entry)
    return tuple(made.values())


def _follow(made: dict[int, Made], entry: Entry) -> None:
    if entry.kind == "owed":
        change = Change.model_validate(entry.body["change"])
        made[entry.seq] = Made(entry.seq, entry.host, entry.body["step"], change, "under way", entry.at)
    elif entry.kind in _STATES and entry.body["owed"] in made:
        before = made[entry.body["owed"]]
        made[before.seq] = _reported(before, entry)


def _reported(made: Made, entry: Entry) -> Made:
    state = _STATES[entry.kind]
    went = state in ("made", "failed")
    took = between(made.at, entry.at) if went and made.took is None else made.took
    return made._replace(state=state, took=took, ended=entry.at, why=str(entry.body.get("why") or ""))


def host_ends(summary: RunSummary, entries: Sequence[Entry], made: Sequence[Made]) -> tuple[HostEnd, ...]:
    """Return how a run ended on each of its hosts, in their order."""
    return tuple(_host_end(summary, host, entries, made) for host in summary.header.hosts)


def _host_end(summary: RunSummary, host: str, entries: Sequence[Entry], made: Sequence[Made]) -> HostEnd:
    own = [entry for entry in entries if entry.host == host]
    ends = [entry for entry in own if entry.kind == "ended"]
    outcome = summary.outcomes.get(host)
    states = [one.state for one in made if one.host == host]
    return HostEnd(
        host=host,
        outcome=outcome,
        why=str(ends[-1].body["why"]) if ends and outcome else "",
        failure=_failure(own).removeprefix(f"{host}: "),
        made=sum(state in ("made", "way back failed") for state in states),
        put_back=states.count("put back"),
        unfinished=host in summary.unfinished,
    )


def _failure(entries: Sequence[Entry]) -> str:
    """Return the last that went wrong on a host since somebody took the run up there."""
    last = ""
    for entry in entries:
        if entry.kind in TURNS:
            last = ""
        elif entry.kind in _WENT_WRONG:
            last = str(entry.body.get("why") or "")
    return last


def signatures(entries: Iterable[Entry]) -> tuple[Signed, ...]:
    """Return who approved what a run did, each once.

    Raises:
        JournalError: An entry is damaged.
    """
    found: dict[Signed, None] = {}
    for entry in entries:
        if entry.kind == "reviewed":
            with understanding(entry.seq):
                found |= {Signed(one["principal"], one["key"]): None for one in entry.body["signatures"]}
    return tuple(found)


def next_commands(summary: RunSummary, ends: Sequence[HostEnd]) -> Iterator[tuple[str, str]]:
    """Return what a person may do now: each command with what it does."""
    run = summary.header.run
    if any(end.unfinished for end in ends):
        yield f"remediate resume {run}", "goes on where it stopped"
    if summary.owed:
        yield f"remediate rollback {run}", "puts back what it changed"
    sorry = {Outcome.ROLLED_BACK, Outcome.NO_CURE, Outcome.KEPT}
    for end in ends:
        if end.outcome in sorry:
            yield f"remediate triage --on {end.host}", "tells what else may be wrong there"
        elif end.outcome is Outcome.STALE and summary.header.playbook:
            yield f"remediate plan {summary.header.playbook} --on {end.host}", "plans it anew"


def waits(entries: Sequence[Entry]) -> Mapping[int, float | None]:
    """Return for each report of a change the seconds since it was begun, or since its putting back was."""
    took: dict[int, float | None] = {}
    begun: dict[int, float] = {}
    last: dict[str, float] = {}
    for entry in entries:
        if entry.kind == "owed":
            begun[entry.seq] = entry.at
        elif entry.kind in ("done", "failed", "unknown"):
            took[entry.seq] = between(begun.get(entry.body["owed"], entry.at), entry.at)
        elif entry.kind in ("paid", "unpaid", "ended", "stopped") and entry.host in last:
            took[entry.seq] = between(last[entry.host], entry.at)
        last[entry.host] = entry.at
    return took


def between(first: float, second: float) -> float | None:
    """Return the seconds between two times of the runner's clock; None where it went back."""
    return second - first if second >= first else None


def lasting(seconds: float) -> str:
    """Return a duration as a person reads it: `40 ms`, `1.5 s`, `12 s`, `3 min 5 s`, `2 h 10 min`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:  # noqa: PLR2004  (a tenth matters below it)
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
