"""One connection to PostgreSQL: sends many statements at once and reads their results, with a deadline.

It decides nothing: what to send, and what a result means, is told by `database.py`. Only this file and
`database_values.py` import psycopg. It stands on psycopg's wrapper of libpq (`psycopg.pq`), not on its cursors, for two
reasons: a cursor's pipeline waits at every Sync, so that statements that must not spoil each other cost a round trip
each; and a lost answer has to be noticed by a deadline of ours (a hung COMMIT is otherwise waited for for ever).
"""

import os
import re
import select
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from psycopg import OperationalError, pq
from psycopg.adapt import PyFormat, Transformer

from remediate.questions import Scalar, Value
from remediate.transport.database_values import complaint_of, succeeded

PGresult = pq.abc.PGresult
Clock = Callable[[], float]

_POLL_DONE = (pq.PollingStatus.OK, pq.PollingStatus.FAILED)
_TRACED_STATE = re.compile(r'^B\t\d+\tErrorResponse\t.*? C "([0-9A-Z]{5})"', re.MULTILINE)
_LONGEST_TRACE = 65536


class Command(Value):
    """One statement on its way to the server.

    Attributes:
        sql: One statement, `%s` for each parameter.
        parameters: The values, in order.
    """

    sql: str
    parameters: tuple[Scalar | tuple[Scalar, ...], ...] = ()


class WireLost(Exception):  # noqa: N818  (a signal to database.py, never shown to a person)
    """The connection broke, or nothing came back before the deadline; its text is what the server said last, if ill."""


class WireRefused(Exception):  # noqa: N818  (a signal to database.py, never shown to a person)
    """No connection came about.

    Args:
        state: The SQLSTATE that the server gave, or empty.
        answered: Whether the server said anything at all.
        wants_password: Whether it asked for a password that was not given.
        no_tls: Whether it answered that it has no TLS.
    """

    def __init__(
        self, state: str, *, answered: bool, wants_password: bool = False, no_tls: bool = False
    ) -> None:
        self.state, self.answered, self.wants_password, self.no_tls = state, answered, wants_password, no_tls
        super().__init__(state)


class Wire:
    """An open connection; made by `connect`, closed by whoever made it.

    Args:
        pgconn: libpq's connection, already logged in.
        clock: Seconds, monotonic.

    Attributes:
        prefix: A comment to send before each statement, whole: a signature.
    """

    def __init__(self, pgconn: pq.abc.PGconn, clock: Clock) -> None:
        self._pgconn, self._clock = pgconn, clock
        self.prefix, self._said = "", ""
        pgconn.nonblocking = 1
        pgconn.enter_pipeline_mode()

    @property
    def pid(self) -> int:
        """The server's process that serves this connection."""
        return self._pgconn.backend_pid

    def exchange(
        self,
        commands: Sequence[Command],
        seconds: float,
        pause: tuple[float, Callable[[], None]] | None = None,
    ) -> list[PGresult]:
        """Send all commands at once and return one result for each; a failed one is a result, too.

        Each is followed by a Sync, so that outside an aborted transaction none spoils another.

        Args:
            commands: Always through the extended protocol, which takes one statement a command.
            seconds: How long to wait for the last result.
            pause: Every so many seconds of waiting, something to call.

        Raises:
            WireLost: The connection broke or was silent for too long. It is closed.
        """
        try:
            return self._exchange(commands, self._clock() + seconds, _Pause(pause, self._clock))
        except OperationalError as error:
            self.close()
            raise WireLost(self._said) from error
        except (
            BaseException
        ):  # a Ctrl-C in the middle: what was sent is unknown, so this connection is of no more use
            self.close()
            raise

    def _exchange(self, commands: Sequence[Command], deadline: float, pause: "_Pause") -> list[PGresult]:
        self._said = ""
        for command in commands:
            self._send(command)
            self._pgconn.pipeline_sync()
        return [result for _ in commands if (result := self._result(deadline, pause))]

    def _send(self, command: Command) -> None:
        transformer = Transformer()
        values = [list(value) if isinstance(value, tuple) else value for value in command.parameters]
        formats = [PyFormat.TEXT] * len(values)
        dumped = transformer.dump_sequence(values, formats)
        self._pgconn.send_query_params(
            (self.prefix + numbered(command.sql, len(values))).encode(),
            dumped,
            transformer.types,
            transformer.formats,
        )

    def _result(self, deadline: float, pause: "_Pause") -> PGresult | None:
        """Return the result of one command, and read the Sync behind it."""
        found: PGresult | None = None
        while True:
            self._until_ready(deadline, pause)
            result = self._pgconn.get_result()
            if result is None:
                self._refuse_if_dead()
                continue
            if result.status == pq.ExecStatus.PIPELINE_SYNC:
                return found
            found = found or result
            if not succeeded(found):
                self._said = complaint_of(found)

    def _refuse_if_dead(self) -> None:
        if self._pgconn.status != pq.ConnStatus.OK:
            self.close()
            raise WireLost(self._said)

    def _until_ready(self, deadline: float, pause: "_Pause") -> None:
        unsent = self._pgconn.flush()
        while unsent or self._pgconn.is_busy():
            pause.call_when_due()
            left = min(deadline, pause.due) - self._clock()
            if deadline <= self._clock():
                self.close()
                raise WireLost
            socket = self._pgconn.socket
            readable, _, _ = select.select([socket], [socket] if unsent else [], [], max(left, 0.0))
            if readable:
                self._pgconn.consume_input()
            unsent = self._pgconn.flush()

    def close(self) -> None:
        """Close it; the server rolls back what was not committed."""
        self._pgconn.finish()

    @property
    def open(self) -> bool:
        """Whether it was not closed; a link that died silently still counts as open."""
        return self._pgconn.status == pq.ConnStatus.OK


