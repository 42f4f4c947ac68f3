"""The check `sql.cascades`: what refers to what, and what deleting one row takes with it. Reads only.

Which tables refer only the catalog knows, so the server composes what counts (`format` quotes the names) and runs it
read-only within the one question (`query_to_xml`; manual, chapter "Producing XML Content"). A table that is larger than
a person waits for is not counted: its size is told.
"""

from typing import ClassVar

from pydantic import Field

from remediate.model import Finding
from remediate.promise import Need
from remediate.providers.catalog_keys import ALL_FOREIGN_KEYS, RULES
from remediate.providers.row_batches import counted
from remediate.questions import Answers, Query, Value
from remediate.steps import Check, Questions, Step

_MEGABYTE = 1_000_000
_TOLD = 5
_REFERRING = """WITH setting AS (SELECT %s::bigint AS most),
key AS (
  SELECT f.*, row_security_active(f.conrelid) AS guarded, pg_relation_size(f.conrelid) AS bytes,
   (SELECT string_agg(format('%%I', a.attname), ', ' ORDER BY u.at)
    FROM unnest(f.conkey) WITH ORDINALITY AS u (number, at)
    JOIN pg_attribute AS a ON a.attrelid = f.conrelid AND a.attnum = u.number) AS columns
  FROM pg_constraint AS f JOIN pg_class AS p ON p.oid = f.confrelid
  JOIN pg_namespace AS n ON n.oid = p.relnamespace AND n.nspname = current_schema()
  WHERE f.contype = 'f' AND f.conparentid = 0),
counted AS MATERIALIZED (
  SELECT key.*, CASE WHEN bytes <= most AND NOT guarded AND has_table_privilege(conrelid, 'SELECT')
   THEN query_to_xml(format('SELECT coalesce(sum(g.n), 0) AS r, count(*) AS p, coalesce(max(g.n), 0) AS m FROM'
    ' (SELECT count(*) AS n FROM %%s WHERE num_nulls(%%s) = 0 GROUP BY %%s) AS g',
    conrelid::regclass, columns, columns), false, true, '')::text END AS found
  FROM key, setting)
SELECT p.relname AS parent_table, n.nspname AS schema_name, c.relname AS table_name, k.conname AS name,
 k.columns, k.confdeltype AS on_delete, k.convalidated AS validated, k.bytes,
 (regexp_match(k.found, '<r>([0-9]+)</r>'))[1]::bigint AS rows,
 (regexp_match(k.found, '<p>([0-9]+)</p>'))[1]::bigint AS parents,
 (regexp_match(k.found, '<m>([0-9]+)</m>'))[1]::bigint AS most
FROM counted AS k JOIN pg_class AS p ON p.oid = k.confrelid JOIN pg_class AS c ON c.oid = k.conrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace ORDER BY p.relname, n.nspname, c.relname, k.conname"""


class Referring(Value):
    """A foreign key with how much refers by it.

    Attributes:
        parent_table: That is referred to.
        schema_name: Where the table lies that refers.
        table_name: That table.
        name: The foreign key.
        columns: Those that refer, as SQL has them.
        on_delete: A letter of `RULES`.
        validated: Whether every row was held against it.
        bytes: The size of the table that refers.
        rows: How many rows refer; None where they were not counted, or the role may not.
        parents: To how many.
        most: How many at most to one.
    """

    parent_table: str
    schema_name: str
    table_name: str
    name: str
    columns: str
    on_delete: str
    validated: bool
    bytes: int
    rows: int | None
    parents: int | None
    most: int | None

    def told(self) -> str:
        """Return it in one clause, for a person."""
        rule = f"ON DELETE {RULES[self.on_delete]}{'' if self.validated else ', NOT VALID'}"
        lead = f"{self.table_name} ({self.columns}) refers to {self.parent_table}, {rule}"
        if self.rows is None:
            return (
                f"{lead}: not counted ({self.bytes / _MEGABYTE:.0f} MB, or the role does not see all of it)"
            )
        return f"{lead}: {counted(self.rows)} to {self.parents}, at most {self.most} to one"


class Cascades(Check):
    """Tells what refers to what, by which rule, and how much; it is at fault only where one DELETE takes too much.

    What refers in turn to what a cascade takes is a line of its own.

    Attributes:
        at_most: How many rows of one table a single DELETE may take by ON DELETE CASCADE; None: whatever it is.
        counted_up_to: Megabytes of a table that is counted; a larger one is only told.
    """

    kind: ClassVar[str] = "sql.cascades"
    tells: ClassVar[str] = (
        "Tells which table refers to which, by which rule, and how many rows a single DELETE would take "
        "with it[. More than {at_most} is a fault][!at_most?. This tells, and is never a fault]"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    at_most: int | None = Field(default=None, ge=0)
    counted_up_to: int = Field(default=200, ge=0)

    @property
    def referring(self) -> Query:
        """The question what refers, and how much."""
        about = (ALL_FOREIGN_KEYS, "tables", "rows")
        return Query(sql=_REFERRING, parameters=(self.counted_up_to * _MEGABYTE,), about=about)

    def ask(self) -> Questions:
        """Return the one question."""
        return (self.referring,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Tell each foreign key that leads to a table of the app's schema, the one that takes most first."""
        del first
        found = [Referring.model_validate(record) for record in now[self.referring].records]
        found.sort(key=lambda one: -(one.most or 0))
        large = [one for one in found if self._takes_too_much(one)]
        told = [one.told() for one in large or found]
        more = f"; and {len(told) - _TOLD} more" if len(told) > _TOLD else ""
        return Finding(
            healthy=not large,
            seen="; ".join(told[:_TOLD]) + more or "nothing refers to any table",
            evidence=tuple(told),
            facts={"foreign_keys": [one.model_dump(mode="json") for one in found]},
        )

    def _takes_too_much(self, one: Referring) -> bool:
        return (
            self.at_most is not None and RULES[one.on_delete] == "CASCADE" and (one.most or 0) > self.at_most
        )


STEPS: tuple[type[Step], ...] = (Cascades,)
