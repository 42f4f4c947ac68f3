"""Holds a host's lock for one app: a directory that only one can make. Waits for nobody, and decides nothing.

A lock outlives a runner that died; whoever carries the same run on (resume, rollback) enters again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from threading import Lock as ThreadLock
from urllib.parse import unquote

from pydantic import ValidationError

from remediate.errors import Blocked, Failed, Locked, Lost, Ousted, RemediateError, Unreachable
from remediate.owner import LockOwner, nobody_knows
from remediate.target import Lock
from remediate.transport.call import Called, Caller
from remediate.transport.lock_scripts import ALIVE, BUSY, GONE, LEAVE, LOOK, TAKE, TAKEN, UNLOCK
from remediate.transport.state import file_name
from remediate.transport.wire import Broken

WAITING = 15.0
"""Seconds that taking a lock away may take beside ending jobs: a change that is just being made is waited for."""


class HostLock:
    """The lock of one app on one host.

    Args:
        caller: Calls scripts there.
        app: What is locked.

    Attributes:
        name: The lock's own name there.
        run: The run that holds it through this; empty where none does.
    """

    def __init__(self, caller: Caller, app: str) -> None:
        self._caller, self._app = caller, app
        self.name, self.run = file_name(app), ""
        self._depth = 0
        self._thread_lock = ThreadLock()

    @contextmanager
    def held(self, owner: LockOwner) -> Iterator[None]:
        """Hold the lock.

        Raises:
            Locked: Another run has it; says whose.
            Blocked: It could not be taken; nothing was touched.
            Ousted: The work was done, but the lock was taken away meanwhile.
            Failed: It could not be left, or is kept for a job of the run that may still run.
        """
        self._enter(owner)
        try:
            yield
        except BaseException:
            self._leave_if_possible(owner)
            raise
        self._leave(owner)

    def keep(self, owner: LockOwner) -> None:
        """Take the lock, and leave it to nobody but `unlock`. See `Target.hold`."""
        self._take(owner)

    def look(self) -> Lock | None:
        """Look who has it. See `Target.lock`."""
        try:
            called = self._caller.call(LOOK, self.name)
        except (Broken, Lost) as error:
            raise Unreachable(self._caller.where, "the link broke", "try again") from error
        if called.exit_code == GONE:
            return None
        if called.exit_code != 0:
            raise self._blocked("looked at", called)
        run, owner, *jobs = called.stdout.decode("utf-8", "replace").split("\n")
        told = _owner(owner.encode()).model_copy(update={"run": run})  # the name that the host itself goes by
        return Lock(owner=told, jobs=tuple(unquote(name) for name in jobs if name.strip()))

    def unlock(self, owner: LockOwner, grace: int) -> None:
        """End what still runs of a run, then take its lock away. See `Target.unlock`.

        Args:
            owner: Whose it is believed to be.
            grace: Seconds between TERM and KILL.
        """
        args = (self.name, owner.run, token_hex(8), str(grace))
        try:
            called = self._caller.call(UNLOCK, *args, seconds=2 * grace + WAITING)
        except (Broken, Lost) as error:
            what = "the link broke while the lock was taken away; whether it is there still is not known"
            raise Unreachable(self._caller.where, what, "try again") from error
        if called.exit_code not in {0, GONE}:
            raise self._not_taken_away(owner, called)

    def ousted(self) -> Ousted:
        """Return the error of a run whose lock was taken away: it tells who has it now."""
        where, run = self._caller.where, self.run
        try:
            lock = self.look()
        except RemediateError as error:
            return Ousted(
                where, f"the lock was taken away from run {run}, by whom cannot be seen ({error.what})"
            )
        if lock is None:
            return Ousted(where, f"the lock was taken away from run {run}; nobody has it now")
        if lock.owner.run == run:
            return Ousted(where, f"the lock is being taken away from run {run} at this moment")
        now = f"{_state(lock.owner)} by {lock.owner.in_words}"
        return Ousted(where, f"the lock was taken away from run {run}; now it is {now}", owner=lock.owner)

    def _enter(self, owner: LockOwner) -> None:
        with self._thread_lock:
            if not self._depth:
                self._take(owner)
                self.run = owner.run
            self._depth += 1

    def _take(self, owner: LockOwner) -> None:
        try:
            called = self._ask(owner)
        except (Broken, Lost):
            called = self._ask_again(owner)
        if called.exit_code == TAKEN:
            raise self._taken(_owner(called.stdout))
        if called.exit_code != 0:
            raise self._blocked("taken", called)

    def _ask(self, owner: LockOwner) -> Called:
        return self._caller.call(TAKE, self.name, owner.run, owner.model_dump_json(), token_hex(8))

    def _ask_again(self, owner: LockOwner) -> Called:
        """Ask for the lock again where the answer was lost: whoever has it already is let in."""
        try:
            return self._ask(owner)
        except (Broken, Lost, Unreachable) as error:
            why = f" ({error.what})" if isinstance(error, RemediateError) else ""
            what = f"the link broke while the lock was taken; it may be there now{why}"
            raise Unreachable(self._caller.where, what, f"remediate resume {owner.run} frees it") from error

    def _taken(self, other: LockOwner) -> Locked:
        where, unlock = self._caller.where, f"remediate unlock {self._caller.where} --reason WHY"
        what = f"{self._app} is {_state(other)} by {other.in_words}"
        if other.hold or not other.run:
            return Locked(where, what, f"wait, or give it free: {unlock}", other)
        dead = f"remediate resume {other.run}, or remediate rollback {other.run}"
        return Locked(
            where, what, f"wait for it; if it died: {dead}, where it was begun, or else {unlock}", other
        )

    def _blocked(self, verb: str, called: Called) -> Blocked:
        what = f"the host's lock cannot be {verb} ({called.error}); nothing was touched"
        return Blocked(
            self._caller.where, what, "see that the home directory there is ours, has room and can be written"
        )

    def _not_taken_away(self, owner: LockOwner, called: Called) -> RemediateError:
        where = self._caller.where
        if called.exit_code == TAKEN:
            return self._taken(_owner(called.stdout))
        if called.exit_code == BUSY:
            what = f"a change of run {owner.run} is being made at this moment; it keeps its lock"
            return Locked(where, what, "try again", owner)
        if called.exit_code == ALIVE:
            what = f"processes {' '.join(called.told)} of run {owner.run} cannot be ended; it keeps its lock"
            return Blocked(where, what, "end them by hand, then try again")
        return Blocked(where, f"the lock cannot be taken away ({called.error})", "look at the host")

    def _leave(self, owner: LockOwner) -> None:
        with self._thread_lock:
            self._depth -= 1
            if self._depth:
                return
            run, self.run = self.run, ""
        try:
            called = self._caller.call(LEAVE, self.name, owner.run, token_hex(8))
        except Broken as error:
            raise self._not_left("the link broke") from error
        if called.exit_code in {GONE, TAKEN}:
            now = f", and {_owner(called.stdout).in_words} has it" if called.exit_code == TAKEN else ""
            raise Ousted(self._caller.where, f"the lock was taken away from run {run} meanwhile{now}")
        if called.exit_code == BUSY:
            raise self._not_left("something is still being changed there")
        if called.exit_code == ALIVE:
            raise self._kept(run, called)
        if called.exit_code != 0:
            raise self._not_left(called.error)

    def _not_left(self, why: str) -> Failed:
        todo = f"remediate unlock {self._caller.where} --reason WHY, once nothing is at work there"
        return Failed(self._caller.where, f"the host's lock cannot be left ({why})", todo)

    def _kept(self, run: str, called: Called) -> Failed:
        jobs = ", ".join(unquote(name) for name in called.told)
        what = f"the host's lock is kept, as {jobs} of run {run} may still run there"
        todo = f"remediate resume {run}, or remediate rollback {run}, where it was begun"
        return Failed(
            self._caller.where, what, f"{todo}, or else remediate unlock {self._caller.where} --reason WHY"
        )

    def _leave_if_possible(self, owner: LockOwner) -> None:
        """Leave the lock after an error; one that cannot be left is kept: the run is carried on later, under it."""
        try:
            self._leave(owner)
        except (Unreachable, Lost, Failed, Ousted):
            return


def _state(owner: LockOwner) -> str:
    return "held" if owner.hold else "locked"


def _owner(told: bytes) -> LockOwner:
    """Return the owner that a host tells, who may be told in no words that are understood here."""
    try:
        return LockOwner.model_validate_json(told)
    except ValidationError:
        return nobody_knows()
