"""A real PgBouncer before the cluster of the tests, in transaction mode if not told otherwise. It asks nothing."""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from .conftest import PASSWORD, Cluster, as_ordinary_user

PROGRAM = shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
SETTINGS = """[databases]
* = host={server} port={port}
[pgbouncer]
listen_addr =
listen_port = 5432
unix_socket_dir = {directory}
unix_socket_mode = 0777
auth_type = scram-sha-256
auth_file = {directory}/users
pool_mode = {mode}
default_pool_size = {size}
ignore_startup_parameters = extra_float_digits
logfile = {directory}/log
query_wait_timeout = 3
"""


class PgBouncer:
    """One PgBouncer: a forward by its `directory`, and what makes forwards of it.

    Args:
        cluster: The server behind it.
        mode: `transaction`, `session` or `statement`.
        size: How many of the server's connections it uses.
    """

    port = 0

    def __init__(self, cluster: Cluster, mode: str = "transaction", size: int = 2) -> None:
        assert PROGRAM is not None
        folder = Path(tempfile.mkdtemp(prefix="pooler-", dir="/tmp"))
        folder.chmod(0o755)
        self.directory = str(folder)
        settings = SETTINGS.format(
            server=cluster.directory, port=cluster.port, directory=folder, mode=mode, size=size
        )
        (folder / "settings").write_text(settings)
        (folder / "users").write_text(f'"app" "{PASSWORD}"\n')
        as_ordinary_user(folder)
        line = [*cluster.prefix, PROGRAM, "-q", str(folder / "settings")]
        self.process = subprocess.Popen(line, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._until_it_listens(folder / ".s.PGSQL.5432")

    def _until_it_listens(self, socket: Path) -> None:
        until = time.monotonic() + 20
        while not socket.exists():
            assert self.process.poll() is None, (Path(self.directory) / "log").read_text()
            assert time.monotonic() < until
            time.sleep(0.02)

    def forward(self, destination: object, *, tcp: bool = False) -> "PgBouncer":
        """Return itself: a way to one place behind it, whichever is wanted."""
        assert destination
        assert not tcp
        return self

    def close(self) -> None:
        """Nothing: it is ended by whoever made it, not with a connection through it."""

    def end(self) -> None:
        """End it, and take its files away."""
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.directory)
