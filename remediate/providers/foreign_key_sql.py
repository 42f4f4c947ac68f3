"""The statements that add, validate, change and drop foreign keys, and the questions they need. Sends nothing.

Sources: the manual's chapter "ALTER TABLE" (locks; ADD … NOT VALID scans nothing, VALIDATE CONSTRAINT lets writers go
on), "CREATE TABLE" (MATCH, deferrable), tried on PostgreSQL 15.
"""

from remediate.providers.catalog_keys import RULES, ForeignKey
from remediate.providers.own_change import OWN
from remediate.questions import Query
from remediate.sql import identifier
from remediate.target import Statement

LONG = 3600.0
"""Seconds for a statement that reads a whole table and keeps nobody from writing to it."""

_MADE = f"""SELECT coalesce(undo ->> 'made', undo ->> 'validated')::bigint FROM remediate.ledger AS l
WHERE {OWN} AND undo ->> 'schema' = %s AND undo ->> 'table' = %s AND undo ->> 'constraint' = %s"""  # noqa: S608  (constants)
_RECORD = """UPDATE remediate.ledger SET undo = undo || jsonb_build_object('made', k.oid::bigint)
FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND k.conname = %s AND xact = pg_current_xact_id()"""
_STILL = "SELECT 1 / (count(*) = 1)::int FROM pg_constraint WHERE oid = %s::bigint::oid AND conname = %s"
_UNVALIDATED = """SELECT 1 / (count(*) = 1)::int FROM pg_constraint
WHERE oid = %s::bigint::oid AND conname = %s AND NOT convalidated"""


def still_unvalidated(key: ForeignKey) -> Statement:
    """Return the statement that ends the transaction where a foreign key is another one, or validated by now."""
    return Statement(sql=_UNVALIDATED, parameters=(key.oid, key.name))


def made_under(schema: str, table: str, name: str, change: str) -> Query:
    """Return the question which constraint of this name a change has made or validated, by its number."""
    return Query(sql=_MADE, parameters=(change, schema, table, name))


def record_of_made(schema: str, table: str, name: str) -> Statement:
    """Return the statement that notes, in this transaction's ledger row, which number the constraint has."""
    return Statement(sql=_RECORD, parameters=(schema, table, name))


def definition(key: ForeignKey) -> str:
    """Return a foreign key's definition, not validated, whatever it is."""
    columns, referenced = (", ".join(map(identifier, names)) for names in (key.columns, key.to_columns))
    when = f" DEFERRABLE INITIALLY {'DEFERRED' if key.deferred else 'IMMEDIATE'}" if key.deferrable else ""
    rules = f"ON DELETE {RULES[key.on_delete]} ON UPDATE {RULES[key.on_update]}"
    return (
        f"FOREIGN KEY ({columns}) REFERENCES {identifier(key.to_schema, key.to_table)} ({referenced})"
        f"{' MATCH FULL' * key.full} {rules}{when} NOT VALID"
    )


def add_sql(schema: str, table: str, key: ForeignKey, instead_of: str = "") -> str:
    """Return the one ALTER TABLE that adds a foreign key, in the place of another one where that is named."""
    drop = f"DROP CONSTRAINT {identifier(instead_of)}, " if instead_of else ""
    return f"ALTER TABLE {identifier(schema, table)} {drop}ADD CONSTRAINT {identifier(key.name)} {definition(key)}"


def validate_sql(schema: str, table: str, name: str) -> str:
    """Return the statement that checks all rows, and then calls the constraint valid."""
    return f"ALTER TABLE {identifier(schema, table)} VALIDATE CONSTRAINT {identifier(name)}"


def taking_back(
    schema: str, table: str, ours: ForeignKey, before: ForeignKey | None
) -> tuple[Statement, ...]:
    """Return the statements that drop what a run made, and make what was there before.

    Args:
        schema: Where the table lies.
        table: Its name.
        ours: What the run made, as it is.
        before: What it replaced, or None.
    """
    whole = identifier(schema, table)
    drop = f"ALTER TABLE {whole} DROP CONSTRAINT {identifier(ours.name)}"
    return (
        Statement(sql=f"LOCK TABLE {whole} IN ACCESS EXCLUSIVE MODE"),
        Statement(sql=_STILL, parameters=(ours.oid, ours.name)),
        Statement(sql=add_sql(schema, table, before, ours.name) if before else drop),
    )


def orphans(table: str, columns: tuple[str, ...], to: tuple[str, ...], to_columns: tuple[str, ...]) -> Query:
    """Return the question how many rows refer to nothing; a NULL among the columns refers to nobody, and is fine.

    Args:
        table: That refers, in the app's schema.
        columns: Its columns.
        to: The table that is referred to, its schema before it where it has another one.
        to_columns: Its columns.
    """
    refers = " AND ".join(f"t.{identifier(name)} IS NOT NULL" for name in columns)
    found = " AND ".join(
        f"r.{identifier(other)} = t.{identifier(name)}"
        for name, other in zip(columns, to_columns, strict=True)
    )
    sql = (
        f"SELECT count(*) FROM {identifier(table)} AS t WHERE {refers}"  # noqa: S608  (identifiers)
        f" AND NOT EXISTS (SELECT FROM {identifier(*to)} AS r WHERE {found})"
    )
    return Query(sql=sql, about=(f"table:{table}", f"table:{to[-1]}"))


def referring(table: str, columns: tuple[str, ...]) -> Query:
    """Return the question how many rows refer to something, to how many, and how many at most to one.

    Args:
        table: That refers, in the app's schema.
        columns: Its columns; a row with a NULL among them refers to nobody.
    """
    names = [f"t.{identifier(name)}" for name in columns]
    refers = " AND ".join(f"{name} IS NOT NULL" for name in names)
    sql = (
        "SELECT coalesce(sum(g.number), 0)::bigint AS rows, count(*) AS parents,"  # noqa: S608  (identifiers)
        " coalesce(max(g.number), 0) AS most"
        f" FROM (SELECT count(*) AS number FROM {identifier(table)} AS t WHERE {refers}"
        f" GROUP BY {', '.join(names)}) AS g"
    )
    return Query(sql=sql, about=(f"table:{table}",))
