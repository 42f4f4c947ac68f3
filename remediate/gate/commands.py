"""The rules about what sqlglot does not read: recognised by their words, or else told as unread. It asks nobody."""

import re
from collections.abc import Iterator

from remediate.gate.found import Found
from remediate.gate.grammar import Statement, reads_only, tree_of, unquoted
from remediate.providers.sql_script import blanked, not_in_a_transaction

_NAME = r'(?:(?:"(?:[^"]|"")+"|\w+)\s*\.\s*)?(?P<name>"(?:[^"]|"")+"|\w+)'
_ALTER = rf"ALTER TABLE (?:IF EXISTS )?(?:ONLY )?{_NAME} "
_PATTERNS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), rules)
    for pattern, rules in (
        (r"(?:DO|CALL)\b", ("opaque",)),
        (rf"VACUUM\b[^\"]*\bFULL\b[^\w\"]*(?:VERBOSE |ANALYZE )*{_NAME}?", ("vacuum-full",)),
        (rf"CLUSTER\b(?: VERBOSE)?(?: {_NAME})?", ("vacuum-full",)),
        (rf"LOCK (?:TABLE )?(?:ONLY )?{_NAME}", ("lock-table",)),
        (r"REINDEX\b(?!.*\bCONCURRENTLY\b)", ("reindex-blocks",)),
        (r"REFRESH MATERIALIZED VIEW (?!CONCURRENTLY)", ("refresh-blocks",)),
        (rf"{_ALTER}VALIDATE CONSTRAINT\b", ("validate",)),
        (rf"{_ALTER}ADD (?:CONSTRAINT \S+ )?CHECK\b(?!.*\bNOT VALID$)", ("check-scans", "alter-table")),
        (rf"{_ALTER}ADD (?:CONSTRAINT \S+ )?CHECK\b.*\bNOT VALID$", ("alter-table",)),
        (rf"{_ALTER}ADD (?:CONSTRAINT \S+ )?(?:UNIQUE|PRIMARY KEY) USING INDEX\b", ("alter-table",)),
        (rf"{_ALTER}ADD (?:CONSTRAINT \S+ )?EXCLUDE\b", ("unique-blocks",)),
        (rf"{_ALTER}DISABLE TRIGGER\b", ("disables-triggers",)),
        (rf"{_ALTER}(?:SET SCHEMA|RENAME)\b", ("rename",)),
        (
            rf"{_ALTER}(?:SET|RESET|OWNER TO|ENABLE|REPLICA IDENTITY|ALTER (?:COLUMN )?\S+ (?:SET|RESET|ADD|DROP))\b",
            ("alter-table",),
        ),
        (
            r"DROP (?:EXTENSION|POLICY|TRIGGER|FUNCTION|PROCEDURE|DOMAIN|RULE|OPERATOR|AGGREGATE)\b",
            ("drop-object",),
        ),
        (r"ALTER (?:TYPE|SEQUENCE|VIEW|INDEX|EXTENSION|FUNCTION|POLICY|DEFAULT PRIVILEGES|STATISTICS)\b", ()),
        (r"CREATE (?:EXTENSION|POLICY|AGGREGATE|STATISTICS|DOMAIN|TYPE|OPERATOR|CAST|COLLATION)\b", ()),
        (r"CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE|TRIGGER)\b", ()),  # made, and not run
        (r"(?:GRANT|REVOKE)\b", ()),
        (r"(?:SHOW|ANALYZE|ANALYSE|VACUUM|REFRESH|REINDEX|COMMENT|SECURITY LABEL)\b", ()),
    )
)
_EXPLAIN = re.compile(
    r"EXPLAIN\b((?:\s*\([^()]*\)|\s+(?:ANALYZE|ANALYSE|VERBOSE)\b)*)\s*(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)


def in_commands(statement: Statement) -> Iterator[Found]:
    """Yield what a statement does that sqlglot has not read."""
    if statement.tree is not None or explained(statement.text) is not None:
        return
    if not_in_a_transaction(statement.text) not in {"", "not-in-transaction"}:
        return  # told by the rules about transactions
    for pattern, rules in _PATTERNS:
        if match := pattern.match(statement.words):
            name = unquoted(match.groupdict().get("name") or "")
            yield from (Found(rule, name) for rule in rules)
            return
    if not_in_a_transaction(statement.text):
        return
    yield Found("unread", "", statement.words[:60])


def explained(text: str) -> str | None:
    """Return the statement that EXPLAIN explains, or None where it is no EXPLAIN."""
    match = _EXPLAIN.fullmatch(blanked(text).strip())
    return match["rest"] if match else None


def executes(text: str) -> bool:
    """Tell whether an EXPLAIN may really execute its statement: whether it says ANALYZE, be it to switch it off."""
    match = _EXPLAIN.fullmatch(blanked(text).strip())
    return bool(match and re.search(r"\bANALY[SZ]E\b", match[1], re.IGNORECASE))


def in_explain(statement: Statement) -> Iterator[Found]:
    """Yield what EXPLAIN does besides explaining."""
    inside = explained(statement.text)
    if inside is not None and executes(statement.text):
        yield Found("explain-analyze" if reads_only(tree_of(inside)) else "explain-analyze-writes")
