"""The command apply: does what a plan document says, to the letter, or refuses. It plans nothing of its own."""

import hmac
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from remediate import __version__
from remediate.cli.exit_codes import code_of
from remediate.cli.options import (
    AsJson,
    InventoryName,
    PlaybookFolder,
    Reason,
    StateFolder,
    Yes,
    playbook_folder,
    state_folder,
)
from remediate.cli.planning import (
    approvers_of,
    digest_of_approvers,
    look_at_hosts,
    planned_host,
    tell_looking,
)
from remediate.cli.running import confirm_and_carry_out, end_interrupted, planned_in
from remediate.cli.session import Session, hosts_for, inventory_of, operator, playbook_of, session
from remediate.cli.telling import Seen, end_unplanned, ending_of_look, tell_looks, write_down_looks
from remediate.engine import Ending, HostRun, Look
from remediate.errors import Stale
from remediate.inventory import Inventory
from remediate.model import Outcome
from remediate.playbook import Playbook
from remediate.policy import Signatures
from remediate.review import Marks, PlanDocument, Sealed, marks_in, moved, read_document
from remediate.review.approval import Applier, Approvals, approvals, signatures_beside
from remediate.signatures import keys_at_hand

PlanPath = Annotated[
    Path, typer.Argument(metavar="PLAN", help="The file that `remediate plan -o` wrote.", show_default=False)
]
BEGAN = {Outcome.FIXED, Outcome.ROLLED_BACK, Outcome.KEPT, Outcome.STUCK, Outcome.PUT_BACK}
"""Outcomes of a run that changed something."""


