"""Holds a database's lock for a run: an advisory lock of the server, which it frees itself when the connection ends.

It is not the host's lock: two hosts can share one database. And it is no lock on tables, which change on their own.
Behind a pooler that forgets sessions it is held for each transaction alone (manual, chapter "Explicit Locking").
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from secrets import token_hex

from remediate.errors import Failed, Locked, Unreachable
from remediate.owner import LockOwner
from remediate.transport.database_door import DatabaseSettings, Door, NoDatabase
from remediate.transport.database_signature import Holder, Signature, holder_of
from remediate.transport.database_values import complaint_of, rows_of, succeeded
from remediate.transport.database_wire import Command, PGresult, Wire, WireLost

_CLASS, _KEY = 1380273477, 1  # "REME": advisory locks are of one database each, so one key is enough
_ARGUMENTS = f"{_CLASS}, {_KEY}"
_PAUSE = 0.2
_DRAWN = token_hex(8)  # once a process; a child that is forked has the same, but another process id
_LEAVING = 5.0

TRY_FOR_TRANSACTION = Command(sql=f"SELECT pg_try_advisory_xact_lock({_ARGUMENTS})")
"""Takes the lock until the transaction ends; true where this session has it."""

HOLDER = Command(
    sql="SELECT l.pid, a.application_name AS application, coalesce(a.usename = current_user, false) AS same_role,"
    " to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS \"UTC\"') AS since, a.query"
    " FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %s::oid AND l.objid = %s::oid AND l.objsubid = 2"
    " AND l.pid <> pg_backend_pid()"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    parameters=(_CLASS, _KEY),
)
"""Asks who else holds it."""

# Where the server's process is not the one that greeted us, a pooler stands between: then nothing outlives a
# transaction, and what is set for the session would be set for strangers.
_TRY_FOR_SESSION = f"SELECT CASE WHEN pg_backend_pid() = %s THEN pg_try_advisory_lock({_ARGUMENTS}) END"
_SETTINGS = (
    "SELECT set_config(wanted.name, wanted.value, false)"
    " FROM unnest(%s::text[], %s::text[]) AS wanted(name, value) JOIN pg_settings USING (name)"
    " WHERE pg_backend_pid() = %s"
)
_LEAVE = (
    Command(sql=f"SELECT pg_advisory_unlock({_ARGUMENTS})"),
    Command(sql="RESET ALL"),
)
_END = "SELECT pg_terminate_backend(%s)"
ALIVE = {
    "client_connection_check_interval": "1000",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "idle_session_timeout": "0",
}
"""A connection that holds something: its end is noticed, and it is not ended for being quiet during a long build.

