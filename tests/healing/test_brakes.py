"""The brakes, over every short history: what they let through, and what they hold back."""

from itertools import product

import pytest

from remediate.healing.brakes import (
    FAILURES,
    LONGEST_COOLDOWN,
    braked,
    breakers,
    cooldown_left,
    failures,
    resettable,
)
from remediate.healing.wish import HOUR, Wish
from remediate.inventory import AutoPolicy
from remediate.model import Outcome
from tests.healing.logbook import FAULT, Logbook

ENDS = (Outcome.FIXED, Outcome.ROLLED_BACK, Outcome.STUCK, Outcome.HEALTHY, Outcome.NO_CURE, None)
OTHER = FAULT.model_copy(update={"playbook": "limit"})
ELSEWHERE = "did not fail on its group's other hosts"
ON_WEB2 = FAULT.model_copy(update={"target": "web2"})


def brakes(log: Logbook, *at_work: str, playbook_per_hour: int = 5, **auto: object) -> dict[str, bool]:
    policy = AutoPolicy(allowed=True, **auto)  # type: ignore[arg-type]
    runs = frozenset(at_work)
    wish = Wish(FAULT, "web1", "backend", playbook_per_hour, policy, log.now, log.history, runs)
    return {one.name: one.holds for one in braked(wish)}


def test_nothing_holds_a_first_attempt_back() -> None:
    assert all(brakes(Logbook()).values())


@pytest.mark.parametrize("length", range(1, 5))
def test_the_breaker_is_open_from_two_failures_on_without_a_success_between_them(length: int) -> None:
    for ends in product(ENDS, repeat=length):
        log = Logbook()
        in_a_row, opened = 0, False
        for end in ends:
            log.attempt(end)
            in_a_row = 0 if end is Outcome.FIXED else in_a_row + (end in {Outcome.ROLLED_BACK, Outcome.STUCK})
            opened = opened or in_a_row == FAILURES
        assert (failures(log.history.of(FAULT)) >= FAILURES) == opened, ends
        assert any(one.open for one in breakers(log.history)) == opened, ends
        assert brakes(log)["breaker is closed"] == (not opened), ends


def test_the_breaker_of_one_fault_is_not_that_of_another() -> None:
    log = Logbook()
    for _ in range(2):
        log.attempt(Outcome.ROLLED_BACK, OTHER)
    assert brakes(log)["breaker is closed"]
    assert [one.fingerprint for one in breakers(log.history) if one.open] == [OTHER]


@pytest.mark.parametrize(
    ("reset", "closes"),
    [
        ({}, True),
        ({"playbook": "colour"}, True),
        ({"playbook": "limit"}, False),
        ({"target": "web2"}, False),
        ({"environment": "staging"}, False),
    ],
)
def test_a_reset_closes_what_it_names_and_only_what_was_before_it(
    reset: dict[str, str], closes: bool
) -> None:
    log = Logbook()
    for _ in range(2):
        log.attempt(Outcome.ROLLED_BACK)
    log.reset(**reset)
    assert brakes(log)["breaker is closed"] is closes
    for _ in range(2):
        log.attempt(Outcome.ROLLED_BACK)
    assert not brakes(log)["breaker is closed"]


def test_a_reset_takes_nothing_out_of_work_and_lowers_no_count_of_the_environment() -> None:
    log = Logbook()
    for _ in range(2):
        log.attempt(Outcome.ROLLED_BACK)
    run = log.attempt(host="web2")
    log.reset()
    log.reset("web2")
    held = brakes(log, run, per_hour=3)
    assert held["breaker is closed"]
    assert not held["few hosts are in work"]
    assert not held["nobody else is at it"], "it is at the same fault"
    assert not held["environment has attempts left"]


def test_a_cure_that_fails_after_a_reset_counts_though_it_was_begun_before() -> None:
    log = Logbook()
    log.attempt(Outcome.ROLLED_BACK)
    late = log.attempt()
    log.reset()
    assert len(log.history.of(FAULT)) == 1, "nobody knew yet what the second comes to"
    log.ended(late, Outcome.ROLLED_BACK)
    assert len(log.history.of(FAULT)) == 1
    log.attempt(Outcome.ROLLED_BACK)
    assert not brakes(log)["breaker is closed"]


def test_what_failed_before_a_reset_stays_reset_when_it_is_put_back_later() -> None:
    log = Logbook()
    run = log.attempt(Outcome.STUCK)
    log.reset()
    log.ended(run, Outcome.PUT_BACK)
    assert log.history.of(FAULT) == ()


