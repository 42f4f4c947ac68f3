"""Pages for a browser: a plan, or a run that is over. One file each: no script, nothing fetched. It decides nothing.

Whatever comes from a host is text: the templates escape it, and control characters are shown as what they are.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from pygments.lexer import Lexer
from pygments.lexers.shell import BashLexer
from pygments.lexers.sql import PostgresLexer
from pygments.token import Comment, Keyword, Literal, Name, Number, String, _TokenType

from remediate.hazard import Severity
from remediate.journal import Entry, RunSummary
from remediate.model import Change, Fidelity, Finding, Outcome, WayBack, rows_of
from remediate.review import PlanDocument, PlannedHost
from remediate.sinks.clean import clean, clean_lines
from remediate.sinks.plan_text import rows_in_words

_PAGES = Path(__file__).parent / "pages"
_GOOD = {Outcome.HEALTHY, Outcome.FIXED, Outcome.PUT_BACK, Outcome.FREE}
_SOSO = {Outcome.PLANNED, Outcome.DECLINED, Outcome.STALE, Outcome.HELD}
_STATEMENTS = ("table:", "database:", "schema:", "rows:", "index:")
LONGEST_SCRIPT = 200_000
"""Characters of a script that are coloured; a longer one is shown plain."""


_WORDS = {"owed": "changes", "done": "changed", "paid": "put back"}
"""What an entry's kind is called on a page; the others are words already."""


class DiffLine(NamedTuple):
    """One line of a diff with its part in it."""

    text: str
    style: str


class Numbered(NamedTuple):
    """A change with its number on a host, and the step it belongs to."""

    number: int
    step: str
    change: Change


class Tag(NamedTuple):
    """A word or two about the whole, and its colour."""

    text: str
    style: str = ""


class Told(NamedTuple):
    """An entry of the audit log, as a page tells it."""

    at: float
    host: str
    kind: str
    text: str
    style: str
    findings: tuple[Finding, ...]
    change: Change | None


def plan_page(plan: PlanDocument) -> str:
    """Return the page of a plan."""
    return _render("plan.html.j2", plan=plan, tags=tuple(_tags(plan)))


def run_page(summary: RunSummary, told: Sequence[Told], *, owed: int, alarm: bool) -> str:
    """Return the page of a run.

    Args:
        summary: The run.
        told: Its entries, in order.
        owed: How many ways back are kept.
        alarm: Whether that is because the run did not come to its end.
    """
    return _render(
        "run.html.j2",
        header=summary.header,
        outcomes=summary.outcomes,
        started=summary.started,
        events=told,
        owed=owed,
        owed_alarm=alarm,
    )


def told(entry: Entry, text: str, style: str) -> Told:
    """Return an entry as a page tells it.

    Args:
        entry: The entry.
        text: It in one sentence.
        style: The sentence's style, as a terminal has it.
    """
    change = entry.body.get("change")
    return Told(
        entry.at,
        entry.host,
        _WORDS.get(entry.kind, entry.kind),
        text,
        {"good": "good", "bad": "bad"}.get(style, ""),
        tuple(Finding.model_validate(one) for one in entry.body.get("findings", ())),
        Change.model_validate(change) if change else None,
    )


def _tags(plan: PlanDocument) -> Iterator[Tag]:
    changes = [change for host in plan.hosts for change in host.changes]
    many = len(plan.planned)
    yield Tag(f"{len(changes)} change{'s' * (len(changes) != 1)} on {many} host{'s' * (many != 1)}")
    for fidelity in Fidelity:
        if number := sum(change.fidelity is fidelity for change in changes):
            yield Tag(f"{number} {fidelity.value}", _fidelity_style(fidelity.value))
    for way in WayBack:
        if number := sum(change.way_back is way for change in changes):
            yield Tag(f"way back: {number} {way.value}", _way_style(way.value))
    if rows := rows_in_words(rows_of(changes)):
        yield Tag(rows)
    stops = sum(hazard.severity is Severity.STOP for change in changes for hazard in change.hazards)
    if stops:
        yield Tag(f"{stops} hazard{'s' * (stops != 1)} that would stop", "bad")


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
        "diff_lines": _diff_lines,
        "fidelity_style": _fidelity_style,
        "highlighted": _highlighted,
        "iso": lambda seconds: _moment(seconds, "%Y-%m-%dT%H:%M:%SZ"),
        "moment": lambda seconds: _moment(seconds, "%Y-%m-%d %H:%M:%S UTC"),
        "numbered": _numbered,
        "outcome_style": _outcome_style,
        "rows_in_words": rows_in_words,
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


def _numbered(host: PlannedHost) -> Iterator[Numbered]:
    number = 0
    for fix in host.fixes:
        for change in fix.changes:
            number += 1
            yield Numbered(number, fix.step, change)


def _diff_lines(diff: str) -> Iterator[DiffLine]:
    for line in clean_lines(diff):
        style = "faint"
        if line.startswith("+") and not line.startswith("+++"):
            style = "added"
        if line.startswith("-") and not line.startswith("---"):
            style = "removed"
        yield DiffLine(line or " ", style)


def _highlighted(script: str, target: str) -> Markup:
    """Return a script in colours: SQL where it is about something of a database, else a shell's."""
    if len(script) > LONGEST_SCRIPT:
        return Markup.escape(clean(script))
    is_sql = target.startswith(_STATEMENTS) or script.lstrip().upper().startswith(_SQL)
    lexer: Lexer = PostgresLexer(stripnl=False) if is_sql else BashLexer(stripnl=False)
    return Markup("").join(_coloured(kind, text) for kind, text in lexer.get_tokens(clean(script)))


_SQL = (
    *("ALTER ", "CREATE ", "UPDATE ", "DELETE ", "INSERT ", "DROP ", "SELECT ", "WITH ", "SET ", "BEGIN"),
    *("VACUUM", "ANALYZE", "CALL ", "LOCK ", "DO "),
)
_COLOURS: tuple[tuple[_TokenType, str], ...] = (
    (Comment, "c"),
    (Keyword, "k"),
    (Name.Builtin, "k"),
    (Number, "m"),
    (String, "s"),
    (Literal, "s"),
)


def _coloured(kind: _TokenType, text: str) -> Markup:
    for family, colour in _COLOURS:
        if kind in family:
            return Markup('<span class="{}">{}</span>').format(colour, text)
    return Markup.escape(text)


def _fidelity_style(fidelity: str) -> str:
    return {"exact": "good", "rehearsed": "good", "estimate": "warn"}.get(fidelity, "bad")


def _way_style(way: str) -> str:
    return {"exact": "good", "equivalent": "warn"}.get(way, "bad")


def _outcome_style(outcome: str) -> str:
    kind = Outcome(outcome)
    return "good" if kind in _GOOD else "warn" if kind in _SOSO else "bad"
