"""Indexes and foreign keys as a schema means them, or a playbook wants them: values, and their SQL. Looks at nothing.

Names and rules are those that Prisma gives by itself, where none are said.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from remediate.providers.catalog import stored_name
from remediate.providers.conditions import condition_sql
from remediate.sql import identifier

LONGEST_NAME = 63
"""Bytes of a name, as PostgreSQL keeps it (NAMEDATALEN)."""

Rule = Literal["NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"]


class WantedColumn(BaseModel):
    """A column of an index: its name alone, or with how it is sorted, and by which operator class.

    Attributes:
        name: Of the table's column.
        sort: `asc` or `desc`.
        ops: The operator class, such as `text_pattern_ops`; default: the one of the column's type.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    name: str = Field(min_length=1)
    sort: Literal["asc", "desc"] = "asc"
    ops: str = Field(default="", pattern=r"^([A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*)?)?$")

    @property
    def ddl(self) -> str:
        """As CREATE INDEX takes it."""
        ops = f" {'.'.join(identifier(part) for part in self.ops.split('.'))}" if self.ops else ""
        return f"{identifier(self.name)}{ops}{' DESC' if self.sort == 'desc' else ''}"


def _named(given: object) -> object:
    return {"name": given} if isinstance(given, str) else given


IndexColumns = list[
    Annotated[WantedColumn, BeforeValidator(_named, json_schema_input_type=str | WantedColumn)]
]


class WantedIndex(BaseModel):
    """An index as it is wanted, as `found.….missing` of `prisma.indexes` has it.

    Attributes:
        columns: In order; a name, or `{name: …, sort: desc, ops: …}`.
        table: Of which table; default: the step's.
        name: Default: as Prisma names it. One of another name that is the same otherwise will do, too.
        unique: Whether it lets a value be there once only.
        method: `btree`, `hash`, `gin`, `gist`, `spgist` or `brin`.
        where: The condition of a partial index.
        primary: Whether it is the primary key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    columns: IndexColumns = Field(min_length=1)
    table: str = ""
    name: str = ""
    unique: bool = False
    method: Literal["btree", "hash", "gin", "gist", "spgist", "brin"] = "btree"
    where: str | None = None
    primary: bool = False

    def name_on(self, table: str) -> str:
        """Return its name, as the database keeps it, on a table."""
        if self.name:
            return stored_name(self.name)
        names = () if self.primary else tuple(column.name for column in self.columns)
        return usual_name(table, names, "pkey" if self.primary else "key" if self.unique else "idx")

    def told(self) -> str:
        """Return what it is, for a person."""
        columns = ", ".join(column.ddl for column in self.columns)
        if self.primary:
            return f"PRIMARY KEY ({columns})"
        method = "" if self.method == "btree" else f"USING {self.method} "
        where = f" WHERE {self.where}" if self.where else ""
        return f"{'UNIQUE ' * self.unique}INDEX {method}({columns}){where}"

    def ddl(self, schema: str, table: str, *, concurrently: bool = True) -> str:
        """Return the statement that makes it; only where `unwritable` found nothing wrong with it."""
        where = f" WHERE {condition_sql(self.where)}" if self.where else ""
        return (
            f"CREATE {'UNIQUE ' * self.unique}INDEX {'CONCURRENTLY ' * concurrently}"
            f"{identifier(self.name_on(table))} ON {identifier(schema, table)} USING {self.method}"
            f" ({', '.join(column.ddl for column in self.columns)}){where}"
        )


class WantedForeignKey(BaseModel):
    """A foreign key as it is wanted, as `found.….missing` of `prisma.foreign_keys` has it.

    Attributes:
        columns: That refer.
        references: The table that is referred to.
        referenced: Its columns, in the order of `columns`.
        in_schema: Where that table lies; default: the app's schema.
        name: Default: as Prisma names it. One of another name that is the same otherwise will do, too.
        on_delete: What becomes of rows whose row is deleted: `RESTRICT`, `NO ACTION`, `CASCADE`, `SET NULL`, …
        on_update: What becomes of them when its key is changed: `CASCADE`, …
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    columns: list[str] = Field(min_length=1)
    references: str = Field(min_length=1)
    referenced: list[str] = ["id"]
    in_schema: str = ""
    name: str = ""
    on_delete: Rule = "RESTRICT"
    on_update: Rule = "CASCADE"

    @field_validator("on_delete", "on_update", mode="before")
    @classmethod
    def _in_capitals(cls, given: object) -> object:
        return given.upper() if isinstance(given, str) else given

    @model_validator(mode="after")
    def _as_many(self) -> Self:
        if len(self.columns) != len(self.referenced):
            raise ValueError(f"{len(self.columns)} columns refer to {len(self.referenced)}")
        return self

    def name_on(self, table: str) -> str:
        """Return its name, as the database keeps it, on a table."""
        return stored_name(self.name) if self.name else usual_name(table, tuple(self.columns), "fkey")

    def told(self) -> str:
        """Return what it is, for a person."""
        columns, referenced = (
            ", ".join(identifier(name) for name in names) for names in (self.columns, self.referenced)
        )
        to = identifier(*((self.in_schema,) if self.in_schema else ()), self.references)
        rules = f"ON DELETE {self.on_delete} ON UPDATE {self.on_update}"
        return f"FOREIGN KEY ({columns}) REFERENCES {to} ({referenced}) {rules}"


class WantedForeignKeyOn(WantedForeignKey):
    """A foreign key with the table that it is wanted on, as `found.….wanted` of `prisma.foreign_keys` has it.

    Attributes:
        table: The table that refers, in the app's schema; default: the step's.
    """

    table: str = ""


def usual_name(table: str, columns: tuple[str, ...], what: str) -> str:
    """Return the name that Prisma gives, cut so that its end stays: `avatars_userId_idx`.

    Args:
        table: The table.
        columns: Its columns; none for a primary key.
        what: `pkey`, `key`, `idx` or `fkey`.

    Source: measured with what Prisma 7.10.0 prints.
    """
    room = LONGEST_NAME - len(what) - 1
    return f"{'_'.join((table, *columns)).encode()[:room].decode('utf-8', 'ignore')}_{what}"
