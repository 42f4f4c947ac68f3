"""Does what PostgreSQL refuses inside a transaction, and finds out from the catalog what became of it. Composes no SQL.

`remediate.intended` is written before the statement begins, with the server's process that will run it, and
`remediate.ledger` after. In between the link can break, the runner die, the server be restarted: then it is waited
until that process runs it no more, and the catalog is asked. The statement has a connection of its own, so that what
is set for it is set for nobody else.
"""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from remediate.errors import Failed, Lost
from remediate.model import Json
from remediate.owner import LockOwner
from remediate.questions import Query
from remediate.target import OutsideTransaction, Statement
from remediate.transport.database_blockers import Blockers
from remediate.transport.database_door import DatabaseSettings, Door, NoDatabase
from remediate.transport.database_ledger import (
    ENTER,
    SCHEMA_THERE,
    Refused,
    all_well,
    command_of,
    create_intended,
    digest_of,
    failed,
    milliseconds,
    refuse_another,
    set_for,
    set_locally,
)
from remediate.transport.database_lock import DatabaseLock, signed
from remediate.transport.database_values import rows_of
from remediate.transport.database_wire import Command, PGresult, Wire, WireLost

_BEGAN = Command(
    sql="SELECT pg_backend_pid(), backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()"
)
_RUNS = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE pid = %s AND (backend_start IS NULL OR backend_start = %s::timestamptz)"
)
_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s AND backend_start = %s::timestamptz"
_THERE = f"SELECT {SCHEMA_THERE}, to_regclass('remediate.intended') IS NOT NULL"
_DONE = "SELECT digest FROM remediate.ledger WHERE token = %s"
_BEGUN = (
    "SELECT token, digest, change, pid, began::text FROM remediate.intended"
    " WHERE token = %s OR starts_with(token, %s) ORDER BY token"
)
_INTEND = (
    "INSERT INTO remediate.intended (token, digest, change, pid, began)"
    " VALUES (%s, %s, %s::jsonb, %s, %s::timestamptz)"
    " ON CONFLICT (token) DO UPDATE SET pid = excluded.pid, began = excluded.began"
)
_NAME_TAKEN = (
    "42P07"  # duplicate_table: refused before anything was made, so what has the name is somebody else's
)
_FORGET = "DELETE FROM remediate.intended WHERE token = %s"
_REPORT = f"WITH gone AS ({_FORGET}) {ENTER}"
_LOCK_NOT_HAD = "55P03"  # lock_timeout: somebody's transaction was not ended in time


@dataclass(frozen=True)
class _Begun:
    """A statement that was begun, by a process of the server."""

    token: str
    digest: str
    change: OutsideTransaction
    pid: int
    began: str


