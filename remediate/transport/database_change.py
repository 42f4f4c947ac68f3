"""Changes a database in one transaction with its ledger row, and finds out what became of it when the link broke.

It composes no statement of a provider's and shows nothing. The ledger lies in the changed database itself, in the
schema `remediate`, so that a change and the record of it commit together or not at all.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from remediate.errors import Failed, Lost
from remediate.model import Json
from remediate.target import DatabaseChange
from remediate.transport.database_blockers import Blockers
from remediate.transport.database_door import DatabaseSettings, Door, NoDatabase
from remediate.transport.database_ledger import (
    ENTER,
    GRANT,
    NO_LEDGER,
    SCHEMA_THERE,
    Refused,
    all_well,
    command_of,
    create_ledger,
    digest_of,
    failed,
    milliseconds,
    refuse_another,
    set_locally,
)
from remediate.transport.database_lock import HOLDER, TRY_FOR_TRANSACTION, DatabaseLock
from remediate.transport.database_values import complaint_of, rows_of, state_of, succeeded, unfit
from remediate.transport.database_wire import Command, PGresult, Wire, WireLost

_LOCK_NOT_HAD = ("55P03", "40P01")  # lock_timeout, deadlock: the same try may succeed a moment later
_MADE_AT_THE_SAME_TIME = (
    "23505",
    "42P07",
    "42P06",
)  # two runs create the ledger at once; one of them tries again
_NOTICE_A_LOST_CLIENT = Command(  # PostgreSQL 14 and newer; manual, chapter "Client Connection Defaults"
    sql="SELECT set_config(name, '1000', true) FROM pg_settings WHERE name = 'client_connection_check_interval'"
)
_LONGEST_PAUSE = 4.0


class _Taken(Exception):  # noqa: N818  (a signal within this file)
    """A connection of this run has the database's lock, and will let go of it."""


