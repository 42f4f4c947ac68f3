"""What the gate asks a catalog, every table's live size and checks in one question, and what that means to it.

Figures move, so nothing is planned on them alone: a plan's digest leaves them out.
"""

from collections.abc import Collection

from remediate.errors import Failed
from remediate.gate import NEVER_INSIDE, RULES, Known, Verdict, judge
from remediate.gate.known import Index, KnownTable
from remediate.providers.catalog import TABLES, Table, tables_in
from remediate.providers.catalog_keys import INDEXES, indexed_tables_in
from remediate.questions import Answers, Query, QueryAnswer
from remediate.text.suggest import did_you_mean

SIZES = Query(
    sql="""WITH RECURSIVE held AS MATERIALIZED (SELECT relation FROM pg_locks
  WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock' AND pid IS DISTINCT FROM pg_backend_pid()
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())),
 files (whole, file) AS (SELECT c.oid, c.oid FROM pg_class AS c WHERE c.relkind IN ('r', 'p', 'm')
   AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
  UNION ALL SELECT f.whole, i.inhrelid FROM files AS f JOIN pg_inherits AS i ON i.inhparent = f.file)
SELECT c.relname AS name, (SELECT CASE WHEN count(*) = count(one.size) THEN sum(one.size)::bigint END FROM (
   SELECT CASE WHEN f.file NOT IN (SELECT relation FROM held) THEN pg_relation_size(f.file)
    WHEN part.relpages > 0 THEN part.relpages * current_setting('block_size')::bigint END AS size
   FROM files AS f JOIN pg_class AS part ON part.oid = f.file WHERE f.whole = c.oid) AS one) AS bytes,
 c.reltuples::bigint AS rows,
 (SELECT coalesce(json_agg(pg_get_constraintdef(k.oid) ORDER BY k.conname), '[]') FROM pg_constraint AS k
  WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.convalidated
  AND c.oid NOT IN (SELECT relation FROM held)) AS checks
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'm')
ORDER BY c.relname"""
)
"""About no fact: what an earlier step does to a table's shape alters its size by little.

To measure a file, or to print a condition, takes a table's lock: of one that somebody holds or wants for himself alone
the last count of its pages is told, and no condition, lest the whole question wait.
"""

FUNCTIONS = Query(
    sql="""SELECT DISTINCT p.proname AS name FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'remediate') AND p.provolatile = 'v'
AND p.prorettype <> 'trigger'::regtype AND NOT EXISTS (SELECT FROM pg_depend AS d
  WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e') ORDER BY 1"""
)
"""The functions that may change something and are nobody's whose documentation could be read."""

CATALOG = (TABLES, SIZES, INDEXES, FUNCTIONS)
"""All that the gate asks."""


def known_from(answers: Answers) -> Known:
    """Return what the answers to `CATALOG` say; of what was not asked or not answered, nothing is known.

    An answer that an earlier step of the plan makes uncertain is none: that is judged when its turn comes.
    """
    shapes, sizes, indexed = (
        answers.raw(question) if question in answers else None for question in CATALOG[:3]
    )
    if not isinstance(shapes, QueryAnswer):
        return Known()
    figures = {row["name"]: row for row in sizes.records} if isinstance(sizes, QueryAnswer) else {}
    shaped = tables_in(shapes)
    tables = {name: _known(table, figures.get(name, {})) for name, table in shaped.items()}
    indexes = {
        index.name: Index(index.name, name, index.definition, index.valid)
        for name, one in (indexed_tables_in(indexed) if isinstance(indexed, QueryAnswer) else {}).items()
        for index in one.indexes
    }
    schema = next((table.schema_name for table in shaped.values()), "")
    called = answers.raw(FUNCTIONS) if FUNCTIONS in answers else None
    functions = frozenset(row[0] for row in called.rows) if isinstance(called, QueryAnswer) else frozenset()
    return Known(looked=True, schema=schema, tables=tables, indexes=indexes, functions=functions)


def gated(
    script: str, known: Known, allow: Collection[str], where: str, *, with_others: bool = False
) -> Verdict:
    """Return what the gate says of a script.

    Args:
        script: SQL.
        known: What is known of the database.
        allow: The ids of rules that the step allows.
        where: Where the script stands, for the error.
        with_others: Whether it runs in one transaction with other statements, however few it has itself.

    Raises:
        Failed: It cannot be taken apart.
    """
    try:
        return judge(script, known, allow=allow, with_others=with_others)
    except ValueError as error:
        raise Failed(where, f"cannot be taken apart: {error}", "mend it") from error


def known_rules(allow: list[str]) -> list[str]:
    """Return ids of rules.

    Raises:
        ValueError: There is no such rule.
    """
    for rule in allow:
        if rule not in RULES:
            raise ValueError(f"there is no rule {rule} of the gate; {did_you_mean(rule, RULES)}")
    return allow


def _known(table: Table, figures: dict[str, object]) -> KnownTable:
    rows = figures.get("rows")
    return KnownTable(
        name=table.name,
        columns=table.by_name,
        primary_key=table.primary_key,
        bytes=None if figures.get("bytes") is None else int(str(figures["bytes"])),
        rows=rows if isinstance(rows, int) and rows >= 0 else None,
        checks=tuple(map(str, figures.get("checks", ()))),  # type: ignore[call-overload]
    )


def refuse_outside(verdict: Verdict, where: str, todo: str) -> None:
    """Refuse a script of which a statement cannot be one of several in a transaction of ours.

    Raises:
        Failed: It has one.
    """
    for hazard in verdict.hazards:
        if hazard.rule in NEVER_INSIDE:
            raise Failed(where, f"line {hazard.line}: one of its statements {RULES[hazard.rule].why}", todo)
