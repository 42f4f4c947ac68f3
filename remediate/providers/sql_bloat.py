"""The checks `sql.bloat` and `sql.stale_statistics`: what nobody vacuumed or analyzed. Estimates; changes nothing."""

from typing import ClassVar

from pydantic import Field

from remediate.model import Finding
from remediate.promise import Need
from remediate.providers.sql_statistics import FIGURES, HOLDING_BACK, Figures, figures_in, held_back_by
from remediate.questions import Answers
from remediate.steps import Check, Questions, Step

LONG = 300.0
"""Seconds from which on an open transaction is told to keep dead rows from being taken away."""


def has_too_many_dead(one: Figures, dead_rows: int, dead_percent: float) -> bool:
    """Tell whether a table has more dead rows than it may, both counted and against the live ones."""
    return one.dead >= dead_rows and one.dead_percent >= dead_percent


def is_stale(one: Figures, changed_rows: int, changed_percent: float) -> bool:
    """Tell whether what the planner knows of a table is of another time."""
    if not one.analyzed:
        return one.live >= changed_rows
    return one.changed >= max(changed_rows, changed_percent / 100 * one.live)


class Bloat(Check):
    """Whether tables have many dead rows, by the server's own counters: an estimate, and no measure of its files.

    Rows count as dead from the moment they are deleted or updated until vacuum has taken them away. It names who keeps
    vacuum from doing so. Facts: `tables` (names).
    """

    kind: ClassVar[str] = "sql.bloat"
    tells: ClassVar[str] = (
        "Looks, by the server's own counters, whether a table has more than {dead_rows} dead rows that "
        "are more than {dead_percent} % of it, and who keeps them from being taken away"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    dead_rows: int = Field(default=10_000, ge=1, description="From how many dead rows on a table counts …")
    dead_percent: float = Field(
        default=20.0, ge=0, le=100, description="… if they are so much of all its rows."
    )

    def ask(self) -> Questions:
        """Ask for the figures, and who keeps dead rows where they are."""
        return (FIGURES, HOLDING_BACK)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare what was counted with what may be."""
        del first
        tables = figures_in(now[FIGURES]).values()
        wrong = [one for one in tables if has_too_many_dead(one, self.dead_rows, self.dead_percent)]
        worst = max(wrong, key=lambda one: one.dead, default=None)
        if worst is None:
            return Finding(
                healthy=True, seen=f"{len(tables)} tables, none with many dead rows", facts={"tables": []}
            )
        held = held_back_by(now.raw(HOLDING_BACK), LONG)
        return Finding(
            healthy=False,
            seen=f"many dead rows in {_named(wrong)} (an estimate)",
            evidence=(*(one.of_dead_rows for one in wrong), *filter(None, [held])),
            facts={"tables": [one.name for one in wrong]},
        )


class StaleStatistics(Check):
    """Whether the planner goes by figures of tables that have changed much since, or by none at all.

    Facts: `tables` (names).
    """

    kind: ClassVar[str] = "sql.stale_statistics"
    tells: ClassVar[str] = (
        "Looks whether the planner goes by old figures: for tables of which more than {changed_rows} "
        "rows, and more than {changed_percent} %, changed since they were counted, or which were never "
        "counted"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.DATABASE,)
    changed_rows: int = Field(
        default=1_000, ge=1, description="From how many changed rows on a table counts …"
    )
    changed_percent: float = Field(default=20.0, ge=0, description="… if they are so much of its rows.")

    def ask(self) -> Questions:
        """Ask for the figures."""
        return (FIGURES,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare what changed with what may have."""
        del first
        tables = figures_in(now[FIGURES]).values()
        wrong = [one for one in tables if is_stale(one, self.changed_rows, self.changed_percent)]
        told = (
            f"stale statistics of {_named(wrong)}"
            if wrong
            else f"{len(tables)} tables, no statistics are stale"
        )
        return Finding(
            healthy=not wrong,
            seen=told,
            evidence=tuple(one.of_changed_rows for one in wrong),
            facts={"tables": [one.name for one in wrong]},
        )


def _named(tables: list[Figures]) -> str:
    return ", ".join(one.name for one in tables)


STEPS: tuple[type[Step], ...] = (Bloat, StaleStatistics)
