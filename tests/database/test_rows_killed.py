"""A run over rows that is killed between its batches, in the middle of one, or after it: resumed, and put back."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from remediate.errors import Stale
from remediate.journal import Journal
from remediate.masking import Masker
from remediate.model import Json, Outcome
from remediate.rollback import Rollback
from remediate.target import Lock, Machine, Witness

from ..engine.conftest import Rehearsal  # noqa: TID252  (no package is installed for tests)
from ..engine.test_resumption import Killed, confirmed, killed, resumed  # noqa: TID252
from .test_add_columns import DatabaseTarget
from .test_row_laws import RowWorld, shared, world

__all__ = ["shared", "world"]
PLAYBOOK = """
name: two-files
title: Rows without a name
on: backend
diagnose:
  - name: every row has a name
    sql.nulls: {table: avatars, columns: [name], schema_file: none}
    as: nulls
fix:
  - name: name them
    sql.update_rows:
      table: avatars
      where: [{column: name, operator: is null}]
      set: {name: unknown}
      expect: {rows: 3..10}
      batch: 2
verify:
  - name: nobody is without
    sql.nulls: {table: avatars, columns: [name], schema_file: none}
within: 1s
stable: 0s
"""
BEGINNING = (
    "CREATE TABLE avatars (id int PRIMARY KEY, name text); INSERT INTO avatars SELECT generate_series(1, 4);"
)
POINTS = [(number, moment) for number in range(1, 6) for moment in ("before", "after")]


@dataclass
class RunnerTarget(DatabaseTarget):
    """What an engine wants of a target besides its database."""

    name = "memory"
    login = {"user": "deploy"}
    machine = Machine(id="6d" * 16)

    def stop(self) -> None:
        return

    def forget(self, token_prefix: str) -> None:
        del token_prefix

    def witnesses(self) -> tuple[Witness, ...]:
        return ()

    def keep_witness(self, witness: Witness) -> Witness:
        return witness

    def lock(self) -> Lock | None:
        return None


@dataclass
class MortalTarget(RunnerTarget):
    """A target whose runner dies at its nth transaction: before it is sent, or when it has been committed."""

    kill_at: int = 0
    moment: str = "before"
    made: int = 0

    def scoped(self, token: str) -> "MortalTarget":
        self.token, self.count = token, [0]
        return self

    def change_database(self, change: Any) -> bool:
        self.made += 1
        mortal = self.made == self.kill_at
        if mortal and self.moment == "before":
            raise Killed
        committed = super().change_database(change)
        if mortal:
            raise Killed
        return committed


@pytest.fixture
def rehearsal(world: RowWorld, tmp_path: Path) -> Iterator[Rehearsal]:
    world.beginning = BEGINNING
    world.reset()
    with Journal.open(tmp_path / "state", Masker()) as journal:
        made = Rehearsal(tmp_path, world, journal)  # type: ignore[arg-type]
        made.write_playbook(PLAYBOOK)
        yield made


def names(world: RowWorld) -> str:
    return world.sql("SELECT string_agg(coalesce(name, '-'), ' ' ORDER BY id) FROM avatars")


def carried_on_and_put_back(world: RowWorld, rehearsal: Rehearsal) -> None:
    assert resumed(rehearsal, RunnerTarget(world.reach)).outcome is Outcome.FIXED
    assert names(world) == "unknown unknown unknown unknown"
    assert world.sql("SELECT count(*), count(DISTINCT change) FROM remediate.rows") == "4|2"
    assert world.sql("SELECT count(*) FROM remediate.ledger") == "2"
    assert Rollback(RunnerTarget(world.reach), rehearsal.runner).pay(confirmed(rehearsal).fixes).problem == ""  # type: ignore[arg-type, union-attr]
    assert names(world) == "- - - -"
    assert world.sql("SELECT count(*) FROM remediate.rows") == "0"


@pytest.mark.parametrize(("kill_at", "moment"), POINTS)
def test_killed_at_any_entry_and_resumed_each_batch_is_made_once_and_put_back(
    world: RowWorld, rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch, kill_at: int, moment: str
) -> None:
    monkeypatch.setattr(
        rehearsal,
        "host_run",
        lambda target=None: Rehearsal.host_run(rehearsal, target or RunnerTarget(world.reach)),
    )
    assert killed(rehearsal, kill_at, moment)
    if confirmed(rehearsal) is None:
        assert names(world) == "- - - -"
        return
    carried_on_and_put_back(world, rehearsal)


@pytest.mark.parametrize(("kill_at", "moment"), [(1, "after"), (2, "before"), (2, "after")])
def test_killed_around_a_commit_and_rolled_back_without_resuming(
    world: RowWorld, rehearsal: Rehearsal, kill_at: int, moment: str
) -> None:
    run = rehearsal.host_run(MortalTarget(world.reach, kill_at=kill_at, moment=moment))
    with pytest.raises(Killed):
        run.carry_out(run.look())
    assert names(world) != "- - - -"
    settled = Rollback(RunnerTarget(world.reach), rehearsal.runner).pay(confirmed(rehearsal).fixes)  # type: ignore[union-attr]
    assert (settled.problem, settled.difference) == ("", "")
    assert names(world) == "- - - -"


@pytest.mark.parametrize(
    "meanwhile",
    [
        "UPDATE avatars SET name = 'x' WHERE id = 4",
        "INSERT INTO avatars VALUES (5, NULL)",
        "UPDATE avatars SET id = 9 WHERE id = 1",
    ],
)
def test_a_set_of_rows_that_differs_from_what_was_confirmed_is_stale_and_nothing_is_touched(
    world: RowWorld, rehearsal: Rehearsal, meanwhile: str
) -> None:
    run = rehearsal.host_run(RunnerTarget(world.reach))
    look = run.look()
    world.sql(meanwhile)
    before = world.fingerprint()
    with pytest.raises(Stale, match="run plan again"):
        run.carry_out(look)
    assert world.fingerprint() == before
    assert world.sql("SELECT to_regclass('remediate.rows') IS NULL") == "t"


def test_the_audit_log_holds_no_value_of_a_row(world: RowWorld, rehearsal: Rehearsal) -> None:
    world.sql("ALTER TABLE avatars ADD email text DEFAULT 'someone@example.org'")
    run = rehearsal.host_run(RunnerTarget(world.reach))
    assert run.carry_out(run.look()).outcome is Outcome.FIXED
    kept = b"".join(
        path.read_bytes() for path in rehearsal.folder.joinpath("state").rglob("*") if path.is_file()
    )
    assert b"name them" in kept
    assert b"example.org" not in kept
    assert b"-   name" not in kept
    assert world.sql("SELECT before ->> 'email' FROM remediate.rows LIMIT 1") == "someone@example.org"
    told: Json = [event.model_dump_json() for event in rehearsal.told]
    assert "-   name" not in "".join(told)


FOUND = """
name: two-files
title: Orphans, and rows that are theirs
on: backend
diagnose:
  - name: every avatar's project is there
    sql.orphans: {table: avatars, column: project, parent: {table: projects}, carry: [owner]}
    as: orphans
