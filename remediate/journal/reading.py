"""What raw entries mean: an entry, what of it is not paid, the summary of a run. Pure; it reads no file.

Whoever altered the log may have left anything in it: what cannot be understood is told in one line, with its number.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from remediate.errors import JournalError
from remediate.journal.chain import Link
from remediate.journal.values import Entry, RunHeader, RunSummary
from remediate.model import Outcome, canonical


@contextmanager
def understanding(seq: int) -> Iterator[None]:
    """Tell in one line, while it is open, that an entry is not what it was written as.

    Raises:
        JournalError: It has not what every entry of its kind has.
    """
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        what = f"entry {seq} is damaged"
        raise JournalError("the audit log", what, "run `remediate audit verify`") from error


def entry_of(link: Link) -> Entry:
    """Return an entry from what is stored.

    Raises:
        JournalError: It is damaged.
    """
    with understanding(link.seq):
        body: dict[str, Any] = json.loads(link.body)
        return Entry(
            seq=link.seq,
            run=link.run.decode(),
            host=link.host.decode(),
            at=link.at / 1_000_000,
            kind=link.kind.decode(),
            body=body,
            previous=link.previous.hex(),
            hash=link.hash.hex(),
        )


def unpaid(entries: Iterable[Entry]) -> list[tuple[Entry, list[Entry]]]:
    """Return each entry that owes, with what was reported of it, except those that were paid."""
    owing: dict[int, tuple[Entry, list[Entry]]] = {}
    for entry in entries:
        with understanding(entry.seq):
            if entry.kind == "owed":
                owing[entry.seq] = (entry, [])
            elif entry.kind == "paid":
                owing.pop(entry.body["owed"], None)
            elif entry.body["owed"] in owing:
                owing[entry.body["owed"]][1].append(entry)
    return list(owing.values())


def summary_of(entries: Sequence[Entry]) -> RunSummary:
    """Return the summary of a run from its entries, of which the first is its beginning.

    Raises:
        JournalError: One is damaged.
    """
    with understanding(entries[0].seq):
        header = RunHeader.model_validate_json(canonical(entries[0].body))
    ends = [entry for entry in entries if entry.kind == "ended"]
    outcomes = {entry.host: _outcome(entry) for entry in ends}
    over = ends and set(outcomes) >= set(header.hosts)
    return RunSummary(
        header=header,
        started=entries[0].at,
        ended=ends[-1].at if over else None,
        outcomes=outcomes,
        owed=len(unpaid(entry for entry in entries if entry.kind in {"owed", "paid"})),
    )


def _outcome(entry: Entry) -> Outcome:
    with understanding(entry.seq):
        return Outcome(entry.body["outcome"])
