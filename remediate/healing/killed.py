"""A cooldown after a healer that was killed, in words that whoever is called understands. Pure: it brakes nothing."""

import math
from collections.abc import Iterable

from remediate.healing.history import Attempt
from remediate.healing.wish import Wish
from remediate.model import Outcome
from remediate.sinks.plan_text import moment


def after_killed(wish: Wish, left: float) -> str:
    """Return what a cooldown waits for after a healer was killed: nothing but time; empty after any other attempt.

    Args:
        wish: What the cooldown was computed from.
        left: Seconds that it still takes.
    """
    last = _killed_last(wish.before)
    if not last:
        return ""
    became = "what it had changed is put back" if last.outcome else "it left nothing to put back"
    minute = math.ceil((wish.now + left) / 60) * 60  # the next whole one: what is shown has no seconds
    again = f"the fault will be tried again after {moment(minute)}, by watch or the next heal"
    return f"its healer was killed (run {last.run}), and {became}; {again}"


def _killed_last(attempts: Iterable[Attempt]) -> Attempt | None:
    """Return the last attempt that brakes, where nobody learnt what it would have come to: its runner was killed."""
    braking = [one for one in attempts if one.did_not_hold or not one.interrupted]
    last = braking[-1] if braking else None
    killed = last and not last.did_not_hold and last.outcome in {None, Outcome.PUT_BACK}
    return last if killed else None
