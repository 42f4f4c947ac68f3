"""Puts back what killed healers left on hosts, before anything else is done there. It begins no cure.

It is healing, too: where that is stopped, or may not be done now, a person is left to do it.
"""

from collections.abc import Iterator

from remediate.clock import Clock
from remediate.engine import Ending
from remediate.errors import Locked
from remediate.events import Events
from remediate.healing.reach import Orders, Reach
from remediate.healing.switch import stopped
from remediate.healing.windows import is_open
from remediate.journal import Journal
from remediate.model import Outcome


def put_back_what_was_left(
    orders: Orders, reach: Reach, journal: Journal, events: Events, clock: Clock
) -> Iterator[tuple[str, Ending]]:
    """Put back what may be put back; yield each host on which something was owed, and how that ended.

    Args:
        orders: What is to be healed.
        reach: What reaches the hosts.
        journal: The audit log.
        events: Who listens.
        clock: The time.

    Raises:
        JournalError: The audit log cannot be read.
    """
    stuck = reach.stuck(orders.groups)
    for host, run in stuck.items():
        yield host, _stuck_before(run)
    for host, run in reach.left_behind(orders.groups).items():
        if host in stuck:
            continue
        yield host, _left_alone(run, orders, journal, clock) or _put_back(run, host, reach, events)


def _stuck_before(run: str) -> Ending:
    todo = f"remediate rollback {run}"
    return Ending(Outcome.STUCK, f"run {run} could not be put back, that is a person's: {todo}", todo)


def _left_alone(run: str, orders: Orders, journal: Journal, clock: Clock) -> Ending | None:
    """Return why nothing may be put back now; None where it may."""
    todo = f"remediate rollback {run}"
    if stop := stopped(journal):
        return Ending(Outcome.STUCK, f"healing is stopped ({stop.who}: {stop.why}); owed: {todo}", todo)
    if not is_open(orders.policy.auto.windows, clock.wall()):
        return Ending(Outcome.STUCK, f"no maintenance window is open; owed: {todo}", todo)
    return None


def _put_back(run: str, host: str, reach: Reach, events: Events) -> Ending:
    told = f"run {run} was killed while it healed; what it changed is put back first"
    events.tell("warning", host, told)
    try:
        return reach.put_back(run, host)
    except Locked:  # somebody puts it back already; whoever would cure something there waits for that
        events.tell("looking", host, f"another process is at work on run {run}")
        return Ending(Outcome.PUT_BACK, "by another process")
