"""The journal, which is the audit log: who did what where, why, and what is still owed. It decides and shows nothing.

Everything in it is masked, except what a way back needs to the byte: that is kept beside the log (`blobs.py`), under
the hash that the chained entry names. An undo is owed from before its change is made until it is paid.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from remediate.errors import JournalError, UsageError
from remediate.journal.blobs import Blobs
from remediate.journal.chain import Link, Verdict
from remediate.journal.exact_data import ExactData
from remediate.journal.run_lock import held_run
from remediate.journal.store import AuditStore
from remediate.journal.values import Entry, Owed, RunHeader, RunSummary
from remediate.masking import Masker
from remediate.model import Change, Confirmed, Json, Outcome, Undo, canonical
from remediate.text.suggest import did_you_mean

LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""What a run id's random end is made of: nothing that is misread when it is typed."""


def default_state(environment: Mapping[str, str], home: Path) -> Path:
    """Return the state directory (XDG Base Directory Specification): `$XDG_STATE_HOME/remediate` or below home."""
    given = environment.get("XDG_STATE_HOME", "")
    return (Path(given) if given.startswith("/") else home / ".local" / "state") / "remediate"


def new_run_id(now: float, pick: Callable[[str], str] = secrets.choice) -> str:
    """Return an id for a run: sortable by time (UTC), and short enough to type: `20261122-101530-k3f9`.

    Args:
        now: Seconds since the epoch.
        pick: Picks one letter at random.
    """
    return time.strftime("%Y%m%d-%H%M%S-", time.gmtime(now)) + "".join(pick(LETTERS) for _ in range(4))


