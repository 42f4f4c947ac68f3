"""Sessions of other programs, real ones: connections that hold something, and threads that wait for it."""

import threading
from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest

from .conftest import PASSWORD, Cluster


class Sessions:
    """Other programs' connections to one database.

    Args:
        cluster: The server.
        dbname: The database.
    """

    def __init__(self, cluster: Cluster, dbname: str) -> None:
        self.cluster, self.dbname = cluster, dbname
        self.connections: list[psycopg.Connection] = []
        self.threads: list[threading.Thread] = []
        self.complaints: dict[int, str] = {}

    def open(self, name: str, user: str = "web", **more: object) -> psycopg.Connection:
        """Connect; the transaction that its first statement opens stays open."""
        where = {"host": str(self.cluster.directory), "port": self.cluster.port, "dbname": self.dbname}
        login = {"user": user, "password": PASSWORD, "application_name": name}
        made = psycopg.connect(**where, **login, **more)
        self.connections.append(made)
        return made

    def holding(self, name: str, *statements: str, user: str = "web") -> int:
        """Have a session run statements in a transaction, and then do nothing; return its process."""
        made = self.open(name, user)
        for statement in statements:
            made.execute(statement)
        return made.info.backend_pid

    def running(self, name: str, *statements: str, user: str = "web", waits: bool = True) -> int:
        """Have a session begin a statement that does not end by itself; return its process once it waits.

        Args:
            name: Its application's name.
            statements: What it runs, in one transaction; the last one is what it stays in.
            user: Its role.
            waits: Whether it must be seen to wait for a lock, and not only to run.
        """
        made = self.open(name, user)
        pid = made.info.backend_pid
        thread = threading.Thread(target=self._run, args=(made, statements), daemon=True)
        self.threads.append(thread)
        thread.start()
        locks = f"EXISTS (SELECT FROM pg_locks WHERE pid = {pid} AND NOT granted)"
        runs = f"EXISTS (SELECT FROM pg_stat_activity WHERE pid = {pid} AND wait_event = 'PgSleep')"
        self.until(locks if waits else runs)
        return pid

    def _run(self, made: psycopg.Connection, statements: tuple[str, ...]) -> None:
        try:
            for statement in statements:
                made.execute(statement)
        except psycopg.Error as error:
            self.complaints[made.info.backend_pid] = error.sqlstate or ""

    def until(self, condition: str) -> None:
        """Wait until a condition of the server's holds; 20 s at most."""
        script = f"""DO $$ BEGIN FOR i IN 1..400 LOOP PERFORM pg_stat_clear_snapshot(); EXIT WHEN {condition};
            PERFORM pg_sleep(0.05); END LOOP; END $$; SELECT pg_stat_clear_snapshot(); SELECT {condition}"""
        assert self.cluster.sql(script, self.dbname).split()[-1] == "t", condition

    def alive(self, pid: int) -> bool:
        return str(pid) in self.cluster.sql("SELECT pid FROM pg_stat_activity").split()

    def close(self) -> None:
        pids = [made.info.backend_pid for made in self.connections if not made.closed]
        self.cluster.sql("".join(f"SELECT pg_terminate_backend({pid}, 5000);" for pid in pids))
        for thread in self.threads:
            thread.join(20)
        for made in self.connections:
            with suppress(psycopg.Error):
                made.close()


@pytest.fixture(scope="session")
def login_roles(cluster: Cluster) -> None:
    """`web` and `clerk` have nothing; `monitor` sees all sessions, and ends all but superusers'.

    They stay until the server is thrown away: several files want them, each for itself.
    """
    there = cluster.sql("SELECT rolname FROM pg_roles").split()
    for name in {"web", "clerk", "monitor"} - set(there):
        cluster.sql(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    cluster.sql("GRANT pg_monitor, pg_signal_backend TO monitor")


@pytest.fixture
def sessions(cluster: Cluster, dbname: str, login_roles: None) -> Iterator[Sessions]:
    table = (
        "CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t SELECT g, 0 FROM generate_series(1, 9) g;"
    )
    cluster.sql(
        f"{table} GRANT ALL ON t TO web, clerk; GRANT ALL ON SCHEMA public TO web, monitor, clerk;"
        f"GRANT CREATE ON DATABASE {dbname} TO web, monitor",
        dbname,
    )
    made = Sessions(cluster, dbname)
    yield made
    made.close()
