"""A real PostgreSQL in a temporary directory, and ways to it that can be made to fail."""

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest

from remediate.transport.database import Database
from remediate.transport.database_door import DatabaseSettings
from remediate.transport.trips import Trips

PASSWORD = "correct horse/battery@staple"
QUOTED = "correct%20horse%2Fbattery%40staple"


def binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def as_ordinary_user(directory: Path) -> list[str]:
    """Give a directory to a user under whom PostgreSQL agrees to run, and return what starts programs as that user."""
    if os.getuid():
        return []
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    os.chown(directory, user.pw_uid, user.pw_gid)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@dataclass
class Cluster:
    directory: Path
    port: int
    prefix: list[str]
    bin: Path
    numbers: Iterator[int] = field(default_factory=itertools.count)
    tuning: ClassVar[str] = "-c fsync=off -c full_page_writes=off -c shared_buffers=16MB"
    """As fast as a server that is thrown away can be."""

    def program(self, name: str, *arguments: str, stdin: bytes = b"") -> bytes:
        done = subprocess.run(
            [*self.prefix, str(self.bin / name), *arguments],
            cwd="/",
            input=stdin,
            capture_output=True,
            check=False,
            env={"PATH": os.environ["PATH"], "PGPASSWORD": PASSWORD, "LC_ALL": "C.UTF-8"},
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def start(self) -> None:
        settings = (
            f"-p {self.port} -k {self.directory} -c listen_addresses=127.0.0.1 -c max_connections=40 "
            f"-c max_prepared_transactions=4 {self.tuning}"
        )
        if (
            self.bin.parent / "lib" / "pg_stat_statements.so"
        ).exists():  # Debian has the extensions with the server
            settings += " -c shared_preload_libraries=pg_stat_statements"
        log = str(self.directory / "log")
        self.program("pg_ctl", "-w", "-D", str(self.directory / "data"), "-l", log, "-o", settings, "start")
        (self.directory / ".s.PGSQL.5432").unlink(missing_ok=True)
        (self.directory / ".s.PGSQL.5432").symlink_to(f".s.PGSQL.{self.port}")

    def stop(self) -> None:
        self.program("pg_ctl", "-w", "-m", "immediate", "-D", str(self.directory / "data"), "stop")

    def sql(self, text: str, dbname: str = "postgres", user: str = "app") -> str:
        """Run a script and return its rows, one a line."""
        login = ("-h", str(self.directory), "-p", str(self.port), "-U", user, "-d", dbname)
        return self.program(
            "psql", "-X", "-w", "-qAt", "-v", "ON_ERROR_STOP=1", *login, stdin=text.encode()
        ).decode()

    def dump(self, dbname: str) -> str:
        login = ("-h", str(self.directory), "-p", str(self.port), "-U", "app", "-d", dbname)
        text = self.program("pg_dump", "-w", "-N", "remediate", *login).decode()
        return "\n".join(line for line in text.splitlines() if "restrict" not in line)

    def new_database(self) -> str:
        name = f"d{os.getpid()}_{next(self.numbers)}"
        self.sql(f"CREATE DATABASE {name}")
        return name

    def url(
        self, dbname: str, *, user: str = "app", password: str = QUOTED, query: str = "schema=public"
    ) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{dbname}?{query}"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    if binaries() is None:
        pytest.skip("no PostgreSQL server programs here (initdb); on Debian: apt-get install postgresql")
    with running() as made:
        yield made


@contextmanager
def running(kind: type[Cluster] = Cluster) -> Iterator[Cluster]:
    """Make a cluster in a temporary directory, and throw it away at the end."""
    bin_directory = binaries()
    assert bin_directory, "no PostgreSQL server programs here"
    directory = Path(tempfile.mkdtemp(prefix="remediate-pg-", dir="/tmp"))  # short: a socket lies in it
    prefix = as_ordinary_user(directory)
    directory.chmod(0o755)
    password = directory / "password"
    password.write_text(PASSWORD)
    made = kind(directory, free_port(), prefix, bin_directory)
    where = ("-D", str(directory / "data"), "-U", "app", f"--pwfile={password}")
    made.program("initdb", "--no-sync", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", *where)
    made.start()
    try:
        yield made
    finally:
        made.stop()
        shutil.rmtree(directory)


class Direct:
    """The simplest forward: the server's own socket or port."""

    def __init__(self, cluster: Cluster, *, tcp: bool) -> None:
        self.directory = "" if tcp else str(cluster.directory)
        self.port = cluster.port if tcp else 0

    def close(self) -> None:
        return


class DirectForwards:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def forward(self, destination: object, *, tcp: bool = False) -> Direct:
        assert destination
        return Direct(self.cluster, tcp=tcp)


class Relay:
    """A forward that passes bytes on until it is told to fail.

    `when(data)` sees what the runner sends and returns what to do from then on: `pass`, `drop` the server's replies
    (the server still gets all), `lose` the first reply and break off, `cut` both ways before the data is passed on.
    """

    port = 0

    def __init__(self, cluster: Cluster, when: Callable[[bytes], str]) -> None:
        self.directory = tempfile.mkdtemp(prefix="relay-", dir="/tmp")
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(f"{self.directory}/.s.PGSQL.5432")
        self.server.listen()
        self.cluster, self.when = cluster, when
        self.sockets = [self.server]
        self.threads: list[threading.Thread] = []
        self.run(self.accept)

    def run(self, function: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self.server.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(f"{self.cluster.directory}/.s.PGSQL.{self.cluster.port}")
                self.sockets += [near, far]
                mode = ["pass"]
                self.run(self.there, near, far, mode)
                self.run(self.back, near, far, mode)

    def there(self, near: socket.socket, far: socket.socket, mode: list[str]) -> None:
        with suppress(OSError):
            while data := near.recv(65536):
                mode[0] = self.when(data) if mode[0] == "pass" else mode[0]
                if mode[0] == "cut":
                    near.shutdown(socket.SHUT_RDWR)
                    break
                far.sendall(data)
        with suppress(OSError):
            far.shutdown(socket.SHUT_RDWR)

    def back(self, near: socket.socket, far: socket.socket, mode: list[str]) -> None:
        with suppress(OSError):
            while (data := far.recv(65536)) and mode[0] != "lose":
                if mode[0] == "pass":
                    near.sendall(self.altered(data))
        with suppress(OSError):
            near.shutdown(socket.SHUT_RDWR)

    def altered(self, data: bytes) -> bytes:
        """Return what the runner gets of what the server said."""
        return data

    def close(self) -> None:
        for one in self.sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self.threads:
            thread.join(5)
        shutil.rmtree(self.directory, ignore_errors=True)


class RelayForwards:
    def __init__(self, cluster: Cluster, when: Callable[[bytes], str]) -> None:
        self.cluster, self.when = cluster, when

    def forward(self, destination: object, *, tcp: bool = False) -> Relay:
        assert destination
        assert not tcp
        return Relay(self.cluster, self.when)


@pytest.fixture
def dbname(cluster: Cluster) -> Iterator[str]:
    name = cluster.new_database()
    yield name
    cluster.sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def open_database(cluster: Cluster) -> Iterator[Callable[..., Database]]:
    """Return a function that opens a database by URL; all are closed at the end."""
    opened: list[Database] = []

    def opens(url: str, forwards: object = None, **more: object) -> Database:
        database = Database(lambda: url, forwards or DirectForwards(cluster), Trips(), **more)
        opened.append(database)
        return database

    yield opens
    for database in opened:
        database.close()


@pytest.fixture
def database(cluster: Cluster, dbname: str, open_database: Callable[..., Database]) -> Database:
    quick = DatabaseSettings(tries=2, settle=3.0)
    return open_database(cluster.url(dbname), settings=quick, sleep=lambda _: None)
