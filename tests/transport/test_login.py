"""A login or a command that is broken off, refused or never answered, by an sshd of a few lines in this process."""

import socket
import subprocess
import threading
from pathlib import Path

import paramiko
import pytest

from remediate.errors import Unreachable
from remediate.transport import pulse
from remediate.transport.pulse import Pulse
from remediate.transport.refusals import Refused
from remediate.transport.settings import SshSettings
from remediate.transport.ssh import Link

from .test_jobs import beside, until


class Door(paramiko.ServerInterface):
    """Lets in, or does what it is told instead."""

    def __init__(self, manner, transport, over):
        self.manner, self.transport, self.over = manner, transport, over

    def get_allowed_auths(self, _username):
        return "publickey"

    def check_auth_publickey(self, _username, _key):
        if self.manner == "hangs up":
            self.transport.close()
        if self.manner == "says nothing":
            self.over.wait(20)
        return paramiko.AUTH_SUCCESSFUL if self.manner in {"", "deaf"} else paramiko.AUTH_FAILED

    def check_channel_request(self, _kind, _chanid):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, _channel, _command):
        if self.manner == "deaf":
            self.over.wait(20)
        return True


class Sshd:
    """Serves one connection after the other, each in the manner that is next; then as one should."""

    def __init__(self, folder):
        self.manners, self.connections = [], 0
        self._over, self._transports = threading.Event(), []
        self._key = paramiko.ECDSAKey.generate()
        own, known = folder / "id", folder / "known_hosts"
        make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", own]  # the kind that paramiko tries last
        subprocess.run(make, check=True)
        self._door = socket.create_server(("127.0.0.1", 0))
        port = self._door.getsockname()[1]
        known.write_text(f"[127.0.0.1]:{port} {self._key.get_name()} {self._key.get_base64()}\n")
        self.settings = SshSettings(
            name="web1",
            address="127.0.0.1",
            port=port,
            user="deploy",
            identity=own,
            known_hosts=known,
            connect_timeout=1.0,
        )
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                near, _ = self._door.accept()
            except OSError:
                return
            self.connections += 1
            transport = paramiko.Transport(near)
            transport.add_server_key(self._key)
            manner = self.manners.pop(0) if self.manners else ""
            self._transports.append(transport)
            transport.start_server(threading.Event(), Door(manner, transport, self._over))

    def close(self):
        self._over.set()
        self._door.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._door.close()
        for transport in self._transports:
            transport.close()
            transport.join(5)


@pytest.fixture
def sshd(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))  # no other keys
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    made = Sshd(Path(tmp_path))
    yield made
    made.close()


@pytest.fixture
def link(sshd):
    made = Link(sshd.settings, told=lambda _: None)
    yield made
    made.close()


def test_a_login_that_is_refused_at_first_is_final_and_said_so(sshd, link):
    sshd.manners = ["refuses"]
    with pytest.raises(Refused, match="login refused for deploy"):
        link.open()


@pytest.mark.parametrize(
    ("manner", "said"),
    [
        ("hangs up", "the connection ended during the login of deploy"),
        ("says nothing", "does not answer the login of deploy within 1 s"),
    ],
)
def test_a_login_that_was_not_refused_is_not_called_so(sshd, link, manner, said):
    sshd.manners = [manner]
    with pytest.raises(Unreachable, match=said) as caught:
        link.open()
    assert not isinstance(caught.value, Refused)


@pytest.mark.parametrize("manner", ["hangs up", "says nothing", "refuses"])
def test_a_host_that_let_us_in_before_is_waited_for_whatever_becomes_of_a_login(sshd, link, manner):
    sshd.manners = ["", manner, manner]
    link.open()
    link._drop()
    with link.borne(20):
        link.open()
    assert link.alive
    assert sshd.connections == 4


def test_another_host_key_is_final_though_the_host_let_us_in_before(sshd, link):
    link.open()
    link._drop()
    sshd._key = paramiko.ECDSAKey.generate()
    with link.borne(20), pytest.raises(Refused, match="its host key has changed"):
        link.open()


def test_a_link_that_falls_silent_while_a_command_is_started_is_made_anew(sshd, link, monkeypatch):
    for name, seconds in {"EVERY": 0.1, "PATIENCE": 0.5, "LOOK": 0.1}.items():
        monkeypatch.setattr(pulse, name, seconds)
    sshd.manners = ["deaf"]
    wire = beside(lambda: link.wire("exec sh"))()
    wire.close()
    assert sshd.connections == 2


def test_a_pulse_that_is_gone_has_its_connection_closed_once(monkeypatch):
    for name in ("EVERY", "LOOK"):
        monkeypatch.setattr(pulse, name, 0.01)
    closed, times, over = [], iter(range(0, 10**6, 3)), threading.Event()
    made = Pulse(lambda: over.wait(10), lambda: closed.append(over.set()), lambda: float(next(times)))
    until(lambda: closed)
    made.stop()
    assert len(closed) == 1


def test_a_pulse_that_is_answered_closes_nothing(monkeypatch):
    for name in ("EVERY", "LOOK"):
        monkeypatch.setattr(pulse, name, 0.001)
    asked, closed = [], []
    made = Pulse(lambda: asked.append(1), lambda: closed.append(1))
    until(lambda: len(asked) > 20)
    made.stop()
    assert not closed
