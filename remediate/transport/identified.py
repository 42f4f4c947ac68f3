"""A database that also tells which one it is: its name, and an identity that two hosts can be compared by.

It asks for both along with the first batch that somebody else asks, so that knowing costs no round trip.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress

from remediate.errors import RemediateError
from remediate.model import Json
from remediate.owner import LockOwner
from remediate.questions import Query, QueryAnswer, Unanswered
from remediate.target import DatabaseChange, OutsideTransaction
from remediate.transport.database import CLUSTER_IDENTITY, IDENTITY, Database
from remediate.transport.database_door import NoDatabase


class IdentifiedDatabase:
    """A database with what is known of it.

    Args:
        database: The database.

    Attributes:
        facts: `name`, `role`, `version`, `identity`; empty until it was first asked.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.facts: dict[str, Json] = {}

    def answer(self, queries: Sequence[Query]) -> Mapping[Query, QueryAnswer | Unanswered]:
        """Answer all queries in one round trip, and learn which database it is."""
        if self.facts:
            return self._database.answer(queries)
        answers = self._database.answer([*queries, IDENTITY, CLUSTER_IDENTITY])
        self._learn(answers[IDENTITY], answers[CLUSTER_IDENTITY])
        return {query: answers[query] for query in queries}

    def _learn(self, own: QueryAnswer | Unanswered, cluster: QueryAnswer | Unanswered) -> None:
        if isinstance(own, Unanswered):
            return
        facts = own.records[0]
        known = cluster.records[0]["cluster"] if isinstance(cluster, QueryAnswer) else "unknown cluster"
        self.facts = {**facts, "identity": f"{facts['name']} ({known}/{facts['oid']})"}

    def learn(self) -> bool:
        """Read the database's URL, so that its password is masked in whatever is shown before the database is asked.

        Returns:
            Whether it was read; why it cannot be is told by whoever asks the database.
        """
        with suppress(NoDatabase, RemediateError):
            self._database.url()
            return True
        return False

    def held(
        self, owner: LockOwner, still_ours: Callable[[], None] = lambda: None
    ) -> AbstractContextManager[None]:
        """Hold the database's lock: at once where the database was asked already, else from the first question on.

        Raises:
            Locked: Another run has it; says whose.
            Unreachable: It could not be taken; nothing was touched.
        """
        return self._database.held(owner, still_ours, now=bool(self.facts))

    def free(self, run: str) -> bool:
        """End whoever holds the database's lock for a run; return whether that run held it."""
        return self._database.free(run)

    def change(self, token: str, change: DatabaseChange | OutsideTransaction) -> bool:
        """Commit a change with its ledger row, at most once for the token."""
        return self._database.change(token, change)

    def ledger(self, token: str) -> dict[str, Json] | None:
        """Return the recipe back that was committed under a token."""
        return self._database.ledger(token)

    def copied(self, token: str) -> AbstractContextManager[Database]:
        """Make a database of the same server from this one's schema alone, and drop it at the end."""
        return self._database.copied(token)

    def stop(self, token: str) -> None:
        """Have what was begun under a token, and never reported, ended before the next look or change."""
        self._database.stop(token)

    def close(self) -> None:
        """Close the connection."""
        self._database.close()
