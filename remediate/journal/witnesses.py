"""Whether what a host keeps of a log's head fits the log. Pure: it asks no host and reads no file."""

from remediate.journal.chain import START, Link
from remediate.journal.reading import entry_of
from remediate.target import Witness

ID_LENGTH = 8
"""Bytes of the first entry's hash that name a log."""


def log_id(first: Link | None) -> str:
    """Return what names a log for ever: the beginning of its first entry's hash; nothing while it has none."""
    return first.hash[:ID_LENGTH].hex() if first and isinstance(first.hash, bytes) else ""


def witness_of(first: Link | None, last: Link | None, who: str, place: str) -> Witness:
    """Return what a host is to keep of a log; of one without entries a witness of number 0, which contradicts all.

    Args:
        first: The log's first entry.
        last: Its newest entry.
        who: Whose log it is, `user@machine`.
        place: Its state directory.

    Raises:
        JournalError: The newest entry is damaged.
    """
    if last is None:
        return Witness(
            seq=0, hash=START.hex(), log=START[:ID_LENGTH].hex(), run="", who=who, place=place, at=0
        )
    entry = entry_of(last)
    name = log_id(first) or START[:ID_LENGTH].hex()
    return Witness(seq=entry.seq, hash=entry.hash, log=name, run=entry.run, who=who, place=place, at=entry.at)


def contradiction(witness: Witness, mine: Witness, named: Link | None) -> str:
    """Return how a host's witness contradicts this log, or nothing.

    Args:
        witness: What the host keeps.
        mine: What it would keep of this log now.
        named: This log's entry of the number that the host keeps, or None where there is none.
    """
    if witness.log != mine.log:
        return _of_another_log(witness, mine)
    if named is None:
        lost = f"entry {witness.seq} of run {witness.run}"
        return f"it keeps {lost}, which this log does not have: entries were cut off"
    if named.hash != bytes.fromhex(witness.hash):
        return f"it keeps another entry {witness.seq} than this log has: the log was rewritten"
    return ""


def _of_another_log(witness: Witness, mine: Witness) -> str:
    """Several runners look after one host, each with its own log; but one place has one log."""
    if (witness.who, witness.place) != (mine.who, mine.place):
        return ""
    settle = f"once that is accounted for, remove ~/.remediate/heads/{witness.log} there"
    return (
        f"it keeps entry {witness.seq} of run {witness.run} from another log that was in this place:"
        f" that log was removed, or begun anew; {settle}"
    )