fix:
  - name: make the lost projects anew
    sql.insert_rows: {table: projects, rows: "{{ found.orphans.parents }}", expect: {rows: 1..10}}
  - name: note it at their avatars
    sql.update_rows:
      table: avatars
      where: [{column: project, operator: in, value: "{{ found.orphans.missing }}"}]
      set: {name: found again}
      expect: {rows: 1..10}
verify: [{name: the same, sql.orphans: {table: avatars, column: project, parent: {table: projects}}}]
within: 1s
stable: 0s
"""


def test_what_a_check_found_says_which_rows_are_made_and_which_are_meant(
    world: RowWorld, rehearsal: Rehearsal
) -> None:
    world.sql(
        "ALTER TABLE avatars ADD project text, ADD owner int; CREATE TABLE projects (id text PRIMARY KEY, owner int);"
        "UPDATE avatars SET project = 'it''s \"' || id / 3, owner = 7; INSERT INTO projects VALUES ('it''s \"0', 7)"
    )
    before = world.fingerprint()
    rehearsal.write_playbook(FOUND)
    run = rehearsal.host_run(RunnerTarget(world.reach))
    assert run.carry_out(run.look()).outcome is Outcome.FIXED
    assert names(world) == "- - found again found again"
    assert world.sql("SELECT owner FROM projects WHERE id = 'it''s \"1'") == "7"
    settled = Rollback(RunnerTarget(world.reach), rehearsal.runner).pay(confirmed(rehearsal).fixes)  # type: ignore[union-attr]
    assert (settled.problem, settled.difference) == ("", "")
    assert world.fingerprint() == before
