"""The way back from a foreign key: what of it is still as a run left it. Looks, and changes nothing.

A foreign key is ours when the ledger says that this change made it under this number (`pg_constraint.oid`) and it
means what was made: one that somebody dropped and made again has another number.
"""

from remediate.errors import Conflict
from remediate.model import Json
from remediate.providers.catalog_keys import FOREIGN_KEYS, ForeignKey, referring_tables_in
from remediate.providers.foreign_key_sql import made_under
from remediate.target import Target


def before_of(data: dict[str, Json]) -> ForeignKey | None:
    """Return what a change replaced or validated, of its data; None where there was nothing."""
    return ForeignKey.model_validate(data["before"]) if data["before"] else None


def ours_now(target: Target, data: dict[str, Json], change: str) -> ForeignKey | None:
    """Return what a change left, as it is now; None where it never committed, or was taken back already.

    Args:
        target: The host.
        data: The change's.
        change: Its token.

    Raises:
        Conflict: It is something else by now.
    """
    key, before, table = ForeignKey.model_validate(data["key"]), before_of(data), str(data["table"])
    question = made_under(str(data["schema"]), table, key.name, change)
    answers = target.answer((FOREIGN_KEYS, question))
    made = {row[0] for row in answers[question].rows}
    there = referring_tables_in(answers[FOREIGN_KEYS]).get(table)
    keys = there.foreign_keys if there else ()
    ours = next((one for one in keys if one.oid in made), None)
    if data["validates"]:
        taken = ours is None and not any(same(one, key) for one in keys)
        if made and (taken or (ours and not same(ours, key))):
            raise _taken(target, table, key.name, "validated")
        return ours if ours and ours.valid else None
    if before and any(one.oid == before.oid for one in keys):
        return None  # what was to be replaced is still there: it never committed
    if made and not (same(ours, key) if ours else _is_as_before(keys, key, before)):
        raise _taken(target, table, key.name, "made")
    return ours


def _is_as_before(keys: tuple[ForeignKey, ...], key: ForeignKey, before: ForeignKey | None) -> bool:
    """Tell whether it was taken back already: what was there before is there again."""
    named = [one for one in keys if one.name == key.name]
    return not named if before is None else any(same(one, before) for one in keys)


def _taken(target: Target, table: str, name: str, what_was_done: str) -> Conflict:
    what = f"{name} on {table} is no longer the foreign key that this run {what_was_done}"
    return Conflict(target.name, what, "look at it, and drop it by hand if nobody needs it")


def same(one: ForeignKey, other: ForeignKey) -> bool:
    """Tell whether two are the same but for their numbers, and whether they were validated."""
    apart = {"oid", "valid", "definition"}
    return one.model_dump(exclude=apart) == other.model_dump(exclude=apart)


def is_back_unvalidated(target: Target, table: str, before: ForeignKey) -> bool:
    """Tell whether what was there before is there again, and has still to be validated."""
    there = referring_tables_in(target.answer((FOREIGN_KEYS,))[FOREIGN_KEYS]).get(table)
    return any(same(one, before) and not one.valid for one in (there.foreign_keys if there else ()))
