"""When something is due, as people write it: five cron fields and a time zone. It knows no clock and starts nothing.

A moment that a change to summer time leaves out is due at the first moment after it; one that the change back brings
twice is due once, except where every hour or every few minutes are meant (Debian's cron does the same; cronsim).
"""

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator

FIELDS = 5


def _checked(written: str) -> str:
    if len(written.split()) != FIELDS:
        raise ValueError("five fields: minute, hour, day of the month, month, day of the week")
    try:
        next(CronSim(written, datetime.now(UTC)))
    except CronSimError as error:
        raise ValueError(f"a cron expression ({error})") from error
    except StopIteration:
        raise ValueError("a cron expression that is due at some time") from None
    return written


def _zone(written: str) -> str:
    try:
        ZoneInfo(written)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("a time zone like Europe/Berlin or UTC") from error
    return written


Cron = Annotated[str, AfterValidator(_checked)]
"""Five fields of cron: `0 4 * * MON`, `*/5 * * * *`, `0 3 1 * *`; `L` is a month's last day, `MON#1` its 1st Monday."""
Zone = Annotated[str, AfterValidator(_zone)]
"""A name of the IANA time zone database."""


def next_due(cron: Cron, zone: Zone, after: float) -> float:
    """Return the first moment after one at which something is due, both in seconds since the epoch."""
    # From within the hour that comes twice it begins anew at that hour's first pass: those moments are over.
    moments = (one.timestamp() for one in CronSim(cron, datetime.fromtimestamp(after, ZoneInfo(zone))))
    return next(moment for moment in moments if moment > after)
