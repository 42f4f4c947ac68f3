"""The practice ground as tests use it: a lab of their own, beside the developer's."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
LAB = REPOSITORY / "vagrant" / "lab"
BACKEND = "/srv/lumiku/backend"
PROJECTS = "/api/apps/avatar-creator/projects"


@dataclass(frozen=True)
class App:
    """One app of a full host.

    Attributes:
        name: As pm2 and `vagrant/lab break --app` have it.
        host: The name of the inventory's host that stands for it.
        backend: Its folder.
        user: Whose it is.
        port: Where it listens.
    """

    name: str
    host: str
    backend: str
    user: str
    port: int


LUMIKU = App("lumiku-backend", "web1", BACKEND, "deploy", 3000)
STUDIO = App("photo-studio", "studio1", "/srv/photo studio/back end", "ops", 3100)
"""What `vagrant/lab up --second-app` adds where root started the lab."""


@dataclass(frozen=True)
class Practice:
    """The command of a lab that keeps its things in `folder`."""

    folder: Path
    environment: dict[str, str]

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def inventory(self) -> Path:
        return self.folder / "inventory" / "lab.yml"

    def lab(self, command: str, *words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command of this lab, with further variables of the environment."""
        line = [sys.executable, LAB, command, "--state", self.state, *words]
        environment = {**os.environ, **self.environment, **more}
        return subprocess.run(line, capture_output=True, text=True, check=False, env=environment)

    def ssh_options(self) -> list[str]:
        """Return the options of ssh and sftp that open a host, without its address."""
        known = self.status()
        options = {
            "IdentityFile": known["identity"],
            "UserKnownHostsFile": known["known_hosts"],
            "Port": known["port"],
            "User": known["deploy"],
        }
        named = (word for name, value in options.items() for word in ("-o", f"{name}={value}"))
        return ["-F", "none", *named]

    def address(self, host: str) -> str:
        return next(known["address"] for known in self.status()["hosts"] if known["name"] == host)

    def up(self, *words: str) -> subprocess.CompletedProcess[str]:
        return done(self.lab("up", "--inventory", self.inventory, *words))

    def break_(self, fault: str, host: str = "web1", app: App = LUMIKU) -> None:
        """Break an app of a host, and be sure that it is broken."""
        done(self.lab("break", fault, "--on", host, "--app", app.name))

    def reset(self, host: str = "web1") -> None:
        """Put a host back as it was when it was new."""
        done(self.lab("reset", host))

    def on(self, host: str, *words: str, user: str = "deploy") -> str:
        """Run a command on a host and return what it said."""
        account = [] if user == "deploy" else ["--user", user]  # plain hosts have another account
        return done(self.lab("exec", *account, host, "--", *words)).stdout

    def shell(self, host: str, script: str, *args: str, user: str = "deploy") -> str:
        return self.on(host, "bash", "-c", script, "bash", *args, user=user)

    def as_root(self, host: str, script: str) -> str:
        """Run a script on a host as its administrator: what an operator cannot do there."""
        return done(self.lab("exec", "--user", "root", host, "--", "bash", "-ec", script)).stdout

    def put(self, host: str, path: str, content: bytes) -> None:
        """Write a file on a host, of any name and any bytes."""
        line = [
            sys.executable,
            LAB,
            "exec",
            "--state",
            self.state,
            host,
            "--",
            "sh",
            "-c",
            'cat >"$1"',
            "sh",
            path,
        ]
        subprocess.run(line, input=content, check=True)

    def status(self) -> dict:
        return json.loads(done(self.lab("status", "--json")).stdout)

    def answers(
        self, host: str, method: str = "GET", path: str = PROJECTS, body: object = None, app: App = LUMIKU
    ) -> tuple[int, str]:
        """Return the status an app answers with, and its body; 0 where nobody answers."""
        port = next(known["app_port"] for known in self.status()["hosts"] if known["name"] == host)
        port += app.port - LUMIKU.port
        token = (self.state / "token").read_text()
        data = ["-H", "Content-Type: application/json", "-d", json.dumps(body)] if body else []
        curl = ["curl", "-s", "-m", "10", "-w", "\n%{http_code}", "-X", method, "--config", "-"]
        line = [sys.executable, LAB, "exec", "--state", self.state, host, "--", *curl, *data]
        said = subprocess.run(
            [*line, f"http://localhost:{port}{path}"],
            input=f'header = "Authorization: Bearer {token}"\n',  # no argument list shows it
            capture_output=True,
            text=True,
            check=False,  # curl fails where nobody answers, and says 000 all the same
        ).stdout
        text, _, code = said.rpartition("\n")
        return int(code), text


def done(result: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    """Return what a command gave, which must have succeeded."""
    assert result.returncode == 0, f"{result.args}: {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result


def new_practice(**environment: str) -> Practice:
    # Not pytest's folder: only its owner may enter that, and paths of sockets have to be short.
    folder = Path(tempfile.mkdtemp(prefix="lab-", dir="/tmp"))
    folder.chmod(0o755)
    return Practice(folder, environment)


def put_away(practice: Practice) -> None:
    practice.lab("down")
    shutil.rmtree(practice.folder, ignore_errors=True)
