"""Goes on with a run whose runner died, from the first step that is not done, with the plan that was confirmed.

What was begun and not reported is not assumed: the host is asked. What it no longer wants is done; what it still wants
is applied under the same token, so that a job that lived on is followed and a commit that arrived is not made twice.
"""

from collections.abc import Sequence

from remediate.engine import Ending, HostRun
from remediate.errors import Interrupted, Stale
from remediate.journal import Owed
from remediate.model import Change, Confirmed, FixOutline, Outcome
from remediate.planner import NamedFix


class Resumption:
    """The second half of a run on one host.

    Args:
        host_run: The run; its procedure must be the one that was confirmed.
        confirmed: What was confirmed.
        stopped: Why the run had already failed when its runner died; empty where it had not.
    """

    def __init__(self, host_run: HostRun, confirmed: Confirmed, stopped: str = "") -> None:
        self.run, self.confirmed, self.stopped = host_run, confirmed, stopped

    def carry_on(self) -> Ending:
        """Do what is left and verify it, or go on putting it back where it had failed.

        Raises:
            Blocked: Locked by another run, or not to be looked at; nothing was touched.
        """
        return self.run.under_lock(self._carry_on)

    def _carry_on(self) -> Ending:
        self.run.rollback.look(self.confirmed.fixes)  # locked out of the database: before anything is touched
        owner = self.run.runner.owner.model_dump(mode="json")
        self.run.journal.append(self.run.runner.run, self.run.target.name, "resumed", {"owner": owner})
        self.run.touched = bool(self._owed())
        if self.stopped:
            error = Interrupted(self.run.target.name, self.stopped)
            with self.run.runner.shield():
                return self.run.failed(error, self.confirmed)
        return self.run.attempt(self.confirmed, self._finish)

    def _owed(self) -> tuple[Owed, ...]:
        return tuple(reversed(self.run.journal.owed(self.run.runner.run, self.run.target.name)))

    def _finish(self, once_verified: bool) -> None:
        self.run.procedure.refuse_outside_development()  # the inventory may be another one since
        for number, outline in enumerate(self.confirmed.fixes, start=1):
            action = self.run.runner.action_of(outline.action, outline.parameters)
            if action.once_verified is once_verified:
                self._finish_fix(number, NamedFix(outline.step, action), outline)

    def _finish_fix(self, number: int, fix: NamedFix, outline: FixOutline) -> None:
        prefix = f"{self.run.runner.run}/{number}."
        begun = [owed for owed in self._owed() if owed.token.startswith(prefix)]
        for owed in begun:
            if owed.state in ("intended", "unknown"):
                self._settle(owed, fix)
        if outline.changes:
            self._make(prefix, fix, self._left(fix, outline), begun)

    def _settle(self, owed: Owed, fix: NamedFix) -> None:
        """Find out what became of a change, and make it where it was not made."""
        wanted = self.run.plan_again(fix)
        same = [change for change in wanted if change.outline.essence == owed.essence]
        if same:
            self.run.apply(owed.id, owed.token, fix, same[0])
        elif owed.change.target not in {change.target for change in wanted}:
            self.run.journal.done(owed.id)
            self.run.events.tell("change-done", self.run.target.name, owed.change.what, fix.name)

    def _left(self, fix: NamedFix, outline: FixOutline) -> tuple[Change, ...]:
        changes = self.run.plan_again(fix)
        for change in changes:
            if not any(change.outline.same_as(confirmed) for confirmed in outline.changes):
                what = f"“{fix.name}” would now {change.what}, which was not confirmed"
                raise Stale(self.run.target.name, what, "run plan again")
        return changes

    def _make(self, prefix: str, fix: NamedFix, changes: Sequence[Change], begun: Sequence[Owed]) -> None:
        if not changes:
            self.run.events.tell("nothing-to-do", self.run.target.name, step=fix.name)
        first = len(begun) + 1
        for index, change in enumerate(changes, start=first):
            self.run.change(f"{prefix}{index}", fix, change)


def not_begun() -> Ending:
    """Return the ending of a host on which nothing had been confirmed when the runner died."""
    return Ending(Outcome.DECLINED, "nothing had been begun here when the run ended", "run it again")
