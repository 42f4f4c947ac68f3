"""The way back from added columns: which of them are still ours, and the statements that save and drop them.

Nothing here is sent. A column is ours when the ledger says that this change added it under this number of this table
(`pg_attribute.attnum`): numbers are never used twice, so a column that somebody dropped and made again is not ours.
What somebody else built on a column is what `pg_depend` says: DROP COLUMN goes by it, too (manual, chapter "Dependency
Tracking"), and takes indexes, constraints, triggers and statistics along without a word.
"""

from remediate.model import Json
from remediate.providers.catalog import Column
from remediate.providers.column_types import default_sql, is_volatile
from remediate.providers.own_change import OWN
from remediate.questions import Query
from remediate.sql import identifier
from remediate.target import Statement

LEDGER_EXISTS = Query(sql="SELECT to_regclass('remediate.ledger') IS NOT NULL")

_RECORD = """UPDATE remediate.ledger SET undo = undo || jsonb_build_object('relation', c.oid::bigint, 'added',
 (SELECT jsonb_object_agg(a.attname, a.attnum) FROM pg_attribute AS a
  WHERE a.attrelid = c.oid AND a.attname = ANY(%s::text[]) AND a.attnum > 0 AND NOT a.attisdropped))
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND xact = pg_current_xact_id()"""

# Of the column and of those that partitions inherit; its own default and NOT NULL (from version 18 on a constraint) are
# no addition.
_BUILT_ON = """ARRAY(
  WITH RECURSIVE family (oid) AS (SELECT a.attrelid
    UNION SELECT i.inhrelid FROM pg_inherits AS i JOIN family ON family.oid = i.inhparent)
  SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid)
  FROM family JOIN pg_attribute AS o ON o.attrelid = family.oid AND o.attname = a.attname AND NOT o.attisdropped
  JOIN pg_depend AS d
   ON d.refclassid = 'pg_class'::regclass AND d.refobjid = o.attrelid AND d.refobjsubid = o.attnum
  WHERE NOT EXISTS (SELECT FROM pg_attrdef AS own WHERE d.classid = 'pg_attrdef'::regclass
    AND own.oid = d.objid AND own.adrelid = o.attrelid AND own.adnum = o.attnum)
  AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE d.classid = 'pg_constraint'::regclass
    AND k.oid = d.objid AND k.contype = 'n')
  ORDER BY 1)"""

_ADDED = f"""SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS nullable,
 pg_get_expr(d.adbin, d.adrelid) AS default,
 coalesce(bool_or((l.undo -> 'added' ->> a.attname)::int = a.attnum), false) AS ours,
 count(l.token) > 0 AS was_ours, {_BUILT_ON} AS built_on
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN remediate.ledger AS l ON {OWN} AND l.undo ->> 'relation' = c.oid::text AND l.undo -> 'added' ? a.attname
WHERE n.nspname = %s AND c.relname = %s AND a.attname = ANY(%s::text[])
GROUP BY a.attrelid, a.attname, a.atttypid, a.atttypmod, a.attnotnull, d.adbin, d.adrelid, a.attnum
ORDER BY a.attnum"""  # noqa: S608  (constants)

_STILL_OURS = (
    "SELECT 1 / (count(*) = %s)::int"  # noqa: S608  (constants)
    f" FROM ({_ADDED}) AS found WHERE ours AND built_on = '{{}}'"
)

_CREATE_SAVED = """CREATE TABLE IF NOT EXISTS remediate.saved (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
 at timestamptz NOT NULL DEFAULT now(), relation text NOT NULL, key jsonb NOT NULL, columns jsonb NOT NULL,
 run text)"""
_OF_A_RUN = "ALTER TABLE remediate.saved ADD COLUMN IF NOT EXISTS run text"  # one that an older version made
MAKE_SAVED = (Statement(sql=_CREATE_SAVED), Statement(sql=_OF_A_RUN))
"""The statements that make room for what was written to columns."""

_SAVE = """INSERT INTO remediate.saved (relation, run, key, columns)
SELECT %s, (SELECT l.run FROM remediate.ledger AS l WHERE l.xact = pg_current_xact_id()),
 (SELECT coalesce(jsonb_object_agg(k.key, k.value), '{}') FROM jsonb_each(to_jsonb(t.*)) AS k
  WHERE k.key = ANY(%s::text[])),
 (SELECT jsonb_object_agg(k.key, k.value) FROM jsonb_each(to_jsonb(t.*)) AS k WHERE k.key = ANY(%s::text[]))"""


def record_of_added(schema: str, table: str, columns: tuple[str, ...]) -> Statement:
    """Return the statement that notes, in this transaction's ledger row, which numbers the new columns got."""
    return Statement(sql=_RECORD, parameters=(columns, schema, table))


def added(schema: str, table: str, columns: tuple[str, ...], change: str) -> Query:
    """Return the question which of these columns are there, as what, which a change added, what is built on them."""
    return Query(sql=_ADDED, parameters=(change, schema, table, columns), about=(f"table:{table}",))


def removal(
    schema: str, table: str, columns: tuple[Column, ...], primary_key: tuple[str, ...], change: str
) -> tuple[Statement, ...]:
    """Return the statements that save what was written to the columns since, and drop them.

    Args:
        schema: Where the table lies.
        table: Its name.
        columns: What is to be dropped, as it was added: type and default as they were written.
        primary_key: Under which columns' values a row is saved.
        change: The token of the change that added them.
    """
    names = tuple(column.name for column in columns)
    return (
        Statement(sql=f"LOCK TABLE {identifier(schema, table)} IN ACCESS EXCLUSIVE MODE"),
        still_ours(schema, table, names, change),
        *MAKE_SAVED,
        save(schema, table, columns, primary_key),
        drop(schema, table, names),
    )


def still_ours(schema: str, table: str, names: tuple[str, ...], change: str) -> Statement:
    """Return the statement that ends the transaction where one of these columns is not a change's, or is built on."""
    return Statement(sql=_STILL_OURS, parameters=(len(names), change, schema, table, names))


def save(schema: str, table: str, columns: tuple[Column, ...], primary_key: tuple[str, ...]) -> Statement:
    """Return the statement that saves what was written to these columns since they were added."""
    written = " OR ".join(_was_written(column) for column in columns)
    sql = _SAVE + f" FROM {identifier(schema, table)} AS t WHERE {written}".replace("%", "%%")
    names = tuple(column.name for column in columns)
    return Statement(sql=sql, parameters=(f"{schema}.{table}", primary_key, names))


def drop(schema: str, table: str, names: tuple[str, ...]) -> Statement:
    """Return the one ALTER TABLE that drops these columns."""
    drops = ", ".join(f"DROP COLUMN {identifier(name)}" for name in names)
    return Statement(sql=f"ALTER TABLE {identifier(schema, table)} {drops}")


def _was_written(column: Column) -> str:
    """Return the condition that a row's value is not the one that it got when the column was added."""
    default = default_sql(column.default) if column.default else None
    if default is None:
        return f"t.{identifier(column.name)} IS NOT NULL"
    if is_volatile(default) or default.startswith(("CURRENT", "now")):
        return "true"  # what each row got cannot be told from what was written: all of it is saved
    return f"t.{identifier(column.name)}::text IS DISTINCT FROM ({default})::{column.type}::text"


def saved_undo(schema: str, table: str, columns: tuple[Column, ...]) -> dict[str, Json]:
    """Return the recipe back that the ledger keeps."""
    return {
        "schema": schema,
        "table": table,
        "columns": [column.model_dump(mode="json") for column in columns],
    }
