"""The command `sql check`: what SQL files would do to whoever is at work in the database. It runs none of their SQL."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from remediate.cli.exit_codes import BLOCKED, HEALTHY, NO_CURE
from remediate.cli.options import AsJson, InventoryName
from remediate.cli.session import inventory_of, session
from remediate.errors import Blocked, UsageError
from remediate.gate import NOTHING, RULES, Known, Verdict, judge
from remediate.hazard import Hazard, Severity
from remediate.inventory import Host
from remediate.model import Json
from remediate.providers.live_tables import CATALOG, known_from
from remediate.questions import Answers, Unanswered
from remediate.sinks.clean import clean_json, one_line
from remediate.sinks.console import show
from remediate.sinks.plan_text import Line, Style
from remediate.steps import Questions
from remediate.text.suggest import did_you_mean

LONGEST = 600
"""Characters of one line that a file may make us say."""

sql = typer.Typer(help="SQL files: what they would do, judged by the hazard gate.", no_args_is_help=True)

Files = Annotated[
    list[str],
    typer.Argument(metavar="FILE...", help="SQL files, each judged by itself; - for standard input."),
]
AskedHosts = Annotated[
    list[str] | None,
    typer.Option(
        "--on", help="Judge by these hosts' databases: names, definitions and live sizes. Changes nothing."
    ),
]
Allowed = Annotated[
    list[str] | None, typer.Option("--allow", metavar="RULE", help="A rule that shall not stop; repeatable.")
]


@dataclass(frozen=True)
class Base:
    """What a file is judged by.

    Attributes:
        host: The host whose database it is; empty where there is none.
        known: What its catalog says.
        blocked: Why nobody can say; empty where it could be looked at.
        stops: The severities that stop there.
        development: Whether what lives there may be lost.
    """

    host: str = ""
    known: Known = NOTHING
    blocked: str = ""
    stops: frozenset[Severity] = frozenset({Severity.STOP})
    development: bool = False

    def stopped(self, hazards: Sequence[Hazard]) -> list[Hazard]:
        """Return those hazards that stop."""
        return [one for one in hazards if one.refused(self.stops, development=self.development)]


@sql.command("check")
def check(
    files: Files,
    on: AskedHosts = None,
    inventory: InventoryName = None,
    allow: Allowed = None,
    *,
    as_json: AsJson = False,
) -> int:
    """Judge SQL files statement by statement: rule, lock, what it blocks and for how long, the safer form.

    Exit 0: nothing stops. 8: something does. 6: a database could not be looked at. 2: a file cannot be read.
    """
    allowed, texts = _known_rules(allow or ()), {name: _text_of(name) for name in files}
    codes = []
    for base in _bases(on, inventory):
        for name, text in texts.items():
            codes.append(_tell(name, base, _judged(name, text, base, allowed), as_json=as_json))
    return next((code for code in (BLOCKED, NO_CURE) if code in codes), HEALTHY)


def _known_rules(allow: Sequence[str]) -> frozenset[str]:
    for rule in allow:
        if rule not in RULES:
            raise UsageError(
                f"--allow {rule}", "there is no such rule of the gate", did_you_mean(rule, RULES)
            )
    return frozenset(allow)


def _text_of(name: str) -> str:
    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return content.decode("utf-8")
    except OSError as error:
        raise UsageError(name, f"cannot be read: {error.strerror}", "give the path of an SQL file") from error
    except UnicodeDecodeError as error:
        raise UsageError(name, "is no UTF-8", "write it as UTF-8") from error


def _judged(name: str, text: str, base: Base, allowed: frozenset[str]) -> Verdict:
    try:
        return judge(text, base.known, allow=allowed)
    except ValueError as error:
        raise UsageError(name, f"cannot be taken apart: {error}", "mend it") from error


def _bases(on: Sequence[str] | None, inventory: str | None) -> Iterator[Base]:
    if not on:
        yield Base()
        return
    environment = inventory_of(inventory)
    hosts = environment.select(on)
    with session(environment, None) as opened:
        for host in hosts:
            stops = frozenset({Severity.STOP, Severity(environment.policy.refuse)})
            known, blocked = _known_of(opened.target(host, with_secrets=False).answer, host)
            yield Base(host.name, known, blocked, stops, environment.development)


def _known_of(answer: Callable[[Questions], Answers], host: Host) -> tuple[Known, str]:
    """Return what a host's database says, or why it cannot be looked at."""
    try:
        answers = answer(CATALOG)
    except Blocked as error:
        return NOTHING, str(error)
    unanswered = (answers.raw(question) for question in CATALOG)
    why = next((one.reason for one in unanswered if isinstance(one, Unanswered)), "")
    return known_from(answers), f"{host.name}: {why}" if why else ""


def _tell(name: str, base: Base, verdict: Verdict, *, as_json: bool) -> int:
    if as_json:
        typer.echo(clean_json(json.dumps(_record(name, base, verdict), ensure_ascii=False)))
    else:
        show(Console(highlight=False), _lines(name, base, verdict))
    if base.blocked:
        return BLOCKED
    return NO_CURE if base.stopped(verdict.hazards) else HEALTHY


def _record(name: str, base: Base, verdict: Verdict) -> dict[str, Json]:
    return {
        "file": name,
        "host": base.host,
        "blocked": base.blocked,
        "stops": [one.rule for one in base.stopped(verdict.hazards)],
        "hazards": [one.model_dump(mode="json", exclude={"way_down"}) for one in verdict.hazards],
        "not_judged": list(verdict.unjudged),
        "missing": verdict.missing,
    }


def _lines(name: str, base: Base, verdict: Verdict) -> Iterator[Line]:
    stopped = base.stopped(verdict.hazards)
    there = f" on {base.host}" if base.host else ""
    yield Line(
        f"{one_line(name)}{there}  {_sum(stopped, verdict)}", "bad" if stopped or base.blocked else "good"
    )
    if base.blocked:
        yield Line(f"  ? {one_line(base.blocked, LONGEST)}", "bad")
    for hazard in verdict.hazards:
        yield from _hazard_lines(hazard, stops=hazard in stopped)
    if verdict.unjudged:
        yield Line(
            f"  not judged without a database (give --on HOST): {', '.join(verdict.unjudged)}", "faint"
        )
    if verdict.missing:
        yield Line(f"  {verdict.missing}", "bad")


def _sum(stopped: Sequence[Hazard], verdict: Verdict) -> str:
    if not verdict.hazards:
        count = len(verdict.statements)
        return f"✓ {count} statement{'s' * (count != 1)}, no hazard"
    others = len(verdict.hazards) - len(stopped)
    more = f", {others} more to know" if others else ""
    return f"✗ {len(stopped)} stop{'s' * (len(stopped) == 1)}{more}" if stopped else f"✓ nothing stops{more}"


def _hazard_lines(hazard: Hazard, *, stops: bool) -> Iterator[Line]:
    allowed = " (allowed)" if hazard.allowed else ""
    about = f"  {one_line(hazard.about)}" if hazard.about else ""
    style: Style = "bad" if stops else "plain"
    yield Line(f"  line {hazard.line:<4} {hazard.severity.value:<8} {hazard.rule}{allowed}{about}", style)
    yield Line(f"    {one_line(hazard.why, LONGEST)}", "faint")
    if hazard.blocks:
        yield Line(f"    {one_line(hazard.blocks, LONGEST)}", "faint")
    if hazard.safer:
        yield Line(f"    safer: {one_line(hazard.safer, LONGEST)}", "code")
