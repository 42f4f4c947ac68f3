"""The commands stop, start and breaker: a person's word on healing, written into the audit log. They reach no host."""

import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from remediate import __version__
from remediate.cli.options import AsJson, Because, InventoryName, StateFolder, state_folder
from remediate.cli.session import inventory_of, operator, who
from remediate.errors import JournalError, UsageError
from remediate.healing.brakes import Breaker, breakers, resettable
from remediate.healing.history import KINDS, RESET, STARTED, STOPPED, history_of
from remediate.healing.switch import stop_file, stopped
from remediate.journal import Journal, RunHeader, new_run_id
from remediate.masking import Masker
from remediate.model import utf8
from remediate.sinks.clean import clean_json, one_line
from remediate.sinks.plan_text import moment

breaker = typer.Typer(
    help="The circuit breakers: which cures are no longer tried, and why.", no_args_is_help=True
)

All = Annotated[
    bool, typer.Option("--all", help="Every environment and host that is healed from this state directory.")
]
BreakerTarget = Annotated[
    str, typer.Argument(metavar="TARGET", help="A host, or a database's identity as `breaker list` shows it.")
]
OfPlaybook = Annotated[str, typer.Argument(metavar="[PLAYBOOK]", help="Only of this playbook.")]


def stop(reason: Because, state: StateFolder = None, *, every: All = False) -> int:
    """Stop all healing, at once: nothing more is begun, and a cure under way is put back before its next change.

    What a killed healer left half-way stays as it is meanwhile: a person is called, who can `remediate rollback` it.
    """
    if not every:
        raise UsageError("stop", "stops all healing, and wants that said", "give --all")
    if not reason.strip():
        raise UsageError("--reason", "says nothing", "tell in a few words why, for whoever meets it")
    folder = state_folder(state)
    with Journal.open(folder, Masker()) as journal:
        _write_file(folder, reason)
        _note(journal, "stop", reason, STOPPED, {"who": who(), "why": reason})
    typer.echo(f"all healing from {folder} is stopped: {one_line(reason)}; remediate start gives it free")
    return 0


def _write_file(folder: Path, reason: str) -> None:
    """Make the file first: it holds also where the log cannot be written."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        stop_file(folder).write_text(f"{utf8(reason)} ({who()})\n", encoding="utf-8")
    except OSError as error:
        what = f"cannot be written ({error.strerror})"
        raise JournalError(str(stop_file(folder)), what, "let it be written, or say --state DIR") from error


def start(reason: Because, state: StateFolder = None) -> int:
    """Let healing go on after a stop; what was put back meanwhile is looked at anew."""
    if not reason.strip():
        raise UsageError("--reason", "says nothing", "tell in a few words why, for whoever meets it")
    folder = state_folder(state)
    with Journal.open(folder, Masker()) as journal:
        before = stopped(journal)
        if before is None:
            typer.echo("healing is not stopped, there is nothing to start")
            return 0
        _note(journal, "start", reason, STARTED, {"who": who(), "why": reason})
        _remove(stop_file(folder))
    typer.echo(f"healing goes on; it had been stopped by {one_line(before.who)}: {one_line(before.why)}")
    return 0


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        what = f"cannot be removed ({error.strerror}), and healing stays stopped while it is there"
        raise JournalError(str(path), what, "remove it yourself") from error


@breaker.command("list")
def list_breakers(state: StateFolder = None, *, as_json: AsJson = False) -> None:
    """List the faults whose cures did not hold: those whose breaker is open, and those that are one failure from it."""
    with Journal.open(state_folder(state), Masker()) as journal:
        met = breakers(history_of(journal.of_kinds(KINDS)))
    for one in met:
        typer.echo(_as_json(one) if as_json else _line(one))
    if not met and not as_json:
        typer.echo("every breaker is closed")


def _line(one: Breaker) -> str:
    word = "open  " if one.open else "closed"
    runs = ", ".join(one.runs)
    text = f"{word}  {one.fingerprint}  {one.failures} did not hold, last {moment(one.since)}  runs: {runs}"
    return one_line(text, 400)


def _as_json(one: Breaker) -> str:
    known = {"failures": one.failures, "hosts": one.hosts, "since": one.since, "runs": one.runs}
    record = {"fingerprint": one.fingerprint.model_dump(), "open": one.open, **known}
    return clean_json(json.dumps(record, ensure_ascii=False))


@breaker.command("reset")
def reset(
    target: BreakerTarget,
    reason: Because,
    playbook: OfPlaybook = "",
    inventory: InventoryName = None,
    state: StateFolder = None,
) -> int:
    """Close breakers: what was tried there before counts no more, also for cooldown, attempts and recurrence.

    Only a person does this, and says why.
    """
    if not reason.strip():
        raise UsageError("--reason", "says nothing", "tell in a few words what the cause was")
    found = inventory_of(inventory)
    environment, cooldown = found.environment, found.policy.auto.cooldown
    with Journal.open(state_folder(state), Masker()) as journal:
        known = [
            one
            for one in resettable(history_of(journal.of_kinds(KINDS)), time.time(), cooldown)
            if _means(one, environment, target, playbook)
        ]
        if not known:
            raise UsageError(
                target, f"has nothing in {environment} that could be reset", "remediate breaker list"
            )
        body = {
            "environment": environment,
            "target": target,
            "playbook": playbook,
            "who": who(),
            "why": reason,
        }
        _note(journal, "breaker reset", reason, RESET, body, environment)
    for one in known:
        typer.echo(one_line(f"{'closed' if one.failures else 'counts no more'}: {one.fingerprint}", 400))
    return 0


def _means(one: Breaker, environment: str, target: str, playbook: str) -> bool:
    fault = one.fingerprint
    here = fault.environment == environment and target in {fault.target, *one.hosts}
    return here and playbook in {"", fault.playbook}


def _note(
    journal: Journal, command: str, reason: str, kind: str, body: dict[str, str], environment: str = ""
) -> None:
    """Write a person's word down as a run of its own, with who gave it and why."""
    run = new_run_id(time.time())
    header = {
        "run": run,
        "command": command,
        "environment": environment or "all",
        "operator": operator(),
        "reason": utf8(reason),
        "version": __version__,
        "argv": tuple(map(utf8, sys.argv[1:])),
    }
    journal.begin(RunHeader.model_validate(header))
    journal.append(run, "", kind, body)
