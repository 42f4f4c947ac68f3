"""Says what a misspelt name was probably meant to be. Decides nothing: a wrong name stays wrong."""

import difflib
from collections.abc import Iterable

LISTED = 12
"""How many names a message lists before it stops."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return what to do about an unknown name: the nearest known one, or else the list of them.

    Args:
        name: What was written.
        known: What could have been written.
    """
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean `{near[0]}`?"
    if not names:
        return "there are none"
    return "known: " + ", ".join(names[:LISTED]) + (", …" if len(names) > LISTED else "")
