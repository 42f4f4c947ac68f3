"""A plan as lines for a person, top to bottom: header, findings, each change with its diff or script. Opens nothing."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple, TypeAlias

from remediate.hazard import Hazard, Severity
from remediate.model import Change, Finding, Plan, rows_of
from remediate.review import PlanDocument, PlannedHost
from remediate.sinks.clean import clean, clean_lines, one_line

Style: TypeAlias = Literal["plain", "head", "good", "bad", "added", "removed", "faint", "code"]


EVIDENCE = 8
"""How many lines of evidence are shown; all of them are in `--json`."""
_DEEPEST = 20
WIDEST = 2000
"""Characters of one line of a diff or script; a generated file may have millions in one."""


class Line(NamedTuple):
    """One line with the role it plays; a sink chooses the colour."""

    text: str
    style: Style = "plain"


def plan_lines(plan: Plan) -> Iterator[Line]:
    """Return the whole plan."""
    yield Line(f"Plan: {plan.playbook} on {plan.host} ({plan.environment})", "head")
    yield Line(f"  digest {plan.digest[:16]}  {counts(plan.changes)}", "faint")
    if plan.database:
        yield Line(f"  database {plan.database}", "faint")
    yield from _body(plan.findings, plan.say, [(fix.step, fix.changes) for fix in plan.fixes])


def document_lines(document: PlanDocument) -> Iterator[Line]:
    """Return a plan document, host by host."""
    yield Line(f"Plan {document.digest[:16]}: {document.playbook} ({document.environment})", "head")
    yield Line(f"  {one_line(document.title, 300)}")
    made_by = f"{document.made_by.user}@{document.made_by.machine}"
    times = f"made {moment(document.made)}, to be applied before {moment(document.expires)}"
    yield Line(f"  by {one_line(made_by)}, {times}", "faint")
    if document.reason:
        yield Line(f"  because “{one_line(document.reason, 300)}”")
    if document.risk:
        yield Line(f"  risk: {one_line(document.risk, 300)}")
    for database, hosts in document.databases.items():
        if len(hosts) > 1:
            yield Line(f"  {', '.join(hosts)} share one database, {database}", "faint")
    for host in document.hosts:
        yield from _planned_host_lines(host)


def _planned_host_lines(host: PlannedHost) -> Iterator[Line]:
    yield Line(f"{host.host}: {host.outcome.value}{': ' * bool(host.why)}{one_line(host.why, 300)}", "head")
    if host.host_key:
        yield Line(f"  host key {host.host_key}", "faint")
    if host.database:
        yield Line(f"  database {host.database}", "faint")
    if host.changes:
        yield Line(f"  mark {host.mark[:16]}  {counts(host.changes)}", "faint")
    yield from _body(host.findings, host.say, [(fix.step, fix.changes) for fix in host.fixes])


def moment(seconds: float) -> str:
    """Return seconds since the epoch as a person reads them."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _body(
    findings: Iterable[Finding], say: str, fixes: Iterable[tuple[str, tuple[Change, ...]]]
) -> Iterator[Line]:
    for finding in findings:
        yield from finding_lines(finding)
    if say:
        yield Line(f"  {one_line(say, 400)}")
    number = 0
    for step, changes in fixes:
        if not changes:
            yield Line(f"  - {step}: nothing to do", "faint")
        for before, change in zip((None, *changes), changes, strict=False):
            number += 1
            yield from _alike_or_whole(number, step, change, before)


def counts(changes: Sequence[Change]) -> str:
    """Return how many changes there are of which fidelity, and of which way back."""
    fidelities = Counter(change.fidelity.value for change in changes)
    ways = Counter(change.way_back.value for change in changes)
    plural = "change" if len(changes) == 1 else "changes"
    rows = rows_in_words(rows_of(changes))
    return f"{len(changes)} {plural}: {_listed(fidelities)}; way back: {_listed(ways)}{rows and f'; {rows}'}"


def rows_in_words(rows: int | None) -> str:
    """Return how many rows of the app's data are written; nothing where none is."""
    if rows is None:
        return "rows: nobody can count them beforehand"
    return f"rows: {rows}" if rows else ""


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counted.items()) or "none"


def finding_lines(finding: Finding) -> Iterator[Line]:
    """Return what a check saw, with its evidence where it is not healthy."""
    mark, style = ("✓", "good") if finding.healthy else ("✗", "bad")
    yield Line(f"  {mark} {finding.check}: {one_line(finding.seen, 300)}", style)  # type: ignore[arg-type]
    if not finding.healthy:
        for line in finding.evidence[:EVIDENCE]:
            yield Line(f"      {_depth(line)}{one_line(line, 300)}", "faint")
        if len(finding.evidence) > EVIDENCE:
            yield Line(f"      … and {len(finding.evidence) - EVIDENCE} more", "faint")


def _depth(line: str) -> str:
    """Return how far in a line of evidence stands: what hangs on what is told by that."""
    return " " * min(len(line) - len(line.lstrip(" ")), _DEEPEST)


def _alike_or_whole(number: int, step: str, change: Change, before: Change | None) -> Iterator[Line]:
    """Return one change; of one whose statement and way back are those of the one before it, only what it is about."""
    tells_more = change.diff or change.sample or change.notes or not change.script
    if before is None or tells_more or _how(change) != _how(before):
        yield from change_lines(number, step, change)
        return
    yield Line(f"  {number}. {step}: {one_line(change.what, 300)}", "head")
    yield Line(f"     as above, {one_line(change.target)}", "faint")


def _how(change: Change) -> tuple[object, ...]:
    return change.script, change.way_back, change.way_back_note, change.fidelity, change.assumed


def change_lines(number: int, step: str, change: Change) -> Iterator[Line]:
    """Return one change: what, how sure, the way back, the diff or script, and the notes."""
    yield Line(f"  {number}. {step}: {one_line(change.what, 300)}", "head")
    note = f" ({one_line(change.way_back_note)})" if change.way_back_note else ""
    rows = rows_in_words(change.rows)
    told = f"{rows} · " if rows else ""
    yield Line(f"     {change.fidelity.value} · {told}way back {change.way_back.value}{note}", "faint")
    if change.assumed:
        yield Line(f"     decided for good when its turn comes: {one_line(change.assumed)}", "faint")
    for line in (*clean_lines(change.diff), *clean_lines(change.sample)):
        yield Line(f"     {_cut(line)}", _diff_style(line))
    for line in clean_lines(change.script):
        yield Line(f"     {_cut(line)}", "code")
    for hazard in change.hazards:
        yield hazard_line(hazard)
    for line in change.notes:
        yield Line(f"     · {one_line(line, 300)}", "faint")


def hazard_line(hazard: Hazard) -> Line:
    """Return one hazard of SQL; one that would stop and is allowed says so loudly."""
    if hazard.severity is Severity.NOTE:
        return Line(f"     · {one_line(str(hazard), 600)}", "faint")
    loud = "ALLOWED BY THE STEP, would stop: " if hazard.allowed and hazard.severity is Severity.STOP else ""
    word = "✗ stops" if hazard.severity is Severity.STOP and not loud else "! warning" if not loud else "!"
    return Line(f"     {word} {loud}{one_line(str(hazard), 600)}", "bad")


def _cut(line: str) -> str:
    shown = clean(line[:WIDEST])
    return shown if len(line) <= WIDEST else f"{shown}… ({len(line)} characters)"


def _diff_style(line: str) -> Style:
    if line.startswith("+") and not line.startswith("+++"):
        return "added"
    if line.startswith("-") and not line.startswith("---"):
        return "removed"
    return "faint"
