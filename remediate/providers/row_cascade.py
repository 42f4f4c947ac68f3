"""What refers to rows that are to go: which of it a cascade would take, and the statements that keep and restore it.

Sends nothing. A cascade takes rows without a word; so either nothing refers, or what the cascade takes is kept first.
"""

from collections.abc import Iterator, Sequence

from remediate.errors import Failed
from remediate.model import Json, canonical
from remediate.providers import catalog
from remediate.providers.catalog import TABLES
from remediate.providers.row_batches import counted, rows_of
from remediate.providers.row_facts import FOREIGN_KEYS, Dependents, ForeignKey
from remediate.providers.row_images import RowsOf
from remediate.providers.row_selection import quoted, texts_of
from remediate.questions import Answers, Query, Value
from remediate.target import Statement

_WHAT_IT_DOES = {"a": "refuses", "r": "refuses", "n": "sets NULL", "d": "sets a default"}
_IMAGE_OF_ALL = (
    "left(encode(sha256(convert_to(coalesce(string_agg((r.*)::text, E'\\n'"
    " ORDER BY (r.*)::text COLLATE \"C\"), ''), 'UTF8')), 'hex'), 32)"
)


class Taken(Value):
    """Rows of one table that a cascade takes.

    Attributes:
        rows: That table.
        parent: The table whose rows they refer to.
        foreign_key: By which they do.
        number: How many.
        image: Tells whether they are still what they were.
        fires: Whether the table has triggers.
    """

    rows: RowsOf
    parent: RowsOf
    foreign_key: ForeignKey
    number: int
    image: str
    fires: bool = False


def refuse_dependents(
    found: Sequence[Dependents], number: int, table: str, where: str, *, cascade: bool
) -> None:
    """Refuse to delete rows that others refer to, but for what a cascade may take.

    Raises:
        Failed: Something refers, and is not to go, or cannot be kept.
    """
    if not found:
        return
    if hidden := next((one for one in found if one.guarded), None):
        what = f"row-level security hides rows of {hidden.table_name}, which may refer to those of {table}"
        raise Failed(where, what, "nothing was changed; use a role that sees them")
    told = ", ".join(f"{counted(one.rows)} of {one.table_name} by {one.name}" for one in found)
    what = f"{counted(number)} of {table} are referred to: {told}"
    if not cascade:
        takes = " (`cascade: true` deletes them too)" if all(one.cascades for one in found) else ""
        raise Failed(where, what, f"nothing was changed; decide about those first{takes}")
    if left := next((one for one in found if not one.cascades), None):
        why = f"{left.name} {_WHAT_IT_DOES.get(left.on_delete, 'does something else')} where they go"
        raise Failed(where, f"{what}; {why}", "nothing was changed; decide about those first")
    tables = [(one.schema_name, one.table_name) for one in found]
    if any(one.round for one in found) or len({*tables}) < len(tables):
        todo = "nothing was changed; delete those first, by a step of their own"
        raise Failed(where, f"{what}; they are reached in more than one way", todo)


def taken_by(
    found: Sequence[Dependents],
    root: RowsOf,
    foreign_keys: Sequence[ForeignKey],
    answers: Answers,
) -> tuple[Taken, ...]:
    """Return what a cascade takes, parents before what refers to them.

    Args:
        found: What refers; all of it cascades.
        root: The table whose rows are deleted.
        foreign_keys: All there are.
        answers: Answers to `TABLES`.

    Raises:
        Failed: A table lies in another schema, or has no primary key.
    """
    tables, known = catalog.tables_in(answers[TABLES]), {(root.schema_name, root.table): root}
    taken = []
    for one in found:
        table = tables.get(one.table_name)
        if table is None or table.schema_name != one.schema_name or not table.primary_key:
            what = f"rows of {one.schema_name}.{one.table_name} would go, and cannot be kept"
            raise Failed(
                answers.where, what, "nothing was changed; delete those first, by a step of their own"
            )
        rows = rows_of(table, one.computed)
        known[one.schema_name, one.table_name] = rows
        key = next(
            key
            for key in foreign_keys
            if (key.schema_name, key.table_name, key.name) == (one.schema_name, one.table_name, one.name)
        )
        parent = known[key.parent_schema, key.parent_table]
        about = {"number": one.rows, "image": one.image, "fires": one.fires}
        taken.append(Taken(rows=rows, parent=parent, foreign_key=key, **about))
    return tuple(taken)


