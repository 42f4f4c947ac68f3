"""The check `sql.query`: what one SELECT answers, compared with what is expected. Reads only.

READ ONLY transactions are no sandbox: functions with effects outside the database run in them, too. So besides the
transaction's mode the statement itself is parsed, and the functions it names are limited (`remediate.gate.looking`).
"""

import re
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from remediate.gate.looking import not_a_look, without_strings
from remediate.model import Finding, Json
from remediate.promise import Need
from remediate.questions import Answers, Query, QueryAnswer, Scalar
from remediate.steps import Check, Questions

_PLACE = re.compile(r"%[%s]")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
_SHOWN_ROWS = 5


class Expect(BaseModel):
    """What an answer must be: exactly one of the three."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    rows: int | str | None = None
    value: Scalar = None
    none: Literal[True] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("give exactly one of rows, value, none")
        if "value" not in self.model_fields_set and self.rows is None and self.none is None:
            raise ValueError("give rows a number or a range, or say `none: true`")
        if isinstance(self.rows, str) and not _RANGE.fullmatch(self.rows):
            raise ValueError('rows is a number or a range such as "1..10"')
        return self

    def met_by(self, answer: QueryAnswer) -> bool:
        """Tell whether an answer is as expected."""
        if "value" in self.model_fields_set:
            return [list(row) for row in answer.rows] == [[self.value]]
        low, high = self._bounds()
        return low <= len(answer.rows) <= high

    def _bounds(self) -> tuple[int, int]:
        if isinstance(self.rows, str):
            low, _, high = self.rows.partition("..")
            return int(low), int(high)
        return (self.rows or 0, self.rows or 0)

    def __str__(self) -> str:
        if "value" in self.model_fields_set:
            return f"the value {self.value!r}"
        return f"{self.rows} rows" if self.rows else "no row"


class QueryCheck(Check):
    """A query answers what is expected of it.

    Attributes:
        sql: One statement that reads, `%s` for each parameter.
        values: The values of its parameters, in order.
        expect: `rows: 3`, `rows: "1..10"`, `value: 0`, or `none: true`.
        show: Whether a few rows are shown with what was seen, and stand in the audit log; without it their number is.
    """

    kind: ClassVar[str] = "sql.query"
    tells: ClassVar[str] = "Asks the database {sql}, and looks whether the answer is {expect}"
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    sql: str
    values: list[Scalar] = []
    expect: Expect
    show: bool = False

    @field_validator("sql")
    @classmethod
    def _one_that_reads(cls, sql: str) -> str:
        if why := not_a_look(sql):
            raise ValueError(why)
        return sql

    @model_validator(mode="after")
    def _a_place_for_each_value(self) -> Self:
        places, all_places = _places(without_strings(self.sql)), _places(self.sql)
        if self.values and all_places != places:
            raise ValueError("with `values`, a % inside quotes or comments is written %%")
        if self.values and places != len(self.values):
            raise ValueError(f"{places} times %s in sql, but {len(self.values)} values")
        return self

    def question(self) -> Query:
        """Return the query itself."""
        return Query(sql=self.sql.strip().rstrip(";"), parameters=tuple(self.values), about=("rows",))

    def ask(self) -> Questions:
        """Ask it."""
        return (self.question(),)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare the latest answer with what is expected."""
        del first
        answer = now[self.question()]
        rows: list[Json] = [list(row) for row in answer.rows[:_SHOWN_ROWS]]
        return Finding(
            healthy=self.expect.met_by(answer),
            seen=f"{len(answer.rows)} rows, expected {self.expect}",
            evidence=tuple(str(row) for row in rows if self.show),
            facts={"rows": [list(row) for row in answer.rows], "columns": list(answer.columns)},
            unwritten=() if self.show else ("rows",),
        )


def _places(sql: str) -> int:
    return sum(found == "%s" for found in _PLACE.findall(sql))
