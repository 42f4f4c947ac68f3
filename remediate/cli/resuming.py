"""The command resume: go on with a run whose runner died, with the plan that was confirmed. It reads the audit log."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import typer

from remediate.catalogue import CATALOGUE
from remediate.cli.confirming import asker, confirm_on
from remediate.cli.exit_codes import code_of
from remediate.cli.options import AsJson, Reason, RunId, StateFolder, Yes
from remediate.cli.putting_back import MovedInventory, environment_of, free, put_back, summary_of
from remediate.cli.session import Session, session
from remediate.engine import Ending
from remediate.errors import Declined, PlaybookError, RemediateError
from remediate.fleet import ending_of, ends_the_round
from remediate.inventory import Host
from remediate.journal import Course, RunHeader, Standing
from remediate.model import Outcome
from remediate.playbook import Playbook, load_playbook
from remediate.resumption import Resumption, not_begun


def resume(
    run: RunId,
    inventory: MovedInventory = None,
    state: StateFolder = None,
    reason: Reason = "",
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Go on with a run that was killed, cut off or stuck, the way it was going: onwards, or putting back."""
    summary = summary_of(run, state)
    header = summary.header
    environment = environment_of(header, inventory)
    chosen = environment.select(header.hosts)
    hosts = [host for host in chosen if host.name in summary.unfinished]
    with session(environment, state, run=header.run, reason=reason, as_json=as_json, hold=True) as opened:
        if not hosts:
            free(opened, chosen)
            typer.echo(f"{header.run}: it ended on every host, there is nothing to go on with", err=as_json)
            return code_of(summary.outcomes.values())
        for host in hosts:
            opened.secrets_of(host)  # before the run is turned: where one cannot be had, it stays as it was
        try:
            confirm_on(hosts, f"go on with {header.run}", environment, reason, yes=yes, ask=asker())
        except Declined as declined:
            for host in hosts:
                opened.tell_end(host.name, ending_of(declined))
            return code_of([Outcome.DECLINED])
        resumed = _go_on_with_all(opened, hosts, header)
        return code_of({**summary.outcomes, **resumed}.values())


def _same_playbook(header: RunHeader) -> Playbook:
    """Return the playbook that was confirmed.

    Raises:
        PlaybookError: It is another one by now.
    """
    book = load_playbook(Path(header.playbook_path), CATALOGUE)
    if book.digest != header.playbook_digest:
        todo = f"remediate rollback {header.run}"
        raise PlaybookError(header.playbook_path, "has changed since the run began, so it cannot go on", todo)
    return book


def _go_on_with_all(opened: Session, hosts: Sequence[Host], header: RunHeader) -> dict[str, Outcome]:
    endings: dict[str, Ending] = {}
    for host in hosts:
        stopped = any(ends_the_round(name, ending) for name, ending in endings.items())
        endings[host.name] = _go_on(opened, host, header, stopped=stopped)
    return {name: ending.outcome for name, ending in endings.items()}


def _go_on(opened: Session, host: Host, header: RunHeader, *, stopped: bool) -> Ending:
    standing = opened.journal.standing(opened.run, host.name)
    if standing.course is Course.TAKEN_BACK:
        return put_back(opened, host)
    left_alone = stopped and not opened.journal.owed(opened.run, host.name)
    work = not_begun if left_alone else partial(_carry_on, opened, host, header, standing)
    try:
        ending = work()
    except RemediateError as error:
        ending = ending_of(error)
    opened.end(host.name, ending)
    return ending


def _carry_on(opened: Session, host: Host, header: RunHeader, standing: Standing) -> Ending:
    confirmed = opened.journal.confirmed(opened.run, host.name)
    machine = confirmed.machine if confirmed else ""
    host_run = opened.host_run(_same_playbook(header), host, header.variables, machine)
    if confirmed is None:
        return host_run.under_lock(not_begun)  # entered, for the dead run's lock to be left
    ending = Resumption(host_run, confirmed, standing.why).carry_on()
    opened.warn_of_clock(host_run.target)
    return ending
