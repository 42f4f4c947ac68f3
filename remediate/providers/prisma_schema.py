"""Tells which tables a Prisma schema means in PostgreSQL: columns, keys, indexes. Reads no file and no database.

Checked against what `prisma migrate diff --from-empty --to-schema … --script` of 7.10.0 prints, on a schema that uses
every native type and every kind of default.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from remediate.errors import CouldNotLook
from remediate.providers.prisma_columns import Column, Columns, mapped, text_of
from remediate.providers.prisma_syntax import blocks_of
from remediate.providers.prisma_tree import (
    Attribute,
    Block,
    Call,
    Expression,
    Field,
    Listing,
    Name,
)

_LONGEST_NAME = 63  # bytes; NAMEDATALEN - 1
_INDEXES = {"id": "_pkey", "unique": "_key", "index": "_idx"}
_ACTIONS = {
    "Cascade": "CASCADE",
    "Restrict": "RESTRICT",
    "NoAction": "NO ACTION",
    "SetNull": "SET NULL",
    "SetDefault": "SET DEFAULT",
}


@dataclass(frozen=True)
class Index:
    """An index or unique constraint: its name, its columns in order, and its method."""

    name: str
    columns: tuple[str, ...]
    unique: bool = False
    method: str = "BTREE"


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key and what happens when what it refers to goes away or changes its key."""

    name: str
    columns: tuple[str, ...]
    to_table: str
    to_columns: tuple[str, ...]
    on_delete: str
    on_update: str


@dataclass(frozen=True)
class Table:
    """What one model means.

    Attributes:
        model: Its name in the schema; empty for the table of an implicit many-to-many relation.
        name: The table.
        schema_name: Its `@@schema`, or empty for the one that the app's URL names.
        columns: In the schema's order.
        primary_key: Its columns, and its constraint's name.
        indexes: Unique ones, too, but not the primary key's.
        foreign_keys: In the schema's order.
        is_view: Whether it is a view, which migrate does not create.
    """

    model: str
    name: str
    schema_name: str
    columns: tuple[Column, ...]
    primary_key: Index | None
    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    is_view: bool = False

    def column_of(self, field: str) -> Column:
        """Return the column of a field.

        Raises:
            KeyError: There is no such field, or it is a relation.
        """
        return {column.field: column for column in self.columns}[field]


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
        own = tuple(self._with_keys(plain[name], block, plain) for name, block in self._models.items())
        return (*own, *self._joining(plain))

    def _table(self, block: Block) -> Table:
        fields = [field for field in block.fields if field.type not in self._models]
        columns = tuple(self._columns_of.column(field) for field in fields)
        return Table(
            model=block.name,
            name=mapped(block, block.name),
            schema_name=text_of(block.attribute("schema"), "name"),
            columns=columns,
            primary_key=None,
            is_view=block.kind == "view",
        )

    def _with_keys(self, table: Table, block: Block, tables: Mapping[str, Table]) -> Table:
        keys = [self._index(table, block, found) for found in block.attributes if found.name in _INDEXES]
        own = [
            self._field_index(table, field, found)
            for field in block.fields
            for found in field.attributes
            if found.name in _INDEXES
        ]
        primary = next((index for kind, index in [*own, *keys] if kind == "id"), None)
        relations = [field for field in block.fields if field.type in self._models and not field.is_list]
        foreign = [key for field in relations if (key := self._foreign_key(table, field, tables))]
        others = tuple(index for kind, index in [*own, *keys] if kind != "id")
        return replace(table, primary_key=primary, indexes=others, foreign_keys=tuple(foreign))

    def _field_index(self, table: Table, field: Field, found: Attribute) -> tuple[str, Index]:
        columns = (table.column_of(field.name).name,)
        return found.name, _named_index(table.name, columns, found)

    def _index(self, table: Table, block: Block, found: Attribute) -> tuple[str, Index]:
        fields = _names(found.argument("fields", 0))
        columns = self._columns(table, fields, found.line, f"@@{found.name} of {block.name}")
        return found.name, _named_index(table.name, columns, found)

    def _columns(self, table: Table, fields: Iterable[str], line: int, what: str) -> tuple[str, ...]:
        try:
            return tuple(table.column_of(field).name for field in fields)
        except KeyError as missing:
            raise self._wrong(line, f"{what} names the field {missing}, which is no column") from missing

    def _foreign_key(self, table: Table, field: Field, tables: Mapping[str, Table]) -> ForeignKey | None:
        relation = field.attribute("relation")
        fields = _names(relation.argument("fields")) if relation else ()
        if relation is None or not fields:
            return None
        columns = self._columns(table, fields, relation.line, f"@relation of {field.name}")
        other = tables[field.type]
        optional = any(table.column_of(name).nullable for name in fields)
        return ForeignKey(
            name=text_of(relation, "map") or _short(table.name, columns, "_fkey"),
            columns=columns,
            to_table=other.name,
            to_columns=self._columns(
                other, _names(relation.argument("references")), relation.line, "@relation"
            ),
            on_delete=_action(relation.argument("onDelete"), "SET NULL" if optional else "RESTRICT"),
            on_update=_action(relation.argument("onUpdate"), "CASCADE"),
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
                    found[name] = _joined(f"_{name}", tables[one], tables[other], keys)
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
        key = next((field.name for field in block.fields if field.attribute("id")), block.fields[0].name)
        return table.column_of(key)

    def _wrong(self, line: int, what: str) -> CouldNotLook:
        return CouldNotLook(f"{self._where}:{line}", what, "run prisma validate")


def _named_index(table: str, columns: tuple[str, ...], found: Attribute) -> Index:
    method = found.argument("type")
    return Index(
        name=text_of(found, "map") or _short(table, columns, _INDEXES[found.name]),
        columns=columns,
        unique=found.name != "index",
        method=method.value.upper() if isinstance(method, Name) else "BTREE",
    )


def _short(table: str, columns: tuple[str, ...], suffix: str) -> str:
    whole = "_".join((table, *(columns if suffix != "_pkey" else ())))
    return whole.encode()[: _LONGEST_NAME - len(suffix)].decode("utf-8", "ignore") + suffix


def _names(fields: Expression | None) -> tuple[str, ...]:
    members = fields.values if isinstance(fields, Listing) else ()
    return tuple(
        member.name if isinstance(member, Call) else getattr(member, "value", "") for member in members
    )


def _action(value: Expression | None, default: str) -> str:
    return _ACTIONS.get(value.value, default) if isinstance(value, Name) else default


def _joined(name: str, one: Table, other: Table, keys: tuple[Column, Column]) -> Table:
    columns = tuple(
        replace(key, name=letter, field=letter, type=_UNCOUNTED.get(key.type, key.type), default=None)
        for letter, key in zip("AB", keys, strict=True)
    )
    return Table(
        model="",
        name=name,
        schema_name=one.schema_name,
        columns=columns,
        primary_key=Index(_short(name, (), "_AB_pkey"), ("A", "B"), unique=True),
        indexes=(Index(f"{name}_B_index", ("B",)),),
        foreign_keys=tuple(
            ForeignKey(f"{name}_{letter}_fkey", (letter,), table.name, (key.name,), "CASCADE", "CASCADE")
            for letter, table, key in zip("AB", (one, other), keys, strict=True)
        ),
    )


_UNCOUNTED = {"SERIAL": "INTEGER", "BIGSERIAL": "BIGINT", "SMALLSERIAL": "SMALLINT"}
