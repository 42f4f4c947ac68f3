"""Holds a host's lock for one app: a directory that only one can make. Waits for nobody.

A lock outlives a runner that died; whoever carries the same run on (resume, rollback) enters again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from threading import Lock as ThreadLock

from pydantic import ValidationError

from remediate.errors import Blocked, Failed, Locked, Lost, RemediateError, Unreachable
from remediate.target import LockOwner
from remediate.transport.call import Called, Caller
from remediate.transport.state import STATE, file_name
from remediate.transport.wire import Broken

TAKEN = 75

# $1 lock, $2 run, $3 the owner as JSON, $4 nonce. The directory is filled before it gets its name: nobody sees it half.
TAKE = (
    STATE
    + r"""
make "$state"
make "$state/locks"
lock=$state/locks/$1 new=$state/locks/.$4
(umask 077 && mkdir -- "$new") || exit 73
cleanup() { rm -rf -- "$new"; }
printf '%s\n' "$2" >"$new/run" && printf '%s\n' "$3" >"$new/owner" || exit 73
mv -T -- "$new" "$lock" 2>/dev/null && exit 0
ours "$lock" || exit 77
read -r run <"$lock/run"
[ "$run" != "$2" ] || exit 0
cat -- "$lock/owner"
exit 75
"""
)
# $1 lock, $2 run, $3 nonce.
LEAVE = (
    STATE
    + r"""
lock=$state/locks/$1 old=$state/locks/.$3
read -r run <"$lock/run" && [ "$run" = "$2" ] || exit 0
mv -T -- "$lock" "$old" && rm -rf -- "$old" || exit 73
unmake "$state/locks" "$state"
exit 0
"""
)


class HostLock:
    """The lock of one app on one host.

    Args:
        caller: Calls scripts there.
        app: What is locked.
    """

    def __init__(self, caller: Caller, app: str) -> None:
        self._caller, self._app = caller, app
        self._depth = 0
        self._thread_lock = ThreadLock()

    @contextmanager
    def held(self, owner: LockOwner) -> Iterator[None]:
        """Hold the lock.

        Raises:
            Locked: Another run has it; says whose.
            Blocked: It could not be taken; nothing was touched.
            Failed: It could not be left.
        """
        self._enter(owner)
        try:
            yield
        except BaseException:
            self._leave_if_possible(owner)
            raise
        self._leave(owner)

    def _enter(self, owner: LockOwner) -> None:
        with self._thread_lock:
            if not self._depth:
                self._take(owner)
            self._depth += 1

    def _take(self, owner: LockOwner) -> None:
        try:
            called = self._ask(owner)
        except (Broken, Lost):
            called = self._ask_again(owner)
        if called.exit_code == TAKEN:
            raise self._taken(called)
        if called.exit_code != 0:
            raise Blocked(
                self._caller.where,
                f"the host's lock cannot be taken ({called.error}); nothing was touched",
                "see that the home directory there is ours, has room and can be written",
            )

    def _ask(self, owner: LockOwner) -> Called:
        return self._caller.call(TAKE, file_name(self._app), owner.run, owner.model_dump_json(), token_hex(8))

    def _ask_again(self, owner: LockOwner) -> Called:
        """Ask for the lock again where the answer was lost: whoever has it already is let in."""
        try:
            return self._ask(owner)
        except (Broken, Lost, Unreachable) as error:
            why = f" ({error.what})" if isinstance(error, RemediateError) else ""
            what = f"the link broke while the lock was taken; it may be there now{why}"
            raise Unreachable(self._caller.where, what, f"remediate resume {owner.run} frees it") from error

    def _taken(self, called: Called) -> Locked:
        try:
            other = LockOwner.model_validate_json(called.stdout)
        except ValidationError:
            return Locked(
                self._caller.where, f"{self._app} is locked, and nobody can say by whom", "look at the host"
            )
        why = f" ({other.why})" if other.why else ""
        what = f"{self._app} is locked by {other.who} since {other.since} in run {other.run}{why}"
        todo = f"wait for it; if it died: remediate resume {other.run}, or remediate rollback {other.run}"
        return Locked(self._caller.where, what, todo)

    def _leave(self, owner: LockOwner) -> None:
        with self._thread_lock:
            self._depth -= 1
            if self._depth:
                return
        try:
            called = self._caller.call(LEAVE, file_name(self._app), owner.run, token_hex(8))
        except Broken as error:
            raise self._not_left("the link broke") from error
        if called.exit_code != 0:
            raise self._not_left(called.error)

    def _not_left(self, why: str) -> Failed:
        return Failed(self._caller.where, f"the host's lock cannot be left ({why})", "remove it by hand")

    def _leave_if_possible(self, owner: LockOwner) -> None:
        """Leave the lock after an error; one that cannot be left is kept: the run is carried on later, under it."""
        try:
            self._leave(owner)
        except (Unreachable, Lost, Failed):
            return
