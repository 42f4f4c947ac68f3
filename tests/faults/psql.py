"""A session of psql on a host of the practice ground: somebody else at the app's database. Starts no run."""

import subprocess
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.operator import LOGIN
from tests.practice import LAB, Practice

START = (
    LOGIN
    + r"""
exec "$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)/psql" -X -w -q -A -t "${url%%\?*}" 2>&1
"""
)
END = "-- that was all"
AT_WORK = "FROM pg_stat_activity WHERE application_name LIKE 'remediate 2%'"
WAITS = f"{AT_WORK} AND wait_event_type = 'Lock' AND query LIKE '%ALTER TABLE%'"


class Psql:
    """One session; ended by leaving the `with`, and with it what it holds."""

    def __init__(self, practice: Practice, host: str = "web1") -> None:
        line = [sys.executable, LAB, "exec", "--state", practice.state, host, "--", "bash", "-c", START]
        self._process = subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._process.communicate(timeout=30)

    def ask(self, sql: str) -> str:
        """Run statements and return what they said, one row a line."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{sql};\n\\echo {END}\n")
        said = iter(self._process.stdout.readline, "")
        return "".join(iter(lambda: next(said), f"{END}\n")).strip()

    def hold(self) -> None:
        """Read `avatars` and leave the transaction open: nobody can alter it."""
        assert self.ask("BEGIN; SELECT count(*) >= 0 FROM avatars") == "t"

    def let_go(self) -> None:
        self.ask("COMMIT")

    def until(self, sql: str) -> None:
        """Ask until the answer is true."""
        until(lambda: self.ask(f"SELECT EXISTS (SELECT {sql})") == "t")


def until(happened: Callable[[], bool]) -> None:
    for _ in range(600):
        if happened():
            return
        time.sleep(0.1)
    raise AssertionError("it never happened")
