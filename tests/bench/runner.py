"""What the runner itself costs, against the barest way to do the same in the same run. Needs no host.

version_ms     `remediate --version`, beyond `python -c pass`: milliseconds
journal_ratio  flushed entries a second: the audit log / bare SQLite with the same settings and the same bytes
"""

import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from remediate.journal import Journal
from remediate.masking import Masker

ENTRIES, ROUNDS, STARTS = 1000, 5, 15
BODY = {"step": "add the missing columns", "text": "x" * 300}


def version_ms() -> float:
    """Return how much longer `--version` takes than starting Python alone; the medians count, in turns."""
    ours, bare = [], []
    for _ in range(STARTS):
        bare.append(milliseconds("-c", "pass"))
        ours.append(milliseconds("-m", "remediate", "--version"))
    return statistics.median(ours) - statistics.median(bare)


def milliseconds(*words: str) -> float:
    """Return how long a Python process takes."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return 1000 * (time.perf_counter() - began)


def journal_ratio() -> float:
    """Return entries a second of ours through those of bare SQLite; the medians count, in turns."""
    ours = [0.0] * ROUNDS
    bare = [0.0] * ROUNDS
    for turn in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            ours[turn] = rate(write_ours, Path(folder) / "ours")
            bare[turn] = rate(write_bare, Path(folder) / "bare")
    return statistics.median(ours) / statistics.median(bare)


def rate(write: Callable[[Path], None], into: Path) -> float:
    """Return entries a second."""
    began = time.perf_counter()
    write(into)
    return ENTRIES / (time.perf_counter() - began)


def write_ours(into: Path) -> None:
    """Write entries as a run does."""
    with Journal.open(into, Masker(["a secret of some length"])) as journal:
        for _ in range(ENTRIES):
            journal.append("20261122-031415-k3f9", "web1", "done", BODY)


def write_bare(into: Path) -> None:
    """Write the same bytes, each in a transaction of its own that is on disk when it returns."""
    into.mkdir()
    with closing(sqlite3.connect(into / "bare.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE entries (seq INTEGER PRIMARY KEY, run, host, at, kind, body)")
        for _ in range(ENTRIES):
            row = ("20261122-031415-k3f9", "web1", 0, "done", str(BODY).encode())
            connection.execute("INSERT INTO entries (run, host, at, kind, body) VALUES (?, ?, ?, ?, ?)", row)
