"""The plan that PostgreSQL makes of a statement: asked for without running it, and told in a line. Judges nothing.

EXPLAIN without ANALYZE executes nothing (manual, "EXPLAIN"); with it, a DELETE deletes.
"""

from collections.abc import Iterator, Mapping

from remediate.model import Json
from remediate.questions import Query, QueryAnswer, Scalar, Value

SIZES = Query(
    sql="""SELECT n.nspname AS schema_name, c.relname AS name, c.reltuples::bigint AS rows
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND c.reltuples > 0 AND n.nspname NOT LIKE 'pg\\_%'""",
    about=("statistics",),
)
"""How many rows each table has, as the planner thinks: a plan tells only how many of them it will keep."""


class QueryPlan(Value):
    """What is told of a plan.

    Attributes:
        told: Its steps in a line, from the last to the first.
        cost: The planner's own unit; comparable with another plan's of the same server only.
        read_whole: The tables that it reads whole, with how many rows they have; 0 where nobody knows.
    """

    told: str = ""
    cost: float | None = None
    read_whole: dict[str, int] = {}


NO_PLAN = QueryPlan()


def explain(statement: str, values: tuple[Scalar, ...]) -> Query:
    """Return the question for a statement's plan.

    Args:
        statement: One that reads. MUST have gone through `QueryCheck`, which takes no other.
        values: Of its parameters, in order.
    """
    sql = f"EXPLAIN (VERBOSE, FORMAT JSON) {statement.strip().rstrip(';')}"
    return Query(sql=sql, parameters=values, about=("rows", "statistics"))


def plan_in(answer: QueryAnswer, sizes: QueryAnswer) -> QueryPlan:
    """Return what an answer to `explain` tells, with the answer to `SIZES`."""
    plan: Mapping[str, Json] = answer.rows[0][0][0]["Plan"]
    rows = {(one["schema_name"], one["name"]): int(one["rows"]) for one in sizes.records}
    whole = [one for one in _nodes(plan) if one["Node Type"] == "Seq Scan"]
    steps = " <- ".join(_step(one) for one in _nodes(plan))
    return QueryPlan(
        told=f"plan (not run): {steps}; cost {plan['Total Cost']}, about {plan['Plan Rows']} rows",
        cost=plan["Total Cost"],
        read_whole={
            one["Relation Name"]: rows.get((one["Schema"], one["Relation Name"]), 0) for one in whole
        },
    )


def _nodes(plan: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _step(node: Mapping[str, Json]) -> str:
    at = node.get("Index Name") or node.get("Relation Name")
    return f"{node['Node Type']}{f' of {at}' if at else ''}"
