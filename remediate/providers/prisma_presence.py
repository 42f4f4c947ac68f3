"""Prisma: whether the tables that a schema means are in the app's schema, and if not, where else. Compares no columns.

Migrating is the cure only where the tables were never made. The usual cause in production is a URL that leads to the
wrong database or schema: there it would make a second, empty set of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from remediate.errors import Failed
from remediate.model import Finding, Json
from remediate.promise import Need
from remediate.providers.catalog import TABLES, stored_name, tables_in
from remediate.providers.prisma_tables import SCHEMA_FILE, chosen_tables, tables_meant
from remediate.questions import Answers, Query, Read
from remediate.steps import Check, Questions, Step

HISTORY_TABLE = "_prisma_migrations"
ELSEWHERE = Query(
    sql="""SELECT current_database() AS database, current_schema() AS schema_name,
 current_setting('search_path') AS search_path,
 (SELECT coalesce(json_agg(json_build_array(f.nspname, f.relname) ORDER BY f.nspname, f.relname), '[]')
  FROM (SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname IS DISTINCT FROM current_schema()
    AND n.nspname <> 'information_schema' AND NOT starts_with(n.nspname, 'pg_')
    AND n.nspname <> 'remediate' AND NOT starts_with(n.nspname, 'remediate_')
    ORDER BY n.nspname, c.relname LIMIT 5000) AS f) AS tables,
 (SELECT coalesce(json_agg(d.datname ORDER BY d.datname), '[]') FROM pg_database AS d
  WHERE d.datallowconn AND NOT d.datistemplate AND d.datname NOT IN (current_database(), 'postgres')
  AND has_database_privilege(d.oid, 'CONNECT')) AS databases""",
    about=("tables of other schemas",),
)
"""Where the connection leads, the tables of the database's other schemas, and the other databases of the server. Of
what this runner keeps aside nothing is told."""
_SHOWN = 10


class Tables(Check):
    """Every table that the Prisma schema means is in the app's schema.

    Of those that are not there it tells whether another schema of this database has them, or they are spelled in other
    letters; and where the database is empty of everything, which others the server has.

    Facts for later steps: `missing` (names), `elsewhere` (`{table, schema}`), `empty`, `database`, `schema`.
    """

    kind: ClassVar[str] = "prisma.tables"
    tells: ClassVar[str] = (
        "Looks whether every table that schema.prisma has is where the app looks for it. Of one that is "
        "not, it tells whether another schema of the database has it, or whether it is spelled in other "
        "letters"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    schema_file: str = Field(default=SCHEMA_FILE, description="The Prisma schema on the host.")

    def ask(self) -> Questions:
        """Ask for the schema file, the app's tables, and those of other schemas."""
        return (Read(path=self.schema_file), TABLES, ELSEWHERE)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare the names.

        Raises:
            CouldNotLook: The schema file is missing, or cannot be read as one.
        """
        del first
        found, place = tables_in(now[TABLES]), now[ELSEWHERE].records[0]
        meant = chosen_tables(tables_meant(now, self.schema_file), None, found, now.where)
        missing = [name for table in meant if (name := stored_name(table.name)) not in found]
        others = [(schema, table) for schema, table in place["tables"] if table in missing]
        empty = not place["tables"] and not found.keys() - {HISTORY_TABLE}
        return Finding(
            healthy=not missing,
            seen=_seen(missing, len(meant), place),
            evidence=tuple(_evidence(missing, others, found, place, empty=empty)) if missing else (),
            facts={
                "missing": list[Json](missing),
                "elsewhere": [{"table": table, "schema": schema} for schema, table in others],
                "empty": empty,
                "database": place["database"],
                "schema": place["schema_name"],
            },
        )


def _seen(missing: Sequence[str], many: int, place: Mapping[str, Json]) -> str:
    if not missing:
        return f"all {many} tables are there"
    where = f"the schema {place['schema_name']}" if place["schema_name"] else "no schema that is there"
    names = ", ".join(missing[:_SHOWN]) + ", …" * (len(missing) > _SHOWN)
    return f"{len(missing)} of {many} tables are missing (database {place['database']}, {where}): {names}"


def _evidence(
    missing: Sequence[str],
    others: Sequence[tuple[str, str]],
    found: Mapping[str, object],
    place: Mapping[str, Json],
    *,
    empty: bool,
) -> Iterator[str]:
    for schema, table in others[:_SHOWN]:
        yield f"{table} lies in the schema {schema}, which the app does not look into"
    for name in missing[:_SHOWN]:
        yield from (
            f"{one} is there: the server tells capitals from small letters"
            for one in found
            if one.lower() == name.lower()
        )
    if not place["schema_name"]:
        yield f"search_path is {place['search_path']}, and no schema of it is there"
    if empty:
        yield f"the database {place['database']} has no table at all: is it the right one?"
        if place["databases"]:
            yield f"the server has others, too: {', '.join(place['databases'][:_SHOWN])}"


def refuse_second_set(answers: Answers) -> None:
    """Refuse to make tables anew where the history of migrations lies in another schema of the database.

    Args:
        answers: Those to `ELSEWHERE`; the app's own schema has no history.

    Raises:
        Failed: Another schema has one.
    """
    place = answers[ELSEWHERE].records[0]
    if kept := [schema for schema, table in place["tables"] if table == HISTORY_TABLE]:
        what = (
            f"the schema {place['schema_name']} is empty, the history of migrations lies in {', '.join(kept)}"
        )
        todo = "is the app's URL, or its search_path, right? if so, give a new schema its tables by hand"
        raise Failed(answers.where, what, f"{todo}: prisma migrate deploy")


STEPS: tuple[type[Step], ...] = (Tables,)
