"""What a database's catalog is asked about tables, shared by those who compare and those who change. Changes nothing.

Shapes and live figures are two questions: a plan rests on the shapes, and only mentions the figures, which move.
"""

from typing import Any

from remediate.questions import Query, QueryAnswer, Value
from remediate.sql import identifier

ALL_TABLES = "tables"
"""The fact that every shape depends on."""

TABLES = Query(
    sql="""SELECT n.nspname AS schema_name, c.relname AS name, c.relkind AS kind,
 (SELECT coalesce(json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
    'nullable', NOT a.attnotnull,
    'default', CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
    'generated', a.attidentity <> '' OR a.attgenerated <> '') ORDER BY a.attnum), '[]')
  FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
 (SELECT coalesce(json_agg(a.attname ORDER BY array_position(i.indkey::int2[], a.attnum)), '[]')
  FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
  WHERE i.indrelid = c.oid AND i.indisprimary) AS primary_key
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
ORDER BY c.relname""",
    about=(ALL_TABLES,),
)
"""Every table of the app's schema with its columns. From `pg_attribute`: information_schema hides what a role may not
use, and counts other schemas' tables of the same name."""

ENUMS = Query(
    sql="""SELECT t.typname AS name FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace
WHERE n.nspname = current_schema() AND t.typtype = 'e' ORDER BY t.typname""",
    about=("enums",),
)
"""The names of the app's enum types."""

_LONGEST_NAME = 63
_LIVE = """SELECT pg_total_relation_size(c.oid) AS bytes, c.reltuples::bigint AS rows,
 (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - a.xact_start)), 0)::bigint FROM pg_stat_activity AS a
  WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()) AS longest_seconds,
 (SELECT count(*) FROM pg_prepared_xacts AS p WHERE p.database = current_database()) AS prepared,
 (SELECT coalesce(json_agg(DISTINCT jsonb_build_object('pid', l.pid, 'application', coalesce(a.application_name, ''),
    'state', coalesce(a.state, ''))), '[]')
  FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
  WHERE l.relation = c.oid AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS holders
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relname = %s"""


class Column(Value):
    """A column as it is.

    Attributes:
        name: Its name.
        type: As `format_type` spells it.
        nullable: Whether it takes NULL.
        default: As `pg_get_expr` prints it, or None.
        generated: Whether the database computes it (identity, generated).
    """

    name: str
    type: str
    nullable: bool
    default: str | None = None
    generated: bool = False


class Table(Value):
    """A table as it is.

    Attributes:
        schema_name: Where it lies.
        name: Its name.
        kind: `r` table, `p` partitioned table, `v` view, `m` materialized view, `f` foreign table.
        columns: In the order of the table.
        primary_key: The names of its columns.
    """

    schema_name: str
    name: str
    kind: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()

    @property
    def by_name(self) -> dict[str, Column]:
        """Its columns under their names."""
        return {column.name: column for column in self.columns}


def stored_name(name: str) -> str:
    """Return a name as the database keeps it: longer ones are cut to 63 bytes, silently (NAMEDATALEN)."""
    return name.encode()[:_LONGEST_NAME].decode("utf-8", "ignore")


def live(table: str) -> Query:
    """Return the question for a table's size, its rows (estimated), and who is at work on it."""
    return Query(sql=_LIVE, parameters=(table,), about=(f"table:{table}",))


def any_row(table: str) -> Query:
    """Return the question whether a table has a row at all."""
    return Query(sql=f"SELECT EXISTS (SELECT FROM {identifier(table)})", about=(f"table:{table}",))  # noqa: S608


def tables_in(answer: QueryAnswer) -> dict[str, Table]:
    """Return the tables of an answer to `TABLES`, under their names."""
    return {record["name"]: Table.model_validate(record) for record in answer.records}


def with_columns(answer: QueryAnswer, table: str, added: tuple[Column, ...]) -> QueryAnswer:
    """Return what `TABLES` will be answered once these columns were added at the end of a table."""
    return answer.model_copy(update={"rows": tuple(_grown(answer, row, table, added) for row in answer.rows)})


def _grown(
    answer: QueryAnswer, row: tuple[Any, ...], table: str, added: tuple[Column, ...]
) -> tuple[Any, ...]:
    record = dict(zip(answer.columns, row, strict=True))
    if record["name"] == table:
        record["columns"] = [*record["columns"], *(column.model_dump() for column in added)]
    return tuple(record.values())
