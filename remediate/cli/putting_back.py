"""The command rollback: pay what a run still owes, on every host it changed. What is owed, only the audit log says."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from remediate.cli.confirming import asker, confirm_rollback
from remediate.cli.exit_codes import code_of
from remediate.cli.options import AsJson, Reason, RunId, StateFolder, Yes, state_folder
from remediate.cli.session import Session, inventory_of, session
from remediate.engine import Ending, put_back_words
from remediate.errors import Declined, JournalError, Locked, RemediateError, UsageError
from remediate.fleet import ending_of
from remediate.inventory import Host, Inventory
from remediate.journal import Course, Journal, RunHeader, RunSummary
from remediate.locking import under_lock
from remediate.masking import Masker
from remediate.model import Outcome
from remediate.rollback import Rollback

OnlyOn = Annotated[list[str] | None, typer.Option("--on", help="Only these hosts of the run.")]
MovedInventory = Annotated[
    str | None,
    typer.Option("-i", "--inventory", help="The inventory, where it is no longer the run's own file."),
]


def rollback(
    run: RunId,
    on: OnlyOn = None,
    inventory: MovedInventory = None,
    state: StateFolder = None,
    reason: Reason = "",
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Put back everything that a run changed, last change first; stop where somebody else has changed it since."""
    summary = summary_of(run, state)
    environment = environment_of(summary.header, inventory)
    hosts = environment.select(on or summary.header.hosts)
    name = summary.header.run
    with session(environment, state, run=name, reason=reason, as_json=as_json, hold=True) as opened:
        work = [
            host for host in hosts if opened.journal.owed(name, host.name) or host.name in summary.unfinished
        ]
        if not work:
            free(opened, hosts)
            typer.echo(f"{name}: nothing is owed, there is nothing to put back", err=as_json)
            return code_of([])
        return code_of(ending.outcome for ending in _put_back_all(opened, work, yes=yes))


def summary_of(given: str, state: Path | None) -> RunSummary:
    """Return the run that a command names.

    Raises:
        UsageError: There is none, or more than one, or it ran no playbook.
    """
    summary = found(given, state)
    if summary.header.command != "run":
        what = f"is no run of a playbook, but a {summary.header.command}: it changed no app itself"
        raise UsageError(summary.header.run, what, f"remediate show {summary.header.run}")
    return summary


def found(given: str, state: Path | None) -> RunSummary:
    """Return the run that a command names, whatever it was.

    Raises:
        UsageError: There is none, or more than one.
    """
    with Journal.open(state_folder(state), Masker()) as journal:
        run = journal.find(given)
        return next(summary for summary in journal.runs() if summary.header.run == run)


def environment_of(header: RunHeader, given: str | None) -> Inventory:
    """Return the inventory of a run: its own file, or the one given in its place.

    Raises:
        UsageError: It is another environment's.
    """
    inventory = inventory_of(given or header.inventory_path)
    if inventory.environment != header.environment:
        what = f"is the environment {inventory.environment}, the run was in {header.environment}"
        raise UsageError(str(inventory.path), what, "say -i with the run's own inventory")
    return inventory


def _put_back_all(opened: Session, hosts: Sequence[Host], *, yes: bool) -> list[Ending]:
    for host in hosts:
        opened.secrets_of(host)  # before the run is turned: where one cannot be had, it stays as it was
    owes = [owed for host in hosts for owed in opened.journal.owed(opened.run, host.name)]
    try:
        confirm_rollback(owes, opened.inventory, opened.reason, yes=yes, ask=asker())
    except Declined as declined:
        for host in hosts:
            opened.tell_end(host.name, ending_of(declined))
        return [ending_of(declined)]
    return [put_back(opened, host) for host in hosts]


def free(opened: Session, hosts: Sequence[Host]) -> None:
    """Leave the locks that an ended run may not have been able to leave itself."""
    for host in hosts:
        try:
            confirmed = opened.journal.confirmed(opened.run, host.name)
            with opened.target(host, confirmed.machine if confirmed else "").locked(opened.runner.owner):
                pass
        except Locked:  # it is somebody else's, so this run left its own
            continue
        except RemediateError as error:
            text = f"the host's lock may still be there: {error.what}"
            opened.events.tell("warning", host.name, text)


def put_back(opened: Session, host: Host) -> Ending:
    """Put a host back; one on which nothing is owed is entered all the same, for a dead run's lock to be left."""
    try:
        ending = _put_back_under_lock(opened, host)
    except RemediateError as error:
        ending = ending_of(error)
    tell = (
        opened.end if _began(opened, host) else opened.tell_end
    )  # what never began leaves the run as it was
    tell(host.name, ending)
    return ending


def _began(opened: Session, host: Host) -> bool:
    """Tell whether the run is being taken back; to a log that cannot be read nothing is added, whatever it says."""
    try:
        return opened.journal.standing(opened.run, host.name).course is Course.TAKEN_BACK
    except JournalError:  # the ending stands: what was put back halfway must not be told as something else
        return False


def _put_back_under_lock(opened: Session, host: Host) -> Ending:
    runner = opened.runner
    confirmed = opened.journal.confirmed(opened.run, host.name)
    target = opened.target(host, confirmed.machine if confirmed else "")
    way_back, fixes = Rollback(target, runner), confirmed.fixes if confirmed else ()
    with runner.shield():
        settled = under_lock(target, runner, partial(way_back.walk, fixes))
    opened.warn_of_clock(target)
    if settled.problem:
        todo = f"a person is needed; then again: remediate rollback {opened.run}"
        return Ending(Outcome.STUCK, f"the way back stopped: {settled.problem}", todo)
    return Ending(Outcome.PUT_BACK, put_back_words(settled))
