"""The laws of `sql.foreign_key` over a real PostgreSQL, and what no general law says of it."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from remediate.errors import Conflict, Failed
from remediate.model import Undo, WayBack
from remediate.providers.catalog_keys import FOREIGN_KEYS, referring_tables_in
from remediate.providers.foreign_key_compare import compared_foreign_keys
from remediate.providers.postgres_foreign_key import STEPS, MakeForeignKey
from remediate.transport.database_door import DatabaseSettings

from ..laws.laws import LAWS, carry_out, fresh_token, planned  # noqa: TID252  (no package is installed for tests)
from .test_add_columns import DatabaseWorld, OvertakenTarget

CATALOGUE = {step.kind: step for step in STEPS}
BEGINNING = """
CREATE TABLE projects (id text PRIMARY KEY, "userId" text, code int, UNIQUE (id, code), spare text);
CREATE TABLE avatars (id text PRIMARY KEY, "projectId" text, code int, parent text, "odd ""100%% name" text);
INSERT INTO projects SELECT n, 'u', n FROM generate_series(1, 9) AS n;
INSERT INTO avatars SELECT n, n % 9 + 1, NULL, NULL, '1' FROM generate_series(1, 100) AS n;
"""
KEY = {"columns": ["projectId"], "references": "projects", "on_delete": "cascade"}
BOTH = {
    "columns": ["projectId", "code"],
    "references": "projects",
    "referenced": ["id", "code"],
    "name": "it's",
}
ODD = {
    "columns": ['odd "100%% name'],
    "references": "projects",
    "on_delete": "SET NULL",
    "on_update": "NO ACTION",
}
SELF = {"columns": ["parent"], "references": "avatars"}
OLD = """ALTER TABLE avatars ADD CONSTRAINT old FOREIGN KEY ("projectId") REFERENCES projects (id)
 ON DELETE RESTRICT ON UPDATE CASCADE"""


def action(*keys: dict[str, object], table: str = "avatars") -> MakeForeignKey:
    return MakeForeignKey.model_validate({"table": table, "foreign_keys": list(keys)})


@pytest.fixture(scope="module")
def shared(cluster) -> str:
    return cluster.new_database()


@pytest.fixture
def world(cluster, shared: str, open_database) -> DatabaseWorld:
    quick = DatabaseSettings(tries=2, lock=0.5)
    made = DatabaseWorld(
        cluster, shared, open_database(cluster.url(shared), settings=quick, sleep=lambda _: None), BEGINNING
    )
    made.reset()
    return made


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize(
    ("keys", "before"),
    [
        ((KEY, BOTH, ODD, SELF), ""),
        ((KEY,), f"{OLD};"),
        ((KEY,), f"{OLD} DEFERRABLE INITIALLY DEFERRED NOT VALID;"),
        (({**KEY, "name": "new name"},), f"{OLD};"),
        (({**KEY, "on_delete": "restrict"},), f"{OLD} NOT VALID;"),
    ],
    ids=["none", "another rule", "another rule, not valid", "another rule and name", "not valid"],
)
def test_every_law_holds_on_a_real_database(world: DatabaseWorld, law, keys, before) -> None:
    world.beginning += before
    world.reset()
    law(action(*keys), world, CATALOGUE)


def test_the_plan_is_what_runs_and_checks_rows_in_a_transaction_of_its_own(world: DatabaseWorld) -> None:
    making = action(KEY, ODD)
    changes = planned(making, world.target())
    assert [change.script for change in changes] == [
        (
            'ALTER TABLE "public"."avatars" ADD CONSTRAINT "avatars_projectId_fkey" FOREIGN KEY ("projectId")'
            ' REFERENCES "public"."projects" ("id") ON DELETE CASCADE ON UPDATE CASCADE NOT VALID;'
        ),
        'ALTER TABLE "public"."avatars" VALIDATE CONSTRAINT "avatars_projectId_fkey";',
        (
            'ALTER TABLE "public"."avatars" ADD CONSTRAINT "avatars_odd ""100%% name_fkey" FOREIGN KEY'
            ' ("odd ""100%% name") REFERENCES "public"."projects" ("id") ON DELETE SET NULL ON UPDATE NO ACTION'
            " NOT VALID;"
        ),
        'ALTER TABLE "public"."avatars" VALIDATE CONSTRAINT "avatars_odd ""100%% name_fkey";',
    ]
    assert {change.way_back for change in changes} == {WayBack.EXACT}
    add, validate = changes[0].notes, changes[1].notes
    assert add[0].startswith("lock: SHARE ROW EXCLUSIVE on both tables (reads go on, writes wait)")
    assert "from then on deleting a row of projects deletes its rows of avatars, for good" in add
    assert validate[0].startswith(
        "lock: SHARE UPDATE EXCLUSIVE on the table, ROW SHARE on the one it refers to"
    )
    assert any(note.startswith("projects: live size: ") for note in add)
    carry_out(making, world.target(), [])
    there = referring_tables_in(world.target().answer((FOREIGN_KEYS,))[FOREIGN_KEYS])["avatars"]
    compared = compared_foreign_keys("avatars", making.foreign_keys, there)
    assert compared.healthy
    assert compared.evidence() == ()


def test_one_of_another_rule_is_replaced_in_one_statement_and_keeps_its_name(world: DatabaseWorld) -> None:
    world.sql(f"{OLD} DEFERRABLE INITIALLY DEFERRED")
    change, _ = planned(action(KEY), world.target())
    assert change.what == "change the foreign key old of avatars to ON DELETE CASCADE ON UPDATE CASCADE"
    assert change.script.startswith(
        'ALTER TABLE "public"."avatars" DROP CONSTRAINT "old", ADD CONSTRAINT "old" '
    )
    assert change.notes[0].startswith("until now: FOREIGN KEY")
    assert change.notes[1].startswith("lock: ACCESS EXCLUSIVE on both tables")
    carry_out(action(KEY), world.target(), [])
    definition = "SELECT pg_get_constraintdef(oid), convalidated FROM pg_constraint WHERE conname = 'old'"
    assert world.sql(definition) == (
        'FOREIGN KEY ("projectId") REFERENCES projects(id) ON UPDATE CASCADE ON DELETE CASCADE DEFERRABLE'
        " INITIALLY DEFERRED|t"
    )


def test_one_that_means_the_same_is_left_alone_whatever_it_is_called(world: DatabaseWorld) -> None:
    world.sql(OLD)
    assert planned(action({**KEY, "on_delete": "RESTRICT", "name": "other"}), world.target()) == ()


def test_rows_that_refer_to_nothing_are_counted_and_nothing_is_changed(world: DatabaseWorld) -> None:
    world.sql(
        "UPDATE avatars SET \"projectId\" = 'gone' WHERE id IN ('3', '4');"
        "UPDATE avatars SET \"projectId\" = NULL WHERE id = '5'"
    )
    with pytest.raises(Failed, match="2 rows of avatars refer to nothing in projects; nothing was changed"):
        planned(action(KEY), world.target())


def test_a_row_that_comes_meanwhile_and_refers_to_nothing_leaves_it_not_valid_to_be_taken_back(
    world: DatabaseWorld,
) -> None:
    before, making, undos = world.fingerprint(), action(KEY), list[Undo]()
    add, validate = planned(making, world.target())
    world.sql("INSERT INTO avatars VALUES ('new', 'nobody')")
    for change in (add, validate):
        scoped = world.target().scoped(fresh_token())
        undos.append(making.snapshot(scoped, change))
        if change is add:
            making.apply(scoped, change)
            continue
        with pytest.raises(Failed, match="23503"):
            making.apply(scoped, change)
    for undo in reversed(undos):
        making.undo(world.target().scoped(fresh_token()), undo)
    world.sql("DELETE FROM avatars WHERE id = 'new'")
    assert world.fingerprint() == before


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ({**KEY, "references": "nope"}, "there is no table nope in the app's schema"),
        ({**KEY, "referenced": ["spare"]}, "spare of projects is not unique, so nothing can refer to it"),
        ({**KEY, "name": "taken"}, "taken on avatars is another foreign key"),
    ],
)
def test_what_cannot_be_made_is_refused_while_planning(world: DatabaseWorld, key, said) -> None:
    world.sql(
        "ALTER TABLE avatars ADD CONSTRAINT taken FOREIGN KEY (parent) REFERENCES avatars; UPDATE projects"
        " SET spare = id; CREATE INDEX ON projects (spare)"
    )
    with pytest.raises(Failed) as raised:
        planned(action(key), world.target())
    assert said in str(raised.value)


def test_a_table_that_is_not_there_is_refused(world: DatabaseWorld) -> None:
    with pytest.raises(Failed, match="there is no table nope"):
        planned(action(KEY, table="nope"), world.target())


def test_one_whose_kind_could_not_be_made_again_is_refused(world: DatabaseWorld) -> None:
    world.sql(
        'ALTER TABLE avatars ADD CONSTRAINT full_one FOREIGN KEY ("projectId", code) REFERENCES projects (id, code)'
        " MATCH FULL NOT VALID"
    )
    with pytest.raises(Failed, match="full_one on avatars is of a kind that this action does not make anew"):
        planned(action(BOTH), world.target())


@pytest.mark.parametrize("wrong", [{"columns": []}, {"on_delete": "EXPLODE"}, {"referenced": ["a", "b"]}])
def test_what_is_no_foreign_key_is_refused_at_load(wrong) -> None:
    with pytest.raises(ValidationError):
        action({**KEY, **wrong})


def applied(world: DatabaseWorld, making: MakeForeignKey) -> list[Undo]:
    undos: list[Undo] = []
    carry_out(making, world.target(), undos)
    return undos


def undo_all(world: DatabaseWorld, making: MakeForeignKey, undos: list[Undo]) -> None:
    for undo in reversed(undos):
        making.undo(world.target().scoped(fresh_token()), undo)


NAME = '"avatars_projectId_fkey"'
ANEW = f'ADD CONSTRAINT {NAME} FOREIGN KEY ("projectId") REFERENCES projects ON UPDATE CASCADE ON DELETE'


@pytest.mark.parametrize(
    "meanwhile",
    [
        f"DROP CONSTRAINT {NAME}, {ANEW} CASCADE",
        f"DROP CONSTRAINT {NAME}, {ANEW} SET NULL",
        f"RENAME CONSTRAINT {NAME} TO mine",
        f"ALTER CONSTRAINT {NAME} DEFERRABLE",
    ],
)
def test_one_that_somebody_changed_is_left_to_them(world: DatabaseWorld, meanwhile) -> None:
    undos = applied(world, action(KEY))
    world.sql(f"ALTER TABLE avatars {meanwhile}")
    before = world.fingerprint()
    with pytest.raises(Conflict, match="is no longer the foreign key that this run made"):
        undo_all(world, action(KEY), undos)
    assert world.fingerprint() == before


def test_one_that_somebody_dropped_is_not_made_again_where_it_replaced_another(world: DatabaseWorld) -> None:
    world.sql(OLD)
    undos = applied(world, action(KEY))
    world.sql("ALTER TABLE avatars DROP CONSTRAINT old")
    with pytest.raises(Conflict, match="old on avatars is no longer the foreign key that this run made"):
        undo_all(world, action(KEY), undos)


def test_what_somebody_does_between_the_look_and_the_drop_is_noticed_too(world: DatabaseWorld) -> None:
    making = action(KEY)
    undos = applied(world, making)
    rename = f"ALTER TABLE avatars DROP CONSTRAINT IF EXISTS {NAME}, {ANEW} SET NULL"
    target = OvertakenTarget(world.reach, fresh_token(), meanwhile=lambda: world.sql(rename))
    with pytest.raises(Conflict, match="no longer the foreign key that this run made"):
        making.undo(target, undos[0])
    assert world.sql("SELECT confdeltype FROM pg_constraint WHERE contype = 'f'") == "n"


def test_one_that_somebody_else_added_is_not_ours_to_drop(world: DatabaseWorld) -> None:
    applied(world, action(SELF))
    change, validate = planned(action(KEY), world.target())
    world.sql(change.script)
    world.sql(validate.script)
    before = world.fingerprint()
    undo_all(world, action(KEY), [action(KEY).snapshot(world.target(), change)])
    assert world.fingerprint() == before


def test_a_change_that_never_committed_takes_nothing_back_of_an_earlier_run(world: DatabaseWorld) -> None:
    applied(world, action(KEY))
    other = action({**KEY, "on_delete": "SET NULL"})
    change, _ = planned(other, world.target())
    before = world.fingerprint()
    undo_all(world, other, [other.snapshot(world.target(), change)])
    assert world.fingerprint() == before


def test_a_way_back_that_was_cut_before_the_old_one_was_validated_is_finished(world: DatabaseWorld) -> None:
    world.sql(OLD)
    before, undos = world.fingerprint(), applied(world, action(KEY))
    cut = CutTarget(world.reach, fresh_token())
    with pytest.raises(ConnectionError):
        action(KEY).undo(cut, undos[0])
    assert world.sql("SELECT convalidated FROM pg_constraint WHERE conname = 'old'") == "f"
    undo_all(world, action(KEY), undos)
    assert world.fingerprint() == before


class CutTarget(OvertakenTarget):
    """A target that is lost after its first change."""

    def change_database(self, change) -> bool:
        if self.count[0]:
            raise ConnectionError
        return super().change_database(change)

    def scoped(self, token: str) -> "CutTarget":
        return replace(self, token=token, count=[0])


def test_a_plan_costs_one_round_trip(world: DatabaseWorld) -> None:
    planned(action(KEY, BOTH), world.target())
    before = world.reach._trips.database
    planned(action(KEY, BOTH), world.target())
    assert world.reach._trips.database == before + 1
