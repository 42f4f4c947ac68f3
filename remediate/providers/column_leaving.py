"""The way back from columns of a large table, in steps of which none reads it under a strong lock. Sends nothing.

First the columns are renamed, which takes milliseconds: from then on they are gone for everybody. Then what was written
to them is saved, while others read and write; and last they are dropped. A way back that was cut goes on where it was:
the ledger knows which columns stand aside, and what was saved of them bears their new names until they are dropped.
"""

from collections.abc import Mapping

from remediate.model import Json, canonical, digest_of
from remediate.providers.catalog import Column
from remediate.providers.column_removal import MAKE_SAVED, drop, record_of_added, save, still_ours
from remediate.providers.own_change import OWN
from remediate.questions import Query
from remediate.sql import identifier
from remediate.target import Statement

LARGE = 32e6
"""Bytes from which on a table is not read under a strong lock: a third of a second, where a disk gives 100 MB/s."""
_SIZE = """SELECT coalesce(sum(pg_table_size(c.oid)), 0)::bigint FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s"""
_ASIDE = f"""SELECT l.undo -> 'aside' ->> a.attname AS name, a.attname AS stands_as
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN remediate.ledger AS l ON {OWN} AND l.undo ->> 'relation' = c.oid::text AND l.undo -> 'aside' ? a.attname
 AND (l.undo -> 'added' ->> a.attname)::int = a.attnum
WHERE n.nspname = %s AND c.relname = %s ORDER BY a.attnum"""  # noqa: S608  (constants)
_UNSAVED = "DELETE FROM remediate.saved WHERE relation = %s AND columns ?| %s::text[]"
_NAMED = """UPDATE remediate.saved SET columns =
 (SELECT jsonb_object_agg(coalesce(%s::jsonb ->> k.key, k.key), k.value) FROM jsonb_each(columns) AS k)
WHERE relation = %s AND columns ?| %s::text[]"""


def size_of(schema: str, table: str) -> Query:
    """Return the question how many bytes a table has."""
    return Query(sql=_SIZE, parameters=(schema, table))


def aside(schema: str, table: str, change: str) -> Query:
    """Return the question which columns a way back that was cut left aside: `name`, and what they are called now."""
    return Query(sql=_ASIDE, parameters=(change, schema, table))


def stands_as(column: str, change: str) -> str:
    """Return what a column that a change added is called while it stands aside."""
    return f"remediate_gone_{digest_of([column, change])[:12]}"


def put_aside(schema: str, table: str, columns: tuple[str, ...], change: str) -> tuple[Statement, ...]:
    """Return the statements that rename the columns, where all of them still are a change's."""
    whole = identifier(schema, table)
    renames = (
        f"ALTER TABLE {whole} RENAME COLUMN {identifier(name)} TO {identifier(stands_as(name, change))}"
        for name in columns
    )
    return (
        Statement(sql=f"LOCK TABLE {whole} IN ACCESS EXCLUSIVE MODE"),
        still_ours(schema, table, columns, change),
        *(Statement(sql=sql) for sql in renames),
        record_of_added(schema, table, tuple(stands_as(name, change) for name in columns)),
    )


def note_of(schema: str, table: str, columns: tuple[str, ...], change: str) -> dict[str, Json]:
    """Return what the ledger keeps of the renaming: of which change it is the way back, too."""
    aside = {stands_as(name, change): name for name in columns}
    return {"schema": schema, "table": table, "of": change, "aside": aside}


def saving(
    schema: str, table: str, columns: tuple[Column, ...], primary_key: tuple[str, ...]
) -> tuple[Statement, ...]:
    """Return the statements that save what was written to columns that stand aside; once, however often they run."""
    relation, names = f"{schema}.{table}", tuple(column.name for column in columns)
    return (
        *MAKE_SAVED,
        Statement(sql=_UNSAVED, parameters=(relation, names)),
        save(schema, table, columns, primary_key),
    )


def leaving(schema: str, table: str, there: Mapping[str, str], change: str) -> tuple[Statement, ...]:
    """Return the statements that drop columns that stand aside, and give what was saved of them its own names.

    Args:
        schema: Where the table lies.
        table: Its name.
        there: What the columns are called now, with what they were called.
        change: The token of the change that added them.
    """
    names = tuple(there)
    return (
        Statement(sql=_NAMED, parameters=(canonical(dict(there)).decode(), f"{schema}.{table}", names)),
        Statement(sql=f"LOCK TABLE {identifier(schema, table)} IN ACCESS EXCLUSIVE MODE"),
        still_ours(schema, table, names, change),
        drop(schema, table, names),
    )
