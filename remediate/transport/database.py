"""The database behind a host: looks at it in READ ONLY transactions, and changes it together with its ledger.

It composes no SQL of an application (statements come from providers) and knows nothing of SSH: it is given forwards.
"""

import random as system_random
import threading
import time
from collections.abc import Callable, Sequence

from remediate.model import Json
from remediate.questions import Query, QueryAnswer, Unanswered
from remediate.target import DatabaseChange
from remediate.transport.database_change import Changes, set_locally
from remediate.transport.database_door import DatabaseSettings, Door, Forwards, NoDatabase
from remediate.transport.database_url import DatabaseUrl
from remediate.transport.database_values import complaint_of, rows_of, succeeded, unfit
from remediate.transport.database_wire import Clock, Command, PGresult, WireLost
from remediate.transport.trips import Trips

IDENTITY = Query(
    sql="SELECT current_database() AS name, current_user AS role, current_schema() AS schema_name,"
    " (SELECT oid::bigint FROM pg_database WHERE datname = current_database()) AS oid,"
    " current_setting('server_version') AS version, pg_is_in_recovery() AS read_only_replica",
)
"""Which database this is, as far as every role may know."""

CLUSTER_IDENTITY = Query(sql="SELECT system_identifier::text AS cluster FROM pg_control_system()")
"""Which cluster this is: with `IDENTITY`'s oid it tells whether two hosts share a database. Some services refuse it."""

_BEGIN = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_SILENT = "database: the connection broke, or nothing came back in time"


class Database:
    """One host's database. Connects when it is first asked; may be used from several threads.

    Args:
        read_url: Reads the URL from where the app has it; may raise any RemediateError.
        forwards: Makes ways through the host.
        trips: Counts batches.
        settings: How long to wait.
        learn: Is told each secret that the URL contains, before it is used.
        where: What to call this database in an error.
        sleep: Waits some seconds.
        random: Returns a number from 0 up to 1, for jitter.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        read_url: Callable[[], str],
        forwards: Forwards,
        trips: Trips,
        *,
        settings: DatabaseSettings | None = None,
        learn: Callable[[str], None] | None = None,
        where: str = "database",
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = system_random.random,
        clock: Clock = time.monotonic,
    ) -> None:
        self.secrets: list[str] = []
        self._trips, self._settings, self._told = trips, settings or DatabaseSettings(), learn
        self._door = Door(read_url, forwards, self._settings, self._learn, clock)
        self._changes = Changes(self._door, self._settings, sleep, random, where)
        self._lock = threading.RLock()

    def answer(self, queries: Sequence[Query]) -> dict[Query, QueryAnswer | Unanswered]:
        """Answer all queries in one round trip, in one READ ONLY snapshot, each on its own.

        Returns:
            An answer for each; `Unanswered` for those the server refused, and for all where it could not be reached.
        """
        reasons = {query: unfit(query.sql, query.parameters) for query in queries}
        refused: dict[Query, QueryAnswer | Unanswered] = {
            query: Unanswered(reason=f"database: {why}") for query, why in reasons.items() if why
        }
        wanted = tuple(query for query, why in reasons.items() if not why)
        if not wanted:
            return refused
        with self._lock:
            try:
                return {**refused, **dict(zip(wanted, self._look(wanted), strict=True))}
            except NoDatabase as error:
                return {**refused, **dict.fromkeys(wanted, Unanswered(reason=error.reason))}

    def change(self, token: str, change: DatabaseChange) -> bool:
        """Commit a change with its ledger row, at most once for the token.

        Returns:
            True where it was committed now, False where it had been before.

        Raises:
            Failed: Nothing of it happened.
            Lost: It is not known whether it happened.
        """
        with self._lock:
            return self._changes.commit(token, change)

    def ledger(self, token: str) -> dict[str, Json] | None:
        """Return the recipe back that was committed under a token, or None where nothing was.

        Raises:
            Lost: The database cannot be asked.
        """
        with self._lock:
            return self._changes.undo_of(token)

    def url(self) -> DatabaseUrl:
        """Return what the app's database URL says: `shown()` tells a person where it leads, `pooled` warns.

        Raises:
            NoDatabase: It cannot be read, or is none.
        """
        with self._lock:
            return self._door.url()

    def close(self) -> None:
        """Close the connection and the forward."""
        with self._lock:
            self._door.close()

    def _learn(self, secret: str) -> None:
        self.secrets.append(secret)
        if self._told:
            self._told(secret)

    def _look(self, queries: tuple[Query, ...]) -> list[QueryAnswer | Unanswered]:
        commands = self._looking(queries)
        results = self._asked(commands) if self._door.is_open else None
        results = results or self._asked(commands)  # an idle link may be dead; looking twice is harmless
        if results is None:
            raise NoDatabase(_SILENT)
        return [_answer(result) for result in results[3:-1:2]]

    def _asked(self, commands: list[Command]) -> list[PGresult] | None:
        wire = self._door.wire()
        self._trips.database += 1
        try:
            return wire.exchange(commands, self._settings.answer)
        except WireLost:
            self._door.close()
            return None

    def _looking(self, queries: tuple[Query, ...]) -> list[Command]:
        """Return a whole transaction in which a failed query spoils no other."""
        limits = {
            "statement_timeout": f"{self._settings.statement:g}s",
            "lock_timeout": f"{self._settings.lock:g}s",
        }
        commands = [
            Command(sql=_BEGIN),
            set_locally({**self._door.session(), **limits}),
            Command(sql="SAVEPOINT look"),
        ]
        for query in queries:
            commands.append(Command(sql=query.sql, parameters=query.parameters))
            commands.append(Command(sql="ROLLBACK TO SAVEPOINT look"))
        return [*commands, Command(sql="ROLLBACK")]


def _answer(result: PGresult) -> QueryAnswer | Unanswered:
    return rows_of(result) if succeeded(result) else Unanswered(reason=f"database: {complaint_of(result)}")
