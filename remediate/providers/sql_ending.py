"""Ends a statement (`sql.cancel`) or a whole session (`sql.terminate`) of the database's: that one, and no other.

A process's number may be another's a moment later. So a session is meant by its process, when that began, when its
statement began and what that is; all of it is looked at again in the very statement that ends it, on a picture of the
sessions that is made anew right before (a transaction sees one picture; manual, "The Cumulative Statistics System").
A signal is no part of a transaction: where COMMIT fails after it, it was sent, and the ledger knows nothing of it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from remediate.errors import Conflict, Failed
from remediate.model import Change, Fidelity, Forecast, Json, Undo, WayBack
from remediate.promise import Need, Promise
from remediate.providers.column_removal import LEDGER_EXISTS
from remediate.providers.sql_sessions import (
    ALL_SESSIONS,
    CLIENT,
    OURS,
    SESSIONS,
    Session,
    lasting,
    sessions_in,
    with_rows,
)
from remediate.questions import Answers, Query, QueryAnswer, Scalar
from remediate.sql import literal
from remediate.steps import Action, Questions, Step
from remediate.target import DatabaseChange, Statement, Target

_FIRE = f"""WITH fired AS (
 SELECT {{call}}(a.pid) AS sent FROM pg_stat_activity AS a LEFT JOIN pg_roles AS r ON r.oid = a.usesysid
 WHERE a.pid = %s AND a.backend_start = %s::timestamptz
  AND a.query_start = %s::timestamptz AND md5(a.query) = %s AND a.state {{doing}}
  AND a.backend_type = '{CLIENT}' AND NOT coalesce(r.rolsuper, true)
  AND a.pid <> pg_backend_pid() AND NOT {OURS})
UPDATE remediate.ledger
SET undo = undo || jsonb_build_object('sent', coalesce((SELECT bool_or(sent) FROM fired), false))
WHERE xact = pg_current_xact_id()"""  # noqa: S608  (constants)
CANCEL = _FIRE.format(call="pg_cancel_backend", doing="= 'active'")
"""Ends the statement, and notes in this transaction's ledger row whether it was there to be ended."""
TERMINATE = _FIRE.format(call="pg_terminate_backend", doing="<> 'idle'")
"""Ends the session, and notes the same."""
CLEAR = "SELECT pg_stat_clear_snapshot()"

PAUSE = "SELECT pg_sleep(%s::float8)"
STILL = """SELECT a.state, a.query_start = %s::timestamptz AND md5(a.query) = %s AS same
FROM pg_stat_activity AS a WHERE a.pid = %s AND a.backend_start = %s::timestamptz"""
SENT = "SELECT EXISTS (SELECT FROM remediate.ledger WHERE undo @> %s::jsonb)"
_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)
"""Seconds before each look whether it has ended."""
_TO = "TO the app's role"
_LOST = "what it has not committed is lost, and only the application can do it again"
_FOR_GOOD = f"none: {_LOST}"


class Backend(BaseModel):
    """One statement of one session, as `found.….blockers` of `sql.blocked` names it.

    Attributes:
        pid: The server's process.
        backend_start: When that began.
        query_start: When its statement began.
        query_md5: The MD5 of the statement.
        application: The session's name, for people.
        role: Whose it is, for people.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    pid: int
    backend_start: str | None
    query_start: str | None
    query_md5: str | None
    application: str = ""
    role: str = ""

    @property
    def identity(self) -> tuple[Scalar, ...]:
        """What no other statement of any session shares."""
        return (self.pid, self.backend_start, self.query_start, self.query_md5)

    def is_of(self, one: Session | None) -> bool:
        """Tell whether a session is this one, at this very statement."""
        return one is not None and self.identity == backend_of(one).identity


def backend_of(one: Session) -> Backend:
    """Return what names a session's statement for good."""
    return Backend.model_validate({name: getattr(one, name) for name in Backend.model_fields})


