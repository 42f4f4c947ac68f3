"""The way back to a schema that was put aside: the new one is taken away, the kept one gets its name again.

It rests on what is seen, and remembers little: the kept schema is known by its oid, the new one by the oid that the
ledger has. A new schema in which somebody wrote since is not dropped but kept, too.
"""

from remediate.errors import Conflict, Failed
from remediate.model import Json
from remediate.providers.own_change import OWN
from remediate.providers.schema_aside import LEFT, locked
from remediate.providers.schema_looks import content_of, outside, shape_of
from remediate.questions import Answers, Query, QueryAnswer, Unanswered, Value
from remediate.sql import compose, identifier
from remediate.target import DatabaseChange, Statement, Target

NAMES = """SELECT (SELECT nspname FROM pg_namespace WHERE oid = %s) AS kept_is,
 (SELECT oid::bigint FROM pg_namespace WHERE nspname = %s) AS live"""
MADE = f"""SELECT (undo ->> 'made')::bigint AS made, undo ->> 'shape' AS shape, undo ->> 'content' AS content
FROM remediate.ledger AS l WHERE undo ->> 'put_aside' = %s AND {OWN} AND undo ? 'made' ORDER BY at DESC LIMIT 1"""  # noqa: S608
_OUTSIDE = outside("n.oid", "SELECT oid FROM pg_extension WHERE extname = ANY (%s::text[])")
NEW = f"""SELECT %s::text IS DISTINCT FROM {shape_of("n.oid")} AS altered,
 (SELECT coalesce(json_agg(c.relname ORDER BY c.relname), '[]') FROM pg_class AS c
  WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p')) AS tables,
 (SELECT coalesce(json_agg(e.extname ORDER BY e.extname), '[]') FROM pg_extension AS e
  WHERE e.extnamespace = n.oid) AS extensions,
 (SELECT coalesce(json_agg(o.name), '[]') FROM ({_OUTSIDE}) AS o) AS outside
FROM pg_namespace AS n WHERE n.oid = %s"""  # noqa: S608  (constants)
WRITTEN = f"""SELECT %s::text IS DISTINCT FROM {content_of("n.oid")} AS written
FROM pg_namespace AS n WHERE n.oid = %s"""  # noqa: S608  (constants)
GUARD = f"""SELECT 1 / (CASE WHEN EXISTS (SELECT FROM pg_namespace WHERE oid = %s AND nspname = %s)
 AND EXISTS (SELECT FROM ({NEW}) AS new JOIN pg_namespace AS live ON live.oid = %s AND live.nspname = %s
  WHERE new.outside::text = '[]' AND CASE WHEN %s THEN true
   ELSE NOT new.altered AND NOT (SELECT seen.written FROM ({WRITTEN}) AS seen) END) THEN 1 ELSE 0 END)"""  # noqa: S608  (constants)
_ABOUT = ("schema",)


class New(Value):
    """The schema that a run made, as it is now.

    Attributes:
        oid: Its oid.
        shape: The digest of all that was defined in it then.
        content: The digest of all rows in it then; None where an older version made it.
        touched: Whether somebody altered it, or wrote in it, since; also where that could not be seen.
        tables: Its tables.
        extensions: The extensions in it.
        outside: What refers into it from outside.
    """

    oid: int
    shape: str
    content: str | None
    touched: bool
    tables: tuple[str, ...]
    extensions: tuple[str, ...]
    outside: tuple[str, ...]


def put_back(target: Target, data: dict[str, Json]) -> None:
    """Put the kept schema back; nothing where it has its name already, or another change put it aside.

    Args:
        target: The host.
        data: What `Schema.data` gave, with the token of its `change`.

    Raises:
        Conflict: The kept schema is gone, the new one is not the one that the run made, or others build on it.
        Failed: The server refused, or a lock was not to be had; nothing was changed.
    """
    new = _new(target, data)
    if new is None:
        return
    try:
        target.change_database(DatabaseChange(statements=_statements(data, new), statement_timeout=600.0))
    except Failed as error:
        if _new(target, data) == new:
            raise
        what = f"somebody was at work in the schema {data['schema']} meanwhile"
        raise Conflict(target.name, what, "nothing was changed; try again") from error


def _new(target: Target, data: dict[str, Json]) -> New | None:
    """Return the schema that is to go, or None where the kept one has its name, or another change's."""
    name, kept = str(data["schema"]), str(data["kept"])
    names = Query(sql=NAMES, parameters=(data["put_aside"], name), about=_ABOUT)
    made = Query(sql=MADE, parameters=(str(data["put_aside"]), str(data["change"])), about=_ABOUT)
    seen = target.answer((names, made))
    there = seen[names].records[0]
    ours = _made(seen, made)
    if there["kept_is"] == name or ours is None:
        return None
    if there["kept_is"] != kept:
        now = f"it is called {there['kept_is']}" if there["kept_is"] else "somebody dropped it"
        raise Conflict(
            target.name, f"the schema kept as {kept} is no longer there: {now}", "restore a backup"
        )
    if there["live"] != ours["made"]:
        what = f"the schema {name} is not the one that this run made"
        raise Conflict(target.name, what, f"roll back what was done since, or rename {kept} by hand")
    return _looked_at(target, data, ours)


def _made(seen: Answers, made: Query) -> dict[str, Json] | None:
    if isinstance(seen.raw(made), Unanswered):
        return None
    return next(iter(seen[made].records), None)


def _looked_at(target: Target, data: dict[str, Json], ours: dict[str, Json]) -> New:
    question = Query(sql=NEW, parameters=(ours["shape"], _moved(data), ours["made"]), about=_ABOUT)
    rows = Query(sql=WRITTEN, parameters=(ours["content"], ours["made"]), about=(*_ABOUT, "rows"))
    answers = target.answer((question, rows))
    seen, written = dict(answers[question].records[0]), answers.raw(rows)
    unwritten = isinstance(written, QueryAnswer) and written.rows[0][0] is False
    new = New.model_validate(
        {
            "oid": ours["made"],
            "shape": ours["shape"],
            "content": ours["content"],
            "touched": seen.pop("altered") or not unwritten,
            **seen,
        }
    )
    if new.outside:
        what = f"the new schema {data['schema']} is used from outside: {', '.join(new.outside)}"
        raise Conflict(target.name, what, "drop that first, or keep the new schema")
    return new


def _moved(data: dict[str, Json]) -> tuple[str, ...]:
    return tuple(str(name) for name in data["extensions"])


def _statements(data: dict[str, Json], new: New) -> tuple[Statement, ...]:
    name, kept = str(data["schema"]), str(data["kept"])
    looked = (new.shape, _moved(data), new.oid)
    written = (new.content, new.oid)
    guard = (data["put_aside"], kept, *looked, new.oid, name, new.touched, *written)
    back = [one for one in _moved(data) if one in new.extensions]
    away = f"DROP SCHEMA {identifier(name)} CASCADE"
    if new.touched:
        away = compose("ALTER SCHEMA {} RENAME TO {}", name, f"{LEFT}{new.oid}")
    return (
        *locked(name, list(new.tables)),
        Statement(sql=GUARD, parameters=guard),
        *(Statement(sql=compose("ALTER EXTENSION {} SET SCHEMA {}", one, kept)) for one in back),
        Statement(sql=away),
        Statement(sql=compose("ALTER SCHEMA {} RENAME TO {}", kept, name)),
    )
