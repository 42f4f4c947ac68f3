"""Which scripts a database was given: the table `remediate.scripts`, and what tells it of an index. Sends nothing."""

from remediate.model import Json
from remediate.providers.catalog_keys import AT_WORK
from remediate.providers.own_change import OWN
from remediate.questions import Answers, Query, QueryAnswer, Unanswered
from remediate.sql import compose
from remediate.target import OutsideTransaction, Statement

SCRIPTS_THERE = Query(
    sql="SELECT to_regclass('remediate.scripts') IS NOT NULL AS scripts,"
    " to_regclass('remediate.ledger') IS NOT NULL AS ledger",
    about=("scripts",),
)
SCRIPTS = Query(sql="SELECT digest FROM remediate.scripts ORDER BY digest", about=("scripts",))
MAKE_SCRIPTS = Statement(
    sql="CREATE TABLE IF NOT EXISTS remediate.scripts (digest text PRIMARY KEY, name text NOT NULL,"
    " xact xid8 NOT NULL, at timestamptz NOT NULL)"
)
_RECORD = (
    "INSERT INTO remediate.scripts (digest, name, xact, at) VALUES (%s, %s, pg_current_xact_id(), now())"
)
_REMOVED = f"""WITH gone AS (DELETE FROM remediate.scripts AS s USING remediate.ledger AS l
 WHERE s.digest = %s AND l.xact = s.xact AND {OWN} RETURNING s.digest)
SELECT 1 / count(*)::int FROM gone"""  # noqa: S608  (constants)
_OURS = f"""SELECT EXISTS (SELECT FROM remediate.scripts AS s JOIN remediate.ledger AS l ON l.xact = s.xact
 WHERE s.digest = %s AND {OWN})"""  # noqa: S608  (constants)
_INDEX_OURS = f"""SELECT (l.undo ->> 'made')::bigint AS made, x.oid::bigint AS oid, x.relname AS name,
 (SELECT k.oid::bigint FROM pg_class AS k JOIN pg_namespace AS n ON n.oid = k.relnamespace
  WHERE n.nspname = current_schema() AND k.relname = %s) AS named
FROM remediate.ledger AS l LEFT JOIN pg_class AS x ON x.oid::bigint = (l.undo ->> 'made')::bigint
WHERE l.undo ->> 'script' = %s AND {OWN}"""  # noqa: S608  (constants)
_INDEX = (
    "SELECT {} (SELECT FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid"
    " JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relname = %s{})"
)
_MADE = _INDEX.format("EXISTS", " AND i.indisvalid AND i.indisready")
_GONE = _INDEX.format("NOT EXISTS", "")
_LEFT = _INDEX.format("EXISTS", f" AND NOT i.indisvalid AND NOT {AT_WORK}")
_NUMBER = """SELECT c.oid::bigint FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relname = %s"""


def record_of(digest: str, name: str) -> Statement:
    """Return the statement that notes, in this transaction, that a script was applied; a second one fails."""
    return Statement(sql=_RECORD, parameters=(digest, name))


def removed(digest: str, change: str) -> Statement:
    """Return the statement that takes the note away, and fails where it is no longer, or not, this change's."""
    return Statement(sql=_REMOVED, parameters=(digest, change))


def ours(digest: str, change: str) -> Query:
    """Return the question whether the note that a script was applied is this change's."""
    return Query(sql=_OURS, parameters=(digest, change))


def index_of(digest: str, index: str, change: str) -> Query:
    """Return the question which index a change made for a script, how that is called now, and what has its name.

    There is no row where the change never came about.
    """
    return Query(sql=_INDEX_OURS, parameters=(index, digest, change))


def applied_in(answers: Answers) -> frozenset[str]:
    """Return the digests of the scripts that were applied; none where there is no such table.

    Raises:
        CouldNotLook: The database did not answer.
    """
    there = answers[SCRIPTS_THERE].records[0]["scripts"]
    if isinstance(answers.raw(SCRIPTS), Unanswered) and not there:
        return frozenset()  # the server refused it because there is no such table, as the other answer says
    return frozenset(row[0] for row in answers[SCRIPTS].rows)


def with_script(answers: Answers, digest: str) -> QueryAnswer:
    """Return what `SCRIPTS` will be answered once one more was applied."""
    rows = tuple((one,) for one in sorted({*applied_in(answers), digest}))
    return QueryAnswer(columns=("digest",), rows=rows)


def outside(sql: str, index: str, *, makes: bool, undo: dict[str, Json]) -> OutsideTransaction:
    """Return an index made, or dropped, concurrently, with what tells its end and takes away what it may leave."""
    return OutsideTransaction(
        statement=Statement(sql=sql),
        came_about=Query(sql=_MADE if makes else _GONE, parameters=(index,)),
        clean_up=Statement(sql=compose("DROP INDEX CONCURRENTLY IF EXISTS {}", index)) if makes else None,
        left=Query(sql=_LEFT, parameters=(index,)) if makes else None,
        made=Query(sql=_NUMBER, parameters=(index,)) if makes else None,
        undo=undo,
    )
