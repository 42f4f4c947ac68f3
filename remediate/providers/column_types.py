"""Types and defaults of columns: a closed grammar, PostgreSQL's own spelling of them, and when two are the same.

Nothing here is sent anywhere. What is not in the grammar is refused where it would be written, and left uncompared
where it would be compared. Source: `format_type` and `pg_get_expr`, tried on PostgreSQL 15.
"""

import json
import re
from decimal import Decimal, InvalidOperation

from remediate.sql import identifier

_PLAIN = {
    "text": "text",
    "integer": "integer",
    "int": "integer",
    "bigint": "bigint",
    "smallint": "smallint",
    "oid": "oid",
    "double precision": "double precision",
    "real": "real",
    "money": "money",
    "boolean": "boolean",
    "date": "date",
    "json": "json",
    "jsonb": "jsonb",
    "bytea": "bytea",
    "uuid": "uuid",
    "xml": "xml",
    "inet": "inet",
    "citext": "citext",
}
_SIZED = {
    "varchar": "character varying",
    "character varying": "character varying",
    "char": "character",
    "character": "character",
    "bit": "bit",
    "varbit": "bit varying",
    "bit varying": "bit varying",
    "decimal": "numeric",
    "numeric": "numeric",
}
_OF_TIME = {"timestamp": "timestamp", "timestamptz": "timestamp", "time": "time", "timetz": "time"}
_ALWAYS_SIZED = ("character", "bit")
_TYPE = re.compile(r"([a-z][a-z ]*?)\s*(?:\((\d+)(?:,\s*(-?\d+))?\))?( with(?:out)? time zone)?(\[\])?")
_NAMED = re.compile(r'"((?:[^"\0]|"")+)"(\[\])?')

_STRING = r"'(?:[^'\0]|'')*'"
_NUMBER = r"-?\d+(?:\.\d+)?"
_LITERAL = rf"(?:{_STRING}|{_NUMBER}|true|false|null)"
_CALLS = {
    "current_timestamp": "CURRENT_TIMESTAMP",
    "now()": "now()",
    "current_date": "CURRENT_DATE",
    "gen_random_uuid()": "gen_random_uuid()",
    "uuid_generate_v4()": "uuid_generate_v4()",
}
_VOLATILE = ("gen_random_uuid()", "uuid_generate_v4()")
_CAST = re.compile(rf"({_LITERAL})::(.+)", re.DOTALL | re.IGNORECASE)
_ARRAY = re.compile(rf"ARRAY\[((?:{_LITERAL}(?:,\s*{_LITERAL})*)?)\](?:::(.+))?", re.DOTALL | re.IGNORECASE)
_ALONE = re.compile(_LITERAL, re.DOTALL | re.IGNORECASE)
_SHOWN_AS_INSTANT = ("timestamp", "time", "date", "money", "interval")


def postgres_type(sql: str) -> str | None:
    """Return a type as `format_type` spells it, or None where it is outside the grammar.

    Args:
        sql: As a migration writes it: `TIMESTAMP(3)`, `DECIMAL(10,2)`, `"Role"`, `TEXT[]`.
    """
    if named := _NAMED.fullmatch(sql.strip()):
        return _shown_name(named[1].replace('""', '"')) + (named[2] or "")
    found = _TYPE.fullmatch(" ".join(sql.lower().split()))
    if not found:
        return None
    name, size, scale, zone, listed = found.groups()
    plain = _spelled(name, size, scale, zone)
    return plain and plain + (listed or "")


def _spelled(name: str, size: str | None, scale: str | None, zone: str | None) -> str | None:
    if name in _PLAIN and not (size or zone):
        return _PLAIN[name]
    if name in _OF_TIME and not scale:
        zoned = zone == " with time zone" or name.endswith("tz")
        return f"{_OF_TIME[name]}{f'({size})' if size else ''} {'with' if zoned else 'without'} time zone"
    if name in _SIZED and not zone:
        return _with_size(_SIZED[name], size, scale)
    return None


def _with_size(name: str, size: str | None, scale: str | None) -> str | None:
    if name == "numeric":
        return f"numeric({size},{scale or 0})" if size else name
    if scale:
        return None
    return f"{name}({size or 1})" if size or name in _ALWAYS_SIZED else name


def _shown_name(name: str) -> str:
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else identifier(name)


def same_type(one: str, other: str) -> bool:
    """Tell whether two spellings of `format_type` are the same type; quotes about a name do not count."""
    return one.replace('"', "") == other.replace('"', "")


