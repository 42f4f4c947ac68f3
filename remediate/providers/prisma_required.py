"""Prisma: whether every column that the schema requires is NOT NULL in the database. Reads no row of a table.

A column that is NOT NULL has no NULL: where all of them are, there is nothing to count, and nothing is. How many rows
have none elsewhere is counted by whoever plans to fill them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from remediate.model import Finding, Json
from remediate.promise import Need
from remediate.providers.catalog import TABLES, stored_name, tables_in
from remediate.providers.catalog import Table as Found
from remediate.providers.prisma_schema import Table
from remediate.providers.prisma_tables import SCHEMA_FILE, chosen_tables, tables_meant
from remediate.providers.sql_statistics import STATISTICS
from remediate.questions import Answers, Query, QueryAnswer, Read
from remediate.steps import Check, Questions, Step

SAMPLED = Query(
    sql="""SELECT tablename AS "table", attname AS "column", null_frac::float8 AS fraction FROM pg_stats
WHERE schemaname = current_schema() ORDER BY 1, 2""",
    about=(STATISTICS,),
)
"""How many of a column's values were NULL, of the rows that the last ANALYZE looked at."""

_CONSTANT = re.compile(r"'(?P<text>(?:[^']|'')*)'|(?P<plain>-?\d+(?:\.\d+)?|true|false)")


@dataclass(frozen=True)
class Lax:
    """A column that the schema requires and that takes NULL.

    Attributes:
        table: Its table.
        name: Its name in the database.
        default: What the schema has for a row that says nothing, as text; None where that is nothing constant.
    """

    table: str
    name: str
    default: str | None


class Required(Check):
    """Every column that the Prisma schema requires is NOT NULL in the database, so that no row lacks a value.

    Up to Prisma 6 the client fails over a NULL that it reads where none may be (P2032); that of Prisma 7 hands it on to
    code whose types say that it is none (measured). Facts for later steps: `columns`, `defaults` (by column, as far as
    the schema has a constant one), `without_default`; of a chosen table its `key`, and `made_at`, the columns that say
    since when a row is there.
    """

    kind: ClassVar[str] = "prisma.required"
    tells: ClassVar[str] = (
        "Looks whether every column that schema.prisma requires[ in {table}] is NOT NULL in the database"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    table: str | None = Field(default=None, description="A table or model; default: all of the schema.")
    schema_file: str = Field(default=SCHEMA_FILE, description="The Prisma schema on the host.")

    def ask(self) -> Questions:
        """Ask for the schema file, the tables' shapes, and what the last ANALYZE saw."""
        return (Read(path=self.schema_file), TABLES, SAMPLED)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare the latest answers.

        Raises:
            CouldNotLook: The schema file is missing, cannot be read as one, or has no such table.
        """
        del first
        meant, there = tables_meant(now, self.schema_file), tables_in(now[TABLES])
        chosen = chosen_tables(meant, self.table, there, now.where)
        pairs = [(one, found) for one in chosen if (found := there.get(stored_name(one.name)))]
        lax = [one for pair in pairs for one in _lax(*pair)]
        names = ", ".join(f"{one.table}.{one.name}" for one in lax)
        return Finding(
            healthy=not lax,
            seen=f"required by the schema, and takes NULL: {names}"
            if lax
            else f"every column that the schema requires is NOT NULL in {len(pairs)} tables",
            evidence=tuple(_told(one, _fractions(now.raw(SAMPLED))) for one in lax),
            facts={**_facts(lax), **_rows(pairs[0] if self.table and pairs else None)},
        )


def _lax(meant: Table, found: Found) -> Iterator[Lax]:
    for column in meant.columns:
        there = found.by_name.get(stored_name(column.name))
        if there and there.nullable and not column.nullable:
            yield Lax(found.name, there.name, constant_of(column.default))


def constant_of(default: str | None) -> str | None:
    """Return a default's value as the server reads it, or None where it is computed: `now()`, `dbgenerated(…)`."""
    found = _CONSTANT.fullmatch(default or "")
    if found is None:
        return None
    return found["plain"] if found["text"] is None else found["text"].replace("''", "'")


def _facts(lax: Iterable[Lax]) -> dict[str, Json]:
    return {
        "columns": [one.name for one in lax],
        "defaults": {one.name: one.default for one in lax if one.default is not None},
        "without_default": [one.name for one in lax if one.default is None],
    }


def _rows(pair: tuple[Table, Found] | None) -> dict[str, Json]:
    """Return by what rows of a table are known, and which columns are filled when one is made."""
    if pair is None:
        return {"key": [], "made_at": []}
    meant, there = pair
    made_at = (stored_name(one.name) for one in meant.columns if one.default == "CURRENT_TIMESTAMP")
    return {"key": list(there.primary_key), "made_at": [name for name in made_at if name in there.by_name]}


def _fractions(answer: object) -> Mapping[tuple[str, str], float]:
    records = answer.records if isinstance(answer, QueryAnswer) else []
    return {(one["table"], one["column"]): one["fraction"] for one in records}


def _told(one: Lax, fractions: Mapping[tuple[str, str], float]) -> str:
    fraction = fractions.get((one.table, one.name))
    default = "no constant default" if one.default is None else f"the default {one.default!r}"
    return f"{one.table}.{one.name} takes NULL; {_sampled(fraction)}; the schema has {default}"


def _sampled(fraction: float | None) -> str:
    if fraction is None:
        return "it was never analyzed"
    rows = f"{100 * fraction:.2g} % of its rows had none" if fraction else "no row without one was seen"
    return f"when last analyzed {rows} (a sample)"


STEPS: tuple[type[Step], ...] = (Required,)
