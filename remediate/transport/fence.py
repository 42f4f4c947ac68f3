"""Runs scripts that change something, each only where the host's lock is still ours. It neither takes nor leaves it.

A runner that was frozen (a laptop that slept, a stopped process) may wake after somebody took its lock away. It cannot
know; so the host looks, in the very script that makes the change, and keeps the lock from changing hands until the
script ends. What outlives the script, a job, holds on until whoever takes the lock away can find and end it.
"""

from collections.abc import Callable
from typing import Any

from remediate.errors import Failed, Lost
from remediate.transport.call import Called, Caller
from remediate.transport.lock import HostLock
from remediate.transport.lock_scripts import GRIP
from remediate.transport.refusals import Refused
from remediate.transport.wire import Broken

OUSTED, ANOTHER_MACHINE = 78, 79

# $1 lock, $2 run, or nothing where no lock is held, $3 machine id, or nothing where it is not known; then the script's.
FENCE = (
    GRIP
    + r"""
fence=$HOME/.remediate/locks/$1 fence_run=$2 fence_machine=$3
shift 3
if [ -n "$fence_machine" ]; then
  machine=
  read -r machine 2>/dev/null </etc/machine-id
  [ "$machine" = "$fence_machine" ] || { told=$machine; exit 79; }
fi
if [ -n "$fence_run" ]; then
  grip "$fence" -s 50 && whose "$fence" && [ "$run" = "$fence_run" ] || exit 78
fi
"""
)


class Fence:
    """Calls scripts that change something on one host.

    Args:
        caller: Calls scripts there.
        lock: The lock that must still be ours; where we do not hold it at all, nothing is looked at.
        machine: Tells the host's /etc/machine-id as we know it; empty where it is not to be looked at.
    """

    def __init__(self, caller: Caller, lock: HostLock, machine: Callable[[], str] = str) -> None:
        self._caller, self._lock, self._machine = caller, lock, machine

    def call(self, script: str, *args: str, **options: Any) -> Called:
        """Run a script that changes something; its arguments and errors are those of `Caller.call`.

        Raises:
            Ousted: The lock is no longer ours; the script was not begun.
            Refused: Another machine answers; it was not begun.
            Unreachable: None answers; it was not begun.
        """
        around = (self._lock.name, self._lock.run, self._machine())
        called = self._caller.call(FENCE + script, *around, *args, **options)
        if called.exit_code == OUSTED:
            raise self._lock.ousted()
        if called.exit_code == ANOTHER_MACHINE:
            raise self._another(" ".join(called.told))
        return called

    def check(self) -> None:
        """Look whether the lock is still ours, for a change that is no script: one of the database.

        Somebody may take the lock away right after: the database's own lock and ledger guard the rest.

        Raises:
            Ousted: It is not.
            Failed: It cannot be looked at; nothing was changed.
            Unreachable: There is no way to the host, or another machine answers.
        """
        if not (self._lock.run or self._machine()):
            return
        try:
            self.call("exit 0")
        except (Broken, Lost) as error:
            what = "the link broke before the change was begun"
            raise Failed(self._caller.where, what, "nothing of it was changed; try again") from error

    def _another(self, machine: str) -> Refused:
        what = f"another machine answers here: its id is {machine or 'not there'}, not {self._machine()}"
        return Refused(self._caller.where, what, "nothing was done there; find out who has the address")
