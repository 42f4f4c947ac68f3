"""Maintenance windows: when an environment may be healed, in its own time zone. Pure: the moment is an argument."""

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from remediate.inventory import Window

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAYS_AROUND = 10
"""Days that are looked at: yesterday's window may still be open, and one that is open now opens again in a week."""


def is_open(windows: Sequence[Window], now: float) -> bool:
    """Tell whether a moment lies in one of the windows; without any, every moment does.

    Args:
        windows: A window's days are those on which it opens; one that ends before it opens ends on the next day.
        now: Seconds since the epoch.
    """
    moment = datetime.fromtimestamp(now, UTC)
    return not windows or any(_holds(one, moment) for one in windows)


def open_for(windows: Sequence[Window], now: float) -> float:
    """Return for how many seconds windows stay open, one after the other; 0 where none is, infinity without any.

    Args:
        windows: As of `is_open`.
        now: Seconds since the epoch.
    """
    if not windows:
        return math.inf
    moment = datetime.fromtimestamp(now, UTC)
    spans, until = [span for one in windows for span in _spans(one, moment)], moment
    while later := [end for start, end in spans if start <= until < end]:
        until = max(later)
    return (until - moment).total_seconds()


def next_opening(windows: Sequence[Window], now: float) -> float | None:
    """Return when the next window opens, in seconds since the epoch; None where there is none, or no day in one."""
    moment = datetime.fromtimestamp(now, UTC)
    openings = (start.timestamp() for one in windows for start, _ in _spans(one, moment))
    return min((start for start in openings if start > now), default=None)


def _holds(window: Window, moment: datetime) -> bool:
    return any(start <= moment < end for start, end in _spans(window, moment))


def _spans(window: Window, moment: datetime) -> list[tuple[datetime, datetime]]:
    """Return when a window opens and closes around a moment: from the day before until eight days after.

    Wall times are read in the zone and compared as moments, so that a night in which clocks are changed has its real
    length. A wall time that does not exist that night is read with the offset that was in force before (PEP 495).
    """
    zone = ZoneInfo(window.zone)
    opens, closes = window.minutes
    first = moment.astimezone(zone).date() - timedelta(days=1)
    days = [first + timedelta(days=number) for number in range(DAYS_AROUND)]
    return [
        (_at(day, opens, zone), _at(day, closes if closes > opens else closes + 24 * 60, zone))
        for day in days
        if DAYS[day.weekday()] in window.days
    ]


def _at(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    days, rest = divmod(minutes, 24 * 60)
    wall = datetime.combine(day + timedelta(days=days), time(rest // 60, rest % 60), zone)
    return wall.astimezone(UTC)
