"""A shell on this machine as a wire, and two light hosts of the practice ground."""

import os
import select
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from remediate.transport.host import SshTarget
from remediate.transport.jobs import Patience
from remediate.transport.settings import SshSettings
from remediate.transport.shell import Shell
from remediate.transport.trips import Trips
from remediate.transport.wire import Broken, Ended

REPOSITORY = Path(__file__).resolve().parents[2]
LAB = REPOSITORY / "vagrant" / "lab"


class LocalWire:
    """A process of this machine as a wire; `cut` makes it look as if the link had died."""

    def __init__(self, command, env=None):
        pipe = subprocess.PIPE
        everything = {**os.environ, **(env or {})}
        self.process = subprocess.Popen(
            ["sh", "-c", command], stdin=pipe, stdout=pipe, stderr=pipe, env=everything
        )
        self._poll = select.poll()
        self._ends = {self.process.stdout.fileno(): b"", self.process.stderr.fileno(): b""}
        self._out, self._err = self._ends
        for end in (*self._ends, self.process.stdin.fileno()):
            os.set_blocking(end, False)
        for end in self._ends:
            self._poll.register(end, select.POLLIN)
        self.is_cut = False
        self.said = b""

    def send(self, data):
        if self.is_cut:
            raise Broken
        self.said += data[:10_000]
        try:
            return os.write(self.process.stdin.fileno(), data)
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            return len(data)  # the end is told by receive

    def finish(self):
        self.process.stdin.close()

    def receive(self, seconds):
        if self.is_cut:
            raise Broken
        read = {self._out: b"", self._err: b""}
        for end, _ in self._poll.poll(seconds * 1000):
            read[end] = os.read(end, 65536)
            if not read[end]:
                self._poll.unregister(end)
                del self._ends[end]
        if not self._ends and not any(read.values()):
            raise Ended(self.process.wait(5))
        return read[self._out], read[self._err]

    def cut(self):
        self.is_cut = True

    def close(self):
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        try:
            self.process.wait(1)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)


class Bench:
    """A Shell over local wires, with what it opened."""

    def __init__(self, command="exec sh", env=None, secrets=None, outer=None):
        self.wires = []
        self.trips = Trips()
        self._outer = outer
        self.shell = Shell("here", self.open, command, env=env or {}, secrets=secrets or {}, trips=self.trips)

    def open(self, command):
        self.wires.append(LocalWire(command, self._outer))
        return self.wires[-1]

    def ask(self, *questions):
        answers = self.shell.ask(questions)
        return [answers[question] for question in questions]


@pytest.fixture
def bench():
    made = Bench()
    yield made
    made.shell.close()


@pytest.fixture
def make_bench():
    made = []

    def make(*args, **options):
        made.append(Bench(*args, **options))
        return made[-1]

    yield make
    for each in made:
        each.shell.close()


class Ground:
    """Light hosts of a practice ground of our own."""

    def __init__(self, folder):
        self.folder = folder
        self.inventory = folder / "inventory" / "lab.yml"
        self.known_hosts = folder / "inventory" / "lab.known_hosts"
        self.identity = folder / "state" / "id_ed25519"

    def lab(self, command, *words):
        line = [sys.executable, LAB, command, "--state", self.folder / "state", *words]
        return subprocess.run(line, capture_output=True, text=True, check=True).stdout

    def on(self, host, *words):
        return self.lab("exec", host, "--", *words)

    def settings(self, number=1, **changes):
        name, _, port = self.places()[number - 1].rpartition(":")
        given = {"name": f"light{number}", "address": name, "port": int(port), "user": "deploy"}
        files = {"identity": self.identity, "known_hosts": self.known_hosts}
        return SshSettings(**{**given, **files, **changes})

    def places(self):
        lines = self.known_hosts.read_text().splitlines()
        return [line.split()[0].replace("[", "").replace("]", "") for line in lines]


@pytest.fixture(scope="session")
def ground():
    # Not pytest's folder: only its owner may enter that, and paths of sockets have to be short.
    folder = Path(tempfile.mkdtemp(prefix="lab-t-", dir="/tmp"))
    folder.chmod(0o755)
    made = Ground(folder)
    try:
        made.lab("up", "--hosts", "0", "--light", "2", "--inventory", str(made.inventory))
        yield made
    finally:
        made.lab("down")
        shutil.rmtree(folder, ignore_errors=True)


QUICK = Patience(grace=1, reconnect=20.0, answer=5.0)


@pytest.fixture
def make_target(ground):
    """Make targets over the first light host, or over other settings; all are closed at the end."""
    made = []

    def make(settings=None, *, secrets=None, patience=QUICK, **options):
        settings = settings or ground.settings()
        target = SshTarget(
            settings, app="demo", secrets=secrets or {}, trips=Trips(), patience=patience, **options
        )
        made.append(target)
        return target

    yield make
    for target in made:
        target.close()


@pytest.fixture
def target(make_target):
    return make_target()
