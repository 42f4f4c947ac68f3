"""The rules about a script as a whole: its transactions, and locks that are held too long. It asks nobody."""

import re
from collections.abc import Iterator, Sequence

from remediate.gate.effects import WITH_EFFECTS
from remediate.gate.found import Found
from remediate.gate.grammar import Statement
from remediate.gate.rules import RULES, Lock
from remediate.providers.sql_script import not_in_a_transaction

_OF_A_SEQUENCE = frozenset({"nextval", "setval", "set_config"})
_VALIDATES = re.compile(r'\bVALIDATE CONSTRAINT ("(?:[^"]|"")+"|\w+)', re.IGNORECASE)


def in_transactions(statement: Statement, *, alone: bool) -> Iterator[Found]:
    """Yield why a statement cannot be part of a transaction of the runner's."""
    rule = not_in_a_transaction(statement.text)
    if rule and (rule != "not-in-transaction" or not alone):
        yield Found(rule, "", statement.words[:60])


def in_calls(statement: Statement) -> Iterator[Found]:
    """Yield each function with effects of its own that is called."""
    for found in WITH_EFFECTS.finditer(statement.words):
        called = statement.words[found.end() :].lstrip('" ').startswith("(")
        if called and found[0].lower() not in _OF_A_SEQUENCE:
            yield Found("function-with-effects", found[0])


def in_the_lock_of(earlier: str, found: Sequence[Found]) -> Iterator[Found]:
    """Yield that rows are changed while an earlier statement's lock is held.

    Args:
        earlier: The table whose ACCESS EXCLUSIVE lock is held, or nothing.
        found: What the statement does.
    """
    if earlier and any(RULES[one.rule].rows and RULES[one.rule].lock is Lock.ROW_EXCLUSIVE for one in found):
        yield Found("lock-held", earlier)


def locked_by(found: Sequence[Found]) -> str:
    """Return the table that is locked against everybody from here to the commit, or nothing."""
    return next(
        (one.about.partition(".")[0] for one in found if RULES[one.rule].lock is Lock.ACCESS_EXCLUSIVE), ""
    )


def in_validation(statement: Statement, before: Sequence[Statement]) -> Iterator[Found]:
    """Yield that a constraint is validated in the transaction that adds it."""
    match = _VALIDATES.search(statement.words)
    added = re.compile(rf"\bADD CONSTRAINT {re.escape(match[1])}(?!\w)", re.IGNORECASE) if match else None
    if added and any(added.search(one.words) for one in before):
        yield Found("validate-with-add", "", f"the constraint {match[1] if match else ''}")
