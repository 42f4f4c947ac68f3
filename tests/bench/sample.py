"""A PostgreSQL as careful as one in production, with the sample's two tables grown large. It measures nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import psycopg

from tests.database.conftest import PASSWORD, Cluster, running

EVERY = 50
"""Of so many avatars one lacks its `sourceType`, one is nobody's, and so many share a project."""
ORPHAN = 7
"""Which of so many is nobody's."""
TABLES = """
CREATE TABLE avatar_projects (id text PRIMARY KEY, "userId" text NOT NULL, name text NOT NULL, description text,
 "createdAt" timestamp(3) NOT NULL DEFAULT now(), "updatedAt" timestamp(3) NOT NULL);
CREATE TABLE avatars (id text PRIMARY KEY, "userId" text NOT NULL, "projectId" text NOT NULL, name text NOT NULL,
 "baseImageUrl" text NOT NULL, "sourceType" text, "usageCount" int NOT NULL DEFAULT 0,
 "updatedAt" timestamp(3) NOT NULL DEFAULT now());
"""
ROWS = """
INSERT INTO avatar_projects SELECT 'p' || n, 'u' || n % 1000, 'project ' || n, NULL, now(), now()
FROM generate_series(0, {rows} / {every}) AS n;
INSERT INTO avatars SELECT 'ckx' || lpad(n::text, 9, '0'), 'u' || n % 1000,
 CASE WHEN n % {every} = {orphan} THEN 'lost' || n % 5 ELSE 'p' || n / {every} END, 'avatar ' || n,
 'https://storage.example/' || md5(n::text), CASE WHEN n % {every} > 0 THEN 'uploaded' END
FROM generate_series(1, {rows}) AS n;
"""


@dataclass
class CarefulCluster(Cluster):
    """Flushes what it commits, and writes whole pages to its log, as one does that is not thrown away."""

    tuning: ClassVar[str] = "-c shared_buffers=256MB -c max_wal_size=8GB -c checkpoint_timeout=1h"


@dataclass(frozen=True)
class Sample:
    """The sample's database, on a server of its own.

    Attributes:
        cluster: The server.
        dbname: The database.
        rows: How many avatars it has.
    """

    cluster: Cluster
    dbname: str
    rows: int

    @property
    def url(self) -> str:
        """As the app has it."""
        return self.cluster.url(self.dbname)

    def connect(self, name: str) -> psycopg.Connection:
        """Return a connection that commits each statement."""
        where = {"host": str(self.cluster.directory), "port": self.cluster.port, "dbname": self.dbname}
        login = {"user": "app", "password": PASSWORD, "application_name": name}
        return psycopg.connect(**where, **login, autocommit=True)

    def sql(self, text: str) -> str:
        """Run a script and return its rows."""
        return self.cluster.sql(text, self.dbname).strip()

    def wal(self) -> int:
        """Return how many bytes of log the server has ever written."""
        return int(self.sql("SELECT pg_current_wal_insert_lsn() - '0/0'"))

    def settle(self) -> None:
        """Leave every measurement the same beginning: nothing dead, nothing unwritten, fresh statistics."""
        self.sql("VACUUM ANALYZE avatars, avatar_projects")
        self.sql("CHECKPOINT")


@contextmanager
def sample(rows: int) -> Iterator[Sample]:
    """Make the sample's database with so many avatars, and throw it away at the end."""
    with running(CarefulCluster) as cluster:
        made = Sample(cluster, cluster.new_database(), rows)
        made.sql(TABLES + ROWS.format(rows=rows, every=EVERY, orphan=ORPHAN))
        made.settle()
        yield made
