"""The command rollback: pay what a run still owes, on every host it changed. What is owed, only the audit log says."""

from pathlib import Path
from typing import Annotated

import typer

from remediate.cli.confirming import asker, confirm_rollback
from remediate.cli.exit_codes import code_of
from remediate.cli.options import AsJson, Reason, RunId, StateFolder, Yes, state_folder
from remediate.cli.session import Session, inventory_of, session
from remediate.engine import Ending
from remediate.errors import Declined, RemediateError
from remediate.events import Masker
from remediate.fleet import ending_of
from remediate.inventory import Host
from remediate.journal import Journal, Owed, RunSummary
from remediate.model import Confirmed, Outcome, canonical
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
    environment = inventory_of(inventory or summary.header.inventory_path)
    hosts = environment.select(on or summary.header.hosts)
    with session(environment, state, run=summary.header.run, reason=reason, as_json=as_json) as opened:
        owed = [(host, opened.journal.owed(opened.run, host.name)) for host in hosts]
        owing = {host.name: (host, owes) for host, owes in owed if owes}
        if not owing:
            typer.echo(f"{opened.run}: nothing is owed, there is nothing to put back", err=as_json)
            return code_of([])
        endings = _put_back_all(opened, owing, yes=yes)
        return code_of(ending.outcome for ending in endings.values())


def summary_of(given: str, state: Path | None) -> RunSummary:
    """Return the run that a command names.

    Raises:
        UsageError: There is none, or more than one.
    """
    with Journal.open(state_folder(state), Masker()) as journal:
        run = journal.find(given)
        return next(summary for summary in journal.runs() if summary.header.run == run)


def _put_back_all(
    opened: Session, owing: dict[str, tuple[Host, tuple[Owed, ...]]], *, yes: bool
) -> dict[str, Ending]:
    owes = [owed for _, several in owing.values() for owed in several]
    try:
        confirm_rollback(owes, opened.inventory, opened.reason, yes=yes, ask=asker())
    except Declined as declined:
        ending = ending_of(declined)
        for name in owing:
            opened.tell_end(name, ending)
        return dict.fromkeys(owing, ending)
    return {name: _put_back(opened, host) for name, (host, _) in owing.items()}


def _put_back(opened: Session, host: Host) -> Ending:
    runner = opened.runner
    opened.journal.append(opened.run, host.name, "rollback", {"owner": runner.owner.model_dump(mode="json")})
    try:
        target = opened.target(host)
        with target.locked(runner.owner), runner.shield():
            confirmed = confirmed_on(opened.journal, opened.run, host.name)
            problem = Rollback(target, runner).pay(confirmed.fixes if confirmed else ())
    except RemediateError as error:
        ending = ending_of(error)
    else:
        ending = _ending(opened.run, problem)
    opened.end(host.name, ending)
    return ending


def _ending(run: str, problem: str) -> Ending:
    if problem:
        todo = f"a person is needed; then again: remediate rollback {run}"
        return Ending(Outcome.STUCK, f"the way back stopped: {problem}", todo)
    return Ending(Outcome.PUT_BACK, "everything that the run changed is put back")


def confirmed_on(journal: Journal, run: str, host: str) -> Confirmed | None:
    """Return what was confirmed on a host, or None where the run never came so far."""
    bodies = [entry.body for entry in journal.entries(run) if (entry.kind, entry.host) == ("confirmed", host)]
    return Confirmed.model_validate_json(canonical(bodies[-1])) if bodies else None
