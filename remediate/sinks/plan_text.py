"""A plan as lines for a person, top to bottom: header, findings, each change with its diff or script. Opens nothing."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple, TypeAlias

from remediate.hazard import Hazard, Severity
from remediate.model import Change, Finding, Plan, Rehearsal, rows_of
from remediate.review import PlanDocument, PlannedHost
from remediate.sinks.clean import clean, clean_lines, one_line
from remediate.sinks.plan_overview import Alike, alike

Style: TypeAlias = Literal["plain", "head", "good", "bad", "added", "removed", "context", "faint", "code"]


EVIDENCE = 8
"""How many lines of evidence are shown; all of them are in `--json`."""
_DEEPEST = 20
WIDEST = 2000
"""Characters of one line of a diff or script; a generated file may have millions in one."""


class Line(NamedTuple):
    """One line with the role it plays; a sink chooses the colour.

    Attributes:
        text: The line.
        style: The role it plays.
        hang: Columns by which the rest of it stands in where a narrow terminal folds it; None for what is copied, like
            a command or a line of a diff, which nobody folds.
    """

    text: str
    style: Style = "plain"
    hang: int | None = None


def plan_lines(plan: Plan) -> Iterator[Line]:
    """Return the whole plan."""
    yield Line(f"Plan: {plan.playbook} on {plan.host} ({plan.environment})", "head")
    yield Line(f"  digest {plan.digest[:16]}  {counts(plan.changes)}", "faint", 4)
    if plan.database:
        yield Line(f"  database {plan.database}", "faint")
    yield from _body(plan.findings, plan.say, [(fix.step, fix.changes) for fix in plan.fixes])


def document_lines(document: PlanDocument) -> Iterator[Line]:
    """Return a plan document, host by host."""
    yield Line(f"Plan {document.digest[:16]}: {document.playbook} ({document.environment})", "head")
    yield Line(f"  {one_line(document.title, 300)}", hang=2)
    made_by = f"{document.made_by.user}@{document.made_by.machine}"
    times = f"made {moment(document.made)}, to be applied before {moment(document.expires)}"
    yield Line(f"  by {one_line(made_by)}, {times}", "faint", 5)
    if document.reason:
        yield Line(f"  because “{one_line(document.reason, 300)}”", hang=4)
    if document.risk:
        yield Line(f"  risk: {one_line(document.risk, 300)}")
    for database, hosts in document.databases.items():
        if len(hosts) > 1:
            yield Line(f"  {', '.join(hosts)} share one database, {database}", "faint", 4)
    for group in alike(document.hosts):
        yield from _alike_lines(group)


def _alike_lines(group: Alike) -> Iterator[Line]:
    host = group.first
    yield Line(
        f"{group.names}: {host.outcome.value}{': ' * bool(host.why)}{one_line(host.why, 300)}", "head", 2
    )
    if len(group.hosts) > 1:
        yield Line(f"  the same on each of these {len(group.hosts)} hosts", "faint")
    for one in group.hosts:
        yield from _known_by(one, f"{one.host}: " if len(group.hosts) > 1 else "")
    if host.changes:
        yield Line(f"  {counts(host.changes)}", "faint", 4)
    yield from _body(host.findings, host.say, [(fix.step, fix.changes) for fix in host.fixes])


def _known_by(host: PlannedHost, named: str) -> Iterator[Line]:
    if host.host_key:
        yield Line(f"  {named}host key {host.host_key}", "faint")
    if host.database:
        yield Line(f"  {named}database {host.database}", "faint")
    if host.changes:
        yield Line(f"  {named}mark {host.mark[:16]}", "faint")


def moment(seconds: float) -> str:
    """Return seconds since the epoch as a person reads them."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _body(
    findings: Iterable[Finding], say: str, fixes: Iterable[tuple[str, tuple[Change, ...]]]
) -> Iterator[Line]:
    for finding in findings:
        yield from finding_lines(finding)
    if say:
        yield Line(f"  {one_line(say, 400)}", hang=2)
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
    tried = sum(bool(change.rehearsal and change.rehearsal.outcome == "done") for change in changes)
    more = (f"{tried} rehearsed" if any(change.rehearsal for change in changes) else "", rows)
    told = (f"way back: {_listed(ways)}", *filter(None, more))
    return f"{len(changes)} {plural}: {_listed(fidelities)}; {'; '.join(told)}"


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
    yield Line(f"  {mark} {finding.check}: {one_line(finding.seen, 300)}", style, 4)  # type: ignore[arg-type]
    if not finding.healthy:
        for line in finding.evidence[:EVIDENCE]:
            yield Line(f"      {_depth(line)}{one_line(line, 300)}", "faint", len(_depth(line)) + 8)
        if len(finding.evidence) > EVIDENCE:
            yield Line(f"      … and {len(finding.evidence) - EVIDENCE} more", "faint")


