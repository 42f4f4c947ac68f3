"""What the server tells of its sessions: who they are, what they do, who waits for whom. Judges nothing, ends nobody.

Sources: the manual's chapters "The Cumulative Statistics System" (`pg_stat_activity`), `pg_locks`, `pg_prepared_xacts`
and `pg_blocking_pids`; tried on PostgreSQL 15. All times are the server's. Locks every role sees whole; of other roles'
sessions it sees names alone, unless it has `pg_read_all_stats` (or `pg_monitor`, which has that).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ConfigDict

from remediate.questions import Query, QueryAnswer, Value
from remediate.text.statement_head import statement_head

ALL_SESSIONS = "sessions"
"""The fact that every picture of the sessions depends on."""

OURS = "(a.application_name = 'remediate' OR starts_with(a.application_name, 'remediate '))"
"""An expression over `pg_stat_activity AS a`: whether it is a connection of this program's, of whatever run."""

SESSIONS = Query(
    sql=f"""SELECT a.pid, a.backend_start::text AS backend_start, a.query_start::text AS query_start,
 md5(a.query) AS query_md5, coalesce(a.state, '') AS state, coalesce(a.backend_type, '') AS backend_type,
 coalesce(a.usename, '') AS role, coalesce(r.rolsuper, true) AS superuser, coalesce(a.datname, '') AS database,
 coalesce(a.datname = current_database(), false) AS here, coalesce(a.application_name, '') AS application,
 a.pid = pg_backend_pid() OR {OURS} AS ours, a.backend_start IS NOT NULL AS visible,
 coalesce(pg_has_role('pg_signal_backend', 'USAGE') OR pg_has_role(a.usesysid, 'USAGE'), false) AS may_end,
 a.backend_xid IS NOT NULL AS has_written,
 EXISTS (SELECT FROM pg_locks AS v WHERE v.pid = a.pid AND v.locktype = 'virtualxid' AND v.granted) AS at_work,
 extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS transaction_seconds,
 extract(epoch FROM clock_timestamp() - a.query_start)::float8 AS query_seconds,
 extract(epoch FROM clock_timestamp() - a.state_change)::float8 AS state_seconds,
 extract(epoch FROM clock_timestamp() - coalesce(w.since, a.query_start))::float8 AS waiting_seconds,
 coalesce(w.kind, '') AS waits_for, coalesce(w.relation, '') AS waits_at,
 CASE WHEN w.kind IS NOT NULL THEN pg_blocking_pids(a.pid) ELSE '{{}}' END AS blockers, left(a.query, 300) AS query
FROM pg_stat_activity AS a LEFT JOIN pg_roles AS r ON r.oid = a.usesysid
LEFT JOIN LATERAL (SELECT l.locktype AS kind, (to_jsonb(l) ->> 'waitstart')::timestamptz AS since,
  (SELECT t.relation::regclass::text FROM pg_locks AS t WHERE t.pid = l.pid AND t.relation IS NOT NULL
   AND t.database = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND (t.locktype, t.granted) IN ((l.locktype, false), ('tuple', true)) LIMIT 1) AS relation
  FROM pg_locks AS l WHERE l.pid = a.pid AND NOT l.granted LIMIT 1) AS w ON true
ORDER BY a.backend_start, a.pid""",  # noqa: S608  (constants)
    about=(ALL_SESSIONS,),
)
"""Every session of the server. Since when a lock is waited for is known from version 14 on (`waitstart`)."""

PREPARED = Query(
    sql="""SELECT p.gid, p.owner, p.database, extract(epoch FROM clock_timestamp() - p.prepared)::float8 AS seconds,
 ARRAY(SELECT DISTINCT w.pid FROM pg_locks AS own
  JOIN pg_locks AS h ON h.virtualtransaction = own.virtualtransaction AND h.pid IS NULL AND h.granted
  JOIN pg_locks AS w ON NOT w.granted AND w.locktype = h.locktype
   AND (w.database, w.relation, w.page, w.tuple, w.transactionid, w.classid, w.objid, w.objsubid)
   IS NOT DISTINCT FROM (h.database, h.relation, h.page, h.tuple, h.transactionid, h.classid, h.objid, h.objsubid)
  WHERE own.locktype = 'transactionid' AND own.transactionid = p.transaction AND own.pid IS NULL AND own.granted)
 AS wanted_by
FROM pg_prepared_xacts AS p ORDER BY p.prepared, p.gid""",
    about=(ALL_SESSIONS,),
)
"""The transactions that were prepared and not ended, with who waits for something that each of them has locked.

They have no process: to `pg_blocking_pids` each of them is 0. With a number of their own a lock's holder is found.
"""

CLIENT = "client backend"
_IDLE_IN_TRANSACTION = ("idle in transaction", "idle in transaction (aborted)")
_LONGEST_HEAD = 100
_WAITS = {
    "advisory": "an advisory lock",
    "transactionid": "another transaction's end",
    "virtualxid": "another transaction's end",
}
_WAITS_AT = {**_WAITS, "relation": "the table {}", "tuple": "a row of {}", "transactionid": "a row of {}"}


