"""What a plan says of our own statements: the lock, whom it blocks, for how long at the live size, and what stops."""

from collections.abc import Callable

import pytest

from remediate.hazard import Hazard, Severity
from remediate.providers.column_types import postgres_type
from remediate.providers.postgres import AddColumns, NewColumn
from remediate.providers.postgres_foreign_key import MakeForeignKey
from remediate.providers.postgres_index import CreateIndex
from remediate.providers.postgres_not_null import SetNotNull
from remediate.providers.row_delete import DeleteRows
from remediate.providers.row_insert import InsertRows
from remediate.providers.row_update import UpdateRows
from remediate.providers.wanted_keys import WantedColumn, WantedForeignKeyOn, WantedIndex
from remediate.steps import Action
from remediate.transport.database import Database
from remediate.transport.database_door import DatabaseSettings

from ..laws.laws import planned  # noqa: TID252  (no package is installed for tests)
from .conftest import Cluster
from .test_add_columns import COLUMNS, DatabaseWorld

# The large table: rewritten in 3 s by the gate's reckoning, read in 0.6 s.
BEGINNING = """
CREATE TYPE "Role" AS ENUM ('USER');
CREATE TABLE projects (id text PRIMARY KEY);
CREATE TABLE avatars (id text PRIMARY KEY, name text, "it's ""50%%"" %s" text, "projectId" text, gone int);
INSERT INTO avatars SELECT n::text, 'n', n::text, NULL, 1 FROM generate_series(1, 3) AS n;
CREATE TABLE large (id int PRIMARY KEY, filler text);
ALTER TABLE large ALTER filler SET STORAGE PLAIN;
INSERT INTO large SELECT n, repeat('x', 4000) FROM generate_series(1, 15000) AS n;
CREATE TABLE emptied (id int PRIMARY KEY);
INSERT INTO emptied VALUES (1);
DELETE FROM emptied;
"""
ODD = 'it\'s "50%%" %s'
INDEX = WantedIndex(columns=[WantedColumn(name=ODD, sort="desc")], name=f"i {ODD}", unique=True)
KEY = WantedForeignKeyOn(columns=["projectId"], references="projects")
WHERE = [{"column": "id", "value": "1"}]


@pytest.fixture(scope="module")
def name(cluster: Cluster):
    made = cluster.new_database()
    cluster.sql(BEGINNING, made)
    yield made
    cluster.sql(f"DROP DATABASE {made} WITH (FORCE)")


@pytest.fixture
def world(cluster: Cluster, name: str, open_database: Callable[..., Database]) -> DatabaseWorld:
    """One database for all of them, of which nothing is changed."""
    return DatabaseWorld(cluster, name, open_database(cluster.url(name), settings=DatabaseSettings(lock=0.5)))


def hazards(action: Action, world: DatabaseWorld) -> list[Hazard]:
    return [hazard for change in planned(action, world.target()) for hazard in change.hazards]


def told(action: Action, world: DatabaseWorld) -> list[tuple[str, str, int]]:
    return [(hazard.rule, hazard.lock, hazard.line) for hazard in hazards(action, world)]


def adding(table: str, **column: object) -> AddColumns:
    new = NewColumn.model_validate({"name": "new", "type": "UUID", "nullable": False, **column})
    return AddColumns(table=table, columns=[new])


def test_a_column_takes_its_lock_for_milliseconds(world: DatabaseWorld) -> None:
    (hazard,) = hazards(adding("large", default="'x'", type="TEXT"), world)
    assert (hazard.rule, hazard.severity, hazard.seconds) == ("alter-table", Severity.NOTE, 0.0)
    assert hazard.blocks.startswith("ACCESS EXCLUSIVE: blocks every reader and writer for milliseconds")


def test_a_column_that_rewrites_a_large_table_stops_and_a_small_one_is_told(world: DatabaseWorld) -> None:
    (stops,) = hazards(adding("large", default="gen_random_uuid()"), world)
    assert (stops.rule, stops.severity, stops.allowed) == ("volatile-default", Severity.STOP, False)
    assert stops.seconds is not None
    assert 3.0 <= stops.seconds < 4.0
    assert "rewrite; 6" in stops.blocks
    assert stops.safer.startswith("add the column without a default")
    (small,) = hazards(adding("avatars", default="gen_random_uuid()"), world)
    assert small.severity is Severity.WARNING
    allowed = adding("large", default="gen_random_uuid()").model_copy(update={"allow": ["volatile-default"]})
    assert [one.allowed for one in hazards(allowed, world)] == [True]


