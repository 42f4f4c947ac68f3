"""Turns what pydantic found wrong into one line with file, line and column. Decides nothing about what is wrong."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from remediate.errors import UsageError
from remediate.model import Json
from remediate.text.strict_yaml import Document, Place
from remediate.text.suggest import did_you_mean

Model = TypeVar("Model", bound=BaseModel)

_WORDS: Mapping[str, str] = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "none_required": "nothing (null)",
}
"""pydantic's error types (its documentation, "Validation Errors") in words for a person."""

_BOUNDS: Mapping[str, str] = {
    "greater_than": "more than",
    "greater_than_equal": "at least",
    "less_than": "less than",
    "less_than_equal": "at most",
    "string_too_long": "no longer than",
    "too_long": "no longer than",
}


def read_as(model: type[Model], document: Document, place: Place = ()) -> Model:
    """Return the part of a document at a place as a model's value.

    Args:
        model: What it must be.
        document: The file.
        place: Where it stands in there.

    Raises:
        UsageError: Of the document's kind, at the first place that is wrong.
    """
    try:
        return model.model_validate_json(
            json.dumps(document.at(place))
        )  # in the order in which it was written
    except ValidationError as error:
        raise first_complaint(error.errors(), model, document, place) from None


def first_complaint(
    details: Sequence[ErrorDetails], model: type[BaseModel], document: Document, place: Place
) -> UsageError:
    """Return the error for whatever is wrong first in the file.

    What is missing comes last: a key is often missing because it is misspelt.
    """
    present = [detail for detail in details if detail["type"] != "missing"]
    value = document.at(place)

    def stands_at(detail: ErrorDetails) -> tuple[int, ...]:
        way = (*place, *written_way(detail["loc"], value))
        where = document.where(way, key=detail["type"] in _OF_KEYS)
        return tuple(int(number) for number in where.rsplit(":", 2)[1:])

    # Only the first is put into words, as a file of nothing but wrong keys has thousands.
    return complaint(min(present or details, key=stands_at), model, document, place)


_OF_KEYS = ("extra_forbidden", "missing")
"""What is wrong with a key, not with its value."""


def complaint(detail: ErrorDetails, model: type[BaseModel], document: Document, place: Place) -> UsageError:
    """Return one thing that pydantic found wrong, as the document's error."""
    way = written_way(detail["loc"], document.at(place))
    kind, name = detail["type"], str(detail["loc"][-1] if detail["loc"] else "")
    if kind == "extra_forbidden":
        known = keys_at(model, way[:-1])
        return document.error((*place, *way), f"unknown key `{name}`", did_you_mean(name, known), key=True)
    if kind == "missing":
        return document.error((*place, *way), f"`{name}` is missing", f"add `{name}:`", key=True)
    named = _named(way, place) if way or not detail["loc"] else str(detail["loc"][0])
    return document.error((*place, *way), f"`{named}` {in_words(detail)}")


def in_words(detail: ErrorDetails) -> str:
    """Return what a value must be, as the rest of a sentence that begins with its name."""
    kind, given = detail["type"], detail.get("ctx", {})
    if kind in {"too_short", "string_too_short"}:
        return "must not be empty"
    if kind in _BOUNDS:
        return f"must be {_BOUNDS[kind]} {next(iter(given.values()))}"
    if kind in {"literal_error", "enum"}:
        return f"must be one of {given['expected']}".replace("'", "`")
    if kind == "value_error":
        return "must be " + str(given["error"]).removeprefix("must be ")
    if kind == "string_pattern_mismatch":
        return f"must be text like {given['pattern']}"
    return f"must be {_WORDS[kind]}" if kind in _WORDS else f"is wrong ({detail['msg']})"


def written_way(location: Sequence[str | int], value: Json) -> Place:
    """Return the part of pydantic's location that is really written in the value.

    A location also names branches of unions, which nobody wrote; these are left out.
    """
    way: Place = ()
    for part in location:
        if _has(value, part):
            value, way = value[part], (*way, part)
    return way


def _has(value: Json, part: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, Mapping) and part in value


def keys_at(model: type[BaseModel], way: Place) -> frozenset[str]:
    """Return the keys that a model takes at a place within it."""
    schema = model.model_json_schema()
    found = [schema]
    for part in way:
        found = [inner for outer in found for inner in _below(outer, part, schema)]
    return frozenset(
        key for one in found for branch in _branches(one, schema) for key in branch.get("properties", {})
    )


def _below(outer: dict[str, Any], part: str | int, schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for branch in _branches(outer, schema):
        of_key = [branch.get("properties", {}).get(part), *branch.get("patternProperties", {}).values()]
        of_any = (
            [branch.get("items")] if isinstance(part, int) else [*of_key, branch.get("additionalProperties")]
        )
        yield from (inner for inner in of_any if isinstance(inner, dict))


def _branches(one: dict[str, Any], schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "$ref" in one:
        yield from _branches(schema["$defs"][one["$ref"].rsplit("/", 1)[-1]], schema)
    for inner in [*one.get("anyOf", ()), *one.get("oneOf", ())]:
        yield from _branches(inner, schema)
    yield one


def _named(way: Place, place: Place) -> str:
    """Return the last key that was written, and the entry of a list below it."""
    whole = [str(part) if isinstance(part, str) else f"[{part + 1}]" for part in (*place, *way)]
    last = max((index for index, part in enumerate((*place, *way)) if isinstance(part, str)), default=0)
    return "".join(whole[last:]) or "the file"
