"""The chain of the audit log: what an entry's hash covers, and what makes a log whole. Reads and writes no file.

Every entry's hash covers its own raw fields, each with its length before it, and the hash of the entry before it; so
no entry can be changed, removed, inserted or moved without breaking the chain. The last entries can be cut off without
breaking it: the head, kept apart, names the newest one.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from remediate.errors import JournalError
from remediate.questions import Value

START = bytes(32)
"""What stands before the first entry."""
HEAD_LENGTH = 86
_HEAD = re.compile(rb"(\d{20}) ([0-9a-f]{64})\n")


@dataclass(frozen=True)
class Link:
    """One entry as it is stored, raw.

    Attributes:
        seq: Its number, from 1.
        run: The run's id, UTF-8.
        host: The host's name, UTF-8, or empty.
        at: Microseconds since the epoch, on the runner's clock.
        kind: What happened, UTF-8.
        body: Canonical JSON.
        previous: The hash of the entry before it.
        hash: Its own hash.
    """

    seq: int
    run: bytes
    host: bytes
    at: int
    kind: bytes
    body: bytes
    previous: bytes
    hash: bytes


@dataclass(frozen=True)
class Head:
    """The newest entry that is known to have been written."""

    seq: int
    hash: bytes

    def to_bytes(self) -> bytes:
        """Return its one line, always of the same length, so that it is replaced in place."""
        return f"{self.seq:020d} {self.hash.hex()}\n".encode()

    @classmethod
    def from_bytes(cls, raw: bytes) -> "Head | None":
        """Return the head that a file holds, or None where it holds none."""
        match = _HEAD.fullmatch(raw)
        return cls(int(match[1]), bytes.fromhex(match[2].decode())) if match else None


class Verdict(Value):
    """Whether the audit log is what was written.

    Attributes:
        whole: Nothing was changed, removed or cut off.
        entries: How many entries are in order.
        head: The hash of the last of them, in hex.
        bad: The first entry that is wrong.
        why: What is wrong, in one line; empty where nothing is.
        note: What is remarkable and no harm.
    """

    whole: bool
    entries: int
    head: str
    bad: int | None = None
    why: str = ""
    note: str = ""

    @property
    def in_words(self) -> str:
        """The verdict in one line, for a person."""
        if self.whole:
            end = f", the last is {self.head[:16]}" if self.entries else ""
            return f"whole: {self.entries} entries{end}" + (f" ({self.note})" if self.note else "")
        where = f" at entry {self.bad}" if self.bad else ""
        return f"NOT WHOLE{where}: {self.why} ({self.entries} entries are in order)"


def hash_of(link: Link) -> bytes:
    """Return what an entry's hash must be: SHA-256 over its other fields, each after its length in eight bytes."""
    seq, at = str(link.seq).encode(), str(link.at).encode()
    digest = hashlib.sha256()
    for field in (seq, link.run, link.host, at, link.kind, link.body, link.previous):
        digest.update(len(field).to_bytes(8, "big"))
        digest.update(field)
    return digest.digest()


def fault_of(link: Link, before: Head) -> str:
    """Return what is wrong with an entry after the one before it, or nothing."""
    if not _well_typed(link):
        return "a field has another type than it was written with"
    if link.seq != before.seq + 1:
        return f"entry {before.seq + 1} is missing"
    if link.previous != before.hash:
        return "it does not follow the entry before it"
    return "" if hash_of(link) == link.hash else "its content is not what its hash was made of"


def _well_typed(link: Link) -> bool:
    raw: tuple[Any, ...] = (link.run, link.host, link.kind, link.body, link.previous, link.hash)
    return type(link.seq) is int and type(link.at) is int and all(type(field) is bytes for field in raw)


def judge_chain(links: Iterable[Link], head: Head | None) -> Verdict:
    """Return whether these entries are all that were written, as they were written.

    Args:
        links: All entries, in order.
        head: What is kept apart from them, or None where that is missing.
    """
    last, met = Head(0, START), head == Head(0, START)
    try:
        for link in links:
            if why := fault_of(link, last):
                return broken(last, why)
            last = Head(link.seq, link.hash)
            met = met or last == head
    except JournalError as error:
        return broken(last, f"the log cannot be read on: {error.what}")
    return _judge_end(last, head, met=met)


def broken(last: Head, why: str) -> Verdict:
    """Return the verdict that the entry after the last good one is wrong."""
    return Verdict(whole=False, entries=last.seq, head=last.hash.hex(), bad=last.seq + 1, why=why)


def _judge_end(last: Head, head: Head | None, *, met: bool) -> Verdict:
    if head is None:
        why = "the head file is missing or unreadable: nobody can tell whether entries were cut off"
        return Verdict(whole=False, entries=last.seq, head=last.hash.hex(), why=why)
    if head.seq > last.seq:
        return broken(last, f"{head.seq - last.seq} entries were cut off: the head names entry {head.seq}")
    if not met:
        return Verdict(
            whole=False,
            entries=last.seq,
            head=last.hash.hex(),
            bad=head.seq,
            why="the head names another entry of this number: the log was written anew",
        )
    behind = last.seq - head.seq
    note = (
        f"torn tail: the head is {behind} behind: a process ended between writing an entry and noting it"
        if behind
        else ""
    )
    return Verdict(whole=True, entries=last.seq, head=last.hash.hex(), note=note)
