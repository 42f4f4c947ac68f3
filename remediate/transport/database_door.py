"""The way into the database behind a host: a forward through SSH, a login, and why there is none. Asks no question.

The runner never talks to the server directly; every connection goes through the SSH connection's forward.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from remediate.errors import RemediateError, Unreachable
from remediate.transport.database_url import DatabaseUrl, Destination, libpq_settings
from remediate.transport.database_wire import Clock, Wire, WireRefused, connect


class NoDatabase(Exception):  # noqa: N818  (becomes an Unanswered, a Failed or a Lost, by what was going on)
    """There is no way into the database; `reason` says why in one line, without a secret."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)

    @property
    def no_host(self) -> bool:
        """Whether there is no way to the host itself: its connection has a patience of its own, and had it."""
        return isinstance(self.__cause__, Unreachable)


class Forward(Protocol):
    """A way to one destination behind the host: a directory with a socket in it, or a port on loopback."""

    @property
    def directory(self) -> str:
        """Where `.s.PGSQL.5432` lies; empty for the form with a port."""

    @property
    def port(self) -> int:
        """The port on 127.0.0.1; 0 for the form with a directory."""

    def close(self) -> None:
        """End it, with all connections through it."""


class Forwards(Protocol):
    """Whoever can make forwards: the SSH connection."""

    def forward(self, destination: Destination, *, tcp: bool = False) -> Forward:
        """Make a forward; as a Unix-domain socket unless TCP is asked for.

        Raises:
            RemediateError: There is no way to the host.
        """


@dataclass(frozen=True)
class DatabaseSettings:
    """How long to wait, in seconds.

    Attributes:
        connect: For connecting and logging in.
        statement: For one question, at the server.
        lock: For a lock, while looking.
        answer: For a whole batch, on the runner's side.
        commit: For the answer to COMMIT, before it counts as lost.
        tries: How often a change is tried when it cannot get its lock.
        settle: How long to wait for a transaction whose end is still unknown.
    """

    connect: float = 10.0
    statement: float = 15.0
    lock: float = 2.0
    answer: float = 30.0
    commit: float = 15.0
    tries: int = 5
    settle: float = 10.0


class Door:
    """Lets into one host's database, through one forward that is kept while it is of use.

    Args:
        read_url: Reads the URL from where the app has it.
        forwards: Makes ways through the host.
        settings: How long to wait.
        learn: Is told each secret that the URL contains, before it is used.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        read_url: Callable[[], str],
        forwards: Forwards,
        settings: DatabaseSettings,
        learn: Callable[[str], None],
        clock: Clock = time.monotonic,
    ) -> None:
        self._read_url, self._forwards, self._learn = read_url, forwards, learn
        self._settings, self._clock = settings, clock
        self._wire: Wire | None = None
        self._forward: Forward | None = None
        self._parameters: Mapping[str, str] = {}
        self._url: DatabaseUrl | None = None
        self._tls_found_needed = False

    @property
    def is_open(self) -> bool:
        """Whether there is a connection; one whose link died silently still counts."""
        return bool(self._wire and self._wire.open)

    def wire(self) -> Wire:
        """Return the connection, opened if need be.

        Raises:
            NoDatabase: It cannot be had; says why.
        """
        if not (self._wire and self._wire.open):
            self._wire = self._first_wire()
        return self._wire

    def another_wire(self) -> Wire:
        """Return a new connection beside the other, which stays whole, to be closed by the caller.

        Raises:
            NoDatabase: It cannot be had; says why.
        """
        self.wire()
        try:
            return connect(self._parameters, self._settings.connect, self._clock)
        except WireRefused as refused:
            raise NoDatabase(_why(refused, self.url())) from None

    @property
    def parameters(self) -> Mapping[str, str]:
        """Libpq's parameters of the open connection, password and all, for a program that dumps or restores."""
        return self._parameters

    def _first_wire(self) -> Wire:
        url = self.url()
        for number, destination in enumerate(url.destinations, 1):
            try:
                return self._through(destination, url)
            except WireRefused as refused:
                if number == len(url.destinations):
                    raise NoDatabase(_why(refused, url)) from None
        raise NoDatabase("the database URL names no host")

    def url(self) -> DatabaseUrl:
        """Return what the app's database URL says, read once.

        Raises:
            NoDatabase: It cannot be read, or is none.
        """
        if self._url is None:
            try:
                self._url = libpq_settings(self._read_url())
            except RemediateError as error:
                raise NoDatabase(str(error)) from error
            for secret in dict.fromkeys((self._url.password, self._url.written_password)):
                if secret:
                    self._learn(secret)
        return self._url

    def _through(self, destination: Destination, url: DatabaseUrl) -> Wire:
        tls = url.tls_demanded or self._tls_found_needed
        try:
            return self._log_in(destination, url, tls=tls)
        except WireRefused as refused:
            if refused.state not in _HBA_REFUSES or tls or _forbids_tls(url):
                raise
            self._tls_found_needed = True  # the server may want TLS, and the URL leaves it open
            return self._log_in(destination, url, tls=True)

    def _log_in(self, destination: Destination, url: DatabaseUrl, *, tls: bool) -> Wire:
        if self._forward is None or bool(self._forward.port) != tls:
            self._forget_forward()
            self._forward = self._make_forward(destination, tcp=tls)
        self._parameters = _parameters(self._forward, destination, url, tls=tls)
        try:
            return connect(self._parameters, self._settings.connect, self._clock)
        except WireRefused:
            self._forget_forward()
            raise

    def _make_forward(self, destination: Destination, *, tcp: bool) -> Forward:
        try:
            return self._forwards.forward(destination, tcp=tcp)
        except RemediateError as error:
            raise NoDatabase(str(error)) from error

    def _forget_forward(self) -> None:
        forward, self._forward = self._forward, None
        if forward:
            forward.close()

    def close(self) -> None:
        """Close the connection and the forward; the next `wire` opens both anew."""
        wire, self._wire = self._wire, None
        if wire:
            wire.close()
        self._forget_forward()

    def session(self) -> Mapping[str, str]:
        """Return what every transaction sets for itself: a pooler forgets sessions and refuses startup options."""
        schema = self.url().schema_name.replace('"', '""')
        return {
            "search_path": f'"{schema}"',
            "TimeZone": "UTC",
            "DateStyle": "ISO",
            "IntervalStyle": "iso_8601",
            "bytea_output": "hex",
            "idle_in_transaction_session_timeout": "60s",
        }


