"""NULLs where the Prisma schema allows none: found in the catalog, filled and told apart, kept out, and taken back."""

import json
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from remediate.catalogue import CATALOGUE
from remediate.errors import Conflict, Failed
from remediate.model import Finding, Undo
from remediate.providers.postgres import AddColumns, NewColumn
from remediate.providers.postgres_not_null import SetNotNull
from remediate.providers.prisma_required import Required, constant_of
from remediate.providers.row_fill import FillNulls
from remediate.questions import Answers, Read, ReadAnswer
from remediate.steps import Action
from remediate.transport.database import Database
from remediate.transport.database_door import DatabaseSettings

from ..laws.laws import LAWS, carry_out, fresh_token, planned  # noqa: TID252  (no package is installed for tests)
from .conftest import Cluster
from .test_row_laws import RowWorld

SCHEMA = b"""
enum Kind {
  A
  B
}
model Avatar {
  id         Int      @id
  name       String
  sourceType String   @default("up'loaded")
  kind       Kind     @default(B)
  uses       Int      @default(0)
  madeAt     DateTime @default(now())
  nick       String?
  tags       String[]
  @@map("avatars")
}
model Other {
  id Int @id
  x  Int @default(7)
}
"""
BEGINNING = """
CREATE TYPE "Kind" AS ENUM ('A', 'B');
CREATE TABLE avatars (id int PRIMARY KEY, name text, "sourceType" text, kind "Kind", uses int NOT NULL DEFAULT 0,
 "madeAt" timestamp(3) NOT NULL DEFAULT now(), nick text, tags text[]);
INSERT INTO avatars (id, name, "sourceType", kind) VALUES
 (1, 'a', 'generated', 'A'), (2, 'b', NULL, 'A'), (3, 'c', NULL, NULL), (4, '', NULL, 'B');
CREATE TABLE "Other" (id int PRIMARY KEY, x int);
"""
DEFAULTS = {"sourceType": "up'loaded", "kind": "B"}
FILL = FillNulls.model_validate(
    {
        "table": "avatars",
        "columns": ["name", "sourceType", "kind"],
        "values": DEFAULTS,
        "given": '{"name": "Unnamed"}',
        "expect": {"rows": "1..10"},
        "batch": 2,
    }
)


@pytest.fixture(scope="module")
def shared(cluster: Cluster) -> str:
    return cluster.new_database()


@pytest.fixture
def world(cluster: Cluster, shared: str, open_database: Callable[..., Database]) -> RowWorld:
    quick = DatabaseSettings(tries=2, lock=0.5)
    reach = open_database(cluster.url(shared), settings=quick, sleep=lambda _: None)
    made = RowWorld(cluster, shared, reach, BEGINNING)
    made.reset()
    return made


@pytest.fixture
def look(world: RowWorld) -> Callable[..., Finding]:
    def looks(table: str | None = "avatars", schema: bytes = SCHEMA) -> Finding:
        check = Required(table=table, schema_file="/schema.prisma")
        read, *asked = check.ask()
        assert isinstance(read, Read)
        known = {read: ReadAnswer(exists=True, content=schema), **world.reach.answer(tuple(asked))}
        answers = Answers(known, "web1")
        return check.judge(answers, answers)

    return looks


def test_what_takes_null_and_must_not_is_named_with_the_schemas_default(look, world: RowWorld) -> None:
    world.sql("ANALYZE avatars")
    found = look()
    assert not found.healthy
    assert found.seen.endswith("takes NULL: avatars.name, avatars.sourceType, avatars.kind")
    assert found.facts == {
        "columns": ["name", "sourceType", "kind"],
        "defaults": DEFAULTS,
        "without_default": ["name"],
        "key": ["id"],
        "made_at": ["madeAt"],
    }
    assert "when last analyzed 75 % of its rows had none (a sample)" in found.evidence[1]
    assert "no row without one was seen (a sample); the schema has no constant default" in found.evidence[0]
    assert look(None).facts["columns"] == ["name", "sourceType", "kind", "x"]
    world.sql(
        'ALTER TABLE avatars ALTER name SET NOT NULL; UPDATE avatars SET "sourceType" = 1, kind = $$A$$'
    )
    world.sql('ALTER TABLE avatars ALTER "sourceType" SET NOT NULL, ALTER kind SET NOT NULL')
    assert look().healthy


def test_a_table_that_is_not_there_is_no_fault_of_this_check(look, world: RowWorld) -> None:
    world.sql("DROP TABLE avatars")
    assert look().healthy


@pytest.mark.parametrize(
    ("default", "constant"),
    [
        ("'it''s'", "it's"),
        ("''", ""),
        ("-1.50", "-1.50"),
        ("true", "true"),
        ("CURRENT_TIMESTAMP", None),
        ("gen_random_uuid()", None),
        ("'a' || 'b'", None),
        ("ARRAY['a']::TEXT[]", None),
        (None, None),
    ],
)
def test_only_a_constant_is_filled_in_by_itself(default: str | None, constant: str | None) -> None:
    assert constant_of(default) == constant


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_law_holds_on_a_real_database(world: RowWorld, law) -> None:
    law(FILL, world, CATALOGUE)