def test_a_breaker_opens_also_where_every_failed_cure_was_put_back_by_somebody_else() -> None:
    log = Logbook()
    for _ in range(2):
        run = log.attempt()
        log.stopped(run)
        log.ended(run, Outcome.PUT_BACK)
    assert not brakes(log)["breaker is closed"]


def test_a_way_back_that_broke_off_keeps_its_host_in_work() -> None:
    log = Logbook()
    run = log.attempt(Outcome.BLOCKED, host="web2")
    assert not brakes(log, run)["few hosts are in work"]


@pytest.mark.parametrize("target", ["web2", "lumiku (7/5)"])
def test_a_breaker_of_a_database_can_be_named_by_the_host_it_was_tried_on(target: str) -> None:
    log = Logbook()
    for _ in range(2):
        log.attempt(Outcome.ROLLED_BACK, FAULT.model_copy(update={"target": "lumiku (7/5)"}), "web2")
    log.reset(target)
    assert breakers(log.history) == ()


def test_an_open_breaker_names_the_command_that_closes_it_for_what_is_ill_wherever_it_is_seen() -> None:
    log, shared = Logbook(), FAULT.model_copy(update={"target": "lumiku (7711/16385)"})
    for _ in range(2):
        log.attempt(Outcome.ROLLED_BACK, shared, "web1")
    places = ("-i", "our lab", "--state", "/var/lib/it")
    policy = AutoPolicy(allowed=True)
    wish = Wish(shared, "web2", "backend", 5, policy, log.now, log.history, places=places)
    (closed,) = [one for one in braked(wish) if one.name == "breaker is closed"]
    command = (
        "remediate breaker reset 'lumiku (7711/16385)' colour --reason WHY -i 'our lab' --state /var/lib/it"
    )
    assert closed.said.endswith(f": {command}")


def test_an_interruption_is_no_failure_but_is_an_attempt() -> None:
    log = Logbook()
    for _ in range(3):
        log.attempt(Outcome.ROLLED_BACK, interrupted=True)
    held = brakes(log, playbook_per_hour=3)
    assert held["breaker is closed"]
    assert held["has cooled down"]
    assert not held["attempts are left"]
    stuck = Logbook()
    for _ in range(2):
        stuck.attempt(Outcome.STUCK, interrupted=True)
    assert not brakes(stuck)["breaker is closed"], (
        "what cannot be put back is a failure, whoever wanted no more"
    )


@pytest.mark.parametrize(("ago", "recurs"), [(0.0, True), (HOUR - 1, True), (HOUR, False), (-500.0, True)])
def test_what_was_healed_twice_within_an_hour_recurs(ago: float, recurs: bool) -> None:
    log = Logbook()
    log.attempt(Outcome.FIXED)
    assert brakes(log)["does not recur"]
    log.attempt(Outcome.FIXED)
    log.now += ago
    assert brakes(log)["does not recur"] is not recurs


def test_an_hour_counts_attempts_of_the_fault_and_of_the_environment() -> None:
    log = Logbook()
    log.attempt(Outcome.FIXED)
    log.attempt(Outcome.FIXED, OTHER)
    log.attempt(Outcome.FIXED, FAULT.model_copy(update={"environment": "staging"}))
    for nothing_touched in (Outcome.HEALTHY, Outcome.STALE, Outcome.BLOCKED, Outcome.DECLINED):
        log.attempt(nothing_touched)
    ours, all_ours = "attempts are left", "environment has attempts left"
    assert [brakes(log, playbook_per_hour=most)[ours] for most in (1, 2)] == [False, True]
    assert [brakes(log, per_hour=most)[all_ours] for most in (2, 3)] == [False, True]
    log.now += HOUR
    assert all(brakes(log, playbook_per_hour=1, per_hour=1).values())


def test_a_cooldown_doubles_with_each_attempt_in_vain_and_ends_at_a_success() -> None:
    log = Logbook()
    lengths = []
    for _ in range(9):
        log.attempt(Outcome.ROLLED_BACK)
        lengths.append(cooldown_left(log.history.of(FAULT), 300, log.now))
    assert lengths[:5] == [300, 600, 1200, 2400, 4800]
    assert max(lengths) == LONGEST_COOLDOWN
    log.attempt(Outcome.FIXED)
    assert cooldown_left(log.history.of(FAULT), 300, log.now) == 0


