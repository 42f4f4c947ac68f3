"""The link to one host, over Fabric's connection: the only importer of fabric and paramiko. Runs nothing by itself.

Fabric brings the ssh config, jump hosts, the agent and keys. Its `run`, `put` and `env` are not used: they lose bytes,
join quadratically and quote nothing (measured with Fabric 3.2.3, paramiko 5.1.0).
"""

import logging
import socket
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeAlias

import fabric
import paramiko

from remediate.errors import Unreachable
from remediate.transport.absence import Absence
from remediate.transport.channel import ChannelWire
from remediate.transport.forward import Forward
from remediate.transport.host_key import DEFAULT_PORT, Verdict, judge_key, looked_up
from remediate.transport.known_hosts import Known, known, lines_of
from remediate.transport.pulse import Pulse, notice_death
from remediate.transport.refusals import Died, Refusal, Refused, broken, explain, no_channel
from remediate.transport.settings import SshSettings
from remediate.transport.wire import Broken, OpenWire

WEAK = {
    "ciphers": ["3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc"],
    "macs": ["hmac-sha1", "hmac-sha1-96", "hmac-sha1-96-etm@openssh.com", "hmac-md5", "hmac-md5-96"],
    "keys": ["ssh-rsa", "ssh-dss"],
    "pubkeys": ["ssh-rsa", "ssh-dss"],
    "kex": [
        "diffie-hellman-group1-sha1",
        "diffie-hellman-group14-sha1",
        "diffie-hellman-group-exchange-sha1",
    ],
}
SESSIONS = 8
"""Sessions at once on one connection; OpenSSH's MaxSessions is 10 where nobody changed it."""
PROHIBITED = 1
"""SSH_OPEN_ADMINISTRATIVELY_PROHIBITED, RFC 4254 section 5.1."""

logging.getLogger("paramiko").addHandler(logging.NullHandler())  # it prints what we raise


