"""HTTP as the host itself sees it: whether a path answers with the right status and body. Changes nothing, ever."""

import json
from http import HTTPStatus
from typing import ClassVar, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, field_validator

from remediate.model import Finding, Json
from remediate.promise import Need
from remediate.questions import Answers, Fetch, FetchAnswer
from remediate.steps import Check, Questions, Step

SHOWN = 200
KEPT = 256 * 1024
"""Bytes of a body that an answer holds at most (`FetchAnswer.body`)."""
TYPES: dict[str, type | tuple[type, ...]] = {
    "array": list,
    "object": dict,
    "string": str,
    "boolean": bool,
    "number": (int, float),
}


class Shape(BaseModel):
    """What a JSON body must look like.

    Attributes:
        type: Of the whole body.
        has: Keys that the object, or every object of the array, must have; an empty array has none of them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    type: Literal["array", "object", "string", "number", "boolean"] | None = None
    has: list[str] = []

    def misfit(self, body: Json) -> str:
        """Return in one clause how a body differs from this, or nothing where it fits."""
        if self.type and not _is(body, self.type):
            return f"the body is {_type_of(body)}, not {_with_article(self.type)}"
        parts = body if isinstance(body, list) else [body]
        lacking = [key for key in self.has if not parts or not all(_has(part, key) for part in parts)]
        empty = "" if parts else "is an empty array, which "
        return f"the body {empty}has no {', '.join(lacking)}" if lacking else ""


class HttpOk(Check):
    """Whether a GET of a path, made on the host, answers as it should."""

    # The playbook's word is `json`, which pydantic's models have a method of that name for.
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)
    kind: ClassVar[str] = "http.ok"
    tells: ClassVar[str] = (
        "Requests {path}[ ({method})] from the host itself, and looks whether it is answered with status {status}"
        "[ and JSON of the shape {json}][ within {max_seconds} s][; the inventory's secret {bearer} is sent as"
        " bearer token]"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.CURL,)
    path: str = Field(description="As `/health`, with its query.")
    status: int = Field(default=200, ge=100, le=599)
    shape: Shape | None = Field(default=None, alias="json", description="What the JSON body must look like.")
    bearer: str | None = Field(
        default=None, description="Name of the inventory's secret to send as bearer token."
    )
    host: str = Field(default="localhost", description="As the host itself calls it.")
    port: int = Field(default=cast("int", "{{ app.port }}"), ge=1, le=65535)
    scheme: Literal["http", "https"] = "http"
    method: Literal["GET", "HEAD"] = "GET"
    max_seconds: float | None = Field(default=None, gt=0, description="Slower than this is unhealthy.")
    app: str = Field(default="{{ app.name }}", description="The process that answers.")

    @field_validator("path")
    @classmethod
    def _begins_at_the_root(cls, path: str) -> str:
        if not path.startswith("/"):
            raise ValueError("must begin with /")
        return path

    @property
    def question(self) -> Fetch:
        """The request."""
        return Fetch(
            url=f"{self.scheme}://{self.host}:{self.port}{self.path}",
            method=self.method,
            bearer=self.bearer,
            about=(f"process:{self.app}",),
        )

    def ask(self) -> Questions:
        """Return the one request."""
        return (self.question,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare status, body and time with what they should be."""
        del first
        answer = now[self.question]
        wrong = self._wrong(answer)
        body = answer.body.decode("utf-8", "backslashreplace")[:SHOWN]
        return Finding(
            healthy=not wrong,
            seen=f"{self.method} {self.path}: {wrong or answer.status}",
            # What an app says of an error; a body that it means may be full of rows.
            evidence=(body,) if wrong and body and answer.status >= HTTPStatus.BAD_REQUEST else (),
            facts={"status": answer.status, "seconds": answer.seconds},
        )

    def _refused(self, answer: FetchAnswer) -> bool:
        return bool(self.bearer) and answer.status == HTTPStatus.UNAUTHORIZED

    def _wrong(self, answer: FetchAnswer) -> str:
        if not answer.status:
            return f"no answer ({answer.error})"
        if answer.status != self.status:
            refused = f": the token {self.bearer} was not accepted" * self._refused(answer)
            return f"{answer.status} instead of {self.status}{refused}"
        if self.max_seconds is not None and answer.seconds > self.max_seconds:
            return f"took {answer.seconds:.2f} s, more than {self.max_seconds:g} s"
        return "" if self.shape is None else _misfit(self.shape, answer)


def _misfit(shape: Shape, answer: FetchAnswer) -> str:
    if len(answer.body) >= KEPT:
        return f"the body has {KEPT} bytes or more, of which the rest was not kept"
    try:
        return shape.misfit(json.loads(answer.body))
    except ValueError:
        return "the body is no JSON"


def _has(part: Json, key: str) -> bool:
    return isinstance(part, dict) and key in part


def _is(body: Json, name: str) -> bool:
    return isinstance(body, TYPES[name]) and not (name == "number" and isinstance(body, bool))


def _type_of(body: Json) -> str:
    return next((_with_article(name) for name in TYPES if _is(body, name)), "null")


def _with_article(name: str) -> str:
    return f"{'an' if name[0] in 'ao' else 'a'} {name}"


STEPS: tuple[type[Step], ...] = (HttpOk,)
