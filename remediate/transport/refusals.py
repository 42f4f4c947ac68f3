"""Says in one line why a connection did not open. Opens none.

It decides by the kind of error and how far the attempt came, never by an error's text.
"""

import errno
import socket
from dataclasses import dataclass
from pathlib import Path

from remediate.errors import Unreachable
from remediate.transport.host_key import Verdict


class Refused(Unreachable):
    """Somebody is there and it is no use to come again: another key, another machine, no login."""


class Died(Unreachable):
    """The connection broke before anything was begun over it; another one may hold."""


@dataclass(frozen=True)
class Refusal:
    """What is known of an attempt that failed.

    Attributes:
        address: Where it went.
        port: The TCP port.
        user: Who wanted to log in.
        seconds: How long each stage was waited for.
        keys: The key files that were to be tried first.
        verdict: What was thought of the host's key; None where it never showed one.
        connected: Whether a TCP connection was made.
        silent: Whether the connection still stood when it was given up.
        unanswered: Whether the login that was tried last was not answered.
        jump: The jump host it went through; empty where it went straight.
    """

    address: str
    port: int
    user: str
    seconds: float
    keys: tuple[str, ...]
    verdict: Verdict | None
    connected: bool
    silent: bool = False
    unanswered: bool = False
    jump: str = ""

    @property
    def place(self) -> str:
        """Address and port."""
        return f"{self.address}:{self.port}"


@dataclass(frozen=True)
class Reason:
    """What is wrong, and what to do."""

    what: str
    todo: str


def explain(error: Exception, facts: Refusal) -> Reason:
    """Return why a connection did not open."""
    if facts.verdict is not None:
        return (
            _after_key(error, facts)
            if facts.verdict.trusted
            else Reason(facts.verdict.what, facts.verdict.todo)
        )
    if isinstance(error, socket.gaierror):
        return Reason(f"the name {facts.address} does not resolve", "check `address:` in the inventory")
    if isinstance(error, TimeoutError):
        return Reason(
            f"no answer from {facts.place} within {facts.seconds:g} s", "check address and firewall"
        )
    return _no_ssh(error, facts) if facts.connected else _no_connection(error, facts)


def no_channel(where: str, to: tuple[str, int] | str | None, *, prohibited: bool) -> Unreachable:
    """Return why sshd opens no channel.

    Args:
        where: The host's name.
        to: Where it was to lead; None for a session.
        prohibited: Whether sshd said that it is not allowed.
    """
    if to is None:
        todo = "raise MaxSessions in its sshd_config, or end other sessions"
        return Unreachable(where, "sshd opens no further session on this connection", todo)
    place = to if isinstance(to, str) else f"{to[0]}:{to[1]}"
    if prohibited:
        todo = "set AllowTcpForwarding and AllowStreamLocalForwarding in its sshd_config"
        return Unreachable(where, f"sshd forbids the forward to {place}", todo)
    return Unreachable(where, f"nothing listens at {place} there", "start the server there")


def broken(where: str, error: Exception) -> Died:
    """Return that a connection broke."""
    return Died(where, f"the connection broke ({type(error).__name__})", "try again when the network holds")


def _no_ssh(error: Exception, facts: Refusal) -> Reason:
    """Return why what was connected to is no sshd of ours."""
    if facts.silent:
        what = f"{facts.place} accepts connections but says nothing within {facts.seconds:g} s"
        return Reason(what, "check that sshd there is well, and what stands before it")
    return Reason(f"{facts.place} does not speak SSH as we do ({_kind(error)})", "check address and port")


def _no_connection(error: Exception, facts: Refusal) -> Reason:
    """Return why there is no TCP connection; paramiko keeps one error for each address it tried."""
    if facts.jump:
        return Reason(
            f"{facts.jump} does not lead on to {facts.place}", "check address, port and AllowTcpForwarding"
        )
    numbers = {
        each.errno for each in getattr(error, "errors", {"": error}).values() if isinstance(each, OSError)
    }
    if errno.ECONNREFUSED in numbers:
        return Reason(f"{facts.place} refuses connections", "check that sshd runs there, and on this port")
    if numbers & {errno.EHOSTUNREACH, errno.ENETUNREACH}:
        return Reason(f"no route to {facts.place}", "check address and network")
    return Reason(f"no connection to {facts.place} ({_kind(error)})", "check address and network")


def _after_key(error: Exception, facts: Refusal) -> Reason:
    """Return why the login failed: the host is the right one."""
    if isinstance(error, OSError) and error.filename:
        return Reason(
            f"the key {error.filename} cannot be read ({_kind(error)})", "check `identity:` in the inventory"
        )
    by_hand = f"ssh -v -p {facts.port} {facts.user}@{facts.address}"
    tried = ", ".join([*facts.keys, *_default_keys(), "the agent's keys"])
    if not facts.silent:  # a line that broke, a host that goes down or comes up, or too many keys for it
        what = f"the connection ended during the login of {facts.user} (tried {tried})"
        return Reason(what, f"try again; if it stays so: {by_hand}")
    if facts.unanswered:
        what = f"{facts.place} does not answer the login of {facts.user} within {facts.seconds:g} s"
        return Reason(what, f"try again; if it stays so: {by_hand}")
    what = f"login refused for {facts.user} (tried {tried})"
    return Reason(what, f"check the user and its authorized_keys: {by_hand}")


def _default_keys() -> list[str]:
    return sorted(str(path) for path in Path("~/.ssh").expanduser().glob("id_*") if path.suffix != ".pub")


def _kind(error: Exception) -> str:
    strerror = getattr(error, "strerror", None)
    return str(strerror) if strerror else type(error).__name__
