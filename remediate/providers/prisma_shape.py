"""Prisma: the indexes and foreign keys that a schema means against those that are there. Compares no columns.

A table that is not there at all is told, and left to `prisma.columns`: one fault has one name.
"""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from remediate.model import Finding
from remediate.promise import Need
from remediate.providers.catalog import stored_name
from remediate.providers.catalog_keys import (
    FOREIGN_KEYS,
    INDEXES,
    IndexedTable,
    ReferringTable,
    indexed_tables_in,
    referring_tables_in,
)
from remediate.providers.foreign_key_compare import compared_foreign_keys
from remediate.providers.index_compare import IndexComparison, compared_indexes
from remediate.providers.key_findings import finding_of
from remediate.providers.prisma_schema import Table
from remediate.providers.prisma_tables import SCHEMA_FILE, chosen_tables, tables_meant
from remediate.providers.wanted_keys import WantedForeignKey, WantedIndex
from remediate.questions import Answers, Query, Read
from remediate.steps import Check, Questions, Step


class _Compared(Check):
    """What a table should have beside columns, and what it has."""

    table: str | None = Field(default=None, description="A table or model; default: all of the schema.")
    schema_file: str = Field(default=SCHEMA_FILE, description="The Prisma schema on the host.")
    question: ClassVar[Query]

    def ask(self) -> Questions:
        """Ask for the schema file, and for what is there."""
        return (Read(path=self.schema_file), self.question)


class Indexes(_Compared):
    """Every index that the Prisma schema means is in the database, primary keys and unique ones too, and valid.

    Compared by what it means: columns in order, how they are sorted, operator classes, method, uniqueness, condition.
    Another name is told. Indexes that only the database has are told, and are no fault; an invalid one is. Facts for
    later steps: `to_make` (for `sql.create_index`), `leftovers` (for `sql.drop_invalid_indexes`), what differs.
    """

    kind: ClassVar[str] = "prisma.indexes"
    tells: ClassVar[str] = (
        "Compares every index that schema.prisma has[ for {table}] with the database by what it means, "
        "whatever its name: whether it is there, and valid"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    question: ClassVar[Query] = INDEXES

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare the latest answers.

        Raises:
            CouldNotLook: The schema file is missing, cannot be read as one, or has no such table.
        """
        del first
        meant, found = tables_meant(now, self.schema_file), indexed_tables_in(now[INDEXES])
        tables = chosen_tables(meant, self.table, found, now.where)
        comparisons = [_compared(table, found.get(stored_name(table.name))) for table in tables]
        finding = finding_of(comparisons, single=self.table is not None, many="indexes")
        to_do = {
            "to_make": [index for one in comparisons for index in one.to_make()],
            "leftovers": [
                {"table": one.table, "name": name} for one in comparisons for name in one.leftovers
            ],
        }
        return finding.model_copy(update={"facts": {**finding.facts, **to_do}})


class ForeignKeys(_Compared):
    """Every foreign key that the Prisma schema means is in the database, with its rules, and validated.

    Compared by what it means: from which columns to which, ON DELETE and ON UPDATE. Another name is told. Foreign keys
    that only the database has are told, and are no fault; one that was never validated is. Facts for later steps:
    `missing`, and `wanted`, which is all that `sql.foreign_key` is to make, of whatever tables.
    """

    kind: ClassVar[str] = "prisma.foreign_keys"
    tells: ClassVar[str] = (
        "Compares every foreign key that schema.prisma has[ for {table}][, from {columns},] with the "
        "database by what it means, whatever its name: whether it is there, has the same rules, and was "
        "validated"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    columns: list[str] = Field(
        default=[], description="Only the foreign keys from exactly these columns; default: all."
    )
    question: ClassVar[Query] = FOREIGN_KEYS

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare the latest answers.

        Raises:
            CouldNotLook: The schema file is missing, cannot be read as one, or has no such table.
        """
        del first
        meant, found = tables_meant(now, self.schema_file), referring_tables_in(now[FOREIGN_KEYS])
        tables = chosen_tables(meant, self.table, found, now.where)
        comparisons = [
            compared_foreign_keys(
                stored_name(table.name),
                [key for key in table.foreign_keys if self._meant(key, found)],
                self._narrowed(found.get(stored_name(table.name))),
            )
            for table in tables
        ]
        return finding_of(comparisons, single=self.table is not None, many="foreign keys")

    def _meant(self, key: WantedForeignKey, found: Mapping[str, ReferringTable]) -> bool:
        there = key.in_schema or stored_name(key.references) in found
        return bool(there) and self._chosen(tuple(map(stored_name, key.columns)))

    def _narrowed(self, table: ReferringTable | None) -> ReferringTable | None:
        if table is None:
            return None
        keys = tuple(key for key in table.foreign_keys if self._chosen(key.columns))
        return table.model_copy(update={"foreign_keys": keys})

    def _chosen(self, columns: tuple[str, ...]) -> bool:
        return not self.columns or {*columns} == {*self.columns}


def _compared(table: Table, found: IndexedTable | None) -> IndexComparison:
    return compared_indexes(
        stored_name(table.name), [_as_made(one, table, found) for one in table.indexes], found
    )


def _as_made(wanted: WantedIndex, table: Table, found: IndexedTable | None) -> WantedIndex:
    """Return the key of a many-to-many table as Prisma before 6 made it, where that one is there: a unique index."""
    if table.model or not wanted.primary or found is None or any(index.primary for index in found.indexes):
        return wanted
    unique = [index for index in found.indexes if index.unique and not index.where]
    older = any([column.name for column in index.columns] == ["A", "B"] for index in unique)
    return (
        wanted.model_copy(update={"primary": False, "name": f"{table.name}_AB_unique"}) if older else wanted
    )


STEPS: tuple[type[Step], ...] = (Indexes, ForeignKeys)
