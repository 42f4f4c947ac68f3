"""A sample of the kill matrix, by a seed that is printed; `make kill-matrix` plays all of it."""

import json
import time
from collections.abc import Callable, Iterator

import pytest

from tests.faults import effects
from tests.faults.points import KILL, PROCESSES
from tests.faults.sample import sample
from tests.faults.worlds import Worlds, worlds_on
from tests.operator import Operator
from tests.practice import Practice


@pytest.fixture(scope="module")
def worlds(practice: Practice) -> Iterator[Worlds]:
    with worlds_on(practice) as made:
        yield made


@pytest.mark.fault(1)
@pytest.mark.parametrize("process", PROCESSES)
def test_killed_at_any_write_it_is_gone_on_with_or_taken_back_whole(
    worlds: Worlds, count: Callable[[str, int, int], None], process: str
) -> None:
    point = sample(worlds, (KILL,))[PROCESSES.index(process)]
    held = 0
    try:
        worlds.play(point)
        held = 1
    finally:
        count("kill points", 1, held)


ALL_ENDED = """for job in ~/.remediate/jobs/*/boot; do [ -e "${job%boot}rc" ] || echo running; done"""


@pytest.mark.fault(2)
def test_a_command_whose_runner_is_killed_as_it_begins_to_print_ends_by_itself_and_is_not_run_again(
    practice: Practice, operator: Operator, worlds: Worlds, web1: str
) -> None:
    worlds.broken_for = ""
    practice.reset(web1)
    practice.break_("named-import")
    effects.watch(practice, web1)
    words = ("run", "prisma-import", "--on", web1, "--yes", "--json", "-i", str(worlds.inventory))
    with operator.start(*words) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["kind"] == "output":
                process.kill()
                break
        process.communicate(timeout=30)
    assert process.returncode == -9
    deadline = time.monotonic() + 60
    while practice.shell(web1, ALL_ENDED):
        assert time.monotonic() < deadline, "the command ends by itself"
        time.sleep(0.2)
    resumed = operator.does("resume", operator.last_run, "--yes")
    assert resumed.code == 0, resumed.out + resumed.err
    assert effects.seen(practice, web1)["npm run build"] == 1
    assert practice.answers(web1)[0] == 200
