"""What a lab remembers between two commands: files in its state folder. Starts and ends nothing."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

from ground.errors import LabError
from ground.golden import Golden
from ground.processes import Process
from ground.progress import Progress

Mode = Literal["namespaces", "plain"]
Role = Literal["full", "light"]

FULL_AT_MOST = 99
LIGHT_IN_FIRST_NETWORK = 153
LIGHT_AT_MOST = LIGHT_IN_FIRST_NETWORK + 253


@dataclass(frozen=True)
class Lab:
    """One lab: where it keeps its things, how its hosts are made, where they are reached."""

    state: Path
    mode: Mode
    golden: Golden
    network: int
    port: int
    inventory: Path
    deploy: str

    @property
    def identity(self) -> Path:
        """The private key that opens every host."""
        return self.state / "id_ed25519"

    @property
    def token(self) -> str:
        """The app's bearer token."""
        return (self.state / "token").read_text()

    def save(self) -> None:
        """Write it down."""
        values = {**asdict(self), "golden": self.golden.path}
        _write(self.state / "lab.json", json.dumps(values, default=str, indent=2))

    @classmethod
    def load(cls, state: Path) -> "Lab | None":
        """Return the lab of a state folder, or None where there is none."""
        try:
            values = json.loads((state / "lab.json").read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise LabError(
                f"{state / 'lab.json'}: cannot be read ({error}); end the lab's processes and remove the folder"
            ) from error
        paths = {
            "state": state,
            "inventory": Path(values["inventory"]),
            "golden": Golden(Path(values["golden"])),
        }
        return cls(**{**values, **paths})

    def hosts(self) -> list["Host"]:
        """Return the hosts that were made, the full ones first."""
        folder = self.state / "hosts"
        found = [Host.load(self, path) for path in folder.iterdir() if (path / "host.json").exists()]
        return sorted(found, key=lambda host: (host.role, host.number))

    def host(self, name: str) -> "Host | None":
        """Return the host of that name."""
        return next((host for host in self.hosts() if host.name == name), None)

    def address(self, role: Role, number: int) -> str:
        """Return a host's address: web1 is .1, light1 is .101 and, from the 154th, in the next network."""
        if role == "full":
            return f"127.0.{self.network}.{number}"
        if number <= LIGHT_IN_FIRST_NETWORK:
            return f"127.0.{self.network}.{100 + number}"
        return f"127.0.{self.network + 1}.{number - LIGHT_IN_FIRST_NETWORK}"


@dataclass(frozen=True)
class Host:
    """One host of a lab."""

    lab: Lab
    role: Role
    number: int
    app_port: int = 3000
    database_port: int = 5432
    second_app: bool = False

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{'web' if self.role == 'full' else 'light'}{self.number}"

    @property
    def address(self) -> str:
        """Where its sshd is reached."""
        return self.lab.address(self.role, self.number)

    @property
    def password_file(self) -> Path:
        """Where its own database password lies; without one it has that of the cluster it was copied from."""
        return self.folder / "database-password"

    def database_url(self, server: str) -> str:
        """Return the app's URL, in Prisma's form, with the database server at `server` (host:port)."""
        common = self.lab.golden.database_url(server)
        if not self.password_file.exists():
            return common
        own, parts = quote(self.password_file.read_text().strip(), safe=""), urlsplit(common)
        return parts._replace(netloc=f"{parts.username}:{own}@{server}").geturl()

    @property
    def folder(self) -> Path:
        """Where its own things lie."""
        return self.lab.state / "hosts" / self.name

    def save(self) -> None:
        """Write it down."""
        keys = ("role", "number", "app_port", "database_port", "second_app")
        values = {key: getattr(self, key) for key in keys}
        _write(self.folder / "host.json", json.dumps(values))

    @classmethod
    def load(cls, lab: Lab, folder: Path) -> "Host":
        """Return the host whose folder it is."""
        return cls(lab, **json.loads((folder / "host.json").read_text()))

    def remember(self, *processes: Process) -> None:
        """Write down the processes to end when the host is stopped."""
        remember(self.folder / "processes.json", list(processes))

    def processes(self) -> list[Process]:
        """Return the processes that were started for it and are not forgotten."""
        return remembered(self.folder / "processes.json")

    def is_up(self) -> bool:
        """Tell whether all of its processes run."""
        processes = self.processes()
        return bool(processes) and all(process.is_alive() for process in processes)


def remember(file: Path, processes: list[Process]) -> None:
    """Write processes down."""
    _write(file, json.dumps([asdict(process) for process in processes]))


def remembered(file: Path) -> list[Process]:
    """Return processes that were written down; none where the file is missing."""
    try:
        return [Process(**entry) for entry in json.loads(file.read_text())]
    except FileNotFoundError:
        return []


@contextmanager
def only_one(state: Path, progress: Progress) -> Iterator[None]:
    """Hold the lab alone: two commands at once wait for each other."""
    lock = _lock(state, progress)
    try:
        yield
    finally:
        os.close(lock)


def _lock(state: Path, progress: Progress) -> int:
    while True:
        state.mkdir(parents=True, exist_ok=True)
        try:
            lock = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:  # a `down` took the folder away just now
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.say("waiting for another command of this lab")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_same(lock, state / "lock"):
            return lock
        os.close(lock)


def _is_same(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _write(path: Path, text: str) -> None:
    """Replace a file whole, so that nobody reads half of it."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text)
    fresh.replace(path)