@pytest.mark.parametrize(("ago", "left"), [(0, 300), (299, 1), (300, 0), (5000, -4700), (-9999, 300)])
def test_a_cooldown_passes_and_all_of_it_is_left_while_its_beginning_is_yet_to_come(
    ago: float, left: float
) -> None:
    log = Logbook()
    log.attempt(Outcome.ROLLED_BACK)
    log.now += ago
    assert cooldown_left(log.history.of(FAULT), 300, log.now) == left
    assert brakes(log, cooldown=300.0)["has cooled down"] is (left <= 0)


MONTH = 30 * 24 * HOUR


def told(log: Logbook, *, playbook_per_hour: int = 5, **auto: object) -> dict[str, str]:
    """Return what is said of each brake that does not hold."""
    policy = AutoPolicy(allowed=True, **auto)  # type: ignore[arg-type]
    wish = Wish(FAULT, "web1", "backend", playbook_per_hour, policy, log.now, log.history)
    return {one.name: one.said for one in braked(wish) if not one.holds}


@pytest.mark.parametrize(
    ("ends", "host", "name"),
    [
        ([Outcome.ROLLED_BACK], "web1", "has cooled down"),
        ([None], "web1", "has cooled down"),
        ([Outcome.ROLLED_BACK], "web2", ELSEWHERE),
        ([Outcome.FIXED] * 2, "web1", "does not recur"),
        ([Outcome.FIXED] * 3, "web1", "attempts are left"),
        ([Outcome.FIXED] * 5, "web1", "environment has attempts left"),
    ],
)
def test_what_a_clock_wrote_down_that_was_ahead_is_named_with_the_command_that_ends_it(
    ends: list[Outcome | None], host: str, name: str
) -> None:
    log, target = Logbook(), FAULT.model_copy(update={"target": host})
    log.now += MONTH
    for end in ends:
        log.attempt(end, target, host)
    log.now -= MONTH
    assert "is yet to come" in told(log, playbook_per_hour=3, per_hour=5)[name]
    assert (
        f"remediate breaker reset {host} colour --reason WHY"
        in told(log, playbook_per_hour=3, per_hour=5)[name]
    )
    assert [one.fingerprint for one in resettable(log.history, log.now, 300)] == [target]
    log.reset(host)
    assert told(log, playbook_per_hour=3, per_hour=5) == {}
    assert resettable(log.history, log.now, 300) == ()


def test_nothing_is_said_of_the_future_where_no_entry_lies_there() -> None:
    log = Logbook()
    log.attempt(Outcome.ROLLED_BACK)
    assert "yet to come" not in "".join(told(log, playbook_per_hour=1, per_hour=1).values())
    log.reset()
    assert list(told(log, per_hour=1)) == ["environment has attempts left"], "no reset lowers that"


def test_what_holds_nothing_back_any_more_or_has_not_ended_cannot_be_reset() -> None:
    log = Logbook()
    log.attempt(Outcome.FIXED)
    log.attempt(None, OTHER)
    assert [one.fingerprint for one in resettable(log.history, log.now, 300)] == [FAULT]
    log.now += HOUR
    assert resettable(log.history, log.now, 300) == ()
    log.attempt(Outcome.ROLLED_BACK, interrupted=True)
    assert len(resettable(log.history, log.now, 300)) == 1, "it is an attempt"
    log.now += HOUR
    assert resettable(log.history, log.now, 300) == ()
    run = log.attempt()
    log.ended(run, Outcome.PUT_BACK)
    log.now += HOUR + 1
    assert len(resettable(log.history, log.now, 2 * HOUR)) == 1, "it is left alone for another hour"


def test_an_attempt_that_never_ended_cools_down_too() -> None:
    log = Logbook()
    log.attempt()
    assert not brakes(log, cooldown=300.0)["has cooled down"]


@pytest.mark.parametrize("end", [Outcome.ROLLED_BACK, Outcome.KEPT, Outcome.STUCK])
def test_what_did_not_hold_on_a_host_waits_for_a_person_on_the_others_for_an_hour(end: Outcome) -> None:
    log = Logbook()
    log.attempt(end, ON_WEB2, "web2")
    log.now += HOUR - 1
    assert not brakes(log)[ELSEWHERE]
    log.now += 1
    assert brakes(log)[ELSEWHERE]


