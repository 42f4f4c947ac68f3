"""What whoever watches has closed, read from the audit log's entries of `concern`: it need not be over yet. Pure."""

from collections.abc import Iterable

from remediate.journal import Entry
from remediate.journal.understanding import understanding

CONCERN, CLOSED = "concern", "closed"
"""The kind of the entries, and what became of a concern that our own look has found to be gone."""


def closed(entries: Iterable[Entry]) -> dict[tuple[str, str, str], float]:
    """Return what was closed and has stayed so, with when it was, in seconds since the epoch.

    Args:
        entries: Those of `CONCERN`, in order.

    Returns:
        By environment, host and source: what a run that calls a person for a concern has in place of its playbook.

    Raises:
        JournalError: An entry cannot be understood.
    """
    gone: dict[tuple[str, str, str], float] = {}
    for entry in entries:
        with understanding(entry.seq):
            key = (entry.body["environment"], entry.host, entry.body["source"])
            if entry.body["turned"] == CLOSED:
                gone[key] = entry.at
            else:
                gone.pop(key, None)
    return gone
