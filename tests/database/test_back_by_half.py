"""A fix of several batches is put back whole or not at all: what somebody wrote in one of them keeps all of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from remediate.journal import Journal
from remediate.masking import Masker
from remediate.model import Outcome
from remediate.rollback import Rollback

from ..engine.conftest import Rehearsal  # noqa: TID252  (no package is installed for tests)
from ..engine.test_resumption import confirmed  # noqa: TID252
from .test_row_laws import RowWorld, shared, world
from .test_rows_killed import RunnerTarget

__all__ = ["shared", "world"]
BEGINNING = """
CREATE TABLE avatars (id text PRIMARY KEY, name text);
INSERT INTO avatars (id) SELECT 'a' || n FROM generate_series(1, 6) AS n;
CREATE TABLE projects (id text PRIMARY KEY, lead text REFERENCES projects);
CREATE TABLE uses (project text REFERENCES projects);
"""
PLAYBOOK = """
name: two-files
title: Rows without a name
on: backend
diagnose:
  - name: all is as it should be
    sql.query: {{sql: "{look}", expect: {{none: true}}}}
fix:
  - name: mend it
    {action}
verify:
  - name: all is as it should be
    sql.query: {{sql: "{look}", expect: {{none: true}}}}
within: 1s
stable: 0s
"""
EXPECT = "expect: {rows: 1..10}, batch: 2"
WITHOUT = f"table: avatars, where: [{{column: name, operator: is null}}], {EXPECT}"
UPDATE = (f"sql.update_rows: {{{WITHOUT}, set: {{name: unknown}}}}", "SELECT FROM avatars WHERE name IS NULL")
DELETE = (f"sql.delete_rows: {{{WITHOUT}}}", "SELECT FROM avatars WHERE name IS NULL")
ROWS = "[{id: p1, lead: p1}, {id: p2, lead: p1}, {id: p3, lead: p1}, {id: p4, lead: p3}]"
INSERT = (
    f"sql.insert_rows: {{table: projects, rows: {ROWS}, {EXPECT}}}",
    "SELECT WHERE NOT EXISTS (SELECT FROM projects)",
)


@pytest.fixture
def rehearsal(world: RowWorld, tmp_path: Path) -> Iterator[Rehearsal]:
    world.beginning = BEGINNING
    world.reset()
    with Journal.open(tmp_path / "state", Masker()) as journal:
        yield Rehearsal(tmp_path, world, journal)  # type: ignore[arg-type]


def run(world: RowWorld, rehearsal: Rehearsal, mended: tuple[str, str]) -> None:
    action, look = mended
    rehearsal.write_playbook(PLAYBOOK.format(action=action, look=look))
    host_run = rehearsal.host_run(RunnerTarget(world.reach))
    assert host_run.carry_out(host_run.look()).outcome is Outcome.FIXED
    assert int(world.sql("SELECT count(*) FROM remediate.ledger")) > 1


def taken_back(world: RowWorld, rehearsal: Rehearsal) -> str:
    way_back = Rollback(RunnerTarget(world.reach), rehearsal.runner)  # type: ignore[arg-type]
    return way_back.pay(confirmed(rehearsal).fixes).problem  # type: ignore[union-attr]


def kept(world: RowWorld) -> str:
    return world.sql("SELECT (r.*)::text FROM remediate.rows AS r ORDER BY 1") + world.sql(
        "SELECT (l.*)::text FROM remediate.ledger AS l ORDER BY 1"
    )


@pytest.mark.parametrize(
    ("mended", "meanwhile", "named", "mend"),
    [
        (
            UPDATE,
            "UPDATE avatars SET name = 'theirs' WHERE id IN ('a1', 'a6')",
            "2 rows of public.avatars are no longer as this run left them: id a1; id a6",
            "UPDATE avatars SET name = 'unknown'",
        ),
        (
            DELETE,
            "INSERT INTO avatars VALUES ('a2', 'theirs')",
            "1 row of public.avatars is no longer deleted: somebody made them anew: id a2",
            "DELETE FROM avatars",
        ),
        (
            INSERT,
            "INSERT INTO uses VALUES ('p1')",
            "1 row of public.projects is no longer without anything that refers to them: id p1",
            "DELETE FROM uses",
        ),
    ],
    ids=["update", "delete", "insert"],
)
def test_what_somebody_wrote_in_one_batch_keeps_all_of_them_from_being_put_back(
    world: RowWorld, rehearsal: Rehearsal, count, mended, meanwhile: str, named: str, mend: str
) -> None:
    before = world.fingerprint()
    run(world, rehearsal, mended)
    world.sql(meanwhile)
    theirs, images = world.fingerprint(), kept(world)
    assert named in taken_back(world, rehearsal)
    assert (world.fingerprint(), kept(world)) == (theirs, images)
    world.sql(mend)
    assert taken_back(world, rehearsal) == ""
    assert world.fingerprint() == before
    count("undo to the letter", 1, 1)
