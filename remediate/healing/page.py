"""What healing came to, as lines for a pipeline's log and as Markdown for a job's page. Opens nothing."""

from collections.abc import Iterator

from remediate.healing.healed import Healed, Treated
from remediate.healing.verdict import Verdict
from remediate.model import Outcome
from remediate.sinks.clean import one_line
from remediate.sinks.markdown import code, escaped, folded
from remediate.sinks.plan_text import Line, Style, moment

_GOOD = {Outcome.HEALTHY, Outcome.FIXED, Outcome.PLANNED}


def healed_lines(healed: Healed) -> Iterator[Line]:
    """Return what healing came to: each fault, then each host."""
    yield Line(f"heal {healed.environment}: {summary_of(healed)}", "head")
    if healed.cut_short:
        yield Line(f"  cut short, nobody has looked again: {one_line(healed.cut_short, 400)}", "bad")
    for one in healed.faults:
        yield from _fault_lines(one)
    for host, end in healed.hosts.items():
        style: Style = "good" if end.outcome in _GOOD else "bad"
        yield Line(f"{host}  = {end.outcome.value}: {one_line(end.why, 400)}", style)


def _fault_lines(one: Treated) -> Iterator[Line]:
    style: Style = "good" if one.gone else "bad" if one.needs_a_person else "plain"
    told = f"{one.fingerprint}: {word_of(one)}{_time_of(one)}: {one_line(one.why, 400)}"
    yield Line(f"  {mark_of(one)} {told}", style)
    if one.todo:
        yield Line(f"     next: {one_line(one.todo, 400)}", "code")


def summary_of(healed: Healed) -> str:
    """Return in one line how many faults were met and what became of them, and how long it took."""
    words = [word_of(one) for one in healed.faults]
    counts = [f"{words.count(word)} {word}" for word in dict.fromkeys(words)]
    rounds = f"{healed.rounds} round{'s' * (healed.rounds != 1)}"
    told = ", ".join(counts) or _without_faults(healed)
    return f"{told} ({rounds}, {healed.seconds:.0f} s)"


def _without_faults(healed: Healed) -> str:
    return "nothing was tried, and not all is well" if healed.needs_a_person else "nothing to do"


def word_of(one: Treated) -> str:
    """Return what became of a fault, in a word or a few."""
    if one.outcome is Outcome.FIXED:
        return "healed"
    if one.outcome is not None:
        return one.outcome.value
    if one.run:
        return "not known"
    return (
        "proposed"
        if one.plan
        else "left to a person"
        if one.ruling.verdict is Verdict.PROPOSE
        else "escalated"
    )


def _time_of(one: Treated) -> str:
    return f" in {one.seconds:.1f} s" if one.seconds is not None else ""


def mark_of(one: Treated) -> str:
    """Return the mark of what became of a fault."""
    return "✓" if one.gone else "✗" if one.needs_a_person else "→"


def healed_markdown(healed: Healed) -> str:
    """Return what healing came to, for a job's page."""
    return "".join(_markdown(healed))


def _markdown(healed: Healed) -> Iterator[str]:
    yield f"## Heal {code(healed.environment)}: {escaped(summary_of(healed))}\n\n"
    yield f"Run {code(healed.run)}, begun {moment(healed.began)}.\n\n"
    if healed.cut_short:
        yield f"**Cut short**, nobody has looked again: {escaped(one_line(healed.cut_short, 300))}\n\n"
    yield "| host | outcome | |\n|---|---|---|\n"
    for host, end in healed.hosts.items():
        mark = "✅" if end.outcome in _GOOD else "❌"
        yield f"| {code(host)} | {mark} {end.outcome.value} | {escaped(one_line(end.why, 300))} |\n"
    if healed.escalation:
        yield "\n**A person is needed**\n\n"
        yield from (f"- {escaped(one_line(line, 400))}\n" for line in healed.escalation.lines)
    if healed.faults:
        yield "\n| fault | what became of it | why | next |\n|---|---|---|---|\n"
    for one in healed.faults:
        cells = (
            escaped(word_of(one) + _time_of(one)),
            escaped(one_line(one.why, 300)),
            code(one.todo) if one.todo else "",
        )
        yield f"| {code(str(one.fingerprint))} | {' | '.join(cells)} |\n"
    for one in healed.faults:
        yield "\n" + folded(f"{one.fingerprint}: {one.title}", "".join(_evidence(one)))
    if healed.reasons:
        body = "".join(f"- {escaped(one_line(reason, 300))}\n" for reason in healed.reasons)
        yield "\n" + folded("What was tried first, and why", body)


def _evidence(one: Treated) -> Iterator[str]:
    for line in one.seen:
        yield f"- {escaped(one_line(line, 300))}\n"
    yield f"\nVerdict: {one.ruling.verdict.value}\n\n| | condition | |\n|---|---|---|\n"
    for condition in one.ruling.conditions:
        mark = "✅" if condition.holds else "❌"
        yield f"| {mark} | {escaped(condition.name)} | {escaped(one_line(condition.said, 300))} |\n"
