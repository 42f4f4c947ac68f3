"""`prisma.migrations` over a real PostgreSQL, with and without a history, and the real `sh`."""

import hashlib
from pathlib import Path

import pytest

from remediate.errors import CouldNotLook
from remediate.model import Finding
from remediate.providers.prisma_checks import Migrations
from remediate.questions import Answers
from remediate.transport.database import Database
from tests.laws.command import CommandTarget

from .conftest import Cluster

TABLE = """CREATE TABLE _prisma_migrations (id text, migration_name text, checksum text, finished_at timestamptz,
    rolled_back_at timestamptz, started_at timestamptz DEFAULT now())"""


def finding(database: Database, folder: Path) -> Finding:
    check = Migrations(folder=str(folder))
    listing, *queries = check.ask()
    seen = CommandTarget().answer([listing])
    answers = seen.laid_over(Answers(database.answer(queries), "web1"))
    return check.judge(answers, answers)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("20250901_init", "20251001 persona"):
        (tmp_path / "the migrations" / name).mkdir(parents=True)
        (tmp_path / "the migrations" / name / "migration.sql").write_text(f"-- {name}\n")
    (tmp_path / "the migrations" / "migration_lock.toml").touch()
    return tmp_path / "the migrations"


def applied(cluster: Cluster, dbname: str, name: str, checksum: str, finished: str = "now()") -> None:
    columns, values = "migration_name, checksum, finished_at", f"'{name}', '{checksum}', {finished}"
    cluster.sql(f"INSERT INTO _prisma_migrations ({columns}) VALUES ({values})", dbname)  # noqa: S608


def test_a_database_without_a_history_lacks_them_all(database: Database, folder: Path) -> None:
    seen = finding(database, folder)
    assert seen.facts["pending"] == ["20250901_init", "20251001 persona"]
    assert "no history" in seen.seen


def test_a_history_is_compared_with_the_folder(
    cluster: Cluster, database: Database, dbname: str, folder: Path
) -> None:
    cluster.sql(TABLE, dbname)
    checksum = hashlib.sha256((folder / "20250901_init" / "migration.sql").read_bytes()).hexdigest()
    applied(cluster, dbname, "20250901_init", checksum)
    assert finding(database, folder).facts["pending"] == ["20251001 persona"]
    applied(cluster, dbname, "20251001 persona", "edited since")
    assert finding(database, folder).facts["edited"] == ["20251001 persona"]
    applied(cluster, dbname, "lost", "x", finished="NULL")
    assert finding(database, folder).facts["failed"] == ["lost"]


def test_a_host_without_the_folder_is_told(database: Database, tmp_path: Path) -> None:
    with pytest.raises(CouldNotLook, match="no such folder"):
        finding(database, tmp_path / "nowhere")