class Link:
    """The connection to one host, opened when first needed, once, and again when it died.

    Args:
        settings: The way there.
        check: Is called with each new connection, before anybody else may use it: is it the right machine?
        told: Told that it went and is waited for.
    """

    def __init__(
        self,
        settings: SshSettings,
        check: Callable[[OpenWire], None] = lambda _: None,
        told: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.settings, self._check = settings, check
        self._lock = threading.RLock()
        self._chain: list[_Hop] = []
        self._closed = False
        self._pulse: Pulse | None = None
        self._sessions = threading.BoundedSemaphore(SESSIONS)
        self._absence = Absence(told)
        self._been_in = False

    @property
    def alive(self) -> bool:
        """Whether it is open, as far as this side can tell."""
        connected = bool(self._chain) and all(hop.connection.is_connected for hop in self._chain)
        return connected and not (self._pulse and self._pulse.gone)

    @property
    def login(self) -> dict[str, str]:
        """Who is logged in, with which key, at a host of which key; empty while it is closed."""
        with self._lock:
            if not self.alive:
                return {}
            transport = self._transport
            user, host_key = transport.get_username(), transport.get_remote_server_key()
            return {"user": user or "", "key": transport.key, "host_key": host_key.fingerprint}

    def open(self) -> None:
        """Connect and log in, unless that is done.

        Raises:
            Unreachable: Why there is no way in, in one line.
        """
        with self._lock:
            if self.alive:
                return
            self._absence.until_back(self._connect, lambda: self._closed)

    def borne(self, seconds: float) -> AbstractContextManager[None]:
        """While it is open, wait so many seconds for a connection that was there and went."""
        return self._absence.borne(seconds)

    def _connect(self) -> None:
        if self._closed:
            raise Unreachable(self.settings.name, "the connection was closed by us", "start again")
        self._drop()
        self._chain = _chain(self.settings)
        for hop in self._chain:
            self._open_hop(hop)
        self._been_in = True
        self._pulse = Pulse(self._transport.answers, self._transport.close)
        self._refuse_stranger()

    def wire(self, command: str) -> ChannelWire:
        """Start a command line on the host.

        Raises:
            Unreachable: There is no way to the host, or it opens no further session.
        """
        self._sessions.acquire()
        try:
            return self._started(command, self._sessions.release)
        except BaseException:
            self._sessions.release()
            raise

    def _started(self, command: str, closed: Callable[[], None]) -> ChannelWire:
        return self._as_wire(self._channel(None, lambda transport: transport.begin(command)), closed)

    def _as_wire(self, channel: paramiko.Channel, closed: Callable[[], None]) -> ChannelWire:
        return ChannelWire(channel, lambda: self.alive, self._heard, closed)

    def _refuse_stranger(self) -> None:
        """Ask a new connection who is there. It counts for no session: those who hold one may be waiting for it."""

        def open_wire(command: str) -> ChannelWire:
            return self._as_wire(self._begun(None, lambda transport: transport.begin(command)), lambda: None)

        try:
            self._check(open_wire)
        except Broken as error:
            self._drop()
            raise broken(self.settings.name, error) from error
        except BaseException:
            self._drop()
            raise

    def forward(self, destination: tuple[str, int] | str, *, tcp: bool = False) -> Forward:
        """Make a door that leads to a server behind the host.

        Args:
            destination: Address and port as the host sees them, or the path of a Unix-domain socket there.
            tcp: Listen on a loopback port, where the client must see TCP.

        Raises:
            Unreachable: There is no way to the host.
        """
        self.open()
        return Forward(lambda: self._tunnel(destination), tcp=tcp)

    def close(self) -> None:
        """Close the connection, and the jump hosts' under it, for good."""
        self._closed = True
        self._drop()

    def _heard(self) -> None:
        if self._pulse:
            self._pulse.heard()

    def _drop(self) -> None:
        with self._lock:
            if self._pulse:
                self._pulse.stop()
            for hop in reversed(self._chain):
                hop.connection.close()
            self._chain = []

    def _tunnel(self, destination: tuple[str, int] | str) -> paramiko.Channel:
        kind = "direct-streamlocal@openssh.com" if isinstance(destination, str) else "direct-tcpip"
        return self._channel(destination, lambda transport: transport.open(kind, destination))

    def _channel(self, to: tuple[str, int] | str | None, begin: "_Begin") -> paramiko.Channel:
        """Open a channel; a connection that turns out to be dead is opened anew, once."""
        self.open()
        chain = self._chain
        try:
            return self._begun(to, begin)
        except Died:
            self._forsake(chain)
        self.open()
        return self._begun(to, begin)

    def _begun(self, to: tuple[str, int] | str | None, begin: "_Begin") -> paramiko.Channel:
        try:
            return begin(self._transport)
        except paramiko.ChannelException as error:
            raise no_channel(self.settings.name, to, prohibited=error.code == PROHIBITED) from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise broken(self.settings.name, error) from error

    def _forsake(self, chain: list["_Hop"]) -> None:
        """Drop a connection that is dead, unless another thread has made a new one by now."""
        with self._lock:
            if self._chain is chain:
                self._drop()

    @property
    def _transport(self) -> "_Transport":
        transport = self._chain[-1].connection.transport if self._chain else None
        if not isinstance(transport, _Transport):
            raise paramiko.SSHException("closed meanwhile")
        return transport

    def _open_hop(self, hop: "_Hop") -> None:
        try:
            hop.connection.open()
        except (paramiko.SSHException, OSError, EOFError) as error:
            before = self._chain[self._chain.index(hop) - 1].name if hop is not self._chain[0] else ""
            refusal = explain(error, hop.refusal_facts(before))
            where = (
                self.settings.name
                if hop is self._chain[-1]
                else f"{self.settings.name}, jump host {hop.name}"
            )
            final = hop.foreign or (hop.denied and not self._been_in)
            self._drop()
            kind = Refused if final else Unreachable
            raise kind(where, refusal.what, refusal.todo) from error


class _Transport(paramiko.Transport):
    """paramiko's transport, which can also open OpenSSH's kind of channel to a Unix-domain socket on the host."""

    def __init__(self, sock: Any, **options: Any) -> None:
        super().__init__(sock, **options)
        self._path = threading.local()
        self.key, self.denied, self.unanswered = "", False, False

    def auth_publickey(self, username: str, key: paramiko.PKey, *more: Any) -> list[str]:
        """Log in with a key, and remember which: the last one tried is the one that got in, or was not answered."""
        self.key = key.fingerprint
        try:
            return super().auth_publickey(username, key, *more)
        finally:
            answered = self.auth_handler.auth_event if self.auth_handler else None
            self.unanswered = answered is not None and not answered.is_set()
            self.denied = answered is not None and answered.is_set() and not self.is_authenticated()

    def begin(self, command: str) -> paramiko.Channel:
        """Open a session and start a command line; until its stdin is sent nothing is run that matters."""
        channel = self.open("session", None)
        channel.exec_command(command)
        return channel

    def open(self, kind: str, to: tuple[str, int] | str | None) -> paramiko.Channel:
        """Open a channel of this kind; `to` is where it leads."""
        self._path.to = to if isinstance(to, str) else None
        source = ("127.0.0.1", 0) if isinstance(to, tuple) else None
        return self.open_channel(kind, to if isinstance(to, tuple) else None, source)

    def answers(self) -> None:
        """Return when the far end has answered a question, or when the connection is closed."""
        try:
            self.global_request("keepalive@openssh.com", wait=True)
        except (paramiko.SSHException, EOFError, OSError):  # closed meanwhile
            return

    def _send_user_message(self, data: paramiko.Message) -> None:
        """Add what paramiko does not know: path, and two reserved fields (OpenSSH, PROTOCOL, section 2.4)."""
        path, self._path.to = getattr(self._path, "to", None), None
        if path is not None:
            data.add_string(path)
            data.add_string("")
            data.add_int(0)
        super()._send_user_message(data)  # type: ignore[misc]


_Begin: TypeAlias = Callable[[_Transport], paramiko.Channel]
"""Opens a channel on a connection, and starts in it what is to be started."""


class _OnlyKnown(paramiko.RejectPolicy):
    """Rejects every host key that is not on record. paramiko asks it for each key, as it is given no record itself."""

    def __init__(self, known: Known, name: str, file: str) -> None:
        self._known, self._name, self._file = known, name, file
        self.verdict: Verdict | None = None

    def missing_host_key(  # type: ignore[override]
        self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey
    ) -> None:
        """Let a key on record pass."""
        self.verdict = judge_key(self._known, self._name, key.get_name(), key.asbytes(), self._file)
        if not self.verdict.trusted:
            super().missing_host_key(client, hostname, key)


class _Hop:
    """One connection of the chain: a jump host, or the host itself."""

    def __init__(self, connection: fabric.Connection, settings: SshSettings) -> None:
        self.connection, self._settings = connection, settings
        self.name = str(connection.host)
        file = (settings.known_hosts or Path("~/.ssh/known_hosts")).expanduser()
        looked_up_as = looked_up(self.name, int(connection.port))
        on_record = known(lines_of(file), looked_up_as)
        self._policy = _OnlyKnown(on_record, looked_up_as, str(file))
        connection.client.set_missing_host_key_policy(self._policy)
        connection.connect_timeout = settings.connect_timeout
        connection.connect_kwargs = {
            "banner_timeout": settings.connect_timeout
            + 1,  # later than `timeout`, which tells silence from nonsense
            "auth_timeout": settings.connect_timeout,
            "channel_timeout": settings.connect_timeout,
            "disabled_algorithms": WEAK,
            "transport_factory": _transport_factory([key.kind for key in on_record.keys]),
            "key_filename": _identities(connection, settings),
        }

    @property
    def foreign(self) -> bool:
        """Whether it showed a key that is not trusted."""
        return self._policy.verdict is not None and not self._policy.verdict.trusted

    @property
    def denied(self) -> bool:
        """Whether it said no to the login, and the line still stands: a line that dies raises the same in paramiko."""
        transport = self._transport
        return transport is not None and transport.is_active() and transport.denied

    @property
    def _transport(self) -> "_Transport | None":
        transport = self.connection.client.get_transport()
        return transport if isinstance(transport, _Transport) else None

    def refusal_facts(self, before: str) -> Refusal:
        """Return what is needed to say why it did not open; `before` is the jump host before it."""
        transport = self._transport
        return Refusal(
            address=self.name,
            port=int(self.connection.port),
            user=str(self.connection.user),
            seconds=self._settings.connect_timeout,
            keys=tuple(self.connection.connect_kwargs["key_filename"]),
            verdict=self._policy.verdict,
            connected=transport is not None,
            silent=transport is not None and transport.is_active(),
            unanswered=transport is not None and transport.unanswered,
            jump=before,
        )


def _identities(connection: fabric.Connection, settings: SshSettings) -> list[str]:
    given = [settings.identity] if settings.identity else connection.ssh_config.get("identityfile", [])
    return [str(Path(path).expanduser()) for path in given]


def _transport_factory(kinds: list[str]) -> Callable[..., _Transport]:
    """Return what makes a transport that prefers the kinds of keys on record, over a socket that notices its death."""

    def make(sock: Any, **options: Any) -> _Transport:
        if isinstance(sock, socket.socket):
            notice_death(sock)
        transport = _Transport(sock, **options)
        offered = transport.get_security_options()
        wanted = {"rsa-sha2-512", "rsa-sha2-256"} if "ssh-rsa" in kinds else set()
        offered.key_types = sorted(offered.key_types, key=lambda kind: kind not in wanted.union(kinds))
        return transport

    return make


def _chain(settings: SshSettings) -> list[_Hop]:
    """Return the connections to open, the outermost jump host first."""
    gateway = _jump(settings)
    connection = fabric.Connection(
        settings.address or settings.name,
        user=settings.user,
        port=settings.port if settings.port != DEFAULT_PORT else None,
        config=_config(settings),
        gateway=gateway[-1].connection if gateway else None,
    )
    return [*(gateway or _gateways(connection, settings)), _Hop(connection, settings)]


def _jump(settings: SshSettings) -> list[_Hop]:
    if settings.jump is None:
        return []
    if isinstance(settings.jump, SshSettings):
        return _chain(settings.jump)
    config = _config(settings)
    connection = fabric.Connection(settings.jump, config=config)
    if "@" not in settings.jump and "user" not in connection.ssh_config and settings.user:
        connection.user = settings.user
    return [*_gateways(connection, settings), _Hop(connection, settings)]


def _gateways(connection: fabric.Connection, settings: SshSettings) -> list[_Hop]:
    """Return the jump hosts that the ssh config put before a connection."""
    gateway = connection.gateway
    if not isinstance(gateway, fabric.Connection):  # none, or a ProxyCommand
        return []
    return [*_gateways(gateway, settings), _Hop(gateway, settings)]


def _config(settings: SshSettings) -> fabric.Config:
    """Return Fabric's configuration: the ssh config that was asked for, and none of Fabric's own files."""
    ssh_config = paramiko.SSHConfig()
    file = settings.config.expanduser() if settings.config else None
    if file and file.is_file():
        with file.open() as lines:
            ssh_config.parse(lines)
    return fabric.Config(ssh_config=ssh_config, lazy=True)
