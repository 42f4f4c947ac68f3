"""Which calls for a person are over, because what they were about has stayed closed for a while. Pure.

The audit log alone tells: so neither a restart nor a call that ends late leaves one open, which would swallow the next.
"""

from collections.abc import Iterable, Iterator

from remediate.escalation.incident import Escalation, not_over
from remediate.escalation.mended import closed
from remediate.healing.history import Fingerprint
from remediate.journal import Entry
from remediate.watching.concerns import Key

CALM = 600.0
"""Seconds that it must have stayed closed; what comes again before joins the incident, and nobody is called anew."""


def called_for(entries: Iterable[Entry], now: float) -> tuple[Escalation, ...]:
    """Return the escalations that are because of a concern, and that nobody has said to be over.

    Args:
        entries: Those of all escalations, in order.
        now: Seconds since the epoch.

    Raises:
        JournalError: An entry cannot be understood.
    """
    return tuple(
        one for one in not_over(entries, now) if ":" in one.playbook
    )  # a source; no playbook's name has one


def calls_over(called: Iterable[Escalation], entries: Iterable[Entry], now: float) -> tuple[Fingerprint, ...]:
    """Return what a person was called for, and is over.

    Args:
        called: What `called_for` returns.
        entries: Those of `concern` since the runs that those are of were begun, in order: what is closed before its run
            is begun is not called for.
        now: Seconds since the epoch.

    Raises:
        JournalError: An entry cannot be understood.
    """
    calm = set(_calm(entries, now))
    ended = (
        key for key in dict.fromkeys(key for one in called for key in sorted(one.concerns)) if key in calm
    )
    return tuple(
        Fingerprint(environment=where, target=host, playbook=source) for where, host, source in ended
    )


def _calm(entries: Iterable[Entry], now: float) -> Iterator[Key]:
    """Yield what was closed and has stayed so for long enough; a clock that went back keeps nothing open."""
    return (key for key, at in closed(entries).items() if not 0 <= now - at < CALM)
