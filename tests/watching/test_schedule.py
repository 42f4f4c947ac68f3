"""When something is due: time zones, summer time, jitter, what was missed."""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from remediate.inventory.watch import ScheduledText
from remediate.text.cron import next_due
from remediate.watching.schedule import Scheduled, Since, Turn, drawn, due_now, rewritten, scheduled, turns

BERLIN = ZoneInfo("Europe/Berlin")
HOUR, DAY = 3600.0, 86400.0


def at(*moment: int, zone: ZoneInfo = BERLIN) -> float:
    return datetime(*moment, tzinfo=zone).timestamp()  # type: ignore[misc]


def plan(
    cron: str, since: float, *, zone: str = "Europe/Berlin", jitter: float = 0.0, name: str = "one"
) -> Scheduled:
    written = ScheduledText(playbook="vacuum", cron=cron, zone=zone, jitter=jitter)
    return Scheduled("lab", name, written, since)


def nightly(since: float) -> Since:
    return Since(since, "0 4 * * *", "Europe/Berlin")


def test_it_is_due_in_its_own_time_zone() -> None:
    winter, summer = at(2026, 1, 5), at(2026, 7, 6)
    assert plan("0 4 * * MON", winter - DAY).due == at(2026, 1, 5, 4)
    assert plan("0 4 * * MON", summer - DAY).due == at(2026, 7, 6, 4)
    assert (
        plan("0 4 * * MON", winter - DAY, zone="UTC").due == datetime(2026, 1, 5, 4, tzinfo=UTC).timestamp()
    )


def test_the_hour_that_summer_time_leaves_out_is_made_up_for_and_the_one_it_brings_twice_counts_once() -> (
    None
):
    assert plan("30 2 * * *", at(2026, 3, 29)).due == at(2026, 3, 29, 3)
    first = plan("30 2 * * *", at(2026, 10, 25)).due
    assert first == at(2026, 10, 25, 2, 30)
    assert plan("30 2 * * *", first).due == at(2026, 10, 26, 2, 30)


@pytest.mark.parametrize("minutes", range(0, 120, 7))
@pytest.mark.parametrize(("cron", "most"), [("15,45 1-4 * * *", 8), ("*/5 * * * *", 60), ("30 2 * * *", 1)])
def test_in_the_hour_that_comes_twice_what_is_due_next_lies_ahead(cron: str, most: int, minutes: int) -> None:
    after = at(2026, 10, 25, 2) + minutes * 60  # from 02:00 in summer to 02:56 in winter time
    seen, moment = [], after
    while (moment := next_due(cron, "Europe/Berlin", moment)) < at(2026, 10, 25, 5):
        seen.append(moment)
    assert seen == sorted(set(seen))
    assert all(one > after for one in seen)
    assert len(seen) <= most


def test_the_first_of_a_month_is_once_a_month() -> None:
    moment, seen = at(2026, 1, 1, 12), []
    for _ in range(12):
        moment = plan("0 3 1 * *", moment).due
        seen.append(datetime.fromtimestamp(moment, BERLIN).month)
    assert seen == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 1]


def test_what_was_missed_many_times_is_due_once() -> None:
    now = at(2026, 6, 1)
    (one,) = scheduled("lab", {"one": plan("0 4 * * *", 0).written}, {"one": nightly(now - 30 * DAY)}, now)
    assert due_now([one], now) == (one,)
    begun = Scheduled(one.environment, one.name, one.written, now)
    assert due_now([begun], now) == ()
    assert begun.due == at(2026, 6, 1, 4)


def test_what_was_never_begun_counts_from_now_on() -> None:
    now = at(2026, 6, 1, 12)
    (one,) = scheduled("lab", {"one": plan("0 4 * * *", 0).written}, {}, now)
    assert one.due == at(2026, 6, 2, 4)


def test_a_clock_that_was_ahead_puts_nothing_off() -> None:
    now = at(2026, 6, 1, 12)
    (one,) = scheduled("lab", {"one": plan("0 4 * * *", 0).written}, {"one": nightly(now + 300 * DAY)}, now)
    assert one.due == at(2026, 6, 2, 4)


def test_a_clock_that_goes_back_meanwhile_puts_nothing_off_and_one_that_is_set_right_a_little_repeats_nothing() -> (
    None
):
    begun = plan("0 4 * * *", at(2026, 6, 1)).begun(at(2026, 6, 1, 4) + 1)
    assert begun.set_right(at(2026, 5, 1, 12)).due == at(2026, 5, 2, 4)
    assert begun.set_right(at(2026, 6, 1, 4) - 30).due == at(2026, 6, 2, 4)


