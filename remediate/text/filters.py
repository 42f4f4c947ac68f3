"""The few filters that a template may use, each bounded in what it returns. Knows no playbook and no sandbox.

Jinja's own filters are not used: chained `replace` or `join` make gigabytes out of a line (FAULTS, fault 22).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from remediate.model import Json
from remediate.text.rendered import LARGEST, TooLarge, one_text


def _elements(value: Json) -> Sequence[Json]:
    if not isinstance(value, list | tuple):
        raise TypeError("is for lists")
    return value


def joined(values: Json, between: str = "") -> str:
    """Return the list as one text."""
    texts = [one_text(value) for value in _elements(values)]
    if sum(map(len, texts)) + len(between) * len(texts) > LARGEST:
        raise TooLarge
    return str(between).join(texts)


def mapped(values: Json, attribute: str) -> list[Json]:
    """Return one field of each mapping in the list."""
    return [value[attribute] for value in _elements(values)]


def length(value: Json) -> int:
    """Return how many there are."""
    if not isinstance(value, str | list | tuple | Mapping):
        raise TypeError("is for lists, mappings and text")
    return len(value)


def unique(values: Json) -> list[Json]:
    """Return the list with each value once, in order."""
    kept: list[Json] = []
    kept.extend(value for value in _elements(values) if value not in kept)
    return kept


def ordered(values: Json) -> list[Json]:
    """Return the list, sorted."""
    listed: Iterable[Any] = _elements(values)
    return sorted(listed)


FILTERS: Mapping[str, Callable[..., Json]] = {
    "length": length,
    "join": joined,
    "map": mapped,
    "first": lambda values: _elements(values)[0],
    "last": lambda values: _elements(values)[-1],
    "sort": ordered,
    "unique": unique,
    "lower": lambda value: one_text(value).lower(),
    "upper": lambda value: one_text(value).upper(),
    "trim": lambda value: one_text(value).strip(),
    "string": one_text,
    "int": lambda value: int(one_text(value)),
}

TESTS: Mapping[str, Callable[..., bool]] = {
    "none": lambda value: value is None,
    "in": lambda value, within: value in within,
}
