"""Works under a host's lock, and frees one that a dead run of this runner left with nothing behind it.

How a lock is taken is the target's business; whose it may be freed from without a person is decided here.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TypeVar

from remediate.errors import Interrupted, Locked, Ousted, RemediateError
from remediate.journal import Entry
from remediate.model import Outcome
from remediate.owner import LockOwner
from remediate.runner import Runner
from remediate.target import Target

T = TypeVar("T")

SETTLED = {Outcome.FIXED, Outcome.PUT_BACK, Outcome.ROLLED_BACK}
"""Ends after which nothing of a run can be under way on a host, although it changed something there."""


def under_lock(target: Target, runner: Runner, work: Callable[[], T]) -> T:
    """Do something under the host's lock; a lock that cannot be left afterwards changes no outcome.

    Raises:
        Locked: Somebody else has it.
        Blocked: It could not be taken; nothing was touched.
        RemediateError: As the work raises it.
    """
    done: list[T] = []
    try:
        with ExitStack() as held:
            _enter(held, target, runner)
            done.append(work())
    except (RemediateError, KeyboardInterrupt) as error:
        if not done:
            raise
        runner.events.tell("warning", target.name, _not_left(target.name, error))
    return done[0]


def _enter(held: ExitStack, target: Target, runner: Runner) -> None:
    try:
        held.enter_context(target.locked(runner.owner))
    except Locked as taken:
        if taken.owner is None or not _freed(target, runner, taken.owner):
            raise
        held.enter_context(target.locked(runner.owner))


def _freed(target: Target, runner: Runner, owner: LockOwner) -> bool:
    """Take the lock away from a run of this runner that is dead and began nothing; false where it is no such run."""
    if owner.hold or not is_over(tuple(runner.journal.entries(owner.run)), target.name):
        return False
    try:
        with runner.journal.hold(owner.run):
            return _freed_from_the_dead(target, runner, owner)
    except Locked:  # it lives; who comes second is told so by the host
        return False


def _freed_from_the_dead(target: Target, runner: Runner, owner: LockOwner) -> bool:
    """Look again, now that no other process can carry the run on; then write it down, and free it."""
    if not is_over(tuple(runner.journal.entries(owner.run)), target.name):
        return False
    why = f"run {owner.run} is dead, and has nothing under way or to put back here"
    body = {"owner": owner.model_dump(mode="json"), "why": why}
    runner.journal.append(runner.run, target.name, "unlocked", body)
    unsure = target.unlock(owner)
    told = f"{why}: its lock was taken over" + (f"; {unsure}" if unsure else "")
    runner.events.tell("warning", target.name, told)
    return True


def is_over(entries: Sequence[Entry], host: str) -> bool:
    """Tell whether a run, once its process is gone, can have nothing under way on a host, by what the log says of it.

    Args:
        entries: All entries of the run; none where the run is another runner's, of which nothing is known here.
        host: The host.
    """
    here = [entry for entry in entries if entry.host == host]
    if not entries or entries[0].kind != "begun":
        return False
    if all(entry.kind not in {"owed", "rollback"} for entry in here):
        return True
    return here[-1].kind == "ended" and Outcome(here[-1].body["outcome"]) in SETTLED


def _not_left(host: str, error: BaseException) -> str:
    known = error if isinstance(error, RemediateError) else Interrupted(host, "interrupted by the operator")
    return known.what if isinstance(known, Ousted) else f"the host's lock may still be there: {known.what}"