def save_taken(one: Taken, change: str, recipe: str) -> Statement:
    """Return the statement that locks and keeps what refers to rows that are kept already."""
    key, rows = one.foreign_key, one.rows
    refers = " AND ".join(
        f"r.{quoted(name)} = {one.parent.typed((parent,))[0].read('s.before')}"
        for name, parent in zip(key.columns, key.parent_columns, strict=True)
    )
    order = ", ".join(f"r.{quoted(name)}" for name in rows.key_names)
    sql = f"""INSERT INTO remediate.rows (change, relation, number, run, recipe, key, before)
SELECT %s, %s, row_number() OVER (ORDER BY {order}), %s, %s, {texts_of(rows.key_names)}, {texts_of(rows.all_names)}
FROM (SELECT r.* FROM {rows.name} AS r WHERE EXISTS (SELECT FROM remediate.rows AS s
 WHERE s.change = %s AND s.relation = %s AND {refers}) ORDER BY {order} FOR UPDATE OF r) AS r"""  # noqa: S608
    run = change.partition("/")[0]
    values = (change, rows.relation, run, recipe, rows.key_names, rows.all_names, change, one.parent.relation)
    return Statement(sql=sql, parameters=values)


def as_planned(one: Taken, change: str) -> Statement:
    """Return the statement that ends the transaction where what is kept is not what was planned."""
    sql = f"""SELECT 1 / (count(*) = %s AND {_IMAGE_OF_ALL} = %s)::int FROM {one.rows.name} AS r
JOIN remediate.rows AS s ON {one.rows.is_row_of()} WHERE s.change = %s AND s.relation = %s"""  # noqa: S608
    return Statement(sql=sql, parameters=(one.number, one.image, change, one.rows.relation))


def referring(foreign_key: ForeignKey, parent: RowsOf, child: RowsOf | None, change: str) -> Query:
    """Return the question which rows refer to rows that are kept, and are not kept themselves: `key`, `whole`.

    Args:
        foreign_key: By which they may.
        parent: The table that is referred to.
        child: The table that refers, where rows of it may be kept, too.
        change: The token of the change.
    """
    refers = " AND ".join(
        f"c.{quoted(name)} = r.{quoted(parent_name)}"
        for name, parent_name in zip(foreign_key.columns, foreign_key.parent_columns, strict=True)
    )
    kept, values = "", tuple[str, ...]()
    if child is not None:
        kept = f""" AND NOT EXISTS (SELECT FROM remediate.rows AS k WHERE k.change = %s AND k.relation = %s
 AND {child.is_row_of("k", "c")})"""
        values = (change, child.relation)
    name = quoted(foreign_key.schema_name, foreign_key.table_name)
    sql = f"""SELECT s.key, count(*) OVER () AS whole FROM {name} AS c JOIN {parent.name} AS r ON {refers}
JOIN remediate.rows AS s ON {parent.is_row_of()} WHERE s.change = %s AND s.relation = %s{kept}
ORDER BY s.number LIMIT 10"""  # noqa: S608  (quoted)
    return Query(sql=sql, parameters=(change, parent.relation, *values))


def leading_to(involved: Sequence[RowsOf], foreign_keys: Sequence[ForeignKey]) -> tuple[ForeignKey, ...]:
    """Return the foreign keys that lead to one of these tables."""
    tables = {(rows.schema_name, rows.table) for rows in involved}
    return tuple(key for key in foreign_keys if (key.parent_schema, key.parent_table) in tables)


def all_referring(
    involved: Sequence[RowsOf], foreign_keys: Sequence[ForeignKey], change: str
) -> Iterator[tuple[RowsOf, Query]]:
    """Yield the questions which rows, that are not kept, refer to rows that are."""
    known = {(rows.schema_name, rows.table): rows for rows in involved}
    for parent in involved:
        for key in foreign_keys:
            if key.leads_to(parent.schema_name, parent.table):
                child = known.get((key.schema_name, key.table_name))
                yield parent, referring(key, parent, child, change)


def no_other_key(involved: Sequence[RowsOf], foreign_keys: Sequence[ForeignKey]) -> Statement:
    """Return the statement that ends the transaction where a foreign key leads here that the plan did not know."""
    sql = f"""SELECT 1 / (count(*) = %s)::int FROM ({FOREIGN_KEYS.sql}) AS f
JOIN jsonb_array_elements(%s::jsonb) AS parent ON parent = jsonb_build_array(f.parent_schema, f.parent_table)"""  # noqa: S608
    parents = canonical([[rows.schema_name, rows.table] for rows in involved]).decode()
    return Statement(sql=sql, parameters=(len(foreign_keys), parents))


def as_data(keys: Sequence[ForeignKey]) -> list[Json]:
    """Return foreign keys as JSON."""
    return [key.model_dump(mode="json") for key in keys]


def from_data(keys: Sequence[Json]) -> tuple[ForeignKey, ...]:
    """Return foreign keys of JSON."""
    return tuple(ForeignKey.model_validate(key) for key in keys)
