"""What systemd is told, over a real socket."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from remediate.watching.notifying import Notifier


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A socket as systemd has it, and the name that it gives."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@remediate-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + name[1:] if name.startswith("@") else name)
        listening.settimeout(5)
        yield listening, name


def test_systemd_is_told_in_its_own_words(systemd: tuple[socket.socket, str]) -> None:
    listening, name = systemd
    notifier = Notifier({"NOTIFY_SOCKET": name})
    notifier.ready("watching lab")
    notifier.reloading()
    notifier.alive("watching lab; 1 incident open")
    notifier.stopping()
    told = [listening.recv(1000).decode() for _ in range(4)]
    assert told[0] == "READY=1\nSTATUS=watching lab"
    assert told[1].startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert told[2:] == ["WATCHDOG=1\nSTATUS=watching lab; 1 incident open", "STOPPING=1"]


@pytest.mark.parametrize(
    ("environment", "pause"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
    ],
)
def test_a_sign_of_life_is_given_twice_in_the_time_that_systemd_waits(
    environment: dict[str, str], pause: float | None
) -> None:
    assert Notifier(environment).pause == pause


@pytest.mark.parametrize("name", ["", "/nowhere/notify", "@remediate-nobody"])
def test_nobody_who_listens_is_no_trouble(name: str) -> None:
    Notifier({"NOTIFY_SOCKET": name}).ready("x")
