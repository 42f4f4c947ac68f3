"""The database behind a host: looks at it in READ ONLY transactions, and changes it together with its ledger.

It composes no SQL of an application (statements come from providers) and knows nothing of SSH: it is given forwards.
"""

import random as system_random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from remediate.errors import Failed, Lost
from remediate.model import Json
from remediate.owner import LockOwner
from remediate.questions import Query, QueryAnswer, Unanswered
from remediate.target import BEHIND_A_POOLER, DatabaseChange, OutsideTransaction
from remediate.transport.database_change import Changes
from remediate.transport.database_door import DatabaseSettings, Door, Forwards, NoDatabase
from remediate.transport.database_ledger import ENDED_BY_SERVER
from remediate.transport.database_lock import DatabaseLock
from remediate.transport.database_look import answers_among, looking
from remediate.transport.database_outside import Outside
from remediate.transport.database_scratch import SchemaCopy
from remediate.transport.database_url import DatabaseUrl, of_database
from remediate.transport.database_values import state_of, unfit
from remediate.transport.database_wire import Clock, Command, PGresult, Wire, WireLost
from remediate.transport.trips import Trips

IDENTITY = Query(
    sql="SELECT current_database() AS name, current_user AS role, current_schema() AS schema_name,"  # noqa: S608  (a constant)
    " (SELECT oid::bigint FROM pg_database WHERE datname = current_database()) AS oid,"
    " current_setting('server_version') AS version, pg_is_in_recovery() AS read_only_replica,"
    f" {BEHIND_A_POOLER} AS pooled",
)
"""Which database this is, as far as every role may know."""

CLUSTER_IDENTITY = Query(sql="SELECT system_identifier::text AS cluster FROM pg_control_system()")
"""Which cluster this is: with `IDENTITY`'s oid it tells whether two hosts share a database. Some services refuse it."""

