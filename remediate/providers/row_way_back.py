"""Whether rows may be put back: which batches are owed, and which rows are no longer as a run left them. Looks only."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from remediate.errors import Failed
from remediate.model import Json, Undo
from remediate.providers.row_batches import batches, conflict
from remediate.providers.row_facts import ForeignKey
from remediate.providers.row_images import MANY, THERE, RowsOf, standing
from remediate.providers.row_selection import quoted
from remediate.questions import Query, QueryAnswer
from remediate.sql import literal
from remediate.target import Target

AS_LEFT = "as this run left them"
"""What rows must be that are to be put back."""
_AT_ONCE = 50


class Obstacle(NamedTuple):
    """What must not be where rows are to be put back.

    Attributes:
        rows: The table.
        question: Which rows are no longer as they must be: `key`, `whole`.
        what: How they must be.
    """

    rows: RowsOf
    question: Query
    what: str


def refuse_differing(target: Target, rows: RowsOf, question: Query, what: str = AS_LEFT) -> None:
    """Look whether rows are still as they must be for the way back.

    Raises:
        Conflict: Some are not; says which.
    """
    found = target.answer((question,))[question].records
    if found:
        raise conflict(target, rows, [one["key"] for one in found], found[0]["whole"], what)


def without_parent(rows: RowsOf, key: ForeignKey, change: str) -> Query:
    """Return the question which of the deleted rows refer to nothing by now: `key`, `whole`.

    None, where row-level security may hide what they refer to: the server itself, which sees all, decides then.

    Args:
        rows: The table that they were in.
        key: A foreign key of that table.
        change: The token of the change; what it keeps of the parents comes back with the rows.
    """
    typed = {column.name: column for column in rows.columns}
    pairs = tuple(zip(key.columns, key.parent_columns, strict=True))
    given = " AND ".join(f"{typed[name].read('s.before')} IS NOT NULL" for name, _ in pairs)
    there = " AND ".join(f"p.{quoted(parent)} = {typed[name].read('s.before')}" for name, parent in pairs)
    kept = " AND ".join(
        f"k.before ->> {_text(parent)} = s.before ->> {_text(name)}" for name, parent in pairs
    )
    parent_name = quoted(key.parent_schema, key.parent_table)
    sql = f"""SELECT s.key, count(*) OVER () AS whole FROM remediate.rows AS s
WHERE s.change = %s AND s.relation = %s AND {given} AND NOT row_security_active('{parent_name.replace("'", "''")}')
 AND NOT EXISTS (SELECT FROM {parent_name} AS p WHERE {there})
 AND NOT EXISTS (SELECT FROM remediate.rows AS k WHERE k.change = s.change AND k.relation = %s AND {kept})
ORDER BY s.number LIMIT {MANY}"""  # noqa: S608  (quoted)
    parents = f"{key.parent_schema}.{key.parent_table}"
    return Query(sql=sql, parameters=(change, rows.relation, parents))


def _text(name: str) -> str:
    return literal(name).strip().replace("%", "%%")


def is_owed(target: Target, undo: Undo) -> bool:
    """Tell whether a batch was made and not put back.

    Raises:
        Failed: It was made, and what it kept of the rows has been removed since.
    """
    return bool(all_owed(target, (undo,)))


def all_owed(target: Target, undos: Sequence[Undo]) -> tuple[Undo, ...]:
    """Return those whose batches were made and not put back.

    Raises:
        Failed: One was made, and what it kept of the rows has been removed since.
    """
    if target.answer((THERE,))[THERE].rows[0][0] is not True:
        return ()
    questions = [standing(str(undo.data["change"])) for undo in undos]
    answers = _asked(target, questions)
    return tuple(
        undo for undo, answer in zip(undos, answers, strict=True) if _stands(target.name, answer.records[0])
    )


def _stands(where: str, record: dict[str, Json]) -> bool:
    if record["committed"] and (gone := record["undo"].get("forgotten")):
        what = f"the rows as they were are no longer kept: removed at {gone['at']} by {gone['who']} ({gone['why']})"
        raise Failed(where, what, "it cannot be put back; a backup of the database is the way out")
    return bool(record["committed"]) and not record["undo"].get("undone")


def _asked(target: Target, questions: Sequence[Query]) -> Iterator[QueryAnswer]:
    """Ask many questions, some at once: a batch of all of them could take longer than an answer is waited for."""
    for some in batches(questions, _AT_ONCE):
        answers = target.answer(some)
        yield from (answers[question] for question in some)


def refuse_obstacles(target: Target, obstacles: Sequence[Obstacle]) -> None:
    """Look whether anything keeps rows of many batches from being put back.

    Raises:
        Conflict: Something does; says how many rows, and names the first of them.
    """
    found: dict[tuple[str, str], list[QueryAnswer]] = {}
    answers = _asked(target, [one.question for one in obstacles])
    for one, answer in zip(obstacles, answers, strict=True):
        if answer.rows:
            found.setdefault((one.rows.relation, one.what), []).append(answer)
    for one in obstacles:
        if met := found.get((one.rows.relation, one.what)):
            keys = [record["key"] for answer in reversed(met) for record in answer.records]
            raise conflict(
                target, one.rows, keys, sum(answer.records[0]["whole"] for answer in met), one.what
            )
