"""The linter's remarks for people: one block each, with the line it is about and a caret. It finds nothing itself."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from remediate.lint import Linted, Remark, Rule, Weight
from remediate.sinks.clean import clean, one_line

Paint: TypeAlias = Callable[[str, str], str]
"""A text and a colour -> the text in that colour, or as it is."""
COLOURS = {Weight.ERROR: "red", Weight.WARNING: "yellow", Weight.NOTE: "cyan"}
LONGEST = 1000
"""Characters of what a file may make us say."""
_ITS_OWN = frozenset({"RM001", "RM002"})
"""Rules whose remarks say themselves what to do, in one line, as every other command does that refuses the file."""
WIDTH = 110
"""Characters of a line that are shown."""


def plain(text: str, _colour: str) -> str:
    """Return the text without any colour."""
    return text


def lines_of(linted: Linted, paint: Paint = plain) -> Iterator[str]:
    """Yield what there is to say of one file; what a comment allows is left out."""
    for remark in linted.told:
        yield from block(remark, paint)
    if linted.told_above:
        places = ", ".join(f"{one.spot} ({one.weight} {one.rule})" for one in linted.told_above)
        yield one_line(f"{linted.path}: as told above, {places}", LONGEST)
    elif not linted.told:
        yield one_line(f"{linted.path}: ok", LONGEST)


def block(remark: Remark, paint: Paint = plain) -> Iterator[str]:
    """Yield one remark: where and what, the line, a caret, why, and what to do."""
    head = f"{remark.weight} {remark.rule} {remark.name}"
    said = one_line(f"{remark.what}; {remark.remedy}" if remark.rule in _ITS_OWN else remark.what, LONGEST)
    yield f"{one_line(str(remark.spot), LONGEST)}: {paint(head, COLOURS[remark.weight])}: {said}"
    yield from _source(remark, paint)
    if remark.rule not in _ITS_OWN:
        yield f"    why: {one_line(remark.reason, LONGEST)}"
        yield f"    do:  {one_line(remark.remedy, LONGEST)}"


def _source(remark: Remark, paint: Paint) -> Iterator[str]:
    spot = remark.spot
    if not spot.source.strip():
        return
    begin = max(spot.column - 1 - WIDTH // 2, 0) if len(spot.source) > WIDTH else 0
    shown = clean(spot.source[begin : begin + WIDTH].replace("\t", " "))
    number = f"{spot.line:>6}"
    before = len(clean(spot.source[begin : spot.column - 1]))
    marked = "^" + "~" * max(min(spot.end - spot.column, WIDTH - before) - 1, 0)
    yield f"{number} | {shown}"
    yield f"{' ' * len(number)} | {' ' * before}{paint(marked, COLOURS[remark.weight])}"


def summary(found: Sequence[Linted]) -> str:
    """Return in one line how many of what were found."""
    told = [remark for linted in found for remark in linted.told]
    counts = [_count(sum(one.weight is weight for one in told), weight.value) for weight in Weight]
    allowed = len({one for linted in found for one in linted.remarks if one.allowed})
    return f"{_count(len(found), 'file')}: {', '.join(counts)}" + (f", {allowed} allowed" if allowed else "")


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"


def told_of(rule: Rule[Any]) -> Iterator[str]:
    """Yield all that is known of a rule."""
    yield f"{rule.id} {rule.name} ({rule.weight})"
    for name, text in (("why", rule.reason), ("do", rule.remedy)):
        yield f"  {name + ':':<5}{one_line(text, LONGEST)}"
    for name, example in (("wrong", rule.bad), ("right", rule.good)):
        yield f"  {name}:"
        yield from (f"    {line}" for line in example.rstrip("\n").split("\n"))
