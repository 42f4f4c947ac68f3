"""A network that can be cut, between an operator and the hosts of the practice ground."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.small import Small
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
    known = practice.inventory.with_name("lab.known_hosts")
    address = practice.address("web1")
    (key,) = [entry.split(" ", 1)[1] for entry in known.read_text().splitlines() if f"{address}]" in entry]
    beside = practice.inventory.with_name("line.known_hosts")
    beside.write_text(f"[127.0.0.1]:{line.port} {key}\n")
    return altered(
        (f"{{address: {address}}}", f"{{address: 127.0.0.1, port: {line.port}}}"),
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
