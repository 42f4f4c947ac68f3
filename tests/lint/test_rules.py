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


@pytest.mark.parametrize(
    "token",
    [
        *(
            "ghp_" + "a1B2" * 9,
            "glpat-" + "a1B2" * 5,
            "npm_" + "a1B2" * 9,
            "AKIA" + "A1B2" * 4,
            "sk-" + "a1B2" * 12,
        ),
        *("sk_live_" + "a1B2" * 6, "rk_test_" + "a1B2" * 6, "whsec_" + "a1B2" * 8, "xapp-1-" + "A1B2" * 6),
        *("SG." + "a1B2-" * 4 + "a1." + "a1B2_" * 8 + "a1B", "AIza" + "a1B2-" * 7),
        "https://hooks.slack.com/services/T0A1B2/B0A1B2/" + "a1B2" * 6,
    ],
)
def test_a_token_with_its_makers_mark_is_told_whole_and_a_piece_of_one_is_not(
    tmp_path: Path, token: str
) -> None:
    said = RULES["RM502"].bad.replace("ghp_" + "a1B2" * 9, "{}")
    assert {one.rule for one in play(tmp_path, said.format(token))} == {"RM502"}
    assert not play(tmp_path, said.format(token[: token.index("a1B2" if "a1B2" in token else "A1B2") + 4]))
