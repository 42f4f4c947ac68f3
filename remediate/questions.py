"""What can be asked of a host, and what it can answer. Data only: nothing here reaches a host.

A question is a value: two checks that ask the same thing ask it once. An answer stands under its question in
`Answers`, which refuses to hand out what could not be looked at (`CouldNotLook`) or is not known yet (`NotKnown`).
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, TypeAlias, overload

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from remediate.errors import CouldNotLook

Scalar: TypeAlias = str | int | float | bool | None
Facts: TypeAlias = tuple[str, ...]
"""Names of things in the world: `file:/srv/app/src`, `process:lumiku-backend`, `table:avatars`.

A file fact covers everything below it. A question says which facts its answer depends on (`about`), a change says
which it alters; that is how a planner knows which answers a change makes uncertain, without knowing any technology.
"""


class Value(BaseModel):
    """The base of every value that crosses a process or goes into the journal: frozen, strict, JSON-able."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        ser_json_bytes="base64",
        val_json_bytes="base64",
        hide_input_in_errors=True,
    )


class Run(Value):
    """A constant script that looks and changes nothing; values reach it only as positional parameters.

    Attributes:
        script: POSIX shell text, a constant of the provider. MUST NOT be composed from values.
        args: What the script sees as `$1`, `$2`, …
        about: The facts its answer depends on.
        timeout: Seconds after which the whole process group is ended on the host.
        secret: The name of the inventory's secret that the script reads on stdin, with a line end after it; the value
            never enters a question.
    """

    kind: Literal["run"] = "run"
    script: str
    args: tuple[str, ...] = ()
    about: Facts = ()
    timeout: float = 20.0
    secret: str | None = None


class Read(Value):
    """A whole file, with what is needed to put it back: owner, mode, time of change.

    Attributes:
        path: Absolute path on the host.
    """

    kind: Literal["read"] = "read"
    path: str

    @property
    def about(self) -> Facts:
        """The file itself."""
        return (f"file:{self.path}",)


class Query(Value):
    """One SQL statement that reads, with parameters, run in a READ ONLY transaction.

    Attributes:
        sql: One statement, `%s` for each parameter. MUST be a constant or composed by `remediate.sql`.
        parameters: The values, in order.
        about: The facts its answer depends on.
        timeout: Seconds after which the server ends it; None: as any other. All questions of a look share one patience,
            so what may take long says less.
    """

    kind: Literal["query"] = "query"
    sql: str
    parameters: tuple[Scalar | tuple[Scalar, ...], ...] = ()
    about: Facts = ()
    timeout: float | None = None


class Fetch(Value):
    """An HTTP request made from the host itself, with methods that change nothing.

    Attributes:
        url: The whole URL as the host sees it.
        method: GET or HEAD.
        headers: Names and values, none of them secret.
        bearer: The name of the inventory's secret to send as a bearer token; the value never enters a question.
        about: The facts its answer depends on.
        timeout: Seconds for the whole exchange.
    """

    kind: Literal["fetch"] = "fetch"
    url: str
    method: Literal["GET", "HEAD"] = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    bearer: str | None = None
    about: Facts = ()
    timeout: float = 10.0


Question: TypeAlias = Annotated[Run | Read | Query | Fetch, Field(discriminator="kind")]


class RunAnswer(Value):
    """What a script answered: exit code and both streams, as bytes, apart.

    Attributes:
        exit_code: As the shell tells it; 124 after a timeout.
        stdout: Head and tail of the stream when it was longer than the cap.
        stderr: The same.
        left_out: How many bytes of both streams were left out in the middle.
    """

    kind: Literal["run"] = "run"
    exit_code: int
    stdout: bytes = b""
    stderr: bytes = b""
    left_out: int = 0

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are no UTF-8 are shown as escapes."""
        return self.stdout.decode("utf-8", "backslashreplace")

    @property
    def error_text(self) -> str:
        """Standard error as text."""
        return self.stderr.decode("utf-8", "backslashreplace")


class ReadAnswer(Value):
    """A file as it is.

    Attributes:
        exists: False where nothing has that name; the other fields then keep their defaults.
        kind_of_file: `file`, `link`, `directory` or `other`, of the name itself, not of what a link points at.
        content: The bytes, whole. Empty for a directory.
        mode: Permission bits, as in `0o640`.
        owner: User name, or number where it has none.
        group: Group name, or number.
        mtime_ns: Time of last change, nanoseconds since the epoch.
        link_to: Where a link points.
    """

    kind: Literal["read"] = "read"
    exists: bool
    kind_of_file: Literal["file", "link", "directory", "other"] = "file"
    content: bytes = b""
    mode: int = 0
    owner: str = ""
    group: str = ""
    mtime_ns: int = 0
    link_to: str = ""

    @property
    def text(self) -> str:
        """The content as text; bytes that are no UTF-8 are shown as escapes."""
        return self.content.decode("utf-8", "backslashreplace")

    @property
    def sha256(self) -> str:
        """The content's SHA-256, in hex; empty where there is no file."""
        return hashlib.sha256(self.content).hexdigest() if self.exists else ""


