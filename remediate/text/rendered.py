"""What a rendered value may be: plain data of a bounded size. Knows no template syntax.

A cap is needed after all checks of the template itself: the data that it names come from hosts.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from remediate.model import Json

LARGEST = 1024 * 1024
"""Characters, or list entries, that one rendered value may have."""


class TooLarge(ValueError):  # noqa: N818  (a signal to the template, which says which it was)
    """A value would be larger than `LARGEST`."""


def one_text(value: Any) -> str:
    """Return a value as it stands within text; `true` and `false` as YAML writes them.

    Raises:
        TypeError: It is neither text nor a number, or there is no value.
    """
    if not isinstance(value, str | int | float):
        raise TypeError("a list or mapping within text; use join")
    return str(value).lower() if isinstance(value, bool) else str(value)


def as_text(values: Iterable[Any]) -> str:
    """Return the parts of a mixed template as one text.

    Raises:
        TooLarge: It would be longer than `LARGEST`.
    """
    texts: list[str] = []
    left = LARGEST
    for value in values:
        texts.append(one_text(value))
        left -= len(texts[-1])
        if left < 0:
            raise TooLarge
    return "".join(texts)


def as_data(value: Any) -> Json:
    """Return the value of a template that is one expression, as JSON has it.

    Raises:
        TooLarge: It holds more than `LARGEST` characters and entries.
        TypeError: It is no data, or there is no value.
    """
    _measure(value)
    return _plain(value)


def _measure(value: Any) -> None:
    left, waiting = LARGEST, [value]
    while waiting:
        part = waiting.pop()
        left -= len(part) if isinstance(part, str) else 1
        if left < 0:
            raise TooLarge
        if isinstance(part, Mapping):
            waiting += [*part.keys(), *part.values()]
        elif isinstance(part, list | tuple):
            waiting += part


def _plain(value: Any) -> Json:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"a {type(value).__name__} is no data")
