"""Commands that read the audit log: runs, show. None of them reaches a host."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.console import Console

from remediate.cli.options import AsJson, StateFolder, run_ids, state_folder
from remediate.cli.planning import PAGES
from remediate.errors import UsageError
from remediate.journal import Entry, Journal, RunSummary
from remediate.journal.understanding import understanding
from remediate.masking import Masker
from remediate.model import Finding, Json, well_formed
from remediate.owner import LockOwner
from remediate.review import read_document, written_document
from remediate.sinks.clean import clean_json, clean_lines, one_line
from remediate.sinks.console import show as show_lines
from remediate.sinks.page import Told, run_page, told
from remediate.sinks.plan_text import Line, Style, document_lines, finding_lines

Body: TypeAlias = dict[str, Json]
RunOrPlan = Annotated[
    str,
    typer.Argument(
        metavar="RUN|PLAN", help="A run's id, the beginning of one, or a plan's file.", autocompletion=run_ids
    ),
]
Form = Annotated[str, typer.Option("--format", help="text, json or html; of a plan markdown, too.")]


def _open(state: StateFolder) -> Journal:
    return Journal.open(state_folder(state), Masker())


def runs(
    state: StateFolder = None,
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List what was done: when, which playbook, by whom, why, with which outcome."""
    with _open(state) as journal:
        for summary in journal.runs()[:limit]:
            typer.echo(clean_json(summary.model_dump_json()) if as_json else _run_line(summary))


def _run_line(summary: RunSummary) -> str:
    header = summary.header
    outcomes = (
        ", ".join(f"{host} {outcome.value}" for host, outcome in summary.outcomes.items()) or "not ended"
    )
    owed = f"  [{_owing(summary)}: {summary.owed}]" if summary.owed else ""
    reason = f"  “{header.reason}”" if header.reason else ""
    text = f"{header.run}  {header.title} ({header.environment})  {outcomes}  by {header.operator.user}"
    return one_line(text + reason + owed, 300)


def _owing(summary: RunSummary) -> str:
    """Tell a cure that can be taken back from a way back that was not walked to its end."""
    return "STILL TO PUT BACK" if summary.unfinished else "can be taken back"


def show(run: RunOrPlan, state: StateFolder = None, *, form: Form = "text", as_json: AsJson = False) -> None:
    """Show one run from the first entry to the last, or a plan that was written to a file."""
    form = "json" if as_json else form
    if Path(run).is_file():
        _choose(form, ("text", "json", *PAGES))
        _show_plan(Path(run), form)
        return
    _choose(form, ("text", "json", "html"))
    with _open(state) as journal:
        found = journal.find(run)
        if form == "json":
            for line in journal.export(found):
                typer.echo(clean_json(line))
            return
        summary = next(summary for summary in journal.runs() if summary.header.run == found)
        if form == "html":
            typer.echo(_page(journal, summary), nl=False)
        else:
            show_lines(Console(highlight=False), _story(journal, summary))


def _choose(form: str, forms: Sequence[str]) -> None:
    if form not in forms:
        raise UsageError(
            f"--format {form}", "there is no such form of it", f"choose one of: {', '.join(forms)}"
        )


def _show_plan(path: Path, form: str) -> None:
    sealed = read_document(path)
    plan = sealed.document
    if form == "text":
        show_lines(Console(highlight=False), document_lines(plan))
    else:
        typer.echo(written_document(plan, sealed.seal) if form == "json" else PAGES[form](plan), nl=False)


def _page(journal: Journal, summary: RunSummary) -> str:
    entries: list[Entry] = []
    page: list[Told] = []
    changes: dict[int, str] = {}
    for entry in journal.entries(summary.header.run):
        with understanding(entry.seq):
            known = entry.model_copy(update={"body": well_formed(entry.body)})
            changes |= {entry.seq: known.body["change"]["what"]} if entry.kind == "owed" else {}
            entries.append(known)
            page.append(_on_page(known, changes))
    return run_page(summary, entries, page)


def _on_page(entry: Entry, changes: Mapping[int, str]) -> Told:
    text, style = _sentence(entry)
    if "owed" in entry.body:
        change, why = changes.get(entry.body["owed"], ""), entry.body.get("why", "")
        text = f"{change}: {why}" if why else change
    style = _STYLE_ON_PAGE.get(entry.body.get("outcome") or entry.kind, style)
    named = f"{entry.host}: "  # which the page says before it
    return told(entry, one_line(text.removeprefix(named), 600), style)


