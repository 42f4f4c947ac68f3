"""Words for what stands in a playbook: a step's own sentence with its parameters, values, durations. It knows no step.

A step's `tells` is a sentence with a little grammar of its own, all of it over the step's parameters:
`{path}` is the value of one; `[ with {status}]` stands only where all that it names were given, and differ from what
the step does by itself; `[path? text]` stands where that one was given, `[!path? text]` where it was not.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from remediate.model import Json

_NAMED = re.compile(r"\{(?P<name>\w+)\}")
_CONDITION = re.compile(r"(?P<not>!?)(?P<name>\w+)\?")
_MINUTES_FROM = 120.0  # seconds
_FENCES = re.compile(r"`+")


@dataclass(frozen=True)
class Parameters:
    """What a step was given, as it was written.

    Attributes:
        values: Every parameter with its value; a template is its text.
        given: Those that say something else than the step does by itself.
    """

    values: Mapping[str, Json]
    given: frozenset[str]


def sentence(tells: str, parameters: Parameters) -> str:
    """Return a step's sentence, with what it was given; what the sentence does not mention stands behind it.

    Args:
        tells: As the step's class has it.
        parameters: What the step was given.
    """
    rest = sorted(parameters.given - mentioned(tells))
    told = (f"{code(name)} is {in_words(parameters.values[name])}" for name in rest)
    more = f" ({'; '.join(told)})" if rest else ""
    return f"{_filled(tells, parameters)}{more}."


def mentioned(tells: str) -> frozenset[str]:
    """Return the parameters that a sentence mentions, whether with their values or as a condition."""
    conditions = (match["name"] for match in re.finditer(rf"\[{_CONDITION.pattern}", tells))
    return frozenset(_NAMED.findall(tells)) | frozenset(conditions)


def _filled(text: str, parameters: Parameters) -> str:
    return "".join(
        _optional(part, parameters) if depth else _with_values(part, parameters)
        for part, depth in _parts(text)
    )


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """Return the outermost parts of a sentence, each with whether it stood in brackets."""
    depth, begin = 0, 0
    for at, sign in enumerate(text):
        if sign == "[" and (depth := depth + 1) == 1:
            yield text[begin:at], False
            begin = at + 1
        if sign == "]" and (depth := depth - 1) == 0:
            yield text[begin:at], True
            begin = at + 1
    yield text[begin:], False


def _optional(text: str, parameters: Parameters) -> str:
    if condition := _CONDITION.match(text):
        stands = (condition["name"] in parameters.given) is not bool(condition["not"])
        return _filled(text[condition.end() :], parameters) if stands else ""
    return _filled(text, parameters) if parameters.given.issuperset(_NAMED.findall(text)) else ""


def _with_values(text: str, parameters: Parameters) -> str:
    return _NAMED.sub(lambda match: in_words(parameters.values[match["name"]]), text)


def in_words(value: Json) -> str:
    """Return a value as a sentence takes it: text and what else is written in code, numbers as they are."""
    if isinstance(value, bool) or value is None:
        return code(_flat(value))
    if isinstance(value, int | float):
        return f"{value:g}"
    if isinstance(value, list):
        return listed([in_words(one) for one in value]) if value else "nothing"
    return code(_flat(value)) if value not in ("", {}) else "nothing"


def _flat(value: Json) -> str:
    """Return a value on one line, as YAML has it within a line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_inner(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return f"[{', '.join(map(_inner, value))}]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false"}.get(value, "null") if value is not None else "null"
    return " ".join(str(value).split())


def _inner(value: Json) -> str:
    return f"{{{_flat(value)}}}" if isinstance(value, Mapping) else _flat(value)


def code(text: str) -> str:
    """Return text as code within a sentence: between as many backticks as it takes (CommonMark, code spans)."""
    fence = "`" * (max((len(run) for run in _FENCES.findall(text)), default=0) + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}"


def listed(words: Sequence[str], last: str = "and") -> str:
    """Return words as a list within a sentence: `a, b and c`."""
    return f" {last} ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def counted(count: int, one: str, many: str = "") -> str:
    """Return how many there are of something: `2 checks`."""
    return f"{_NUMBERS[count] if count < len(_NUMBERS) else count} {one if count == 1 else many or one + 's'}"


_NUMBERS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)


def duration(seconds: float) -> str:
    """Return a duration in words; seconds up to two minutes, then minutes where these are whole."""
    whole = seconds >= _MINUTES_FROM and seconds % 60 == 0
    number, unit = (seconds / 60, "minute") if whole else (seconds, "second")
    return f"{number:g} {unit}{'s' * (number != 1)}"
