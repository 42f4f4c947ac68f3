"""The check `sql.redundant_indexes`: indexes of which another one has everything. Tells them; nothing drops any.

Each index costs every write, and room. One whose columns are the first of another one, in the same order, sorted alike,
can answer nothing that the other cannot (manual, chapter "Multicolumn Indexes"); that it is smaller may still be why
somebody made it. How often it was used is counted by the server since its counters began, and on this server alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from remediate.model import Finding, Json
from remediate.promise import Need
from remediate.providers.catalog_keys import INDEXES, Index, indexed_tables_in
from remediate.providers.sql_sessions import lasting
from remediate.providers.sql_statistics import STATISTICS
from remediate.questions import Answers, Query, QueryAnswer
from remediate.steps import Check, Questions, Step

USE = Query(
    sql="""SELECT c.relname AS "table", x.relname AS name, s.idx_scan AS scans, pg_relation_size(x.oid) AS bytes,
 i.indisreplident OR i.indisclustered AS needed, (SELECT extract(epoch FROM clock_timestamp() - d.stats_reset)::float8
  FROM pg_stat_database AS d WHERE d.datname = current_database()) AS seconds
FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid JOIN pg_class AS c ON c.oid = i.indrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace LEFT JOIN pg_stat_all_indexes AS s ON s.indexrelid = i.indexrelid
WHERE n.nspname = current_schema() ORDER BY 1, 2""",
    about=(STATISTICS,),
)
"""How often each index of the app's schema was used, since when, and how large it is."""
_SORTED = "btree"  # what the others have is of no order: there only the whole of it is the same


@dataclass(frozen=True)
class Redundant:
    """An index, and the one that has all of it."""

    table: str
    index: Index
    by: Index


class RedundantIndexes(Check):
    """Whether indexes have nothing that another index of the table has not. Facts: `indexes`.

    One that is unique, of a constraint, of a condition that the other has not, or used for replication or CLUSTER is
    none. Of two that are the same, the second by name is.
    """

    kind: ClassVar[str] = "sql.redundant_indexes"
    tells: ClassVar[str] = (
        "Looks for indexes that have nothing which another index of their table has not[fault?. They are "
        "told, and are no fault here]"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    fault: bool = Field(default=True, description="Whether one is a fault, or only told.")

    def ask(self) -> Questions:
        """Ask for the indexes, and how often each was used."""
        return (INDEXES, USE)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare each with the others of its table."""
        del first
        tables, use = indexed_tables_in(now[INDEXES]).values(), _use_in(now.raw(USE))
        found = [
            one
            for table in tables
            for one in redundant(table.name, table.indexes)
            if not use.get((one.table, one.index.name), {}).get("needed")
        ]
        names = ", ".join(one.index.name for one in found)
        number = sum(len(table.indexes) for table in tables)
        return Finding(
            healthy=not (found and self.fault),
            seen=f"another index has all of: {names}"
            if found
            else f"{number} indexes, none of which another has all of",
            evidence=tuple(_told(one, use.get((one.table, one.index.name))) for one in found),
            facts={
                "indexes": [
                    {"table": one.table, "name": one.index.name, "covered_by": one.by.name} for one in found
                ]
            },
        )


def redundant(table: str, indexes: Sequence[Index]) -> Iterator[Redundant]:
    """Tell which of a table's indexes have nothing of their own, each with the first that has all of it."""
    for index in indexes:
        by = next(
            (other for other in indexes if other.name != index.name and _has_all_of(other, index)), None
        )
        if by:
            yield Redundant(table, index, by)


def _has_all_of(other: Index, index: Index) -> bool:
    if index.unique or index.constraint or index.excludes or not (index.valid and other.valid):
        return False
    if index.included or (index.method, index.where) != (other.method, other.where):
        return False
    if index.columns == other.columns:
        return other.unique or other.included > 0 or other.name < index.name
    return index.method == _SORTED and other.columns[: len(index.columns)] == index.columns


def _use_in(answer: object) -> Mapping[tuple[str, str], Mapping[str, Json]]:
    records = answer.records if isinstance(answer, QueryAnswer) else []
    return {(one["table"], one["name"]): one for one in records}


def _told(one: Redundant, use: Mapping[str, Json] | None) -> str:
    what = f"{one.index.name} on {one.table}: all of it is in {one.by.name}"
    if use is None:
        return f"{what}; how often it is used could not be seen"
    since = f" in {lasting(use['seconds'])}" if use["seconds"] else " since the counters began"
    return f"{what}; {use['bytes'] / 1_000_000:.1f} MB, used {use['scans'] or 0} times{since} on this server"


STEPS: tuple[type[Step], ...] = (RedundantIndexes,)
