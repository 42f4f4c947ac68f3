"""The statements that make columns NOT NULL with no scan under a strong lock, and their way back. Sends nothing.

Sources: the manual's chapter "ALTER TABLE": SET NOT NULL reads no row where a valid CHECK constraint proves that there
is no NULL (since PostgreSQL 12), and VALIDATE CONSTRAINT lets writers go on. In one ALTER TABLE a constraint is dropped
before anything else is done, so that SET NOT NULL would not find it: dropping it is a statement of its own.
"""

# ruff: noqa: S608  (what is put together here is constant, or quoted by remediate.sql)

from remediate.model import digest_of
from remediate.questions import Query
from remediate.sql import identifier
from remediate.target import Statement

_OF_TABLE = "FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
_CHECK = f"""SELECT k.oid::bigint AS oid, k.convalidated AS valid {_OF_TABLE}
JOIN pg_constraint AS k ON k.conrelid = c.oid AND k.contype = 'c'
WHERE n.nspname = current_schema() AND c.relname = %s AND k.conname = %s"""
_RECORD_CHECK = f"""UPDATE remediate.ledger SET undo = undo || jsonb_build_object('made', k.oid::bigint) {_OF_TABLE}
JOIN pg_constraint AS k ON k.conrelid = c.oid
WHERE n.nspname = %s AND c.relname = %s AND k.conname = %s AND xact = pg_current_xact_id()"""
_RECORD_COLUMNS = f"""UPDATE remediate.ledger SET undo = undo || jsonb_build_object('relation', c.oid::bigint,
 'not_null', (SELECT jsonb_object_agg(a.attname, a.attnum) FROM pg_attribute AS a
  WHERE a.attrelid = c.oid AND a.attname = ANY(%s::text[]) AND a.attnum > 0 AND NOT a.attisdropped))
{_OF_TABLE} WHERE n.nspname = %s AND c.relname = %s AND xact = pg_current_xact_id()"""
_FOUND = f"""SELECT a.attname AS name,
 ARRAY(SELECT 'constraint ' || p.conname FROM pg_constraint AS p WHERE p.conrelid = c.oid AND p.contype = 'p'
   AND a.attnum = ANY(p.conkey) UNION ALL SELECT 'its identity' WHERE a.attidentity <> '' ORDER BY 1) AS built_on
{_OF_TABLE} JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull
WHERE n.nspname = %s AND c.relname = %s AND a.attname = ANY(%s::text[])
AND EXISTS (SELECT FROM remediate.ledger AS l WHERE l.undo ->> 'relation' = c.oid::text
  AND (l.undo -> 'not_null' ->> a.attname)::int = a.attnum) ORDER BY a.attnum"""
_FOUND_CHECK = f"""SELECT k.conname AS name {_OF_TABLE} JOIN pg_constraint AS k ON k.conrelid = c.oid
WHERE n.nspname = %s AND c.relname = %s AND k.conname = %s
AND EXISTS (SELECT FROM remediate.ledger AS l WHERE l.undo ->> 'made' = k.oid::text)"""
_STILL = f"SELECT 1 / (count(*) = %s)::int FROM ({_FOUND}) AS found"


def check_name(table: str, columns: tuple[str, ...]) -> str:
    """Return the name of the constraint that stands only while it is done."""
    return f"remediate_not_null_{digest_of([table, sorted(columns)])[:12]}"


def check_there(table: str, name: str) -> Query:
    """Return the question whether such a constraint was left by a run that was cut off."""
    return Query(sql=_CHECK, parameters=(table, name), about=(f"constraints:{table}",))


def nulls(table: str, columns: tuple[str, ...]) -> Query:
    """Return the question how many rows have no value, for each column."""
    counts = ", ".join(f"count(*) FILTER (WHERE {identifier(name)} IS NULL)" for name in columns)
    return Query(sql=f"SELECT {counts} FROM {identifier(table)}", about=(f"table:{table}",))


def add_sql(schema: str, table: str, columns: tuple[str, ...]) -> str:
    """Return the statement that lets no new NULL in; rows that are there are not read."""
    proves = " AND ".join(f"{identifier(name)} IS NOT NULL" for name in columns)
    name = identifier(check_name(table, columns))
    return f"ALTER TABLE {identifier(schema, table)} ADD CONSTRAINT {name} CHECK ({proves}) NOT VALID"


def validate_sql(schema: str, table: str, columns: tuple[str, ...]) -> str:
    """Return the statement that reads every row, while writers go on."""
    name = identifier(check_name(table, columns))
    return f"ALTER TABLE {identifier(schema, table)} VALIDATE CONSTRAINT {name}"


def set_sql(schema: str, table: str, columns: tuple[str, ...]) -> str:
    """Return the statement that makes the columns NOT NULL; it reads no row, for the constraint proves it."""
    parts = ", ".join(f"ALTER COLUMN {identifier(name)} SET NOT NULL" for name in columns)
    return f"ALTER TABLE {identifier(schema, table)} {parts}"


def drop_check_sql(schema: str, table: str, columns: tuple[str, ...]) -> str:
    """Return the statement that drops the constraint that stood only meanwhile."""
    return f"ALTER TABLE {identifier(schema, table)} DROP CONSTRAINT {identifier(check_name(table, columns))}"


def record_of_check(schema: str, table: str, columns: tuple[str, ...]) -> Statement:
    """Return the statement that notes, in this transaction's ledger row, which number the constraint got."""
    return Statement(sql=_RECORD_CHECK, parameters=(schema, table, check_name(table, columns)))


def record_of_columns(schema: str, table: str, columns: tuple[str, ...]) -> Statement:
    """Return the statement that notes, in this transaction's ledger row, which columns were made NOT NULL."""
    return Statement(sql=_RECORD_COLUMNS, parameters=(columns, schema, table))


def found_columns(schema: str, table: str, columns: tuple[str, ...]) -> Query:
    """Return the question which of these columns a run made NOT NULL and still are, and what needs them so."""
    return Query(sql=_FOUND, parameters=(schema, table, columns), about=(f"table:{table}",))


def found_check(schema: str, table: str, columns: tuple[str, ...]) -> Query:
    """Return the question whether a run's constraint is still there."""
    return Query(
        sql=_FOUND_CHECK,
        parameters=(schema, table, check_name(table, columns)),
        about=(f"constraints:{table}",),
    )


def taking_back(schema: str, table: str, columns: tuple[str, ...]) -> tuple[Statement, ...]:
    """Return the statements that let NULLs into these columns again, where all of them still are a run's."""
    whole = identifier(schema, table)
    drops = ", ".join(f"ALTER COLUMN {identifier(name)} DROP NOT NULL" for name in columns)
    return (
        Statement(sql=f"LOCK TABLE {whole} IN ACCESS EXCLUSIVE MODE"),
        Statement(sql=_STILL, parameters=(len(columns), schema, table, columns)),
        Statement(sql=f"ALTER TABLE {whole} {drops}"),
    )
