"""The command forget: what a run keeps of rows goes when its time is over, and the run says so ever after."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from remediate.cli.forgetting import DAY, Wish, forget_on
from remediate.errors import Failed
from remediate.model import Outcome
from remediate.providers.postgres import AddColumns, NewColumn
from remediate.rollback import Rollback

from ..engine.conftest import Rehearsal  # noqa: TID252  (no package is installed for tests)
from ..laws.laws import planned  # noqa: TID252
from .test_row_laws import RowWorld, shared, world
from .test_rows_killed import RunnerTarget, names, rehearsal

__all__ = ["rehearsal", "shared", "world"]
HOST = SimpleNamespace(name="memory")
MONTH = Wish(30 * DAY, "30d")


@dataclass
class Forgetting:
    """A session, as far as forgetting needs one."""

    world: RowWorld
    rehearsal: Rehearsal
    reason: str = ""

    def __post_init__(self) -> None:
        self.run, self.journal, self.runner = (
            self.rehearsal.run,
            self.rehearsal.journal,
            self.rehearsal.runner,
        )

    def target(self, host: Any, machine: str) -> RunnerTarget:
        del host, machine
        return RunnerTarget(self.world.reach)

    def forget(self, wish: Wish) -> str:
        return forget_on(self, HOST, wish)  # type: ignore[arg-type]


@pytest.fixture
def cured(world: RowWorld, rehearsal: Rehearsal) -> Forgetting:
    run = rehearsal.host_run(RunnerTarget(world.reach))
    assert run.carry_out(run.look()).outcome is Outcome.FIXED
    return Forgetting(world, rehearsal)


def kept(opened: Forgetting) -> str:
    return opened.world.sql("SELECT count(*) FROM remediate.rows")


def test_what_is_younger_than_its_retention_stays(cured: Forgetting) -> None:
    with pytest.raises(
        Failed, match=r"4 rows are kept since .* are to be kept for 30d; nothing was removed; --now"
    ):
        cured.forget(MONTH)
    assert kept(cured) == "4"
    assert "forgetting" not in [entry.kind for entry in cured.journal.entries()]


def test_what_is_older_goes_and_the_audit_log_says_so_before_and_after(cured: Forgetting) -> None:
    cured.world.sql("UPDATE remediate.rows SET at = now() - interval '31 days'")
    assert cured.forget(MONTH) == "4 rows as they were are removed; the run can no longer be rolled back here"
    assert kept(cured) == "0"
    told = [(one.kind, one.body["why"]) for one in cured.journal.entries() if one.kind.startswith("forg")]
    assert told == [("forgetting", "kept for more than 30d"), ("forgotten", "kept for more than 30d")]
    assert cured.forget(MONTH) == "nothing is kept of it in the database"


def test_a_rollback_afterwards_says_why_it_cannot_and_touches_nothing(cured: Forgetting) -> None:
    cured.reason = "asked for by its owner"
    cured.forget(Wish(0.0, "now"))
    settled = Rollback(RunnerTarget(cured.world.reach), cured.runner).pay()
    assert "the rows as they were are no longer kept: removed at " in settled.problem
    assert "(asked for by its owner)" in settled.problem
    assert names(cured.world) == "unknown unknown unknown unknown"


def test_another_runs_rows_stay(cured: Forgetting) -> None:
    cured.world.sql("UPDATE remediate.rows SET run = 'else' WHERE number = 1")
    assert cured.forget(Wish(0.0, "now")).startswith("2 rows")
    assert kept(cured) == "2"
    cured.run = "20261122-000000-none"
    assert cured.forget(Wish(0.0, "now")) == "nothing is kept of it in the database"


def test_values_of_columns_that_a_way_back_dropped_go_too(cured: Forgetting) -> None:
    action = AddColumns(table="avatars", columns=[NewColumn(name="note", type="TEXT")])
    target = RunnerTarget(cured.world.reach).scoped(f"{cured.run}/9.1")
    (change,) = planned(action, target)
    undo = action.snapshot(target, change)
    action.apply(target, change)
    cured.world.sql("UPDATE avatars SET note = 'personal' WHERE id = (SELECT min(id) FROM avatars)")
    action.undo(target.scoped(f"{cured.run}/9.2"), undo)
    assert (
        cured.world.sql("SELECT run, columns FROM remediate.saved") == f'{cured.run}|{{"note": "personal"}}'
    )
    cured.world.sql(
        "INSERT INTO remediate.saved (relation, run, key, columns) VALUES ('t', 'else', '{}', '{}')"
    )
    with pytest.raises(Failed, match="4 rows and values of dropped columns of 1 rows are kept since"):
        cured.forget(MONTH)
    assert cured.forget(Wish(0.0, "now")).startswith(
        "4 rows and values of dropped columns of 1 rows as they were"
    )
    assert cured.world.sql("SELECT run FROM remediate.saved") == "else"
    assert cured.forget(MONTH) == "nothing is kept of it in the database"


def test_where_nothing_was_ever_kept_nothing_is_removed(world: RowWorld, rehearsal: Rehearsal) -> None:
    assert Forgetting(world, rehearsal).forget(MONTH) == "nothing is kept of it in the database"
    assert world.sql("SELECT to_regnamespace('remediate') IS NULL") == "t"
