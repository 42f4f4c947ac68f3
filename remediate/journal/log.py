"""The journal, which is the audit log: who did what where, why, and what is still owed. It decides and shows nothing.

Everything in it is masked, except what a way back needs to the byte: that is kept beside the log (`blobs.py`), under
the hash that the chained entry names. An undo is owed from before its change is made until it is paid.
"""

import secrets
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from remediate.errors import JournalError, UsageError
from remediate.journal.blobs import Blobs
from remediate.journal.chain import Verdict
from remediate.journal.course import Standing, standing
from remediate.journal.deciding import one_at_a_time
from remediate.journal.exact_data import ExactData
from remediate.journal.reading import entry_of, summary_of, unpaid
from remediate.journal.run_lock import held_run, held_runs, is_held
from remediate.journal.store import AuditStore
from remediate.journal.stored_log import StoredLog
from remediate.journal.understanding import understanding
from remediate.journal.values import Entry, Owed, RunHeader, RunSummary
from remediate.journal.witnesses import contradiction, witness_of
from remediate.masking import Masker
from remediate.model import Change, Confirmed, Json, Outcome, Undo, canonical, utf8, well_formed
from remediate.target import Witness
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
        self._log = StoredLog(store.state)
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

    def lives(self, run: str) -> bool:
        """Tell whether a process is at work on a run."""
        return is_held(self._store.state, run)

    def living(self) -> tuple[str, ...]:
        """Return the runs that processes are at work on.

        Raises:
            JournalError: The state directory cannot be read.
        """
        return held_runs(self._store.state)

    @property
    def last(self) -> int:
        """The number of the last entry; 0 while the log is empty.

        Raises:
            JournalError: The log cannot be read.
        """
        link = self._log.last()
        return link.seq if link else 0

    def since(self, number: int) -> Iterator[Entry]:
        """Return the entries after that number, of all runs, in order.

        Raises:
            JournalError: The log cannot be read.
        """
        return map(entry_of, self._log.links("seq > ?", (number,)))

    def deciding(self) -> AbstractContextManager[None]:
        """Keep every other process of this state directory from reading, deciding and writing at the same time.

        Raises:
            JournalError: Another one takes too long over it, or the state directory cannot be written.
        """
        return one_at_a_time(self._store.state)

    @property
    def state(self) -> Path:
        """The state directory."""
        return self._store.state

    def close(self) -> None:
        """Close the log's file."""
        self._store.close()

    def begin(self, header: RunHeader) -> int:
        """Write down that a run begins, before it does anything."""
        return self.append(header.run, "", "begun", header.model_dump(mode="json"))

    def ended(
        self, run: str, host: str, outcome: Outcome, why: str = "", *, interrupted: bool = False
    ) -> int:
        """Write down how it ended on one host, and whether it did so because somebody wanted no more."""
        told = {"outcome": outcome.value, "why": why}
        return self.append(run, host, "ended", {**told, "interrupted": True} if interrupted else told)

    def append(self, run: str, host: str, kind: str, body: Mapping[str, Json]) -> int:
        """Write down one thing that happened, masked, and return its number."""
        return self._store.append(run, host, kind, canonical(self._shown(dict(body))))

    def _shown(self, value: Json) -> Json:
        """Return what may stand in the log of a value: masked, and of UTF-8, for readers of JSON take no other."""
        return well_formed(self._masker.json(value))

    def confirm(self, run: str, host: str, confirmed: Confirmed) -> int:
        """Write down what was confirmed on one host, before anything is done there."""
        told = {"digest": confirmed.digest, "login": confirmed.login, "machine": confirmed.machine}
        exact = self._exact.set_aside(confirmed.model_dump(mode="json"))
        return self._store.append(run, host, "confirmed", canonical({**self._shown(told), **exact}))

    def confirmed(self, run: str, host: str) -> Confirmed | None:
        """Return what was confirmed on a host, or None where the run never came so far.

        Raises:
            JournalError: The log cannot be read, or what was kept beside it is missing or altered.
        """
        entries = [entry for entry in self._of_kinds(run, "'confirmed'") if entry.host == host]
        if not entries:
            return None
        with understanding(entries[-1].seq):
            return Confirmed.model_validate_json(_readable(self._exact.put_back(entries[-1].body)))

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
            "step": self._shown(step),
            "token": token,
            "change": self._shown(change.model_dump(mode="json", exclude=_EXACT | _SHOWN_ONLY)),
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
        link = next(self._log.links("seq = ? AND kind = 'owed'", (owed,)), None)
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
        return tuple(self._owed(entry, reports) for entry, reports in reversed(unpaid(entries)))

    def _owed(self, entry: Entry, reports: Sequence[Entry]) -> Owed:
        with understanding(entry.seq):
            return self._owed_of(entry, reports)

    def _owed_of(self, entry: Entry, reports: Sequence[Entry]) -> Owed:
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
            change=Change.model_validate_json(_readable({**entry.body["change"], **_only(exact, _EXACT)})),
            essence=exact["essence"],
            undo=Undo.model_validate(exact["undo"]),
        )

    def runs(self) -> tuple[RunSummary, ...]:
        """Return all runs, newest first: by the numbers of their entries, for the runner's clock may jump.

        Raises:
            JournalError: The log cannot be read.
        """
        by_run: dict[str, list[Entry]] = {}
        for entry in map(entry_of, self._log.links(f"kind IN ({_TELLING})")):
            by_run.setdefault(entry.run, []).append(entry)
        begun = (entries for entries in by_run.values() if entries[0].kind == "begun")
        return tuple(reversed(tuple(map(summary_of, begun))))

    def find(self, given: str) -> str:
        """Return the id of the run that this is the beginning of.

        Raises:
            UsageError: There is none, or more than one.
        """
        known = {link.run.decode() for link in self._log.links("kind = 'begun'")}
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
        return map(entry_of, self._log.links("run = ?", (run,)) if run else self._log.links())

    def of_kinds(self, kinds: Collection[str], after: int = 0) -> Iterator[Entry]:
        """Return the entries of these kinds after that number, of all runs, in order.

        Raises:
            JournalError: The log cannot be read.
        """
        marks = ", ".join("?" for _ in kinds)
        return map(entry_of, self._log.links(f"seq > ? AND kind IN ({marks})", (after, *kinds)))

    def standing(self, run: str, host: str) -> Standing:
        """Return which way a run was going on a host when it was last heard of."""
        return standing(self.entries(run), host)

    def export(self, run: str | None = None) -> Iterator[str]:
        """Return the entries as JSON lines."""
        return (canonical(entry.model_dump(mode="json")).decode() for entry in self.entries(run))

    def verify(self) -> Verdict:
        """Return whether the log is what was written, before-images included."""
        verdict = self._log.verify()
        return self._verify_blobs(verdict) if verdict.whole else verdict

    def witness(self, who: str) -> Witness:
        """Return what a host is to keep of this log as it is now; its number is 0 while the log is empty.

        Args:
            who: Who keeps the log, `user@machine`.

        Raises:
            JournalError: The log cannot be read.
        """
        return witness_of(self._log.first(), self._log.last(), who, utf8(str(self._log.state)))

    def contradiction(self, witness: Witness, who: str) -> str:
        """Return how what a host keeps contradicts this log, or nothing; the arguments are as those of `witness`."""
        named = next(self._log.links("seq = ?", (witness.seq,)), None)
        return contradiction(witness, self.witness(who), named)

    def was_confirmed(self, run: str, host: str) -> bool:
        """Return whether a run came so far on a host that it may have changed something there."""
        return any(entry.host == host for entry in self._of_kinds(run, "'confirmed'"))

    def _verify_blobs(self, verdict: Verdict) -> Verdict:
        for entry in map(entry_of, self._log.links("kind IN ('owed', 'confirmed')")):
            for name in self._exact.names(entry.body):
                if problem := self._blobs.fault_of(name):
                    return verdict.model_copy(update={"whole": False, "bad": entry.seq, "why": problem})
        return verdict

    def _of_kinds(self, run: str, kinds: str) -> Iterator[Entry]:
        return map(entry_of, self._log.links(f"run = ? AND kind IN ({kinds})", (run,)))


_EXACT = {"data", "forecasts"}
"""The fields of a change that are kept exact; the others are for people, and masked."""
_SHOWN_ONLY = {"sample"}
"""What is shown to whoever confirms, and not kept: rows may hold what is personal."""
_TELLING = "'begun', 'confirmed', 'stopped', 'rollback', 'ended', 'owed', 'paid'"
_OWING = "'owed', 'done', 'failed', 'unknown', 'paid', 'unpaid'"


def _readable(value: Json) -> bytes:
    """Return JSON that every reader takes, also of an entry that an older version wrote with halves of characters."""
    return canonical(well_formed(value))


def _only(values: Mapping[str, Json], names: set[str]) -> dict[str, Json]:
    return {name: values[name] for name in names if name in values}