class Session(Value):
    """One session of the server, as it was when it was looked at.

    Attributes:
        pid: The server's process.
        backend_start: When it began, as the server writes it; None where it is hidden from us.
        query_start: When its latest statement began; None where it had none, or it is hidden.
        query_md5: The MD5 of that statement, as far as the server keeps it.
        state: `active`, `idle`, `idle in transaction`, …; empty where it is hidden.
        backend_type: `client backend`, `autovacuum worker`, `walsender`, …; empty where it is hidden.
        role: Who logged in.
        superuser: Whether that is a superuser.
        database: The one it is connected to.
        here: Whether that is the app's.
        application: The name that it gave itself.
        ours: Whether it is a connection of this program's.
        visible: Whether we may see what it does.
        may_end: Whether the server lets us end it.
        has_written: Whether its transaction has written something.
        at_work: Whether it has a transaction or statement open; that is no secret of its.
        transaction_seconds: Since when it has a transaction open.
        query_seconds: Since when its latest statement began.
        state_seconds: Since when it is in its state.
        waiting_seconds: Since when it waits for a lock.
        waits_for: What kind of lock that is; empty where it waits for none.
        waits_at: The table it is of, where it is of one.
        blockers: The processes it waits for; 0 is a prepared transaction.
        query: The beginning of the latest statement, as it was sent.
    """

    model_config = ConfigDict(extra="ignore")
    pid: int
    backend_start: str | None
    query_start: str | None
    query_md5: str | None
    state: str
    backend_type: str
    role: str
    superuser: bool
    database: str
    here: bool
    application: str
    ours: bool
    visible: bool
    may_end: bool
    has_written: bool
    at_work: bool
    transaction_seconds: float | None
    query_seconds: float | None
    state_seconds: float | None
    waiting_seconds: float | None
    waits_for: str
    waits_at: str
    blockers: tuple[int, ...]
    query: str | None

    @property
    def idle_in_transaction(self) -> bool:
        """Whether it has a transaction open and does nothing."""
        return self.state in _IDLE_IN_TRANSACTION

    @property
    def is_client(self) -> bool:
        """Whether a program is connected with it; where its kind is hidden, as far as database and role tell."""
        return self.backend_type == CLIENT or bool(not self.visible and self.database and self.role)

    @property
    def called(self) -> str:
        """What to call it, in words that do not change while it lives."""
        named = f"{self.application or 'unnamed'}, role {self.role}" if self.role else self.backend_type
        return f"pid {self.pid} ({named})"

    @property
    def doing(self) -> str:
        """What it does, in a clause."""
        if not self.visible:
            return f"what it does only {self.role or 'a superuser'} and pg_monitor may see"
        kind = "" if self.backend_type == CLIENT else f"{self.backend_type}, "
        if self.idle_in_transaction:
            wrote = "has written" if self.has_written else "has written nothing"
            age = f"idle in transaction for {lasting(self.state_seconds)}, open for {lasting(self.transaction_seconds)}"
            return f"{kind}{age}, {wrote}: {head(self.query)}"
        return f"{kind}{self.state or 'at work'} for {lasting(self.query_seconds)}: {head(self.query)}"

    @property
    def waiting(self) -> str:
        """What it waits for, in a clause."""
        at = _WAITS_AT if self.waits_at else _WAITS
        what = at.get(self.waits_for, f"a lock ({self.waits_for})").format(self.waits_at)
        return f"waits {lasting(self.waiting_seconds)} for {what}"


class Prepared(Value):
    """A transaction that was prepared for a two-phase commit, and neither committed nor rolled back since.

    Attributes:
        gid: The name it was given.
        owner: Whose it is.
        database: Which one it is of.
        seconds: Since when.
        wanted_by: The processes that wait for something it has locked, or for somebody else who has locked that too.
    """

    gid: str
    owner: str
    database: str
    seconds: float
    wanted_by: tuple[int, ...]

    @property
    def called(self) -> str:
        """What to call it."""
        return f"the prepared transaction {self.gid} (role {self.owner}, database {self.database})"


def sessions_in(answer: QueryAnswer) -> dict[int, Session]:
    """Return the sessions of an answer to `SESSIONS`, under their processes."""
    return {record["pid"]: Session.model_validate(record) for record in answer.records}


def prepared_in(answer: QueryAnswer) -> tuple[Prepared, ...]:
    """Return the transactions of an answer to `PREPARED`."""
    return tuple(Prepared.model_validate(record) for record in answer.records)


def with_rows(answer: QueryAnswer, changed: Mapping[int, Mapping[str, Any] | None]) -> QueryAnswer:
    """Return an answer to `SESSIONS` with some sessions altered, or gone.

    Args:
        answer: The answer.
        changed: What is different, under the process; None where it is gone.
    """
    altered: Iterable[dict[str, Any] | None] = (_altered(record, changed) for record in answer.records)
    return answer.model_copy(update={"rows": tuple(tuple(one.values()) for one in altered if one)})


def _altered(
    record: dict[str, Any], changed: Mapping[int, Mapping[str, Any] | None]
) -> dict[str, Any] | None:
    different = changed.get(record["pid"], {})
    return None if different is None else {**record, **different}


def hidden(sessions: Iterable[Session]) -> str:
    """Return in a sentence what could not be seen of whom, or nothing where all could."""
    unseen = [one for one in sessions if not one.visible and one.is_client and not one.ours]
    if not unseen:
        return ""
    roles = ", ".join(sorted({one.role for one in unseen}))
    many = f"{len(unseen)} sessions of {roles} do" if len(unseen) > 1 else f"1 session of {roles} does"
    return f"what {many} cannot be seen: GRANT pg_monitor TO the app's role"


def lasting(seconds: float | None) -> str:
    """Return how long something lasts, for a person; times are the server's."""
    if seconds is None:
        return "a time unknown"
    if seconds < 120:  # noqa: PLR2004  (two minutes)
        return f"{seconds:.0f} s"
    return f"{seconds // 60:.0f} min" if seconds < 7200 else f"{seconds // 3600:.0f} h"  # noqa: PLR2004  (two hours)


def head(query: str | None) -> str:
    """Return how a statement begins, without the values in it."""
    return statement_head(query or "", _LONGEST_HEAD)
