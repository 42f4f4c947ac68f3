"""Maintenance windows open and close by the wall clock of their own zone, also in a night when clocks are changed."""

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from remediate.healing.windows import DAYS, is_open, next_opening, open_for
from remediate.inventory import Window

BERLIN = ZoneInfo("Europe/Berlin")


def by_the_wall(window: Window, moment: datetime) -> bool:
    wall = moment.astimezone(ZoneInfo(window.zone))
    minute, (opens, closes) = wall.hour * 60 + wall.minute, window.minutes
    today = DAYS[wall.weekday()] in window.days
    if closes > opens:
        return today and opens <= minute < closes
    yesterday = DAYS[wall.weekday() - 1] in window.days
    return (today and minute >= opens) or (yesterday and minute < closes)


@pytest.mark.parametrize(
    "window",
    [
        Window(hours="22:00-06:00", zone="Europe/Berlin"),
        Window(hours="22:00-06:00", zone="Europe/Berlin", days=("sat", "mon")),
        Window(hours="09:00-17:30", zone="America/New_York", days=("mon", "tue", "wed", "thu", "fri")),
        Window(hours="00:00-24:00", days=("sun",)),
        Window(hours="00:00-00:00", zone="Pacific/Auckland"),
    ],
)
@pytest.mark.parametrize("month", [3, 10])
def test_every_half_hour_of_three_weeks_is_in_or_out_as_the_wall_clock_says(
    window: Window, month: int
) -> None:
    first = datetime(2026, month, 14, tzinfo=UTC)
    for number in range(21 * 48):
        moment = first + timedelta(minutes=30 * number)
        assert is_open([window], moment.timestamp()) == by_the_wall(window, moment), moment


def test_without_windows_it_is_always_open_and_of_several_one_is_enough() -> None:
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp()
    closed, opened = Window(hours="01:00-02:00"), Window(hours="11:00-13:00")
    assert is_open([], noon)
    assert not is_open([closed], noon)
    assert is_open([closed, opened], noon)


def test_it_is_told_for_how_long_windows_stay_open_one_after_the_other() -> None:
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC).timestamp()
    one, next_to_it = Window(hours="11:00-13:00"), Window(hours="13:00-13:30")
    over_it, later = Window(hours="11:30-12:30"), Window(hours="14:00-15:00")
    assert open_for([], noon) == math.inf
    assert open_for([later], noon) == 0
    assert open_for([over_it, one, later], noon) == 3600
    assert open_for([next_to_it, one, later], noon) == 5400
    assert open_for([Window(hours="00:00-00:00")], noon) > 7 * 86400
    for moment in (noon, noon + 3600, noon + 5399, noon + 5400):
        assert (open_for([one, next_to_it], moment) > 0) == is_open([one, next_to_it], moment)


def test_the_next_opening_is_told() -> None:
    friday = datetime(2026, 7, 3, 12, tzinfo=BERLIN)
    window = Window(hours="22:00-06:00", zone="Europe/Berlin", days=("mon", "fri"))
    opening = next_opening([window], friday.timestamp())
    assert opening == datetime(2026, 7, 3, 22, tzinfo=BERLIN).timestamp()
    assert next_opening([window], opening) == datetime(2026, 7, 6, 22, tzinfo=BERLIN).timestamp()
    only = Window(hours="10:00-14:00", zone="Europe/Berlin", days=("fri",))
    assert next_opening([only], friday.timestamp()) == datetime(2026, 7, 10, 10, tzinfo=BERLIN).timestamp()
    assert next_opening([], 0) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"hours": "22-06"},
        {"hours": "25:00-26:00"},
        {"hours": "10:00-11:00", "zone": "Berlin"},
        {"hours": "10:00-11:00", "days": ()},
        {"hours": "10:00-11:00", "days": ("monday",)},
    ],
)
def test_a_window_that_nobody_can_understand_is_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        Window(**wrong)
