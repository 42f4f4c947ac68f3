"""A plan as Markdown for a pull request's comment: what is found, each change folded. It opens nothing.

Forges render HTML and mentions in Markdown; so whatever comes from a host or a playbook stands in code, or is escaped.
"""

from collections.abc import Iterator
from typing import NamedTuple

from remediate.model import Change, Finding, Rehearsal
from remediate.review import PlanDocument
from remediate.sinks.clean import clean, one_line
from remediate.sinks.markdown import code, escaped, fenced, folded
from remediate.sinks.plan_overview import Alike, Concern, Numbered, alike, concerns, is_sql
from remediate.sinks.plan_text import counts, hazard_line, moment, rehearsal_lines, rows_in_words

LARGEST = 60_000
"""Bytes: what a comment may have (65,536 on GitHub), with room for what is written around it."""
LONGEST_BLOCK = 16_000
"""Bytes of one diff, script or evidence; a longer one is not begun, for half of it would be taken for the whole."""
_POINTER = 400
"""Bytes kept for the line that tells how many changes were left out."""
_ROWS = 100
"""Rows of a table, of concerns and of findings that are shown."""


class Part(NamedTuple):
    """A piece of the comment that is there as a whole or not at all, and how many changes it tells."""

    text: str
    changes: int = 0


def plan_markdown(plan: PlanDocument) -> str:
    """Return the comment; from the first piece on that no longer fits, changes are counted instead."""
    parts = list(_parts(plan))
    size, shown = 0, 0
    for part in parts:
        size += len(part.text.encode())
        if size > LARGEST - _POINTER:
            break
        shown += 1
    told = "".join(part.text for part in parts[:shown])
    return told + _left_out(sum(part.changes for part in parts[shown:]), whole=shown == len(parts))


def _left_out(changes: int, *, whole: bool) -> str:
    if whole:
        return ""
    more = f"{changes} more change{'s' * (changes != 1)}" if changes else "More"
    return f"\n**{more}** did not fit here: `remediate show PLAN` has all.\n"


def _parts(plan: PlanDocument) -> Iterator[Part]:
    groups = alike(plan.hosts)
    yield Part("".join(_header(plan)))
    if worries := concerns(groups):
        yield Part("".join(_concerns(worries)))
    if len(plan.hosts) > 1:
        yield Part("".join(_table(plan)))
    for group in groups:
        yield Part("".join(_hosts(group)))
        for one in group.changes:
            yield Part("".join(_change(one)), changes=1)
    if plan.planned:
        yield Part("\nNext: `remediate approve PLAN`, then `remediate apply PLAN`.\n")


def _header(plan: PlanDocument) -> Iterator[str]:
    yield f"## Plan: {escaped(one_line(plan.title, 200))}\n\n"
    yield f"{counts([change for host in plan.hosts for change in host.changes])}\n\n"
    yield "| | |\n|---|---|\n"
    yield f"| playbook | {code(plan.playbook)} |\n"
    yield f"| environment | {code(plan.environment)} |\n"
    yield f"| digest | {code(plan.digest)} |\n"
    yield f"| made | {moment(plan.made)} by {code(f'{plan.made_by.user}@{plan.made_by.machine}')} |\n"
    yield f"| to be applied before | {moment(plan.expires)} |\n"
    if plan.reason:
        yield f"| because | {escaped(one_line(plan.reason, 300))} |\n"
    if plan.risk:
        yield f"| risk | {escaped(one_line(plan.risk, 300))} |\n"
    for database, hosts in list(plan.databases.items())[:_ROWS]:
        yield f"| database | {code(database)}, of {escaped(one_line(', '.join(hosts), 300))} |\n"


def _concerns(worries: tuple[Concern, ...]) -> Iterator[str]:
    yield "\n**Look at this first**\n\n"
    for one in worries[:_ROWS]:
        sign = "❌" if one.grave else "⚠️"
        yield f"- {sign} {escaped(one.hosts)}: {escaped(one.change)}: {escaped(one.why)}\n"


def _table(plan: PlanDocument) -> Iterator[str]:
    yield "\n| host | outcome | changes |\n|---|---|---:|\n"
    for host in plan.hosts[:_ROWS]:
        yield f"| {code(host.host)} | {host.outcome.value} | {len(host.changes)} |\n"
    if len(plan.hosts) > _ROWS:
        yield f"| and {len(plan.hosts) - _ROWS} more | | |\n"


def _hosts(group: Alike) -> Iterator[str]:
    host = group.first
    yield f"\n### {escaped(one_line(group.names, 200))}: {host.outcome.value}\n\n"
    if len(group.hosts) > 1:
        yield f"The same on each of these {len(group.hosts)} hosts.\n\n"
    if host.why:
        yield f"{escaped(one_line(host.why, 300))}\n\n"
    if host.changes:
        yield f"{counts(host.changes)}\n\n"
    for finding in host.findings[:_ROWS]:
        yield from _finding(finding)
    if host.say:
        yield f"\n{escaped(one_line(host.say, 400))}\n"


def _finding(finding: Finding) -> Iterator[str]:
    mark = "✅" if finding.healthy else "❌"
    yield f"- {mark} {escaped(one_line(finding.check, 200))}: {escaped(one_line(finding.seen, 300))}\n"
    if finding.evidence and not finding.healthy:
        many = len(finding.evidence)
        lines = _block("\n".join(finding.evidence), "", "evidence")
        yield "\n" + folded(f"evidence ({many} line{'s' * (many != 1)})", lines) + "\n"


def _change(numbered: Numbered) -> Iterator[str]:
    change = numbered.change
    title = f"{numbered.number}. {one_line(numbered.step, 120)}: {one_line(change.what, 200)}"
    rows = rows_in_words(change.rows)
    ways = f"{change.fidelity.value} · way back {change.way_back.value} · risk {change.risk}{rows and f' · {rows}'}"
    yield "\n" + folded(f"{title} ({ways})", "".join(_body(change)))


def _body(change: Change) -> Iterator[str]:
    yield f"{code(change.target, cell=False)}\n\n"
    if change.way_back_note:
        yield f"Way back: {escaped(one_line(change.way_back_note, 300))}\n\n"
    if change.assumed:
        yield f"Decided for good when its turn comes: {escaped(one_line(change.assumed, 300))}\n\n"
    if change.diff:
        yield _block(change.diff, "diff", "diff")
    if change.script:
        yield _block(change.script, "sql" if is_sql(change.script, change.target) else "sh", "script")
    for hazard in change.hazards[:_ROWS]:
        yield f"- {escaped(hazard_line(hazard).text.strip())}\n"
    for note in change.notes[:_ROWS]:
        yield f"- {escaped(one_line(note, 300))}\n"
    if change.rehearsal:
        yield from _rehearsal(change.rehearsal)


def _rehearsal(rehearsal: Rehearsal) -> Iterator[str]:
    """Return what came of a rehearsal; what follows its first line stands in code."""
    first, *rest = rehearsal_lines(rehearsal)
    yield f"- {escaped(first.text.strip())}\n"
    if rest:
        yield "\n" + _block(
            "\n".join(line.text.removeprefix("       ") for line in rest), "diff", "list of files"
        )


def _block(text: str, language: str, what: str) -> str:
    if len(clean(text).encode()) > LONGEST_BLOCK:
        lines = text.rstrip("\n").count("\n") + 1
        told = f"**The {what} has {lines:,} line{'s' * (lines != 1)}**, too many for here"
        return f"{told}: `remediate show PLAN` has it.\n\n"
    return f"{fenced(text, language)}\n"
