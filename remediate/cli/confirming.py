"""Asks a person whether a plan may be carried out, as the environment's policy wants it. Decides nothing else."""

import sys
from collections.abc import Callable, Mapping, Sequence

from remediate.errors import Declined
from remediate.inventory import Host, Inventory
from remediate.journal import Owed
from remediate.model import Plan
from remediate.policy import UNSIGNED, Signatures, refusals
from remediate.sinks.clean import one_line
from remediate.target import Lock


def confirm(
    plans: Sequence[Plan],
    inventory: Inventory,
    reason: str,
    *,
    yes: bool,
    ask: Callable[[str], str] | None,
    signatures: Signatures = UNSIGNED,
) -> str:
    """Return how it was confirmed.

    Args:
        plans: What would be done, one plan a host; they have been shown.
        inventory: The environment with its policy; `--yes` never overrides it.
        reason: What was given as `--reason`.
        yes: Whether `--yes` was given.
        ask: Asks the operator and returns the answer; None where there is no terminal.
        signatures: Those over a plan document.

    Raises:
        Declined: The policy forbids it, the operator says no, or nobody can be asked.
    """
    hosts = ", ".join(plan.host for plan in plans)
    development = inventory.development
    if refused := refusals(plans, inventory.policy, reason, development=development, signatures=signatures):
        raise Declined(inventory.environment, "; ".join(refused))
    return _ask_as_wanted(hosts, inventory, yes=yes, ask=ask)


def confirm_rollback(
    owes: Sequence[Owed],
    inventory: Inventory,
    reason: str,
    *,
    yes: bool,
    ask: Callable[[str], str] | None,
) -> str:
    """Return how it was confirmed that changes are put back; the arguments are those of `confirm`.

    Raises:
        Declined: The policy wants a reason, the operator says no, or nobody can be asked.
    """
    if refused := refusals([], inventory.policy, reason):
        raise Declined(inventory.environment, "; ".join(refused))
    hosts = ", ".join(dict.fromkeys(owed.host for owed in owes))
    for owed in owes:
        sys.stderr.write(f"to put back on {one_line(f'{owed.host}: {owed.change.what}')}\n")
    return _ask_as_wanted(hosts, inventory, yes=yes, ask=ask)


def confirm_on(
    hosts: Sequence[Host],
    what: str,
    inventory: Inventory,
    reason: str,
    *,
    yes: bool,
    ask: Callable[[str], str] | None,
) -> str:
    """Return how it was confirmed that something is done on hosts which shows no plan of its own.

    Args:
        hosts: Where.
        what: What, in a clause: `go on with RUN`, whose plan was confirmed when it began.
        inventory: As in `confirm`.
        reason: As in `confirm`.
        yes: As in `confirm`.
        ask: As in `confirm`.

    Raises:
        Declined: The policy wants a reason, the operator says no, or nobody can be asked.
    """
    if refused := refusals([], inventory.policy, reason):
        raise Declined(inventory.environment, "; ".join(refused))
    names = ", ".join(host.name for host in hosts)
    return _ask_as_wanted(f"{names} ({what})", inventory, yes=yes, ask=ask)


def confirm_unlock(
    locks: Mapping[str, Lock],
    inventory: Inventory,
    reason: str,
    *,
    yes: bool,
    ask: Callable[[str], str] | None,
) -> str:
    """Return how it was confirmed that locks are taken away.

    Args:
        locks: Those locks, each by its host.
        inventory: The environment with its policy.
        reason: What was given as `--reason`.
        yes: Whether `--yes` was given.
        ask: Asks the operator and returns the answer; None where there is no terminal.

    Raises:
        Declined: The policy forbids it, the operator says no, or nobody can be asked.
    """
    if refused := refusals([], inventory.policy, reason):
        raise Declined(inventory.environment, "; ".join(refused))
    for host, lock in locks.items():
        jobs = f"; still running there, and to be ended: {', '.join(lock.jobs)}" if lock.jobs else ""
        kept = "a hold" if lock.owner.hold else "a lock"
        sys.stderr.write(
            f"to take away on {one_line(f'{host}: {kept} by {lock.owner.in_words}{jobs}', 500)}\n"
        )
    return _ask_as_wanted(", ".join(locks), inventory, yes=yes, ask=ask)


def _ask_as_wanted(hosts: str, inventory: Inventory, *, yes: bool, ask: Callable[[str], str] | None) -> str:
    if inventory.policy.confirm == "none":
        return "no confirmation needed"
    if inventory.policy.confirm == "yes":
        return _by_yes(hosts, yes=yes, ask=ask)
    return _by_name(hosts, inventory.environment, ask)


def _by_yes(hosts: str, *, yes: bool, ask: Callable[[str], str] | None) -> str:
    if yes:
        return "--yes"
    if ask is None:
        raise Declined(hosts, "there is no terminal to ask at", "read the plan, then give --yes")
    if ask(f"Carry this out on {hosts}? [y/N] ").strip().lower() not in {"y", "yes"}:
        raise Declined(hosts, "declined by the operator, nothing was changed")
    return "yes"


def _by_name(hosts: str, environment: str, ask: Callable[[str], str] | None) -> str:
    if ask is None:
        what = f"{environment} wants its name typed, and there is no terminal"
        raise Declined(hosts, what, "run it from a terminal")
    if ask(f"Type {environment} to carry this out on {hosts}: ").strip() != environment:
        raise Declined(hosts, "the environment's name was not typed, nothing was changed")
    return "name typed"


def asker() -> Callable[[str], str] | None:
    """Return what asks the operator at the terminal, or None where there is no terminal."""
    return _ask if sys.stdin.isatty() else None


def _ask(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    try:
        return input()
    except EOFError:
        return ""
