"""Conditions of partial indexes: a closed grammar, and when two of them are the same. Nothing here is sent anywhere.

Taken are comparisons of one column with a literal, or with NULL, joined by AND. Whatever else is written is refused
where it would be sent, and compared by its words where it would be compared. Source: `pg_get_expr`, tried on
PostgreSQL 15.
"""

import re

from remediate.providers.column_types import literal_value
from remediate.sql import identifier

_STRING = r"'(?:[^'\0]|'')*'"
_LITERAL = rf"{_STRING}|-?\d+(?:\.\d+)?|(?i:true|false)\b"
_NAME = r'"(?:[^"\0]|"")+"|[a-zA-Z_]\w*'
_TEST = re.compile(
    rf"\s*(?P<name>{_NAME})\s*(?:(?i:IS\s+(?P<some>NOT\s+)?NULL)|(?P<sign>=|!=|<>|<=|>=|<|>)\s*(?P<value>{_LITERAL}))\s*"
)
_AND = re.compile(r"(?i:AND\b)")
# The server prints types in small letters and words of SQL in capitals: a cast ends where those begin.
_WORD = r"""(?:"(?:[^"]|"")+"|[a-z_]\w*)"""
_TYPE = rf"{_WORD}(?:[ .]{_WORD})*(?:\([\d,]+\))?(?: with(?:out)? time zone)?"
_CAST = re.compile(rf"""({_STRING}|(?<!::)(?<!\.)"(?:[^"\0]|"")+")|::{_TYPE}(?:\[\])?""")
_APART = re.compile(rf"""({_STRING}|"(?:[^"\0]|"")+")|[\s()]+""")

Test = tuple[str, str, object]


def condition_sql(text: str) -> str | None:
    """Return a condition in a form that is safe to write, or None where it is outside the grammar.

    Args:
        text: SQL: `"deletedAt" IS NULL AND status = 'done'`.
    """
    tests = _tests(text)
    return None if tests is None else " AND ".join(_written(found) for found in tests)


def same_condition(wanted: str | None, found: str | None) -> bool | None:
    """Tell whether a condition is what was wanted.

    Args:
        wanted: As it is written, or None for none.
        found: As `pg_get_expr` prints it, or None for none.

    Returns:
        None where the two cannot be compared.
    """
    if wanted is None or found is None:
        return wanted is found
    one, other = _meaning(wanted), _meaning(found)
    if one is not None and other is not None:
        return one == other
    return True if _words(wanted) == _words(found) else None


def columns_in(condition: str) -> tuple[str, ...]:
    """Return the names of the columns in a condition of the grammar."""
    return tuple(dict.fromkeys(_bare(found["name"]) for found in _tests(condition) or ()))


def _tests(text: str) -> list[re.Match[str]] | None:
    tests, position = [], 0
    while found := _TEST.match(text, position):
        tests.append(found)
        following = _AND.match(text, found.end())
        if not following:
            return tests if found.end() == len(text) else None
        position = following.end()
    return None


def _written(found: re.Match[str]) -> str:
    name = identifier(_bare(found["name"]))
    if found["sign"]:
        return f"{name} {'<>' if found['sign'] == '!=' else found['sign']} {found['value']}"
    return f"{name} IS {'NOT ' if found['some'] else ''}NULL"


def _bare(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


def _meaning(text: str) -> frozenset[Test] | None:
    tests = _tests(_without_brackets(_without_casts(text)))  # with AND alone, brackets mean nothing
    return None if tests is None else frozenset(_test(found) for found in tests)


def _test(found: re.Match[str]) -> Test:
    if not found["sign"]:
        return _bare(found["name"]), "some" if found["some"] else "none", None
    sign = "<>" if found["sign"] == "!=" else found["sign"]
    return _bare(found["name"]), sign, literal_value(found["value"])


def _without_casts(text: str) -> str:
    return _CAST.sub(lambda found: found[1] or "", text)


def _without_brackets(text: str) -> str:
    return _APART.sub(lambda found: found[1] or " ", text).strip()


def _words(text: str) -> str:
    return re.sub(r"\s+", "", _without_casts(text)).replace('"', "").casefold()
