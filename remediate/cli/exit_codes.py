"""Outcomes and errors -> exit codes. One table, documented in the README; of several hosts the worst counts."""

from collections.abc import Iterable

from remediate.errors import (
    Blocked,
    Conflict,
    Declined,
    Interrupted,
    JournalError,
    Lost,
    RemediateError,
    Stale,
    UsageError,
)
from remediate.model import Outcome

HEALTHY, FAILED, USAGE, PLANNED, DECLINED, STALE, BLOCKED, STUCK, NO_CURE = range(9)

_CODE_OF_OUTCOME = {
    Outcome.HEALTHY: HEALTHY,
    Outcome.FIXED: HEALTHY,
    Outcome.PUT_BACK: HEALTHY,
    Outcome.HELD: HEALTHY,
    Outcome.FREE: HEALTHY,
    Outcome.ROLLED_BACK: FAILED,
    Outcome.PLANNED: PLANNED,
    Outcome.DECLINED: DECLINED,
    Outcome.STALE: STALE,
    Outcome.BLOCKED: BLOCKED,
    Outcome.STUCK: STUCK,
    Outcome.KEPT: NO_CURE,
    Outcome.NO_CURE: NO_CURE,
}

_CODE_OF_ERROR: tuple[tuple[type[RemediateError], int], ...] = (
    (UsageError, USAGE),
    (Declined, DECLINED),
    (Interrupted, DECLINED),
    (Stale, STALE),
    (Blocked, BLOCKED),
    (JournalError, BLOCKED),
    (Conflict, STUCK),
    (Lost, STUCK),
)

_WORST_FIRST = (STUCK, BLOCKED, STALE, FAILED, NO_CURE, DECLINED, PLANNED, HEALTHY)


def code_of(outcomes: Iterable[Outcome]) -> int:
    """Return the exit code of several hosts' outcomes: the worst counts."""
    codes = {_CODE_OF_OUTCOME[outcome] for outcome in outcomes}
    return next((code for code in _WORST_FIRST if code in codes), HEALTHY)


def code_of_error(error: RemediateError) -> int:
    """Return the exit code of an error that ended the command."""
    return next((code for kind, code in _CODE_OF_ERROR if isinstance(error, kind)), FAILED)
