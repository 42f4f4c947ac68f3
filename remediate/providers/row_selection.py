"""Which rows a step means: a closed grammar of conditions, and the questions that are made of it. Changes nothing.

A condition is a column, an operator and a value; names are quoted, values are parameters that the server types by the
column. There is no way to write SQL in one, and none to mean a whole table by leaving the conditions out.
"""

import re
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from remediate.questions import Facts, Query, Scalar
from remediate.sql import identifier, literal

Operator: TypeAlias = Literal["=", "<>", "<", "<=", ">", ">=", "in", "is null", "is not null"]
Fragment: TypeAlias = tuple[str, tuple[Scalar | tuple[Scalar, ...], ...]]
"""A piece of SQL with `%s` for each of its values, and those; a `%` of a name is doubled in it."""

IMAGE = "left(encode(sha256(convert_to({}::text, 'UTF8')), 'hex'), 32)"
"""Tells whether a row, or a part of it, is still what it was, without showing it: 128 bits of its text's SHA-256."""
SAMPLE = 5
"""How many rows of a plan are shown before and after."""
_UNARY = ("is null", "is not null")
_RANGE = re.compile(r"(\d{1,9})\.\.(\d{1,9})")
_PLACE = re.compile(r"%[%s]")


class Parent(BaseModel):
    """Where a key should lead.

    Attributes:
        table: The table that is referred to, in the app's schema.
        column: Its column.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    table: str
    column: str = "id"


class Condition(BaseModel):
    """One condition; a row is meant where all of them hold.

    Attributes:
        column: The column.
        operator: `=`, `<>`, `<`, `<=`, `>`, `>=`, `in`, `is null`, `is not null`.
        value: What it is compared with; a list for `in`, nothing for `is null` and `is not null`.
        orphaned_from: In place of operator and value: the column names a row that is not there; NULL names none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    column: str
    operator: Operator = "="
    value: Scalar | list[Scalar] = None
    orphaned_from: Parent | None = None

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        given = self.value is not None
        if self.orphaned_from:
            if given or self.operator != "=":
                raise ValueError("orphaned_from stands alone: no operator, no value")
        elif self.operator in _UNARY and given:
            raise ValueError(f"`{self.operator}` takes no value")
        elif self.operator == "in" and (not isinstance(self.value, list) or None in self.value):
            raise ValueError("`in` takes a list of values, none of them null")
        elif self.operator not in (*_UNARY, "in") and (not given or isinstance(self.value, list)):
            raise ValueError(f"`{self.operator}` takes one value; for NULL say `is null` or `is not null`")
        return self

    @property
    def sql(self) -> Fragment:
        """The condition on a row called `r`."""
        column = f"r.{quoted(self.column)}"
        if self.orphaned_from:
            return orphaned(self.column, self.orphaned_from), ()
        if isinstance(self.value, list):
            values = tuple(map(as_text, self.value))
            return (f"{column} IN ({', '.join('%s' for _ in values)})" if values else "false"), values
        if self.operator in _UNARY:
            return f"{column} {self.operator.upper()}", ()
        return f"{column} {self.operator} %s", (as_text(self.value),)

    def about(self, table: str) -> Facts:
        """Return what its truth depends on, besides which rows there are."""
        parent = self.orphaned_from
        more = (rows_fact(parent.table), column_fact(parent.table, parent.column)) if parent else ()
        return (column_fact(table, self.column), *more)


