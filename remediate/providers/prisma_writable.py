"""Prisma: whether the database takes what the client writes, though every column is there. Writes nothing to find out.

A probe that writes leaves a row behind, or holds locks until it is rolled back. Each of these shows in the catalog.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from remediate.model import Finding, Json
from remediate.promise import Need
from remediate.providers.catalog import ALL_TABLES, TABLES, stored_name, tables_in
from remediate.providers.catalog import Table as Found
from remediate.providers.prisma_columns import mapped
from remediate.providers.prisma_schema import Table
from remediate.providers.prisma_syntax import blocks_of
from remediate.providers.prisma_tables import SCHEMA_FILE, chosen_tables, tables_meant
from remediate.questions import Answers, Query, Read
from remediate.steps import Check, Questions, Step

# 7: a trigger for each row, before it, on INSERT (pg_trigger.h); it may fill what the client leaves out.
RIGHTS = Query(
    sql="""SELECT current_user AS role, pg_is_in_recovery() AS standby,
 (SELECT coalesce(json_agg(json_build_array(c.relname, p.privilege) ORDER BY c.relname, p.privilege), '[]')
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
  CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) AS p (privilege)
  WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND EXISTS (SELECT FROM pg_attribute AS a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    AND NOT has_column_privilege(c.oid, a.attnum, p.privilege))) AS refused,
 (SELECT coalesce(json_agg(DISTINCT c.relname), '[]') FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
  JOIN pg_namespace AS n ON n.oid = c.relnamespace
  WHERE n.nspname = current_schema() AND t.tgtype & 7 = 7 AND t.tgenabled <> 'D') AS filled,
 (SELECT coalesce(json_object_agg(t.typname, (SELECT json_agg(e.enumlabel) FROM pg_enum AS e
    WHERE e.enumtypid = t.oid)), '{}')
  FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace
  WHERE n.nspname = current_schema() AND t.typtype = 'e') AS enums""",
    about=(ALL_TABLES, "enums", "privileges"),
)
"""What the app's role may do with which table, where a trigger may fill in, which labels enums have."""


@dataclass(frozen=True)
class Obstacle:
    """Something for which the database refuses a write.

    Attributes:
        what: `required`, `privilege`, `enum` or `standby`.
        name: The column, the privilege with its table, or the label.
        told: The same for a person.
    """

    what: Literal["required", "privilege", "enum", "standby"]
    name: str
    told: str


class Writable(Check):
    """The database takes what the Prisma client writes: beyond the columns of the schema nothing stands in the way.

    In the way are a column that only the database has, NOT NULL and without default; a privilege that the app's role
    lacks (INSERT; SELECT, as the client reads back what it wrote); a label that an enum lacks; a standby. A missing
    UPDATE is told, and is no fault: a table may be meant so. Facts for later steps: `obstacles`: `{what, name}`.
    """

    kind: ClassVar[str] = "prisma.writable"
    tells: ClassVar[str] = (
        "Looks, without writing anything, for what would stand in the way of a write: a column that only "
        "the database has, NOT NULL and without default; a privilege that the app's role lacks; a label "
        "that an enum lacks; a standby"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    schema_file: str = Field(default=SCHEMA_FILE, description="The Prisma schema on the host.")

    def ask(self) -> Questions:
        """Ask for the schema file, the tables' shapes, and what the app's role may do."""
        return (Read(path=self.schema_file), TABLES, RIGHTS)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare them.

        Raises:
            CouldNotLook: The schema file is missing, or cannot be read as one.
        """
        del first
        found, rights = tables_in(now[TABLES]), now[RIGHTS].records[0]
        meant = [
            (table, there)
            for table in chosen_tables(tables_meant(now, self.schema_file), None, found, now.where)
            if (there := found.get(stored_name(table.name)))
        ]
        schema = now[Read(path=self.schema_file)].text
        obstacles = [
            *_standby(rights),
            *_refused(meant, rights),
            *(one for pair in meant for one in _required(*pair, rights)),
            *_enums(schema, self.schema_file, rights),
        ]
        return Finding(
            healthy=not obstacles,
            seen=f"in the way of a write: {', '.join(one.name for one in obstacles)}"
            if obstacles
            else "nothing in the database is in the way of a write",
            evidence=(*(one.told for one in obstacles), *_no_update(meant, rights)),
            facts={"obstacles": [{"what": one.what, "name": one.name} for one in obstacles]},
        )


def _standby(rights: Mapping[str, Json]) -> Iterator[Obstacle]:
    if rights["standby"]:
        yield Obstacle(
            "standby", "a standby", "the server is a standby: it takes no writes; where is the primary?"
        )


def _refused(meant: Iterable[tuple[Table, Found]], rights: Mapping[str, Json]) -> Iterator[Obstacle]:
    names = {there.name for _, there in meant}
    for table, privilege in rights["refused"]:
        if table in names and privilege != "UPDATE":
            told = f"the role {rights['role']} may not {privilege} in {table}: is it meant to? then GRANT {privilege}"
            yield Obstacle("privilege", f"no {privilege} in {table}", told)


def _no_update(meant: Iterable[tuple[Table, Found]], rights: Mapping[str, Json]) -> Iterator[str]:
    names = {there.name for _, there in meant}
    for table, privilege in rights["refused"]:
        if table in names and privilege == "UPDATE":
            yield f"the role {rights['role']} may not UPDATE every column of {table}, which may be meant"


def _required(meant: Table, there: Found, rights: Mapping[str, Json]) -> Iterator[Obstacle]:
    known = {stored_name(column.name) for column in meant.columns}
    if there.name in rights["filled"]:
        return
    for column in there.columns:
        if column.name not in known and not (
            column.nullable or column.generated or column.default is not None
        ):
            name = f"{there.name}.{column.name}"
            told = f"{name} is NOT NULL without a default, and the client knows no such column: every insert fails"
            yield Obstacle("required", name, told)


def _enums(schema: str, where: str, rights: Mapping[str, Json]) -> Iterator[Obstacle]:
    for block in blocks_of(schema, where):
        labels = rights["enums"].get(mapped(block, block.name)) if block.kind == "enum" else None
        if labels is None:
            continue
        for value in block.fields:
            label = mapped(value, value.name)
            if label not in labels:
                name = f"{mapped(block, block.name)}.{label}"
                yield Obstacle("enum", name, f"the enum {mapped(block, block.name)} has no label {label}")


STEPS: tuple[type[Step], ...] = (Writable,)
