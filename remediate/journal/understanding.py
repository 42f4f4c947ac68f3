"""Reads entries that anybody may have altered: what is not as it was written is told in one line. Decides nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

from remediate.errors import JournalError


@contextmanager
def understanding(seq: int) -> Iterator[None]:
    """Tell in one line, while it is open, that an entry is not what it was written as.

    Raises:
        JournalError: It has not what every entry of its kind has.
    """
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        what = f"entry {seq} is damaged"
        raise JournalError("the audit log", what, "run `remediate audit verify`") from error