@dataclass(frozen=True)
class Outside:
    """Makes changes outside a transaction, each at most once for its token.

    Attributes:
        door: The way in.
        lock: The database's lock.
        settings: How long to wait.
        sleep: Waits some seconds.
        where: What to call this database in an error.
    """

    door: Door
    lock: DatabaseLock
    settings: DatabaseSettings
    sleep: Callable[[float], None]
    where: str

    def make(self, token: str, change: OutsideTransaction) -> bool:
        """Run the statement, and enter it in the ledger.

        Returns:
            True where it was made now, False where it had been before.

        Raises:
            Locked: Another run has the database's lock; nothing of it happened.
            Failed: It did not come about; what a broken attempt left is taken away.
            Lost: It is not known whether it came about.
        """
        with self.lock.held(LockOwner(run=token.partition("/")[0], who="", since="")):
            try:
                return self._make(token, change)
            except Refused as refused:
                raise failed(self.where, refused) from refused
            except _Silent as silent:
                what = f"it could not be asked what became of {token} ({silent.why})"
                todo = "when the database can be reached: remediate resume, or remediate rollback"
                raise Lost(self.where, what, todo) from silent

    def settle(self, token: str) -> None:
        """End and clear up what was begun under a token and never reported; enter it where it came about after all.

        Args:
            token: Of a change, or the beginning, up to a slash, of several changes' tokens.

        Raises:
            Lost: The database cannot be asked.
            Failed: What is left of it cannot be taken away.
        """
        try:
            for begun in self._begun(token):
                self._settle(begun)
        except Refused as refused:
            raise failed(self.where, refused, "it is not known what is left of it") from refused
        except _Silent as silent:
            what = f"it could not be asked what became of {token} ({silent.why})"
            raise Lost(self.where, what, "try again when it can be reached") from silent

    def _settle(self, begun: _Begun) -> None:
        self._exchange([Command(sql=_END, parameters=(begun.pid, begun.began))])
        self._wait_until_gone(begun)
        if self._came_about(begun.change.came_about):
            self._report(begun.token, begun.change)
        else:
            self._clean_up(begun.change)
            self._exchange([Command(sql=_FORGET, parameters=(begun.token,))])

    def _make(self, token: str, change: OutsideTransaction) -> bool:
        self._refuse_pooler()
        self._make_room()
        begun = next((one for one in self._begun(token) if one.token == token), None)
        if self._is_done(token, change):
            return False
        if begun is None:
            self._refuse_what_is_there(change)
        else:
            refuse_another(self.where, token, begun.digest, change)
            if self._came_about_after(begun):
                self._report(token, change)
                return False
            self._clean_up(change)
        return self._until_made(token, change)

    def _refuse_pooler(self) -> None:
        self._exchange([Command(sql="SELECT")])
        if self.lock.pooled:
            what = "behind a pooler nothing can be changed outside a transaction"
            todo = "nothing was changed; let `database: url:` in the inventory name the server's own URL (DIRECT_URL)"
            raise Failed(self.where, what, todo)

    def _refuse_what_is_there(self, change: OutsideTransaction) -> None:
        if self._came_about(change.came_about):
            what = "what it was to bring about is there already, and not by this run"
            raise Failed(self.where, what, "nothing was changed; run plan again")

    def _until_made(self, token: str, change: OutsideTransaction) -> bool:
        for _ in range(self.settings.tries):
            if self._attempt(token, change):
                self._report(token, change)
                return True
            self._clean_up(change)
        self._exchange([Command(sql=_FORGET, parameters=(token,))])
        what = f"the connection broke at each of {self.settings.tries} tries, and it did not come about"
        raise Failed(self.where, what, "what was left of it is taken away; try again later")

    def _attempt(self, token: str, change: OutsideTransaction) -> bool:
        """Run the statement once; return whether it came about, which the catalog knows when its answer is lost."""
        wire, pid, began = self._own_wire(change)
        with closing(wire):
            begun = _Begun(token, digest_of(change), change, pid, began)
            values = (token, begun.digest, change.model_dump_json(), pid, began)
            self._exchange([Command(sql=_INTEND, parameters=values)])
            if self._ran(wire, token, change):
                return True
        return self._came_about_after(begun)

    def _ran(self, wire: Wire, token: str, change: OutsideTransaction) -> bool:
        """Run the statement; return whether it is known to have ended well.

        Raises:
            Failed: The server refused it; nothing is left of it.
        """
        blockers = Blockers(self.door)
        try:
            self._run(wire, change.statement, change, blockers)
        except WireLost:
            return False
        except Refused as refused:
            if refused.ended:
                return False
            untouched = self._take_back(token, change, refused, blockers)
            raise self._refused(refused, change, blockers, untouched) from refused
        finally:
            blockers.close()
        return True

    def _run(self, wire: Wire, statement: Statement, change: OutsideTransaction, blockers: Blockers) -> None:
        """Run a statement, and look, while it waits for a lock, who holds that."""
        seconds = change.statement_timeout + self.settings.answer
        pause = (change.lock_timeout / 3, lambda: blockers.look(wire.pid))
        all_well(wire.exchange([command_of(statement)], seconds, pause))

    def _take_back(self, token: str, change: OutsideTransaction, refused: Refused, blockers: Blockers) -> str:
        """Take away what a refused statement left, and return in a clause what became of it.

        Raises:
            Failed: That is refused, too; it is still known of, and taken away by whoever comes next.
        """
        taken = refused.state == _NAME_TAKEN
        try:
            if not taken and not self._came_about(change.came_about):
                self._clean_up(change)
        except Refused as again:
            left = "what it left could not be taken away either, and will be by the next rollback or run"
            raise self._refused(refused, change, blockers, left) from again
        self._exchange([Command(sql=_FORGET, parameters=(token,))])
        if taken:
            return "it did not come about, and what has its name was not touched"
        return "it did not come about, and nothing is left of it"

    def _refused(
        self, refused: Refused, change: OutsideTransaction, blockers: Blockers, untouched: str
    ) -> Failed:
        """Return the error that tells of a refusal; of a lock that was not to be had also who held it."""
        if refused.state != _LOCK_NOT_HAD:
            return failed(self.where, refused, untouched)
        what = f"no lock, or end of a transaction, within {change.lock_timeout:g} s; {blockers.seen}"
        todo = f"{untouched}; end what blocks it, or try again later"
        return Failed(self.where, what, todo, output=refused.complaint)

    def _own_wire(self, change: OutsideTransaction) -> tuple[Wire, int, str]:
        """Return a connection for the statement alone, the server's process, and since when that is there.

        Raises:
            _Silent: There is none to be had.
        """
        why = ""
        for _ in range(max(1, round(self.settings.settle))):
            try:
                return self._prepared(self.door.another_wire(), change)
            except (NoDatabase, WireLost) as error:
                why = str(error)
                if isinstance(error, NoDatabase) and error.no_host:
                    break
            self.sleep(1.0)
        raise _Silent(why)

    def _prepared(self, wire: Wire, change: OutsideTransaction) -> tuple[Wire, int, str]:
        limits = {
            "lock_timeout": milliseconds(change.lock_timeout),
            "statement_timeout": milliseconds(change.statement_timeout),
        }
        own = set_for({**self.door.session(), **limits}, local=False)
        try:
            *_, found = wire.exchange(
                [own, *signed(wire, self.lock.signature()), _BEGAN], self.settings.answer
            )
            pid, began = rows_of(all_well([found])[0]).rows[0]
        except BaseException:
            wire.close()
            raise
        return wire, int(pid), str(began)

    def _clean_up(self, change: OutsideTransaction) -> None:
        if change.clean_up is None or (change.left and not self._came_about(change.left)):
            return
        wire, _, _ = self._own_wire(change)
        with closing(wire):
            seconds = change.statement_timeout + self.settings.answer
            try:
                all_well(wire.exchange([command_of(change.clean_up)], seconds))
            except WireLost as error:
                raise _Silent(str(error)) from error

    def _report(self, token: str, change: OutsideTransaction) -> None:
        run, _, step = token.partition("/")
        row = (token, run, step, digest_of(change), json.dumps(self._undo_of(change)))
        self._exchange([Command(sql=_REPORT, parameters=(token, *row))])

    def _undo_of(self, change: OutsideTransaction) -> dict[str, Json]:
        if change.made is None:
            return change.undo
        return {**change.undo, "made": self._single(change.made)}

    def _is_done(self, token: str, change: OutsideTransaction) -> bool:
        rows = rows_of(self._exchange([Command(sql=_DONE, parameters=(token,))])[0]).rows
        if rows:
            refuse_another(self.where, token, rows[0][0], change)
        return bool(rows)

    def _there(self) -> tuple[bool, bool]:
        """Return whether our schema is there, and whether in it the table of what was begun."""
        schema, intended = rows_of(self._exchange([Command(sql=_THERE)])[0]).rows[0]
        return bool(schema), bool(intended)

    def _make_room(self) -> None:
        schema, intended = self._there()
        if not intended:
            self._exchange(create_intended(schema_there=schema))

    def _begun(self, token: str) -> list[_Begun]:
        """Return what was begun; it makes nothing, for whoever only looks, or stops, may have nothing to do here."""
        if not self._there()[1]:
            return []
        asked = Command(sql=_BEGUN, parameters=(token, f"{token}/"))
        return [_begun(row) for row in rows_of(self._exchange([asked])[0]).rows]

    def _came_about_after(self, begun: _Begun) -> bool:
        self._wait_until_gone(begun)
        return self._came_about(begun.change.came_about)

    def _wait_until_gone(self, begun: _Begun) -> None:
        """Wait until the server's process that ran it is gone; its own time-out bounds that."""
        asked = Command(sql=_RUNS, parameters=(begun.pid, begun.began))
        for _ in range(max(1, round(begun.change.statement_timeout + self.settings.settle))):
            if not rows_of(self._exchange([asked])[0]).rows[0][0]:
                return
            self.sleep(1.0)
        raise _Silent(f"pid {begun.pid} still runs it")

    def _came_about(self, question: Query) -> bool:
        answer = self._single(question)
        if not isinstance(answer, bool):
            raise Failed(
                self.where, "the catalog's answer is not one boolean", "correct the action's question"
            )
        return answer

    def _single(self, question: Query) -> Json:
        """Return the one value that a question is answered; None where it is not one."""
        commands = [
            Command(sql="BEGIN TRANSACTION READ ONLY"),
            set_locally(self.door.session()),
            command_of(question),
            Command(sql="ROLLBACK"),
        ]
        rows = rows_of(self._exchange(commands)[2]).rows
        return rows[0][0] if len(rows) == 1 else None

    def _exchange(self, commands: tuple[Command, ...] | list[Command]) -> list[PGresult]:
        """Ask, again and again while the link or the server is away: none of it does harm when it comes twice.

        Raises:
            Refused: The server refused.
            _Silent: Nobody answers.
        """
        why = ""
        for _ in range(max(1, round(self.settings.settle))):
            try:
                return all_well(self.lock.wire().exchange(commands, self.settings.answer))
            except (NoDatabase, WireLost) as error:
                why = str(error)
                if isinstance(error, NoDatabase) and error.no_host:
                    break
            except Refused as refused:
                if not refused.ended:
                    raise
                why = refused.complaint
            self.door.close()
            self.sleep(1.0)
        raise _Silent(why)


class _Silent(Exception):  # noqa: N818  (a signal within this file)
    """The database could not be asked, and `why`."""

    def __init__(self, why: str) -> None:
        self.why = why or "the connection broke"
        super().__init__(self.why)


def _begun(row: tuple[Any, ...]) -> _Begun:
    token, digest, change, pid, began = row
    return _Begun(token, digest, OutsideTransaction.model_validate_json(json.dumps(change)), pid, began)
