"""Text from a host or a playbook made harmless in Markdown, as forges render it. It lays no page out."""

import re

from remediate.sinks.clean import clean

_MARKED = re.compile(r"[\\`*_{}\[\]()#+\-.!|<>~@&:/^=$\"']")
_CODE_OR_SIGN = re.compile(
    r"(?P<code>(?<!`)(?P<fence>`+)(?!`).+?(?<!`)(?P=fence)(?!`))"
    r"|`+|[\\*\[\]<>#~@$]|\b_|_\b|(?<!\w)_(?!\w)|&(?=[#\w])|:(?=//)|(?<=www)\.|^\s*(?:[-+=]|\d+[.)])",
    re.IGNORECASE,
)
"""A span of code (CommonMark, code spans), or what begins something else."""
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