class _Pause:
    """Something to do now and then while waiting."""

    def __init__(self, pause: tuple[float, Callable[[], None]] | None, clock: Clock) -> None:
        self._clock = clock
        self._seconds, self._call = pause or (float("inf"), lambda: None)
        self.due = clock() + self._seconds

    def call_when_due(self) -> None:
        """Call it if its time has come."""
        if self._clock() >= self.due:
            self._call()
            self.due = self._clock() + self._seconds


def numbered(sql: str, count: int) -> str:
    """Return the statement with `$1`, `$2`, … for `%s`, and `%` for `%%`; untouched where it has no parameters."""
    if not count:
        return sql
    numbers = iter(range(1, count + 1))
    return re.sub(r"%[%s]", lambda found: "%" if found[0] == "%%" else f"${next(numbers)}", sql)


def connect(parameters: Mapping[str, str], seconds: float, clock: Clock = time.monotonic) -> Wire:
    """Connect and log in.

    Args:
        parameters: libpq's, as names and values.
        seconds: How long it may take.
        clock: Seconds, monotonic.

    Raises:
        WireRefused: It did not come about; says what the server said, as SQLSTATE.
    """
    pgconn = pq.PGconn.connect_start(_conninfo(parameters.items()))
    with os.fdopen(os.memfd_create("trace"), "rb") as trace:
        try:
            _log_in(pgconn, trace.fileno(), clock() + seconds, clock)
        except BaseException:
            pgconn.finish()
            raise
        if pgconn.status == pq.ConnStatus.OK:
            return Wire(pgconn, clock)
        refusal = _refusal(pgconn, os.pread(trace.fileno(), _LONGEST_TRACE, 0).decode("utf-8", "replace"))
        pgconn.finish()
        raise refusal


def _conninfo(parameters: Iterable[tuple[str, str]]) -> bytes:
    escaped = ((name, value.replace("\\", "\\\\").replace("'", "\\'")) for name, value in parameters)
    return " ".join(f"{name}='{value}'" for name, value in escaped).encode()


def _log_in(pgconn: pq.abc.PGconn, trace: int, deadline: float, clock: Clock) -> None:
    """Poll until logged in or refused.

    libpq hands out the SQLSTATE of a refused login only inside localised text; the protocol trace (`PQtrace`) has it
    as a field. The trace stays in memory and is gone with this call: it can contain a password.
    """
    if pgconn.status == pq.ConnStatus.BAD:
        return
    pgconn.trace(trace)
    pgconn.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS)
    while (status := pgconn.connect_poll()) not in _POLL_DONE:
        socket = [pgconn.socket]
        reading = status == pq.PollingStatus.READING
        ready = select.select(
            socket if reading else [], [] if reading else socket, [], max(deadline - clock(), 0.0)
        )
        if not any(ready):
            return
    pgconn.untrace()


def _refusal(pgconn: pq.abc.PGconn, trace: str) -> WireRefused:
    state = _TRACED_STATE.search(trace)
    return WireRefused(
        state[1] if state else "",
        answered=any(line.startswith("B\t") for line in trace.splitlines()),
        wants_password=pgconn.status == pq.ConnStatus.BAD and bool(pgconn.needs_password),
        no_tls="\tSSLResponse\t N" in trace,
    )
