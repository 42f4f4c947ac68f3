"""Plays a rule's example: writes it whole, and lints it as `remediate check` does."""

from pathlib import Path
from typing import Any, get_args

from remediate.catalogue import CATALOGUE
from remediate.cli.examining import TOOLS
from remediate.escalation.levels import Topic
from remediate.inventory import load_inventory
from remediate.lint import Beside, Remark, Rule, lint
from remediate.lint.examples import INVENTORY, whole
from remediate.lint.rules import ENVIRONMENT_RULES

SHIPPED = Beside(Path(__file__).parents[2] / "playbooks", frozenset(TOOLS), frozenset(get_args(Topic)))


def of_inventory(rule: Rule[Any]) -> bool:
    return rule in ENVIRONMENT_RULES


def play(folder: Path, sections: str, *, inventory: bool = False) -> tuple[Remark, ...]:
    """Return what is said of the base with these sections laid over it."""
    (folder / "playbooks").mkdir(exist_ok=True)
    (folder / "inventory").mkdir(exist_ok=True)
    production = folder / "inventory" / "other.yml"
    production.write_text(whole("environment: other\n", INVENTORY))
    path = folder / ("inventory/example.yml" if inventory else "playbooks/example.yml")
    path.write_text(whole(sections, INVENTORY) if inventory else whole(sections))
    (linted,) = lint(
        [path], CATALOGUE, lambda one: inventory and one == path, [load_inventory(production)], SHIPPED
    )
    return linted.remarks