Those that a version does not have are left out (PostgreSQL 14 and newer have all; manual, "Connection Settings").
"""


def signed(wire: Wire, signature: Signature) -> tuple[Command, ...]:
    """Sign a connection's statements, and return the commands that name it and keep it alive; no pooler's."""
    wire.prefix = signature.comment
    values = {**ALIVE, "application_name": signature.application_name}
    return (Command(sql=_SETTINGS, parameters=(tuple(values), tuple(values.values()), wire.pid)),)


@dataclass(frozen=True)
class _Scope:
    """For whom the lock is held, and what is asked of the host before it counts."""

    owner: LockOwner
    still_ours: Callable[[], None]


class DatabaseLock:
    """The lock of one database, on the one connection that changes it.

    Args:
        door: The way in.
        settings: How long to wait.
        sleep: Waits some seconds.
        where: What to call this database in an error.
        process: What tells this process from others; by default what was drawn for it.
    """

    def __init__(
        self,
        door: Door,
        settings: DatabaseSettings,
        sleep: Callable[[float], None],
        where: str,
        process: str | None = None,
    ) -> None:
        self._door, self._settings, self._sleep, self._where = door, settings, sleep, where
        self._process, self._session = process or f"{os.getpid()}-{_DRAWN}", token_hex(4)
        self._scope: _Scope | None = None
        self._depth = 0
        self._wire: Wire | None = None
        self.pooled = False

    @property
    def wanted(self) -> bool:
        """Whether somebody holds it, so that whoever connects takes it."""
        return self._scope is not None

    def signature(self, run: str = "") -> Signature:
        """Return what is signed with: as the owner, or, where nobody holds the lock, as a run."""
        owner = self._scope.owner if self._scope else LockOwner(run=run, who="", since="")
        return Signature(owner=owner, process=self._process, session=self._session)

    @contextmanager
    def held(self, owner: LockOwner, still_ours: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold the lock from the next use of the connection on; taken at once by `wire`.

        Args:
            owner: Who holds it.
            still_ours: Is called whenever the lock was taken on a fresh connection, before anything is done on it; may
                raise.
        """
        self.enter(owner, still_ours)
        try:
            yield
        finally:
            self.leave()

    def enter(self, owner: LockOwner, still_ours: Callable[[], None] = lambda: None) -> None:
        """Begin what `held` holds; whoever is inside already stays the owner."""
        self._scope = self._scope or _Scope(owner, still_ours)
        self._depth += 1

    def leave(self) -> None:
        """End it; the outermost gives the lock up."""
        self._depth -= 1
        if not self._depth:
            self._give_up()

    def wire(self) -> Wire:
        """Return the connection; where the lock is to be held, with it.

        Raises:
            Locked: Another run has it; says whose.
            NoDatabase: There is no connection.
            WireLost: It broke meanwhile.
        """
        wire = self._door.wire()
        if self._scope and wire is not self._wire:
            self._take(wire)
            self._confirm(self._scope)
            self._wire = wire
        return wire

    def _confirm(self, scope: _Scope) -> None:
        try:
            scope.still_ours()
        except BaseException:
            self._door.close()  # and with it the lock, which is no use to us
            raise

    def take(self) -> None:
        """Take it now.

        Raises:
            Locked: Another run has it; says whose.
            Unreachable: There is no connection; nothing was touched.
        """
        try:
            self._taken_on_a_live_connection()
        except (NoDatabase, WireLost) as error:
            why = str(error) or "the connection broke"
            what = f"the database's lock cannot be taken: {why}"
            raise Unreachable(self._where, what, "nothing was touched; try again") from error

    def _taken_on_a_live_connection(self) -> None:
        try:
            self.wire()
        except WireLost:  # it was idle, and may have been dead for long
            self._door.close()
            self.wire()

    def _take(self, wire: Wire) -> None:
        self.pooled = self._door.url().pooled
        ours = self.signature()
        if self.pooled:
            wire.prefix = ours.comment
            return
        commands = [*signed(wire, ours), Command(sql=_TRY_FOR_SESSION, parameters=(wire.pid,)), HOLDER]
        for _ in range(max(1, round(self._settings.settle / _PAUSE))):
            _, tried, found = self._all_well(wire.exchange(commands, self._settings.answer))
            taken = rows_of(tried).rows[0][0]
            self.pooled = taken is None
            if taken is not False:
                return
            self.give_way(wire, found, ours)
            self._sleep(_PAUSE)
        raise Locked(self._where, "the lock is held by this run's other host", "try again in a moment")

    def give_way(self, wire: Wire, found: PGresult, ours: Signature) -> None:
        """Return where it is worth another try: the holder is gone, soon done, or a ghost, which is ended.

        Args:
            wire: The connection that did not get the lock.
            found: The answer to `HOLDER`.
            ours: Who we are.

        Raises:
            Locked: Another run has it; says whose.
        """
        for record in rows_of(found).records:
            holder = holder_of(record)
            if holder.is_ghost_of(ours):
                self._end(wire, holder)
            elif not holder.is_neighbour_of(ours):
                raise self._locked(holder)

    def _end(self, wire: Wire, holder: Holder) -> None:
        """End a connection whose runner or link died; the ledger says what it committed."""
        result = wire.exchange([Command(sql=_END, parameters=(holder.pid,))], self._settings.answer)[0]
        if not succeeded(result):
            raise self._locked(holder)

    def _locked(self, holder: Holder) -> Locked:
        owner = holder.owner
        if owner is None:
            what = f"its lock is held by pid {holder.pid} ({holder.application or 'unnamed'}), no run of ours"
            return Locked(self._where, what, "look what that is, and end it")
        why = f" ({owner.why})" if owner.why else ""
        what = f"it is locked by {owner.who or 'somebody'} since {owner.since} in run {owner.run}{why}"
        todo = f"wait for it; if it died: remediate resume {owner.run}, or remediate rollback {owner.run}"
        return Locked(self._where, what, todo)

    def free(self, run: str) -> bool:
        """End whoever holds the lock for a run, as its owner's successor or an administrator wants it.

        Returns:
            Whether that run held it; another run's hold is left alone.

        Raises:
            Failed: It was not let go.
            Locked: The server refuses to end it: another role's connection.
            NoDatabase: The database cannot be asked.
            WireLost: The connection broke meanwhile.
        """
        found = self._of_run(run)
        for holder in found:
            self._end(self._door.wire(), holder)
        for _ in range(max(1, round(self._settings.settle / _PAUSE))):
            if not self._of_run(run):
                return bool(found)
            self._sleep(_PAUSE)
        raise Failed(self._where, f"run {run} does not let go of the lock", "end its connection by hand")

    def _of_run(self, run: str) -> list[Holder]:
        result = self._all_well(self._door.wire().exchange([HOLDER], self._settings.answer))[0]
        holders = map(holder_of, rows_of(result).records)
        return [holder for holder in holders if holder.owner and holder.owner.run == run]

    def _give_up(self) -> None:
        wire, self._wire, self._scope = self._wire, None, None
        if wire is None or not wire.open:
            return
        wire.prefix = ""
        if self.pooled:
            return
        try:
            wire.exchange(_LEAVE, _LEAVING)
        except WireLost:
            self._door.close()  # with its connection the server frees it

    def _all_well(self, results: list[PGresult]) -> list[PGresult]:
        for result in results:
            if not succeeded(result):
                self._door.close()
                raise NoDatabase(f"the database refused: {complaint_of(result)}")
        return results
