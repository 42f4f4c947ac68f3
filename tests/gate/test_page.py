"""The runbook's SQL trips what was measured of it, and the page says so; nothing of it is out of date."""

import pytest

from remediate.gate import judge

from .page import part, written
from .runbook import BLOCKS, Block, database


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.sql[:40])
def test_the_runbooks_own_sql_trips_what_was_measured_of_it(block: Block) -> None:
    assert {hazard.rule for hazard in judge(block.sql, database()).hazards} == set(block.rules)


def test_the_page_is_what_the_rules_say() -> None:
    assert part() in written(), "run: python -m tests.gate.page"
