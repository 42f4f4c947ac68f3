"""The rules about code that a script brings along, and about what else loses data behind one word. It asks nobody.

Code stands in strings: what it would drop or empty can be read there, unless it makes SQL of text while it runs. A
function that was there before is no word of the script's, and is not read. Nor is the code ever run here.
"""

import re
from collections.abc import Iterator

from sqlglot import exp

from remediate.gate.found import Found
from remediate.gate.grammar import Statement, folded
from remediate.providers.sql_script import bare, strings_of

_CODE = re.compile(r"(?:DO|CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE))\b", re.IGNORECASE)
_LANGUAGE = re.compile(r"\bLANGUAGE\s+[\"']?(\w+)", re.IGNORECASE)
_READABLE = frozenset({"sql", "plpgsql"})
_LOSES = re.compile(
    r"(?<!ON COMMIT )\bDROP\b(?!\s+(?:NOT\s+NULL\b|DEFAULT\b|CONSTRAINT\b|INDEX\s+(?!CASCADE\b|RESTRICT\b)[\w\"]))"
    r"|\bTRUNCATE\b"
    r"|\b(?:FROM|TO)\s+PROGRAM\b|(?:^|;|\b(?:BEGIN|THEN|ELSE|LOOP))\s*LOAD\b|(?<!INTO )(?<!TABLE )\bdblink\w*[\"\s]*\("
    r"|\bEXECUTE\b(?!\s+(?:FUNCTION|PROCEDURE)\b)"
    r"|\bDELETE\s+FROM\b(?![^;]*\bWHERE\b)",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(r"(?<!INTO )(?<!TABLE )\bdblink\w*\W*\(", re.IGNORECASE)
_LATER = re.compile(r"\bcron\W*\.\W*schedule\w*\W*\(", re.IGNORECASE)
_INSIDE = re.compile(
    r"(?:CREATE (?:OR REPLACE )?RULE\b|COPY \().*\b(?:DELETE\s+FROM\b(?![^;]*\bWHERE\b))", re.IGNORECASE
)
_OWNED = re.compile(r"DROP OWNED\b", re.IGNORECASE)
_CASCADES = re.compile(
    r"DROP (?!TABLE\b|SCHEMA\b|DATABASE\b|INDEX\b|FOREIGN TABLE\b).*\bCASCADE$", re.IGNORECASE
)


def in_code(statement: Statement) -> Iterator[Found]:
    """Yield what code that a statement runs, or makes, could lose."""
    if _CODE.match(statement.words) and (why := _loses(statement.text)):
        yield Found("code-loses-data", "", why)
    if _ELSEWHERE.search(statement.words):
        yield Found("code-loses-data", "", "dblink runs text as SQL")
    if _LATER.search(statement.words):
        yield Found("code-loses-data", "", "pg_cron runs text as SQL, later")
    if _INSIDE.match(statement.words):
        yield Found("code-loses-data", "", "it says DELETE without WHERE")


def in_what_falls(statement: Statement) -> Iterator[Found]:
    """Yield what goes together with what is dropped, and what is written past the server's own rules."""
    if _OWNED.match(statement.words):
        yield Found("drop-cascade", "", "all that a role owns")
    elif _CASCADES.match(statement.words):
        yield Found("drop-cascade")
    yield from (Found("catalog-rows", name) for name in _of_catalog(statement.tree))


def _loses(text: str) -> str:
    """Return in a clause why code could drop or empty something; empty where it cannot."""
    strings, escaped = strings_of(text)
    if escaped:
        return "it is written with escapes, and not read"
    if foreign := sorted({one.lower() for one in _LANGUAGE.findall(text)} - _READABLE):
        return f"it is in {foreign[0]}, which is not read"
    for code in ("".join(strings), " ".join(strings)):  # PostgreSQL joins what stands on lines of its own
        try:
            found = _LOSES.search(bare(code))
        except ValueError:
            return "it is not read: something in it has no end"
        if found:
            return f"it says {' '.join(found[0].split()).upper()}"
    return ""


def _of_catalog(tree: exp.Expr | None) -> Iterator[str]:
    """Yield each table of the server's own that a tree writes to; only a superuser may."""
    for change in tree.find_all(exp.Insert, exp.Update, exp.Delete, exp.Merge) if tree is not None else ():
        table = change.this if isinstance(change.this, exp.Table) else change.find(exp.Table)
        if table is None:
            continue
        name, schema = folded(table.this), folded(table.args.get("db"))
        if schema == "pg_catalog" or (not schema and name.startswith("pg_")):
            yield name
