"""docs/LINT.md is what the rules say, and every rule has its section there under the anchor that SARIF names."""

import re
from pathlib import Path

from remediate.lint import RULES
from tests.lint.page import PAGE, page


def test_the_page_of_the_linter_is_what_its_rules_say() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.lint.page"


def test_every_rule_has_its_section_under_its_anchor() -> None:
    headings = re.findall(r"^### (.+)$", PAGE.read_text(), re.MULTILINE)
    assert [heading.lower().replace(" ", "-") for heading in headings] == [
        rule.anchor for rule in RULES.values()
    ]


def test_shipped_playbooks_allow_nothing_without_a_reason() -> None:
    root = Path(__file__).parents[2]
    for path in (*root.glob("playbooks/**/*.yml"), *root.glob("inventory/*.yml")):
        for line in path.read_text().splitlines():
            if "remediate: allow" in line:
                assert re.search(r"allow RM\d{3} \w+ \w+", line), f"{path.name}: {line}"
