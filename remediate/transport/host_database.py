"""What a host's target uses of the database behind it, and how it is made. A Protocol; it asks and changes nothing."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from remediate.model import Json
from remediate.owner import LockOwner
from remediate.questions import Query, QueryAnswer, ReadAnswer, Unanswered
from remediate.target import DatabaseChange, OutsideTransaction
from remediate.transport.ssh import Link


class DatabaseCopy(Protocol):
    """What is used of a database that was made for a rehearsal."""

    def answer(self, queries: Sequence[Query]) -> Mapping[Query, QueryAnswer | Unanswered]:
        """Answer all queries in one round trip."""

    def change(self, token: str, change: DatabaseChange | OutsideTransaction) -> bool:
        """Commit a change with its ledger row, at most once for the token."""


class HostDatabase(Protocol):
    """What is used of the database transport."""

    def answer(self, queries: Sequence[Query]) -> Mapping[Query, QueryAnswer | Unanswered]:
        """Answer all queries in one round trip."""

    def learn(self) -> bool:
        """Learn the database's secrets, so that they are masked whoever shows them; return whether they were read."""

    def change(self, token: str, change: DatabaseChange | OutsideTransaction) -> bool:
        """Commit a change with its ledger row, at most once for the token."""

    def ledger(self, token: str) -> dict[str, Json] | None:
        """Return the recipe back that was committed under a token."""

    def copied(self, token: str) -> "AbstractContextManager[DatabaseCopy]":
        """Make a database of the same server from this one's schema alone, and drop it at the end."""

    def stop(self, token: str) -> None:
        """Have what was begun under a token, and never reported, ended before the next look or change."""

    def held(
        self, owner: LockOwner, still_ours: Callable[[], None] = lambda: None
    ) -> AbstractContextManager[None]:
        """Hold the database's lock; `still_ours` is called whenever it was taken on a fresh connection."""

    def free(self, run: str) -> bool:
        """End whoever holds the database's lock for a run; return whether that run held it."""

    def close(self) -> None:
        """Close the connection."""


ReadFile = Callable[[str], ReadAnswer | Unanswered]
"""Reads one file of the host, by its absolute path."""
MakeDatabase = Callable[[Link, ReadFile], HostDatabase]
"""Makes the database of a host from the link to it and what reads a file there."""
