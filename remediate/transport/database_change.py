"""Changes a database in one transaction with its ledger row, and finds out what became of it when the link broke.

It composes no statement of a provider's and shows nothing. The ledger lies in the changed database itself, in the
schema `remediate`, so that a change and the record of it commit together or not at all.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from remediate.errors import Failed, Lost
from remediate.model import Json, canonical
from remediate.target import DatabaseChange
from remediate.transport.database_blockers import Blockers
from remediate.transport.database_door import DatabaseSettings, Door, NoDatabase
from remediate.transport.database_values import complaint_of, rows_of, state_of, succeeded, unfit
from remediate.transport.database_wire import Command, PGresult, Wire, WireLost

_LOCK_NOT_HAD = ("55P03", "40P01")  # lock_timeout, deadlock: the same try may succeed a moment later
_MADE_AT_THE_SAME_TIME = (
    "23505",
    "42P07",
    "42P06",
)  # two runs create the ledger at once; one of them tries again
_NO_LEDGER = ("42P01", "3F000")

_CREATE_LEDGER = (
    Command(sql="CREATE SCHEMA IF NOT EXISTS remediate"),
    Command(
        sql="CREATE TABLE IF NOT EXISTS remediate.ledger (token text PRIMARY KEY, run text NOT NULL,"
        " step text NOT NULL, digest text NOT NULL, undo jsonb NOT NULL, xact xid8 NOT NULL, at timestamptz NOT NULL)"
    ),
)
_ENTER = (
    "INSERT INTO remediate.ledger (token, run, step, digest, undo, xact, at)"
    " VALUES (%s, %s, %s, %s, %s::jsonb, pg_current_xact_id(), now())"
    " ON CONFLICT (token) DO NOTHING RETURNING xact::text"
)
_NOTICE_A_LOST_CLIENT = Command(  # PostgreSQL 14 and newer; manual, chapter "Client Connection Defaults"
    sql="SELECT set_config(name, '1000', true) FROM pg_settings WHERE name = 'client_connection_check_interval'"
)
_LONGEST_PAUSE = 4.0


def set_locally(values: Mapping[str, str]) -> Command:
    """Return the statement that makes settings hold until the transaction ends."""
    calls = ", ".join("set_config(%s, %s, true)" for _ in values)
    flat = tuple(part for pair in values.items() for part in pair)
    return Command(sql=f"SELECT {calls}", parameters=flat)


class _Refused(Exception):  # noqa: N818  (a signal within this file)
    """The server refused a statement."""

    def __init__(self, result: PGresult) -> None:
        self.state, self.complaint = state_of(result), complaint_of(result)
        super().__init__(self.complaint)


@dataclass(frozen=True)
class Changes:
    """Makes changes, each at most once for its token.

    Attributes:
        door: The way in.
        settings: How long to wait.
        sleep: Waits some seconds.
        random: Returns a number from 0 up to 1, for jitter.
        where: What to call this database in an error.
    """

    door: Door
    settings: DatabaseSettings
    sleep: Callable[[float], None]
    random: Callable[[], float]
    where: str

    def commit(self, token: str, change: DatabaseChange) -> bool:
        """Commit a change with its ledger row.

        Returns:
            True where it was committed now, False where it had been before.

        Raises:
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
            except _Refused as refused:
                if refused.state not in (*_LOCK_NOT_HAD, *_MADE_AT_THE_SAME_TIME):
                    raise self._failed(refused) from refused
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
        if state_of(result) in _NO_LEDGER:
            return None
        if not succeeded(result):
            raise Failed(self.where, f"the ledger cannot be read: {complaint_of(result)}", _GRANT)
        rows = rows_of(result).rows
        return dict(rows[0][0]) if rows else None

    def _pause_after(self, number: int) -> float:
        return min(0.5 * 2.0**number, _LONGEST_PAUSE) * (0.5 + self.random())

    def _last_try(self, token: str, change: DatabaseChange) -> bool:
        blockers = Blockers(self.door)
        try:
            return self._try(token, change, blockers)
        except _Refused as error:
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
            wire = self.door.wire()
            xact = self._begin(wire, token, change, blockers)
        except NoDatabase as error:
            raise Failed(self.where, error.reason, "nothing was changed") from error
        except WireLost as error:  # COMMIT was not sent: the server rolls back
            raise Failed(
                self.where, "the connection broke before COMMIT", "nothing was changed; try again"
            ) from error
        if xact is None:
            return False
        self._commit(wire, token, xact)
        return True

    def _begin(self, wire: Wire, token: str, change: DatabaseChange, blockers: Blockers | None) -> str | None:
        """Do all of it but COMMIT; return the transaction's id, or None where the ledger has the token already."""
        try:
            self._open(wire, change)
            xact = self._enter(wire, token, change)
            if xact is None:
                wire.exchange([Command(sql="ROLLBACK")], self.settings.answer)
                return None
            self._do(wire, change, blockers)
            return xact
        except _Refused:
            wire.exchange([Command(sql="ROLLBACK")], self.settings.answer)
            raise

    def _open(self, wire: Wire, change: DatabaseChange) -> None:
        limits = {"lock_timeout": _milliseconds(change.lock_timeout)}
        limits["statement_timeout"] = _milliseconds(change.statement_timeout)
        commands = [
            Command(sql="BEGIN TRANSACTION READ WRITE"),
            set_locally({**self.door.session(), **limits}),
            _NOTICE_A_LOST_CLIENT,
            Command(sql="SELECT to_regclass('remediate.ledger')::text"),
        ]
        ledger = _all_well(wire.exchange(commands, self.settings.answer))[-1]
        if rows_of(ledger).rows[0][0] is None:
            _all_well(wire.exchange(_CREATE_LEDGER, self.settings.answer))

    def _enter(self, wire: Wire, token: str, change: DatabaseChange) -> str | None:
        run, _, step = token.partition("/")
        body = json.dumps(change.undo)
        enter = Command(sql=_ENTER, parameters=(token, run, step, _digest(change), body))
        rows = rows_of(_all_well(wire.exchange([enter], self.settings.answer))[0]).rows
        return str(rows[0][0]) if rows else None

    def _do(self, wire: Wire, change: DatabaseChange, blockers: Blockers | None) -> None:
        commands = [
            Command(sql=statement.sql, parameters=statement.parameters) for statement in change.statements
        ]
        seconds = (change.lock_timeout + change.statement_timeout) * len(commands) + self.settings.answer
        pause = (change.lock_timeout / 2, lambda: blockers.look(wire.pid)) if blockers else None
        _all_well(wire.exchange(commands, seconds, pause))

    def _commit(self, wire: Wire, token: str, xact: str) -> None:
        try:
            result = wire.exchange([Command(sql="COMMIT")], self.settings.commit)[0]
        except WireLost:
            self._find_out(token, xact)
            return
        if not succeeded(result):
            raise self._failed(_Refused(result))
        if result.command_status != b"COMMIT":
            raise Failed(
                self.where, "the server rolled the transaction back at COMMIT", "nothing was changed"
            )

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

    def _failed(self, refused: _Refused) -> Failed:
        todo = (
            f"nothing was changed; {_TODO[refused.state]}"
            if refused.state in _TODO
            else "nothing was changed"
        )
        return Failed(self.where, f"the server refused: {refused.complaint}", todo, output=refused.complaint)


_GRANT = "let the app's role own the schema: CREATE SCHEMA remediate AUTHORIZATION <role>"
_TODO = {
    "42501": f"grant what is missing; for the ledger {_GRANT}",
    "25006": "this is a read-only replica: give the primary's address",
    "57014": "it took longer than its statement_timeout",
    "53100": "the server's disk is full",
}


def _all_well(results: list[PGresult]) -> list[PGresult]:
    for result in results:
        if not succeeded(result):
            raise _Refused(result)
    return results


def _single(result: PGresult) -> Json:
    return rows_of(result).rows[0][0] if succeeded(result) else None


def _milliseconds(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"


def _digest(change: DatabaseChange) -> str:
    return hashlib.sha256(
        canonical([statement.model_dump(mode="json") for statement in change.statements])
    ).hexdigest()
