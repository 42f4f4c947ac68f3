"""A healer beside others: what is seen of a host while somebody else is changing it counts for nothing."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from remediate.healing.history import INCIDENT
from remediate.healing.others import Others
from remediate.healing.reach import Seen
from remediate.journal import Operator, RunHeader
from remediate.model import Outcome
from tests.healing.test_healer import World, ends, healing, world

__all__ = ["world"]
RUN = "20261123-010101-abcd"


class Other:
    """A run of somebody else on web1, in a world where time passes by itself."""

    def __init__(self, world: World, *, healing: str = "", environment: str = "lab") -> None:
        self.world, self.healing, self.environment = world, healing, environment
        self._held = ExitStack()

    def begin(self) -> None:
        """Begin; a person is asked by now."""
        self._held.enter_context(self.world.journal.hold(RUN))
        header = RunHeader(
            run=RUN, environment=self.environment, hosts=("web1",), healing=self.healing,
            operator=Operator(user="ada", machine="here"),
        )  # fmt: skip
        self.world.journal.begin(header)

    def confirm(self) -> None:
        self.world.journal.append(RUN, "web1", "confirmed", {})

    def end(self, outcome: Outcome = Outcome.FIXED) -> None:
        self.world.journal.ended(RUN, "web1", outcome)
        self.let_go()

    def let_go(self) -> None:
        self._held.close()


@pytest.fixture
def other(world: World) -> Iterator[Other]:
    made = Other(world, healing="heal-2")
    yield made
    made.let_go()


def after(world: World, seconds: float, happens: Callable[[], None]) -> None:
    """Have something happen once that time is over: it is seen whenever somebody looks at the clock."""
    due = world.now + seconds
    done: list[bool] = []

    def tick(now: float) -> None:
        if now >= due and not done:
            done.append(True)
            happens()

    world.ticks.append(tick)


def test_a_fault_that_is_there_in_the_middle_of_anothers_cure_calls_nobody(
    world: World, other: Other
) -> None:
    world.faults["web1"] = {"app-stopped"}

    def ends_well() -> None:
        world.faults["web1"].clear()
        other.end()

    other.begin()
    other.confirm()
    after(world, 30, ends_well)
    healed, told = healing(world, "web1")
    assert (ends(healed), healed.faults, healed.rounds) == (["healthy"], (), 1)
    assert "ruled" not in {event.kind for event in told}


def test_what_is_gone_in_the_middle_of_anothers_cure_is_no_proof(world: World, other: Other) -> None:
    world.faults["web1"] = {"app-stopped"}
    healing(world, "web1")
    world.faults["web1"].clear()

    def is_put_back() -> None:
        world.faults["web1"] = {"app-stopped"}
        other.end(Outcome.ROLLED_BACK)

    other.begin()
    other.confirm()
    after(world, 30, is_put_back)
    healed, _ = healing(world, "web1")
    assert ends(healed) == ["planned"]
    states = [one.body["state"] for one in world.journal.of_kinds({INCIDENT})]
    assert states == ["opened"]


def test_where_the_other_takes_too_long_nobody_says_how_the_host_does(world: World, other: Other) -> None:
    other.begin()
    other.confirm()
    healed, _ = healing(world, "web1", "web2", within=60.0)
    assert ends(healed) == ["blocked", "healthy"]
    assert healed.hosts["web1"].why == f"{RUN} is changing it, and nobody can say yet how it does"


def test_other_hosts_are_cured_meanwhile(world: World, other: Other) -> None:
    world.faults["web2"] = {"vacuum"}
    other.begin()
    other.confirm()
    after(world, 100, other.end)
    began = world.now
    healed, _ = healing(world, "web1", "web2")
    assert world.cured == [("web2", "vacuum")]
    assert healed.faults[0].seconds is not None
    assert healed.faults[0].seconds < 20, "it waited for nobody"
    assert world.now - began > 90, "the first host is not called well before its time"
    assert ends(healed) == ["healthy", "fixed"]


@pytest.mark.parametrize("ended", [True, False])
def test_a_look_that_somebody_began_a_change_under_is_made_again(
    world: World, other: Other, monkeypatch: pytest.MonkeyPatch, *, ended: bool
) -> None:
    look = World.look

    def is_overtaken(self: World, hosts):
        seen = look(self, hosts)
        if self.looks == 1:
            world.faults["web1"].clear()
            other.begin()
            other.confirm()
            if ended:
                other.end()
            else:
                after(world, 5, other.end)
        return seen

    monkeypatch.setattr(World, "look", is_overtaken)
    world.faults["web1"] = {"app-stopped"}
    healed, told = healing(world, "web1")
    assert (ends(healed), healed.faults) == (["healthy"], ())
    assert "chosen" not in {event.kind for event in told}


def test_a_plan_that_somebody_began_a_change_under_is_made_again(
    world: World, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = World.plan
    made: list[str] = []

    def is_overtaken(self: World, playbook, host: str):
        made.append(host)
        cure = plan(self, playbook, host)
        if len(made) == 1:
            other.begin()
            other.confirm()
            after(world, 5, lambda: (world.faults["web1"].clear(), other.end()))
        return cure

    monkeypatch.setattr(World, "plan", is_overtaken)
    world.faults["web1"] = {"app-stopped"}
    healed, told = healing(world, "web1")
    assert ends(healed) == ["healthy"]
    assert world.looks > 1
    assert "ruled" not in {event.kind for event in told}


def test_what_is_gone_in_the_middle_of_anothers_cure_was_not_healthy_on_its_own(
    world: World, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.faults["web1"] = {"vacuum"}
    held = World.held

    def is_overtaken(self: World, host: str) -> str:
        other.begin()
        other.confirm()
        after(world, 5, other.end)
        monkeypatch.setattr(World, "held", held)
        return ""

    def gone(self: World, playbook, host: str):
        world.faults["web1"].clear()
        return plan(self, playbook, host)

    plan = World.plan
    monkeypatch.setattr(World, "held", is_overtaken)
    monkeypatch.setattr(World, "plan", gone)
    healed, told = healing(world, "web1")
    assert (ends(healed), world.looks) == (["healthy"], 2)
    assert "healthy on its own" not in {event.text for event in told}


def test_the_last_look_counts_only_once_the_other_has_ended(
    world: World, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.faults["web1"] = {"vacuum"}

    def another_comes() -> None:
        other.begin()
        other.confirm()
        after(world, 60, other.end)

    world.on_cure = another_comes
    healed, _ = healing(world, "web1", rounds=1)
    assert ends(healed) == ["fixed"]


def under_its_look(world: World, number: int, happens: Callable[[], None]) -> None:
    """Have something happen in the middle of a look: what that gives was seen before."""
    look = World._seen

    def seen(self: World, host: str) -> Seen:
        found = look(self, host)
        if self.looks == number and host == "web1":
            happens()
        return found

    world._seen = seen.__get__(world)  # type: ignore[method-assign]


def test_a_look_that_anothers_change_ends_under_is_no_proof(world: World, other: Other) -> None:
    world.faults["web1"] = {"app-stopped"}
    healing(world, "web1")
    world.faults["web1"].clear()
    other.begin()
    other.confirm()
    world.journal.append(RUN, "web1", "stopped", {"why": "its cure did not hold"})

    def is_put_back() -> None:
        world.faults["web1"] = {"app-stopped"}
        other.end(Outcome.ROLLED_BACK)

    under_its_look(world, world.looks + 1, is_put_back)
    healed, _ = healing(world, "web1")
    assert ends(healed) == ["planned"]
    assert [one.body["state"] for one in world.journal.of_kinds({INCIDENT})] == ["opened"]


def test_a_host_whose_turn_comes_late_has_its_turn(world: World, other: Other) -> None:
    world.faults["web1"], world.faults["web2"] = {"vacuum"}, {"prisma-import"}
    other.begin()
    other.confirm()
    after(world, 60, other.end)
    healed, _ = healing(world, "web1", "web2", rounds=1)
    assert world.cured == [("web2", "prisma-import"), ("web1", "vacuum")]
    assert ends(healed) == ["fixed", "fixed"]


def test_what_happens_elsewhere_overtakes_no_look(world: World) -> None:
    production = Other(world, environment="production")
    production.begin()
    production.confirm()
    world.on_look = lambda _: world.journal.append(RUN, "web1", "confirmed", {})
    healed, _ = healing(world, "web1")
    assert (ends(healed), world.looks) == (["healthy"], 1)
    production.let_go()


def test_it_looks_again_no_more_than_once_a_second(world: World, other: Other) -> None:
    other.begin()
    world.on_look = lambda _: world.journal.append(RUN, "web1", "confirmed", {})
    other.let_go()
    healed, _ = healing(world, "web1", within=10.0)
    assert ends(healed) == ["blocked"]
    assert world.looks <= 11


def test_a_person_who_is_still_asked_changes_nothing(world: World) -> None:
    asked = Other(world)
    others = Others("lab", world.journal)
    asked.begin()
    assert not others.came(world.journal.last)
    asked.confirm()
    assert others.came(world.journal.last) == {"web1": RUN}
    assert others.at_work(RUN, "web1")
    assert not others.at_work(RUN, "web2")
    assert not Others("production", world.journal).came(0)
    asked.let_go()
    assert not others.came(world.journal.last), "nobody changes anything by a run whose process is gone"
    assert not others.at_work(RUN, "web1")
