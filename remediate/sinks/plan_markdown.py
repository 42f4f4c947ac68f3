"""A plan as Markdown for a pull request's comment: what is found, each change folded. It opens nothing.

Forges render HTML and mentions in Markdown; so whatever comes from a host or a playbook stands in code, or is escaped.
"""

import re
from collections.abc import Iterator

from remediate.model import Change, Finding
from remediate.review import PlanDocument, PlannedHost
from remediate.sinks.clean import clean, one_line
from remediate.sinks.plan_text import counts, hazard_line, moment, rows_in_words

LARGEST = 60_000
"""Bytes: what a comment may have (65,536 on GitHub), with room for what is written around it."""
_POINTER = 400
"""Bytes kept for the line that tells how many changes were left out."""
_MARKED = re.compile(r"[\\`*_{}\[\]()#+\-.!|<>~@&:/]")
_CODED = re.compile(r"`+")


def plan_markdown(plan: PlanDocument) -> str:
    """Return the comment; a change that no longer fits is left out, and counted."""
    parts = list(_header(plan))
    size = sum(len(part.encode()) for part in parts)
    left_out = 0
    for part, is_change in _hosts(plan):
        size += len(part.encode())
        if left_out or size > LARGEST - _POINTER:
            left_out += is_change
            size -= len(part.encode())
            continue
        parts.append(part)
    if left_out:
        parts.append(
            f"\n**{left_out} more change{'s' * (left_out != 1)}** did not fit here: `remediate show PLAN` has all.\n"
        )
    return "".join(parts)


def _header(plan: PlanDocument) -> Iterator[str]:
    yield f"## Plan: {_text(plan.title)}\n\n"
    yield "| | |\n|---|---|\n"
    yield f"| playbook | {_code(plan.playbook)} |\n"
    yield f"| environment | {_code(plan.environment)} |\n"
    yield f"| digest | {_code(plan.digest)} |\n"
    yield f"| made | {moment(plan.made)} by {_code(f'{plan.made_by.user}@{plan.made_by.machine}')} |\n"
    yield f"| to be applied before | {moment(plan.expires)} |\n"
    if plan.reason:
        yield f"| because | {_text(one_line(plan.reason, 300))} |\n"
    if plan.risk:
        yield f"| risk | {_text(one_line(plan.risk, 300))} |\n"
    for database, hosts in plan.databases.items():
        yield f"| database | {_code(database)}, of {_text(', '.join(hosts))} |\n"


def _hosts(plan: PlanDocument) -> Iterator[tuple[str, bool]]:
    """Return the parts of the comment, each with whether it is a change."""
    for host in plan.hosts:
        yield "".join(_host(host)), False
        number = 0
        for fix in host.fixes:
            for change in fix.changes:
                number += 1
                yield "".join(_change(number, fix.step, change)), True


def _host(host: PlannedHost) -> Iterator[str]:
    yield f"\n### {_text(host.host)}: {host.outcome.value}\n\n"
    if host.why:
        yield f"{_text(one_line(host.why, 300))}\n\n"
    if host.changes:
        yield f"{counts(host.changes)}\n\n"
    for finding in host.findings:
        yield from _finding(finding)
    if host.say:
        yield f"\n{_text(one_line(host.say, 400))}\n"


def _finding(finding: Finding) -> Iterator[str]:
    mark = "✅" if finding.healthy else "❌"
    yield f"- {mark} {_text(finding.check)}: {_text(one_line(finding.seen, 300))}\n"
    if finding.evidence and not finding.healthy:
        yield "\n" + _folded(
            f"evidence ({len(finding.evidence)} lines)", _fenced("\n".join(finding.evidence), "")
        )


def _change(number: int, step: str, change: Change) -> Iterator[str]:
    title = f"{number}. {one_line(step, 120)}: {one_line(change.what, 200)}"
    rows = rows_in_words(change.rows)
    ways = f"{change.fidelity.value} · way back {change.way_back.value} · risk {change.risk}{rows and f' · {rows}'}"
    yield "\n" + _folded(f"{title} ({ways})", "".join(_body(change)))


def _body(change: Change) -> Iterator[str]:
    yield f"{_code(one_line(change.target))}\n\n"
    if change.way_back_note:
        yield f"Way back: {_text(one_line(change.way_back_note, 300))}\n\n"
    if change.assumed:
        yield f"Decided for good when its turn comes: {_text(one_line(change.assumed, 300))}\n\n"
    if change.diff:
        yield _fenced(change.diff, "diff")
    if change.script:
        yield _fenced(change.script, "sql" if change.risk in {"schema", "data"} else "sh")
    for hazard in change.hazards:
        yield f"- {_text(hazard_line(hazard).text.strip())}\n"
    for note in change.notes:
        yield f"- {_text(one_line(note, 300))}\n"


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{_text(title)}</summary>\n\n{body}\n</details>\n"


def _text(text: str) -> str:
    """Return text that means nothing to Markdown: no link, no element.

    Forges look for mentions and numbers of issues once all else is done: a character of no width keeps them apart.
    """
    return "".join(
        f"&#{ord(one)};{_APART.get(one, '')}" if _MARKED.match(one) else one for one in clean(text)
    )


_APART = dict.fromkeys("@#", "&#8203;")


def _code(text: str) -> str:
    flat = one_line(text, 300).replace("|", "\\|")
    fence = "`" * (max((len(run) for run in _CODED.findall(flat)), default=0) + 1)
    space = " " if "`" in flat else ""
    return f"{fence}{space}{flat}{space}{fence}"


def _fenced(text: str, language: str) -> str:
    shown = clean(text).rstrip("\n")
    fence = "`" * max(3, max((len(run) for run in _CODED.findall(shown)), default=0) + 1)
    return f"{fence}{language}\n{shown}\n{fence}\n"
