"""What `explain --verdict` tells: what would become of a playbook's cure without a person, now. It begins nothing."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import typer

from remediate.cli.exit_codes import BLOCKED, HEALTHY, NO_CURE, PLANNED
from remediate.cli.healing import orders_for, places_of
from remediate.cli.healing_reach import Hands
from remediate.cli.options import state_folder
from remediate.cli.session import Session, inventory_of, playbook_of, session
from remediate.cli.triaging import wanted_in
from remediate.errors import Blocked, UsageError
from remediate.healing.reach import Orders, Seen
from remediate.healing.ruling import Ruler
from remediate.healing.verdict import Ruling, Verdict
from remediate.review import marks_in
from remediate.sinks.clean import clean_json, one_line
from remediate.sinks.console import show
from remediate.sinks.plan_text import Line
from remediate.triage import Presence

WITHIN = 600.0
"""Seconds that are taken to be left: what `heal` has by default."""
_WORST_FIRST = (BLOCKED, NO_CURE, PLANNED)


def tell_verdicts(
    playbook: str,
    on: Sequence[str],
    inventory: str | None,
    playbooks: Path,
    state: Path | None,
    *,
    as_json: bool,
) -> int:
    """Tell, for each host, what would become of a playbook's cure and which condition decides.

    Raises:
        UsageError: There is no such playbook or host, or none was named.
    """
    if not on:
        raise UsageError("--verdict", "asks hosts", "name them with --on")
    environment, book = inventory_of(inventory), playbook_of(playbook, playbooks)
    hosts = {host.name: host for host in environment.select(on)}
    orders = orders_for(environment, hosts.values(), within=WITHIN)
    orders = replace(orders, places=places_of(inventory, None, state))
    with session(environment, state, as_json=as_json) as opened:
        wanted, marks = wanted_in(playbooks), marks_in(state_folder(state))
        hands = Hands(opened, hosts, wanted, marks, Path())
        told = {
            host: _ruled(opened, hands, orders, book.name, host, seen)
            for host, seen in hands.look(tuple(hosts)).items()
        }
        for host, ruling in told.items():
            _tell(opened, book.name, host, ruling, as_json=as_json)
    codes = {_code(ruling) for ruling in told.values()}
    return next((code for code in _WORST_FIRST if code in codes), HEALTHY)


def _ruled(
    opened: Session, hands: Hands, orders: Orders, playbook: str, host: str, seen: Seen
) -> Ruling | str | Blocked:
    """Return the verdict; or why there is none: the fault is not there, or nobody can say."""
    if isinstance(seen, Blocked):
        return seen
    diagnosis = next((one for one in seen if one.playbook.name == playbook), None)
    if diagnosis is None or diagnosis.presence is Presence.UNKNOWN:
        why = "; ".join(diagnosis.why) if diagnosis else "it is not for this host"
        return Blocked(host, f"nobody can say whether the fault of {playbook} is there: {why}")
    if diagnosis.presence is Presence.HEALTHY:
        return f"the fault of {playbook} is not there: there is nothing to do"
    cure = hands.plan(diagnosis.playbook, host)
    ruler = Ruler(orders, opened.journal, opened.runner.clock)
    return ruler.rule(host, diagnosis, cure, hands.held(host), orders.within)


def _code(ruling: Ruling | str | Blocked) -> int:
    if isinstance(ruling, Blocked):
        return BLOCKED
    if isinstance(ruling, str):
        return HEALTHY
    return NO_CURE if ruling.verdict is Verdict.ESCALATE else PLANNED


def _tell(
    opened: Session, playbook: str, host: str, ruling: Ruling | str | Blocked, *, as_json: bool
) -> None:
    if as_json:
        record = {"host": host, "playbook": playbook, **_record(ruling)}
        typer.echo(clean_json(json.dumps(opened.masker.json(record), ensure_ascii=False)))
        return
    lines = _lines(playbook, host, ruling)
    show(opened.console, [Line(opened.masker.text(line.text), line.style) for line in lines])


def _record(ruling: Ruling | str | Blocked) -> dict[str, object]:
    if isinstance(ruling, Ruling):
        return {"verdict": ruling.verdict.value, "why": ruling.why, **ruling.model_dump(mode="json")}
    return {"verdict": "", "why": str(ruling), "conditions": []}


def _lines(playbook: str, host: str, ruling: Ruling | str | Blocked) -> Iterator[Line]:
    if not isinstance(ruling, Ruling):
        yield Line(f"{host}: {one_line(str(ruling), 400)}", "bad" if isinstance(ruling, Blocked) else "good")
        return
    yield Line(f"{host}: {playbook}: {ruling.verdict.value}: {one_line(ruling.why, 400)}", "head")
    for one in ruling.conditions:
        deciding = "  <- this decides" if one is ruling.deciding else ""
        otherwise = "" if one.holds else f" ({one.otherwise.value})"
        text = f"  {'✓' if one.holds else '✗'} {one.name}{otherwise}: {one_line(one.said, 300)}{deciding}"
        yield Line(text, "good" if one.holds else "bad")
