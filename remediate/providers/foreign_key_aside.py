"""Foreign keys that were never validated, out of the way while orphans are put back under them. Sends nothing itself.

NOT VALID spares the rows that are there, and no row that comes: an orphan that was deleted under such a key can only
come back while the key is gone. It is dropped and made anew, as it was, in the transaction that puts the rows back.
"""

from collections.abc import Sequence

from remediate.model import Json
from remediate.providers.catalog_keys import FOREIGN_KEYS, ForeignKey, referring_tables_in
from remediate.providers.foreign_key_sql import add_sql, still_unvalidated
from remediate.providers.row_selection import Condition
from remediate.sql import identifier
from remediate.target import Statement, Target


def orphaned_by(where: Sequence[Condition]) -> list[Json]:
    """Return by which columns the rows of a selection are orphans: column, parent's table, parent's column."""
    named = ((one.column, one.orphaned_from) for one in where)
    return [[column, parent.table, parent.column] for column, parent in named if parent]


def in_the_way(target: Target, table: str, orphaned: Sequence[Json]) -> tuple[ForeignKey, ...]:
    """Look which foreign keys that were never validated keep orphans from coming back.

    Args:
        target: The host.
        table: The orphans' table.
        orphaned: What `orphaned_by` gave.
    """
    if not orphaned:
        return ()
    there = referring_tables_in(target.answer((FOREIGN_KEYS,))[FOREIGN_KEYS]).get(table)
    if there is None:
        return ()
    return tuple(
        key
        for key in there.foreign_keys
        if not (key.valid or key.some_columns) and key.to_schema == there.schema_name
        if [*key.columns, key.to_table, *key.to_columns] in orphaned
    )


def without(
    schema: str, table: str, keys: Sequence[ForeignKey], statements: Sequence[Statement]
) -> tuple[Statement, ...]:
    """Return statements of one transaction with these foreign keys of a table out of their way, and made anew after."""
    if not keys:
        return tuple(statements)
    whole = identifier(schema, table)
    return (
        Statement(sql=f"LOCK TABLE {whole} IN ACCESS EXCLUSIVE MODE"),
        *(still_unvalidated(key) for key in keys),
        *(Statement(sql=f"ALTER TABLE {whole} DROP CONSTRAINT {identifier(key.name)}") for key in keys),
        *statements,
        # A table with checks still to come takes no ALTER TABLE.
        Statement(sql="SET CONSTRAINTS ALL IMMEDIATE"),
        *(Statement(sql=add_sql(schema, table, key)) for key in keys),
    )
