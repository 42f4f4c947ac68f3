"""The commands hold and unlock: keep everybody out of a host, and take a lock or a hold away. They change no app."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from remediate.cli.confirming import asker, confirm_unlock
from remediate.cli.exit_codes import code_of
from remediate.cli.options import AsJson, Because, Hosts, InventoryName, StateFolder, Yes
from remediate.cli.session import Session, inventory_of, session
from remediate.engine import Ending
from remediate.errors import Declined, JournalError, RemediateError, UsageError
from remediate.fleet import ending_of
from remediate.journal import Journal
from remediate.model import Outcome
from remediate.owner import LockOwner
from remediate.target import Lock, Target


def hold(
    on: Hosts,
    reason: Because,
    inventory: InventoryName = None,
    state: StateFolder = None,
    *,
    as_json: AsJson = False,
) -> int:
    """Keep everybody out: take the app's lock on each host and keep it until `unlock`. They are told who, and why."""
    with _begun("hold", on, reason, inventory, state, as_json=as_json) as (opened, targets):
        endings = [_hold(opened, target) for target in targets.values()]
        return code_of(ending.outcome for ending in endings)


def _hold(opened: Session, target: Target) -> Ending:
    owner = opened.runner.owner.model_copy(update={"hold": True})
    try:
        opened.journal.append(opened.run, target.name, "held", {"owner": owner.model_dump(mode="json")})
        target.hold(owner)
        todo = f"remediate unlock {target.name} --reason WHY gives it free"
        ending = Ending(Outcome.HELD, "nobody may change anything here any more", todo)
    except RemediateError as error:
        ending = ending_of(error)
    opened.end(target.name, ending)
    return ending


def unlock(
    on: Hosts,
    reason: Because,
    inventory: InventoryName = None,
    state: StateFolder = None,
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Take a lock or a hold away: shows whose it is, asks, ends what still runs of that run, and frees the host."""
    with _begun("unlock", on, reason, inventory, state, as_json=as_json) as (opened, targets):
        seen = {name: _looked(target) for name, target in targets.items()}
        endings = {name: lock for name, lock in seen.items() if isinstance(lock, Ending)}
        for name, ending in endings.items():
            opened.end(name, ending)
        locks = {name: lock for name, lock in seen.items() if isinstance(lock, Lock)}
        endings |= _unlock_all(opened, targets, locks, yes=yes)
        return code_of(ending.outcome for ending in endings.values())


@contextmanager
def _begun(
    command: Literal["hold", "unlock"],
    on: Sequence[str],
    reason: str,
    inventory: str | None,
    state: Path | None,
    *,
    as_json: bool,
) -> Iterator[tuple[Session, dict[str, Target]]]:
    """Write down that a command begins, and reach for its hosts, by name."""
    if not reason.strip():
        raise UsageError("--reason", "says nothing", "tell in a few words why, for whoever meets it")
    environment = inventory_of(inventory)
    hosts = environment.select(on)
    with session(environment, state, reason=reason, as_json=as_json) as opened:
        opened.begin_command(command, hosts)
        yield opened, {host.name: opened.target(host) for host in hosts}


def _looked(target: Target) -> Lock | Ending:
    try:
        return target.lock() or Ending(Outcome.FREE, "nobody has the lock, there is nothing to take away")
    except RemediateError as error:
        return ending_of(error)


def _unlock_all(
    opened: Session, targets: Mapping[str, Target], locks: Mapping[str, Lock], *, yes: bool
) -> dict[str, Ending]:
    endings: dict[str, Ending] = {}
    try:
        if locks:
            confirm_unlock(locks, opened.inventory, opened.reason, yes=yes, ask=asker())
    except Declined as declined:
        endings = dict.fromkeys(locks, ending_of(declined))
    for name, lock in locks.items():
        endings[name] = endings.get(name) or _unlock(opened, targets[name], lock)
        opened.end(name, endings[name])
    return endings


def _unlock(opened: Session, target: Target, lock: Lock) -> Ending:
    """Take one lock away: written down before it is done, while nobody of this runner can go on with its run."""
    body = {"owner": lock.owner.model_dump(mode="json"), "jobs": lock.jobs, "why": opened.reason}
    try:
        with _nobody_at_work(opened.journal, lock.owner):
            opened.journal.append(opened.run, target.name, "unlocked", body)
            unsure = target.unlock(lock.owner)
    except RemediateError as error:
        return ending_of(error)
    todo = _todo(opened.journal, lock.owner, target.name)
    ended = f", and what still ran of it was ended: {', '.join(lock.jobs)}" if lock.jobs else ""
    ended += f"; {unsure}" if unsure else ""
    kind = "hold" if lock.owner.hold else "lock"
    return Ending(Outcome.FREE, f"the {kind} of {lock.owner.in_words} was taken away{ended}", todo)


@contextmanager
def _nobody_at_work(journal: Journal, owner: LockOwner) -> Iterator[None]:
    """Keep other processes of this runner from going on with a run; another runner's are not in reach.

    Raises:
        Locked: One is at work on it.
    """
    if owner.hold or not owner.run or not tuple(journal.entries(owner.run)):
        yield
        return
    with journal.hold(owner.run):
        yield


def _todo(journal: Journal, owner: LockOwner, host: str) -> str:
    """Tell what to do next; the lock is gone, whether the log can be read or not."""
    try:
        return _left_to_do(journal, owner, host)
    except JournalError:
        return "run `remediate audit verify`"


def _left_to_do(journal: Journal, owner: LockOwner, host: str) -> str:
    """Tell what to do with the run whose lock was taken away."""
    if owner.hold or not owner.run:
        return ""
    back = f"remediate rollback {owner.run}"
    entries = tuple(journal.entries(owner.run))
    if not entries:
        return f"what that run owes is in the audit log of {owner.who}: there, {back}"
    if not journal.owed(owner.run, host):
        return f"run {owner.run} has nothing to put back here"
    ended = any((entry.kind, entry.host) == ("ended", host) for entry in entries)
    return f"{back} puts back what it changed" + (
        "" if ended else f"; or remediate resume {owner.run} goes on"
    )
