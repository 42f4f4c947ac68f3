"""Regular expressions of a playbook, tried on known lines, where that is safe. It judges no playbook."""

import re

from remediate.text.patterns import may_not_end


def finds(pattern: str, line: str) -> bool:
    """Tell whether a pattern finds something in a line; not where trying could take for ever, or it is no pattern."""
    if may_not_end(pattern):
        return False
    try:
        return bool(re.search(pattern, line, re.MULTILINE))
    except re.error:  # the loader, or its step, says so
        return False
