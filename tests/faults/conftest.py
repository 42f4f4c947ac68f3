"""A network that can be cut, between an operator and the hosts of the practice ground."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from remediate.transport.host import SshTarget
from remediate.transport.settings import SshSettings
from remediate.transport.trips import Trips
from tests.faults.small import HOST, Build, Small
from tests.operator import Operator
from tests.practice import Practice
from tests.relay import Line


@pytest.fixture
def line(practice: Practice) -> Iterator[Line]:
    """A line to web1's sshd that can fall silent, drop answers, break, or refuse."""
    made = Line((practice.address("web1"), practice.status()["port"]))
    yield made
    made.close()


@pytest.fixture
def over_line(practice: Practice, line: Line, altered: Callable[..., str]) -> str:
    """An inventory whose web1 is reached over the line."""
    return led_over(practice, "web1", line, altered)


@pytest.fixture
def over_light_line(practice: Practice, light_line: Line, altered: Callable[..., str]) -> str:
    """An inventory whose light host is reached over its line."""
    return led_over(practice, HOST, light_line, altered)


def led_over(practice: Practice, host: str, line: Line, altered: Callable[..., str]) -> str:
    """Write an inventory that leads to a host over a line, and return its path."""
    address = practice.address(host)
    beside = practice.inventory.with_name(f"{host}-line.known_hosts")
    beside.write_text(f"[127.0.0.1]:{line.port} {known_key(practice, address)}\n")
    return altered(
        (f"{host}: {{address: {address}", f"{host}: {{address: 127.0.0.1, port: {line.port}"),
        ("lab.known_hosts", beside.name),
    )


@pytest.fixture
def small(practice: Practice, operator: Operator, tmp_path: Path) -> Small:
    """A small playbook for the light host, whose app has just been laid out with the fault in it."""
    made = Small(practice, operator, tmp_path / "playbooks")
    made.folder.mkdir()
    made.write()
    made.lay()
    return made


@pytest.fixture
def build(small: Small) -> Build:
    """A small build on the light host; a test lays it out."""
    return Build(small)


@pytest.fixture
def altered(practice: Practice) -> Iterator[Callable[..., str]]:
    """Write an inventory in which some texts are others, and return its path."""
    made: list[Path] = []

    def alter(*pairs: tuple[str, str]) -> str:
        text = practice.inventory.read_text()
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        made.append(practice.inventory.with_name(f"altered-{len(made)}.yml"))
        made[-1].write_text(text)
        return str(made[-1])

    yield alter
    for path in made:
        path.unlink()


def known_key(practice: Practice, address: str) -> str:
    """Return kind and key of a host's record."""
    known = practice.inventory.with_name("lab.known_hosts")
    (key,) = [entry.split(" ", 1)[1] for entry in known.read_text().splitlines() if f"{address}]" in entry]
    return key


@pytest.fixture
def light_line(practice: Practice) -> Iterator[Line]:
    """A line to the light host's sshd."""
    made = Line((practice.address(HOST), practice.status()["port"]))
    yield made
    made.close()


@pytest.fixture
def light_lines(practice: Practice) -> Iterator[list[Line]]:
    """Four lines to the light host's sshd, each of which falls by itself."""
    made = [Line((practice.address(HOST), practice.status()["port"])) for _ in range(4)]
    yield made
    for line in made:
        line.close()


@pytest.fixture
def light_target(practice: Practice, tmp_path: Path) -> Iterator[Callable[..., SshTarget]]:
    """Make targets over the light host, or over a line to it; all are closed at the end."""
    made: list[SshTarget] = []

    def make(line: Line | None = None, **options: Any) -> SshTarget:
        address, port = practice.address(HOST), practice.status()["port"]
        place = ("127.0.0.1", line.port) if line else (address, port)
        record = tmp_path / f"known_hosts-{len(made)}"
        record.write_text(f"[{place[0]}]:{place[1]} {known_key(practice, address)}\n")
        way = {"name": HOST, "address": place[0], "port": place[1], "user": "deploy", "known_hosts": record}
        settings = SshSettings(**way, identity=practice.status()["identity"])
        made.append(SshTarget(settings, app="demo", secrets={}, trips=Trips(), **options))
        return made[-1]

    yield make
    for target in made:
        target.close()
