"""One lab for these tests, beside the developer's own, with a full host and a light one."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
LAB = REPOSITORY / "vagrant" / "lab"
BACKEND = "/srv/lumiku/backend"
PROJECTS = "/api/apps/avatar-creator/projects"


@dataclass(frozen=True)
class Practice:
    """The command of a lab that keeps its things in `folder`."""

    folder: Path
    environment: dict[str, str]

    @property
    def state(self):
        return self.folder / "state"

    @property
    def inventory(self):
        return self.folder / "inventory" / "lab.yml"

    def lab(self, command, *words, **more):
        line = [sys.executable, LAB, command, "--state", self.state, *words]
        environment = {**os.environ, **self.environment, **more}
        return subprocess.run(line, capture_output=True, text=True, check=False, env=environment)

    def ssh_options(self):
        """Return the options of ssh and sftp that open a host, without its address."""
        known = self.status()
        options = {
            "IdentityFile": known["identity"],
            "UserKnownHostsFile": known["known_hosts"],
            "Port": known["port"],
            "User": known["deploy"],
        }
        return [
            "-F",
            "none",
            *(word for name, value in options.items() for word in ("-o", f"{name}={value}")),
        ]

    def address(self, host):
        return next(known["address"] for known in self.status()["hosts"] if known["name"] == host)

    def up(self, *words):
        return done(self.lab("up", "--inventory", self.inventory, *words))

    def on(self, host, *words):
        """Run a command on a host and return what it said."""
        return done(self.lab("exec", host, "--", *words)).stdout

    def shell(self, host, script):
        return self.on(host, "bash", "-c", script)

    def status(self):
        return json.loads(done(self.lab("status", "--json")).stdout)

    def answers(self, host, method="GET", path=PROJECTS, body=None):
        """Return the status the app answers with, and its body."""
        port = next(known["app_port"] for known in self.status()["hosts"] if known["name"] == host)
        token = (self.state / "token").read_text()
        data = ["-H", "Content-Type: application/json", "-d", json.dumps(body)] if body else []
        curl = ["curl", "-s", "-m", "10", "-w", "\n%{http_code}", "-X", method]
        url = f"http://localhost:{port}{path}"
        said = self.on(host, *curl, "-H", f"Authorization: Bearer {token}", *data, url)
        text, _, code = said.rpartition("\n")
        return int(code), text


def done(result):
    assert result.returncode == 0, f"{result.args}: {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result


def new_practice(**environment):
    # Not pytest's folder: only its owner may enter that, and paths of sockets have to be short.
    folder = Path(tempfile.mkdtemp(prefix="lab-", dir="/tmp"))
    folder.chmod(0o755)
    return Practice(folder, environment)


def put_away(practice):
    practice.lab("down")
    shutil.rmtree(practice.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def practice():
    ground = new_practice()
    try:
        ground.up("--hosts", "1", "--light", "1")
        yield ground
    finally:
        put_away(ground)


@pytest.fixture
def web1(practice):
    """The full host, left as it was found."""
    yield "web1"
    done(practice.lab("reset", "web1"))


def processes_naming(text):
    """Return the living processes whose command line has `text` in it."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if text in words:
                found.append((int(folder.name), words))
    return found
