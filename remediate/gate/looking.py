"""Is a text one statement that only looks? Answered by the parsed statement, and by its words besides. It asks nobody.

sqlglot's lexer is not PostgreSQL's: it ends some strings and comments elsewhere, and what it takes for a string may be
called by the server. So what two lexers could read differently is refused, and functions are looked for in the words as
PostgreSQL cuts them.
"""

import re

from sqlglot import exp

from remediate.gate.commands import executes, explained
from remediate.gate.effects import WITH_EFFECTS
from remediate.gate.grammar import reads_only, tree_of
from remediate.gate.rules import RULES

_READS = ("select", "with", "values", "table", "show", "explain")
# Strings whose end depends on more than quotes; comments that nest (manual, chapter "Lexical Structure").
_UNREADABLE = re.compile(r"""(?<![^\W\d])[eE]'|(?<![^\W\d])[uU]&['"]|\$\w*\$|/\*""")
_STRING_OR_COMMENT = r"'(?:[^']|'')*'|--[^\r\n]*|/\*(?:(?!/\*).)*?\*/"
_QUOTED = re.compile(rf'("(?:[^"]|"")*")|{_STRING_OR_COMMENT}', re.DOTALL)
_SHOW = re.compile(r"show\s+[\w.\s]+", re.IGNORECASE)


def without_strings(sql: str) -> str:
    """Return a statement with its strings emptied and its comments left out.

    Quoted identifiers stay, for they may name a function.
    """
    return _QUOTED.sub(lambda found: found[1] or ("''" if found[0].startswith("'") else " "), sql)


def not_a_look(sql: str) -> str:
    """Return why a text is not one statement that only looks, or nothing.

    Args:
        sql: With or without a semicolon at its end; `%s` for parameters.
    """
    bare = without_strings(sql).strip().rstrip(";").strip()
    return _by_its_words(bare) or _as_parsed(bare, sql.strip().rstrip(";"))


def _by_its_words(bare: str) -> str:
    first = (re.match(r"\w+", bare) or [""])[0].lower()
    if ";" in bare:
        return f"one statement, without a semicolon inside: {RULES['several-statements'].why}"
    if first not in _READS:
        return f"a statement that reads ({', '.join(_READS)}), not {first.upper() or 'nothing'}"
    if found := _UNREADABLE.search(bare):
        return f"{found[0]} is not taken: write strings as '…' and comments after --"
    if found := WITH_EFFECTS.search(bare):
        return f"{found[0]} has effects that a read-only transaction does not stop"
    return ""


def _as_parsed(bare: str, sql: str) -> str:
    inside = explained(sql)
    if inside is not None:
        return _explaining(sql, inside)
    if _SHOW.fullmatch(bare):
        return ""
    tree = tree_of(sql)
    if tree is None:
        return "one statement that can be read (by sqlglot); write it more simply"
    return "" if reads_only(tree) else "a statement that reads, and neither writes nor locks anywhere inside"


def _explaining(sql: str, inside: str) -> str:
    if executes(sql):
        return "EXPLAIN without ANALYZE, which would really execute it"
    writes = (exp.Insert, exp.Update, exp.Delete, exp.Merge)
    tree = tree_of(inside)
    plain = reads_only(tree) or isinstance(tree, writes)
    return "" if plain else "EXPLAIN of one statement that can be read (by sqlglot)"
