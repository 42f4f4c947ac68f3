"""The way back from rows that a run inserted: they go where all are as they were, and nothing else refers to them.

Where foreign keys lead to them that were never validated, rows may have named them before they were there.
"""

from collections.abc import Sequence

from remediate.errors import Failed
from remediate.model import Undo, WayBack
from remediate.providers.row_adoption import Adopted, left_without, others_than, refuse_others, set_aside
from remediate.providers.row_batches import Workable
from remediate.providers.row_cascade import all_referring, leading_to
from remediate.providers.row_facts import FOREIGN_KEYS, ForeignKey, foreign_keys_in
from remediate.providers.row_images import RowsOf, delete, differing, lock_rows, none_of, settled
from remediate.providers.row_way_back import AS_LEFT, Obstacle, is_owed, refuse_differing
from remediate.questions import Query
from remediate.target import DatabaseChange, Target


def way_back(table: Workable, unvalidated: Sequence[str]) -> WayBack:
    """Return how good the way back is.

    Args:
        table: That is inserted into.
        unvalidated: Foreign keys leading to it that were never validated, but for those of orphans that are known.
    """
    if unvalidated:
        return WayBack.NONE
    return WayBack.EQUIVALENT if table.firing else WayBack.EXACT


def way_back_note(unvalidated: Sequence[str], adopted: Sequence[Adopted]) -> str:
    """Return how they are taken back, or why they may not be."""
    if unvalidated:
        return f"by {', '.join(unvalidated)}, NOT VALID, rows may refer to them already; where one does, they stay"
    others = (
        f" but the rows of {', '.join(one.table for one in adopted)} that name them now" if adopted else ""
    )
    return f"deletes them where all are still as they were inserted, and nothing refers to one{others}"


_UNUSED = "without anything that refers to them"


def obstacles_of(undo: Undo, keys: Sequence[ForeignKey]) -> tuple[Obstacle, ...]:
    """Return the questions which rows of a batch were changed, and which something refers to by now.

    What refers by a foreign key that was never validated, and did before the batch was inserted, is held against what
    was seen then, when its turn comes; what refers from the table itself goes with its own batch, last first.
    """
    rows, change = RowsOf.model_validate(undo.data["rows"]), str(undo.data["change"])
    adopted = tuple(Adopted.model_validate(one) for one in undo.data.get("adopted", []))
    others = [
        key
        for key in keys
        if not key.leads_to(key.schema_name, key.table_name)
        if key.validated or not any(one.is_led_by(key) for one in adopted)
    ]
    changed = Obstacle(rows, differing(rows, change, rows.all_names, gone_is_fine=True), AS_LEFT)
    used = (Obstacle(rows, question, _UNUSED) for _, question in all_referring((rows,), others, change))
    return (changed, *used)


def take_away(target: Target, undo: Undo) -> None:
    """Delete what one batch inserted, where all of it is still so and nothing refers to it but what did before.

    Raises:
        Conflict: Some is not, or something does; none was deleted.
        Failed: The server refused, or what was kept has been removed; none was deleted.
    """
    if not is_owed(target, undo):
        return
    rows, change = RowsOf.model_validate(undo.data["rows"]), str(undo.data["change"])
    keys = leading_to((rows,), foreign_keys_in(target.answer((FOREIGN_KEYS,))[FOREIGN_KEYS]))
    _refuse_hidden(target, keys)
    changed = differing(rows, change, rows.all_names, gone_is_fine=True)
    adopted = tuple(Adopted.model_validate(one) for one in undo.data.get("adopted", []))
    aside = set_aside(target, adopted, rows)
    referring = [question for _, question in all_referring((rows,), others_than(keys, aside), change)]
    _refuse_used(target, rows, changed, referring, adopted)
    removal = (
        lock_rows(rows, change),
        none_of(changed),
        *(none_of(question) for question in referring),
        delete(rows, change),
    )
    statements = left_without(aside, rows, keys, removal)
    try:
        target.change_database(DatabaseChange(statements=(*statements, *settled(change))))
    except Failed:
        _refuse_used(target, rows, changed, referring, adopted)
        raise


def _refuse_hidden(target: Target, keys: Sequence[ForeignKey]) -> None:
    if hidden := next((key for key in keys if key.guarded), None):
        what = f"row-level security hides rows of {hidden.table_name}, which may refer to what was inserted"
        raise Failed(target.name, what, "nothing was deleted; use a role that sees them")


def _refuse_used(
    target: Target, rows: RowsOf, changed: Query, referring: Sequence[Query], adopted: Sequence[Adopted]
) -> None:
    refuse_differing(target, rows, changed)
    for question in referring:
        refuse_differing(target, rows, question, _UNUSED)
    refuse_others(target, adopted, rows)
