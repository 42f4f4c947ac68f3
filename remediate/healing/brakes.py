"""What holds healing back: attempts, cooldown, the circuit breaker, recurrence, how many are in work. Pure.

It reads a history and the time, and gives conditions; that nobody else decides meanwhile is whoever acts to see to.
"""

import shlex
from collections.abc import Callable, Collection
from dataclasses import dataclass

from remediate.clock import AHEAD
from remediate.healing.history import Attempt, Fingerprint, History
from remediate.healing.in_work import alone, few_in_work
from remediate.healing.killed import after_killed
from remediate.healing.verdict import Condition
from remediate.healing.wish import HOUR, Wish
from remediate.sinks.plan_text import moment

FAILURES = 2
"""So many cures that did not hold, with none that did between them, open the breaker."""
RECURRENCES = 2
"""A fault that was healed so often within an hour comes back for a reason that no cure of ours removes."""
LONGEST_COOLDOWN = 6 * HOUR
"""Seconds; a cooldown that doubles ends here."""


def braked(wish: Wish) -> tuple[Condition, ...]:
    """Return the brakes as conditions, whether they hold the cure back or not."""
    return tuple(brake(wish) for brake in _BRAKES)


def failures(attempts: Collection[Attempt]) -> int:
    """Return how many cures of one fault did not hold since the last that did; what opened the breaker stays."""
    count = 0
    for one in attempts:
        if one.did_not_hold:
            count += 1
        elif one.healed and count < FAILURES:
            count = 0
    return count


@dataclass(frozen=True)
class Breaker:
    """The breaker of one fault that is not quite as it was.

    Attributes:
        fingerprint: Which fault.
        failures: How many cures did not hold.
        hosts: Where they were tried; where none failed, all hosts where one was.
        since: Seconds since the epoch when the last of them ended.
        runs: The runs, oldest first.
    """

    fingerprint: Fingerprint
    failures: int
    hosts: tuple[str, ...]
    since: float
    runs: tuple[str, ...]

    @property
    def open(self) -> bool:
        """Whether nothing is tried any more until a person closes it."""
        return self.failures >= FAILURES


def breakers(history: History) -> tuple[Breaker, ...]:
    """Return every breaker that is open, or one failure nearer to it, in the order of their faults' first attempts."""
    fingerprints = dict.fromkeys(one.fingerprint for one in history.attempts)
    told = (_breaker(fingerprint, history.of(fingerprint)) for fingerprint in fingerprints)
    return tuple(one for one in told if one.failures)


def resettable(history: History, now: float, cooldown: float) -> tuple[Breaker, ...]:
    """Return the faults whose attempts hold something back, the breaker or another brake, until a person resets them.

    Args:
        history: What was done before.
        now: Seconds since the epoch.
        cooldown: Seconds after the first attempt that did not heal.
    """
    known = {
        fingerprint: [one for one in history.of(fingerprint) if one.told is not None or one.at > now + AHEAD]
        for fingerprint in dict.fromkeys(one.fingerprint for one in history.attempts)
    }
    return tuple(
        _breaker(fingerprint, attempts)
        for fingerprint, attempts in known.items()
        if failures(attempts)
        or cooldown_left(attempts, cooldown, now) > 0
        or any(now - (one.ended or one.at) < HOUR for one in attempts)
    )


def _breaker(fingerprint: Fingerprint, attempts: Collection[Attempt]) -> Breaker:
    failed = [one for one in attempts if one.did_not_hold]
    return Breaker(
        fingerprint=fingerprint,
        failures=failures(attempts),
        hosts=tuple(dict.fromkeys(one.host for one in failed or attempts)),
        since=failed[-1].ended or failed[-1].at if failed else 0.0,
        runs=tuple(one.run for one in failed),
    )


def _closed(wish: Wish) -> Condition:
    count = failures(wish.before)
    said = f"{count} of {FAILURES} cures did not hold"
    if count >= FAILURES:
        fault = wish.fingerprint
        todo = f"once you know why: {_reset_of(fault, wish)}"
        said = f"the breaker is open: {count} cures of {fault} did not hold; {todo}"
    return Condition(name="breaker is closed", holds=count < FAILURES, said=said)


def _recurs(wish: Wish) -> Condition:
    healed = sum(one.healed and wish.lately(one.ended) for one in wish.before)
    said = f"healed {_times(healed)} within the last hour"
    if healed >= RECURRENCES:
        said = f"{wish.fingerprint} was {said} and is there again: what brings it about is something else"
        said += _ahead(wish, [one for one in wish.before if one.healed])
    return Condition(name="does not recur", holds=healed < RECURRENCES, said=said)


def _attempts_left(wish: Wish) -> Condition:
    tried = sum(wish.lately(one.at) for one in wish.before)
    said = f"tried {_times(tried)} within the last hour, the playbook allows {wish.per_hour}"
    said += _ahead(wish, wish.before)
    return Condition(name="attempts are left", holds=tried < wish.per_hour, said=said)


