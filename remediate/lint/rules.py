"""Every rule of the linter, in one place. It looks at nothing; some are the loader's, or of comments."""

from collections.abc import Iterator
from typing import Any

from remediate.lint import (
    commands,
    commands_by_hand,
    commands_judged,
    contacting,
    environments,
    order,
    proof,
    queries,
    secrets_in_text,
    upkeep,
    watched,
)
from remediate.lint.book import Book
from remediate.lint.environments import Surroundings
from remediate.lint.examples import fixing
from remediate.lint.rule import Flaw, Rule, Weight
from remediate.text.strict_yaml import Document


def _elsewhere(_seen: object) -> Iterator[Flaw]:
    """Find nothing: it is found while a file is loaded, or while comments are read."""
    return iter(())


LOADING: tuple[Rule[object], ...] = (
    Rule(
        "RM001", "refused", Weight.ERROR,
        "Every other command refuses this file, too: an unknown key or variable, a wrong type, a pattern that"
        " does not"
        " compile, a cure without verification.",
        "As the message says; `remediate schema playbook` gives an editor what it needs to tell you while you write.",
        "within: soon\n", "within: 30s\n", _elsewhere,
    ),
    Rule(
        "RM002", "allowed-nowhere", Weight.ERROR,
        "A step is for development alone, and no inventory that has the playbook's group says `development: true`.",
        "Run it where the inventory says `development: true`.",
        fixing("prisma.migrate_reset: {}"), fixing("prisma.migrate_deploy: {}"), _elsewhere,
    ),
)  # fmt: skip
ALLOW_RULES: tuple[Rule[object], ...] = (
    Rule(
        "RM901", "allow-of-nothing-known", Weight.ERROR,
        "A comment that allows a rule that is not there allows nothing.",
        "`remediate check --rules` lists them.",
        "# remediate: allow RM1 it was so before\nwithin: 30s\n", "within: 30s\n", _elsewhere,
    ),
    Rule(
        "RM902", "allow-without-reason", Weight.ERROR,
        "Whoever reads it next year has to know whether it is still so.",
        "`# remediate: allow RM204 the app has no state to lose`.",
        "# remediate: allow RM205\nwithin: 2h\n",
        "# remediate: allow RM205 the export takes that long\nwithin: 2h\n",
        _elsewhere,
    ),
    Rule(
        "RM903", "allow-unused", Weight.WARNING,
        "What it allowed is gone, or stands elsewhere; the comment would let the next mistake in unseen.",
        "Remove it, or put it on the line of the remark, or on one of its own right above.",
        "# remediate: allow RM205 the export takes that long\nwithin: 30s\n", "within: 30s\n", _elsewhere,
    ),
)  # fmt: skip

BOOK_RULES: tuple[Rule[Book], ...] = (
    *order.RULES,
    *proof.RULES,
    *commands.RULES,
    *commands_by_hand.RULES,
    *commands_judged.RULES,
    *queries.RULES,
    *upkeep.RULES,
)
TEXT_RULES: tuple[Rule[Document], ...] = secrets_in_text.RULES
ENVIRONMENT_RULES: tuple[Rule[Surroundings], ...] = (*environments.RULES, *contacting.RULES, *watched.RULES)

_EVERY: tuple[Rule[Any], ...] = (*LOADING, *BOOK_RULES, *TEXT_RULES, *ENVIRONMENT_RULES, *ALLOW_RULES)
RULES: dict[str, Rule[Any]] = {rule.id: rule for rule in sorted(_EVERY, key=lambda rule: rule.id)}
"""Every rule under its id, in their order."""
