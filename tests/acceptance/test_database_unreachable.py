"""An app that does not get into its database for a cause that only a person can take away: which one, triage tells.

That such a fault is told and left alone, the fault matrix holds.
"""

import pytest

from tests.operator import Operator
from tests.practice import Practice


@pytest.mark.parametrize(("fault", "state"), [("database-stopped", "refused"), ("database-full", "too-many")])
def test_a_server_that_is_down_is_told_from_one_that_is_full(
    practice: Practice, operator: Operator, web1: str, fault: str, state: str
) -> None:
    practice.break_(fault)
    (host,) = operator.does("triage", "--on", web1, "--json").lines
    findings = [finding for one in host["diagnoses"] for finding in one["findings"]]
    assert [one["facts"]["state"] for one in findings if "state" in one["facts"]] == [state]