class Expected(BaseModel):
    """How many rows are meant: a set outside of it is refused while planning.

    Attributes:
        rows: A number, or a range such as `1..1000`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    rows: Annotated[int, Field(ge=1)] | Annotated[str, Field(pattern=r"^\d{1,9}\.\.\d{1,9}$")]

    @model_validator(mode="after")
    def _low_before_high(self) -> Self:
        if not 1 <= self.low <= self.high:
            raise ValueError('rows is a number from 1 on, or a range such as "1..1000"')
        return self

    @property
    def low(self) -> int:
        """The fewest."""
        return self._bounds[0]

    @property
    def high(self) -> int:
        """The most."""
        return self._bounds[1]

    @property
    def _bounds(self) -> tuple[int, int]:
        if isinstance(self.rows, int):
            return self.rows, self.rows
        found = _RANGE.fullmatch(self.rows)
        return (int(found[1]), int(found[2])) if found else (0, 0)


def orphaned(column: str, parent: Parent) -> str:
    """Return the condition that a row `r` names a parent that is not there; a NULL names none (no `NOT IN`)."""
    child, there = f"r.{quoted(column)}", f"p.{quoted(parent.column)}"
    missing = f"NOT EXISTS (SELECT FROM {quoted(parent.table)} AS p WHERE {there} = {child})"
    return f"{child} IS NOT NULL AND {missing}"


def joined(fragments: tuple[Fragment, ...], between: str = " AND ") -> Fragment:
    """Return several conditions as one."""
    return between.join(f"({text})" for text, _ in fragments), tuple(
        value for _, values in fragments for value in values
    )


def selection(
    table: str,
    key: tuple[str, ...],
    *,
    shown: tuple[str, ...],
    image: str,
    where: Fragment,
    most: int,
    about: Facts,
) -> Query:
    """Return the question which rows are meant, in the order of their keys: `whole`, `key`, `shown`, `image`.

    What is shown is asked of the first rows alone: nobody sees the others, and there may be a hundred thousand.

    Args:
        table: The table, in the app's schema.
        key: The columns of its primary key.
        shown: The columns whose values a person is to see.
        image: What of the row must stay as it is: an expression over `r`.
        where: The condition.
        most: How many rows are listed; `whole` counts all.
        about: What the answer depends on.
    """
    order = ", ".join(f"r.{quoted(name)}" for name in key)
    sample = f"CASE WHEN row_number() OVER (ORDER BY {order}) <= {SAMPLE} THEN {texts_of(shown)} END"
    sql = (
        f"SELECT count(*) OVER () AS whole, {texts_of(key)} AS key, {sample} AS shown,"  # noqa: S608  (quoted)
        f" {IMAGE.format(image)} AS image FROM {quoted(table)} AS r WHERE {where[0]} ORDER BY {order} LIMIT %s"
    )
    return Query(sql=sql, parameters=(key, shown, *where[1], most), about=about)


def texts_of(columns: tuple[str, ...], row: str = "r") -> str:
    """Return the expression for these columns as JSON of their texts; their names are its one parameter.

    A value is kept as PostgreSQL writes it (`::text`), which is what it reads again to the byte: to_jsonb loses the
    spaces of `json`, the bounds of arrays, a negative zero, and which of SQL's and JSON's null it was.
    """
    listed = ", ".join(f"{row}.{quoted(name)}::text" for name in columns)
    return f"jsonb_object(%s::text[], ARRAY[{listed}]::text[])"


def quoted(*names: str) -> str:
    """Return a quoted identifier for a statement that has parameters: a `%` in it is doubled."""
    return identifier(*names).replace("%", "%%")


def as_text(value: Scalar) -> str | None:
    """Return a value as the server reads it: it becomes of the column's type there."""
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)


def written_out(sql: str, values: tuple[Scalar | tuple[Scalar, ...], ...]) -> str:
    """Return a statement with its values in their places, as a person would run it, and as it runs."""
    left = iter(values)
    return _PLACE.sub(lambda found: "%" if found[0] == "%%" else _literal(next(left)), sql)


def _literal(value: Scalar | tuple[Scalar, ...]) -> str:
    if isinstance(value, tuple):
        return f"ARRAY[{', '.join(map(_literal, value))}]::text[]"
    return literal(value).strip()


def rows_fact(table: str) -> str:
    """Return the fact that everything depends on which looks at which rows a table has."""
    return f"rows:{table}"


def column_fact(table: str, column: str) -> str:
    """Return the fact that everything depends on which looks at a column's values."""
    return f"column:{table}.{column}"
