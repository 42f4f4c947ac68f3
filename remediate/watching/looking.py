"""Which hosts are looked at next, of all environments together. Pure: it looks at none."""

from collections.abc import Iterable

from remediate.watching.ward import Ward

AT_ONCE = 8
"""Hosts that are looked at at once."""


def next_looks(wards: Iterable[Ward], now: float) -> list[tuple[Ward, str]]:
    """Return the hosts that are to be looked at now, the longest overdue first, as far as there is room.

    Whose turn it is counts, and not where it is: an environment that answers slowly keeps no other waiting for good.

    Args:
        wards: All environments.
        now: On a stopwatch.
    """
    known = tuple(wards)
    room = AT_ONCE - sum(len(ward.looking) for ward in known)
    due = [(ward.turns[host].due, ward, host) for ward in known for host in ward.hosts_to_look_at(now)]
    return [(ward, host) for _, ward, host in sorted(due, key=lambda one: one[0])[: max(0, room)]]