def test_a_table_that_was_emptied_takes_a_required_column(world: DatabaseWorld) -> None:
    assert [rule for rule, *_ in told(adding("emptied", type="INTEGER"), world)] == ["alter-table"]


def test_an_index_is_told_with_how_long_its_build_takes(world: DatabaseWorld) -> None:
    action = CreateIndex(table="large", indexes=[WantedIndex(columns=[WantedColumn(name="filler")])])
    (hazard,) = hazards(action, world)
    assert (hazard.rule, hazard.lock) == ("index-concurrently", "SHARE UPDATE EXCLUSIVE")
    assert hazard.blocks.startswith("SHARE UPDATE EXCLUSIVE: blocks no reader and no writer for about 3.")


def test_a_foreign_key_is_told_by_the_lock_it_really_takes(world: DatabaseWorld) -> None:
    assert told(MakeForeignKey(table="avatars", foreign_keys=[KEY]), world) == [
        ("foreign-key-late", "SHARE ROW EXCLUSIVE", 1),
        ("validate", "SHARE UPDATE EXCLUSIVE", 1),
    ]
    cascading = KEY.model_copy(update={"on_delete": "CASCADE"})
    found = told(MakeForeignKey(table="avatars", foreign_keys=[cascading]), world)
    assert [rule for rule, *_ in found] == ["adds-cascade", "foreign-key-late", "validate"]


def test_not_null_by_way_of_a_check_reads_nothing_under_the_strong_lock(world: DatabaseWorld) -> None:
    action = SetNotNull(table="avatars", columns=["name", ODD])
    assert told(action, world) == [
        ("alter-table", "ACCESS EXCLUSIVE", 1),
        ("validate", "SHARE UPDATE EXCLUSIVE", 2),
        ("alter-table", "ACCESS EXCLUSIVE", 3),
        ("alter-table", "ACCESS EXCLUSIVE", 4),
    ]


def test_rows_are_told_as_kept_and_only_who_writes_the_same_ones_waits(world: DatabaseWorld) -> None:
    base = {"table": "avatars", "where": WHERE, "expect": {"rows": 1}}
    update = UpdateRows.model_validate({**base, "set": {"gone": None, "name": "y"}})
    delete = DeleteRows.model_validate(base)
    for action in (update, delete):
        (hazard,) = hazards(action, world)
        assert (hazard.rule, hazard.severity) == ("rows-kept", Severity.NOTE)
        assert hazard.blocks == "ROW EXCLUSIVE: blocks whoever writes to the same rows until the commit"
    insert = InsertRows.model_validate(
        {"table": "projects", "rows": [{"id": "it's %s"}], "expect": {"rows": 1}}
    )
    assert hazards(insert, world) == []


TYPES = [
    "TEXT",
    "VARCHAR(3)",
    "CHAR(2)",
    "INTEGER",
    "BIGINT",
    "SMALLINT",
    "DOUBLE PRECISION",
    "REAL",
    "DECIMAL(65,30)",
]
TYPES += [
    "TIMESTAMP(3)",
    "TIMESTAMPTZ(6)",
    "DATE",
    "TIME(3)",
    "TIMETZ(3)",
    "BOOLEAN",
    "JSON",
    "JSONB",
    "BYTEA",
    "UUID",
]
TYPES += ["INET", "BIT(3)", "VARBIT(3)", "XML", "MONEY", "OID", '"Role"', "CITEXT", "bit varying(3)"]


@pytest.mark.parametrize("array", ["", "[]"])
def test_the_gate_reads_every_type_and_default_that_is_written(world: DatabaseWorld, array: str) -> None:
    written = [f"{one}{array}" for one in TYPES if postgres_type(f"{one}{array}")]
    assert len(written) > 20
    columns = [NewColumn(name=f"{ODD} {number}", type=one) for number, one in enumerate(written)]
    action = AddColumns(table="avatars", columns=[*columns, *COLUMNS])
    assert {rule for rule, *_ in told(action, world)} == {"volatile-default"}
    assert {rule for rule, *_ in told(CreateIndex(table="avatars", indexes=[INDEX]), world)} == {
        "index-concurrently"
    }