@pytest.mark.parametrize(
    ("fault", "host", "group"),
    [
        (FAULT, "web2", "backend"),  # the same fault, of a database: its own breaker counts that
        (ON_WEB2, "web1", "backend"),  # another fault of the same host
        (ON_WEB2.model_copy(update={"playbook": "limit"}), "web2", "backend"),
        (ON_WEB2.model_copy(update={"environment": "staging"}), "web2", "backend"),
        (ON_WEB2, "web2", "database"),
    ],
)
def test_a_failure_of_this_fault_or_host_or_of_another_playbook_group_or_environment_says_nothing(
    fault, host: str, group: str
) -> None:
    log = Logbook()
    log.attempt(Outcome.ROLLED_BACK, fault, host, group=group)
    assert brakes(log)[ELSEWHERE]


def test_a_success_on_a_host_of_the_group_a_reset_or_an_interruption_lets_the_others_go_on() -> None:
    log = Logbook()
    log.attempt(Outcome.ROLLED_BACK, ON_WEB2, "web2", interrupted=True)
    assert brakes(log)[ELSEWHERE], "somebody wanted no more: it says nothing of the cure"
    log.attempt(Outcome.ROLLED_BACK, ON_WEB2, "web2")
    assert not brakes(log)[ELSEWHERE]
    log.reset("web3")
    assert not brakes(log)[ELSEWHERE]
    log.reset("web2")
    assert brakes(log)[ELSEWHERE]
    log.attempt(Outcome.ROLLED_BACK, ON_WEB2, "web2")
    log.attempt(Outcome.NO_CURE, ON_WEB2, "web3")
    assert not brakes(log)[ELSEWHERE]
    log.attempt(Outcome.FIXED, ON_WEB2.model_copy(update={"target": "web3"}), "web3")
    assert brakes(log)[ELSEWHERE]


def test_of_two_cures_that_overlapped_the_one_that_ended_last_counts() -> None:
    log = Logbook()
    early = log.attempt(None, ON_WEB2, "web2")
    log.attempt(Outcome.FIXED, ON_WEB2.model_copy(update={"target": "web3"}), "web3")
    log.entries.append(log.entries[-1].model_copy(update={"seq": len(log.entries) + 1, "run": early, "host": "web2",
                                                          "body": {"outcome": "rolled back", "why": ""}}))  # fmt: skip
    assert not brakes(log)[ELSEWHERE]


@pytest.mark.parametrize(
    ("fault", "host", "alone", "few"),
    [
        (FAULT, "web1", False, True),
        (OTHER, "web1", False, True),  # the same host
        (FAULT, "web2", False, False),  # the same fault, as of a database, on another host
        (OTHER, "web2", True, False),
        (OTHER.model_copy(update={"environment": "staging"}), "web2", True, True),
    ],
)
def test_nobody_is_let_in_where_another_run_is_at_it(fault, host: str, alone: bool, few: bool) -> None:
    log = Logbook()
    run = log.attempt(fault=fault, host=host)
    held = brakes(log, run, playbook_per_hour=1)
    assert (held["nobody else is at it"], held["few hosts are in work"]) == (alone, few)
    assert held["has cooled down"], "nobody knows yet whether it is in vain"
    assert held["attempts are left"]
    gone = brakes(log, cooldown=0.0)
    assert gone["nobody else is at it"], "its process is gone, and it left nothing"
    assert gone["few hosts are in work"]


def test_a_host_that_is_stuck_stays_in_work_and_other_groups_do_not_count() -> None:
    log = Logbook()
    run = log.attempt(Outcome.STUCK, OTHER, "web2")
    other = log.attempt(None, OTHER, "db1", group="database")
    assert not brakes(log, run)["few hosts are in work"]
    assert brakes(log, run, other, hosts_at_once=2)["few hosts are in work"]
    assert brakes(log, other)["few hosts are in work"]


def test_only_what_a_living_process_will_end_is_waited_for() -> None:
    log = Logbook()
    dead = log.attempt(fault=OTHER, host="web2")
    living = log.attempt(fault=OTHER, host="web3")
    for allowed, waits_for in ((1, ()), (2, (living,)), (3, ())):
        policy = AutoPolicy(allowed=True, hosts_at_once=allowed)
        runs = frozenset({dead, living})
        wish = Wish(FAULT, "web1", "backend", 5, policy, log.now, log.history, runs, frozenset({living}))
        (few,) = [one for one in braked(wish) if one.name == "few hosts are in work"]
        assert (few.holds, few.waits_for) == (allowed == 3, waits_for)


def test_the_switch_is_what_was_said_last() -> None:
    log = Logbook()
    assert brakes(log)["switch is on"]
    log.add("healing-stopped", host="", who="ada", why="INC-1")
    assert not brakes(log)["switch is on"]
    log.add("healing-started", host="", who="ada", why="over")
    assert brakes(log)["switch is on"]
