"""An app that goes on: a reader and a writer at a few hundred statements a second, and somebody who holds things open.

It runs in a process of its own, so that what it measures is the server's doing and not ours. It judges nothing.
"""

import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.bench.sample import EVERY, ORPHAN, Sample
from tests.database.conftest import Cluster

RATE = 200
"""Statements a second, of the reader and of the writer each."""
READS = (
    'SELECT name, "usageCount" FROM avatars WHERE id = %(avatar)s',
    "SELECT name FROM avatar_projects WHERE id = %(project)s",
)
WRITES = (
    'UPDATE avatars SET "usageCount" = "usageCount" + 1 WHERE id = %(avatar)s',
    'UPDATE avatar_projects SET "updatedAt" = now() WHERE id = %(project)s',
    """INSERT INTO avatars (id, "userId", "projectId", name, "baseImageUrl", "sourceType")
    VALUES (%(new)s, 'u1', %(project)s, 'new', '', 'uploaded')""",
)
REPORT = "SELECT count(*) FROM avatars WHERE id < 'ckx000000100'"


@dataclass
class Felt:
    """What one client felt: how many statements, the longest wait in seconds, and refusals by SQLSTATE."""

    statements: int = 0
    longest: float = 0.0
    errors: Counter[str] = field(default_factory=Counter)

    def time(self, work: Callable[[], object]) -> None:
        """Do one statement."""
        began = time.perf_counter()
        try:
            work()
        except psycopg.Error as error:
            self.errors[error.sqlstate or "?"] += 1
        self.statements += 1
        self.longest = max(self.longest, time.perf_counter() - began)


class Traffic:
    """The clients, until told to stop.

    Args:
        server: The database.
        held: Seconds for which a report holds its transaction open, again and again; 0 for no report.
    """

    def __init__(self, server: Sample, held: float) -> None:
        self.server, self.held = server, held
        self.stop = threading.Event()
        self.felt = {"reader": Felt(), "writer": Felt()}

    def run(self) -> None:
        """Run until somebody closes our input."""
        clients = [
            threading.Thread(target=self._client, args=("reader", READS)),
            threading.Thread(target=self._client, args=("writer", WRITES)),
            *([threading.Thread(target=self._report)] if self.held else []),
        ]
        for client in clients:
            client.start()
        print("ready", flush=True)  # noqa: T201 - for whoever started us
        sys.stdin.read()
        self.stop.set()
        for client in clients:
            client.join()

    def _client(self, name: str, statements: tuple[str, ...]) -> None:
        felt, draw, due = self.felt[name], random.Random(name), time.monotonic()  # noqa: S311  (no secret)
        with self.server.connect(name) as connection:
            while not self.stop.is_set():
                sql, values = draw.choice(statements), self._values(draw, felt.statements)
                felt.time(lambda: connection.execute(sql, values))  # noqa: B023  (done at once)
                due = max(due + 1 / RATE, time.monotonic())
                self.stop.wait(max(0.0, due - time.monotonic()))

    def _values(self, draw: random.Random, number: int) -> dict[str, str]:
        avatar, project = draw.randint(1, self.server.rows), draw.randint(0, self.server.rows // EVERY)
        avatar += (
            avatar % EVERY == ORPHAN
        )  # written to, it would be another row than was planned to go, and stay
        return {
            "avatar": f"ckx{avatar:09}",
            "project": f"p{project}",
            "new": f"new{time.time_ns()}-{number}",
        }

    def _report(self) -> None:
        with self.server.connect("report") as connection:
            while not self.stop.is_set():
                with connection.transaction():
                    connection.execute(REPORT)
                    self.stop.wait(self.held)
                self.stop.wait(self.held / 4)


@dataclass
class Waits:
    """What the app felt meanwhile.

    Attributes:
        statements: How many it sent.
        longest: The longest wait of one of them, in seconds.
        errors: Refusals by SQLSTATE.
        seconds: How long it lasted.
    """

    statements: int = 0
    longest: float = 0.0
    errors: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


@contextmanager
def traffic(server: Sample, held: float) -> Iterator[Waits]:
    """Let the app go on meanwhile; what it felt is known at the end."""
    felt = Waits()
    place = (
        str(server.cluster.directory),
        str(server.cluster.port),
        server.dbname,
        str(server.rows),
        str(held),
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.traffic", *place],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.5)
    began = time.perf_counter()
    try:
        yield felt
        felt.seconds = time.perf_counter() - began
        time.sleep(0.5)
    finally:
        said, _ = process.communicate()
    told = json.loads(said)
    felt.statements = sum(one["statements"] for one in told)
    felt.longest = max(one["longest"] for one in told)
    felt.errors = dict(sum((Counter(one["errors"]) for one in told), Counter()))


def main(sockets: str, port: str, dbname: str, rows: str, held: str) -> None:
    """Be the app, and tell what was felt."""
    clients = Traffic(Sample(Cluster(Path(sockets), int(port), [], Path()), dbname, int(rows)), float(held))
    clients.run()
    told = [{**vars(felt), "errors": dict(felt.errors)} for felt in clients.felt.values()]
    print(json.dumps(told))  # noqa: T201 - this is what it is for


if __name__ == "__main__":
    main(*sys.argv[1:])
