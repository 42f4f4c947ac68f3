"""The linter: mistakes that can be seen in the text of playbooks and inventories, each a rule. It runs none of them."""

from remediate.lint.linting import Beside, Linted, lint
from remediate.lint.rule import Remark, Rule, Weight
from remediate.lint.rules import RULES

__all__ = ["RULES", "Beside", "Linted", "Remark", "Rule", "Weight", "lint"]
