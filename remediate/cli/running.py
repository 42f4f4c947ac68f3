"""The command run: look, show, ask, change, verify."""

from collections.abc import Callable, Sequence
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
    Rehearse,
    StateFolder,
    Variables,
    Yes,
    playbook_folder,
    variables,
)
from remediate.cli.planning import look_at_hosts, plan, tell_looking
from remediate.cli.session import Session, hosts_for, inventory_of, playbook_of, session
from remediate.cli.telling import (
    Seen,
    end_unplanned,
    ending_of_look,
    rehearsed,
    tell_looks,
    write_down_looks,
)
from remediate.engine import Ending, HostRun, Look
from remediate.errors import Declined, Stale
from remediate.fleet import carry_out_all, ending_of
from remediate.inventory import Host
from remediate.model import Outcome
from remediate.policy import UNSIGNED, Signatures

DryRun = Annotated[bool, typer.Option("--dry-run", help="Stop after showing the plan, like `plan`.")]


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
    rehearse: Rehearse = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Look, show what would change, ask, change it, look again; put everything back when the cure does not hold."""
    if dry_run:
        words = (playbook, on, inventory, playbooks, state, var, reason)
        return plan(*words, rehearse=rehearse, as_json=as_json)
    book, environment = playbook_of(playbook, playbook_folder(playbooks)), inventory_of(inventory)
    hosts = hosts_for(book, environment, on)
    with session(environment, state, reason=reason, as_json=as_json, hold=True) as opened:
        opened.begin(book, hosts, variables(var))
        try:
            opened.warn_of_unended(hosts)
            tell_looking(opened, book)
            seen = look_at_hosts(opened, book, hosts, variables(var))
            seen = rehearsed(seen) if rehearse else seen
            write_down_looks(opened, seen)
            tell_looks(opened, seen)
            end_unplanned(opened, seen)
            endings = confirm_and_carry_out(opened, planned_in(seen), yes=yes)
        except KeyboardInterrupt:
            end_interrupted(opened, hosts)
            raise
        unplanned = {host: ending_of_look(found) for host, found in seen.items()}
        return code_of(ending.outcome for ending in {**unplanned, **endings}.values())


def planned_in(seen: Seen) -> list[tuple[HostRun, Look]]:
    """Return the hosts on which there is something to do."""
    pairs = [found for found in seen.values() if not isinstance(found, Ending)]
    return [pair for pair in pairs if pair[1].outcome is Outcome.PLANNED]


def confirm_and_carry_out(
    opened: Session,
    planned: Sequence[tuple[HostRun, Look]],
    *,
    yes: bool,
    signatures: Signatures = UNSIGNED,
    still: Callable[[], None] = lambda: None,
) -> dict[str, Ending]:
    """Ask as the policy wants it, and carry the plans out; return how it ended on each host.

    Args:
        opened: The command's session.
        planned: What would be done.
        yes: Whether `--yes` was given.
        signatures: Those over a plan document.
        still: Looks, once it was confirmed, whether it may still be done; raises `Stale` where it may not.
    """
    if not planned:
        return {}
    plans = [look.plan for _, look in planned]
    try:
        how = confirm(plans, opened.inventory, opened.reason, yes=yes, ask=asker(), signatures=signatures)
        still()
    except (Declined, Stale) as refused:
        return _end_all(opened, [one.host for one in plans], ending_of(refused))
    opened.events.tell("confirmed", "", how)
    return carry_out_all(planned, opened.end)


def _end_all(opened: Session, hosts: Sequence[str], ending: Ending) -> dict[str, Ending]:
    for host in hosts:
        opened.end(host, ending)
    return dict.fromkeys(hosts, ending)


def end_interrupted(opened: Session, hosts: Sequence[Host]) -> None:
    """Write down that nothing was changed: once a change has begun, the engine itself puts it back."""
    ending = Ending(Outcome.DECLINED, "interrupted by the operator, nothing was changed")
    for host in hosts:
        if host.name not in opened.ended:
            opened.end(host.name, ending)
