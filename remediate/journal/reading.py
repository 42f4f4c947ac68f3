"""What raw entries mean: an entry, what of it is not paid, the summary of a run. Pure; it reads no file.

Whoever altered the log may have left anything in it: what cannot be understood is told in one line, with its number.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from remediate.journal.chain import Link
from remediate.journal.course import outcomes, unfinished
from remediate.journal.understanding import understanding
from remediate.journal.values import Entry, RunHeader, RunSummary
from remediate.model import canonical, well_formed


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
        header = RunHeader.model_validate_json(canonical(well_formed(entries[0].body)))
    ends = [entry for entry in entries if entry.kind == "ended"]
    ended = outcomes(entries)
    over = ends and set(ended) >= set(header.hosts)
    return RunSummary(
        header=header,
        started=entries[0].at,
        ended=ends[-1].at if over else None,
        ended_seq=ends[-1].seq if over else None,
        outcomes=ended,
        owed=len(unpaid(entry for entry in entries if entry.kind in {"owed", "paid"})),
        unfinished=unfinished(entries, header.hosts, ended),
    )
