"""PostgreSQL: tables, columns, indexes and foreign keys against a list that the playbook gives. Changes nothing.

Compared by the same rules as against a Prisma schema: by what they mean, from `pg_catalog`, in the app's own schema.
"""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from remediate.model import Finding
from remediate.promise import Need
from remediate.providers.catalog import TABLES, stored_name, tables_in
from remediate.providers.catalog import Column as FoundColumn
from remediate.providers.catalog_keys import FOREIGN_KEYS, INDEXES, indexed_tables_in, referring_tables_in
from remediate.providers.column_types import default_sql, postgres_type
from remediate.providers.foreign_key_compare import compared_foreign_keys
from remediate.providers.index_compare import compared_indexes
from remediate.providers.key_findings import finding_of
from remediate.providers.prisma_columns import COUNTING, Column
from remediate.providers.prisma_compare import column_finding, compared
from remediate.providers.prisma_schema import Table
from remediate.providers.wanted_keys import WantedForeignKey, WantedIndex
from remediate.questions import Answers, Query
from remediate.steps import Check, Questions, Step

_ALIKE = """SELECT n.nspname AS schema_name, c.relname AS name, c.relkind AS kind,
 n.nspname = current_schema() AS is_ours
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE lower(c.relname) = ANY(%s::text[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
AND n.nspname NOT LIKE 'pg\\_%%' AND n.nspname <> 'information_schema' ORDER BY n.nspname, c.relname"""
_KINDS = {"v": "a view", "m": "a materialized view", "f": "a foreign table"}


class Tables(Check):
    """The tables of a list are there, in the schema that the app's URL names.

    One of that name in another schema, or of another spelling, is told. Fact for later steps: `missing`.
    """

    kind: ClassVar[str] = "sql.tables"
    tells: ClassVar[str] = "Looks whether the tables {tables} are where the app looks for them"
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    tables: list[str] = Field(min_length=1, description="Their names, spelled as in the database.")

    @property
    def question(self) -> Query:
        """The question which relations have these names, wherever, however spelled."""
        names = tuple(sorted({stored_name(name).lower() for name in self.tables}))
        return Query(sql=_ALIKE, parameters=(names,), about=("tables",))

    def ask(self) -> Questions:
        """Return the one question."""
        return (self.question,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Look for each."""
        del first
        alike = now[self.question].records
        there = {one["name"] for one in alike if one["is_ours"] and one["kind"] in ("r", "p")}
        missing = [name for name in self.tables if stored_name(name) not in there]
        resembling = {
            name: [_told(one) for one in alike if one["name"].lower() == stored_name(name).lower()]
            for name in missing
        }
        return Finding(
            healthy=not missing,
            seen=f"{len(missing)} of {len(self.tables)} tables are missing: {', '.join(missing)}"
            if missing
            else f"all {len(self.tables)} tables are there",
            evidence=tuple(
                f"missing: {name}{'; there is ' * bool(others)}{', '.join(others)}"
                for name, others in resembling.items()
            ),
            facts={"missing": list(missing)},
        )


def _told(one: dict[str, str]) -> str:
    kind = f"{_KINDS[one['kind']]} " if one["kind"] in _KINDS else ""
    return f"{kind}{one['schema_name']}.{one['name']}"


class ListedColumn(BaseModel):
    """A column as it should be; what is left out is not compared.

    Attributes:
        name: Its name.
        type: `TEXT`, `TIMESTAMP(3)`, `"Role"`, `INTEGER[]`, `SERIAL`, …
        nullable: Whether it takes NULL.
        default: `0`, `'uploaded'`, `CURRENT_TIMESTAMP`, …
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    name: str = Field(min_length=1)
    type: str
    nullable: bool | None = None
    default: str | None = None

    @field_validator("type")
    @classmethod
    def _known(cls, given: str) -> str:
        if given not in COUNTING and postgres_type(given) is None:
            raise ValueError(f"{given} is no type that can be compared")
        return given

    @field_validator("default")
    @classmethod
    def _comparable(cls, given: str | None) -> str | None:
        if given is not None and default_sql(given) is None:
            raise ValueError(f"{given} is no default that can be compared")
        return given

    def beside(self, found: FoundColumn | None) -> Column:
        """Return it as it is compared with what is there."""
        nullable = self.nullable if self.nullable is not None else found.nullable if found else True
        return Column(
            name=self.name, field=self.name, type=self.type, nullable=nullable, default=self.default
        )


class Columns(Check):
    """The columns of a list are in a table, with their types, and where it says so nullability and default.

    Facts for later steps as of `prisma.columns`: `missing` is what `sql.add_columns` takes.
    """

    kind: ClassVar[str] = "sql.columns"
    tells: ClassVar[str] = "Looks whether {table} has the columns {columns}, with their types"
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    table: str = Field(description="The table, in the app's schema.")
    columns: list[ListedColumn] = Field(min_length=1, description="What it must have.")

    def ask(self) -> Questions:
        """Ask for the tables' shapes."""
        return (TABLES,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare the latest answer."""
        del first
        found = tables_in(now[TABLES]).get(stored_name(self.table))
        there = found.by_name if found else {}
        columns = tuple(column.beside(there.get(stored_name(column.name))) for column in self.columns)
        meant = Table(model="", name=self.table, schema_name="", columns=columns)
        return column_finding([compared(meant, found)], single=True, meant_by="the playbook has")


class Indexes(Check):
    """The indexes of a list are there, whatever they are called, and valid.

    Facts for later steps as of `prisma.indexes`: `missing` is what `sql.create_index` takes.
    """

    kind: ClassVar[str] = "sql.indexes"
    tells: ClassVar[str] = (
        "Looks whether {table} has the indexes {indexes}, whatever their names, and whether they are valid"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    table: str = Field(description="The table, in the app's schema.")
    indexes: list[WantedIndex] = Field(min_length=1, description="What it must have.")

    def ask(self) -> Questions:
        """Ask for all indexes."""
        return (INDEXES,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare the latest answer."""
        del first
        name = stored_name(self.table)
        found = indexed_tables_in(now[INDEXES]).get(name)
        return finding_of(
            [compared_indexes(name, self.indexes, found)], single=True, many="indexes", demanded=True
        )


class ForeignKeys(Check):
    """The foreign keys of a list are there, whatever they are called, with their rules, and validated.

    Facts for later steps as of `prisma.foreign_keys`: `missing` is what `sql.foreign_key` takes.
    """

    kind: ClassVar[str] = "sql.foreign_keys"
    tells: ClassVar[str] = (
        "Looks whether {table} has the foreign keys {foreign_keys}, whatever their names, with their "
        "rules, and whether they were validated"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    table: str = Field(description="The table that refers, in the app's schema.")
    foreign_keys: list[WantedForeignKey] = Field(min_length=1, description="What it must have.")

    def ask(self) -> Questions:
        """Ask for all foreign keys."""
        return (FOREIGN_KEYS,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare the latest answer."""
        del first
        name = stored_name(self.table)
        found = referring_tables_in(now[FOREIGN_KEYS]).get(name)
        comparison = compared_foreign_keys(name, self.foreign_keys, found)
        return finding_of([comparison], single=True, many="foreign keys", demanded=True)


STEPS: tuple[type[Step], ...] = (Tables, Columns, Indexes, ForeignKeys)
