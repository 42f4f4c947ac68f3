"""Tells what was seen on each host, and how it ended where nothing is to be changed. Decides nothing."""

from collections.abc import Mapping
from typing import TypeAlias

from remediate.cli.session import Session
from remediate.engine import Ending, HostRun, Look
from remediate.errors import Interrupted, RemediateError
from remediate.fleet import ending_of
from remediate.model import Outcome
from remediate.playbook import Playbook

Seen: TypeAlias = Mapping[str, tuple[HostRun, Look] | Ending]
"""For each host its run and what was seen, or how it ended already."""


def tell_looks(opened: Session, seen: Seen) -> None:
    """Tell what was found and planned on every host that could be looked at."""
    for host, found in seen.items():
        if not isinstance(found, Ending):
            opened.warn_of_clock(found[0].target)
            opened.warn_of_pooler(found[0].target)
            _tell_look(opened, host, found[1])


def _tell_look(opened: Session, host: str, look: Look) -> None:
    if look.outcome is Outcome.PLANNED or look.failed:
        opened.events.tell("planned", host, plan=look.plan.shown, digest=look.plan.digest)
        return
    for finding in look.plan.findings:
        opened.events.tell("finding", host, finding=finding.model_dump(mode="json"))


def rehearsed(seen: Seen) -> Seen:
    """Return what was seen, rehearsed host after host: in the main thread, so that Ctrl-C ends what runs there."""
    return {
        host: found if isinstance(found, Ending) else _rehearsed_one(*found) for host, found in seen.items()
    }


def _rehearsed_one(host_run: HostRun, look: Look) -> tuple[HostRun, Look] | Ending:
    try:
        return host_run, host_run.rehearse(look)
    except Interrupted as error:
        raise KeyboardInterrupt from error
    except RemediateError as error:
        return ending_of(error)


def write_down_looks(opened: Session, seen: Seen) -> None:
    """Write down what was found on every host that could be looked at."""
    for host, found in seen.items():
        if not isinstance(found, Ending):
            findings = [finding.model_dump(mode="json") for finding in found[1].plan.findings]
            body = {
                "outcome": found[1].outcome.value,
                "digest": found[1].plan.digest,
                "database": found[1].plan.database,
                "machine": found[0].target.machine.model_dump(mode="json"),
                "findings": findings,
            }
            opened.journal.append(opened.run, host, "looked", body)


def ending_of_look(found: tuple[HostRun, Look] | Ending) -> Ending:
    """Return how it ends on a host when nothing is changed."""
    if isinstance(found, Ending):
        return found
    look = found[1]
    if look.failed:
        return Ending(look.outcome, look.failed.what, look.failed.todo, look.failed.output)
    if look.outcome is Outcome.HEALTHY:
        return Ending(Outcome.HEALTHY, "nothing to do")
    if look.outcome is Outcome.PLANNED:
        many = len(look.plan.changes)
        return Ending(Outcome.PLANNED, f"{many} change{'s' * (many != 1)} would be made, nothing was touched")
    why = "unhealthy, and nothing that this playbook could change"
    return Ending(Outcome.NO_CURE, why, _choices(found[0].procedure.playbook))


def _choices(playbook: Playbook) -> str:
    """Return what of a playbook only a person can choose, in words; nothing where it leaves nothing to choose."""
    told = [
        f"--var {name}={'|'.join(one.choices) or 'true'} ({one.about})"
        for name, one in playbook.variables.items()
        if one.about and one.type in ("choice", "bool")
    ]
    return f"a person may choose: {', '.join(told)}" if told else ""


def end_unplanned(opened: Session, seen: Seen) -> None:
    """Write down and tell how it ended on the hosts where nothing will be changed."""
    for host, found in seen.items():
        ending = ending_of_look(found)
        if ending.outcome is not Outcome.PLANNED:
            opened.end(host, ending)