_POOLER = "SELECT set_config('remediate.pooler', (%s::bool OR pg_backend_pid() <> %s)::text, true)"
_SILENT = "the connection to the database broke, or nothing came back in time"


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
        self._read_url, self._forwards = read_url, forwards
        self._trips, self._settings, self._told = trips, settings or DatabaseSettings(), learn
        self._door = Door(read_url, forwards, self._settings, self._learn, clock)
        self._sleep, self._clock, self._where, self._had = sleep, clock, where, False
        self._advisory = DatabaseLock(self._door, self._settings, sleep, where)
        self._changes = Changes(self._door, self._advisory, self._settings, sleep, random, where)
        self._outside = Outside(self._door, self._advisory, self._settings, sleep, where)
        self._stopped: list[str] = []
        self._said = ""
        self._lock = threading.RLock()

    def answer(self, queries: Sequence[Query]) -> dict[Query, QueryAnswer | Unanswered]:
        """Answer all queries in one round trip, in one READ ONLY snapshot, each on its own.

        Returns:
            An answer for each; `Unanswered` for those the server refused, and for all where it could not be reached,
            or where what was stopped cannot be settled: what would be seen could still change.

        Raises:
            Locked: The database's lock is to be held, and another run has it.
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
                self._settle_before_a_look()
                return {**refused, **dict(zip(wanted, self._look(wanted), strict=True))}
            except NoDatabase as error:
                return {**refused, **dict.fromkeys(wanted, Unanswered(reason=error.reason))}

    @contextmanager
    def held(
        self, owner: LockOwner, still_ours: Callable[[], None] = lambda: None, *, now: bool = False
    ) -> Iterator[None]:
        """Hold the database's lock, from the next question or change on, until the end.

        Args:
            owner: Who holds it, told to whoever comes second.
            still_ours: Is called whenever it was taken on a fresh connection, before anything is asked or changed
                there; it may raise.
            now: Take it at once, not with the next question.

        Raises:
            Locked: Another run has it; says whose.
            Unreachable: It could not be taken; nothing was touched.
        """
        with self._lock:
            self._advisory.enter(owner, still_ours)
        try:
            if now:
                with self._lock:
                    self._advisory.take()
            yield
        finally:
            with self._lock:
                self._advisory.leave()

    def free(self, run: str) -> bool:
        """End whoever holds the database's lock for a run; another run's hold is left alone.

        Returns:
            Whether that run held it.

        Raises:
            Failed: It was not let go, or the database cannot be asked.
            Locked: The server refuses to end whoever holds it: another role's connection.
        """
        with self._lock:
            try:
                return self._advisory.free(run)
            except (NoDatabase, WireLost) as error:
                why = str(error) or "the connection broke"
                raise Failed(
                    self._where, f"the database's lock cannot be freed: {why}", "try again"
                ) from error

    def change(self, token: str, change: DatabaseChange | OutsideTransaction) -> bool:
        """Commit a change with its ledger row, at most once for the token.

        Returns:
            True where it was committed now, False where it had been before.

        Raises:
            Locked: Another run has the database's lock; nothing of it happened.
            Failed: Nothing of it happened; or what was stopped before cannot be taken away.
            Lost: It is not known whether it happened; or what was stopped before cannot be asked about.
        """
        with self._lock:
            self._settle_stopped()
            if isinstance(change, OutsideTransaction):
                return self._outside.make(token, change)
            return self._changes.commit(token, change)

    def ledger(self, token: str) -> dict[str, Json] | None:
        """Return the recipe back that was committed under a token, or None where nothing was.

        What was begun outside a transaction, and whose end nobody saw, is settled before.

        Raises:
            Lost: The database cannot be asked.
            Failed: What is left of it cannot be taken away.
        """
        with self._lock:
            self._outside.settle(token)
            return self._changes.undo_of(token)

    def stop(self, token: str) -> None:
        """Have what was begun under a token, and never reported, ended and cleared up before the next look or change.

        A transaction that is open without its runner is ended when the database's lock is taken.
        """
        with self._lock:
            self._stopped.append(token)

    def _settle_before_a_look(self) -> None:
        try:
            self._settle_stopped()
        except (Failed, Lost) as error:  # a look fails at nothing; whoever asks for a change is told so
            why = f"what was begun under {self._stopped[0]} cannot be settled: {error.what}; {error.todo}"
            raise NoDatabase(why) from error

    def _settle_stopped(self) -> None:
        while self._stopped:
            self._outside.settle(self._stopped[0])
            del self._stopped[0]

    @contextmanager
    def copied(self, token: str) -> "Iterator[Database]":
        """Make a database of the same server from this one's schema alone, and drop it at the end.

        Args:
            token: Hex digits that nobody else drew; the database is named after them.

        Raises:
            Blocked: It cannot be made; says why.
            Lost: It could not be dropped.
        """
        door = Door(self._read_url, self._forwards, self._settings, self._learn, self._clock)
        with SchemaCopy(door, token, self._where, self._settings.answer) as name:
            copy = Database(
                lambda: of_database(self._read_url(), name),
                self._forwards,
                self._trips,
                settings=self._settings,
                learn=self._told,
                where=f"{self._where}: {name}",
                sleep=self._sleep,
                clock=self._clock,
            )
            try:
                yield copy
            finally:
                copy.close()

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
        commands = looking(queries, self._door.session(), self._settings)
        until = self._clock() + self._settings.settle
        for _ in range(self._patience):
            try:
                return self._answers(commands)
            except NoDatabase as error:
                if error.no_host or self._clock() >= until:
                    raise
                self._sleep(1.0)
        return self._answers(commands)

    @property
    def _patience(self) -> int:
        """How often to look again: in the middle of a change, a server that is restarted comes back in a moment."""
        return round(self._settings.settle) if self._advisory.wanted and self._had else 0

    def _answers(self, commands: list[Command]) -> list[QueryAnswer | Unanswered]:
        results = self._asked(commands) if self._door.is_open else None
        results = results or self._asked(commands)  # an idle link may be dead; looking twice is harmless
        if results is None:
            raise NoDatabase(f"{_SILENT}: {self._said}" if self._said else _SILENT)
        self._had = True
        begin, _, *rest = results  # the second is the pooler's
        return answers_among(commands, (begin, *rest))

    def _asked(self, commands: list[Command]) -> list[PGresult] | None:
        try:
            wire = self._advisory.wire()
            self._trips.database += 1
            begin, *rest = commands
            results = wire.exchange([begin, self._pooler(wire), *rest], self._settings.answer)
        except WireLost as lost:
            self._said = str(lost)
            self._door.close()
            return None
        if any(state_of(result) in ENDED_BY_SERVER for result in results):
            self._door.close()
            return None
        return results

    def _pooler(self, wire: Wire) -> Command:
        """Return what lets questions of this transaction ask whether the server is not the one that greeted us."""
        return Command(sql=_POOLER, parameters=(self._door.url().pooled, wire.pid))