def _environment_left(wish: Wish) -> Condition:
    environment, allowed = wish.fingerprint.environment, wish.auto.per_hour
    lately = [
        one
        for one in wish.history.attempts
        if one.fingerprint.environment == environment and one.counts and wish.lately(one.at)
    ]
    # A reset lowers no count of the environment, but for what a clock wrote down that was ahead.
    lately = [one for one in lately if not (wish.is_ahead(one) and wish.history.is_reset(one))]
    tried = len(lately)
    said = f"{tried} cure{'s' * (tried != 1)} begun in {environment} within the last hour"
    name = "environment has attempts left"
    return Condition(
        name=name, holds=tried < allowed, said=f"{said}, the policy allows {allowed}{_ahead(wish, lately)}"
    )


def _cooled_down(wish: Wish) -> Condition:
    left = cooldown_left(wish.before, wish.auto.cooldown, wish.now)
    if left <= 0:
        return Condition(name="has cooled down", holds=True, said="no cooldown runs")
    said = f"a cure of {wish.fingerprint} did not hold; it is left alone for {left:.0f} s more"
    said = after_killed(wish, left) or said
    return Condition(name="has cooled down", holds=False, said=said + _ahead(wish, wish.before))


def cooldown_left(attempts: Collection[Attempt], cooldown: float, now: float) -> float:
    """Return for how many seconds more a fault is left alone: doubled with each attempt since the last that healed.

    Args:
        attempts: Those at this fault, oldest first; one that never ended, because its runner was killed, is among them.
        cooldown: Seconds after the first attempt that did not heal.
        now: Seconds since the epoch.
    """
    in_vain: list[Attempt] = []
    for one in attempts:
        in_vain = [] if one.healed else in_vain if _excused(one) else [*in_vain, one]
    if not in_vain:
        return 0.0
    length = min(cooldown * 2.0 ** (len(in_vain) - 1), max(LONGEST_COOLDOWN, cooldown))
    since = in_vain[-1].ended or in_vain[-1].at
    return min(
        length, since + length - now
    )  # all of it while `since` is yet to come: a clock was ahead, or went back


def _excused(one: Attempt) -> bool:
    return one.interrupted and not one.did_not_hold


def _held_elsewhere(wish: Wish) -> Condition:
    """A cure that is wrong is wrong on every host that is alike: after the first of them a person looks."""
    failed = _last_in_vain(wish.history.elsewhere(wish.fingerprint, wish.host, wish.group))
    holds = failed is None or not wish.within_the_round(failed.ended or failed.at)
    said = f"no cure of {wish.fingerprint.playbook} failed on other hosts of {wish.group} lately"
    if failed and not holds:
        todo = f"once you know why: {_reset_of(failed.fingerprint, wish)}"
        said = f"a cure of {failed.fingerprint} did not hold (run {failed.run}): first a person looks; {todo}"
        said += _ahead(wish, [failed])
    return Condition(name="did not fail on its group's other hosts", holds=holds, said=said)


def _last_in_vain(attempts: Collection[Attempt]) -> Attempt | None:
    """Return the attempt that was heard of last, where it did not hold; of those that only ended nothing is learnt."""
    telling = [one for one in attempts if one.healed or one.did_not_hold]
    last = max(telling, key=lambda one: one.told or one.number, default=None)
    return last if last and last.did_not_hold else None


def _ahead(wish: Wish, attempts: Collection[Attempt]) -> str:
    """Return in a clause which attempt lies in the future, for it counts until then, and what ends that; or nothing."""
    one = next((one for one in attempts if wish.is_ahead(one)), None)
    if one is None:
        return ""
    when = moment(max(one.at, one.ended or one.at))
    told = f"; run {one.run} is written down for {when}, which is yet to come, and counts until an hour after"
    return f"{told}: if a clock was wrong, {_reset_of(one.fingerprint, wish)}"


def _reset_of(fault: Fingerprint, wish: Wish) -> str:
    """Return the command that closes a breaker; by what is ill: on this host it may never have been tried."""
    named = (fault.target, fault.playbook, "--reason", "WHY", *wish.places)
    return shlex.join(["remediate", "breaker", "reset", *named])


def _switched_on(wish: Wish) -> Condition:
    stop = wish.history.stop
    said = f"healing was stopped by {stop.who}: {stop.why}" if stop else "healing is not stopped"
    return Condition(name="switch is on", holds=stop is None, said=said)


_BRAKES: tuple[Callable[[Wish], Condition], ...] = (
    _closed,
    _recurs,
    _attempts_left,
    _held_elsewhere,
    _switched_on,
    alone,
    few_in_work,
    _cooled_down,
    _environment_left,
)


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
