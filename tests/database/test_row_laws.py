"""The actions on rows keep every law over a real PostgreSQL, and put rows back to the byte."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from remediate.catalogue import CATALOGUE
from remediate.model import Undo
from remediate.providers.postgres import AddColumns, NewColumn
from remediate.providers.postgres_not_null import SetNotNull
from remediate.providers.row_delete import DeleteRows
from remediate.providers.row_insert import InsertRows
from remediate.providers.row_update import UpdateRows
from remediate.steps import Action
from remediate.transport.database import Database
from remediate.transport.database_door import DatabaseSettings

from ..dumps import in_order  # noqa: TID252  (no package is installed for tests)
from ..laws.laws import LAWS, carry_out, fresh_token, planned  # noqa: TID252
from .conftest import Cluster
from .test_add_columns import DatabaseWorld

BEGINNING = """
CREATE TYPE "Kind" AS ENUM ('a', 'b c');
CREATE TABLE projects (id text PRIMARY KEY, "userId" text, "updatedAt" timestamp(3) NOT NULL);
INSERT INTO projects VALUES ('p1', 'u', '2026-01-01');
CREATE TABLE "my ""100%% Table" (
  "id" int GENERATED ALWAYS AS IDENTITY, "the 'key' %s" varchar(40) NOT NULL, "projectId" text, r text, t text,
  j json, b jsonb, f double precision, n numeric, m numeric(10,2), a int[], ta text[], raw bytea, i interval,
  z timestamptz, c char(5), kind "Kind", u uuid, k text GENERATED ALWAYS AS (upper(t)) STORED,
  PRIMARY KEY ("id", "the 'key' %s"));
INSERT INTO "my ""100%% Table" ("the 'key' %s", "projectId", r, t, j, b, f, n, m, a, ta, raw, i, z, c, kind, u) VALUES
 ('x', 'p1', NULL, 'kept', '{"a":1}', '{"b": 2}', 1, 1, 1, '{1}', '{}', 'x', '1 day', now(), 'c', 'a', NULL),
 ('''; DROP TABLE projects; --', 'gone', NULL, NULL, '{ "a" : 1,  "a": 2 }', 'null', '-0', 1.50, -0.10,
  '[0:2]={1,NULL,3}', '{"a,b",NULL,"\\"q\\"",NULL,""}', '\\x00ff27', '-1 mons +2 days -03:00:00.000001',
  '4713-01-01 00:00:00+00 BC', 'c ', 'b c', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'),
 ('z', 'gone too', '', E'\\\\%s''"', NULL, '{"n": 1.10}', 'NaN', 'NaN', NULL, '{{1,2},{3,4}}', NULL, '', NULL,
  'infinity', '', NULL, NULL),
 ('n', NULL, NULL, NULL, '[ ]', '"null"', 1e-300, 12345678901234567890.123456789, 0, NULL, '{NULL}',
  '\\xdeadbeef', 'P1Y',
  '2026-11-22 12:00:00.123456+02', 'abcde', 'a', NULL);
"""
TABLE = 'my "100%% Table'
KEY = ["id", "the 'key' %s"]
ORPHANED = {"column": "projectId", "orphaned_from": {"table": "projects"}}
EXPECT = {"rows": "1..1000"}
UPDATE = UpdateRows.model_validate(
    {
        "table": TABLE,
        "key": KEY,
        "where": [ORPHANED],
        "batch": 1,
        "set": {
            "r": 'it\'s %s \\ "x"',
            "j": {"a": [1, None]},
            "b": [1, "x"],
            "f": 0.1,
            "n": "1.50",
            "m": 7,
            "a": [1, None],
            "ta": ["a,b", None],
            "raw": "\\x01",
            "i": "1 hour",
            "z": "2026-01-01T00:00:00Z",
            "c": "x",
            "kind": "a",
            "u": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12",
            "t": None,
        },
        "expect": EXPECT,
    }
)
DELETE = DeleteRows.model_validate(
    {"table": TABLE, "key": KEY, "where": [ORPHANED], "expect": EXPECT, "show": ["raw"], "batch": 1}
)
INSERT = InsertRows.model_validate(
    {
        "table": "projects",
        "rows": [{"id": "gone"}, {"id": "p1"}, {"id": "'; DELETE FROM projects; --"}],
        "same": {"userId": None},
        "set_now": ["updatedAt"],
        "expect": EXPECT,
    }
)


@dataclass
class RowWorld(DatabaseWorld):
    """A database whose rows are compared, and not where they lie: a row that was written anew lies elsewhere."""

    beginning: str = BEGINNING

    def fingerprint(self) -> str:
        return in_order(self.cluster.dump(self.dbname))


@pytest.fixture(scope="session")
def shared(cluster: Cluster) -> str:
    """One database for all tests of rows, which begin it anew: to make one takes longer than most of them."""
    return cluster.new_database()


@pytest.fixture
def world(cluster: Cluster, shared: str, open_database: Callable[..., Database]) -> RowWorld:
    quick = DatabaseSettings(tries=2, lock=0.5)
    reach = open_database(cluster.url(shared), settings=quick, sleep=lambda _: None)
    made = RowWorld(cluster, shared, reach)
    made.reset()
    return made


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("action", [UPDATE, DELETE, INSERT], ids=["update", "delete", "insert"])
def test_every_law_holds_on_a_real_database(world: RowWorld, action: Action, law) -> None:
    law(action, world, CATALOGUE)


@pytest.mark.parametrize("action", [UPDATE, DELETE, INSERT], ids=["update", "delete", "insert"])
def test_the_gate_reads_what_is_done_to_rows_whatever_their_types(world: RowWorld, action: Action) -> None:
    found = [hazard for change in planned(action, world.target()) for hazard in change.hazards]
    assert {hazard.rule for hazard in found} == (set() if action is INSERT else {"rows-kept"})


def applied(world: DatabaseWorld, action: Action) -> list[Undo]:
    undos: list[Undo] = []
    carry_out(action, world.target(), undos)
    return undos


def undone(world: DatabaseWorld, action: Action, undos: list[Undo]) -> None:
    for one in reversed(undos):
        action.undo(world.target().scoped(fresh_token()), one)


@pytest.mark.parametrize("action", [UPDATE, DELETE], ids=["update", "delete"])
def test_values_of_every_type_come_back_to_the_byte(world: RowWorld, action: Action) -> None:
    text = f'SELECT (r.*)::text FROM "{TABLE.replace(chr(34), chr(34) * 2)}" AS r ORDER BY id'  # noqa: S608
    before = world.sql(text)
    undos = applied(world, action)
    assert len(undos) == 2
    assert world.sql(text) != before
    undone(world, action, undos)
    assert world.sql(text) == before


BESIDE = (
    AddColumns(table="projects", columns=[NewColumn(name="note", type="TEXT")]),
    SetNotNull(table="projects", columns=["userId"]),
)


@pytest.mark.parametrize("action", BESIDE, ids=["add columns", "not null"])
def test_columns_are_taken_back_where_the_ledger_has_rows_too(world: RowWorld, action: Action) -> None:
    applied(world, INSERT.model_copy(update={"same": {"userId": "u"}}))
    before = world.fingerprint()
    undos = applied(world, action)
    assert world.fingerprint() != before
    undone(world, action, undos)
    assert world.fingerprint() == before
