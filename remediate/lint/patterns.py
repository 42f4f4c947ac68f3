"""Regular expressions of a playbook, tried on known lines, where that is safe. It judges no playbook."""

import re

_PIECE = r"(?:\\.|\[[^]]*\]|[^()\\])"
_REPEATED = r"(?:[+*]|\{\d+,\d*\})"
_NESTED = re.compile(rf"(?<!\\){_REPEATED}\??(?:{_PIECE}[?*])?\)(?:[+*]|\{{\d+,\}})")
_CHOICE = re.compile(r"\|[^()]*\)(?:[+*]|\{\d+,\})")


def repeats_what_is_repeated(pattern: str) -> bool:
    """Tell whether a group that ends in a repetition is itself repeated: `(a+)+`, of which some lines take for ever."""
    return bool(_NESTED.search(pattern))


def finds(pattern: str, line: str) -> bool:
    """Tell whether a pattern finds something in a line; not where trying could take for ever, or it is no pattern."""
    if _NESTED.search(pattern) or _CHOICE.search(pattern):
        return False
    try:
        return bool(re.search(pattern, line, re.MULTILINE))
    except re.error:  # the loader, or its step, says so
        return False
