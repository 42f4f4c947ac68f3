"""Tells which PostgreSQL column a field of a Prisma schema means: type, nullability, default. Knows no table.

Checked against what `prisma migrate diff --from-empty --to-schema … --script` of 7.10.0 prints.
"""

import base64
import binascii
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from remediate.errors import CouldNotLook
from remediate.providers.prisma_tree import (
    Attribute,
    Block,
    Call,
    Expression,
    Field,
    Listing,
    Name,
    Number,
    Text,
)
from remediate.sql import identifier

_SCALARS = {
    "String": "TEXT",
    "Boolean": "BOOLEAN",
    "Int": "INTEGER",
    "BigInt": "BIGINT",
    "Float": "DOUBLE PRECISION",
    "Decimal": "DECIMAL(65,30)",
    "DateTime": "TIMESTAMP(3)",
    "Json": "JSONB",
    "Bytes": "BYTEA",
}
_NATIVE = {"DoublePrecision": "DOUBLE PRECISION", "Integer": "INTEGER"}
COUNTING = {"SERIAL": "INTEGER", "BIGSERIAL": "BIGINT", "SMALLSERIAL": "SMALLINT"}
"""The types that count up by themselves, and what they are apart from that."""
_SERIAL = {plain: serial for serial, plain in COUNTING.items()}


@dataclass(frozen=True)
class Column:
    """A column as Prisma's migrate would create it.

    Attributes:
        name: In the database.
        field: In the schema.
        type: SQL: `TEXT`, `TIMESTAMP(3)`, `"Role"`, `TEXT[]`; `SERIAL` where it counts up by itself.
        nullable: Whether it takes NULL.
        default: SQL, or None where the database has none (Prisma's client makes `cuid()` itself).
        supported: Whether Prisma knows the type.
    """

    name: str
    field: str
    type: str
    nullable: bool
    default: str | None = None
    supported: bool = True


@dataclass(frozen=True)
class Columns:
    """Turns fields into columns.

    Attributes:
        enums: The schema's enums, by name.
        where: The file's path, for messages.
    """

    enums: Mapping[str, Block]
    where: str

    def column(self, field: Field) -> Column:
        """Return the column of a field that is no relation.

        Raises:
            CouldNotLook: Its type or default cannot be understood.
        """
        sql = self._type(field)
        default = field.attribute("default")
        counts = default is not None and _is_call(default, "autoincrement")
        return Column(
            name=mapped(field, field.name),
            field=field.name,
            type=_SERIAL.get(sql, sql) if counts else sql + ("[]" if field.is_list else ""),
            nullable=field.is_optional or field.is_list,
            default=None if counts or default is None else self._default(field, sql, default),
            supported=field.type != "Unsupported",
        )

    def _type(self, field: Field) -> str:
        if field.type == "Unsupported":
            return field.unsupported
        if field.type in self.enums:
            return identifier(mapped(self.enums[field.type], field.type))
        native = next((found for found in field.attributes if found.name.partition(".")[2]), None)
        if native and field.type in _SCALARS:
            return _native(native)
        if field.type not in _SCALARS:
            raise self._wrong(field.line, f"{field.name} has the unknown type {field.type}")
        return _SCALARS[field.type]

    def _default(self, field: Field, sql: str, default: Attribute) -> str | None:
        value = default.argument("value", 0)
        if isinstance(value, Listing):
            members = ", ".join(self._literal(field, member) for member in value.values)
            return f"ARRAY[{members}]::{sql}[]"
        if isinstance(value, Call):
            return self._computed(value)
        if value is None:
            raise self._wrong(default.line, f"@default of {field.name} has no value")
        return self._literal(field, value)

    def _computed(self, call: Call) -> str | None:
        if call.name == "now":
            return "CURRENT_TIMESTAMP"
        if call.name == "dbgenerated" and call.arguments and isinstance(call.arguments[0].value, Text):
            return call.arguments[0].value.value or None
        return None  # cuid(), uuid(), nanoid(), ulid(): made by Prisma's client, not by the database

    def _literal(self, field: Field, value: Expression) -> str:
        if isinstance(value, Name) and field.type in self.enums:
            return quoted(self._enum_value(field, value.value))
        if isinstance(value, Name | Number):
            return value.value
        if not isinstance(value, Text):
            raise self._wrong(field.line, f"@default of {field.name} cannot be read")
        try:
            return quoted(_converted(field.type, value.value))
        except (ValueError, binascii.Error) as error:
            raise self._wrong(field.line, f"@default of {field.name} is no {field.type}") from error

    def _enum_value(self, field: Field, name: str) -> str:
        values = {value.name: mapped(value, value.name) for value in self.enums[field.type].fields}
        if name not in values:
            raise self._wrong(field.line, f"@default of {field.name} is no value of {field.type}: {name}")
        return values[name]

    def _wrong(self, line: int, what: str) -> CouldNotLook:
        return CouldNotLook(f"{self.where}:{line}", what, "run prisma validate")


def mapped(what: Block | Field, name: str) -> str:
    """Return the name in the database: what `@map` or `@@map` says, else the given one."""
    return text_of(what.attribute("map"), "name", 0) or name


def text_of(attribute: Attribute | None, name: str, position: int | None = None) -> str:
    """Return a text argument of an attribute that may be missing; empty where it is."""
    value = attribute.argument(name, position) if attribute else None
    return value.value if isinstance(value, Text) else ""


def _is_call(default: Attribute, name: str) -> bool:
    value = default.argument("value", 0)
    return isinstance(value, Call) and value.name == name


def _native(attribute: Attribute) -> str:
    name = attribute.name.partition(".")[2]
    sizes = ",".join(
        argument.value.value for argument in attribute.arguments if isinstance(argument.value, Number)
    )
    return _NATIVE.get(name, name.upper()) + (f"({sizes})" if sizes else "")


def quoted(text: str) -> str:
    """Return a literal as Prisma writes it."""
    return "'" + text.replace("'", "''") + "'"  # backslashes are plain: standard_conforming_strings


def _converted(field_type: str, text: str) -> str:
    if field_type == "Bytes":
        return "\\x" + base64.b64decode(text, validate=True).hex()
    if field_type == "DateTime":
        return _moment(dt.datetime.fromisoformat(text))
    return text


def _moment(moment: dt.datetime) -> str:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    shown = aware.isoformat(sep=" ", timespec="milliseconds" if aware.microsecond else "seconds")
    return f"{shown[:-6]} {shown[-6:]}"
