"""The rules about code that a statement calls and that cannot be read here: functions, and triggers. It asks nobody.

What a function does stands in a string, in a language of its own. One that the script itself makes is taken for the
worst, and so is one of the database's own that is VOLATILE: only such a one can change anything (manual, chapter
"Function Volatility Categories"), and in a query it is called for nothing else, mostly.
"""

import re
from collections.abc import Iterator, Sequence

from sqlglot import exp

from remediate.gate.found import Found
from remediate.gate.grammar import Statement, table_of, unquoted
from remediate.gate.known import Known

_NAME = r'(?:(?:"(?:[^"]|"")+"|\w+)\s*\.\s*)?(?P<name>"(?:[^"]|"")+"|\w+)'
_MADE = re.compile(rf"CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE|AGGREGATE)\s+{_NAME}\s*\(", re.IGNORECASE)
_TRIGGER = re.compile(
    rf"CREATE (?:OR REPLACE )?(?:CONSTRAINT )?TRIGGER\b.*?\bON (?:ONLY )?{_NAME}", re.IGNORECASE
)
_NO_CALL = re.compile(
    r"(?:CREATE (?:OR REPLACE )?(?:CONSTRAINT )?(?:FUNCTION|PROCEDURE|AGGREGATE|TRIGGER)"
    r"|(?:ALTER|DROP|COMMENT ON) (?:FUNCTION|PROCEDURE|AGGREGATE|ROUTINE)|GRANT|REVOKE)\b",
    re.IGNORECASE,
)
_CALLED = re.compile(r'("(?:[^"]|"")+"|\w+)\s*\(')
_CHANGING = (exp.Insert, exp.Update, exp.Delete, exp.Merge)


def in_calls_of_code(statement: Statement, before: Sequence[Statement], known: Known) -> Iterator[Found]:
    """Yield each function that is called, and each table whose trigger is fired, where that runs unread code.

    Args:
        statement: The statement.
        before: Those that stand before it in the script.
        known: What the catalog says.
    """
    if _NO_CALL.match(statement.words):
        return
    called = {unquoted(name) for name in _CALLED.findall(statement.words)}
    made = _named(_MADE, before)
    for name in sorted(called & made):
        yield Found("opaque", name, f"{name}, which the script itself makes")
    if isinstance(statement.tree, exp.Query):
        for name in sorted(called & known.functions - made):
            yield Found("opaque", name, f"{name}, a function of this database that is VOLATILE")
    for name in sorted(_written(statement.tree) & _named(_TRIGGER, before)):
        yield Found("opaque", name, f"a trigger on {name}, which the script itself makes")


def _named(pattern: re.Pattern[str], statements: Sequence[Statement]) -> set[str]:
    return {unquoted(match["name"]) for one in statements if (match := pattern.match(one.words))}


def _written(tree: exp.Expr | None) -> set[str]:
    return {table_of(one.this) for one in tree.find_all(*_CHANGING)} if tree is not None else set()