def apply(
    path: PlanPath,
    inventory: InventoryName = None,
    playbooks: PlaybookFolder = None,
    state: StateFolder = None,
    reason: Reason = "",
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Do exactly what a reviewed plan says; where anything moved since, touch nothing and tell what. Exit 5: stale."""
    sealed = read_document(path)
    document, beside = sealed.document, signatures_beside(path)
    environment = inventory_of(inventory)
    book = playbook_of(document.playbook, playbook_folder(playbooks))
    hosts = hosts_for(book, environment, [host.host for host in document.planned]) if document.planned else ()
    reason = reason or document.reason
    marks, approvers = marks_in(state_folder(state)), approvers_of(environment)
    with session(environment, state, reason=reason, as_json=as_json, hold=True) as opened:
        refuse_unsealed(path, sealed, marks)
        _refuse_another(path, document, environment, book, approvers)
        refuse_untimely(path, document, opened.runner.clock.wall())
        refuse_again(path, document, opened)
        if not hosts:
            typer.echo(f"{path}: there is nothing to do in this plan", err=as_json)
            return code_of(host.outcome for host in document.hosts)
        opened.begin(book, hosts, document.variables, plan=document.digest)
        try:
            opened.warn_of_unended(hosts)
            tell_looking(opened, book)
            seen = look_at_hosts(opened, book, hosts, document.variables)
            write_down_looks(opened, seen)
            seen = _held_against(opened, document, seen, marks)
            tell_looks(opened, seen)
            end_unplanned(opened, seen)
            planned = planned_in(seen)
            signatures = _signatures(opened, beside, approvers, document, planned)

            def still() -> None:
                refuse_untimely(path, document, opened.runner.clock.wall())
                refuse_again(path, document, opened)

            endings = confirm_and_carry_out(opened, planned, yes=yes, signatures=signatures, still=still)
        except KeyboardInterrupt:
            end_interrupted(opened, hosts)
            raise
        unplanned = {host: ending_of_look(found) for host, found in seen.items()}
        return code_of(ending.outcome for ending in {**unplanned, **endings}.values())


def _signatures(
    opened: Session,
    beside: Sequence[str],
    approvers: bytes,
    document: PlanDocument,
    planned: Sequence[tuple[HostRun, Look]],
) -> Signatures:
    """Return who signed the plan, and write all of it into the audit log: the plan with its signatures."""
    found = Approvals()
    if approvers:
        logins = {host_run.target.login.get("key", "") for host_run, _ in planned}
        applier = Applier(operator(), keys_at_hand(Path.home(), os.environ) | logins)
        found = approvals(document, beside, approvers, applier, os.environ)
    body = {
        "plan": document.model_dump(mode="json"),
        "digest": document.digest,
        "signatures": [one.model_dump(mode="json") for one in found.counted],
        "why": ", ".join(one.principal for one in found.counted) or "nobody signed it",
    }
    opened.journal.append(opened.run, "", "reviewed", body)
    for line in found.refused:
        opened.events.tell("warning", "plan", line)
    return Signatures(tuple(one.principal for one in found.counted), document=True)


def refuse_unsealed(path: Path, sealed: Sealed, marks: Marks) -> None:
    """Refuse a plan that was not made with this state directory: nobody else can tell what moved, or seal one.

    Raises:
        Stale: It was not.
    """
    if not hmac.compare_digest(sealed.seal.encode(), marks.seal(sealed.document.digest).encode()):
        made = f"{sealed.document.made_by.user}@{sealed.document.made_by.machine}"
        todo = "apply it from the state directory it was made in (--state), or run plan again"
        raise Stale(str(path), f"was not made here, or was made up: it says that {made} made it", todo)


def _refuse_another(
    path: Path, document: PlanDocument, environment: Inventory, book: Playbook, approvers: bytes
) -> None:
    """Refuse a plan that was made by or for something else.

    Raises:
        Stale: Why.
    """
    reasons = list(_differences(document, environment, book, approvers))
    if reasons:
        raise Stale(str(path), f"this plan is not applied: {'; '.join(reasons)}", "run plan again")


def refuse_untimely(path: Path, document: PlanDocument, now: float) -> None:
    """Refuse a plan that is too old.

    Raises:
        Stale: It is, or one of two clocks is wrong.
    """
    if now >= document.expires:
        ended = datetime.fromtimestamp(document.expires, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        raise Stale(str(path), f"this plan is not applied: it expired at {ended}", "run plan again")
    if now < document.made:
        what = "this plan is not applied: it was made in the future, so one of two clocks is wrong"
        raise Stale(str(path), what, "set them right, and run plan again")


def _differences(
    document: PlanDocument, environment: Inventory, book: Playbook, approvers: bytes
) -> Iterator[str]:
    if document.version != __version__:
        yield f"remediate {document.version} made it, this is {__version__}"
    if document.environment != environment.environment:
        yield f"it is for {document.environment}, the inventory is of {environment.environment}"
    elif document.inventory_digest != environment.digest:
        yield f"the inventory {environment.path} has changed since"
    elif document.approvers_digest != digest_of_approvers(approvers):
        yield f"the approvers in {environment.policy.approvers} have changed since"
    if document.playbook_digest != book.digest:
        yield f"the playbook {document.playbook} has changed since"


def refuse_again(path: Path, document: PlanDocument, opened: Session) -> None:
    """Refuse a plan that was applied already, or whose run is not at its end.

    Raises:
        Stale: By which run.
    """
    for summary in opened.journal.runs():
        run = summary.header.run
        if summary.header.plan != document.digest or run == opened.run:
            continue
        if summary.owed and summary.unfinished:
            todo = f"remediate resume {run}, or remediate rollback {run}"
            raise Stale(str(path), f"run {run} began to apply this plan and never ended", todo)
        if BEGAN & set(summary.outcomes.values()):
            raise Stale(str(path), f"this plan was applied already, by run {run}", "run plan again")


def _held_against(opened: Session, document: PlanDocument, seen: Seen, marks: Marks) -> Seen:
    """Return what was seen, with an ending for every host where one is not as it was planned: then none is touched."""
    planned = {host.host: host for host in document.planned}
    stale: dict[str, Ending] = {}
    for host, found in seen.items():
        if isinstance(found, Ending) and found.outcome is Outcome.BLOCKED:
            continue  # nobody could look, so nobody can say what moved
        differences = moved(planned[host], planned_host(opened, host, found, marks))
        for one in differences:
            opened.events.tell("moved", host, one.what, then=list(one.then), now=list(one.now))
        if differences:
            stale[host] = Ending(
                Outcome.STALE, _in_words([one.what for one in differences]), "run plan again"
            )
    unseen = [host for host, found in seen.items() if isinstance(found, Ending) and host not in stale]
    if not stale and not unseen:
        return seen
    named = ", ".join([*stale, *unseen])
    untouched = Ending(Outcome.DECLINED, f"not begun: {named} is not as it was planned", "run plan again")
    return {
        host: stale.get(host) or (found if isinstance(found, Ending) else untouched)
        for host, found in seen.items()
    }


def _in_words(what: Sequence[str]) -> str:
    more = f", and {len(what) - 1} more" if len(what) > 1 else ""
    return f"not what was planned: {what[0]} is another{more}; nothing was touched"
