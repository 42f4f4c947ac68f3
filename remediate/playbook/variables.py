"""A playbook's variables: their types, their defaults, and how a word of the command line becomes one. No templates."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Field, model_validator

from remediate.errors import UsageError
from remediate.model import Json
from remediate.questions import Value
from remediate.text.durations import seconds
from remediate.text.suggest import did_you_mean

VariableType: TypeAlias = Literal[
    "str", "int", "bool", "float", "identifier", "path", "regex", "duration", "choice"
]
VariableName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,62}")
"""A name as SQL takes it without quotes, at most 63 bytes (PostgreSQL manual, chapter 4.1.1)."""
_PATH = re.compile(r"[^\x00-\x1f\x7f]{1,4096}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def _text(value: Json) -> str:
    if not isinstance(value, str) or _CONTROL.search(value):
        raise ValueError("text without control characters")
    return value


def _whole(value: Json) -> int:
    if isinstance(value, str) and re.fullmatch(r"[-+]?\d{1,18}", value):
        return int(value)
    if type(value) is not int:
        raise ValueError("a whole number")
    return value


def _number(value: Json) -> float:
    if isinstance(value, str) and re.fullmatch(r"[-+]?\d{1,18}(\.\d{1,18})?", value):
        return float(value)
    if type(value) not in {int, float}:
        raise ValueError("a number")
    return float(value)


def _truth(value: Json) -> bool:
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value)
    if value is not True and value is not False:
        raise ValueError("true or false")
    return value


def _identifier(value: Json) -> str:
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise ValueError("a name as SQL has it: letters, digits and _, at most 63, no digit first")
    return value


def _path(value: Json) -> str:
    if not isinstance(value, str) or not _PATH.fullmatch(value) or ".." in value.split("/"):
        raise ValueError("a path without `..` and control characters")
    return value


def _regex(value: Json) -> str:
    try:
        return re.compile(_text(value)).pattern
    except re.error as error:
        raise ValueError(f"a regular expression ({error})") from error


def _duration(value: Json) -> float:
    read: Any = seconds(value)
    if type(read) not in {int, float} or read < 0:
        raise ValueError("a duration like 60s, 5m, 2h or 1m30s")
    return float(read)


_READ = {
    "str": _text,
    "int": _whole,
    "bool": _truth,
    "float": _number,
    "identifier": _identifier,
    "path": _path,
    "regex": _regex,
    "duration": _duration,
}


class Variable(Value):
    """One variable of a playbook, as it is declared.

    Attributes:
        type: What it may hold. `identifier` is a name in SQL; `duration` becomes seconds; `choice` is one of `choices`.
        default: Its value where the command line gives none; without a default it must be given.
        choices: What a `choice` may be.
        about: For the person who has to fill it in: what the value is, or, of a choice and a `bool`, what it does.
    """

    model_config = ConfigDict(strict=True)

    type: VariableType
    default: str | int | float | bool | None = None
    choices: tuple[str, ...] = ()
    about: str = ""

    @model_validator(mode="after")
    def _default_fits(self) -> "Variable":
        if (self.type == "choice") is not bool(self.choices):
            raise ValueError("declared with `choices` where its type is `choice`, and only there")
        if self.default is not None:
            self.read(self.default)
        return self

    def read(self, value: Json) -> Json:
        """Return a value of this variable's type.

        Args:
            value: As the command line or the playbook has it.

        Raises:
            ValueError: It is none; the message says what it must be.
        """
        if self.type != "choice":
            return _READ[self.type](value)
        if value not in self.choices:
            raise ValueError("one of " + ", ".join(self.choices))
        return value

    def takes(self, value: str) -> bool:
        """Tell whether this text is a value of this variable's type."""
        try:
            self.read(value)
        except ValueError:
            return False
        return True


def values_of(declared: Mapping[str, Variable], given: Mapping[str, str], where: str) -> dict[str, Json]:
    """Return every variable with its value.

    Args:
        declared: The playbook's variables.
        given: Those of the command line, `--var NAME=VALUE`.
        where: The playbook's name, for messages.

    Raises:
        UsageError: One is not declared, not of its type, or has no value at all.
    """
    for name in given:
        if name not in declared:
            raise UsageError(f"--var {name}", f"{where} has no such variable", did_you_mean(name, declared))
    return {name: _value(name, variable, given, where) for name, variable in declared.items()}


def _value(name: str, variable: Variable, given: Mapping[str, str], where: str) -> Json:
    value = given.get(name, variable.default)
    if value is None:
        raise UsageError(where, f"the variable `{name}` has no value", f"give --var {name}=…")
    try:
        return variable.read(value)
    except ValueError as error:
        raise UsageError(f"--var {name}", f"must be {error}") from error