def test_another_jitter_runs_nothing_twice_and_leaves_nothing_out() -> None:
    for before, later in ((0.0, HOUR), (HOUR, 0.0)):
        due = plan("0 4 * * *", at(2026, 6, 1), jitter=before).due
        served = plan("0 4 * * *", at(2026, 6, 1), jitter=before).begun(due + 3).since
        since = Since(due + 3, "0 4 * * *", "Europe/Berlin", served)
        written = plan("0 4 * * *", 0, jitter=later).written
        (one,) = scheduled("lab", {"one": written}, {"one": since}, due + 60)
        assert at(2026, 6, 2, 4) <= one.due < at(2026, 6, 2, 5)


@pytest.mark.parametrize(
    "before",
    [
        Since(at(2026, 5, 3), "0 4 * * SUN", "Europe/Berlin"),
        Since(at(2026, 5, 3), "0 4 * * *", "UTC"),
        Since(at(2026, 5, 3)),
    ],
)
def test_what_is_written_anew_is_not_run_at_once_for_what_it_would_have_missed(before: Since) -> None:
    now = at(2026, 6, 1, 14)
    (one,) = scheduled("lab", {"one": plan("0 4 * * *", 0).written}, {"one": before}, now)
    assert due_now([one], now) == ()
    assert one.due == at(2026, 6, 2, 4)


def test_what_is_new_or_written_anew_or_taken_out_counts_from_now_on_and_nothing_else_does() -> None:
    written = {name: plan("0 4 * * *", 0).written for name in ("same", "other", "new", "back")}
    known = {"same": nightly(1.0), "other": Since(1.0, "0 5 * * *", "Europe/Berlin"), "back": Since(1.0)}
    known |= {"gone": nightly(1.0), "long gone": Since(1.0)}
    anew = {name: nightly(9.0) for name in ("other", "new", "back")}
    assert rewritten(written, known, 9.0) == {**anew, "gone": Since(9.0)}


def test_jitter_is_always_the_same_for_one_name_and_differs_between_names() -> None:
    due = {
        name: plan("0 4 * * *", at(2026, 6, 1), jitter=HOUR, name=name).due for name in map(str, range(50))
    }
    again = {name: plan("0 4 * * *", at(2026, 6, 1), jitter=HOUR, name=name).due for name in due}
    assert due == again
    assert len(set(due.values())) == 50
    assert all(at(2026, 6, 1, 4) <= moment < at(2026, 6, 1, 5) for moment in due.values())


def test_jitter_longer_than_its_period_leaves_no_time_out() -> None:
    one = plan("*/5 * * * *", at(2026, 6, 1), jitter=2 * HOUR)
    seen = [one.due]
    for _ in range(5):
        seen.append(one.begun(seen[-1]).due)
    assert [round(later - earlier) for earlier, later in pairwise(seen)] == [300] * 5


def test_the_longest_overdue_comes_first() -> None:
    now = at(2026, 6, 10)
    late, later = plan("0 4 * * *", now - 5 * DAY, name="a"), plan("0 4 * * *", now - 9 * DAY, name="b")
    assert due_now([late, later, plan("0 4 1 1 *", now)], now) == (later, late)


MOMENTS = some.floats(min_value=at(2025, 1, 1), max_value=at(2030, 1, 1))
CRONS = some.sampled_from(
    ["*/5 * * * *", "30 2 * * *", "0 4 * * MON", "0 3 1 * *", "0 0 L * *", "15 1-3 * * *"]
)
ZONES = some.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])


@given(MOMENTS, CRONS, ZONES, some.floats(0, 7200))
def test_what_is_due_next_lies_after_what_is_done_with_and_time_goes_on(
    since: float, cron: str, zone: str, jitter: float
) -> None:
    one = plan(cron, since, zone=zone, jitter=jitter)
    assert one.due > since
    assert Scheduled("lab", "one", one.written, one.due).due > one.due
    assert next_due(cron, zone, since) > since


@given(some.text(max_size=20), some.floats(0, 1e6))
def test_a_share_is_a_share(seed: str, most: float) -> None:
    assert 0 <= drawn(seed, most) <= most


@pytest.mark.parametrize(("late", "next_"), [(0, 60), (59, 60), (60, 120), (1000, 1020)])
def test_turns_that_were_missed_are_left_out_and_the_step_is_kept(late: float, next_: float) -> None:
    assert Turn("web1", 100.0).after(100.0 + late, 60.0) == Turn("web1", 100.0 + next_)


def test_not_all_hosts_are_looked_at_in_one_moment() -> None:
    first = turns("lab", [f"web{number}" for number in range(20)], 30.0, 1000.0)
    assert len({turn.due for turn in first}) == 20
    assert all(1000 <= turn.due < 1030 for turn in first)
