"""Which hosts are looked at next, of all environments together: one that answers slowly keeps no other waiting."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from remediate.inventory import Inventory
from remediate.watching.looking import AT_ONCE, next_looks
from remediate.watching.ward import Ward
from tests.watching.conftest import Hand


@pytest.fixture
def wards(inventory: Callable[..., Inventory], hand: Hand) -> list[Ward]:
    """A big environment whose looks take longer than they should come, and a small one after it."""
    return [ward_of(inventory, hand, "staging", 2 * AT_ONCE), ward_of(inventory, hand, "production", 2)]


def ward_of(inventory: Callable[..., Inventory], hand: Hand, name: str, many: int) -> Ward:
    lab = inventory(name=name)
    hosts = tuple(lab.hosts[0].model_copy(update={"name": f"{name}{number}"}) for number in range(many))
    ward = Ward(replace(lab, hosts=hosts))
    ward.take_on(ward.inventory, {}, hand.now)
    return ward


def test_a_slow_environment_keeps_no_other_from_being_looked_at(wards: list[Ward], hand: Hand) -> None:
    looked: dict[str, int] = {}
    ends: list[tuple[float, Ward, str]] = []
    for _ in range(3600):
        for ward, host in next_looks(wards, hand.on(1).stopwatch):
            ward.begin_look(host, hand.stopwatch)
            looked[host] = looked.get(host, 0) + 1
            ends.append((hand.stopwatch + (65 if ward.name == "staging" else 2), ward, host))
        assert sum(len(ward.looking) for ward in wards) <= AT_ONCE
        for _, ward, host in (over := [one for one in ends if one[0] <= hand.stopwatch]):
            ward.looking.discard(host)
        ends = [one for one in ends if one not in over]
    assert len(looked) == 2 * AT_ONCE + 2
    assert min(looked.values()) >= 15, "there is room for as much in an hour, and all have the same of it"


def test_of_hosts_that_are_due_the_longest_overdue_are_next_and_no_more_than_there_is_room_for(
    wards: list[Ward], hand: Hand
) -> None:
    first = next_looks(wards, hand.stopwatch)
    assert len(first) == AT_ONCE
    for ward, host in first[1:]:
        ward.begin_look(host, hand.stopwatch)
    production = wards[1]
    production.turns["production1"] = replace(production.turns["production1"], due=0.0)
    assert next_looks(wards, hand.stopwatch) == [(production, "production1")]
