"""What an escalation came to, printed: the report, who was told, whom to call by hand. It calls nobody."""

import json
from collections.abc import Iterator

import typer

from remediate.escalation.escalating import Escalated
from remediate.escalation.report import as_markdown, as_text
from remediate.model import Json
from remediate.sinks.clean import clean_json, one_line

FORMS = {"text": as_text, "markdown": as_markdown}


def tell(came: Escalated, form: str, *, as_json: bool, delivering: bool) -> None:
    """Print the report, and on standard error what became of calling somebody; or all of it as one line of JSON.

    Args:
        came: What the escalation came to.
        form: One of `FORMS`.
        as_json: Whether machines read.
        delivering: Whether anybody was to be told.
    """
    if as_json:
        typer.echo(clean_json(json.dumps(_record(came), ensure_ascii=False)))
        return
    typer.echo(FORMS[form](came.report), nl=False)
    for line in told_lines(came):
        typer.echo(line, err=True)
    if not delivering:
        typer.echo("nobody was told (--no-deliver)", err=True)


def told_lines(came: Escalated) -> Iterator[str]:
    """Return what became of calling somebody, and whom a person has to call by hand, each on one line."""
    yield from (one_line(line, 400) for line in _told(came))


def _told(came: Escalated) -> Iterator[str]:
    yield from (f"! {problem}" for problem in came.problems)
    for one in came.told:
        after = f" after {one.tries} tries" if one.tries else ""
        became = "told" if one.delivered else f"NOT told{after}: {one.why}"
        yield f"{one.contact} by {one.service}: {became}"
    if not came.turn.contacts:
        yield f"! nobody is told: the inventory has nobody to call for this (`contacts:`, level {came.turn.level})"
    for contact in came.turn.contacts:
        if not contact.notify:
            yield f"! call {contact.name} (level {contact.level}): {contact.how or 'the inventory does not say how'}"
    if came.file:
        yield f"the report is in {came.file}"


def _record(came: Escalated) -> dict[str, Json]:
    return {
        "run": came.case.run,
        "incident": came.incident,
        "level": came.turn.level,
        "reasons": [reason.said for reason in came.turn.reasons],
        "called": [{"level": one.level, "name": one.name, "how": one.how} for one in came.turn.contacts],
        "told": [one.model_dump(mode="json") for one in came.told],
        "problems": list(came.problems),
        "delivered": came.delivered,
        "nobody": came.nobody,
        "subject": came.report.subject,
        "file": came.file,
        "case": came.case.model_dump(mode="json"),
    }
