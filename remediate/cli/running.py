"""The commands plan and run: look, show, ask, change, verify."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from remediate.cli.confirming import asker, confirm
from remediate.cli.exit_codes import code_of
from remediate.cli.options import (
    AsJson,
    InventoryName,
    On,
    PlaybookFolder,
    PlaybookName,
    Reason,
    StateFolder,
    Variables,
    Yes,
    playbook_folder,
    variables,
)
from remediate.cli.session import Session, hosts_for, inventory_of, playbook_of, session
from remediate.cli.telling import Seen, end_unplanned, ending_of_look, tell_looks, write_down_looks
from remediate.engine import Ending, HostRun, Look
from remediate.errors import Declined, UsageError
from remediate.fleet import carry_out_all, look_at_all
from remediate.inventory import Host
from remediate.model import Json, Outcome
from remediate.playbook import Playbook
from remediate.sinks.clean import clean_json

PlanFile = Annotated[
    Path | None, typer.Option("-o", "--output", help="Write the plans there, one JSON object a line.")
]
PlanForm = Annotated[str, typer.Option("--format", help="How it is shown: text or json.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Stop after showing the plan, like `plan`.")]


def plan(
    playbook: PlaybookName,
    on: On,
    inventory: InventoryName = None,
    playbooks: PlaybookFolder = None,
    var: Variables = None,
    *,
    output: PlanFile = None,
    form: PlanForm = "text",
    as_json: AsJson = False,
) -> int:
    """Look, and show exactly what `run` would change. Changes nothing anywhere. Exit 3: there is something to do."""
    if form not in {"text", "json"}:
        raise UsageError(f"--format {form}", "there is no such form", "choose text or json")
    book, environment = playbook_of(playbook, playbook_folder(playbooks)), inventory_of(inventory)
    with session(environment, None, as_json=as_json or form == "json") as opened:
        if not opened.as_json:
            _tell_looking(opened, book)
        seen = _look(opened, book, hosts_for(book, environment, on), var)
        plans = [found[1].plan for found in seen.values() if not isinstance(found, Ending)]
        if opened.as_json:
            typer.echo("".join(_as_line(opened, one.digest, one.shown) for one in plans), nl=False)
        else:
            tell_looks(opened, seen)
        for host, found in seen.items():
            if isinstance(found, Ending) or not opened.as_json:
                opened.tell_end(host, ending_of_look(found))
        if output:
            _write(output, "".join(_as_line(opened, one.digest, one.kept) for one in plans))
        return code_of(ending_of_look(found).outcome for found in seen.values())


def _as_line(opened: Session, digest: str, plan: dict[str, Json]) -> str:
    value = {"digest": digest, **plan}
    return clean_json(json.dumps(opened.masker.json(value), ensure_ascii=False)) + "\n"


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(str(path), f"cannot be written ({error.strerror})", "choose another -o") from error


def run(
    playbook: PlaybookName,
    on: On,
    inventory: InventoryName = None,
    playbooks: PlaybookFolder = None,
    state: StateFolder = None,
    var: Variables = None,
    reason: Reason = "",
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Look, show what would change, ask, change it, look again; put everything back when the cure does not hold."""
    if dry_run:
        return plan(playbook, on, inventory, playbooks, var, as_json=as_json)
    book, environment = playbook_of(playbook, playbook_folder(playbooks)), inventory_of(inventory)
    hosts = hosts_for(book, environment, on)
    with session(environment, state, reason=reason, as_json=as_json, hold=True) as opened:
        opened.begin(book, hosts, variables(var))
        try:
            opened.warn_of_unended(hosts)
            _tell_looking(opened, book)
            seen = _look(opened, book, hosts, var)
            write_down_looks(opened, seen)
            tell_looks(opened, seen)
            end_unplanned(opened, seen)
            endings = _confirm_and_carry_out(opened, _planned(seen), yes=yes)
        except KeyboardInterrupt:
            _end_interrupted(opened, hosts)
            raise
        unplanned = {host: ending_of_look(found) for host, found in seen.items()}
        return code_of(ending.outcome for ending in {**unplanned, **endings}.values())


def _tell_looking(opened: Session, book: Playbook) -> None:
    opened.events.tell("looking", "", book.title)


def _look(opened: Session, book: Playbook, hosts: Sequence[Host], var: Sequence[str] | None) -> Seen:
    given = variables(var)
    return look_at_all({host.name: partial(opened.host_run, book, host, given) for host in hosts})


def _planned(seen: Seen) -> list[tuple[HostRun, Look]]:
    pairs = [found for found in seen.values() if not isinstance(found, Ending)]
    return [pair for pair in pairs if pair[1].outcome is Outcome.PLANNED]


def _confirm_and_carry_out(
    opened: Session, planned: Sequence[tuple[HostRun, Look]], *, yes: bool
) -> dict[str, Ending]:
    if not planned:
        return {}
    plans = [look.plan for _, look in planned]
    try:
        how = confirm(plans, opened.inventory, opened.reason, yes=yes, ask=asker())
    except Declined as declined:
        return _end_all(opened, [one.host for one in plans], declined)
    opened.events.tell("confirmed", "", how)
    return carry_out_all(planned, opened.end)


def _end_all(opened: Session, hosts: Sequence[str], declined: Declined) -> dict[str, Ending]:
    ending = Ending(Outcome.DECLINED, declined.what, declined.todo)
    for host in hosts:
        opened.end(host, ending)
    return dict.fromkeys(hosts, ending)


def _end_interrupted(opened: Session, hosts: Sequence[Host]) -> None:
    """Write down that nothing was changed: once a change has begun, the engine itself puts it back."""
    ending = Ending(Outcome.DECLINED, "interrupted by the operator, nothing was changed")
    for host in hosts:
        if host.name not in opened.ended:
            opened.end(host.name, ending)
