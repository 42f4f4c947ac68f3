"""The check `sql.query`: what one SELECT answers, compared with what is expected. Reads only.

READ ONLY transactions are no sandbox: functions with effects outside the database run in them, too. So besides the
transaction's mode the statement's kind and the functions it names are limited.
"""

import re
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from remediate.model import Finding, Json
from remediate.questions import Answers, Query, QueryAnswer, Scalar
from remediate.steps import Check, Questions

_READS = ("select", "with", "values", "table", "show", "explain")
_WITH_EFFECTS = re.compile(
    r"\b(pg_(cancel|terminate)_backend|pg_(try_)?advisory_\w+|pg_notify|pg_reload_conf|pg_rotate_logfile|pg_switch_wal"
    r"|pg_(read|write|ls|stat)_\w*file\w*|pg_read_binary_file|pg_ls_dir|pg_sleep\w*|lo_\w+|dblink\w*|set_config"
    r"|query_to_xml\w*|pg_create_\w+|pg_drop_\w+|pg_promote|nextval|setval|analyze)\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\$(\w*)\$.*?\$\1\$|--[^\n]*|/\*.*?\*/", re.DOTALL)
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
_SHOWN_ROWS = 5


class Expect(BaseModel):
    """What an answer must be: exactly one of the three."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    rows: int | str | None = None
    value: Scalar = None
    none: bool = False

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("give exactly one of rows, value, none")
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
    """

    kind: ClassVar[str] = "sql.query"
    sql: str
    values: list[Scalar] = []
    expect: Expect

    @field_validator("sql")
    @classmethod
    def _one_that_reads(cls, sql: str) -> str:
        bare = _QUOTED.sub(" ", sql).strip().rstrip(";").strip()
        first = bare.split(None, 1)[0].lower() if bare else ""
        if ";" in bare:
            raise ValueError("one statement, without a semicolon inside")
        if first not in _READS:
            raise ValueError(
                f"a statement that reads ({', '.join(_READS)}), not {first.upper() or 'nothing'}"
            )
        if found := _WITH_EFFECTS.search(bare):
            raise ValueError(f"{found[0]} has effects that a read-only transaction does not stop")
        return sql

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
            evidence=tuple(str(row) for row in rows),
            facts={"rows": [list(row) for row in answer.rows], "columns": list(answer.columns)},
        )
