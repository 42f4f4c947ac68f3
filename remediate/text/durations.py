"""Durations as people write them: `60s`, `5m`, `2h`, `1m30s`. Knows no clock and no calendar."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

PATTERN = r"^(?=.)(?:\d+h)?(?:\d+m)?(?:\d+s)?$"
_WRITTEN = re.compile(r"(?=.)(?:(?P<h>\d{1,6})h)?(?:(?P<m>\d{1,6})m)?(?:(?P<s>\d{1,6})s)?")


def seconds(written: object) -> object:
    """Return the seconds that a written duration means; numbers are seconds already.

    Args:
        written: `1m30s`, or a number of seconds.

    Raises:
        ValueError: It is text of another shape.
    """
    if not isinstance(written, str):
        return written
    match = _WRITTEN.fullmatch(written)
    if not match:
        raise ValueError("must be a duration like 60s, 5m, 2h or 1m30s")
    hours, minutes, rest = (int(match[unit] or 0) for unit in "hms")
    return float(hours * 3600 + minutes * 60 + rest)


Duration = Annotated[
    float,
    Field(ge=0),
    BeforeValidator(seconds),
    WithJsonSchema({"type": "string", "pattern": PATTERN, "examples": ["60s", "5m", "1m30s"]}),
]
"""Seconds, written as `60s`, `5m`, `2h` or `1m30s`; a bare number is seconds."""
