"""Makes the database cluster that every host starts from a copy of. Runs it only while it is made."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ground import commands
from ground.places import Account

SETTINGS = """
# The lab's. What is lost in a crash can be made again, so nothing waits for the disk.
fsync = off
full_page_writes = off
synchronous_commit = off
wal_level = minimal
max_wal_senders = 0
shared_buffers = 16MB
max_connections = 40
"""

ACCESS = """# The lab's. The superuser comes only through the socket, which only the host's own users can reach.
local all postgres trust
local all all scram-sha-256
host  all all 127.0.0.1/32 scram-sha-256
host  all all ::1/128 scram-sha-256
"""

DATABASE = "lumiku"
TEMPLATE = "lumiku_golden"
"""A copy that nobody connects to: `reset --database` copies it back."""


@dataclass(frozen=True)
class Cluster:
    """A data directory, the account that owns it and the programs that understand it."""

    data: Path
    account: Account
    programs: Path

    def create(self) -> None:
        """Make an empty cluster with the lab's settings and a superuser `postgres`."""
        command: list[str | Path] = [
            self.programs / "initdb",
            "--pgdata",
            self.data,
            "--username=postgres",
            "--auth=trust",
        ]
        self._run([*command, "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"], what="initdb")
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS)
        (self.data / "pg_hba.conf").write_text(ACCESS)

    @contextmanager
    def running(self) -> Iterator[Path]:
        """Run the server on a socket only, reachable in the folder that is given, and stop it again."""
        sockets = Path(
            tempfile.mkdtemp(prefix="lab-pg-", dir="/tmp")
        )  # a socket's path has 107 characters at most
        self.account.give(sockets)
        control: list[str | Path] = [self.programs / "pg_ctl", "--pgdata", self.data, "--silent", "--wait"]
        options = f"-c listen_addresses='' -k {sockets}"
        try:
            self._run([*control, "--log", self.data / "build.log", "-o", options, "start"], what="PostgreSQL")
            try:
                yield sockets
            finally:
                self._run([*control, "--mode=fast", "stop"], what="PostgreSQL")
        finally:
            shutil.rmtree(sockets, ignore_errors=True)
            (self.data / "build.log").unlink(missing_ok=True)

    def execute(self, sockets: Path, sql: str, *, database: str = "postgres") -> None:
        """Run statements as the superuser."""
        command: list[str | Path] = [
            self.programs / "psql",
            "-X",
            "-w",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            sockets,
            "-U",
            "postgres",
        ]
        commands.run([*command, "-d", database, "-f", "-"], what="psql", stdin=sql)

    def _run(self, command: list[str | Path], *, what: str) -> None:
        # From a folder that the account may enter, which ours need not be.
        commands.run([*self.account.command(), *command], what=what, cwd=Path("/"))
