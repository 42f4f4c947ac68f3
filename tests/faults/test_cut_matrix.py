"""A sample of the cut matrix, by a seed that is printed; `make kill-matrix` plays all of it."""

from collections.abc import Callable, Iterator

import pytest

from tests.faults.points import AWAY, BLINK, PROCESSES
from tests.faults.sample import sample
from tests.faults.worlds import Worlds, worlds_on
from tests.practice import Practice


@pytest.fixture(scope="module")
def worlds(practice: Practice) -> Iterator[Worlds]:
    with worlds_on(practice) as made:
        yield made


@pytest.mark.fault(1, 3)
@pytest.mark.parametrize("process", PROCESSES)
def test_cut_off_at_any_write_it_is_gone_on_with_or_taken_back_whole(
    worlds: Worlds, count: Callable[[str, int, int], None], process: str
) -> None:
    point = sample(worlds, (BLINK, AWAY))[PROCESSES.index(process)]
    held = 0
    try:
        worlds.play(point)
        held = 1
    finally:
        count("cut points", 1, held)
