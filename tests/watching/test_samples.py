"""One look at a host: all questions in one round trip, and what they come to."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from remediate.catalogue import CATALOGUE
from remediate.clock import Clock
from remediate.errors import CouldNotLook, Unreachable
from remediate.inventory import Inventory
from remediate.inventory.watch import WatchText
from remediate.playbook import load_playbook
from remediate.procedure import Procedure
from remediate.questions import Answers, FetchAnswer, ReadAnswer, RunAnswer, Unanswered
from remediate.watching.access_log import REQUESTS_SCRIPT, Requests
from remediate.watching.readings import Reading
from remediate.watching.samples import SPENT, Sampling
from tests.watching.conftest import Hand

TOOL = """
name: health
title: Health
kind: tool
on: backend
diagnose:
  - name: it answers
    http.ok: {path: /health}
stable: 3s
"""
DISK = "1000 4000 4096 10 100\0/srv\0"


class Asked:
    """A host that answers what a test words, and keeps what it was asked."""

    def __init__(self, status: int = 200) -> None:
        self.status, self.trips, self.away = status, [], False
        self.says = {REQUESTS_SCRIPT: "40 2 40 8.000\n", SPENT.script: "cpu 100 0 50 800 50 0 0 0 0 0\n"}

    def answer(self, questions: Iterable) -> Answers:
        asked = tuple(questions)
        self.trips.append(asked)
        if self.away:
            raise Unreachable("web1", "no route to host")
        return Answers({one: self._one(one) for one in asked}, "web1")

    def _one(self, one):
        if one.kind == "fetch":
            return FetchAnswer(status=self.status, body=b"{}", seconds=0.1)
        if one.kind == "read":
            return ReadAnswer(exists=False)
        if one.script in self.says:
            return RunAnswer(exit_code=0, stdout=self.says[one.script].encode())
        if "stat -f" in one.script:
            return RunAnswer(exit_code=0, stdout=DISK.encode())
        return Unanswered(reason="nobody knows")


@pytest.fixture
def health(tmp_path: Path):
    path = tmp_path / "health.yml"
    path.write_text(TOOL)
    return load_playbook(path, CATALOGUE)


@pytest.fixture
def look(inventory: Callable[..., Inventory], health, hand: Hand):
    slept: list[float] = []

    def with_(asked: Asked, watch: WatchText | None = None, host: str = "web1", **more) -> Reading:
        lab = inventory()
        (one,) = lab.select([host])
        bound = Procedure(health, health.scope(one.scope, {}), "lab") if one.group == "backend" else None
        clock = Clock(lambda: hand.wall, lambda: hand.stopwatch, slept.append)
        return Sampling(one, watch or lab.watch, bound, clock, more.pop("ask", refuse)).look(asked, **more)

    with_.slept = slept
    return with_


def refuse(*_: object) -> Requests:
    raise CouldNotLook("prometheus", "is away")


def test_all_is_asked_in_one_go_and_only_the_health_check_again(look) -> None:
    asked = Asked()
    seen = look(asked)
    assert [len(trip) for trip in asked.trips] == [6, 1]
    assert look.slept == [3.0]
    assert seen.requests == Requests(40, 2, 40, 8.0)
    assert seen.free_percent == 25.0
    assert seen.spent
    assert (seen.spent.busy, seen.spent.total) == (150, 1000)
    assert seen.health
    assert seen.health.healthy
    assert seen.database
    assert not seen.database.healthy, "there is no .env that could let it in"


def test_only_requests_since_it_was_last_worked_at_are_asked_for(look) -> None:
    for quiet_for, within in ((None, "300"), (12.0, "12"), (4000.0, "300")):
        asked = Asked()
        assert look(asked, quiet_for=quiet_for).cut_short is (quiet_for == 12.0)
        (question,) = [one for one in asked.trips[0] if getattr(one, "script", "") == REQUESTS_SCRIPT]
        assert question.args[:2] == ("~/.pm2/logs/lumiku-backend-out.log", within)


def test_what_is_wrong_is_told_and_what_cannot_be_seen_is_not_taken_for_well(look) -> None:
    asked = Asked(status=500)
    del asked.says[REQUESTS_SCRIPT], asked.says[SPENT.script]
    seen = look(asked)
    assert seen.health
    assert "it answers: GET /health: 500 instead of 200" in seen.health.seen
    assert (seen.requests, seen.spent) == (None, None)
    assert set(seen.unseen) == {"errors", "slow", "cpu"}


def test_a_host_that_cannot_be_reached_is_not_well(look) -> None:
    asked = Asked()
    asked.away = True
    seen = look(asked)
    assert seen.health
    assert (seen.health.healthy, seen.health.seen) == (False, "no route to host")
    assert seen.unseen["disk"] == "no route to host"


def test_a_rule_that_is_off_asks_nothing(look) -> None:
    off = dict.fromkeys(("errors", "slow", "database", "disk", "cpu", "health"))
    asked = Asked()
    seen = look(asked, WatchText.model_validate({"rules": off}))
    assert asked.trips == [()]
    assert (seen.requests, seen.free_percent, seen.spent, seen.database, seen.health) == (None,) * 5


def test_a_host_without_an_app_is_asked_for_what_every_host_has(look) -> None:
    asked = Asked()
    seen = look(asked, host="little")
    assert (seen.free_percent, seen.requests, seen.health, seen.database) == (25.0, None, None, None)
    assert len(asked.trips[0]) == 2


def test_prometheus_is_asked_instead_of_the_log_where_the_inventory_says_so(look) -> None:
    numbers = {"total": "a", "failed": "b", "seconds": "c"}
    watch = WatchText.model_validate(
        {"requests": {"prometheus": numbers}, "prometheus": {"url": {"env": "PROMETHEUS"}}}
    )
    told: list[tuple] = []

    def ask(queries, scope, window) -> Requests:
        told.append((queries.total, scope["host"]["name"], window))
        return Requests(1, 1, 1, 1)

    asked = Asked()
    assert look(asked, watch, ask=ask, quiet_for=30.0).requests == Requests(1, 1, 1, 1)
    assert told == [("a", "web1", 30.0)]
    assert REQUESTS_SCRIPT not in {getattr(one, "script", "") for one in asked.trips[0]}
    assert look(Asked(), watch, ask=refuse).unseen["errors"] == "is away"
