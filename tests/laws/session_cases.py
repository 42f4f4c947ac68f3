"""The cases of what is done to a live database, in memory: sessions that are ended, statistics and room made anew."""

import json
from collections.abc import Callable
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
from remediate.providers.sql_statistics import FIGURES, HOLDING_BACK, Figures
from remediate.providers.sql_vacuum import ANALYZED, VACUUMED, Analyze, Vacuum
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


_TABLE: dict[str, Any] = {
    "schema_name": "public",
    "name": "t",
    "owner": "app",
    "may": True,
    "live": 50_000,
    "dead": 50_000,
    "changed": 50_000,
    "vacuum_count": 3,
    "analyze_count": 3,
    "analyzed": True,
    "vacuum_seconds": None,
    "autovacuum_seconds": 9.0,
    "analyze_seconds": None,
    "autoanalyze_seconds": 9.0,
    "automatic": True,
    "automatic_from": 50.0,
}


def counted_world() -> MemoryWorld:
    """Return a world with a table that nobody has seen to; what is counted is no part of its picture."""
    queries = {
        FIGURES.sql: _figures,
        HOLDING_BACK.sql: lambda *_: _answered("kind who seconds"),
        ANALYZED: _counted("analyze_count"),
        VACUUMED: _counted("vacuum_count"),
    }
    statements = {
        'ANALYZE "public"."t"': _seen_to(changed=0, analyze_count=4),
        'VACUUM "public"."t"': _seen_to(dead=0, vacuum_count=4),
    }
    return MemoryWorld(State(processes={"t": dict(_TABLE)}), queries=queries, statements=statements)


def _figures(state: State, query: Query) -> QueryAnswer:
    del query
    names = tuple(Figures.model_fields)
    return QueryAnswer(columns=names, rows=(tuple(state.processes["t"][name] for name in names),))


def _counted(counter: str) -> Callable[[State, Query], QueryAnswer]:
    return lambda state, query: _answered("done", (state.processes["t"][counter] > query.parameters[0],))


def _seen_to(**figures: int) -> Callable[[State, tuple[Any, ...]], None]:
    return lambda state, _: state.processes["t"].update(figures)


SESSION_CASES = (
    ("a statement that is cancelled", CANCEL_ONE, sessions_world),
    ("a session that is ended", TERMINATE_ONE, sessions_world),
    ("a session of an application, long at work", TERMINATE_NAMED, sessions_world),
    ("a table that changed since it was analyzed", Analyze(), counted_world),
    ("a table that is named", Analyze(tables=["t"]), counted_world),
    ("a table with many dead rows", Vacuum(), counted_world),
)
