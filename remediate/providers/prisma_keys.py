"""Tells which indexes and foreign keys a model of a Prisma schema means in PostgreSQL. Knows no type of a column.

Checked against what `prisma migrate diff --from-empty --to-schema … --script` of 7.10.0 prints.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from remediate.errors import CouldNotLook
from remediate.providers.prisma_columns import mapped, quoted, text_of
from remediate.providers.prisma_tree import (
    Attribute,
    Block,
    Call,
    Expression,
    Field,
    Listing,
    Name,
    Number,
    Pairs,
    Text,
)
from remediate.providers.wanted_keys import WantedColumn, WantedForeignKey, WantedIndex
from remediate.sql import identifier

_KEYS = ("id", "unique", "index")
_METHODS = {
    "BTree": "btree",
    "Hash": "hash",
    "Gin": "gin",
    "Gist": "gist",
    "SpGist": "spgist",
    "Brin": "brin",
}
_ONE_WORD = {"MinMax": "Minmax", "TimestampTz": "Timestamptz", "TimeTz": "Timetz", "VarBit": "Varbit"}
_CLASS = re.compile(r"[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*)?")
_RULES = {
    "NoAction": "NO ACTION",
    "Restrict": "RESTRICT",
    "Cascade": "CASCADE",
    "SetNull": "SET NULL",
    "SetDefault": "SET DEFAULT",
}


@dataclass(frozen=True)
class Keys:
    """Turns attributes of models into indexes and foreign keys.

    Attributes:
        models: The schema's models and views, by name.
        where: The file's path, for messages.
        kept_by_prisma: Whether Prisma keeps relations itself (`relationMode = "prisma"`): there are no foreign keys.
    """

    models: Mapping[str, Block]
    where: str
    kept_by_prisma: bool = False

    def indexes(self, block: Block) -> tuple[WantedIndex, ...]:
        """Return the indexes of a model, its primary key among them.

        Raises:
            CouldNotLook: One cannot be understood.
        """
        if block.kind == "view":
            return ()
        of_fields = (
            self._index(block, attribute, [Name(field.name)])
            for field in block.fields
            for attribute in field.attributes
            if attribute.name in _KEYS
        )
        of_block = (
            self._index(block, attribute, self._listed(attribute, "fields"))
            for attribute in block.attributes
            if attribute.name in _KEYS
        )
        return (*of_fields, *of_block)

    def foreign_keys(self, block: Block) -> tuple[WantedForeignKey, ...]:
        """Return the foreign keys that lead from a model to others.

        Raises:
            CouldNotLook: One cannot be understood.
        """
        if self.kept_by_prisma or block.kind == "view":
            return ()
        return tuple(
            self._foreign_key(block, field, relation)
            for field in block.fields
            if field.type in self.models and self.models[field.type].kind == "model"
            if (relation := field.attribute("relation")) and relation.argument("fields")
        )

    def _index(self, block: Block, attribute: Attribute, listed: list[Expression]) -> WantedIndex:
        columns = [self._column(block, one, attribute) for one in listed]
        kind = attribute.argument("type")
        method = _METHODS.get(kind.value) if isinstance(kind, Name) else "btree"
        if method is None or not columns:
            raise self._wrong(attribute, f"@{attribute.name} of {block.name} cannot be read")
        return WantedIndex.model_validate(
            {
                "columns": columns,
                "name": text_of(attribute, "map"),
                "unique": attribute.name != "index",
                "method": method,
                "where": self._condition(block, attribute),
                "primary": attribute.name == "id",
            }
        )

    def _column(self, block: Block, listed: Expression, attribute: Attribute) -> WantedColumn:
        options = {argument.name: argument.value for argument in attribute.arguments}
        if isinstance(listed, Call):
            options = {argument.name: argument.value for argument in listed.arguments}
        elif not isinstance(listed, Name):
            raise self._wrong(attribute, f"@{attribute.name} of {block.name} cannot be read")
        field = self._field(block, listed.name if isinstance(listed, Call) else listed.value, attribute)
        return WantedColumn(
            name=mapped(field, field.name),
            sort="desc" if options.get("sort") == Name("Desc") else "asc",
            ops=self._operators(options.get("ops"), attribute),
        )

    def _foreign_key(self, block: Block, field: Field, relation: Attribute) -> WantedForeignKey:
        other = self.models[field.type]
        columns, referenced = (
            self._fields(block, relation, "fields"),
            self._fields(other, relation, "references"),
        )
        if len(columns) != len(referenced):
            raise self._wrong(
                relation, f"{field.name} has {len(columns)} fields and {len(referenced)} references"
            )
        return WantedForeignKey.model_validate(
            {
                "columns": [mapped(one, one.name) for one in columns],
                "references": mapped(other, other.name),
                "referenced": [mapped(one, one.name) for one in referenced],
                "in_schema": text_of(other.attribute("schema"), "map", 0),
                "name": text_of(relation, "map"),
                "on_delete": self._rule(relation, "onDelete") or _when_deleted(columns),
                "on_update": self._rule(relation, "onUpdate") or "CASCADE",
            }
        )

    def _rule(self, relation: Attribute, name: str) -> str:
        given = relation.argument(name)
        if given is None:
            return ""
        if not isinstance(given, Name) or given.value not in _RULES:
            raise self._wrong(relation, f"{name} cannot be read")
        return _RULES[given.value]

    def _fields(self, block: Block, attribute: Attribute, name: str) -> list[Field]:
        listed = self._listed(attribute, name)
        names = [one.value for one in listed if isinstance(one, Name)]
        if len(names) != len(listed) or not names:
            raise self._wrong(attribute, f"{name} of @{attribute.name} cannot be read")
        return [self._field(block, one, attribute) for one in names]

    def _listed(self, attribute: Attribute, name: str) -> list[Expression]:
        given = attribute.argument(name, None if attribute.name == "relation" else 0)
        if not isinstance(given, Listing):
            raise self._wrong(attribute, f"@{attribute.name} has no {name}")
        return list(given.values)

    def _field(self, block: Block, name: str, attribute: Attribute) -> Field:
        for field in block.fields:
            if field.name == name:
                return field
        raise self._wrong(attribute, f"{block.name} has no field {name}")

    def _condition(self, block: Block, attribute: Attribute) -> str | None:
        given = attribute.argument("where")
        if given is None:
            return None
        if isinstance(given, Pairs):
            return " AND ".join(self._tests(block, given, attribute))
        raw = given.arguments[0].value if isinstance(given, Call) and given.arguments else None
        if not isinstance(raw, Text):
            raise self._wrong(attribute, "where cannot be read")
        return raw.value

    def _tests(self, block: Block, given: Pairs, attribute: Attribute) -> Iterator[str]:
        for pair in given.pairs:
            field = self._field(block, pair.name, attribute)
            inner = pair.value.pairs if isinstance(pair.value, Pairs) else ()
            value, negated = (inner[0].value if inner else pair.value), bool(inner)
            column = identifier(mapped(field, field.name))
            if value == Name("null"):
                yield f"{column} IS {'NOT ' * negated}NULL"
            else:
                yield f"{column} {'!=' if negated else '='} {self._literal(value, attribute)}"

    def _literal(self, value: Expression, attribute: Attribute) -> str:
        if isinstance(value, Text):
            return quoted(value.value)
        if isinstance(value, Name | Number):
            return value.value
        raise self._wrong(attribute, "where cannot be read")

    def _operators(self, given: Expression | None, attribute: Attribute) -> str:
        """Return an operator class as PostgreSQL names it, without parameters: `raw("x")`, `Int4MinMaxOps`."""
        if given is None:
            return ""
        if isinstance(given, Name):
            return _snake(given.value)
        raw = given.arguments[0].value if isinstance(given, Call) and given.arguments else None
        if not isinstance(raw, Text) or not (found := _CLASS.match(raw.value)):
            raise self._wrong(attribute, "ops cannot be read")
        return found[0]

    def _wrong(self, attribute: Attribute, what: str) -> CouldNotLook:
        return CouldNotLook(f"{self.where}:{attribute.line}", what, "run prisma validate")


def _when_deleted(columns: list[Field]) -> str:
    """Return the rule where none is said: Prisma takes a relation for required where one of its columns is."""
    return "SET NULL" if all(column.is_optional for column in columns) else "RESTRICT"


def _snake(name: str) -> str:
    """Return `Int4MinMaxOps` as `int4_minmax_ops`."""
    for one, other in _ONE_WORD.items():
        name = name.replace(one, other)
    return "_".join(re.findall(r"[A-Z][a-z]*\d*", name)).lower()
