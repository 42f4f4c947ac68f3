"""The healer over hosts that are only told of: several on one database, rounds and time, incidents, what is stuck."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from remediate.catalogue import CATALOGUE
from remediate.clock import Clock
from remediate.engine import Ending, Look
from remediate.errors import Interrupted, JournalError, Locked, Unreachable
from remediate.events import Event, Events
from remediate.healing.healed import Healed
from remediate.healing.healer import Healer
from remediate.healing.history import KINDS, history_of
from remediate.healing.reach import Orders, Seen
from remediate.inventory import AutoPolicy, Policy, Window
from remediate.journal import Journal
from remediate.masking import Masker
from remediate.model import Change, Fidelity, Finding, Outcome, Plan, PlannedFix, Undo, WayBack
from remediate.playbook import Playbook, load_playbook
from remediate.triage import Diagnosis, Presence, ranked

SHIPPED = Path(__file__).parents[2] / "playbooks"
BOOKS = {
    name: load_playbook(SHIPPED / f"{name}.yml", CATALOGUE)
    for name in ("missing-columns", "prisma-import", "vacuum", "app-stopped")
}
SHARED = "lumiku (7/5)"


@dataclass
class World:
    """Hosts with faults, and what becomes of a cure.

    Attributes:
        faults: The faults of each host.
        shared: The faults that all hosts have of one database.
        becomes: How a cure ends, by playbook; fixed unless it says otherwise.
    """

    journal: Journal
    faults: dict[str, set[str]]
    shared: set[str] = field(default_factory=set)
    becomes: dict[str, Outcome] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    now: float = 1_000_000.0
    looks: int = 0
    cured: list[tuple[str, str]] = field(default_factory=list)
    proposed: list[tuple[str, str]] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)
    stuck_before: dict[str, str] = field(default_factory=dict)
    at_work: set[str] = field(default_factory=set)
    walked: list[str] = field(default_factory=list)
    holds: dict[str, str] = field(default_factory=dict)
    on_cure: Callable[[], None] = lambda: None
    on_sleep: Callable[[], None] = lambda: None
    on_look: Callable[[int], object] = abs
    planned: list[str] = field(default_factory=list)
    ticks: list[Callable[[float], None]] = field(default_factory=list)

    def all_of(self, host: str) -> set[str]:
        return self.faults[host] | self.shared

    def look(self, hosts: Sequence[str]) -> Mapping[str, Seen]:
        self.looks += 1
        self.on_look(self.looks)
        return {host: self._seen(host) for host in hosts}

    def _seen(self, host: str) -> Seen:
        if host in self.away:
            return Unreachable(host, "does not answer")
        finding = Finding(check="it is so", healthy=False, seen="it is not")
        here = self.all_of(host)
        return ranked(
            [
                Diagnosis(book, Presence.FOUND, (finding,))
                if name in here
                else Diagnosis(book, Presence.HEALTHY)
                for name, book in BOOKS.items()
            ]
        )

    def slept(self, seconds: float) -> None:
        self.now += seconds
        self.on_sleep()
        for tick in self.ticks:
            tick(self.now)

    def plan(self, playbook: Playbook, host: str) -> "FakeCure":
        self.planned.append(host)
        return FakeCure(self, playbook, host, f"run-{self.journal.witness('me').seq}-{host}-{playbook.name}")

    def held(self, host: str) -> str:
        return self.holds.get(host, "")

    def left_behind(self, hosts: Collection[str]) -> Mapping[str, str]:
        return {host: run for host, run in self.left.items() if host in hosts}

    def stuck(self, hosts: Collection[str]) -> Mapping[str, str]:
        return {host: run for host, run in self.stuck_before.items() if host in hosts}

    def put_back(self, run: str, host: str) -> Ending:
        if run in self.at_work:
            raise Locked(run, "another process is at work on this run")
        self.walked.append(run)
        return Ending(self.becomes.get(run, Outcome.PUT_BACK), f"{run} on {host}")


@dataclass
class FakeCure:
    world: World
    playbook: Playbook
    host: str
    run: str
    reason: str = "because"

    @property
    def found(self) -> Any:
        there = self.playbook.name in self.world.all_of(self.host)
        of_all = self.playbook.name in self.world.shared
        risk = self.playbook.confirm.risk
        change = Change(what="do it", target="it", fidelity=Fidelity.EXACT, way_back=WayBack.EXACT, risk=risk)
        action = "sql.add_columns" if of_all else "pm2.restart"
        fix = PlannedFix(step="fix", action=action, parameters={}, changes=(change,) if there else ())
        plan = Plan(
            playbook=self.playbook.name, playbook_digest="", environment="lab", host=self.host, database=SHARED,
            findings=(), fixes=(fix,),
        )  # fmt: skip
        return None, Look(Outcome.PLANNED if there else Outcome.HEALTHY, plan, {})

    @contextmanager
    def begun(self) -> Iterator[None]:
        with self.world.journal.hold(self.run):
            yield

    def carry_out(self, may_go_on: Callable[[], None]) -> Ending:
        self.world.cured.append((self.host, self.playbook.name))
        self.world.now += 10
        self.world.on_cure()
        ending = Ending(self.world.becomes.get(self.playbook.name, Outcome.FIXED), "so it ended")
        try:
            may_go_on()
        except Interrupted as stopped:
            ending = Ending(Outcome.ROLLED_BACK, stopped.what, interrupted=True)
        if ending.outcome is Outcome.FIXED:
            self.world.faults[self.host].discard(self.playbook.name)
            self.world.shared.discard(self.playbook.name)
        self.world.journal.ended(
            self.run, self.host, ending.outcome, ending.why, interrupted=ending.interrupted
        )
        return ending

    def propose(self) -> tuple[str, str]:
        self.world.proposed.append((self.host, self.playbook.name))
        return "plan.json", "remediate apply plan.json"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made: list[World] = []
    with Journal.open(tmp_path / "state", Masker(), lambda: made[0].now) as journal:
        made.append(World(journal, {"web1": set(), "web2": set(), "web3": set()}))
        yield made[0]


def healing(
    world: World,
    *hosts: str,
    allowed: bool = True,
    windows: tuple[Window, ...] = (),
    at_once: int = 3,
    leaving: Callable[[], bool] = lambda: False,
    **orders: Any,
) -> tuple[Healed, list[Event]]:
    clock = Clock(lambda: world.now, lambda: world.now, world.slept)
    told: list[Event] = []
    events = Events("heal", [told.append], Masker(), clock.wall)
    policy = Policy(
        auto=AutoPolicy(allowed=allowed, hosts_at_once=at_once, per_hour=50, cooldown=0.0, windows=windows)
    )
    groups = {
        host: "database" if host.startswith("db") else "backend" for host in hosts or ("web1", "web2", "web3")
    }
    given = Orders("lab", policy, development=False, groups=groups, **orders)
    return Healer(given, world, world.journal, events, "heal", clock, leaving).heal(), told


def ends(healed: Healed) -> list[str]:
    return [end.outcome.value for end in healed.hosts.values()]


def test_a_fault_of_a_database_that_three_hosts_share_is_cured_once(world: World) -> None:
    world.shared = {"missing-columns"}
    healed, told = healing(world)
    assert world.cured == [("web1", "missing-columns")]
    (fault,) = healed.faults
    assert (fault.fingerprint.target, fault.outcome) == (SHARED, Outcome.FIXED)
    assert ends(healed) == ["fixed", "healthy", "healthy"]
    gone = f"healthy since missing-columns on {SHARED} (lab) was healed"
    assert [event.host for event in told if event.text == gone] == ["web2", "web3"]


def test_one_that_is_left_to_a_person_is_proposed_once_for_all_of_them(world: World) -> None:
    world.shared = {"missing-columns"}
    healed, _ = healing(world, allowed=False)
    assert world.proposed == [("web1", "missing-columns")]
    (fault,) = healed.faults
    assert fault.hosts == ("web1", "web2", "web3")
    assert ends(healed) == ["planned"] * 3
    assert world.cured == []


def test_a_round_is_a_look_and_all_that_may_be_cured_by_it(world: World) -> None:
    world.faults = {"web1": {"prisma-import", "vacuum"}, "web2": {"prisma-import"}, "web3": set()}
    healed, _ = healing(world)
    assert world.cured == [("web1", "vacuum"), ("web1", "prisma-import"), ("web2", "prisma-import")]
    assert (world.looks, healed.rounds) == (2, 2), "the second round finds nothing to try"
    assert ends(healed) == ["fixed", "fixed", "healthy"]


def test_what_comes_back_at_once_is_not_chased_beyond_the_rounds(world: World) -> None:
    world.faults["web1"] = {"prisma-import"}
    world.on_cure = lambda: world.faults["web1"].add("vacuum")
    healed, _ = healing(world, "web1", rounds=1)
    assert world.cured == [("web1", "prisma-import")]
    assert ends(healed) == ["no cure"]
    assert healed.rounds == 1
    why = "(nothing was tried against vacuum: round 1 of 1 was the last; `remediate heal` goes on)"
    assert healed.hosts["web1"].why == f"a person is needed for: vacuum {why}"


def test_nothing_is_begun_that_could_not_be_verified_in_time(world: World) -> None:
    world.faults["web1"] = {"prisma-import", "vacuum"}
    healed, _ = healing(world, "web1", within=41.0)  # vacuum: 30 + 10 s; prisma-import: 30 + 3 s
    assert world.cured == [("web1", "vacuum")]
    (late,) = [one for one in healed.faults if one.fingerprint.playbook == "prisma-import"]
    assert late.why == "31 s are left, to verify it takes up to 33 s"
    assert late.plan


def test_a_cure_that_the_time_runs_out_on_is_put_back_and_is_no_failure(world: World) -> None:
    world.faults["web1"] = {"prisma-import"}
    world.on_cure = lambda: setattr(world, "now", world.now + 100)
    healed, _ = healing(world, "web1", within=60.0)
    assert "60 s for healing are over" in healed.faults[0].why
    assert ends(healed) == ["no cure"], "it says nothing against the release"
    (attempt,) = history_of(world.journal.of_kinds(KINDS)).attempts
    assert not attempt.did_not_hold


def test_a_host_that_is_away_keeps_nobody_else_ill(world: World) -> None:
    world.away = {"web1"}
    world.faults["web2"] = {"prisma-import"}
    healed, _ = healing(world)
    assert ends(healed) == ["blocked", "fixed", "healthy"]
    assert healed.needs_a_person


@pytest.mark.parametrize("end", [Outcome.ROLLED_BACK, Outcome.KEPT])
def test_after_a_cure_in_vain_the_next_one_is_tried_and_that_one_is_not_again(
    world: World, end: Outcome
) -> None:
    world.faults["web1"] = {"prisma-import", "vacuum"}
    world.becomes["vacuum"] = end
    healed, _ = healing(world, "web1")
    assert world.cured == [("web1", "vacuum"), ("web1", "prisma-import")]
    assert ends(healed) == [{Outcome.ROLLED_BACK: "rolled back", Outcome.KEPT: "no cure"}[end]]


@pytest.mark.parametrize("end", [Outcome.ROLLED_BACK, Outcome.KEPT])
def test_a_fault_that_is_gone_after_its_cure_was_made_in_vain_was_not_healthy_on_its_own(
    world: World, end: Outcome
) -> None:
    world.faults["web1"] = {"vacuum"}
    world.becomes["vacuum"] = end
    world.on_cure = world.faults["web1"].clear
    healed, _ = healing(world, "web1")
    assert ends(healed) == [end.value]
    assert healed.hosts["web1"].why == "vacuum: so it ended"
    assert healed.needs_a_person


@pytest.mark.parametrize("end", [Outcome.ROLLED_BACK, Outcome.KEPT, Outcome.STUCK])
def test_a_bad_cure_is_tried_on_one_host_and_left_for_review_on_all_others(
    world: World, end: Outcome
) -> None:
    many = [f"web{number}" for number in range(1, 13)]
    world.faults = {host: {"prisma-import"} for host in many}
    world.becomes["prisma-import"] = end
    healed, _ = healing(world, *many)
    assert world.cured == [("web1", "prisma-import")]
    assert [host for host, _ in world.proposed] == many[1:]
    assert healed.faults[1].why.startswith("a cure of prisma-import on web1 (lab) did not hold (run ")
    assert "remediate breaker reset web1 prisma-import --reason WHY" in healed.faults[1].why
    again, _ = healing(world, "web5")
    assert world.cured == [("web1", "prisma-import")], "the log remembers"
    assert again.needs_a_person


def test_a_round_trip_of_hours_tries_a_bad_cure_on_one_host_as_well(world: World) -> None:
    world.faults = {"web1": {"prisma-import"}, "web2": {"prisma-import", "vacuum"}, "web3": set()}
    world.becomes["prisma-import"] = Outcome.ROLLED_BACK
    world.on_cure = lambda: setattr(world, "now", world.now + 4000)
    healing(world, within=20000.0)
    assert world.cured == [("web1", "prisma-import"), ("web2", "vacuum")]


def test_a_fault_that_is_gone_before_its_turn_is_told_as_healthy_on_its_own(world: World) -> None:
    world.faults = {"web1": {"prisma-import"}, "web2": {"vacuum"}, "web3": set()}
    world.on_cure = world.faults["web2"].clear
    healed, _ = healing(world)
    assert [end.why.partition(":")[0] for end in healed.hosts.values()] == [
        "healed",
        "healthy on its own",
        "nothing is wrong that a playbook knows",
    ]


def test_where_a_way_back_failed_nothing_else_is_begun(world: World) -> None:
    world.faults["web1"] = {"prisma-import", "vacuum"}
    world.becomes["vacuum"] = Outcome.STUCK
    healed, _ = healing(world, "web1")
    assert world.cured == [("web1", "vacuum")]
    assert ends(healed) == ["stuck"]


def test_what_a_dead_healer_left_is_put_back_first_or_else_the_host_is_left_alone(world: World) -> None:
    world.faults["web1"] = {"vacuum"}
    world.faults["web2"] = {"vacuum"}
    world.left = {"web1": "one", "web2": "two"}
    world.becomes["one"] = Outcome.STUCK
    healed, told = healing(world)
    assert world.cured == [("web2", "vacuum")]
    assert ends(healed) == ["stuck", "fixed", "healthy"]
    assert [event.kind for event in told[:2]] == ["warning", "warning"]


def test_what_another_healer_is_putting_back_is_left_to_that_one(world: World) -> None:
    world.faults["web1"] = {"vacuum"}
    world.left, world.at_work = {"web1": "one", "web2": "two"}, {"one"}
    healed, _ = healing(world)
    assert world.walked == ["two"]
    assert ends(healed) == ["fixed", "healthy", "healthy"]


def test_a_way_back_that_stopped_is_walked_once_and_is_a_persons_then(world: World) -> None:
    world.faults["web1"] = {"vacuum"}
    world.stuck_before = world.left = {"web1": "one"}
    healed, _ = healing(world, "web1")
    assert (world.walked, world.cured, ends(healed)) == ([], [], ["stuck"])
    assert "remediate rollback one" in healed.hosts["web1"].why
    assert healed.needs_a_person


CLOSING = Window(days=("mon",), hours="13:00-13:48")
"""The world begins eighty seconds before it closes."""


def test_nothing_is_begun_that_could_not_be_verified_before_the_window_closes(world: World) -> None:
    world.faults["web1"] = {"vacuum"}
    world.now += 50
    healed, _ = healing(world, "web1", windows=(CLOSING,))
    assert world.cured == []
    assert healed.faults[0].why == "the maintenance window closes in 30 s, to verify it takes up to 40 s"
    world.now -= 20
    healing(world, "web1", windows=(CLOSING,))
    assert world.cured == [("web1", "vacuum")]


def test_a_cure_over_which_the_window_closes_is_put_back_before_its_next_change(world: World) -> None:
    world.faults["web1"] = {"prisma-import"}
    world.on_cure = lambda: setattr(world, "now", world.now + 100)
    healed, _ = healing(world, "web1", windows=(CLOSING,))
    (fault,) = healed.faults
    assert (fault.outcome, fault.interrupted) == (Outcome.ROLLED_BACK, True)
    assert "the maintenance window has closed" in fault.why
    assert ends(healed) == ["no cure"]
    (attempt,) = history_of(world.journal.of_kinds(KINDS)).attempts
    assert not attempt.did_not_hold


def test_nobody_waits_until_the_window_has_closed(world: World) -> None:
    world.faults = {"web1": {"prisma-import"}}
    begun_elsewhere(world, "living", "web9")
    began = world.now
    with world.journal.hold("living"):
        healing(world, "web1", at_once=1, windows=(CLOSING,))
    assert world.now - began < 60


@pytest.mark.parametrize("why", ["healing is stopped", "no maintenance window is open"])
def test_nothing_is_put_back_while_healing_is_stopped_or_no_window_is_open(world: World, why: str) -> None:
    world.faults["web1"] = world.faults["web2"] = {"vacuum"}
    world.left = {"web1": "one"}
    closed: tuple[Window, ...] = ()
    if why.startswith("no"):
        closed = (Window(days=("mon",), hours="01:00-01:01"),)
    else:
        world.journal.state.mkdir(mode=0o700)
        (world.journal.state / "stop").write_text("ask Ada")
    healed, _ = healing(world, "web1", "web2", windows=closed)
    assert (world.walked, world.cured, ends(healed)) == ([], [], ["stuck", "planned"])
    assert healed.hosts["web1"].why.startswith(why)
    assert healed.hosts["web1"].why.endswith("owed: remediate rollback one")


def begun_elsewhere(world: World, run: str, host: str, *, owing: bool = False) -> None:
    """Write down a cure of another healer that has not ended."""
    fault = {"environment": "lab", "target": host, "playbook": "app-stopped"}
    body = {"fingerprint": fault, "group": "backend", "why": ""}
    world.journal.append(run, host, "attempt", body)
    if owing:
        change = Change(
            what="do it", target="it", fidelity=Fidelity.EXACT, way_back=WayBack.EXACT, risk="restart"
        )
        undo = Undo(action="pm2.restart", parameters={}, data={})
        world.journal.owe(run, host, "step", f"{run}/1.1", change, undo)


def test_nobody_waits_for_a_run_whose_process_is_gone_and_that_owes_its_way_back(world: World) -> None:
    world.faults = {"web2": {"prisma-import"}, "db1": {"vacuum"}}
    begun_elsewhere(world, "dead", "web9", owing=True)
    began = world.now
    healed, _ = healing(world, "web2", "db1", at_once=1)
    assert world.planned == ["web2", "db1"]
    assert world.cured == [("db1", "vacuum")]
    assert world.now - began < 60
    (fault, _) = healed.faults
    assert "web9 by run dead, its process is gone: remediate rollback dead" in fault.why
    assert fault.plan


def test_nobody_waits_for_a_dead_run_that_is_at_the_same_host(world: World) -> None:
    world.faults = {"web2": {"prisma-import"}}
    begun_elsewhere(world, "dead", "web2", owing=True)
    healed, _ = healing(world, "web2")
    assert world.planned == ["web2"]
    assert "its process is gone: remediate rollback dead" in healed.faults[0].why


def test_other_hosts_are_treated_before_one_waits_and_it_plans_again_once_it_may_go_on(world: World) -> None:
    world.faults = {"web1": {"prisma-import"}, "db1": {"vacuum"}}
    begun_elsewhere(world, "living", "web9")
    with ExitStack() as living:
        living.enter_context(world.journal.hold("living"))
        ends = world.now + 100
        world.on_sleep = lambda: living.close() if world.now >= ends else None
        healed, _ = healing(world, "web1", "db1", at_once=1)
    assert world.cured == [("db1", "vacuum"), ("web1", "prisma-import")]
    assert world.planned == ["web1", "db1", "web1"]
    assert [end.outcome.value for end in healed.hosts.values()] == ["fixed", "fixed"]


def test_nothing_more_is_begun_after_a_signal_also_of_what_waited(world: World) -> None:
    world.faults = {"web1": {"prisma-import"}, "web2": {"prisma-import"}}
    begun_elsewhere(world, "living", "web9")
    with ExitStack() as living:
        living.enter_context(world.journal.hold("living"))
        world.on_sleep = living.close
        healing(world, "web1", "web2", at_once=1, leaving=lambda: bool(world.cured))
    assert world.cured == [("web1", "prisma-import")]


def test_what_is_waited_for_in_vain_is_left_for_review_while_it_could_still_be_verified(world: World) -> None:
    world.faults = {"web1": {"prisma-import"}}
    begun_elsewhere(world, "living", "web9")
    began = world.now
    with world.journal.hold("living"):
        healed, _ = healing(world, "web1", at_once=1, within=300.0)
    assert world.planned == ["web1", "web1"]
    assert world.cured == []
    assert 260 <= world.now - began < 270, "to verify it takes up to 33 s"
    assert "web9 by run living" in healed.faults[0].why
    assert healed.faults[0].plan


def cut_short(world: World, error: BaseException, at: int = 2) -> None:
    def look(number: int) -> None:
        if number == at:
            raise error

    world.on_look = look


@pytest.mark.parametrize("error", [KeyboardInterrupt(), JournalError("the log", "is full")])
def test_one_that_is_cut_short_tells_what_was_done_and_calls_a_person(
    world: World, error: BaseException
) -> None:
    world.faults = {"web1": {"prisma-import"}, "web2": {"vacuum"}, "web3": set()}
    world.becomes["vacuum"] = Outcome.ROLLED_BACK
    cut_short(world, error)
    healed, _ = healing(world)
    assert [one.outcome for one in healed.faults] == [Outcome.FIXED, Outcome.ROLLED_BACK]
    assert ends(healed) == ["no cure", "no cure", "healthy"]
    assert "before another look: prisma-import: fixed" in healed.hosts["web1"].why
    assert healed.cut_short in healed.hosts["web2"].why
    assert healed.cut_short == {True: "the log: is full"}.get(bool(str(error)), "interrupted by the operator")
    assert healed.needs_a_person


def test_what_is_stuck_stays_so_where_it_is_cut_short(world: World) -> None:
    world.faults["web1"] = {"vacuum"}
    world.becomes["vacuum"] = Outcome.STUCK
    cut_short(world, KeyboardInterrupt())
    assert ends(healing(world)[0]) == ["stuck", "healthy", "healthy"]
    world.left = {"web1": "one"}
    world.becomes["one"] = Outcome.STUCK
    cut_short(world, KeyboardInterrupt(), at=3)
    healed, _ = healing(world)
    assert ends(healed) == ["stuck", "no cure", "no cure"], "nobody had looked at the others"


def test_a_cure_that_is_cut_short_outside_of_its_run_is_told_of(world: World) -> None:
    world.faults["web1"] = {"vacuum"}
    world.on_cure = lambda: cut_now(KeyboardInterrupt())
    healed, _ = healing(world, "web1")
    (fault,) = healed.faults
    assert (fault.outcome, bool(fault.run)) == (None, True)
    assert "nobody knows what became of it" in fault.why
    assert fault.needs_a_person
    assert ends(healed) == ["no cure"]


def cut_now(error: BaseException) -> None:
    raise error


def test_one_that_is_cut_short_before_anything_was_treated_leaves_nothing_to_tell(world: World) -> None:
    world.faults["web1"] = {"vacuum"}
    cut_short(world, KeyboardInterrupt(), at=1)
    with pytest.raises(KeyboardInterrupt):
        healing(world)
    assert not list(world.journal.entries())


def test_what_was_put_back_before_it_was_cut_short_is_told_of(world: World) -> None:
    world.left = {"web1": "one"}
    cut_short(world, KeyboardInterrupt(), at=1)
    healed, _ = healing(world, "web1")
    assert (world.walked, ends(healed)) == (["one"], ["no cure"])
    assert healed.needs_a_person


def test_an_incident_is_opened_once_and_closed_by_a_look_alone(world: World) -> None:
    def open_ones() -> dict[str, float]:
        incidents = history_of(world.journal.of_kinds(KINDS)).incidents.values()
        return {one.fingerprint.playbook: one.since for one in incidents}

    world.faults["web1"] = {"app-stopped"}
    first = world.now
    healing(world, "web1")
    world.now += 500
    healed, _ = healing(world, "web1")
    assert open_ones() == {"app-stopped": first}
    assert healed.faults[0].since == first
    healing(world, "web2")
    world.away = {"web1"}
    healing(world, "web1")
    assert open_ones(), "nobody saw that it is gone"
    world.away, world.faults["web1"] = set(), set()
    healing(world, "web1")
    assert not open_ones()


def test_proposing_writes_nothing_into_the_log(world: World) -> None:
    world.faults["web1"] = {"prisma-import"}
    world.left = {"web1": "one"}
    healed, _ = healing(world, "web1", proposing=True)
    assert world.proposed == [("web1", "prisma-import")]
    assert ends(healed) == ["planned"]
    assert list(world.journal.entries()) == []