@dataclass(frozen=True)
class Changes:
    """Makes changes, each at most once for its token.

    Attributes:
        door: The way in.
        lock: The database's lock.
        settings: How long to wait.
        sleep: Waits some seconds.
        random: Returns a number from 0 up to 1, for jitter.
        where: What to call this database in an error.
    """

    door: Door
    lock: DatabaseLock
    settings: DatabaseSettings
    sleep: Callable[[float], None]
    random: Callable[[], float]
    where: str

    def commit(self, token: str, change: DatabaseChange) -> bool:
        """Commit a change with its ledger row.

        Returns:
            True where it was committed now, False where it had been before.

        Raises:
            Locked: Another run has the database's lock; nothing of it happened.
            Failed: Nothing of it happened.
            Lost: It is not known whether it happened.
        """
        if why := unfit(token, change.undo, *((one.sql, one.parameters) for one in change.statements)):
            raise Failed(
                self.where, f"the change cannot be sent: {why}; nothing was changed", "correct the value"
            )
        for number in range(self.settings.tries - 1):
            try:
                return self._try(token, change, None)
            except Refused as refused:
                if refused.state not in (*_LOCK_NOT_HAD, *_MADE_AT_THE_SAME_TIME):
                    raise self._failed(refused) from refused
            except _Taken:  # at the next try it has been let go
                pass
            self.sleep(self._pause_after(number))
        return self._last_try(token, change)

    def undo_of(self, token: str) -> dict[str, Json] | None:
        """Return the recipe back that was committed under a token, or None where nothing was.

        Raises:
            Lost: The database cannot be asked.
            Failed: The ledger is there and may not be read.
        """
        asked = Command(sql="SELECT undo FROM remediate.ledger WHERE token = %s", parameters=(token,))
        result = self._asked_again_if_lost([asked])[0]
        if state_of(result) in NO_LEDGER:
            return None
        if not succeeded(result):
            raise Failed(self.where, f"the ledger cannot be read: {complaint_of(result)}", GRANT)
        rows = rows_of(result).rows
        return dict(rows[0][0]) if rows else None

    def _pause_after(self, number: int) -> float:
        return min(0.5 * 2.0**number, _LONGEST_PAUSE) * (0.5 + self.random())

    def _last_try(self, token: str, change: DatabaseChange) -> bool:
        blockers = Blockers(self.door)
        blockers.connect()
        try:
            return self._try(token, change, blockers)
        except _Taken as error:
            todo = "nothing was changed; try again in a moment"
            raise Failed(self.where, "this run's other connection has the database's lock", todo) from error
        except Refused as error:
            if error.state not in _LOCK_NOT_HAD:
                raise self._failed(error) from error
            what = f"no lock after {self.settings.tries} tries of {change.lock_timeout:g} s each; {blockers.seen}"
            raise Failed(
                self.where, what, "nothing was changed; end what blocks it, or try again later"
            ) from error
        finally:
            blockers.close()

    def _try(self, token: str, change: DatabaseChange, blockers: Blockers | None) -> bool:
        try:
            wire, server = self._opened(token, change)
            xact = self._begin(wire, server, token, change, blockers)
        except NoDatabase as error:
            raise Failed(self.where, error.reason, "nothing was changed") from error
        except WireLost as error:  # COMMIT was not sent: the server rolls back
            said = f" ({error})" if str(error) else ""
            what = f"the connection broke before COMMIT{said}"
            raise Failed(self.where, what, "nothing was changed; try again") from error
        if xact is None:
            return False
        self._commit(wire, token, xact)
        return True

    def _opened(self, token: str, change: DatabaseChange) -> tuple[Wire, int]:
        """Begin a transaction under the lock; return its connection, and the server's process."""
        if self.door.is_open:
            try:
                return self._open(token, change)
            except (
                WireLost
            ):  # it was idle, and may have been dead for long; nothing was sent that changes anything
                self.door.close()
        return self._open(token, change)

    def _begin(
        self, wire: Wire, server: int, token: str, change: DatabaseChange, blockers: Blockers | None
    ) -> str | None:
        """Do all of it but COMMIT; return the transaction's id, or None where the ledger has the token already."""
        try:
            xact = self._enter(wire, token, change)
            if xact is None:
                self._roll_back(wire)
                return None
            self._do(wire, server, change, blockers)
            return xact
        except (Refused, Failed):
            self._roll_back(wire)
            raise

    def _roll_back(self, wire: Wire) -> None:
        wire.exchange([Command(sql="ROLLBACK")], self.settings.answer)

    def _open(self, token: str, change: DatabaseChange) -> tuple[Wire, int]:
        wire, ours = self.lock.wire(), self.lock.signature(token.partition("/")[0])
        wire.prefix = ours.comment
        limits = {"lock_timeout": milliseconds(change.lock_timeout)}
        limits["statement_timeout"] = milliseconds(change.statement_timeout)
        name = {"application_name": ours.application_name}
        commands = [
            Command(sql="BEGIN TRANSACTION READ WRITE"),
            set_locally({**self.door.session(), **limits, **name}),
            _NOTICE_A_LOST_CLIENT,
            TRY_FOR_TRANSACTION,
            HOLDER,
            Command(sql=f"SELECT to_regclass('remediate.ledger')::text, pg_backend_pid(), {SCHEMA_THERE}"),
        ]
        try:
            *_, tried, holder, found = all_well(wire.exchange(commands, self.settings.answer))
            ledger, server, schema_there = rows_of(found).rows[0]
            if rows_of(tried).rows[0][0] and ledger is None:
                all_well(wire.exchange(create_ledger(schema_there=schema_there), self.settings.answer))
        except Refused:
            self._roll_back(wire)
            raise
        if not rows_of(tried).rows[0][0]:
            self._roll_back(wire)
            self.lock.give_way(wire, holder, ours)
            raise _Taken
        return wire, int(server)

    def _enter(self, wire: Wire, token: str, change: DatabaseChange) -> str | None:
        run, _, step = token.partition("/")
        body = json.dumps(change.undo)
        enter = Command(sql=ENTER, parameters=(token, run, step, digest_of(change), body))
        written = Command(sql="SELECT digest FROM remediate.ledger WHERE token = %s", parameters=(token,))
        entered, found = all_well(wire.exchange([enter, written], self.settings.answer))
        refuse_another(self.where, token, rows_of(found).rows[0][0], change)
        rows = rows_of(entered).rows
        return str(rows[0][0]) if rows else None

    def _do(self, wire: Wire, server: int, change: DatabaseChange, blockers: Blockers | None) -> None:
        commands = [command_of(statement) for statement in change.statements]
        seconds = (change.lock_timeout + change.statement_timeout) * len(commands) + self.settings.answer
        pause = (change.lock_timeout / 2, lambda: blockers.look(server)) if blockers else None
        for statement, result in zip(change.statements, wire.exchange(commands, seconds, pause), strict=True):
            if not succeeded(result):
                raise Refused(result, guards=statement.guards)

    def _commit(self, wire: Wire, token: str, xact: str) -> None:
        try:
            result = wire.exchange([Command(sql="COMMIT")], self.settings.commit)[0]
        except WireLost:
            self._find_out(token, xact)
            return
        if not succeeded(result):
            self._refused_to_commit(Refused(result), token, xact)
            return
        if result.command_status != b"COMMIT":
            raise Failed(
                self.where, "the server rolled the transaction back at COMMIT", "nothing was changed"
            )

    def _refused_to_commit(self, refused: Refused, token: str, xact: str) -> None:
        if not refused.ended:
            raise self._failed(refused)
        self.door.close()
        self._find_out(token, xact)

    def _find_out(self, token: str, xact: str) -> None:
        """Return where the transaction was committed after all; the answer to COMMIT was lost.

        Source: `pg_xact_status`, manual, chapter "System Information Functions".

        Raises:
            Failed: It was rolled back.
            Lost: Neither can be said.
        """
        questions = [
            Command(sql="SELECT pg_xact_status(%s::xid8)", parameters=(xact,)),
            Command(sql="SELECT count(*) FROM remediate.ledger WHERE token = %s", parameters=(token,)),
        ]
        for _ in range(max(1, round(self.settings.settle))):
            status, entered = self._what_is_known(questions)
            if status == "committed" or entered:
                return
            if status == "aborted":
                todo = "nothing was changed; try again"
                raise Failed(self.where, "the connection broke at COMMIT and the server rolled back", todo)
            self.sleep(1.0)
        what = f"the answer to COMMIT was lost and the ledger could not be asked about {token}"
        raise Lost(self.where, what, "ask the database's ledger (remediate.ledger) before anything else")

    def _what_is_known(self, questions: list[Command]) -> tuple[str, bool]:
        try:
            status, entered = self.door.wire().exchange(questions, self.settings.answer)
        except (NoDatabase, WireLost):
            self.door.close()
            return "", False
        return _single(status) or "", bool(_single(entered))

    def _asked_again_if_lost(self, commands: list[Command]) -> list[PGresult]:
        try:
            return self.door.wire().exchange(commands, self.settings.answer)
        except (NoDatabase, WireLost):
            self.door.close()
        try:
            return self.door.wire().exchange(commands, self.settings.answer)
        except (NoDatabase, WireLost) as error:
            raise Lost(
                self.where, f"the ledger cannot be asked: {error}", "try again when it can be reached"
            ) from error

    def _failed(self, refused: Refused) -> Failed:
        return failed(self.where, refused)


def _single(result: PGresult) -> Json:
    return rows_of(result).rows[0][0] if succeeded(result) else None