class Journal(AbstractContextManager["Journal"]):
    """The audit log of one state directory. Reading makes nothing; the first entry makes the directory.

    What writes returns once the entry is on disk, and raises JournalError where it cannot be brought there.

    Args:
        store: Where the entries are.
        blobs: Where before-images are.
        masker: What is secret.
    """

    def __init__(self, store: AuditStore, blobs: Blobs, masker: Masker) -> None:
        self._store, self._blobs, self._masker = store, blobs, masker
        self._exact = ExactData(blobs, masker)

    @classmethod
    def open(cls, state: Path, masker: Masker, clock: Callable[[], float] = time.time) -> Self:
        """Return the journal of a state directory; nothing is made or read yet."""
        return cls(AuditStore(state, clock), Blobs(state / "blobs"), masker)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def hold(self, run: str) -> AbstractContextManager[None]:
        """Hold a run for this process.

        Raises:
            Locked: Another process is at work on it.
        """
        return held_run(self._store.state, run)

    def close(self) -> None:
        """Close the log's file."""
        self._store.close()

    def begin(self, header: RunHeader) -> int:
        """Write down that a run begins, before it does anything."""
        return self.append(header.run, "", "begun", header.model_dump(mode="json"))

    def ended(self, run: str, host: str, outcome: Outcome, why: str = "") -> int:
        """Write down how it ended on one host."""
        return self.append(run, host, "ended", {"outcome": outcome.value, "why": why})

    def append(self, run: str, host: str, kind: str, body: Mapping[str, Json]) -> int:
        """Write down one thing that happened, masked, and return its number."""
        return self._store.append(run, host, kind, canonical(self._masker.json(dict(body))))

    def confirm(self, run: str, host: str, confirmed: Confirmed) -> int:
        """Write down what was confirmed on one host, before anything is done there."""
        told = {"digest": confirmed.digest, "login": confirmed.login}
        exact = self._exact.set_aside(confirmed.model_dump(mode="json"))
        return self._store.append(run, host, "confirmed", canonical({**self._masker.json(told), **exact}))

    def confirmed(self, run: str, host: str) -> Confirmed | None:
        """Return what was confirmed on a host, or None where the run never came so far.

        Raises:
            JournalError: The log cannot be read, or what was kept beside it is missing or altered.
        """
        bodies = [entry.body for entry in self._of_kinds(run, "'confirmed'") if entry.host == host]
        exact = self._exact.put_back(bodies[-1]) if bodies else None
        return Confirmed.model_validate_json(canonical(exact)) if exact else None

    def owe(  # noqa: PLR0917  (what is owed is named by all six, and one caller calls it)
        self, run: str, host: str, step: str, token: str, change: Change, undo: Undo
    ) -> int:
        """Write down the way back, before the change is made.

        Args:
            run: The run's id.
            host: The host's name.
            step: The fix's name in the playbook.
            token: Under which the target can be asked what became of the change.
            change: What will be changed.
            undo: How it is put back.

        Returns:
            The id by which it is reported done, failed, unknown or paid.
        """
        exact = {
            "undo": undo.model_dump(mode="json"),
            "essence": change.outline.essence,
            **change.model_dump(mode="json", include=_EXACT),
        }
        body = {
            "step": self._masker.text(step),
            "token": token,
            "change": self._masker.json(change.model_dump(mode="json", exclude=_EXACT)),
            **self._exact.set_aside(exact),
        }
        return self._store.append(run, host, "owed", canonical(body))

    def done(self, owed: int) -> int:
        """Write down that a change was made."""
        return self._report(owed, "done")

    def failed(self, owed: int, why: str) -> int:
        """Write down that a change failed; half of it may be there."""
        return self._report(owed, "failed", why)

    def unknown(self, owed: int, why: str) -> int:
        """Write down that nobody knows what became of a change."""
        return self._report(owed, "unknown", why)

    def paid(self, owed: int) -> int:
        """Write down that a change was put back."""
        return self._report(owed, "paid")

    def unpaid(self, owed: int, why: str) -> int:
        """Write down that putting back failed; it is still owed."""
        return self._report(owed, "unpaid", why)

    def _report(self, owed: int, kind: str, why: str = "") -> int:
        link = next(self._store.links("seq = ? AND kind = 'owed'", (owed,)), None)
        if link is None:
            raise JournalError(
                str(self._store.path), f"entry {owed} owes nothing", "run `remediate audit verify`"
            )
        return self.append(link.run.decode(), link.host.decode(), kind, {"owed": owed, "why": why})

    def owed(self, run: str, host: str | None = None) -> tuple[Owed, ...]:
        """Return what is not paid yet, last first.

        Args:
            run: The run's id.
            host: Only on this host.

        Raises:
            JournalError: The log cannot be read, or a before-image is missing or altered.
        """
        entries = (entry for entry in self._of_kinds(run, _OWING) if host in (None, entry.host))
        return tuple(self._owed(entry, reports) for entry, reports in reversed(_unpaid(entries)))

    def _owed(self, entry: Entry, reports: Sequence[Entry]) -> Owed:
        exact = self._exact.put_back(entry.body)
        told = [report for report in reports if report.kind != "unpaid"]
        return Owed(
            id=entry.seq,
            run=entry.run,
            host=entry.host,
            step=entry.body["step"],
            token=entry.body["token"],
            at=entry.at,
            state=told[-1].kind if told else "intended",
            why=reports[-1].body["why"] if reports else "",
            attempts=len(reports) - len(told),
            change=Change.model_validate_json(canonical({**entry.body["change"], **_only(exact, _EXACT)})),
            essence=exact["essence"],
            undo=Undo.model_validate(exact["undo"]),
        )

    def runs(self) -> tuple[RunSummary, ...]:
        """Return all runs, newest first.

        Raises:
            JournalError: The log cannot be read.
        """
        by_run: dict[str, list[Entry]] = {}
        for entry in map(_entry, self._store.links("kind IN ('begun', 'ended', 'owed', 'paid')")):
            by_run.setdefault(entry.run, []).append(entry)
        begun = (entries for entries in by_run.values() if entries[0].kind == "begun")
        return tuple(sorted(map(_summary, begun), key=lambda summary: summary.started, reverse=True))

    def find(self, given: str) -> str:
        """Return the id of the run that this is the beginning of.

        Raises:
            UsageError: There is none, or more than one.
        """
        known = {link.run.decode() for link in self._store.links("kind = 'begun'")}
        met = sorted(run for run in known if run.startswith(given)) if given else []
        if given in known or len(met) == 1:
            return given if given in known else met[0]
        what = f"{len(met)} runs begin like this" if met else "there is no such run"
        raise UsageError(given, what, did_you_mean(given, met or known))

    def entries(self, run: str | None = None) -> Iterator[Entry]:
        """Return all entries, or those of one run, in order.

        Raises:
            JournalError: The log cannot be read.
        """
        return map(_entry, self._store.links("run = ?", (run,)) if run else self._store.links())

    def export(self, run: str | None = None) -> Iterator[str]:
        """Return the entries as JSON lines."""
        return (canonical(entry.model_dump(mode="json")).decode() for entry in self.entries(run))

    def verify(self) -> Verdict:
        """Return whether the log is what was written, before-images included."""
        verdict = self._store.verify()
        return self._verify_blobs(verdict) if verdict.whole else verdict

    def store_blob(self, content: bytes) -> str:
        """Keep bytes beside the log, unmasked, and return their SHA-256 in hex."""
        return self._blobs.store(content)

    def blob(self, name: str) -> bytes:
        """Return the bytes of this SHA-256, verified.

        Raises:
            JournalError: They are missing or were altered.
        """
        return self._blobs.load(name)

    def _verify_blobs(self, verdict: Verdict) -> Verdict:
        for entry in map(_entry, self._store.links("kind IN ('owed', 'confirmed')")):
            for name in self._exact.names(entry.body):
                if problem := self._blobs.fault_of(name):
                    return verdict.model_copy(update={"whole": False, "bad": entry.seq, "why": problem})
        return verdict

    def _of_kinds(self, run: str, kinds: str) -> Iterator[Entry]:
        return map(_entry, self._store.links(f"run = ? AND kind IN ({kinds})", (run,)))