def is_named(sql: str) -> bool:
    """Tell whether a type is named by an identifier: an enum."""
    return bool(_NAMED.fullmatch(sql.strip()))


def name_of(sql: str) -> str:
    """Return the bare name of a type that `is_named`."""
    found = _NAMED.fullmatch(sql.strip())
    return found[1].replace('""', '"') if found else ""


def default_sql(text: str) -> str | None:
    """Return a default in a form that is safe to write, or None where it is outside the grammar.

    Args:
        text: SQL: `0`, `'uploaded'`, `CURRENT_TIMESTAMP`, `'{}'::jsonb`, `ARRAY['a']::TEXT[]`.
    """
    bare = text.strip()
    if bare.lower() in _CALLS:
        return _CALLS[bare.lower()]
    if _ALONE.fullmatch(bare):
        return bare
    cast = _CAST.fullmatch(bare) or _ARRAY.fullmatch(bare)
    return bare if cast and (cast[2] is None or postgres_type(cast[2])) else None


def is_volatile(default: str | None) -> bool:
    """Tell whether a default is computed anew for each row, so that adding the column rewrites the table."""
    return (default or "").strip().lower() in _VOLATILE


def same_default(wanted: str | None, found: str | None) -> bool | None:
    """Tell whether a default is what was wanted.

    Args:
        wanted: As a migration writes it, or None for none.
        found: As `pg_get_expr` prints it, or None for none.

    Returns:
        None where the two cannot be compared.
    """
    if wanted is None or found is None:
        return wanted is found
    one, other = _meaning(wanted), _meaning(found)
    if one == other:
        return True
    if one[0] == "unknown" or other[0] == "unknown" or _is_instant(wanted) or _is_instant(found):
        return None
    return False


def _meaning(default: str) -> tuple[str, object]:
    bare = default.strip()
    while bare.startswith("(") and bare.endswith(")"):
        bare = bare[1:-1]
    if bare.lower() in ("current_timestamp", "now()"):
        return "call", "now"
    if bare.lower() in _CALLS:
        return "call", bare.lower()
    if array := _ARRAY.fullmatch(re.sub(rf"({_LITERAL})::[\w \".]+(?=[,\]])", r"\1", bare)):
        return "list", tuple(literal_value(member[0]) for member in _ALONE.finditer(array[1]))
    literal = _CAST.fullmatch(bare)
    alone = literal[1] if literal else bare
    return ("literal", literal_value(alone)) if _ALONE.fullmatch(alone) else ("unknown", bare)


def literal_value(literal: str) -> object:
    """Return what a literal of the grammar stands for: numbers by their value, however they are written."""
    text = literal[1:-1].replace("''", "'") if literal.startswith("'") else literal.lower()
    try:
        return Decimal(text)
    except InvalidOperation:
        pass
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return text


def _is_instant(default: str) -> bool:
    cast = _CAST.fullmatch(default.strip())
    return cast is not None and any(word in cast[2].lower() for word in _SHOWN_AS_INSTANT)


def shown_default(default: str | None, spelled_type: str) -> str | None:
    """Return a default of the grammar as `pg_get_expr` prints it; instants excepted, which it rewrites.

    Args:
        default: As it is written.
        spelled_type: The column's type, as `format_type` spells it.
    """
    if default is None or default.lower() == "null":
        return None
    if array := _ARRAY.fullmatch(default):
        element = spelled_type.removesuffix("[]")
        members = ", ".join(
            shown_default(member[0], element) or "NULL" for member in _ALONE.finditer(array[1])
        )
        return f"ARRAY[{members}]" if members else f"ARRAY[]::{spelled_type}"
    if not _ALONE.fullmatch(default):
        return default
    return f"{default}::{_cast_of(spelled_type)}" if default.startswith("'") else _shown_plain(default)


def _cast_of(spelled_type: str) -> str:
    bare = re.sub(r"\([0-9,]+\)", "", spelled_type)
    return {"character": "bpchar", "bit": '"bit"'}.get(bare, bare)


def _shown_plain(default: str) -> str:
    if default.lower() in ("true", "false"):
        return default.lower()
    if "." in default:
        return f"'{default}'::numeric" if default.startswith("-") else default
    if abs(int(default)) > _LARGEST_INTEGER:
        return f"'{default}'::bigint"
    return f"'{default}'::integer" if default.startswith("-") else default


_LARGEST_INTEGER = 2**31 - 1
