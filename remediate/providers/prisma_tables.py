"""Chooses which tables of a Prisma schema a check compares with the database. Compares nothing itself."""

import difflib
from collections.abc import Mapping
from typing import Protocol

from remediate.errors import CouldNotLook
from remediate.providers.prisma_schema import Table, tables_of
from remediate.questions import Answers, Read

SCHEMA_FILE = "{{ app.backend }}/prisma/schema.prisma"
"""Where the schema lies, by the inventory."""


class InSchema(Protocol):
    """A table as it is, of whatever a check knows of it."""

    @property
    def schema_name(self) -> str:
        """Where it lies."""


def tables_meant(answers: Answers, schema_file: str) -> tuple[Table, ...]:
    """Return the tables that the schema file means.

    Raises:
        CouldNotLook: There is no such file, or it cannot be read as a schema.
    """
    file = answers[Read(path=schema_file)]
    if not file.exists:
        raise CouldNotLook(
            answers.where, f"there is no {schema_file}", "set schema_file, or app.backend in the inventory"
        )
    return tables_of(file.text, schema_file)


def chosen_tables(
    tables: tuple[Table, ...], chosen: str | None, there: Mapping[str, InSchema], where: str
) -> tuple[Table, ...]:
    """Return the tables to compare: the one that was chosen, or all that lie in the app's schema.

    Args:
        tables: What the schema file means.
        chosen: A table or model, or None.
        there: The tables of the app's schema, as they are.
        where: The host, for messages.

    Raises:
        CouldNotLook: There is no such table, or it lies in another schema.
    """
    app_schema = next((table.schema_name for table in there.values()), None)
    if chosen is not None:
        return (_one(tables, chosen, app_schema, where),)
    return tuple(table for table in tables if not table.is_view and _is_in(table, app_schema))


def _one(tables: tuple[Table, ...], chosen: str, app_schema: str | None, where: str) -> Table:
    found = [table for table in tables if chosen == table.name] or [
        table for table in tables if chosen == table.model
    ]
    if not found:
        near = difflib.get_close_matches(
            chosen, [name for table in tables for name in (table.name, table.model)]
        )
        todo = f"did you mean {near[0]}?" if near else "correct the table's name"
        raise CouldNotLook(where, f"the schema has no model or table {chosen}", todo)
    if not any(_is_in(table, app_schema) for table in found):
        what = f"{chosen} lies in the schema {found[0].schema_name}, the app's is {app_schema}"
        raise CouldNotLook(where, what, "only tables of the schema that the app's URL names are compared")
    return next(table for table in found if _is_in(table, app_schema))


def _is_in(table: Table, app_schema: str | None) -> bool:
    """Tell whether a table belongs to the app's schema; where that has no table at all, nobody knows its name."""
    return app_schema is None or table.schema_name in ("", app_schema)