def filled(world: RowWorld) -> str:
    return world.sql(
        """SELECT string_agg(concat_ws(' ', id, name, "sourceType", kind), ', ' ORDER BY id) FROM avatars"""
    )


def test_only_what_was_null_is_filled_column_by_column_and_can_be_told_apart(world: RowWorld) -> None:
    changes = planned(FILL, world.target())
    assert [change.what for change in changes] == [
        "set sourceType in 2 rows of avatars",
        "set sourceType in 1 row of avatars",
        "set kind in 1 row of avatars",
    ]
    shown = planned(FillNulls.model_validate({**FILL.parameters, "show": ["uses"]}), world.target())
    assert '  id 2\n    uses: "0"\n-   sourceType: NULL\n+   sourceType: ' in shown[0].sample
    assert changes[2].target == "kind in rows of public.avatars: id 3"
    assert '-   sourceType: NULL\n+   sourceType: "up\'loaded"' in changes[0].sample
    carry_out(FILL, world.target(), [])
    assert filled(world) == "1 a generated A, 2 b up'loaded A, 3 c up'loaded B, 4  up'loaded B"
    assert planned(FILL, world.target()) == ()
    told = world.sql("SELECT string_agg((key ->> 'id') || after::text, ', ' ORDER BY 1) FROM remediate.rows")
    assert told.count("sourceType") == 3
    assert told.count("kind") == 1


def test_the_way_back_empties_what_still_is_as_filled_and_stops_at_what_is_not(world: RowWorld) -> None:
    undos: list[Undo] = []
    carry_out(FILL, world.target(), undos)
    world.sql("""UPDATE avatars SET "sourceType" = 'imported' WHERE id = 4""")
    kind, last, first = undos[::-1]
    for undo in (kind, first):
        FILL.undo(world.target().scoped(fresh_token()), undo)
    with pytest.raises(Conflict, match=r"1 row of public\.avatars is no longer as this run left them: id 4"):
        FILL.undo(world.target().scoped(fresh_token()), last)
    assert filled(world) == "1 a generated A, 2 b A, 3 c, 4  imported B"


def test_what_nobody_gave_a_value_for_is_counted_and_refused(world: RowWorld) -> None:
    world.sql("UPDATE avatars SET name = NULL WHERE id > 2")
    nameless = FillNulls.model_validate({**FILL.parameters, "given": ""})
    assert nameless.without == ("name",)
    with pytest.raises(Failed) as raised:
        planned(nameless, world.target())
    assert "2 rows of avatars have no name, and the schema no constant default; nothing was changed" in str(
        raised.value
    )
    assert """--var 'values={"name": "…"}'""" in str(raised.value)
    world.sql("UPDATE avatars SET name = 'n'")
    assert planned(nameless, world.target())


def test_what_a_person_gives_goes_before_the_default_and_is_no_sql(world: RowWorld) -> None:
    given = json.dumps({"sourceType": "'; DROP TABLE avatars; --"})
    carry_out(FillNulls.model_validate({**FILL.parameters, "given": given}), world.target(), [])
    assert "2 b '; DROP TABLE avatars; -- A" in filled(world)


def test_more_rows_than_expected_are_refused(world: RowWorld) -> None:
    few = FillNulls.model_validate({**FILL.parameters, "expect": {"rows": "1..2"}})
    with pytest.raises(Failed, match=r"3 rows of avatars are meant, expected are 1\.\.2"):
        planned(few, world.target())


@pytest.mark.parametrize("given", ['{"name": null}', "[]", "{", '"x"', '{"name"}'])
def test_what_is_no_value_for_columns_is_refused_at_load(given: str) -> None:
    with pytest.raises(ValidationError):
        FillNulls.model_validate({**FILL.parameters, "given": given})


@pytest.mark.parametrize(
    "other",
    [
        SetNotNull(table="avatars", columns=["sourceType"]),
        AddColumns(table="avatars", columns=[NewColumn(name="persona", type="TEXT")]),
    ],
    ids=lambda action: action.kind,
)
def test_the_way_back_of_other_steps_bears_a_ledger_with_rows_in_it(world: RowWorld, other: Action) -> None:
    before = world.fingerprint()
    filled_in: list[Undo] = []
    carry_out(FILL, world.target(), filled_in)
    undos: list[Undo] = []
    carry_out(other, world.target(), undos)
    for undo in undos:
        other.undo(world.target().scoped(fresh_token()), undo)
    for undo in reversed(filled_in):
        FILL.undo(world.target().scoped(fresh_token()), undo)
    assert world.fingerprint() == before
