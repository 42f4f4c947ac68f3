"""Compares one table as a Prisma schema means it with the table that is there. Pure; asks nothing."""

from dataclasses import dataclass

from remediate.model import Finding, Json
from remediate.providers import catalog
from remediate.providers.column_types import postgres_type, same_default, same_type
from remediate.providers.prisma_columns import COUNTING, Column
from remediate.providers.prisma_schema import Table


@dataclass(frozen=True)
class Comparison:
    """What differs between a table as it is meant and as it is.

    Attributes:
        table: Its name.
        exists: Whether there is one at all.
        missing: Columns that are not there, as `sql.add_columns` takes them.
        wrong: Columns that are there and not as meant: name, what, wanted, found.
        extra: Names of columns that only the database has.
        compared: How many columns the schema has.
    """

    table: str
    exists: bool
    missing: tuple[dict[str, Json], ...]
    wrong: tuple[dict[str, Json], ...]
    extra: tuple[str, ...]
    compared: int

    @property
    def healthy(self) -> bool:
        """Whether all that is meant is there."""
        return self.exists and not (self.missing or self.wrong)

    def told(self, meant_by: str) -> str:
        """Return what is wrong, in one clause; `meant_by` says who has it otherwise: `the schema has`."""
        if not self.exists:
            return f"there is no table {self.table}"
        parts = []
        if self.missing:
            parts.append(f"{len(self.missing)} of {self.compared} columns are missing in {self.table}")
        if self.wrong:
            parts.append(f"{len(self.wrong)} columns of {self.table} are not as {meant_by} them")
        return ", ".join(parts)

    def evidence(self) -> tuple[str, ...]:
        """Return one line for each difference."""
        return (
            *(f"missing: {self.table}.{one['name']} {one['type']}" for one in self.missing),
            *(
                f"wrong {one['what']}: {self.table}.{one['name']} is {one['found']}, wanted {one['wanted']}"
                for one in self.wrong
            ),
            *(f"only in the database: {self.table}.{name}" for name in self.extra),
        )

    def facts(self) -> dict[str, Json]:
        """Return it as JSON."""
        return {
            "table": self.table,
            "exists": self.exists,
            "missing": list(self.missing),
            "wrong": list(self.wrong),
            "extra": list(self.extra),
        }


def compared(meant: Table, found: catalog.Table | None) -> Comparison:
    """Return what differs.

    Args:
        meant: The table as the schema means it.
        found: The table as it is, or None where there is none.
    """
    there = found.by_name if found else {}
    names = {catalog.stored_name(column.name) for column in meant.columns}
    return Comparison(
        table=meant.name,
        exists=found is not None,
        missing=tuple(
            _missing(column) for column in meant.columns if catalog.stored_name(column.name) not in there
        ),
        wrong=tuple(
            wrong
            for column in meant.columns
            if (one := there.get(catalog.stored_name(column.name))) and (wrong := _wrong(column, one))
        ),
        extra=tuple(name for name in there if name not in names),
        compared=len(meant.columns),
    )


def _missing(column: Column) -> dict[str, Json]:
    return {"name": column.name, "type": column.type, "nullable": column.nullable, "default": column.default}


def _wrong(meant: Column, found: catalog.Column) -> dict[str, Json] | None:
    wanted = postgres_type(COUNTING.get(meant.type, meant.type)) if meant.supported else None
    if wanted and not same_type(found.type, wanted):
        return _difference(meant, "type", wanted, found.type)
    if meant.nullable != found.nullable and not _is_list_kept_full(meant, found):
        return _difference(
            meant, "nullability", _null(nullable=meant.nullable), _null(nullable=found.nullable)
        )
    if meant.type in COUNTING:
        counts = found.generated or (found.default or "").startswith("nextval(")
        return None if counts else _difference(meant, "default", "a sequence", found.default)
    if meant.default is not None and same_default(meant.default, found.default) is False:
        return _difference(meant, "default", meant.default, found.default)
    return None


def _is_list_kept_full(meant: Column, found: catalog.Column) -> bool:
    # Prisma writes an empty array, never NULL, into a list: NOT NULL does no harm there
    return meant.type.endswith("[]") and not found.nullable


def _difference(meant: Column, what: str, wanted: str, found: str | None) -> dict[str, Json]:
    return {"name": meant.name, "what": what, "wanted": wanted, "found": found or "nothing"}


def _null(*, nullable: bool) -> str:
    return "NULL" if nullable else "NOT NULL"


def column_finding(
    comparisons: list[Comparison], *, single: bool, meant_by: str = "the schema has"
) -> Finding:
    """Return what comparisons say together.

    Args:
        comparisons: One for each table.
        single: Whether one table was chosen.
        meant_by: Who says how they should be, in a clause that `them` can follow.
    """
    faulty = [one for one in comparisons if not one.healthy]
    facts: dict[str, Json] = {
        "missing": [column for one in comparisons for column in one.missing],
        "wrong": [column for one in comparisons for column in one.wrong],
        "extra": [column for one in comparisons for column in one.extra],
        "table": comparisons[0].table if single else None,
        "tables": [one.facts() for one in faulty],
    }
    columns = sum(one.compared for one in comparisons)
    seen = "; ".join(one.told(meant_by) for one in faulty) or f"all {columns} columns are as {meant_by} them"
    return Finding(
        healthy=not faulty,
        seen=seen,
        evidence=tuple(line for one in comparisons for line in one.evidence()),
        facts=facts,
    )