_HBA_REFUSES = ("28000",)


def _forbids_tls(url: DatabaseUrl) -> bool:
    return dict(url.options).get("sslmode") == "disable"


def _parameters(forward: Forward, destination: Destination, url: DatabaseUrl, *, tls: bool) -> dict[str, str]:
    login = {
        "user": url.user,
        "dbname": url.dbname,
        "application_name": "remediate",
        "client_encoding": "UTF8",
        "passfile": "/dev/null",  # never the runner's own ~/.pgpass
        **({"password": url.password} if url.password else {}),
    }
    options = dict(url.options)
    if not tls:
        quiet = {name: value for name, value in options.items() if not name.startswith("ssl")}
        return {**login, **quiet, "host": forward.directory, "port": "5432", "gssencmode": "disable"}
    name = destination[0] if isinstance(destination, tuple) else "localhost"
    options.setdefault("sslmode", "require")
    if options["sslmode"] in ("prefer", "allow"):
        options["sslmode"] = "require"
    return {**login, **options, "host": name, "hostaddr": "127.0.0.1", "port": str(forward.port)}


_REASONS: Mapping[str, str] = {
    "28P01": "the password or the role of {shown} is wrong; compare the database URL with the server's roles",
    "28000": "the server does not let {shown} in (role, pg_hba.conf or TLS); ask the database administrator",
    "3D000": "there is no such database: {shown}; create it or correct the database URL",
    "53300": "the server of {shown} has no connection left; raise its limit or find who holds them",
    "57P03": "the server of {shown} is starting up or shutting down; try again in a moment",
    "42501": "the role may not connect to this database: {shown}; grant CONNECT",
    "08P01": "a pooler at {shown} refuses us (password, role or database: only its log says which), or no PostgreSQL"
    " server listens there",
}


def _why(refused: WireRefused, url: DatabaseUrl) -> str:
    if refused.state:
        template = _REASONS.get(refused.state, f"{{shown}} was refused (SQLSTATE {refused.state})")
    elif refused.wants_password:
        template = "the server wants a password for {shown}, and the database URL has none; add it"
    elif refused.no_tls:
        template = "the database URL demands TLS and the server of {shown} has none; correct sslmode"
    elif refused.answered:
        template = "the login at {shown} broke off; with TLS asked for, compare certificates and sslmode"
    else:
        template = "nothing answers at {shown}; is PostgreSQL running there, and is the address right?"
    return template.format(shown=url.shown())