class _End(Action):
    """What both have in common: whom they choose, whom they refuse, how it is told."""

    fire: ClassVar[str]
    backends: list[Backend] = Field(default=[], description="The very ones, as `sql.blocked` found them.")
    application: str = Field(default="", description="Instead: those of this name (`application_name`) …")
    longer_than: float = Field(default=0.0, ge=0, description="… that are at it for more seconds than this.")
    at_most: int = Field(default=1, ge=1, description="Where more are meant, nothing is done.")

    @model_validator(mode="after")
    def _one_way_to_choose(self) -> Self:
        chosen = self.application or "backends" in self.model_fields_set
        if not chosen or (self.application and self.backends):
            raise ValueError("give either `backends`, or `application` with `longer_than`")
        if self.application and not self.longer_than:
            raise ValueError("`application` needs `longer_than`: for how many seconds they are at it")
        return self

    def ask(self) -> Questions:
        """Ask for the sessions; for none where nobody is to be ended."""
        return (SESSIONS,) if self.application or self.backends else ()

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return a change for each that is there, and at it.

        Raises:
            Failed: One of them must not, or cannot, be ended; or more are meant than `at_most`.
        """
        if not self.ask():
            return ()
        sessions = sessions_in(answers[SESSIONS])
        chosen = self._chosen(sessions)
        if len(chosen) > self.at_most:
            names = ", ".join(one.called for one in chosen)
            what = f"{len(chosen)} sessions are meant, at most {self.at_most} may be: {names}"
            raise Failed(answers.where, what, "look at each; raise `at_most` where all of them are meant")
        for one in chosen:
            if why := self._untouchable(one):
                raise Failed(answers.where, f"{one.called} is not ended: {why[0]}", why[1])
        return tuple(self._changes(chosen, sessions, answers[SESSIONS]))

    def snapshot(self, target: Target, change: Change) -> Undo:
        """Write down whom it is to end."""
        del target
        return self.undo_with(dict(change.data))

    def apply(self, target: Target, change: Change) -> None:
        """End it where it still is what was confirmed, and look until it has ended. One that is gone is fine.

        Raises:
            Conflict: The session is there, and at something else by now; nothing was sent to it.
            Failed: The server refused; or it was told to end, and has not.
            Lost: The answer to COMMIT was lost, and the ledger cannot be asked.
        """
        one = Backend.model_validate(change.data["ended"])
        statements = (Statement(sql=CLEAR), Statement(sql=self.fire, parameters=one.identity))
        target.change_database(DatabaseChange(statements=statements, undo=dict(change.data)))
        if _was_sent(target, change.data):
            self._wait_until_ended(target, one)
        elif _still(target, one, 0.0)[0]:
            what = f"pid {one.pid} is at something else by now, and nothing was sent to it"
            raise Conflict(target.name, what, "look again: run plan anew")

    def undo(self, target: Target, undo: Undo) -> None:
        """Do nothing where nothing was sent; else say that there is no way back, and touch nothing.

        Raises:
            Failed: It was ended.
        """
        if _was_sent(target, undo.data):
            what = f"pid {undo.data['ended']['pid']} was ended, and there is no way back from that"
            raise Failed(target.name, what, "the application has to do again what was not committed")

    def _chosen(self, sessions: Mapping[int, Session]) -> list[Session]:
        if self.backends:
            named = [sessions[one.pid] for one in self.backends if one.is_of(sessions.get(one.pid))]
            return [one for one in named if one.state != "idle"]
        return [one for one in sessions.values() if self._is_meant(one)]

    def _is_meant(self, one: Session) -> bool:
        named = one.application == self.application and one.here and not one.ours
        return named and (not one.visible or self._seconds(one) > self.longer_than)

    def _untouchable(self, one: Session) -> tuple[str, str] | None:
        """Return why a session is not ended, and what a person can do; None where it may be."""
        seen = one.visible and one.query_start
        reasons = (
            (not seen, "what it does cannot be seen", f"GRANT pg_monitor {_TO}, or ask a DBA"),
            (one.ours, "it is a run of this program's", "remediate unlock ends one that died"),
            (one.backend_type != CLIENT, f"it is the server's own ({one.backend_type})", "find its cause"),
            (one.superuser, "it is a superuser's", "talk to whoever that is"),
            (not one.here, f"it is of the database {one.database}", "end it from there"),
            (not one.may_end, f"only {one.role} and pg_signal_backend may", f"GRANT pg_signal_backend {_TO}"),
        )
        return next(((why, todo) for holds, why, todo in reasons if holds), None)

    def _changes(
        self, chosen: list[Session], sessions: Mapping[int, Session], answer: QueryAnswer
    ) -> Iterator[Change]:
        for one in chosen:
            answer = with_rows(answer, {one.pid: self._left})
            waiting = sum(one.pid in other.blockers for other in sessions.values())
            data = {"ended": backend_of(one).model_dump(mode="json")}
            yield Change(
                what=f"{self._doing} {one.called}",
                target=f"session {one.pid}",
                script=_shown(self.fire, backend_of(one).identity),
                notes=(one.doing, f"sessions that wait for it: {waiting}", self._cost(one)),
                fidelity=Fidelity.EXACT,
                way_back=WayBack.NONE,
                way_back_note=_FOR_GOOD,
                risk="data",
                alters=(ALL_SESSIONS,),
                forecasts=(Forecast(question=SESSIONS, answer=answer, unwritten=True),),
                data=data,
            )

    _doing: ClassVar[str]
    _left: ClassVar[dict[str, Json] | None]
    """What is left of the session, in the picture of all."""

    def _seconds(self, one: Session) -> float:
        raise NotImplementedError

    def _cost(self, one: Session) -> str:
        raise NotImplementedError

    def _goes_on(self, there: bool, same: bool) -> bool:
        raise NotImplementedError

    def _wait_until_ended(self, target: Target, one: Backend) -> None:
        for seconds in _PAUSES:
            if not self._goes_on(*_still(target, one, seconds)):
                return
        what = f"pid {one.pid} was told to end, and has not within {sum(_PAUSES):.0f} s"
        raise Failed(target.name, what, "it may wait for a disk or a network: look at it again")


class Cancel(_End):
    """Cancels the statement that a session runs; the session stays.

    It does nothing to a session that is idle in a transaction: that is refused, and `sql.terminate` ends it.
    """

    kind: ClassVar[str] = "sql.cancel"
    tells: ClassVar[str] = (
        "Cancels the statements that {backends} are running, {at_most} at most; the sessions stay"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.EXACT: ""}, back={WayBack.NONE: _LOST}, risks=("data",)
    )
    fire: ClassVar[str] = CANCEL
    _doing: ClassVar[str] = "cancel the statement of"
    _left: ClassVar[dict[str, Json] | None] = {"state": "idle", "blockers": []}

    def _untouchable(self, one: Session) -> tuple[str, str] | None:
        if one.visible and one.state != "active":
            idle = f"it is {one.state}: cancelling does nothing to it, and its locks would stay"
            return idle, "sql.terminate ends the session"
        return super()._untouchable(one)

    def _seconds(self, one: Session) -> float:
        return (one.query_seconds or 0) if one.state == "active" else -1

    def _cost(self, one: Session) -> str:
        return f"the application gets an error (57014); what it did in this transaction is rolled back{_wrote(one)}"

    def _goes_on(self, there: bool, same: bool) -> bool:
        return there and same


class Terminate(_End):
    """Ends a session that has a transaction or a statement open; the application has to connect anew."""

    kind: ClassVar[str] = "sql.terminate"
    tells: ClassVar[str] = (
        "Ends the sessions {backends}, {at_most} at most; the application has to connect anew"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.EXACT: ""}, back={WayBack.NONE: _LOST}, risks=("data",)
    )
    fire: ClassVar[str] = TERMINATE
    _doing: ClassVar[str] = "end the session of"
    _left: ClassVar[dict[str, Json] | None] = None

    def _seconds(self, one: Session) -> float:
        return (one.transaction_seconds or 0) if one.state != "idle" else -1

    def _cost(self, one: Session) -> str:
        return f"the application loses its connection (57P01); its transaction is rolled back{_wrote(one)}"

    def _goes_on(self, there: bool, same: bool) -> bool:
        del same
        return there


def _wrote(one: Session) -> str:
    wrote = "it has written" if one.has_written else "it has written nothing yet"
    return f" (open for {lasting(one.transaction_seconds)}, {wrote})"


def _shown(sql: str, values: tuple[Scalar, ...]) -> str:
    """Return a statement as it runs, its values in it."""
    rest = iter(values)
    return re.sub(r"%s", lambda _: literal(next(rest)), sql) + ";"


def _was_sent(target: Target, data: Mapping[str, Json]) -> bool:
    """Tell whether the ledger says that the signal was sent, by this process or by one that died of it."""
    if target.answer((LEDGER_EXISTS,))[LEDGER_EXISTS].rows[0][0] is not True:
        return False
    question = Query(sql=SENT, parameters=(json.dumps({**data, "sent": True}),))
    return bool(target.answer((question,))[question].rows[0][0])


def _still(target: Target, one: Backend, seconds: float) -> tuple[bool, bool]:
    """Return, some seconds later by the server's clock, whether a session is at work, and whether at the same."""
    pause = Query(sql=PAUSE, parameters=(seconds,))
    identity = (one.query_start, one.query_md5, one.pid, one.backend_start)
    question = Query(sql=STILL, parameters=identity, about=(ALL_SESSIONS,))
    rows: tuple[tuple[Any, ...], ...] = target.answer((pause, question))[question].rows
    return any(state != "idle" for state, _ in rows), any(state == "active" and same for state, same in rows)


STEPS: tuple[type[Step], ...] = (Cancel, Terminate)
