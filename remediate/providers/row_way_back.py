"""Whether rows may be put back: which batches are owed, and which rows are no longer as a run left them. Looks only."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from remediate.errors import Failed
from remediate.model import Json, Undo
from remediate.providers.row_batches import batches, conflict
from remediate.providers.row_images import THERE, RowsOf, standing
from remediate.questions import Query, QueryAnswer
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
