"""Rows carried from a schema that was put aside to the one that was made in its place. Pure: asks and sends nothing.

What both have is carried; what only the old one has is counted, for a person to say that it may be left behind.
"""

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from remediate.model import Json
from remediate.providers.catalog import ALL_TABLES
from remediate.providers.column_types import is_named, postgres_type, same_type
from remediate.providers.prisma_script import Column, Script
from remediate.questions import Query, QueryAnswer
from remediate.sql import compose, identifier, literal

HISTORY_TABLE = "_prisma_migrations"
CONTENTS = Query(
    sql="""SELECT c.relname AS name,
 (SELECT coalesce(json_object_agg(a.attname, format_type(a.atttypid, a.atttypmod)), '{}')) AS types,
 (SELECT coalesce(json_object_agg(o.attname, s.relname), '{}') FROM pg_depend AS d
  JOIN pg_class AS s ON s.oid = d.objid AND s.relkind = 'S'
  JOIN pg_attribute AS o ON o.attrelid = d.refobjid AND o.attnum = d.refobjsubid
  WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
  AND d.deptype IN ('a', 'i')) AS sequences,
 query_to_xml('SELECT json_build_object(''rows'', count(*), ''values'', json_object(ARRAY['
  || string_agg(quote_literal(a.attname), ', ') || ']::text[], ARRAY['
  || string_agg('count(' || quote_ident(a.attname) || ')::text', ', ') || ']::text[])) AS found FROM '
  || quote_ident(n.nspname) || '.' || quote_ident(c.relname), true, true, '')::text AS found
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') GROUP BY n.oid, c.oid, c.relname, n.nspname
ORDER BY c.relname""",
    about=(ALL_TABLES, "rows"),
)
"""Every table with its columns' types and sequences, its rows, and how many values each column has: all are counted."""
_FOUND = re.compile(r"<found>(.*)</found>", re.DOTALL)
_OF_TEXT = ("text", "character", "character varying")


@dataclass(frozen=True)
class Contents:
    """What is in a table: types and counted values by column, sequences by the column that they count for."""

    types: Mapping[str, str]
    sequences: Mapping[str, str]
    rows: int
    values: Mapping[str, int]


def contents_in(answer: QueryAnswer) -> dict[str, Contents]:
    """Return the tables of an answer to `CONTENTS`."""
    return {record["name"]: _contents(record) for record in answer.records}


def _contents(record: Mapping[str, Json]) -> Contents:
    found = _FOUND.search(str(record["found"]))
    counted: dict[str, Json] = json.loads(html.unescape(found[1])) if found else {"rows": 0, "values": {}}
    values = {name: int(count) for name, count in counted["values"].items()}
    return Contents(record["types"], record["sequences"], counted["rows"], values)


def losses(script: Script, there: Mapping[str, Contents]) -> Iterator[str]:
    """Yield what would be left behind, or might come out another: tables with rows, columns with values."""
    for name, contents in there.items():
        wanted = {column.name: column for column in script.tables.get(name, ())}
        if name == HISTORY_TABLE or not contents.rows:
            continue
        if not wanted.keys() & contents.types.keys():
            yield f"the table {name} ({contents.rows} rows)"
            continue
        for column, count in contents.values.items():
            if count and column not in wanted:
                yield f"{name}.{column} ({count} values)"
            elif count and not _same(contents.types[column], wanted[column]):
                yield f"{name}.{column} ({count} values go from {contents.types[column]} to {wanted[column].type})"


def unfilled(script: Script, there: Mapping[str, Contents]) -> Iterator[str]:
    """Yield the columns that rows would have no value for."""
    for name, columns in script.tables.items():
        contents = there.get(name)
        if contents and contents.rows and any(column.name in contents.types for column in columns):
            for column in columns:
                lacks = column.name not in contents.types or contents.values[column.name] < contents.rows
                if lacks and (
                    column.must_be_given if column.name not in contents.types else not column.nullable
                ):
                    yield f"{name}.{column.name}"


def carrying(script: Script, there: Mapping[str, Contents], schema: str, kept: str) -> Iterator[str]:
    """Yield the statements that carry the rows, and set the sequences on; foreign keys are to come after them."""
    if HISTORY_TABLE in there:
        names = ((schema, HISTORY_TABLE), (kept, HISTORY_TABLE))
        yield compose("CREATE TABLE {} (LIKE {} INCLUDING ALL)", *names)
        yield compose("INSERT INTO {} SELECT * FROM {}", *names)
    for name, columns in script.tables.items():
        contents = there.get(name)
        both = [column for column in columns if contents and column.name in contents.types]
        if contents and both:
            yield _insert(name, both, contents, schema, kept)
            yield from (_set_on(name, column, contents, schema, kept) for column in both if column.counts)


def _insert(name: str, columns: list[Column], contents: Contents, schema: str, kept: str) -> str:
    into = ", ".join(identifier(column.name) for column in columns)
    values = ", ".join(_value(column, contents.types[column.name]) for column in columns)
    return f"INSERT INTO {identifier(schema, name)} ({into})\nSELECT {values} FROM {identifier(kept, name)}"


def _value(column: Column, found: str) -> str:
    """Return how a value is carried: through text where the type is another one, an enum always is.

    Into a text it is assigned, not cast: a cast would cut off what is too long (manual, chapter "Character Types").
    """
    name = identifier(column.name)
    if _same(found, column) and not is_named(column.type):
        return name
    meant = (postgres_type(column.type) or "").partition("(")[0]
    return f"{name}::text" if meant in _OF_TEXT else f"{name}::text::{column.type}"


def _same(found: str, column: Column) -> bool:
    meant = postgres_type(column.type)
    return meant is None or same_type(found, meant)


def _set_on(name: str, column: Column, contents: Contents, schema: str, kept: str) -> str:
    sequence = f"pg_get_serial_sequence({literal(identifier(schema, name))}, {literal(column.name)})"
    if old := contents.sequences.get(column.name):
        return f"SELECT setval({sequence}, last_value, is_called) FROM {identifier(kept, old)}"  # noqa: S608
    last = f"max({identifier(column.name)})"
    return f"SELECT setval({sequence}, {last}) FROM {identifier(schema, name)} HAVING {last} IS NOT NULL"  # noqa: S608
