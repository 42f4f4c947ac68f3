"""Pages for a browser: a plan, or a run that is over. One file each: no script, nothing fetched. It decides nothing.

Whatever comes from a host is text: the templates escape it, and control characters are shown as what they are.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from remediate.hazard import Severity
from remediate.journal import Entry, RunSummary
from remediate.model import Fidelity, Finding, Outcome, WayBack, rows_of
from remediate.review import PlanDocument
from remediate.sinks.clean import clean
from remediate.sinks.colouring import diff_lines, highlighted
from remediate.sinks.plan_overview import Alike, alike, concerns, is_sql, labelled
from remediate.sinks.plan_text import rehearsal_told, rows_in_words
from remediate.sinks.run_overview import (
    TURNS,
    changes_made,
    host_ends,
    lasting,
    next_commands,
    signatures,
    waits,
)

_PAGES = Path(__file__).parent / "pages"
_GOOD = {Outcome.HEALTHY, Outcome.FIXED, Outcome.PUT_BACK, Outcome.FREE}
_SOSO = {Outcome.PLANNED, Outcome.DECLINED, Outcome.STALE, Outcome.HELD}
_WORDS = {
    "owed": "changes",
    "done": "changed",
    "paid": "put back",
    "unpaid": "way back failed",
    "resumed": "taken up again",
    "rollback": "taken back",
}
"""What an entry's kind is called on a page; the others are words already."""
_STATES = {
    "made": ("✓", "good"),
    "put back": ("↩", ""),
    "under way": ("…", "warn"),
    "unknown": ("?", "warn"),
}
_SIGNS = {"good": "✓", "bad": "✗", "warn": "!", "": "•"}


class Tag(NamedTuple):
    """A word or two about the whole, and its colour."""

    text: str
    style: str = ""


class Told(NamedTuple):
    """An entry of the audit log, as a page tells it.

    Attributes:
        seq: Its number.
        at: Seconds since the epoch.
        host: The host's name, or empty.
        kind: What happened, in a word or two.
        text: It in one sentence.
        style: `good`, `bad` or nothing.
        turn: Whether somebody took the run up again with it.
        findings: What was seen.
    """

    seq: int
    at: float
    host: str
    kind: str
    text: str
    style: str
    turn: bool
    findings: tuple[Finding, ...]


def plan_page(plan: PlanDocument) -> str:
    """Return the page of a plan."""
    groups = alike(plan.hosts)
    return _render(
        "plan.html.j2",
        plan=plan,
        tags=tuple(_tags(plan)),
        groups=groups,
        concerns=concerns(groups),
        anchors={host.host: f"hosts-{group.number}" for group in groups for host in group.hosts},
        letters=_letters(plan),
    )


def run_page(summary: RunSummary, entries: Sequence[Entry], told: Sequence[Told]) -> str:
    """Return the page of a run.

    Args:
        summary: The run.
        entries: Its entries, in order.
        told: The same, as a page tells them.
    """
    made = changes_made(entries)
    ends = host_ends(summary, entries, made)
    ended = max((entry.at for entry in entries if entry.kind == "ended"), default=None)
    return _render(
        "run.html.j2",
        summary=summary,
        header=summary.header,
        made=made,
        ends=ends,
        ended=ended,
        signed=signatures(entries),
        todo=dict(next_commands(summary, ends)),
        events=told,
        waits=waits(entries),
    )


def told(entry: Entry, text: str, style: str) -> Told:
    """Return an entry as a page tells it.

    Args:
        entry: The entry.
        text: It in one sentence.
        style: The sentence's style, as a terminal has it.
    """
    return Told(
        entry.seq,
        entry.at,
        entry.host,
        _WORDS.get(entry.kind, entry.kind),
        text,
        {"good": "good", "bad": "bad"}.get(style, ""),
        entry.kind in TURNS,
        tuple(Finding.model_validate(one) for one in entry.body.get("findings", ())),
    )


def _tags(plan: PlanDocument) -> Iterator[Tag]:
    changes = [change for host in plan.hosts for change in host.changes]
    many = len(plan.planned)
    yield Tag(f"{len(changes)} change{'s' * (len(changes) != 1)} on {many} host{'s' * (many != 1)}")
    for fidelity in Fidelity:
        if number := sum(change.fidelity is fidelity for change in changes):
            yield Tag(f"preview: {number} {fidelity.value}", _fidelity_style(fidelity.value))
    for way in WayBack:
        if number := sum(change.way_back is way for change in changes):
            yield Tag(f"way back: {number} {way.value}", _way_style(way.value))
    if rows := rows_in_words(rows_of(changes)):
        yield Tag(rows)
    stops = sum(hazard.severity is Severity.STOP for change in changes for hazard in change.hazards)
    if stops:
        yield Tag(f"{stops} hazard{'s' * (stops != 1)} that would stop", "bad")


def _letters(plan: PlanDocument) -> Mapping[str, str]:
    """Return a short name for each database: its own identity is long, and said once."""
    return {name: f"database {number}" for number, name in enumerate(plan.databases, start=1)}


def _render(name: str, **values: Any) -> str:
    style = Markup((_PAGES / "style.css").read_text(encoding="utf-8"))  # noqa: S704  (ours, and constant)
    return _environment().get_template(name).render(style=style, **values)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters |= {
        "clock": lambda seconds: _moment(seconds, "%H:%M:%S"),
        "diff_lines": diff_lines,
        "fidelity_style": _fidelity_style,
        "highlighted": highlighted,
        "idle_steps": _idle_steps,
        "is_sql": is_sql,
        "rehearsal_told": rehearsal_told,
        "iso": lambda seconds: _moment(seconds, "%Y-%m-%dT%H:%M:%SZ"),
        "labelled": labelled,
        "lasting": lasting,
        "moment": lambda seconds: _moment(seconds, "%Y-%m-%d %H:%M:%S UTC"),
        "outcome_style": _outcome_style,
        "rows_in_words": rows_in_words,
        "sign": lambda style: _SIGNS.get(style, ""),
        "state": lambda state: _STATES.get(state, ("✗", "bad")),
        "way_style": _way_style,
    }
    return environment


def _shown(value: Any) -> Any:
    """Return what is written for a value: text with its control characters as escapes."""
    if isinstance(value, Markup) or value is None:
        return value if value is not None else ""
    return clean(str(value))


def _moment(seconds: float, form: str) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(form)


def _idle_steps(group: Alike) -> list[str]:
    """Return the names of the steps that have nothing to do."""
    return [fix.step for fix in group.first.fixes if not fix.changes]


def _fidelity_style(fidelity: str) -> str:
    return {"exact": "good", "rehearsed": "good", "estimate": "warn"}.get(fidelity, "bad")


def _way_style(way: str) -> str:
    return {"exact": "good", "equivalent": "warn"}.get(way, "bad")


def _outcome_style(outcome: str) -> str:
    kind = Outcome(outcome)
    return "good" if kind in _GOOD else "warn" if kind in _SOSO else "bad"