class QueryAnswer(Value):
    """Rows of a query; values as JSON has them (a timestamp is ISO text, a numeric is text).

    Attributes:
        columns: Their names, in order.
        rows: One tuple a row.
    """

    kind: Literal["query"] = "query"
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    @property
    def records(self) -> list[dict[str, Any]]:
        """The rows as dictionaries."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class FetchAnswer(Value):
    """An HTTP answer.

    Attributes:
        status: 0 where there was no answer at all; `error` then says why.
        body: The first 256 KiB.
        seconds: How long the whole exchange took.
        error: Why there was no answer, in curl's words.
    """

    kind: Literal["fetch"] = "fetch"
    status: int
    body: bytes = b""
    seconds: float = 0.0
    error: str = ""


class Offset(Value):
    """How far a host's clock is from the runner's.

    Attributes:
        seconds: How much it is ahead.
        give_or_take: Seconds by which that may be wrong: half of the round trip in which it was measured.
    """

    seconds: float
    give_or_take: float


class Unanswered(Value):
    """The host was asked and could not answer: no permission, no database, a timeout, a missing program.

    Attributes:
        reason: Why, for a person.
        state: The SQLSTATE of a statement that the database refused, for whoever has to tell refusals apart.
    """

    kind: Literal["unanswered"] = "unanswered"
    reason: str
    state: str = ""


class Uncertain(Value):
    """Not known yet: an earlier step of the plan will change it, and the new answer cannot be foretold."""

    kind: Literal["uncertain"] = "uncertain"
    because: str


Answer: TypeAlias = Annotated[
    RunAnswer | ReadAnswer | QueryAnswer | FetchAnswer | Unanswered | Uncertain, Field(discriminator="kind")
]


class NotKnown(Exception):  # noqa: N818  (a signal to the planner, never shown to a person)
    """A plan needs an answer that an earlier step will change. `because` says which step."""

    def __init__(self, because: str) -> None:
        self.because = because
        super().__init__(because)


def touches(facts: Facts, others: Facts) -> bool:
    """Tell whether two sets of facts have something in common; a file fact covers what is below it."""
    return any(_covers(one, other) or _covers(other, one) for one in facts for other in others)


def _covers(fact: str, other: str) -> bool:
    return fact == other or (fact.startswith("file:") and other.startswith(fact.rstrip("/") + "/"))


class Entry(Value):
    """One question with its answer, as recorded."""

    question: Question
    answer: Answer


_RECORDING = TypeAdapter(tuple[Entry, ...])


class Answers(Mapping["Run | Read | Query | Fetch", Answer]):
    """Question -> answer, immutable. Indexing hands out answers that are known, and raises for those that are not.

    Args:
        given: The answers, each under its question.
        where: The host they are of, for error messages.
        clock: How far its clock is from the runner's, where whoever looked could tell.
    """

    def __init__(
        self, given: Mapping[Any, Answer] | None = None, where: str = "", clock: Offset | None = None
    ) -> None:
        self._given: dict[Any, Answer] = dict(given or {})
        self.where, self.clock = where, clock

    @overload
    def __getitem__(self, question: Run) -> RunAnswer: ...
    @overload
    def __getitem__(self, question: Read) -> ReadAnswer: ...
    @overload
    def __getitem__(self, question: Query) -> QueryAnswer: ...
    @overload
    def __getitem__(self, question: Fetch) -> FetchAnswer: ...
    def __getitem__(self, question: Any) -> Any:
        """Return the answer to a question that was asked.

        Raises:
            KeyError: The question was never asked.
            CouldNotLook: The host could not answer it.
            NotKnown: An earlier step of the plan will change it.
        """
        answer = self._given[question]
        if isinstance(answer, Unanswered):
            raise CouldNotLook(self.where, answer.reason)
        if isinstance(answer, Uncertain):
            raise NotKnown(answer.because)
        return answer

    def raw(self, question: "Run | Read | Query | Fetch") -> Answer:
        """Return the answer as it is, unanswered and uncertain ones too."""
        return self._given[question]

    def items_raw(self) -> Iterable[tuple[Any, Answer]]:
        """Return all questions with their answers as they are."""
        return self._given.items()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)

    def __contains__(self, question: object) -> bool:
        return question in self._given

    def missing(self, questions: Iterable[Any]) -> tuple[Any, ...]:
        """Return those questions that have no answer here yet, each once, in order."""
        return tuple(dict.fromkeys(question for question in questions if question not in self._given))

    def only(self, questions: Iterable[Any]) -> "Answers":
        """Return the answers to these questions alone."""
        return Answers({question: self._given[question] for question in questions}, self.where, self.clock)

    def laid_over(self, newer: "Answers") -> "Answers":
        """Return these answers with newer ones in place of the old."""
        return Answers({**self._given, **dict(newer.items_raw())}, self.where, newer.clock or self.clock)

    def after(self, altered: Facts, forecasts: Mapping[Any, Answer], because: str) -> "Answers":
        """Return what would be answered after a change.

        Args:
            altered: The facts that the change alters; every answer about one of them becomes uncertain.
            forecasts: New answers that are known beforehand.
            because: Which change this is, for the person who reads the plan.
        """
        known = {
            question: Uncertain(because=because) if touches(question.about, altered) else answer
            for question, answer in self._given.items()
        }
        return Answers({**known, **forecasts}, self.where, self.clock)

    def to_json(self) -> str:
        """Return the recording of all questions and answers as JSON text."""
        entries = tuple(Entry(question=question, answer=answer) for question, answer in self._given.items())
        return _RECORDING.dump_json(entries).decode()

    @classmethod
    def from_json(cls, text: str, where: str = "") -> "Answers":
        """Return the answers of a recording made by `to_json`."""
        return cls({entry.question: entry.answer for entry in _RECORDING.validate_json(text)}, where)
