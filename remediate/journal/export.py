"""The audit log as a file for others: JSON lines, the last of which is the head; and whether such a file is whole.

Pure: it reads no log and no file, and signs nothing; what is signed is `ExportHead.content`.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from remediate.journal.chain import START, Head, Link, Verdict, fault_of, hash_of
from remediate.journal.values import Entry
from remediate.model import canonical
from remediate.questions import Value
from remediate.target import Witness


class ExportHead(Value):
    """The last line of an export: what the log was when it was written, and what stands above.

    Attributes:
        kind: Tells it from an entry.
        run: The run whose entries these are; empty where they are all.
        witness: The log's head.
        entries: How many entries stand above.
        lines: SHA-256 of them, in hex, each line with its end.
        signature: Of all other fields, armored, by `ssh-keygen -Y sign`; empty where it is not signed.
    """

    kind: Literal["head"] = "head"
    run: str
    witness: Witness
    entries: int
    lines: str
    signature: str = ""

    @property
    def content(self) -> bytes:
        """What is signed."""
        return canonical(self.model_dump(mode="json", exclude={"signature"}))


@dataclass
class Export:
    """The lines of an export, and, once all of them were taken, its head.

    Attributes:
        entries: The entries of the log, or of one run.
        witness: The log's head; what was written after it is left out.
        run: The run whose entries these are; empty where they are all.
    """

    entries: Iterable[Entry]
    witness: Witness
    run: str = ""
    _count: int = 0
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def lines(self) -> Iterator[str]:
        """Return the entries, one a line."""
        for entry in self.entries:
            if entry.seq > self.witness.seq:
                return
            line = canonical(entry.model_dump(mode="json"))
            self._digest.update(line + b"\n")
            self._count += 1
            yield line.decode()

    @property
    def head(self) -> ExportHead:
        """The last line, not signed yet."""
        lines = self._digest.hexdigest()
        return ExportHead(run=self.run, witness=self.witness, entries=self._count, lines=lines)


@dataclass(frozen=True)
class Judged:
    """What was found out about an exported file.

    Attributes:
        verdict: Whether it is what was written, its signature aside.
        head: Its last line, where there is one.
    """

    verdict: Verdict
    head: ExportHead | None = None


@dataclass(frozen=True)
class _Seen:
    """How far a file was read: the last good entry, how many there were, and the digest of their lines."""

    last: Head = field(default_factory=lambda: Head(0, START))
    first: str = ""
    runs: frozenset[str] = frozenset()
    count: int = 0

    def after(self, entry: Entry) -> "_Seen":
        return replace(
            self,
            last=Head(entry.seq, bytes.fromhex(entry.hash)),
            first=self.first or entry.hash,
            runs=self.runs | {entry.run},
            count=self.count + 1,
        )

    def verdict(self, why: str = "", bad: int | None = None, note: str = "") -> Verdict:
        head = self.last.hash.hex()
        return Verdict(whole=not why, entries=self.count, head=head, bad=bad, why=why, note=note)


def judge_export(lines: Iterable[bytes]) -> Judged:
    """Return whether an exported file is what was written; its signature is judged by others.

    Every hash is made anew from the JSON. A file of all entries must be one chain from the first to the head; of one
    of a single run each entry's own hash is checked, and that the lines are those that the head was made for.

    Args:
        lines: The file's lines, without their ends.
    """
    seen, digest, rest = _Seen(), hashlib.sha256(), iter(lines)
    chained: bool | None = None
    for line in rest:
        value = _object(line)
        if value is None:
            return Judged(seen.verdict(f"line {seen.count + 1} is not as it is written"))
        if value.get("kind") == "head" and "body" not in value:
            head = _head(value)
            if head is None or next(rest, None) is not None:
                return Judged(seen.verdict("the head line is damaged, or not the last one"), head)
            return Judged(_judge_end(seen, head, digest.hexdigest()), head)
        entry = _entry(value)
        if entry is None:
            return Judged(seen.verdict(f"line {seen.count + 1} is no entry"))
        chained = entry.seq == 1 if chained is None else chained
        if why := _fault(entry, seen.last, chained=chained):
            return Judged(seen.verdict(why, entry.seq))
        digest.update(line + b"\n")
        seen = seen.after(entry)
    return Judged(seen.verdict("the head line is missing: nobody can tell whether entries were cut off"))


def _object(line: bytes) -> dict[str, object] | None:
    """Return the JSON object of a line that is written as we write it, to the byte."""
    try:
        value = json.loads(line)
        return value if isinstance(value, dict) and canonical(value) == line else None
    except (ValueError, RecursionError):
        return None


def _head(value: dict[str, object]) -> ExportHead | None:
    try:
        return ExportHead.model_validate(value)
    except ValueError:
        return None


def _entry(value: dict[str, object]) -> Entry | None:
    try:
        entry = Entry.model_validate(value)
        exact = entry.at == round(entry.at * 1_000_000) / 1_000_000
        hashes = bytes.fromhex(entry.hash), bytes.fromhex(entry.previous)
    except (ValueError, OverflowError):
        return None
    return entry if exact and all(len(one) == len(START) for one in hashes) else None


def _fault(entry: Entry, before: Head, *, chained: bool) -> str:
    link = _link(entry)
    if chained:
        return fault_of(link, before)
    if entry.seq <= before.seq:
        return "it does not follow the entry before it"
    return "" if hash_of(link) == link.hash else "its content is not what its hash was made of"


def _link(entry: Entry) -> Link:
    return Link(
        seq=entry.seq,
        run=entry.run.encode("utf-8", "surrogatepass"),
        host=entry.host.encode("utf-8", "surrogatepass"),
        at=round(entry.at * 1_000_000),
        kind=entry.kind.encode("utf-8", "surrogatepass"),
        body=canonical(entry.body),
        previous=bytes.fromhex(entry.previous),
        hash=bytes.fromhex(entry.hash),
    )


def _judge_end(seen: _Seen, head: ExportHead, lines: str) -> Verdict:
    if (head.entries, head.lines) != (seen.count, lines):
        why = f"the head was made for {head.entries} other lines: some were taken out, put in or replaced"
        return seen.verdict(why, seen.last.seq + 1)
    if head.run:
        note = f"of run {head.run} only: each entry's own hash fits, the chain needs all entries"
        return seen.verdict("" if seen.runs <= {head.run} else "it has entries of another run", note=note)
    mine = (seen.last.seq, seen.last.hash.hex(), seen.first[:16] or head.witness.log)
    if mine != (head.witness.seq, head.witness.hash, head.witness.log):
        return seen.verdict(
            f"the head names entry {head.witness.seq} of log {head.witness.log}", seen.last.seq + 1
        )
    return seen.verdict()
