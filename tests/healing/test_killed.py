"""What is said of a cooldown after a healer that was killed; the brake itself is as after any cure in vain."""

import pytest

from remediate.healing.brakes import braked
from remediate.healing.verdict import Condition
from remediate.healing.wish import Wish
from remediate.inventory import AutoPolicy
from remediate.model import Outcome
from tests.healing.logbook import FAULT, Logbook


def cooldown(log: Logbook) -> Condition:
    wish = Wish(
        fingerprint=FAULT,
        host="web1",
        group="backend",
        per_hour=5,
        auto=AutoPolicy(allowed=True, cooldown=300.0),
        now=log.now,
        history=log.history,
    )
    (one,) = [one for one in braked(wish) if one.name == "has cooled down"]
    return one


@pytest.mark.parametrize(
    ("end", "became"), [(None, "it left nothing to put back"), (Outcome.PUT_BACK, "is put back")]
)
def test_a_killed_healer_is_called_so_with_the_time_of_the_next_try(end: Outcome | None, became: str) -> None:
    log = Logbook()
    run = log.attempt()
    if end:
        log.ended(run, end)
    log.now += 60.0  # 1970-01-12 13:47:40 UTC; 240 s are left, until 13:51:40
    told = cooldown(log)
    assert not told.holds
    assert f"its healer was killed (run {run}), and " in told.said
    assert f"{became}; the fault will be tried again after 1970-01-12 13:52 UTC" in told.said


@pytest.mark.parametrize("failed", ["ended", "put back later"])
def test_a_cure_that_did_not_hold_is_no_killed_healer(failed: str) -> None:
    log = Logbook()
    log.attempt()
    run = log.attempt(Outcome.ROLLED_BACK if failed == "ended" else None)
    if failed != "ended":
        log.stopped(run)
        log.ended(run, Outcome.PUT_BACK)
    told = cooldown(log)
    assert not told.holds
    assert "did not hold; it is left alone for" in told.said


def test_once_it_has_cooled_down_nothing_is_said_of_it() -> None:
    log = Logbook()
    log.attempt()
    log.now += 301.0
    told = cooldown(log)
    assert (told.holds, told.said) == (True, "no cooldown runs")
