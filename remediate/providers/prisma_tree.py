"""The parts a Prisma schema's text is made of: blocks, fields, attributes, values. Reads nothing and judges nothing."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Text:
    """A quoted string, without its quotes."""

    value: str


@dataclass(frozen=True)
class Number:
    """A number, as it is written."""

    value: str


@dataclass(frozen=True)
class Name:
    """A bare word: a field, a constant such as `true` or `Cascade`."""

    value: str


@dataclass(frozen=True)
class Call:
    """A function with its arguments: `now()`, `dbgenerated("…")`, a field with options: `name(sort: Desc)`."""

    name: str
    arguments: "tuple[Argument, ...]" = ()


@dataclass(frozen=True)
class Listing:
    """Values in square brackets."""

    values: "tuple[Expression, ...]"


@dataclass(frozen=True)
class Pairs:
    """Names with values in curly brackets: `{ deletedAt: null }`."""

    pairs: "tuple[Argument, ...]"


Expression: TypeAlias = Text | Number | Name | Call | Listing | Pairs


@dataclass(frozen=True)
class Argument:
    """An argument; its name is empty where it was given by position."""

    name: str
    value: Expression


@dataclass(frozen=True)
class Attribute:
    """`@name(…)` of a field or `@@name(…)` of a block; `name` may be dotted: `db.VarChar`."""

    name: str
    arguments: tuple[Argument, ...]
    line: int

    def argument(self, name: str, position: int | None = None) -> Expression | None:
        """Return the argument of this name, or the unnamed one at this position, or None."""
        for argument in self.arguments:
            if argument.name == name:
                return argument.value
        unnamed = [argument.value for argument in self.arguments if not argument.name]
        return unnamed[position] if position is not None and position < len(unnamed) else None


@dataclass(frozen=True)
class Field:
    """One line of a model, or one value of an enum (its type is then empty)."""

    name: str
    type: str
    unsupported: str
    is_list: bool
    is_optional: bool
    attributes: tuple[Attribute, ...]
    line: int

    def attribute(self, name: str) -> Attribute | None:
        """Return the attribute of this name, or None."""
        return next((found for found in self.attributes if found.name == name), None)


@dataclass(frozen=True)
class Block:
    """A model, view, enum or type with its fields, or a generator or datasource with its settings."""

    kind: str
    name: str
    fields: tuple[Field, ...]
    attributes: tuple[Attribute, ...]
    settings: tuple[Argument, ...]
    line: int

    def attribute(self, name: str) -> Attribute | None:
        """Return the block attribute of this name, or None."""
        return next((found for found in self.attributes if found.name == name), None)
