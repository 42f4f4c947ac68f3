"""SQL scripts taken apart into statements, as the server's own lexer does it. Knows no grammar, and runs nothing.

Source: the manual's chapter "Lexical Structure": strings, E'' strings, dollar quoting, comments that nest.
"""

import re
from collections.abc import Callable, Iterator

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
    (re.compile(pattern, re.IGNORECASE), rule)
    for pattern, rule in (
        (r"^(BEGIN|START|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|PREPARE)\b", "own-transaction"),
        (r"\bCONCURRENTLY\b|^VACUUM\b|^REINDEX\b", "not-in-transaction"),
        (r"^(CREATE|DROP)\s+(DATABASE|TABLESPACE|SUBSCRIPTION)\b|^ALTER\s+SYSTEM\b", "not-in-transaction"),
        (
            r"^SET\s+(?!LOCAL\b|CONSTRAINTS\b)|^(RESET|DISCARD|LISTEN|LOAD)\b|\bset_config\b",
            "session",
        ),
        (r"^COPY\b.*\b(STDIN|PROGRAM)\b", "client-copy"),
        (r"\bBEGIN\s+ATOMIC\b", "atomic-body"),
        (r"^\\", "psql"),
    )
)


def statements_of(script: str) -> tuple[str, ...]:
    """Return the statements of a script, each without its semicolon, comments as they stand.

    Raises:
        ValueError: A string, name or comment in it has no end.
    """
    return tuple(text for _, text in placed_statements(script))


def placed_statements(script: str) -> tuple[tuple[int, str], ...]:
    """Return the statements of a script as `statements_of` does, each with where its first word stands, from 0.

    Raises:
        ValueError: A string, name or comment in it has no end.
    """
    cut, words = list(_cuts(script)), blanked(script)
    spans = zip([0, *(at + 1 for at in cut)], [*cut, len(script)], strict=True)
    return tuple(
        (start + len(words[start:end]) - len(words[start:end].lstrip()), script[start:end].strip())
        for start, end in spans
        if words[start:end].strip()
    )


def _cuts(script: str) -> Iterator[int]:
    for found, _ in _parts(script):
        if found["open"]:
            raise ValueError("a string or a name in it has no end")
        if found["end"]:
            yield found.start()


def _parts(script: str) -> Iterator[tuple[re.Match[str], int]]:
    """Yield each string, name, comment and semicolon by how it begins, with where it ends."""
    position = 0
    while found := _PART.search(script, position):
        position = found.end()
        if found["dollar"]:
            position = _after(script, found["dollar"], position)
        elif found["block"]:
            position = _after_block(script, position)
        yield found, position


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


def strings_of(text: str) -> tuple[tuple[str, ...], bool]:
    """Return what the strings of a text hold, in order, and whether one is written with escapes, which are not read.

    Raises:
        ValueError: Something in it has no end.
    """
    found = [(one, text[one.start() : end]) for one, end in _parts(text)]
    strings = [
        whole[len(one["dollar"]) : -len(one["dollar"])] if one["dollar"] else whole[1:-1].replace("''", "'")
        for one, whole in found
        if one["dollar"] or one["string"]
    ]
    unicode = any(one["string"] and text[: one.start()][-2:].lower() == "u&" for one, _ in found)
    return tuple(strings), unicode or any(one["escaped"] for one, _ in found)


def bare(text: str) -> str:
    """Return SQL with its strings emptied and its comments left out, to look for words in it.

    Raises:
        ValueError: Something in it has no end.
    """
    return _replaced(text, lambda found, _: found[0] if found["name"] or found["end"] else " ")


def blanked(script: str) -> str:
    """Return a script with its comments made of spaces, so that nothing else in it moves.

    Raises:
        ValueError: Something in it has no end.
    """
    return _replaced(
        script,
        lambda found, part: re.sub(r"[^\n]", " ", part) if found["block"] or found["comment"] else part,
    )


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
    return _replaced(text, lambda _, part: " " * len(part))


def _replaced(script: str, put: Callable[[re.Match[str], str], str]) -> str:
    """Return a script with something else in place of each of its parts."""
    kept, position = [], 0
    for found, end in _parts(script):
        kept += [script[position : found.start()], put(found, script[found.start() : end])]
        position = end
    return "".join([*kept, script[position:]])


def not_in_a_transaction(statement: str) -> str:
    """Return the gate's rule by which a statement cannot be one of several in a transaction of ours, or nothing."""
    words = bare(statement).strip()
    return next((rule for pattern, rule in _BY_HAND if pattern.search(words)), "")
