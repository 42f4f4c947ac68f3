"""What a run keeps of rows and columns, removed once its time is over: what is there, and how. It sends nothing.

Rows as they were lie in `remediate.rows`; what was written to columns that a way back dropped, in `remediate.saved`.
"""

from remediate.model import Json
from remediate.questions import Query
from remediate.target import DatabaseChange, Statement

KEPT = Query(
    sql="SELECT to_regclass('remediate.rows') IS NOT NULL AS rows, EXISTS (SELECT FROM pg_attribute"
    " WHERE attrelid = to_regclass('remediate.saved') AND attname = 'run' AND NOT attisdropped) AS saved"
)
"""Whether rows as they were, and values of columns that were dropped, were ever kept in the database."""
_AGE = "coalesce(extract(epoch FROM now() - max(at)), 0)::double precision AS age"
_OF_RUN = f"SELECT count(*) AS rows, {_AGE} FROM remediate.rows WHERE run = %s"  # noqa: S608  (a constant)
_SAVED_OF_RUN = f"SELECT count(*) AS rows, {_AGE} FROM remediate.saved WHERE run = %s"  # noqa: S608
_NOTE = """UPDATE remediate.ledger SET undo = undo || jsonb_build_object('forgotten', jsonb_build_object(
 'at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), 'who', %s::text, 'why', %s::text))
WHERE run = %s AND undo ? 'change' AND NOT undo ? 'undone' AND NOT undo ? 'forgotten'"""
_REMOVE = "DELETE FROM remediate.rows WHERE run = %s"
_REMOVE_SAVED = "DELETE FROM remediate.saved WHERE run = %s"
_MANY_SECONDS = 600.0


def kept_of(run: str) -> Query:
    """Return the question how many rows are kept of a run, and for how many seconds: `rows`, `age`."""
    return Query(sql=_OF_RUN, parameters=(run,))


def saved_of(run: str) -> Query:
    """Return the question of how many rows values of dropped columns are kept, as `kept_of` does."""
    return Query(sql=_SAVED_OF_RUN, parameters=(run,))


def removal(run: str, who: str, why: str, *, rows: bool, saved: bool) -> DatabaseChange:
    """Return the change that removes what is kept of a run; of rows, the ledger says by whom and why.

    Args:
        run: The run.
        who: Who wants it, `user@machine`.
        why: Why.
        rows: Whether rows as they were are kept.
        saved: Whether values of dropped columns are.
    """
    undo: dict[str, Json] = {}
    note = Statement(sql=_NOTE, parameters=(who, why, run))
    remove, remove_saved = (Statement(sql=sql, parameters=(run,)) for sql in (_REMOVE, _REMOVE_SAVED))
    statements = (*((note, remove) if rows else ()), *((remove_saved,) if saved else ()))
    return DatabaseChange(statements=statements, undo=undo, statement_timeout=_MANY_SECONDS)
