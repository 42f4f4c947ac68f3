"""How an SQL statement begins, without the values in it: what may be shown of what others run. No parser of SQL.

One scan from left to right, by the tokens of the manual's chapter "Lexical Structure": a comment in a string is none,
nor is a string in a name. What may be cut (the server keeps 1,024 bytes) or read in two ways is a value up to the end.
"""

import re

_LETTER = r"[A-Za-z_\x80-\U0010ffff]"
_IN_WORD = r"[\w\x80-\U0010ffff]"
_TOKENS = re.compile(
    rf"""(?P<comment> --[^\n\r]*+ | /\*(?:(?!\*/|/\*).)*+\*/ | /\*.*+ )
 | (?P<value> [eE]'(?:[^'\\]|\\.|'')*+'
  | '(?:[^'\\]|'')*+'
  | \$(?P<tag>(?:{_LETTER}{_IN_WORD}*+)?)\$.*?\$(?P=tag)\$
  | \.?\d(?:[\w.]|(?<=[eE])[+-])*+
  | [eE]?'.*+ | \$(?:{_LETTER}{_IN_WORD}*+)?\$.*+
  | (?!"[\w$]++"(?!"))(?:"(?:[^"]|"")*+"|".*+) )
 | (?P<kept> "[\w$]++" | {_LETTER}(?:\$|{_IN_WORD})*+ | \$\d++ | . )""",
    re.ASCII | re.DOTALL | re.VERBOSE,
)


def statement_head(query: str, longest: int) -> str:
    """Return how a statement begins: no comment, and each value is a `?`.

    A name in quotes that is no plain word is taken for a value, too: where a program means a string by it, it is one.

    Args:
        query: The statement, or what the server keeps of it.
        longest: Characters; what is longer ends with `…`.
    """
    plain = " ".join(_TOKENS.sub(_shown, query).split())
    return plain if len(plain) <= longest else plain[:longest] + "…"


def _shown(token: re.Match[str]) -> str:
    return {"comment": " ", "value": "?"}.get(str(token.lastgroup), token[0])
