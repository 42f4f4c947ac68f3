"""The cases of what is done to a live database, in memory: sessions that are ended, statistics and room made anew."""

import json
from typing import Any

from remediate.providers.column_removal import LEDGER_EXISTS
from remediate.providers.sql_ending import (
    CANCEL,
    CLEAR,
    PAUSE,
    SENT,
    STILL,
    TERMINATE,
    Backend,
    Cancel,
    Terminate,
)
from remediate.providers.sql_sessions import SESSIONS, Session
from remediate.questions import Query, QueryAnswer

from .memory import MemoryWorld, State

ONE = Backend(
    pid=7,
    backend_start="2026-01-01 00:00:00+00",
    query_start="2026-01-01 00:00:01+00",
    query_md5="5d",
    role="web",
)
CANCEL_ONE, TERMINATE_ONE = Cancel(backends=[ONE]), Terminate(backends=[ONE])
TERMINATE_NAMED = Terminate(application="cron", longer_than=60)
_PLAIN: dict[str, Any] = ONE.model_dump() | {
    "backend_type": "client backend",
    "superuser": False,
    "database": "d",
    "here": True,
    "application": "cron",
    "ours": False,
    "visible": True,
    "may_end": True,
    "has_written": True,
    "at_work": True,
    "transaction_seconds": 90.0,
    "query_seconds": 80.0,
    "state_seconds": 80.0,
    "waiting_seconds": 80.0,
    "waits_for": "",
    "waits_at": "",
    "blockers": [],
    "query": "SELECT 1",
}


def sessions_world() -> MemoryWorld:
    """Return a world with one session that runs a statement."""
    queries = {
        SESSIONS.sql: _seen,
        LEDGER_EXISTS.sql: lambda state, _: _answered("there", (bool(state.ledger),)),
        SENT: lambda state, query: _answered("sent", (_sent(state, query.parameters[0]),)),
        PAUSE: lambda *_: _answered("pg_sleep", ("",)),
        STILL: _still,
    }
    statements = {CLEAR: lambda *_: None, CANCEL: _cancel, TERMINATE: _terminate}
    return MemoryWorld(State(tables={"sessions": {"7": "active"}}), queries=queries, statements=statements)


def _answered(columns: str, *rows: tuple[Any, ...]) -> QueryAnswer:
    return QueryAnswer(columns=tuple(columns.split()), rows=rows)


def _seen(state: State, query: Query) -> QueryAnswer:
    del query
    records = [{**_PLAIN, "state": doing} for doing in state.tables["sessions"].values()]
    names = tuple(Session.model_fields)
    return QueryAnswer(columns=names, rows=tuple(tuple(one[name] for name in names) for one in records))


def _still(state: State, query: Query) -> QueryAnswer:
    del query
    return _answered("state same", *((doing, True) for doing in state.tables["sessions"].values()))


def _sent(state: State, wanted: Any) -> bool:
    ended = json.loads(wanted)["ended"]
    return any(one.get("ended") == ended for one in state.ledger.values()) and state.tables["sessions"] != {
        "7": "active"
    }


def _cancel(state: State, values: tuple[Any, ...]) -> None:
    del values
    state.tables["sessions"]["7"] = "idle"


def _terminate(state: State, values: tuple[Any, ...]) -> None:
    del values
    state.tables["sessions"].clear()


SESSION_CASES = (
    ("a statement that is cancelled", CANCEL_ONE, sessions_world),
    ("a session that is ended", TERMINATE_ONE, sessions_world),
    ("a session of an application, long at work", TERMINATE_NAMED, sessions_world),
)
