"""What a run keeps of rows, removed once its time is over: what is there, and the statements. Sends nothing."""

from remediate.model import Json
from remediate.providers.row_images import THERE
from remediate.questions import Query
from remediate.target import DatabaseChange, Statement

KEPT = THERE
"""Whether anything was ever kept in the database."""
_OF_RUN = """SELECT count(*) AS rows, coalesce(extract(epoch FROM now() - max(at)), 0)::double precision AS age
FROM remediate.rows WHERE run = %s"""
_NOTE = """UPDATE remediate.ledger SET undo = undo || jsonb_build_object('forgotten', jsonb_build_object(
 'at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), 'who', %s::text, 'why', %s::text))
WHERE run = %s AND undo ? 'change' AND NOT undo ? 'undone' AND NOT undo ? 'forgotten'"""
_REMOVE = "DELETE FROM remediate.rows WHERE run = %s"
_MANY_SECONDS = 600.0


def kept_of(run: str) -> Query:
    """Return the question how many rows are kept of a run, and for how many seconds: `rows`, `age`."""
    return Query(sql=_OF_RUN, parameters=(run,))


def removal(run: str, who: str, why: str) -> DatabaseChange:
    """Return the change that removes what is kept of a run; the ledger says by whom and why.

    Args:
        run: The run.
        who: Who wants it, `user@machine`.
        why: Why.
    """
    undo: dict[str, Json] = {}
    note = Statement(sql=_NOTE, parameters=(who, why, run))
    remove = Statement(sql=_REMOVE, parameters=(run,))
    return DatabaseChange(statements=(note, remove), undo=undo, statement_timeout=_MANY_SECONDS)
