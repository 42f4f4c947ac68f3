"""What a fix of many rows costs: time, the runner's memory and the server's log, against plain SQL doing the same.

Everything is measured on the same table, one after the other, each after VACUUM ANALYZE and CHECKPOINT.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.sample import EVERY, Sample, sample

BATCH = 500
WHOLE = """UPDATE avatars SET "sourceType" = 'uploaded' WHERE "sourceType" IS NULL"""
KEYS = """SELECT id FROM avatars WHERE "sourceType" IS NULL ORDER BY id"""
BATCHED = """UPDATE avatars SET "sourceType" = 'uploaded' WHERE id = ANY(%s) AND "sourceType" IS NULL"""
UNDONE = f"""UPDATE avatars SET "sourceType" = NULL WHERE substr(id, 4)::int % {EVERY} = 0"""  # noqa: S608  (a number)


@dataclass(frozen=True)
class Cost:
    """What one way of doing it took: seconds, bytes of log, and the runner's memory at its peak in MB."""

    seconds: float
    wal: int
    memory: float = 0.0


@dataclass(frozen=True)
class Size:
    """What a fix of many rows costs.

    Attributes:
        rows: Of the table.
        fixed: How many of them.
        whole: Plain SQL, one statement.
        batched: Plain SQL in batches of as many rows as ours, a transaction each, by the key.
        looked: Ours: the look and the plan.
        fix: Ours: looking again, the changes with what is kept of the rows, verifying.
        back: Ours: the way back, and the look whether all is as it was.
        bare: The runner's memory before it does anything, in MB.
        server: PostgreSQL's version.
    """

    rows: int
    fixed: int
    whole: Cost
    batched: Cost
    looked: Cost
    fix: Cost
    back: Cost
    bare: float
    server: str


def measured(rows: int) -> Size:
    """Measure on a table of so many rows, of which one in `EVERY` is mended."""
    with sample(rows) as server:
        whole = _plain(server, lambda: server.sql(WHOLE))
        batched = _plain(server, lambda: _in_batches(server))
        told = _ours(server)
        version = server.sql("SHOW server_version").split()[0]
        left = server.sql('SELECT count(*) FROM avatars WHERE "sourceType" IS NULL')
        assert int(left) == rows // EVERY
    costs = {
        name: Cost(told[f"{name}_s"], int(told[f"{name}_wal"]), told[f"{name}_mb"])
        for name in ("look", "fix", "back")
    }
    return Size(
        rows,
        rows // EVERY,
        whole,
        batched,
        costs["look"],
        costs["fix"],
        costs["back"],
        told["bare_mb"],
        version,
    )


def _plain(server: Sample, work: Callable[[], object]) -> Cost:
    wal, began = server.wal(), time.perf_counter()
    work()
    cost = Cost(time.perf_counter() - began, server.wal() - wal)
    server.sql(UNDONE)
    server.settle()
    return cost


def _in_batches(server: Sample) -> None:
    with server.connect("by hand") as connection:
        keys = [row[0] for row in connection.execute(KEYS)]
        for start in range(0, len(keys), BATCH):
            connection.execute(BATCHED, (keys[start : start + BATCH],))


def _ours(server: Sample) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        place = (str(server.cluster.directory), str(server.cluster.port), server.dbname, folder, str(BATCH))
        line = [sys.executable, "-m", "tests.bench.fix", *place]
        done = subprocess.run(line, check=True, capture_output=True, cwd=Path(__file__).parents[2])
    return json.loads(done.stdout)
