"""Tells which tables a Prisma schema means in PostgreSQL: names and columns. Reads no file and no database.

Checked against what `prisma migrate diff --from-empty --to-schema … --script` of 7.10.0 prints, on a schema that uses
every native type and every kind of default.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from remediate.errors import CouldNotLook
from remediate.providers.prisma_columns import COUNTING, Column, Columns, mapped, text_of
from remediate.providers.prisma_syntax import blocks_of
from remediate.providers.prisma_tree import Block, Field


@dataclass(frozen=True)
class Table:
    """What one model means.

    Attributes:
        model: Its name in the schema; empty for the table of an implicit many-to-many relation.
        name: The table.
        schema_name: Its `@@schema`, or empty for the one that the app's URL names.
        columns: In the schema's order.
        is_view: Whether it is a view, which migrate does not create.
    """

    model: str
    name: str
    schema_name: str
    columns: tuple[Column, ...]
    is_view: bool = False


def tables_of(text: str, where: str) -> tuple[Table, ...]:
    """Return the tables that a schema means.

    Args:
        text: The schema.
        where: The file's path, for messages.

    Raises:
        CouldNotLook: It cannot be read; says file, line and what is wrong.
    """
    return _Schema(blocks_of(text, where), where).tables()


class _Schema:
    def __init__(self, blocks: tuple[Block, ...], where: str) -> None:
        self._where = where
        self._models: Mapping[str, Block] = {
            block.name: block for block in blocks if block.kind in ("model", "view")
        }
        self._enums: Mapping[str, Block] = {block.name: block for block in blocks if block.kind == "enum"}
        self._columns_of = Columns(self._enums, where)

    def tables(self) -> tuple[Table, ...]:
        plain = {name: self._table(block) for name, block in self._models.items()}
        return (*plain.values(), *self._joining(plain))

    def _table(self, block: Block) -> Table:
        fields = [field for field in block.fields if field.type not in self._models]
        columns = tuple(self._columns_of.column(field) for field in fields)
        return Table(
            model=block.name,
            name=mapped(block, block.name),
            schema_name=text_of(block.attribute("schema"), "name"),
            columns=columns,
            is_view=block.kind == "view",
        )

    def _joining(self, tables: Mapping[str, Table]) -> tuple[Table, ...]:
        """Return the tables of implicit many-to-many relations: two lists that refer to each other."""
        found: dict[str, Table] = {}
        for block in self._models.values():
            for field in block.fields:
                if field.is_list and field.type in self._models and self._is_many_to_many(block, field):
                    one, other = sorted((block.name, field.type))
                    name = text_of(field.attribute("relation"), "name", 0) or f"{one}To{other}"
                    keys = (self._key_of(tables[one]), self._key_of(tables[other]))
                    found[name] = _joined(f"_{name}", tables[one], keys)
        return tuple(found.values())

    def _is_many_to_many(self, block: Block, field: Field) -> bool:
        name = text_of(field.attribute("relation"), "name", 0)
        back = [
            other
            for other in self._models[field.type].fields
            if other.type == block.name
            and other is not field
            and text_of(other.attribute("relation"), "name", 0) == name
        ]
        return bool(back) and all(other.is_list for other in back)

    def _key_of(self, table: Table) -> Column:
        block = self._models[table.model]
        keys = {field.name for field in block.fields if field.attribute("id")}
        ordered = sorted(table.columns, key=lambda column: column.field not in keys)
        if not ordered:
            raise CouldNotLook(
                f"{self._where}:{block.line}", f"{block.name} has no column", "run prisma validate"
            )
        return ordered[0]


def _joined(name: str, one: Table, keys: tuple[Column, Column]) -> Table:
    columns = tuple(
        replace(key, name=letter, field=letter, type=COUNTING.get(key.type, key.type), default=None)
        for letter, key in zip("AB", keys, strict=True)
    )
    return Table(
        model="",
        name=name,
        schema_name=one.schema_name,
        columns=columns,
    )
