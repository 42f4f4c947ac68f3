"""A script and what is known of the database -> its hazards. Pure but for squawk, whose word is an argument."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from remediate.gate.calls import in_calls_of_code
from remediate.gate.code import in_code, in_what_falls
from remediate.gate.commands import explained, in_commands, in_explain
from remediate.gate.found import Found
from remediate.gate.grammar import Statement, elsewhere, inserts, statements_in, tree_of
from remediate.gate.growth import after
from remediate.gate.known import NOTHING, Known
from remediate.gate.names import in_names, made_names
from remediate.gate.rows import in_rows
from remediate.gate.rules import BLOCKS, BYTES_A_SECOND, LONGEST_BLOCK, RULES, Lock, Rule, Work
from remediate.gate.scripts import in_calls, in_the_lock_of, in_transactions, in_validation, locked_by
from remediate.gate.shapes import in_shapes
from remediate.gate.squawk import ADDED, OURS, Lint, lint
from remediate.hazard import Hazard, Severity

_SHOWN = 300


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a script.

    Attributes:
        hazards: In the order of the script, the weightiest of a statement first.
        statements: The statements themselves.
        known: What will be known once the script has run.
        missing: Why squawk was not asked, in one line; empty where it was.
        unjudged: The ids of rules that could not be judged for want of a catalog.
    """

    hazards: tuple[Hazard, ...]
    statements: tuple[Statement, ...]
    known: Known
    missing: str = ""
    unjudged: tuple[str, ...] = ()

    @property
    def changes_rows(self) -> bool:
        """Whether rows are at stake, or may be."""
        at_stake = any(RULES[one.rule].rows for one in self.hazards)
        return at_stake or any(inserts(statement.tree) for statement in self.statements)


def judge(
    script: str,
    known: Known = NOTHING,
    *,
    allow: Collection[str] = (),
    with_others: bool = False,
    instead: Mapping[str, str] = MappingProxyType({}),
    ask_squawk: Callable[[str], Lint] = lint,
) -> Verdict:
    """Return what a script's statements do to whoever else is at work.

    Args:
        script: SQL.
        known: What the catalog says.
        allow: The ids of rules that are allowed.
        with_others: Whether it runs in one transaction with other statements, however few it has itself.
        instead: Rules in whose place others are told, or none: what they warn of, whoever runs the script sees to.
        ask_squawk: Asks squawk.

    Raises:
        ValueError: A string, name or comment in it has no end.
    """
    statements = statements_in(script)
    said = ask_squawk(script)
    founds, grown = _walk(statements, said, known, with_others=with_others)
    told = (
        (statement, replace(found, rule=rule), seen)
        for statement, found, seen in founds
        if (rule := instead.get(found.rule, found.rule))
    )
    hazards = _told_once(_hazard(*each, frozenset(allow)) for each in told)
    ordered = sorted(hazards, key=lambda hazard: (hazard.line, list(Severity).index(hazard.severity)))
    unjudged = () if known.looked else tuple(rule.id for rule in RULES.values() if rule.asks)
    return Verdict(tuple(ordered), statements, grown, said.missing, unjudged)


def _walk(
    statements: Sequence[Statement], said: Lint, known: Known, *, with_others: bool
) -> tuple[list[tuple[Statement, Found, Known]], Known]:
    """Return what was found in each statement, with what is known when its turn comes; and what is known at the end."""
    founds: list[tuple[Statement, Found, Known]] = []
    held = ""
    for number, statement in enumerate(statements):
        seen = known.of_another_schema() if elsewhere(statement.tree, known.schema) else known
        alone = len(statements) == 1 and not with_others
        here = [*in_transactions(statement, alone=alone), *_found(statement, statements, number, seen)]
        here += _of_squawk(statement, statements, number, said, here)
        here += in_the_lock_of(held, here)
        held = held or locked_by(
            [found for found in here if not seen.table(found.about.partition(".")[0]).own]
        )
        founds += [(statement, found, seen) for found in _without_echo(here)]
        known = known if seen is not known else after(statement, known)
    return founds, known


