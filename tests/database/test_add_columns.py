"""The laws of `sql.add_columns` over a real PostgreSQL, and what no general law says of it."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from remediate.errors import Conflict, Failed
from remediate.model import Fidelity, Json, Undo
from remediate.owner import LockOwner
from remediate.providers.catalog import TABLES, tables_in
from remediate.providers.postgres import STEPS, AddColumns, NewColumn
from remediate.questions import Answers
from remediate.target import DatabaseChange
from remediate.transport.copy_target import CopyTarget
from remediate.transport.database import Database
from remediate.transport.database_door import DatabaseSettings
from remediate.transport.database_wire import Command

from ..laws.laws import LAWS, carry_out, fresh_token, planned  # noqa: TID252  (no package is installed for tests)
from .conftest import Cluster

CATALOGUE = {step.kind: step for step in STEPS}
BEGINNING = """
CREATE TYPE "Role" AS ENUM ('USER', 'ADMIN');
CREATE TABLE avatars (id text PRIMARY KEY, name text NOT NULL, "odd ""100%% name" int);
INSERT INTO avatars VALUES ('a', 'one'), ('b', 'two');
CREATE VIEW names AS SELECT name FROM avatars;
"""
COLUMNS = [
    NewColumn(name="personaName", type="TEXT"),
    NewColumn(name="sourceType", type="TEXT", nullable=False, default="'uploaded'"),
    NewColumn(name="usageCount", type="INTEGER", nullable=False, default="0"),
    NewColumn(name="lastUsedAt", type="TIMESTAMP(3)"),
    NewColumn(name="createdAt", type="TIMESTAMP(3)", nullable=False, default="CURRENT_TIMESTAMP"),
    NewColumn(name='it\'s "50%"', type='"Role"', nullable=False, default="'USER'"),
    NewColumn(name="tags", type="TEXT[]", default="ARRAY['a', '%s']::TEXT[]"),
    NewColumn(name="data", type="JSON", default="'{}'"),
    NewColumn(name="uuid", type="UUID", nullable=False, default="gen_random_uuid()"),
]
ACTION = AddColumns(table="avatars", columns=COLUMNS)


@dataclass
class DatabaseTarget:
    """A target that has a database and nothing else."""

    reach: Database
    token: str = ""
    count: list[int] = field(default_factory=lambda: [0])
    name = "db"
    database: Mapping[str, Json] = field(default_factory=dict)

    def answer(self, questions: Iterable[Any]) -> Answers:
        return Answers(self.reach.answer(tuple(questions)), self.name)

    def scoped(self, token: str) -> "DatabaseTarget":
        return replace(self, token=token, count=[0])

    def change_database(self, change: DatabaseChange) -> bool:
        self.count[0] += 1
        return self.reach.change(f"{self.token}/{self.count[0]}", change)

    def ledger(self) -> dict[str, Json] | None:
        return self.reach.ledger(f"{self.token}/{self.count[0]}")

    @contextmanager
    def schema_copy(self, token: str) -> Iterator[CopyTarget]:
        with self.reach.copied(token) as copy:
            yield CopyTarget(self, copy)

    def forget(self, token_prefix: str) -> None:
        del token_prefix

    def locked(self, owner: LockOwner) -> AbstractContextManager[object]:
        return nullcontext(owner)


@dataclass
class DatabaseWorld:
    cluster: Cluster
    dbname: str
    reach: Database
    beginning: str = BEGINNING

    def target(self) -> DatabaseTarget:
        return DatabaseTarget(self.reach)

    def fingerprint(self) -> str:
        return self.cluster.dump(self.dbname)

    def reset(self) -> None:
        drop = "DROP SCHEMA IF EXISTS remediate CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public;"
        self.cluster.sql(drop + self.beginning, self.dbname)

    def sql(self, text: str) -> str:
        return self.cluster.sql(text, self.dbname).strip()


@pytest.fixture
def world(cluster: Cluster, dbname: str, open_database: Callable[..., Database]) -> DatabaseWorld:
    quick = DatabaseSettings(tries=2, lock=0.5)
    made = DatabaseWorld(
        cluster, dbname, open_database(cluster.url(dbname), settings=quick, sleep=lambda _: None)
    )
    made.reset()
    return made


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_law_holds_on_a_real_database(world: DatabaseWorld, law) -> None:
    law(ACTION, world, CATALOGUE)


def test_the_plan_is_the_statement_that_runs(world: DatabaseWorld) -> None:
    (change,) = planned(ACTION, world.target())
    assert change.script.startswith('ALTER TABLE "public"."avatars"\n  ADD COLUMN "personaName" TEXT,\n')
    assert '\n  ADD COLUMN "usageCount" INTEGER NOT NULL DEFAULT 0,\n' in change.script
    assert change.fidelity == Fidelity.EXACT
    assert "remediate.saved" in change.way_back_note
    assert any("ACCESS EXCLUSIVE" in note and "rewritten (a default" in note for note in change.notes)
    by_hand = world.dbname
    world.cluster.sql(change.script, by_hand)
    assert planned(ACTION, world.target()) == ()


def test_the_forecast_is_what_the_catalog_then_answers(world: DatabaseWorld) -> None:
    (change,) = planned(ACTION, world.target())
    carry_out(ACTION, world.target(), [])
    seen = world.target().answer((TABLES,))[TABLES]
    foretold = next(one.answer for one in change.forecasts if one.question == TABLES)
    assert tables_in(seen) == tables_in(foretold)


def test_one_statement_adds_all_so_that_the_lock_is_taken_once(world: DatabaseWorld) -> None:
    (change,) = planned(ACTION, world.target())
    assert change.script.count("ALTER TABLE") == 1
    assert change.script.count("ADD COLUMN") == len(COLUMNS)


def test_only_what_is_missing_is_added_and_a_wrong_type_is_refused(world: DatabaseWorld) -> None:
    world.sql('ALTER TABLE avatars ADD COLUMN "personaName" text')
    (change,) = planned(ACTION, world.target())
    assert change.what == f"add {len(COLUMNS) - 1} columns to avatars"
    world.sql('ALTER TABLE avatars ALTER COLUMN "personaName" TYPE varchar(3)')
    with pytest.raises(Failed, match=r"exists with the type character varying\(3\), wanted is text"):
        planned(ACTION, world.target())


def test_beside_a_column_that_differs_nothing_is_added(world: DatabaseWorld) -> None:
    wrong = [{"name": "usageCount", "what": "type", "wanted": "INTEGER", "found": "text"}]
    action = ACTION.model_copy(update={"wrong": wrong})
    with pytest.raises(
        Failed, match=r"avatars\.usageCount has the type text, not INTEGER; nothing was added"
    ):
        planned(action, world.target())
    carry_out(ACTION, world.target(), [])
    assert planned(action, world.target()) == (), "where nothing is missing there is nothing to refuse"


def adding(name: str, sql_type: str, **more: Any) -> AddColumns:
    return AddColumns(table="avatars", columns=[NewColumn(name=name, type=sql_type, **more)])


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ({"sql_type": "TEXT", "nullable": False}, "is NOT NULL without a default"),
        ({"sql_type": "TEXT; DROP TABLE avatars"}, "is not one that this action writes"),
        ({"sql_type": "SERIAL"}, "the type SERIAL is not one"),
        ({"sql_type": "TEXT", "default": "pg_read_file('/etc/passwd')"}, "the default .* is not one"),
        ({"sql_type": "TEXT", "default": "'a' || (SELECT 1)::text"}, "the default .* is not one"),
        ({"sql_type": '"Nope"'}, 'the type "Nope" does not exist'),
    ],
)
def test_what_cannot_be_added_is_refused_while_planning(world: DatabaseWorld, column, said) -> None:
    with pytest.raises(Failed, match=said):
        planned(adding("x", **column), world.target())


def test_a_table_that_is_empty_takes_a_required_column(world: DatabaseWorld) -> None:
    world.sql("DELETE FROM avatars")
    (change,) = planned(adding("x", "TEXT", nullable=False), world.target())
    assert change.script.endswith('ADD COLUMN "x" TEXT NOT NULL;')


@pytest.mark.parametrize(
    ("table", "said"), [("nope", "there is no table nope"), ("names", "names is no table")]
)
def test_what_is_no_table_is_refused(world: DatabaseWorld, table, said) -> None:
    with pytest.raises(Failed, match=said):
        planned(AddColumns(table=table, columns=COLUMNS), world.target())


def applied(world: DatabaseWorld, action: AddColumns = ACTION) -> Undo:
    undos: list[Undo] = []
    carry_out(action, world.target(), undos)
    return undos[0]


def undo(world: DatabaseWorld, undone: Undo) -> None:
    ACTION.undo(world.target().scoped(fresh_token()), undone)


def test_what_was_written_meanwhile_is_kept_before_the_drop(world: DatabaseWorld) -> None:
    undone = applied(world, AddColumns(table="avatars", columns=COLUMNS[:5]))
    world.sql("""UPDATE avatars SET "personaName" = 'it''s' WHERE id = 'b'""")
    undo(world, undone)
    saved = json.loads(world.sql("SELECT json_agg(to_jsonb(s) - 'id' - 'at') FROM remediate.saved AS s"))
    assert [(row["relation"], row["key"]["id"]) for row in saved] == [
        ("public.avatars", "a"),
        ("public.avatars", "b"),
    ]
    assert saved[1]["columns"] | {"createdAt": None} == {
        "personaName": "it's",
        "sourceType": "uploaded",
        "usageCount": 0,
        "lastUsedAt": None,
        "createdAt": None,
    }


def test_a_column_called_like_an_alias_of_ours_is_not_taken_for_the_row(world: DatabaseWorld) -> None:
    world.sql("ALTER TABLE avatars ADD t text DEFAULT 'x'")
    undone = applied(world, AddColumns(table="avatars", columns=COLUMNS[:1]))
    world.sql("""UPDATE avatars SET "personaName" = 'y' WHERE id = 'b'""")
    undo(world, undone)
    assert world.sql("SELECT key, columns FROM remediate.saved") == '{"id": "b"}|{"personaName": "y"}'


def test_rows_that_nobody_wrote_to_are_not_kept(world: DatabaseWorld) -> None:
    undo(world, applied(world, AddColumns(table="avatars", columns=COLUMNS[:4])))
    assert world.sql("SELECT count(*) FROM remediate.saved") == "0"


def test_a_column_that_somebody_made_anew_is_left_to_them(world: DatabaseWorld) -> None:
    undone = applied(world)
    world.sql(
        'ALTER TABLE avatars DROP COLUMN "usageCount";'
        'ALTER TABLE avatars ADD COLUMN "usageCount" int NOT NULL DEFAULT 0'
    )
    before = world.fingerprint()
    with pytest.raises(Conflict, match="no longer the column that this run added"):
        undo(world, undone)
    assert world.fingerprint() == before


def test_a_column_that_somebody_changed_is_left_to_them(world: DatabaseWorld) -> None:
    undone = applied(world)
    world.sql('ALTER TABLE avatars ALTER COLUMN "usageCount" TYPE bigint')
    with pytest.raises(Conflict):
        undo(world, undone)


@pytest.mark.parametrize(
    ("built", "said"),
    [
        ('CREATE INDEX used ON avatars ("usageCount")', "index used"),
        ('CREATE INDEX used ON avatars (name) WHERE "usageCount" > 0', "index used"),
        (
            'ALTER TABLE avatars ADD CONSTRAINT used CHECK ("usageCount" >= 0)',
            "constraint used on table avatars",
        ),
        (
            'ALTER TABLE avatars ADD CONSTRAINT used UNIQUE ("usageCount", id)',
            "constraint used on table avatars",
        ),
        (
            (
                'CREATE TRIGGER used BEFORE UPDATE OF "usageCount" ON avatars FOR EACH ROW'
                " EXECUTE FUNCTION suppress_redundant_updates_trigger()"
            ),
            "trigger used on table avatars",
        ),
        ('CREATE VIEW used AS SELECT "usageCount" FROM avatars', "on view used"),
        ('CREATE STATISTICS used ON "usageCount", name FROM avatars', "statistics object used"),
        ('CREATE POLICY used ON avatars USING ("usageCount" > 0)', "policy used on table avatars"),
        (
            'ALTER TABLE avatars ADD COLUMN used int GENERATED ALWAYS AS ("usageCount" + 1) STORED',
            "column used of table avatars",
        ),
        (
            'CREATE TABLE heir () INHERITS (avatars); CREATE INDEX used ON heir ("usageCount")',
            "index used",
        ),
    ],
)
def test_what_somebody_built_on_a_column_is_named_and_nothing_is_dropped(
    world: DatabaseWorld, built: str, said: str
) -> None:
    undone = applied(world)
    world.sql(built)
    before = world.fingerprint()
    with pytest.raises(Conflict, match=rf"avatars\.usageCount is used by .*{said}"):
        undo(world, undone)
    assert world.fingerprint() == before


@dataclass
class OvertakenTarget(DatabaseTarget):
    """A target where somebody does something between the look and the change."""

    meanwhile: Callable[[], object] = bool

    def change_database(self, change: DatabaseChange) -> bool:
        self.meanwhile()
        return super().change_database(change)


def test_what_is_built_between_the_look_and_the_drop_is_noticed_too(world: DatabaseWorld) -> None:
    undone = applied(world)
    index = 'CREATE INDEX IF NOT EXISTS used ON avatars ("usageCount")'
    target = OvertakenTarget(world.reach, fresh_token(), meanwhile=lambda: world.sql(index))
    with pytest.raises(Conflict, match=r"avatars\.usageCount is used by .*index used"):
        ACTION.undo(target, undone)
    assert world.sql("SELECT count(\"usageCount\"), to_regclass('used') FROM avatars") == "2|used"


def test_columns_that_somebody_else_added_are_not_ours_to_drop(world: DatabaseWorld) -> None:
    applied(world, adding("other", "TEXT"))
    (change,) = planned(ACTION, world.target())
    world.sql(change.script)
    before = world.fingerprint()
    undo(world, ACTION.snapshot(world.target(), change))
    assert world.fingerprint() == before


def test_who_would_block_is_told_beforehand(world: DatabaseWorld, open_database) -> None:
    wire = open_database(world.cluster.url(world.dbname))._door.wire()
    wire.exchange([Command(sql="BEGIN"), Command(sql="SELECT * FROM avatars")], 5)
    (change,) = planned(ACTION, world.target())
    assert any(
        f"would have to wait now for: pid {wire.pid} (remediate, idle in transaction)" in n
        for n in change.notes
    )
    with pytest.raises(Failed, match=f"pid {wire.pid}"):
        carry_out(ACTION, world.target(), [])
    wire.close()


def test_a_plan_costs_one_round_trip(world: DatabaseWorld) -> None:
    planned(ACTION, world.target())
    before = world.reach._trips.database
    planned(ACTION, world.target())
    assert world.reach._trips.database == before + 1
