"""The way back from columns of a large table: renamed, saved, dropped; cut anywhere, it goes on where it was."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from remediate.errors import Conflict, Lost
from remediate.model import Undo
from remediate.providers import column_leaving
from remediate.target import DatabaseChange

from ..laws.laws import LAWS, carry_out, fresh_token  # noqa: TID252  (no package is installed for tests)
from .test_add_columns import (
    ACTION,
    CATALOGUE,
    COLUMNS,
    AddColumns,
    DatabaseTarget,
    DatabaseWorld,
    OvertakenTarget,
    world,
)

__all__ = ["world"]
FEW = AddColumns(table="avatars", columns=COLUMNS[:4])
WRITTEN = """UPDATE avatars SET "personaName" = 'it''s', "usageCount" = 7 WHERE id = 'b'"""
SAVED = """SELECT key ->> 'id', columns ->> 'personaName', columns ->> 'usageCount',
 (SELECT count(*) FROM jsonb_object_keys(columns)) FROM remediate.saved"""


@pytest.fixture(autouse=True)
def every_table_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_leaving, "LARGE", 0)


@pytest.mark.parametrize("law", LAWS[2:4], ids=lambda law: law.__name__)
def test_the_laws_of_the_way_back_hold(world: DatabaseWorld, law: Callable[..., None]) -> None:
    law(ACTION, world, CATALOGUE)


@dataclass
class CutTarget(DatabaseTarget):
    """A target whose link breaks at its nth change: before it is sent, or when it has been committed."""

    cut_at: int = 0
    after: bool = False

    def change_database(self, change: DatabaseChange) -> bool:
        cut = self.count[0] + 1 == self.cut_at
        if cut and not self.after:
            self.count[0] += 1
            raise Lost(self.name, "cut", "")
        committed = super().change_database(change)
        if cut:
            raise Lost(self.name, "cut", "")
        return committed


def added(world: DatabaseWorld) -> Undo:
    undos: list[Undo] = []
    carry_out(FEW, world.target(), undos)
    return undos[0]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("cut_at", [1, 2, 3])
def test_cut_anywhere_and_walked_again_all_is_gone_and_what_was_written_saved_once(
    world: DatabaseWorld, cut_at: int, after: bool
) -> None:
    before, undo = world.fingerprint(), added(world)
    world.sql(WRITTEN)
    with pytest.raises(Lost):
        FEW.undo(CutTarget(world.reach, fresh_token(), cut_at=cut_at, after=after), undo)
    for _ in range(2):
        FEW.undo(world.target().scoped(fresh_token()), undo)
    assert world.fingerprint() == before
    assert world.sql(SAVED) == "b|it's|7|4"


def test_a_second_run_that_adds_what_a_first_left_aside_is_taken_back_with_it(world: DatabaseWorld) -> None:
    before, first = world.fingerprint(), added(world)
    with pytest.raises(Lost):
        FEW.undo(CutTarget(world.reach, fresh_token(), cut_at=2), first)
    second = added(world)
    world.sql(WRITTEN)
    FEW.undo(world.target().scoped(fresh_token()), second)
    FEW.undo(world.target().scoped(fresh_token()), first)
    assert world.fingerprint() == before
    assert world.sql(SAVED) == "b|it's|7|4"


def test_the_table_is_read_while_others_read_and_write_it(world: DatabaseWorld) -> None:
    undo = added(world)
    steps = 0

    def look() -> None:
        nonlocal steps
        steps += 1
        if steps == 2:  # the columns stand aside: for everybody else they are gone, and all else goes on
            world.sql("INSERT INTO avatars (id, name) VALUES ('c', 'three'); SELECT name FROM avatars")
            names = world.sql("SELECT attname FROM pg_attribute WHERE attrelid = 'avatars'::regclass")
            assert "personaName" not in names

    FEW.undo(OvertakenTarget(world.reach, fresh_token(), meanwhile=look), undo)
    assert steps == 3
    assert world.sql("SELECT count(*) FROM avatars") == "3"


def test_what_is_built_between_the_look_and_the_renaming_is_noticed_too(world: DatabaseWorld) -> None:
    undo = added(world)
    index = 'CREATE INDEX IF NOT EXISTS used ON avatars ("usageCount")'
    target = OvertakenTarget(world.reach, fresh_token(), meanwhile=lambda: world.sql(index))
    with pytest.raises(Conflict, match=r"avatars\.usageCount is used by .*index used"):
        FEW.undo(target, undo)
    assert world.sql("SELECT count(\"usageCount\"), to_regclass('used') FROM avatars") == "2|used"