def _without_echo(found: Sequence[Found]) -> Iterator[Found]:
    """Yield what was found, without the note on ALTER TABLE where more is said of the same lock."""
    more = any(RULES[one.rule].lock is Lock.ACCESS_EXCLUSIVE and one.rule != "alter-table" for one in found)
    return (one for one in found if one.rule != "alter-table" or not more)


def _told_once(hazards: Iterable[Hazard]) -> list[Hazard]:
    """Return the hazards, a note on a table only where it is true for the first time."""
    kept: dict[object, Hazard] = {}
    for hazard in hazards:
        note = hazard.severity is Severity.NOTE
        kept.setdefault((hazard.rule, hazard.about) if note else hazard, hazard)
    return list(kept.values())


def _found(statement: Statement, script: Sequence[Statement], number: int, known: Known) -> Iterator[Found]:
    inside = explained(statement.text)
    yield from in_commands(statement)
    yield from in_explain(statement)
    yield from in_validation(statement, script[:number])
    yield from in_calls(statement)
    yield from in_calls_of_code(statement, script[:number], known)
    yield from in_code(statement)
    yield from in_what_falls(statement)
    yield from in_names(statement.tree if inside is None else tree_of(inside), known)
    yield from made_names(statement.tree)
    yield from in_shapes(statement, known)
    yield from in_rows(statement, known)


def _of_squawk(
    statement: Statement, script: Sequence[Statement], number: int, said: Lint, ours: Sequence[Found]
) -> Iterator[Found]:
    """Yield what squawk adds to a statement: what only it looks for, and its word where sqlglot read nothing."""
    start = statement.start
    end = script[number + 1].start if number + 1 < len(script) else None
    rules = {found.rule for found in ours}
    for one in said.said:
        here = start <= one.start and (end is None or one.start < end)
        rule = _rule_for(one.rule, statement)
        if here and rule and rule not in rules:
            rules.add(rule)
            yield Found(rule, "", one.message[:_SHOWN], one.help[:_SHOWN])


def _rule_for(theirs: str, statement: Statement) -> str:
    if theirs in OURS:
        return OURS[theirs] if statement.tree is None else ""
    return ADDED.get(theirs, "linted")


def _hazard(statement: Statement, found: Found, known: Known, allow: frozenset[str]) -> Hazard:
    rule = RULES[found.rule]
    table = known.table(found.about.partition(".")[0])
    seconds = _seconds(rule, table.bytes)
    why = f"{rule.why} ({found.why})" if found.why else rule.why
    return Hazard(
        rule=rule.id,
        severity=found.severity or _severity(rule, seconds),
        line=statement.line,
        about=found.about,
        lock=rule.lock.value,
        work=rule.work.value,
        blocks=_blocks(rule, table.size, seconds),
        seconds=seconds,
        why=why,
        safer=found.safer or rule.safer,
        allowed=rule.id in allow,
        final=rule.final,
    )


def _severity(rule: Rule, seconds: float | None) -> Severity:
    quick = rule.timed and seconds is not None and seconds <= LONGEST_BLOCK
    return Severity.WARNING if quick else rule.severity


def _seconds(rule: Rule, size: int | None) -> float | None:
    if rule.work is Work.CATALOG:
        return 0.0
    rate = BYTES_A_SECOND.get(rule.work)
    return None if rate is None or size is None else round(size / rate, 1)


def _blocks(rule: Rule, size: str, seconds: float | None) -> str:
    if rule.lock is Lock.NONE:
        return ""
    whom = (
        f"blocks {BLOCKS[rule.lock]}"
        if rule.lock is not Lock.SHARE_UPDATE_EXCLUSIVE
        else "blocks no reader and no writer"
    )
    if rule.work is Work.CATALOG:
        return f"{rule.lock}: {whom} for milliseconds (catalog only), once it has the lock"
    if rule.work is Work.NONE:
        return f"{rule.lock}: {whom} until the commit"
    how_long = "for as long as that takes" if seconds is None else f"for about {seconds:g} s"
    return f"{rule.lock}: {whom} {how_long} ({rule.work}; {size})"
