"""Text from a host or a playbook made harmless in Markdown, as forges render it. It lays no page out."""

import re

from remediate.sinks.clean import clean, one_line

_MARKED = re.compile(r"[\\`*_{}\[\]()#+\-.!|<>~@&:/^=$\"']")
_CODE_OR_SIGN = re.compile(
    r"(?P<code>(?<!`)(?P<fence>`+)(?!`).+?(?<!`)(?P=fence)(?!`))"
    r"|`+|[\\*\[\]<>#~@$]|\b_|_\b|(?<!\w)_(?!\w)|&(?=[#\w])|:(?=//)|(?<=www)\.|^\s*(?:[-+=]|\d+[.)])",
    re.IGNORECASE,
)
"""A span of code (CommonMark, code spans), or what begins something else."""
_CODED = re.compile(r"`+")
_APART = dict.fromkeys("@#", "&#8203;")


def escaped(text: str) -> str:
    """Return text that means nothing to Markdown: no link, no element, no code.

    Forges look for mentions and numbers of issues once all else is done: a character of no width keeps them apart.
    """
    return "".join(_escape(one) if _MARKED.match(one) else one for one in clean(text))


def prose(text: str) -> str:
    """Return a line of text in which code between backticks is code, and nothing else means anything."""
    return _CODE_OR_SIGN.sub(lambda found: found["code"] or "".join(map(_escape, found[0])), clean(text))


def _escape(sign: str) -> str:
    return f"&#{ord(sign)};{_APART.get(sign, '')}"


def folded(title: str, body: str) -> str:
    """Return Markdown beneath a title that opens it."""
    return f"<details><summary>{escaped(title)}</summary>\n\n{body}\n</details>\n"


def code(raw: str, width: int = 300, *, cell: bool = True) -> str:
    """Return text as a piece of code within a line; nothing where there is none, for that would begin a piece.

    Args:
        raw: The text.
        width: How many characters of it are shown.
        cell: Whether it stands in a table's cell, where a bar would begin the next one, in code as well.
    """
    flat = one_line(raw, width)
    if not flat:
        return ""
    flat = flat.replace("|", "\\|") if cell else flat
    fence = "`" * (max((len(run) for run in _CODED.findall(flat)), default=0) + 1)
    space = " " if "`" in flat else ""
    return f"{fence}{space}{flat}{space}{fence}"


def fenced(raw: str, language: str) -> str:
    """Return text as a block of code, within a fence that is longer than any in it."""
    shown = clean(raw).rstrip("\n")
    fence = "`" * max(3, max((len(run) for run in _CODED.findall(shown)), default=0) + 1)
    return f"{fence}{language}\n{shown}\n{fence}\n"