_EXACT = {"data", "forecasts"}
"""The fields of a change that are kept exact; the others are for people, and masked."""
_OWING = "'owed', 'done', 'failed', 'unknown', 'paid', 'unpaid'"


def _unpaid(entries: Iterator[Entry]) -> list[tuple[Entry, list[Entry]]]:
    """Return each entry that owes, with what was reported of it, except those that were paid."""
    owing: dict[int, tuple[Entry, list[Entry]]] = {}
    for entry in entries:
        if entry.kind == "owed":
            owing[entry.seq] = (entry, [])
        elif entry.kind == "paid":
            owing.pop(entry.body["owed"], None)
        elif entry.body["owed"] in owing:
            owing[entry.body["owed"]][1].append(entry)
    return list(owing.values())


def _summary(entries: Sequence[Entry]) -> RunSummary:
    header = RunHeader.model_validate_json(canonical(entries[0].body))
    ends = [entry for entry in entries if entry.kind == "ended"]
    outcomes = {entry.host: Outcome(entry.body["outcome"]) for entry in ends}
    over = ends and set(outcomes) >= set(header.hosts)
    return RunSummary(
        header=header,
        started=entries[0].at,
        ended=ends[-1].at if over else None,
        outcomes=outcomes,
        owed=len(_unpaid(entry for entry in entries if entry.kind in {"owed", "paid"})),
    )


def _entry(link: Link) -> Entry:
    try:
        run, host, kind = link.run.decode(), link.host.decode(), link.kind.decode()
        body: dict[str, Any] = json.loads(link.body)
    except (AttributeError, ValueError, TypeError) as error:
        what = f"entry {link.seq} is damaged"
        raise JournalError("the audit log", what, "run `remediate audit verify`") from error
    return Entry(
        seq=link.seq,
        run=run,
        host=host,
        at=link.at / 1_000_000,
        kind=kind,
        body=body,
        previous=link.previous.hex(),
        hash=link.hash.hex(),
    )


def _only(values: Mapping[str, Json], names: set[str]) -> dict[str, Json]:
    return {name: values[name] for name in names if name in values}
