"""Tells which tables a Prisma schema means in PostgreSQL: names, columns, keys. Reads no file and no database.

Checked against what `prisma migrate diff --from-empty --to-schema … --script` of 7.10.0 prints, on a schema that uses
every native type and every kind of default.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from remediate.errors import CouldNotLook
from remediate.providers.prisma_columns import COUNTING, Column, Columns, mapped, text_of
from remediate.providers.prisma_keys import Keys
from remediate.providers.prisma_syntax import blocks_of
from remediate.providers.prisma_tree import Block, Field, Text
from remediate.providers.wanted_keys import WantedColumn, WantedForeignKey, WantedIndex


@dataclass(frozen=True)
class Table:
    """What one model means.

    Attributes:
        model: Its name in the schema; empty for the table of an implicit many-to-many relation.
        name: The table.
        schema_name: Its `@@schema`, or empty for the one that the app's URL names.
        columns: In the schema's order.
        is_view: Whether it is a view, which migrate does not create.
        indexes: Its indexes, the primary key among them.
        foreign_keys: Those that lead from it to others.
    """

    model: str
    name: str
    schema_name: str
    columns: tuple[Column, ...]
    is_view: bool = False
    indexes: tuple[WantedIndex, ...] = ()
    foreign_keys: tuple[WantedForeignKey, ...] = ()


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
        self._keys_of = Keys(self._models, where, kept_by_prisma=_kept_by_prisma(blocks))

    def tables(self) -> tuple[Table, ...]:
        plain = {name: self._table(block) for name, block in self._models.items()}
        return (*plain.values(), *self._joining(plain))

    def _table(self, block: Block) -> Table:
        fields = [field for field in block.fields if field.type not in self._models]
        columns = tuple(self._columns_of.column(field) for field in fields)
        return Table(
            model=block.name,
            name=mapped(block, block.name),
            schema_name=text_of(block.attribute("schema"), "map", 0),
            columns=columns,
            is_view=block.kind == "view",
            indexes=self._keys_of.indexes(block),
            foreign_keys=self._keys_of.foreign_keys(block),
        )

    def _joining(self, tables: Mapping[str, Table]) -> tuple[Table, ...]:
        """Return the tables of implicit many-to-many relations: two lists that refer to each other."""
        found: dict[str, Table] = {}
        for block in self._models.values():
            for field in block.fields:
                if field.is_list and field.type in self._models and self._is_many_to_many(block, field):
                    one, other = sorted((block.name, field.type))
                    name = text_of(field.attribute("relation"), "name", 0) or f"{one}To{other}"
                    sides = tuple((tables[side], self._key_of(tables[side])) for side in (one, other))
                    referring = () if self._keys_of.kept_by_prisma else sides
                    found[name] = _joined(f"_{name}", sides, referring)
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


Sides = tuple[tuple[Table, Column], ...]
"""The two tables of a many-to-many relation, each with its key."""


def _joined(name: str, sides: Sides, referring: Sides) -> Table:
    columns = tuple(
        replace(key, name=letter, field=letter, type=COUNTING.get(key.type, key.type), default=None)
        for letter, (_, key) in zip("AB", sides, strict=True)
    )
    both, second = [WantedColumn(name="A"), WantedColumn(name="B")], [WantedColumn(name="B")]
    return Table(
        model="",
        name=name,
        schema_name=sides[0][0].schema_name,
        columns=columns,
        indexes=(
            WantedIndex(columns=both, name=f"{name}_AB_pkey", primary=True, unique=True),
            WantedIndex(columns=second, name=f"{name}_B_index"),
        ),
        foreign_keys=tuple(_side(letter, *side) for letter, side in zip("AB", referring, strict=False)),
    )


def _side(letter: str, table: Table, key: Column) -> WantedForeignKey:
    return WantedForeignKey(
        columns=[letter],
        references=table.name,
        referenced=[key.name],
        in_schema=table.schema_name,
        on_delete="CASCADE",
        on_update="CASCADE",
    )


def _kept_by_prisma(blocks: tuple[Block, ...]) -> bool:
    """Tell whether there are no foreign keys; up to Prisma 4.4 the setting had another name."""
    return any(
        setting.name in ("relationMode", "referentialIntegrity") and setting.value == Text("prisma")
        for block in blocks
        if block.kind == "datasource"
        for setting in block.settings
    )
