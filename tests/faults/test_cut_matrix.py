"""A sample of the cut matrix, by a seed that is printed; `make kill-matrix` plays all of it."""

from collections.abc import Callable, Iterator

import pytest

from tests.faults.points import AWAY, BLINK
from tests.faults.sample import sample
from tests.faults.worlds import Worlds, worlds_on
from tests.practice import Practice

POINTS = 4


@pytest.fixture(scope="module")
def worlds(practice: Practice) -> Iterator[Worlds]:
    with worlds_on(practice) as made:
        yield made


@pytest.mark.fault(1, 3)
@pytest.mark.parametrize("number", range(POINTS))
def test_cut_off_at_any_write_it_is_gone_on_with_or_taken_back_whole(
    worlds: Worlds, count: Callable[[str, int, int], None], number: int
) -> None:
    point = sample(worlds, (BLINK, AWAY), POINTS)[number]
    held = 0
    try:
        worlds.play(point)
        held = 1
    finally:
        count("cut points", 1, held)
