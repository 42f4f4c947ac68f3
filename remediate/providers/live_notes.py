"""What a plan tells of a table at this moment: its size, and for whom a change would have to wait. Decides nothing.

Live figures move: they are asked apart from shapes, stand in notes only, and a plan is made without them, too.
"""

from collections.abc import Mapping

from remediate.model import Json
from remediate.questions import Query, QueryAnswer

OPEN_TRANSACTIONS = Query(
    sql="""SELECT a.pid, coalesce(a.application_name, '') AS application, coalesce(a.state, '') AS state,
 coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::bigint AS seconds
FROM pg_stat_activity AS a WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
AND coalesce(a.backend_type, 'client backend') = 'client backend'
AND EXISTS (SELECT FROM pg_locks AS l WHERE l.pid = a.pid AND l.locktype = 'virtualxid' AND l.granted
  AND l.mode = 'ExclusiveLock') ORDER BY a.xact_start, a.pid""",
    about=("transactions",),
)
"""Who has a transaction open here: each holds the lock of its own virtual id, which every role may see."""


def live_notes(answer: object) -> tuple[str, ...]:
    """Return what to tell of an answer to `catalog.live`: size, rows, who holds the table."""
    if not isinstance(answer, QueryAnswer) or not answer.rows:
        return (size_note(answer),)
    live = answer.records[0]
    notes = [size_note(answer)]
    if live["longest_seconds"] or live["prepared"]:
        notes.append(
            f"longest open transaction: {live['longest_seconds']} s; prepared transactions: {live['prepared']}"
        )
    return (*notes, f"would have to wait now for: {', '.join(map(_who, live['holders'])) or 'nobody'}")


def size_note(answer: object) -> str:
    """Return how large a table is, of an answer to `catalog.live`."""
    if not isinstance(answer, QueryAnswer) or not answer.rows:
        return "live size: could not be seen"
    live = answer.records[0]
    rows = f"about {live['rows']} rows" if live["rows"] >= 0 else "rows never counted (no ANALYZE yet)"
    return f"live size: {live['bytes'] / 1_000_000:.1f} MB, {rows}"


def open_transactions_note(answer: object) -> str:
    """Return for whom something that waits for open transactions would wait, of an answer to `OPEN_TRANSACTIONS`."""
    if not isinstance(answer, QueryAnswer):
        return "who has a transaction open could not be seen"
    open_now = ", ".join(f"{_who(one)} for {one['seconds']} s" for one in answer.records)
    return f"would have to wait now for the end of: {open_now or 'nobody'}"


def _who(one: Mapping[str, Json]) -> str:
    return f"pid {one['pid']} ({one['application'] or 'unnamed'}, {one['state']})"
