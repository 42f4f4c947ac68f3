"""Every rule finds its own bad example and nothing else in it, and has nothing to say of its good one."""

from pathlib import Path
from typing import Any

import pytest

from remediate.lint import RULES, Rule

from .playing import of_inventory, play

EACH = pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: f"{rule.id}-{rule.name}")


@EACH
def test_the_bad_example_trips_its_rule_and_no_other(tmp_path: Path, rule: Rule[Any]) -> None:
    remarks = [one for one in play(tmp_path, rule.bad, inventory=of_inventory(rule)) if not one.allowed]
    if rule.id == "RM902":  # the comment without a reason allows nothing
        remarks = [one for one in remarks if one.rule != "RM205"]
    assert {one.rule for one in remarks} == {rule.id}, [
        f"{one.rule} {one.spot} {one.what}" for one in remarks
    ]


@EACH
def test_of_the_good_example_there_is_nothing_to_say(tmp_path: Path, rule: Rule[Any]) -> None:
    remarks = play(tmp_path, rule.good, inventory=of_inventory(rule))
    assert not [f"{one.rule} {one.spot} {one.what}" for one in remarks if not one.allowed]
