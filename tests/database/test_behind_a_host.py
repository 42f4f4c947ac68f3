"""A host that has a database: how often it is dialled, and that its lock comes free whatever the database says."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from remediate.errors import CouldNotLook, Unreachable
from remediate.questions import Run, Unanswered
from remediate.transport.database import Database
from remediate.transport.host import SshTarget
from remediate.transport.host_database import HostDatabase, ReadFile
from remediate.transport.identified import IdentifiedDatabase
from remediate.transport.settings import SshSettings
from remediate.transport.ssh import Link
from remediate.transport.trips import Trips

from .conftest import Cluster, DirectForwards
from .test_one_at_a_time import BOB, ONE

HELLO = Run(script="echo hello")


class Closed:
    """A port that hangs up on whoever dials it, and counts them."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.server.getsockname()[1])
        self.dialled = 0
        self.thread = threading.Thread(target=self._hang_up, daemon=True)
        self.thread.start()

    def _hang_up(self) -> None:
        with suppress(OSError):
            while True:
                dialled, _ = self.server.accept()
                self.dialled += 1
                dialled.close()

    def close(self) -> None:
        with suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.thread.join(5)


@pytest.fixture
def closed() -> Iterator[Closed]:
    made = Closed()
    yield made
    made.close()


@pytest.fixture
def make_target(closed: Closed, tmp_path: Path) -> Iterator[Callable[..., SshTarget]]:
    """Make targets at the closed port, each with a database; all are closed at the end."""
    made: list[SshTarget] = []
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text("")
    way = {"name": "web1", "address": "127.0.0.1", "port": closed.port, "user": "deploy"}

    def make(make_database: Callable[[Link, ReadFile], HostDatabase]) -> SshTarget:
        settings = SshSettings(**way, known_hosts=known_hosts)
        made.append(SshTarget(settings, app="demo", secrets={}, trips=Trips(), make_database=make_database))
        return made[-1]

    yield make
    for target in made:
        target.close()


def with_its_url_on_the_host(link: Link, read: ReadFile) -> HostDatabase:
    def url() -> str:
        file = read("/srv/demo/.env")
        if isinstance(file, Unanswered):
            raise CouldNotLook("web1", file.reason)
        return file.text

    return IdentifiedDatabase(Database(url, link, Trips()))


def test_a_host_that_cannot_be_reached_is_dialled_once_and_not_again_for_its_databases_url(
    closed: Closed, make_target: Callable[..., SshTarget]
) -> None:
    target = make_target(with_its_url_on_the_host)
    for times in (1, 2):
        with pytest.raises(Unreachable):
            target.answer([HELLO])
        assert closed.dialled == times


class Learning(IdentifiedDatabase):
    """A database that writes down each time whether its secrets were learned."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.learned: list[bool] = []

    def learn(self) -> bool:
        self.learned.append(super().learn())
        return self.learned[-1]


def test_a_url_that_could_not_be_read_is_read_again_before_the_next_look_and_no_more_once_it_was(
    cluster: Cluster, dbname: str, make_target, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons = ["it is not there yet", "no such file"]

    def url() -> str:
        if reasons:
            raise CouldNotLook("web1", reasons.pop())
        return cluster.url(dbname)

    database = Learning(Database(url, DirectForwards(cluster), Trips()))
    target = make_target(lambda _link, _read: database)
    monkeypatch.setattr(
        target.link, "open", lambda: None
    )  # a host that is there, and is asked nothing itself
    with pytest.raises(CouldNotLook, match="not there yet"):
        target.answer([ONE])[ONE]
    for _ in range(2):
        assert target.answer([ONE])[ONE].rows == ((1,),)
    assert database.learned == [False, True]


def test_a_connection_that_the_server_refuses_to_end_keeps_no_host_locked(
    cluster: Cluster, dbname: str, open_database: Callable[..., Database], make_target
) -> None:
    cluster.sql("CREATE ROLE weak LOGIN PASSWORD 'weak'")
    try:
        person = open_database(cluster.url(dbname, user="weak", password="weak"))
        target = make_target(lambda _link, _read: IdentifiedDatabase(person))
        with open_database(cluster.url(dbname)).held(BOB, now=True):
            unsure = target._free_database(BOB.run)
        assert "its connection to the database could not be ended" in unsure
        assert BOB.run in unsure
        assert target._free_database(BOB.run) == ""
        person.close()
    finally:
        cluster.sql("DROP ROLE weak")