def _depth(line: str) -> str:
    """Return how far in a line of evidence stands: what hangs on what is told by that."""
    return " " * min(len(line) - len(line.lstrip(" ")), _DEEPEST)


def _alike_or_whole(number: int, step: str, change: Change, before: Change | None) -> Iterator[Line]:
    """Return one change; of one whose statement and way back are those of the one before it, only what it is about."""
    tells_more = change.diff or change.sample or change.notes or change.rehearsal or not change.script
    if before is None or tells_more or _how(change) != _how(before):
        yield from change_lines(number, step, change)
        return
    yield Line(f"  {number}. {step}: {one_line(change.what, 300)}", "head", 5)
    yield Line(f"     as above, {one_line(change.target)}", "faint")


def _how(change: Change) -> tuple[object, ...]:
    return change.script, change.way_back, change.way_back_note, change.fidelity, change.assumed


def change_lines(number: int, step: str, change: Change) -> Iterator[Line]:
    """Return one change: what, how sure, the way back, the diff or script, and the notes."""
    yield Line(f"  {number}. {step}: {one_line(change.what, 300)}", "head", 5)
    note = f" ({one_line(change.way_back_note, 400)})" if change.way_back_note else ""
    rows = rows_in_words(change.rows)
    told = f"{rows} · " if rows else ""
    yield Line(f"     {change.fidelity.value} · {told}way back {change.way_back.value}{note}", "faint", 5)
    if change.assumed:
        yield Line(f"     decided for good when its turn comes: {one_line(change.assumed)}", "faint", 5)
    for line in (*clean_lines(change.diff), *clean_lines(change.sample)):
        yield Line(f"     {_cut(line)}", _diff_style(line))
    for line in clean_lines(change.script):
        yield Line(f"     {_cut(line)}", "code")
    for hazard in change.hazards:
        yield hazard_line(hazard)
    for line in change.notes:
        yield Line(f"     · {one_line(line, 300)}", "faint", 7)
    if change.rehearsal:
        yield from rehearsal_lines(change.rehearsal)


def rehearsal_lines(rehearsal: Rehearsal) -> Iterator[Line]:
    """Return what came of a rehearsal: how it ended, which files would be others, the last lines where it failed."""
    marks: dict[str, tuple[str, Style]] = {"done": ("✓", "good"), "failed": ("✗", "bad")}
    mark, style = marks.get(rehearsal.outcome, ("·", "faint"))
    yield Line(f"     {mark} {rehearsal_told(rehearsal)}", style, 7)
    for name in rehearsal.files:
        yield Line(f"       {one_line(name, 200)}", _diff_style(name))
    if left := rehearsal.appear + rehearsal.disappear + rehearsal.change - len(rehearsal.files):
        yield Line(f"       … and {left} more", "faint")
    for line in rehearsal.last_lines:
        yield Line(f"       | {one_line(line, 300)}", "faint")


def rehearsal_told(rehearsal: Rehearsal) -> str:
    """Return what came of a rehearsal in one line."""
    if rehearsal.outcome == "not tried":
        return one_line(rehearsal.told, 400)
    verb = "rehearsed" if rehearsal.outcome == "done" else "rehearsed, and it would fail"
    code = "" if rehearsal.exit_code is None else f", exit code {rehearsal.exit_code}"
    counted = ((rehearsal.appear, "appear"), (rehearsal.disappear, "disappear"), (rehearsal.change, "change"))
    files = ", ".join(f"{number} {what}" for number, what in counted if number)
    same = "nothing would differ" if rehearsal.exit_code == 0 and not files else ""
    would = files and f"would differ: {files}"
    clauses = (f"{one_line(rehearsal.told, 400)}{code} after {rehearsal.seconds:g} s", would or same)
    return f"{verb}: {'; '.join(filter(None, clauses))}"


def hazard_line(hazard: Hazard) -> Line:
    """Return one hazard of SQL; one that would stop and is allowed says so loudly."""
    if hazard.severity is Severity.NOTE:
        return Line(f"     · {one_line(str(hazard), 600)}", "faint", 7)
    loud = "ALLOWED BY THE STEP, would stop: " if hazard.allowed and hazard.severity is Severity.STOP else ""
    word = "✗ stops" if hazard.severity is Severity.STOP and not loud else "! warning" if not loud else "!"
    return Line(f"     {word} {loud}{one_line(str(hazard), 600)}", "bad", 7)


def _cut(line: str) -> str:
    shown = clean(line[:WIDEST])
    return shown if len(line) <= WIDEST else f"{shown}… ({len(line)} characters)"


def _diff_style(line: str) -> Style:
    if line.startswith("+") and not line.startswith("+++"):
        return "added"
    if line.startswith("-") and not line.startswith("---"):
        return "removed"
    return "context"
