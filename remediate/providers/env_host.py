"""What is asked of a host about an app's environment, and the answers as values. Judges nothing, shows nothing.

No value leaves the host through these questions, but for a secret that the inventory sent there: the answers have marks
(see `env_marks`), and where a URL leads. The file itself is read by those who ask, and its answer is secret.
"""

from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from remediate.errors import CouldNotLook
from remediate.providers.env_marks import Marks
from remediate.providers.env_scripts import (
    DOOR_SCRIPT,
    ENVIRON_SCRIPT,
    HELD_DOOR_SCRIPT,
    KEY_SCRIPT,
    NO_DRIVER,
    NO_NODE,
    NO_PM2,
    READ_SCRIPT,
)
from remediate.providers.pm2_host import refuse_theirs
from remediate.questions import Answers, Run, RunAnswer, Value

T = TypeVar("T")
_LONG = 40.0
"""Seconds for several connections, one after the other."""


class Started(Value):
    """One process of the app, with what it was started with.

    Attributes:
        pid: Its number; 0 where pm2 has the app and no process of it can be looked into: then it is what pm2 holds.
        since: When pm2 started it, milliseconds since the epoch.
        marks: Variables that were set from the beginning, each with its value's mark.
    """

    pid: int
    since: float
    marks: dict[str, str]


class Tried(Value):
    """What came of connecting with one value.

    Attributes:
        mark: The value's mark.
        code: Empty where the server let it in; else an SQLSTATE, an error code of the system, or one of our own:
            EURL (cannot be read as a URL), ESILENT (no answer within 5 s), ETLS (no agreement about TLS), EOTHER.
        place: Where it leads and as whom; empty where that cannot be shown.
        leads: The mark of all but its password: two values with the same one lead to the same place.
    """

    mark: str
    code: str
    place: str = ""
    leads: str = ""


_STARTED, _TRIED = TypeAdapter(tuple[Started, ...]), TypeAdapter(tuple[Tried, ...])


def secret_question(name: str) -> Run:
    """Return the question for a secret's value; nothing in it or about it is secret but the answer."""
    return Run(script=READ_SCRIPT, secret=name)


def key_question(path: str) -> Run:
    """Return the question for the key of a file's marks.

    It is about nothing: marks that were made before an edit are read with the key of before. Its answer is secret.
    """
    return Run(script=KEY_SCRIPT, args=(path,))


def environ_question(app: str, backend: str, path: str, names: tuple[str, ...]) -> Run:
    """Return the question what the app's processes were started with."""
    args = ("held", app, backend, path, *names)
    return Run(script=ENVIRON_SCRIPT, args=args, about=(f"process:{app}",))


def held_door_question(app: str, backend: str, path: str, names: tuple[str, ...]) -> Run:
    """Return the question whether the database lets in whoever has what pm2 holds, and what the file may mean."""
    args = ("held", app, backend, path, *names)
    about = (f"process:{app}", _driver(backend))
    return Run(script=HELD_DOOR_SCRIPT, args=args, about=about, timeout=_LONG)


def door_question(backend: str, path: str, name: str) -> Run:
    """Return the question whether the database lets in whoever has the values that a file may mean by a variable."""
    about = (f"file:{path}", _driver(backend))
    return Run(script=DOOR_SCRIPT, args=(backend, path, name, "file"), about=about, timeout=_LONG)


def given_door_question(backend: str, path: str, name: str, secret: str) -> Run:
    """Return the same question for a secret of the inventory."""
    about = (f"file:{path}", _driver(backend))  # its marks are made of the file
    args = (backend, path, name, "given")
    return Run(script=DOOR_SCRIPT, args=args, about=about, secret=secret, timeout=_LONG)


def _driver(backend: str) -> str:
    """Return the fact of what connects: the backend's own `pg`."""
    return f"file:{backend.rstrip('/')}/node_modules"


def read_secret(answers: Answers, name: str) -> str | None:
    """Return a secret's value, or None where the inventory has none of that name."""
    try:
        return answers[secret_question(name)].stdout.decode("utf-8", "replace").removesuffix("\n")
    except CouldNotLook:
        return None


def read_key(answer: RunAnswer) -> Marks:
    """Return the marks under the key of a file.

    Raises:
        CouldNotLook: There is no node on the host.
    """
    _demand_programs(answer, "the key of marks")
    return Marks(bytes.fromhex(answer.text.strip().rpartition("\n")[2]))


def read_started(answer: RunAnswer) -> tuple[Started, ...]:
    """Return the processes.

    Raises:
        CouldNotLook: They could not be asked.
    """
    return _read(_STARTED, answer, "the processes' environment")


def read_tried(answer: RunAnswer) -> dict[str, Tried]:
    """Return what came of each value, under its mark.

    Raises:
        CouldNotLook: Nothing could be tried.
    """
    if answer.exit_code == NO_DRIVER:
        raise CouldNotLook(
            "database", "the backend has no `pg` to connect with", "install what package.json names"
        )
    return {one.mark: one for one in _read(_TRIED, answer, "the database")}


def _read(shape: TypeAdapter[T], answer: RunAnswer, what: str) -> T:
    _demand_programs(answer, what)
    refuse_theirs(what, answer)
    try:
        return shape.validate_json(answer.text.strip().rpartition("\n")[2])
    except ValidationError as error:
        raise CouldNotLook(
            what, f"could not be asked: exit code {answer.exit_code}", "try node and pm2 there"
        ) from error


def _demand_programs(answer: RunAnswer, what: str) -> None:
    lacking = {NO_NODE: "node", NO_PM2: "pm2"}.get(answer.exit_code)
    if lacking:
        raise CouldNotLook(
            what, f"there is no {lacking} on the host's PATH", "set `env: {PATH: …}` in the inventory"
        )
