"""Many hosts: looked at side by side, changed one after another. What happens on one host is the engine's business."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from remediate.engine import Ending, HostRun, Look
from remediate.errors import (
    Blocked,
    Conflict,
    Declined,
    Failed,
    Interrupted,
    JournalError,
    Lost,
    RemediateError,
    Stale,
    UsageError,
)
from remediate.model import Outcome

AT_ONCE = 20
"""Hosts looked at side by side: enough to be quick, few enough not to look like an attack to a jump host."""

ENDS_THE_ROUND = {
    Outcome.ROLLED_BACK,
    Outcome.KEPT,
    Outcome.STUCK,
    Outcome.STALE,
    Outcome.BLOCKED,
    Outcome.DECLINED,
}
"""After one of these, the hosts that have not begun are left alone: what failed here would fail there, too."""

_OUTCOME_OF: tuple[tuple[type[RemediateError], Outcome], ...] = (
    (Stale, Outcome.STALE),
    (Declined, Outcome.DECLINED),
    (Interrupted, Outcome.DECLINED),
    (Conflict, Outcome.STUCK),
    (Lost, Outcome.STUCK),
    (Failed, Outcome.NO_CURE),
    (Blocked, Outcome.BLOCKED),
    (JournalError, Outcome.BLOCKED),
)


def ending_of(error: RemediateError) -> Ending:
    """Return the ending that an error amounts to when nothing was changed."""
    for kind, outcome in _OUTCOME_OF:
        if isinstance(error, kind):
            output = error.output if isinstance(error, Failed) else ""
            return Ending(outcome, error.what, error.todo, output)
    raise error


def look_at_all(
    hosts: Mapping[str, Callable[[], HostRun]],
) -> dict[str, tuple[HostRun, Look] | Ending]:
    """Look at every host, side by side.

    Args:
        hosts: How to get at each; the connection is made here.

    Returns:
        For each host its run and what was seen, or how it ended already.
    """
    pool = ThreadPoolExecutor(max_workers=max(1, min(AT_ONCE, len(hosts))))
    try:
        futures = {name: pool.submit(_look, reach) for name, reach in hosts.items()}
        return {name: future.result() for name, future in futures.items()}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _look(reach: Callable[[], HostRun]) -> tuple[HostRun, Look] | Ending:
    try:
        host_run = reach()
        return host_run, host_run.look()
    except UsageError:
        raise
    except RemediateError as error:
        return ending_of(error)


def carry_out_all(
    planned: Sequence[tuple[HostRun, Look]], told: Callable[[str, Ending], None]
) -> dict[str, Ending]:
    """Carry out confirmed plans, one host after another; after a failure the rest is left alone.

    Args:
        planned: What was confirmed, in order.
        told: Told of each as soon as it is known.
    """
    endings: dict[str, Ending] = {}
    stopped_by = ""
    for host_run, look in planned:
        name = host_run.target.name
        if stopped_by:
            ending = Ending(Outcome.DECLINED, f"not begun, because {stopped_by}")
        else:
            ending = _carry_out(host_run, look)
        endings[name] = ending
        told(name, ending)
        stopped_by = stopped_by or ends_the_round(name, ending)
    return endings


def ends_the_round(host: str, ending: Ending) -> str:
    """Return in a clause why the hosts that have not begun are left alone after this one, or nothing."""
    if ending.interrupted:
        return f"the operator interrupted the run at {host}"
    return f"{host} did not go well" if ending.outcome in ENDS_THE_ROUND else ""


def _carry_out(host_run: HostRun, look: Look) -> Ending:
    try:
        return host_run.carry_out(look)
    except KeyboardInterrupt:
        return _interrupted(host_run)
    except RemediateError as error:
        return ending_of(error)


def _interrupted(host_run: HostRun) -> Ending:
    if not host_run.touched:
        return Ending(Outcome.DECLINED, "interrupted by the operator before anything was changed")
    todo = f"remediate rollback {host_run.runner.run}"
    return Ending(Outcome.STUCK, "interrupted while it was being put back", todo)
