"""Whether a database is what Prisma's script would make of its schema: tables, enums, indexes, keys. Pure.

Where two spellings of one thing cannot be compared it says that they differ; then the schema is made anew, which loses
nothing.
"""

import re
from collections.abc import Iterable, Mapping

from remediate.model import Json
from remediate.providers.catalog import ALL_TABLES, Table
from remediate.providers.column_types import postgres_type, same_default, same_type
from remediate.providers.prisma_script import Column, Script
from remediate.providers.row_carrying import HISTORY_TABLE
from remediate.questions import Query

SHAPE = Query(
    sql=f"""SELECT n.nspname AS schema_name,
 (SELECT coalesce(json_object_agg(t.typname, (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder)
   FROM pg_enum AS e WHERE e.enumtypid = t.oid)), '{{}}')
  FROM pg_type AS t WHERE t.typnamespace = n.oid AND t.typtype = 'e') AS enums,
 (SELECT coalesce(json_object_agg(i.relname, pg_get_indexdef(i.oid)), '{{}}')
  FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid JOIN pg_class AS t ON t.oid = x.indrelid
  WHERE t.relnamespace = n.oid AND t.relname <> '{HISTORY_TABLE}' AND t.relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = i.oid AND k.contype = 'p')) AS indexes,
 (SELECT coalesce(json_object_agg(k.conname, json_build_array(k.confdeltype, k.confupdtype)), '{{}}')
  FROM pg_constraint AS k WHERE k.connamespace = n.oid AND k.contype = 'f') AS keys
FROM pg_namespace AS n WHERE n.nspname = current_schema()""",  # noqa: S608  (a constant)
    about=(ALL_TABLES, "enums", "indexes"),
)
"""Enums with their labels, indexes with their definitions, foreign keys with what they do."""
_DOES = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_SPACE_AND_QUOTES = re.compile(r'[\s"]+')


def agrees(script: Script, tables: Mapping[str, Table], shape: Mapping[str, Json]) -> bool:
    """Tell whether the database is what the script would make.

    Args:
        script: Prisma's script.
        tables: The tables that are there, by name.
        shape: The row that `SHAPE` was answered with.
    """
    there = {name: one for name, one in tables.items() if one.kind in ("r", "p") and name != HISTORY_TABLE}
    labels = {name: tuple(found) for name, found in shape["enums"].items()}
    keys = {name: tuple(_DOES[one] for one in does) for name, does in shape["keys"].items()}
    indexes = {name: _bare(text, str(shape["schema_name"])) for name, text in shape["indexes"].items()}
    wanted = {name: _bare(text, "") for name, text in script.indexes.items()}
    return (
        there.keys() == script.tables.keys()
        and (labels, keys, indexes) == (script.enums, script.actions, wanted)
        and all(_same_table(there[name], columns, script) for name, columns in script.tables.items())
    )


def _same_table(table: Table, columns: Iterable[Column], script: Script) -> bool:
    wanted = {column.name: column for column in columns}
    return (
        table.by_name.keys() == wanted.keys()
        and table.primary_key == script.primary_keys[table.name]
        and all(_same_column(table, column) for column in wanted.values())
    )


def _same_column(table: Table, column: Column) -> bool:
    found = table.by_name[column.name]
    meant = postgres_type(column.type)
    if found.nullable != column.nullable or (meant is not None and not same_type(found.type, meant)):
        return False
    if column.counts:
        return found.generated or (found.default or "").startswith("nextval(")
    return same_default(column.default, found.default) is not False


def _bare(index: str, schema: str) -> str:
    """Return an index's definition without what is spelled in more than one way."""
    text = _SPACE_AND_QUOTES.sub("", index).lower()
    return text.replace(f"on{schema.lower()}.", "on", 1).replace("usingbtree", "", 1)
