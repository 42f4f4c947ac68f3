"""SQL read by sqlglot: a script's statements with their lines, each as a tree where it can be read. It judges nothing.

The script is cut by `sql_script`, which follows PostgreSQL's own lexer; sqlglot's is one for many dialects, and ends
some strings and comments elsewhere (`x$$`, `1e'`, nested comments).
"""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from remediate.providers.sql_script import bare, placed_statements

logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # what it cannot read, the gate tells itself

_DIALECT = "postgres"
_READ = (
    *(exp.Query, exp.Values, exp.Insert, exp.Update, exp.Delete, exp.Merge),
    *(exp.Create, exp.Drop, exp.Alter, exp.TruncateTable, exp.Comment, exp.Grant, exp.Revoke),
    *(exp.Transaction, exp.Commit, exp.Rollback, exp.Set, exp.Analyze, exp.Copy),
)
"""What is taken for read; whatever else sqlglot returns is a guess: it reads `LISTEN x` as a column with an alias."""

_UNKNOWN = tuple(
    (re.compile(pattern, re.IGNORECASE), known)
    for pattern, known in (
        (r"\bbit\s+varying\b", "varbit"),
        (r"\boid\s*\[\s*\]", "int[]"),
        (r"\bOVERRIDING\s+(?:SYSTEM|USER)\s+VALUE\b", ""),
    )
)
"""What sqlglot does not know, and what it reads in its place, which weighs the same."""

_WRITES = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Into, exp.Lock, exp.Command)


@dataclass(frozen=True)
class Statement:
    """One statement of a script.

    Attributes:
        text: As it stands, without its semicolon.
        line: Of its first word, from 1.
        start: Where its first word stands in the script, from 0.
        tree: As sqlglot reads it, or None where it does not.
        words: Its text without strings, comments and double spaces, to look for words in it.
    """

    text: str
    line: int
    start: int
    tree: exp.Expr | None
    words: str


def statements_in(script: str) -> tuple[Statement, ...]:
    """Return the statements of a script.

    Raises:
        ValueError: A string, name or comment in it has no end.
    """
    return tuple(
        Statement(text, script.count("\n", 0, start) + 1, start, tree_of(text), " ".join(bare(text).split()))
        for start, text in placed_statements(script)
    )


def tree_of(text: str) -> exp.Expr | None:
    """Return the one statement of a text, or None where sqlglot cannot read it, or reads several."""
    plain = text
    for pattern, known in _UNKNOWN:
        plain = pattern.sub(known, plain)
    return _parsed(text) or (_parsed(plain) if plain != text else None)


def _parsed(text: str) -> exp.Expr | None:
    try:
        trees = [tree for tree in sqlglot.parse(text, dialect=_DIALECT) if tree is not None]
    except (SqlglotError, RecursionError):
        return None
    return trees[0] if len(trees) == 1 and isinstance(trees[0], _READ) else None


def folded(identifier: exp.Expr | None) -> str:
    """Return a name as PostgreSQL looks it up: quoted as it stands, else in lower case; empty where there is none."""
    if not isinstance(identifier, exp.Identifier):
        return ""
    return str(identifier.this) if identifier.quoted else str(identifier.this).lower()


def unquoted(name: str) -> str:
    """Return a name as PostgreSQL looks it up, as a text has it."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


def table_of(tree: exp.Expr | None) -> str:
    """Return the name of the first table in a tree, or nothing; a schema before it is left out."""
    table = tree if isinstance(tree, exp.Table) else tree.find(exp.Table) if tree is not None else None
    return folded(table.this) if table is not None else ""


def elsewhere(tree: exp.Expr | None, schema: str) -> bool:
    """Tell whether a tree names a table of another schema than the app's, of which the catalog was not asked."""
    named = (
        {folded(table.args.get("db")) for table in tree.find_all(exp.Table)} if tree is not None else set()
    )
    return bool(schema) and bool(named - {"", schema, "pg_catalog", "information_schema"})


def conjuncts(tree: exp.Expr | None) -> Iterator[exp.Expr]:
    """Yield the conditions that AND joins."""
    where = tree.args.get("where") if tree is not None else None
    condition = where.this if isinstance(where, exp.Where) else None
    if condition is not None:
        yield from (
            condition.unnest().flatten() if isinstance(condition.unnest(), exp.And) else (condition.unnest(),)
        )


def as_written(tree: exp.Expr | None) -> str:
    """Return a tree as SQL again."""
    return tree.sql(dialect=_DIALECT) if tree is not None else ""


def inserts(tree: exp.Expr | None) -> bool:
    """Tell whether rows are added anywhere in a tree."""
    return tree is not None and tree.find(exp.Insert) is not None


def reads_only(tree: exp.Expr | None) -> bool:
    """Tell whether a tree is a query in which nothing writes and nothing locks, however deep one looks."""
    return isinstance(tree, exp.Query | exp.Values) and tree.find(*_WRITES) is None


def tables_in(tree: exp.Expr | None) -> frozenset[str]:
    """Return the names of all tables in a tree, as PostgreSQL looks them up, without their schemas."""
    return (
        frozenset(folded(table.this) for table in tree.find_all(exp.Table))
        if tree is not None
        else frozenset()
    )
