"""The statements that make and drop indexes concurrently, and whether an index is a run's. Looks, and changes nothing.

An index is ours when the ledger says that this change made it under this number (`pg_class.oid`): one that somebody
dropped and made again has another. What somebody else built on it is what refers to it in `pg_constraint`, and what the
table itself uses it for (manual, chapters "pg_index" and "pg_constraint").
"""

from remediate.errors import Conflict
from remediate.model import Json
from remediate.providers.catalog_keys import AT_WORK
from remediate.providers.column_removal import LEDGER_EXISTS
from remediate.providers.own_change import OWN
from remediate.providers.wanted_keys import WantedIndex
from remediate.questions import Query
from remediate.sql import identifier
from remediate.target import OutsideTransaction, Statement, Target

_NAMED = """FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid JOIN pg_class AS t ON t.oid = i.indrelid
 JOIN pg_namespace AS n ON n.oid = x.relnamespace WHERE n.nspname = %s AND t.relname = %s AND x.relname = %s"""
_BROKEN = f"{_NAMED} AND NOT i.indisvalid AND NOT {AT_WORK}"
VALID = f"SELECT EXISTS (SELECT {_NAMED} AND i.indisvalid AND i.indisready)"
LEFT = f"SELECT EXISTS (SELECT {_BROKEN})"
NO_LONGER_BROKEN = f"SELECT NOT EXISTS (SELECT {_NAMED} AND NOT i.indisvalid)"
NUMBER = f"SELECT x.oid::bigint {_NAMED}"
GONE = "SELECT NOT EXISTS (SELECT FROM pg_class WHERE oid = %s::bigint::oid)"
FOUND = f"""WITH made AS (SELECT (l.undo ->> 'made')::bigint AS oid FROM remediate.ledger AS l
  WHERE {OWN} AND l.undo ->> 'schema' = %s AND l.undo ->> 'table' = %s AND l.undo ->> 'index' = %s)
SELECT x.oid::bigint AS oid, x.relname AS name, EXISTS (SELECT FROM made) AS was_ours,
 EXISTS (SELECT FROM made WHERE made.oid = x.oid::bigint) AS ours,
 ARRAY(SELECT 'constraint ' || k.conname FROM pg_constraint AS k WHERE k.conindid = x.oid
  UNION ALL SELECT 'replica identity' WHERE i.indisreplident UNION ALL SELECT 'CLUSTER' WHERE i.indisclustered
  ORDER BY 1) AS built_on
FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid JOIN pg_namespace AS n ON n.oid = x.relnamespace
WHERE (n.nspname = %s AND x.relname = %s) OR x.oid::bigint IN (SELECT made.oid FROM made)
ORDER BY x.relname"""  # noqa: S608  (constants)


def creation(schema: str, table: str, wanted: WantedIndex) -> OutsideTransaction:
    """Return the change that makes an index, and clears away what a broken attempt leaves."""
    name = wanted.name_on(table)
    which = (schema, table, name)
    drop = f"DROP INDEX CONCURRENTLY IF EXISTS {identifier(schema, name)}"
    return OutsideTransaction(
        statement=Statement(sql=wanted.ddl(schema, table)),
        came_about=Query(sql=VALID, parameters=which),
        clean_up=Statement(sql=drop),
        left=Query(sql=LEFT, parameters=which),
        made=Query(sql=NUMBER, parameters=which),
        undo={"schema": schema, "table": table, "index": name},
    )


def removal_of_leftover(schema: str, table: str, name: str) -> OutsideTransaction:
    """Return the change that drops what a failed build left."""
    return OutsideTransaction(
        statement=Statement(sql=f"DROP INDEX CONCURRENTLY {identifier(schema, name)}"),
        came_about=Query(sql=NO_LONGER_BROKEN, parameters=(schema, table, name)),
    )


def removal(schema: str, name: str, oid: int) -> OutsideTransaction:
    """Return the change that drops an index that a run made.

    Args:
        schema: Where it lies.
        name: Its name.
        oid: Its number; once nothing has it, the index is gone.
    """
    return OutsideTransaction(
        statement=Statement(sql=f"DROP INDEX CONCURRENTLY {identifier(schema, name)}"),
        came_about=Query(sql=GONE, parameters=(oid,)),
    )


def found_of(schema: str, table: str, name: str, change: str) -> Query:
    """Return the question which indexes are of this name or made by a change under it, whether it is, and their use."""
    return Query(sql=FOUND, parameters=(change, schema, table, name, schema, name), about=("indexes",))


def still_ours(target: Target, schema: str, table: str, name: str, change: str) -> int | None:
    """Return the number of the index that this run made; None where it never came about, or is gone.

    Raises:
        Conflict: It is another one by now, or somebody built something on it.
        CouldNotLook: The catalog could not be asked.
    """
    if target.answer((LEDGER_EXISTS,))[LEDGER_EXISTS].rows[0][0] is not True:
        return None
    question = found_of(schema, table, name, change)
    ours: dict[str, Json] | None = None
    for record in target.answer((question,))[question].records:
        if record["was_ours"] and not (record["ours"] and record["name"] == name):
            what = f"{record['name']} on {table} is no longer the index {name} that this run made"
            raise Conflict(target.name, what, "look at it, and drop it by hand if nobody needs it")
        if record["ours"] and record["built_on"]:
            what = f"{name} on {table} is used by what this run did not make: {', '.join(record['built_on'])}"
            raise Conflict(target.name, what, "drop that first, or keep the index")
        ours = record if record["ours"] else ours
    return int(ours["oid"]) if ours else None
