"""Turns results of PostgreSQL into rows whose values JSON has. Sends nothing."""

import json
import math
import re
from typing import Any

from psycopg import adapters, errors, pq
from psycopg.adapt import AdaptersMap, Loader, Transformer

from remediate.questions import QueryAnswer

PGresult = pq.abc.PGresult

_HALF = re.compile("[\ud800-\udfff]")

_AS_TEXT = (
    *("numeric", "money", "uuid", "interval", "date", "time", "timetz"),
    *("inet", "cidr", "xid8", "pg_lsn", "bit", "varbit"),
    *("int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange"),
    *(
        "int4multirange",
        "int8multirange",
        "nummultirange",
        "tsmultirange",
        "tstzmultirange",
        "datemultirange",
    ),
)

_QUOTING = ("22", "P0", "38", "39", "HV")
_VALUE = re.compile(r"""["'`«»„“”‘’‹›「」:\uff1a]|\b0x""")

_ENUM = re.compile(r'invalid input value for enum (?:"[^"]*"|\w+)(?=: )')  # its first name is the type's


class _Text(Loader):
    def load(self, data: Any) -> str:
        return bytes(data).decode()


class _Iso(Loader):
    def load(self, data: Any) -> str:
        return bytes(data).decode().replace(" ", "T", 1)


class _Hex(Loader):
    def load(self, data: Any) -> str:
        return bytes(data).decode().removeprefix("\\x")


class _Json(Loader):
    """Told its encoding, the decoder need not guess it of every value: half the time of many small ones."""

    decode = staticmethod(json.JSONDecoder().decode)

    def load(self, data: Any) -> Any:
        return self.decode(bytes(data).decode())


class _Context:
    """What a Transformer asks for its loaders."""

    connection = None

    def __init__(self) -> None:
        self.adapters = AdaptersMap(adapters)
        for name in _AS_TEXT:
            if self.adapters.types.get(name):
                self.adapters.register_loader(name, _Text)
        for name in ("timestamp", "timestamptz"):
            self.adapters.register_loader(name, _Iso)
        for name in ("json", "jsonb"):
            self.adapters.register_loader(name, _Json)
        self.adapters.register_loader("bytea", _Hex)


_CONTEXT = _Context()


def succeeded(result: PGresult) -> bool:
    """Tell whether a command did what it was told."""
    return result.status in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK, pq.ExecStatus.EMPTY_QUERY)


def state_of(result: PGresult) -> str:
    """Return the SQLSTATE of a failed command, empty where it has none."""
    return (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode("ascii", "replace")


def complaint_of(result: PGresult) -> str:
    """Return what the server says about a failed command, on one line, with its SQLSTATE.

    What would have a row's value in it is left out, for errors are written into the audit log.
    """
    said = (result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"no reason given").decode(
        "utf-8", "replace"
    )
    state = state_of(result)
    return f"{_without_values(' '.join(said.split()), state)} (SQLSTATE {state or 'unknown'})"


def _without_values(said: str, state: str) -> str:
    """Return a message, of some classes only its condition's name, and what stands before a first quote or colon.

    Class 22 quotes the value that it complains of, in whatever language and quotes; P0 and 38, and states of an app's
    own, are of functions, which say what they like (manual, appendix "PostgreSQL Error Codes"). DETAIL and CONTEXT,
    where 23 has its values, are never told.
    """
    condition = _condition_of(state)
    if condition and not state.startswith(_QUOTING):
        return said
    name = condition or "an error of the app's own"
    enum = _ENUM.match(said)
    begins = (enum[0] if enum else _VALUE.split(said)[0].rstrip()) if state.startswith("22") else ""
    if begins == said:
        return said
    return f"{name}{f': {begins} …' if begins else ''}, the rest is left out for the values in it"


def _condition_of(state: str) -> str:
    """Return the name of a condition in words, or nothing where PostgreSQL has none of that state."""
    try:
        name = errors.lookup(state).__name__
    except KeyError:
        return ""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name.rstrip("_")).lower()


def rows_of(result: PGresult) -> QueryAnswer:
    """Return a result's columns and rows.

    Timestamps are ISO text, numerics, dates and ranges are text, bytea is hex, arrays are lists, json is as it is.
    """
    transformer = Transformer(_CONTEXT)
    transformer.set_pgresult(result)
    rows = transformer.load_rows(0, result.ntuples, tuple)
    names = tuple(
        (result.fname(number) or b"").decode("utf-8", "replace") for number in range(result.nfields)
    )
    return QueryAnswer(columns=names, rows=tuple(tuple(_jsonable(value) for value in row) for row in rows))


def unfit(*texts: Any) -> str:
    """Return why these cannot be sent, or nothing where they can: statements, values, tuples and JSON of them.

    PostgreSQL's text holds no NUL, and a statement would end there (manual, chapter 8.3); UTF-8 has no lone surrogates.
    """
    for text in texts:
        inner = (*text.keys(), *text.values()) if isinstance(text, dict) else text
        if isinstance(inner, tuple | list) and (why := unfit(*inner)):
            return why
        if isinstance(text, str) and "\0" in text:
            return "a value has a NUL character in it"
        if isinstance(text, str) and _HALF.search(text):
            return "a value has half a character in it (a lone surrogate)"
    return ""


def _jsonable(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list | tuple):
        return [_jsonable(inner) for inner in value]
    return value if value is None or isinstance(value, str | int | float | bool | dict) else str(value)