_STYLE_ON_PAGE: dict[str, Style] = {
    **dict.fromkeys(("fixed", "healthy", "put back", "done", "paid"), "good"),
    **dict.fromkeys(
        ("stuck", "rolled back", "kept", "failed", "unknown", "stopped", "no cure", "unpaid"), "bad"
    ),
}
"""The colour of an entry's dot, by its outcome, or else by its kind."""


def _story(journal: Journal, summary: RunSummary) -> Iterator[Line]:
    at = 0.0
    for entry in journal.entries(summary.header.run):
        if entry.at < at:
            text = (
                f"the runner's clock went back by {at - entry.at:.0f} s; entries stand as they were written"
            )
            yield Line(f"          {text}", "faint")
        at = entry.at
        with understanding(entry.seq):
            yield from _told(entry.model_copy(update={"body": well_formed(entry.body)}))
    owing = _owing(summary)
    style: Style = "faint" if owing.islower() else "bad"
    for owed in journal.owed(summary.header.run):
        yield Line(f"{owing} on {owed.host}: {one_line(owed.change.what)} ({owed.state})", style)


def _told(entry: Entry) -> Iterator[Line]:
    at = time.strftime("%H:%M:%S", time.gmtime(entry.at))
    text, style = _sentence(entry)
    yield Line(f"{at}  {entry.host:<8} {entry.kind:<10} {one_line(text, 300)}", style)
    change = entry.body.get("change", {})
    for line in (*clean_lines(change.get("diff", "")), *clean_lines(change.get("script", ""))):
        yield Line(f"          {line}", "context")
    for finding in entry.body.get("findings", ()):
        yield from finding_lines(Finding.model_validate(finding))


def _sentence(entry: Entry) -> tuple[str, Style]:
    tell = _SENTENCES.get(entry.kind)
    if tell:
        return tell(entry.body)
    body = entry.body
    if "owed" in body:
        return f"entry {body['owed']} {body.get('why', '')}", "plain"
    return str(body.get("text") or body.get("why") or json.dumps(body)), "plain"


def _begun(body: Body) -> tuple[str, Style]:
    who = f"{body['operator']['user']}@{body['operator']['machine']}"
    reason = f", because “{body['reason']}”" if body["reason"] else ""
    on = f" on {', '.join(body['hosts'])}" if body["hosts"] else ""
    return f"{body['playbook'] or body['command']}{on} by {who}{reason}", "head"


def _owner(body: Body) -> str:
    return LockOwner.model_validate(body["owner"]).in_words


def _confirmed(body: Body) -> tuple[str, Style]:
    login = body["login"]
    return f"plan {body['digest'][:16]}, as {login.get('user')} with {login.get('key')}", "plain"


def _taken_up(body: Body) -> tuple[str, Style]:
    if "owner" not in body:
        return "", "head"
    owner = LockOwner.model_validate(body["owner"])
    return f"by {owner.who}, because “{owner.why}”" if owner.why else f"by {owner.who}", "head"


_SENTENCES: dict[str, Callable[[Body], tuple[str, Style]]] = {
    "begun": _begun,
    "looked": lambda body: (f"{body['outcome']}, plan {body['digest'][:16]}", "plain"),
    "confirmed": _confirmed,
    "reviewed": lambda body: (f"plan {body['digest'][:16]}, signed by: {body['why']}", "plain"),
    "held": lambda body: (f"by {_owner(body)}", "plain"),
    "unlocked": lambda body: (f"from {_owner(body)}, because “{body['why']}”", "plain"),
    "incident": lambda body: (f"{body['state']}: {body['why']}", "plain"),
    "owed": lambda body: (f"{body['step']}: {body['change']['what']}", "plain"),
    "resumed": _taken_up,
    "rollback": _taken_up,
    "escalated": lambda body: (f"to level {body['level']}: {body['why']}", "plain"),
    "delivered": lambda body: (f"to {body['contact']} by {body['service']}", "plain"),
    "undelivered": lambda body: (f"to {body['contact']} by {body['service']}: {body['why']}", "bad"),
    "ended": lambda body: (f"{body['outcome']}: {body['why']}", "head"),
}
