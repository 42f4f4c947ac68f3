"""The connection to a host breaks, falls silent, or loses its answers in the middle of a run."""

import time

import pytest

from tests.operator import Operator
from tests.practice import Practice
from tests.relay import Line


@pytest.mark.fault(3)
def test_a_connection_that_breaks_while_it_builds_is_made_again_and_the_run_goes_on(
    practice: Practice, operator: Operator, web1: str, line: Line, over_line: str
) -> None:
    practice.break_("named-import")
    with operator.start("run", "prisma-import", "--on", web1, "--yes", "--json", "-i", over_line) as process:
        assert process.stdout is not None
        said = ""
        for event in process.stdout:
            said += event
            if '"change-started"' in event and '"build"' in event:
                time.sleep(0.5)
                line.reset()
        assert process.wait(60) == 0, said
    assert practice.answers(web1)[0] == 200
