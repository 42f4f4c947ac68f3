"""The short soak: one fault of each sort, a kill in the middle, and a storm of alerts all the while."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.canary import CANARIES
from tests.practice import Practice
from tests.soak.course import (
    BREAKER,
    CURED,
    ESCALATED,
    EVERYTHING,
    HEALED,
    IN_VAIN,
    LEFT,
    PROPOSED,
    RECURS,
    SERVICE,
    TRIED,
    Counted,
    Scene,
    scenes,
)
from tests.soak.play import soak
from tests.soak.storm import labels_of

BOTH = ("web1", "web2")


def scene(fault: str, **more: int | str) -> Scene:
    faults = (("web1", fault),)
    return Scene(faults, Counted().fates(faults), **more)


SHORT = (
    scene("named-import", told_by_alert=True, killed=SERVICE),
    scene("app-stopped", pipelines=1),
    scene("failed-migration", told_by_alert=True),
)


def test_what_may_be_healed_is_healed_and_the_rest_is_a_persons_whatever_else_comes(
    practice: Practice, web1: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    one = soak(practice, tmp_path, SHORT)
    said = "\n".join(one.story)
    record_property("sum", str(one.score))
    assert not one.score.wrong, "\n".join([*one.score.wrong, said])
    assert not one.score.exceeded, one.score.exceeded
    assert str(one.score) == ("soak: 3 faults, healed 1, proposed 1, escalated 1, wrong 0, brakes exceeded 0")
    assert {202, 400, 401, 413, 422} >= set(one.score.answers) - {0}
    assert one.score.answers[202] == 0, "nothing of the storm is an alert"
    assert one.score.a_minute > 500
    assert not CANARIES.in_screen(said)
    for what in ("opened", "closed"):
        assert f"web1: incident {what}: alert:HighErrorRate" in said
    touched = [(tried.playbook, tried.outcome) for tried in one.record.attempts if tried.outcome != "stale"]
    assert touched == [("prisma-import", "fixed")], "what was stale has touched nothing"
    assert len(one.pager.posted) == 2, "one call for what was proposed, one for what has no cure"
    for labels in labels_of("hostile"):
        assert not [
            text for text in labels.values() if len(text) > 8 and text in said and text != "HighErrorRate"
        ]


@pytest.mark.parametrize("seed", range(20))
def test_a_long_soak_has_all_sorts_on_several_hosts_at_once_and_some_that_recur(seed: int) -> None:
    drawn = scenes(seed, 30, hosts=BOTH, kills=4)
    assert sum(len(one.faults) for one in drawn) == 30
    assert {fault for one in drawn for _, fault in one.faults} == {*CURED, *LEFT, *IN_VAIN}
    fates = [fate for one in drawn for _, fate in one.expected]
    assert {fate.became for fate in fates} == {HEALED, PROPOSED, ESCALATED}
    assert {fate.because for fate in fates} & {RECURS, TRIED}
    assert any(one.killed for one in drawn)
    assert any(len(one.hosts) > 1 for one in drawn)
    assert any(one.pipelines == 1 for one in drawn)
    assert drawn == scenes(seed, 30, hosts=BOTH, kills=4)


def test_the_soak_that_is_played_by_itself_has_a_fault_that_recurs_and_both_sorts_of_kills() -> None:
    drawn = scenes(1, 30, hosts=BOTH, kills=4)
    assert {fate.because for one in drawn for _, fate in one.expected} >= {RECURS, TRIED, BREAKER}
    assert sorted(one.killed for one in drawn if one.killed) == [EVERYTHING] * 2 + [SERVICE] * 2
