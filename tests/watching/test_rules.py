"""The runbook's alerts, as rules over looks."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from remediate.inventory.watch import WatchText
from remediate.watching.readings import Reading, Spent, kept
from remediate.watching.rules import RULES, State, alarms, span_of
from tests.watching.conftest import reading

WATCH = WatchText(every=60.0, jitter=0.0)


def says(rule: str, *readings: Reading, watch: WatchText = WATCH) -> State:
    return next(alarm.state for alarm in alarms(watch, readings) if alarm.rule == rule)


def written(**rules: object) -> WatchText:
    return WatchText.model_validate({"every": 60, "jitter": 0, "rules": rules})


def test_nothing_is_said_before_the_first_look() -> None:
    assert alarms(WATCH, ()) == ()


def test_a_host_that_is_well_is_quiet_but_for_the_processors_which_take_two_looks() -> None:
    one = {alarm.rule: alarm.state for alarm in alarms(WATCH, [reading(60, busy=0)])}
    assert one == dict.fromkeys(RULES, State.QUIET) | {"cpu": State.UNKNOWN}
    two = {alarm.state for alarm in alarms(WATCH, [reading(60, busy=0), reading(120, busy=1000)])}
    assert two == {State.QUIET}


@pytest.mark.parametrize(
    ("total", "failed", "state"),
    [
        (100, 5, State.QUIET),  # 5 % is not more than 5 %
        (100, 6, State.FIRING),
        (20, 2, State.FIRING),
        (19, 19, State.UNKNOWN),  # fewer than the least number
        (1, 0, State.QUIET),
        (0, 0, State.UNKNOWN),
    ],
)
def test_more_than_five_percent_of_enough_requests_must_have_failed(
    total: int, failed: int, state: State
) -> None:
    assert says("errors", reading(60, total=total, failed=failed)) is state


@pytest.mark.parametrize(
    ("total", "seconds", "state"),
    [(100, 100, State.QUIET), (100, 101, State.FIRING), (19, 99, State.UNKNOWN), (19, 1, State.QUIET)],
)
def test_more_than_a_second_on_average_is_slow(total: int, seconds: float, state: State) -> None:
    assert says("slow", reading(60, total=total, seconds=seconds)) is state


@pytest.mark.parametrize("rule", ["errors", "slow"])
@pytest.mark.parametrize(
    ("total", "short", "state"),
    [
        (19, True, State.UNKNOWN),
        (20, True, State.QUIET),
        (19, False, State.QUIET),  # all of the time that counts is over
        (0, False, State.UNKNOWN),
    ],
)
def test_a_few_good_requests_soon_after_a_healing_say_nothing_yet(
    rule: str, total: int, state: State, *, short: bool
) -> None:
    assert says(rule, reading(60, total=total, seconds=0, cut_short=short)) is state


@pytest.mark.parametrize(("free", "state"), [(20.0, State.QUIET), (19.9, State.FIRING)])
def test_less_than_a_fifth_of_the_disk_is_too_little(free: float, state: State) -> None:
    assert says("disk", reading(60, free=free)) is state


def test_a_database_that_lets_nobody_in_counts_once_it_lasts() -> None:
    first, second = reading(60, database=False), reading(120, database=False)
    assert says("database", first) is State.PENDING
    assert says("database", first, second) is State.FIRING
    assert says("database", first, second, reading(180)) is State.QUIET
    assert says("database", first, reading(120), reading(180, database=False)) is State.PENDING


def test_a_look_that_saw_nothing_neither_fires_nor_ends_an_alarm() -> None:
    bad, unseen = reading(60, health=False), reading(120, health=None)
    assert says("health", bad, unseen) is State.UNKNOWN
    assert says("health", bad, unseen, reading(180, health=False)) is State.FIRING


def test_a_time_in_which_nobody_looked_is_no_time_in_which_it_was_bad() -> None:
    assert says("health", reading(60, health=False), reading(60_000, health=False)) is State.PENDING


def test_processors_must_be_taken_all_the_time() -> None:
    busy = [reading(60 * number, busy=int(60 * number * 85)) for number in range(1, 8)]
    assert says("cpu", *busy[:5]) is State.PENDING
    assert says("cpu", *busy[:6]) is State.FIRING
    idle = [*busy[:4], *(reading(one.at, busy=int(240 * 85 + (one.at - 240) * 10)) for one in busy[4:])]
    assert says("cpu", *idle) is State.QUIET


def test_a_host_that_was_booted_says_nothing_of_its_processors() -> None:
    assert Spent(10, 100).percent_since(Spent(500, 1000)) is None
    assert Spent(500, 1000).percent_since(Spent(500, 1000)) is None
    assert Spent(600, 1100).percent_since(Spent(500, 1000)) == 100


def test_a_rule_that_is_null_is_off_and_others_have_their_own_figures() -> None:
    watch = written(disk=None, slow={"seconds": 3.0}, errors={"percent": 50, "for": 90})
    told = {alarm.rule: alarm.state for alarm in alarms(watch, [reading(60, free=1, seconds=200, failed=60)])}
    assert "disk" not in told
    assert (told["slow"], told["errors"]) == (State.QUIET, State.PENDING)


def test_what_could_not_be_seen_says_why() -> None:
    (alarm,) = alarms(
        written(**dict.fromkeys(set(RULES) - {"disk"})), [Reading(60.0, unseen={"disk": "it is away"})]
    )
    assert (alarm.state, alarm.seen) == (State.UNKNOWN, "it is away")


LOOKS = some.lists(some.sampled_from([True, False, None]), max_size=12)


@given(LOOKS)
def test_the_readings_that_are_kept_say_what_all_of_them_would(seen: list[bool | None]) -> None:
    readings = [reading(60.0 * number, health=healthy) for number, healthy in enumerate(seen, start=1)]
    shorter: tuple[Reading, ...] = ()
    for one in readings:
        shorter = kept((*shorter, one), span_of(WATCH))
    if readings:
        assert says("health", *shorter) is says("health", *readings)
        assert len(shorter) <= span_of(WATCH) / 60 + 2


@given(LOOKS)
def test_an_alarm_fires_only_where_the_last_looks_were_bad_for_long_enough(seen: list[bool | None]) -> None:
    readings = [reading(60.0 * number, health=healthy) for number, healthy in enumerate(seen, start=1)]
    if not readings or says("health", *readings) is not State.FIRING:
        return
    known = [one for one in readings if one.health]
    assert [one.health.healthy for one in known[-2:] if one.health] == [False, False]
    assert known[-1] is readings[-1]
