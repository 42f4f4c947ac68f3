"""A cooldown after a healer that was killed, in words that whoever is called understands. Pure: it brakes nothing."""

import math
from collections.abc import Iterable

from remediate.healing.brakes import cooldown_left
from remediate.healing.history import Attempt
from remediate.healing.verdict import Condition
from remediate.healing.wish import Wish
from remediate.model import Outcome
from remediate.sinks.plan_text import moment


def told_of_killed(condition: Condition, wish: Wish) -> Condition:
    """Return a brake as it is, or in other words where it waits for nothing but time after a healer was killed.

    Args:
        condition: Any brake.
        wish: What it was computed from.
    """
    last = _killed_last(wish.before)
    if condition.name != "has cooled down" or condition.holds or not last:
        return condition
    left = cooldown_left(wish.before, wish.auto.cooldown, wish.now)
    became = "what it had changed is put back" if last.outcome else "it left nothing to put back"
    minute = math.ceil((wish.now + left) / 60) * 60  # the next whole one: what is shown has no seconds
    again = f"the fault will be tried again after {moment(minute)}, by watch or the next heal"
    return condition.model_copy(
        update={"said": f"its healer was killed (run {last.run}), and {became}; {again}"}
    )


def _killed_last(attempts: Iterable[Attempt]) -> Attempt | None:
    """Return the last attempt that brakes, where nobody learnt what it would have come to: its runner was killed."""
    braking = [one for one in attempts if one.did_not_hold or not one.interrupted]
    last = braking[-1] if braking else None
    killed = last and not last.did_not_hold and last.outcome in {None, Outcome.PUT_BACK}
    return last if killed else None
