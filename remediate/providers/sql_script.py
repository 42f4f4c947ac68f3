"""SQL scripts taken apart into statements, as the server's own lexer does it. Knows no grammar, and runs nothing.

Source: the manual's chapter "Lexical Structure": strings, E'' strings, dollar quoting, comments that nest.
"""

import re
from collections.abc import Iterator

_PART = re.compile(
    r"""
      (?P<dollar>(?<![\w$])\$(?:[^\W\d]\w*)?\$)
    | (?P<escaped>(?<!\w)[eE]'(?:[^'\\]|\\.|'')*')
    | (?P<string>(?<!(?<!\w)[eE])'(?:[^']|'')*')
    | (?P<name>"(?:[^"]|"")*")
    | (?P<comment>--[^\n]*)
    | (?P<block>/\*)
    | (?P<end>;)
    | (?P<open>['"])
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK = re.compile(r"/\*|\*/")
_BY_HAND: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), why)
    for pattern, why in (
        (
            r"^(BEGIN|START|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|PREPARE)\b",
            "begins or ends transactions itself",
        ),
        (r"\bCONCURRENTLY\b|^VACUUM\b|^REINDEX\b", "cannot run in a transaction"),
        (
            r"^(CREATE|DROP)\s+(DATABASE|TABLESPACE|SUBSCRIPTION)\b|^ALTER\s+SYSTEM\b",
            "cannot run in a transaction",
        ),
        (
            r"^SET\s+(?!LOCAL\b|CONSTRAINTS\b)|^(RESET|DISCARD|LISTEN|LOAD)\b|\bset_config\b",
            "alters the session itself",
        ),
        (r"^COPY\b.*\b(STDIN|PROGRAM)\b", "reads from its client"),
        (r"\bBEGIN\s+ATOMIC\b", "has a body that holds statements of its own"),
        (r"^\\", "is a script for psql"),
    )
)


def statements_of(script: str) -> tuple[str, ...]:
    """Return the statements of a script, each without its semicolon, comments as they stand.

    Raises:
        ValueError: A string, name or comment in it has no end.
    """
    cut = list(_cuts(script))
    parts = (
        script[start:end].strip()
        for start, end in zip([0, *(at + 1 for at in cut)], [*cut, None], strict=True)
    )
    return tuple(part for part in parts if bare(part).strip())


def _cuts(script: str) -> Iterator[int]:
    position = 0
    while found := _PART.search(script, position):
        position = found.end()
        if found["dollar"]:
            position = _after(script, found["dollar"], position)
        elif found["block"]:
            position = _after_block(script, position)
        elif found["open"]:
            raise ValueError("a string or a name in it has no end")
        elif found["end"]:
            yield found.start()


def _after(script: str, quote: str, position: int) -> int:
    end = script.find(quote, position)
    if end < 0:
        raise ValueError(f"what {quote} begins in it has no end")
    return end + len(quote)


def _after_block(script: str, position: int) -> int:
    depth = 1
    while depth:
        found = _BLOCK.search(script, position)
        if not found:
            raise ValueError("a comment in it has no end")
        depth += 1 if found[0] == "/*" else -1
        position = found.end()
    return position


def bare(text: str) -> str:
    """Return SQL with its strings emptied and its comments left out, to look for words in it.

    Raises:
        ValueError: Something in it has no end.
    """
    kept, position = [], 0
    while found := _PART.search(text, position):
        kept.append(text[position : found.start()])
        position = found.end()
        if found["dollar"]:
            position = _after(text, found["dollar"], position)
        elif found["block"]:
            position = _after_block(text, position)
        kept.append(found[0] if found["name"] or found["end"] else " ")
    return "".join([*kept, text[position:]])


def items_of(text: str) -> tuple[str, ...]:
    """Return what commas separate in SQL, each without space around it; commas in brackets, strings and names do not.

    Raises:
        ValueError: Something in it has no end.
    """
    found, depth, begin = [], 0, 0
    covered = _covered(text)
    for at, sign in enumerate(covered):
        depth += (sign in "([") - (sign in ")]")
        if sign == "," and not depth:
            found.append(text[begin:at].strip())
            begin = at + 1
    return tuple(one for one in (*found, text[begin:].strip()) if one)


def _covered(text: str) -> str:
    """Return SQL of the same length in which strings, names and comments are spaces."""
    kept, position = [], 0
    while found := _PART.search(text, position):
        kept.append(text[position : found.start()])
        position = found.end()
        if found["dollar"]:
            position = _after(text, found["dollar"], position)
        elif found["block"]:
            position = _after_block(text, position)
        kept.append(" " * (position - found.start()))
    return "".join([*kept, text[position:]])


def not_in_a_transaction(statement: str) -> str:
    """Return why a statement cannot be one of several in somebody else's transaction, or nothing."""
    words = bare(statement).strip()
    return next((why for pattern, why in _BY_HAND if pattern.search(words)), "")
