"""Pays the undos that a run owes on one host, last first, and looks whether all is as it was. Decides nothing else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from remediate.errors import Failed, JournalError, Locked, RemediateError
from remediate.journal import Owed
from remediate.model import FixOutline, Json
from remediate.planner import NamedFix, difference, plan_fixes, questions_of
from remediate.questions import Answers
from remediate.runner import Runner
from remediate.steps import Action
from remediate.target import Target


@dataclass(frozen=True)
class Settlement:
    """What became of paying a run's undos.

    Attributes:
        problem: Why it stopped half-way; empty where all is paid.
        difference: Where the host is still not as it was before the run, although all is paid; empty where it is.
    """

    problem: str = ""
    difference: str = ""


class Rollback:
    """The way back of one run on one host; the same code after a failed cure, and days later in another process.

    Args:
        target: The host.
        runner: The runner's side; its journal says what is owed.

    Attributes:
        touched: Whether an undo was begun; from then on nobody may say that nothing was touched.
    """

    def __init__(self, target: Target, runner: Runner) -> None:
        self.target, self.run, self.owner = target, runner.run, runner.owner
        self.journal, self.events, self.action_of = runner.journal, runner.events, runner.action_of
        self.touched = False

    def look(self, confirmed: Sequence[FixOutline]) -> Answers:
        """Ask what the run was to do; under the host's lock this takes the database's, too, where it asks that.

        Args:
            confirmed: What the run was to do.

        Raises:
            Locked: Another run is at work in the database; nothing was touched.
            Blocked: There is no way to the host. A database that is down is no error, but `Unanswered`.
        """
        return self.target.answer(questions_of(fix.action for fix in self._fixes(confirmed)))

    def walk(self, confirmed: Sequence[FixOutline] = ()) -> Settlement:
        """Pay everything that is owed in a process that changed nothing itself: look first who is at work there.

        Only then the run is written down as being taken back: until then it stays as it was.

        Args:
            confirmed: What the run was to do.

        Returns:
            Why it stopped half-way, or whether all is as it was.

        Raises:
            Locked: Another run is at work in the database; nothing was touched.
            JournalError: The log cannot be read, or not be written; nothing was touched.
        """
        if self.journal.owed(self.run, self.target.name):
            self._meet(confirmed)
        owner = self.owner.model_dump(mode="json")
        self.journal.append(self.run, self.target.name, "rollback", {"owner": owner})
        return self.pay(confirmed)

    def _meet(self, confirmed: Sequence[FixOutline]) -> None:
        try:
            self.look(confirmed)
        except (Locked, JournalError):
            raise
        except RemediateError as error:  # what cannot be asked may still be put back, as far as it goes
            text = f"it cannot be looked at before it is put back: {error.what}"
            self.events.tell("warning", self.target.name, text)

    def pay(self, confirmed: Sequence[FixOutline] = ()) -> Settlement:
        """Pay everything that is owed, then compare with the plan that was made before anything was changed.

        Args:
            confirmed: What the run was to do; planned again afterwards, it must come out the same.

        Returns:
            Why it stopped half-way, or whether all is as it was.

        Raises:
            JournalError: The log cannot be read; nothing was touched.
        """
        try:
            return self._pay_all(confirmed)
        except JournalError as error:
            if not self.touched:
                raise
            return Settlement(str(error))

    def pay_what_waited(self) -> Settlement:
        """Pay what is owed by steps that wait until the cure has held, and nothing of the cure.

        Returns:
            Why it stopped half-way, or that all of it is paid; the host is not compared, for the cure stays.

        Raises:
            JournalError: The log cannot be read, or not be written.
        """
        problem = self._pay_each(owed for owed in self.in_order() if self._action(owed).once_verified)
        if not problem:
            self.forget()
        return Settlement(problem)

    def _pay_each(self, owing: Iterable[Owed]) -> str:
        fixes = groupby(owing, key=_fix_of)
        return next(filter(None, (self._pay_fix(tuple(owed)) for _, owed in fixes)), "")

    def _pay_all(self, confirmed: Sequence[FixOutline]) -> Settlement:
        if problem := self._pay_each(self.in_order()):
            return Settlement(problem)
        difference = self._compare(confirmed) if confirmed else ""
        self.forget()
        return Settlement(difference=difference)

    def forget(self) -> None:
        """Remove what the host keeps of this run's jobs: nobody will ask for it any more."""
        try:
            self.target.forget(f"{self.run}/")
        except RemediateError as error:  # left-overs harm nobody, and the outcome is known
            self.events.tell(
                "warning", self.target.name, f"left-overs of the run stay on the host: {error.what}"
            )

    def in_order(self) -> tuple[Owed, ...]:
        """Return what is owed in the order it is to be paid: last first, but restarts after what they run."""
        owed = self.journal.owed(self.run, self.target.name)
        return tuple(sorted(owed, key=self._is_last))

    def _is_last(self, owed: Owed) -> bool:
        return self._action(owed).undo_last

    def _action(self, owed: Owed) -> Action:
        return self.action_of(owed.undo.action, owed.undo.parameters)

    def _pay_fix(self, owed: tuple[Owed, ...]) -> str:
        return self._refused(owed) or next(filter(None, map(self._pay_one, owed)), "")

    def _refused(self, owed: tuple[Owed, ...]) -> str:
        """Return why a fix of several changes cannot be put back whole; of what may live still nothing can be said."""
        known = [one for one in owed if one.state == "done"]
        if len(known) <= 1:
            return ""
        try:
            self._action(known[0]).refuse_way_back(self.target, tuple(one.undo for one in known))
        except RemediateError as error:
            return self._unpaid(known[0], error)
        return ""

    def _pay_one(self, owed: Owed) -> str:
        self.events.tell("undo-started", self.target.name, owed.change.what, owed.step)
        self.touched = True
        try:
            self._stop_what_may_live(owed)
            self._action(owed).undo(self.target.scoped(f"{owed.token}/undo{owed.attempts}"), owed.undo)
        except RemediateError as error:
            return self._unpaid(owed, error)
        self.journal.paid(owed.id)
        self.events.tell("undo-done", self.target.name, owed.change.what, owed.step)
        return ""

    def _unpaid(self, owed: Owed, error: RemediateError) -> str:
        self.journal.unpaid(owed.id, str(error))
        output = error.output if isinstance(error, Failed) else ""
        self.events.tell("undo-failed", self.target.name, str(error), owed.step, output=output)
        return str(error)

    def _stop_what_may_live(self, owed: Owed) -> None:
        """End what nobody saw the end of, the change or an earlier way back: none may go on beside the next."""
        if owed.state in ("intended", "unknown"):
            self.target.scoped(owed.token).stop()
        for attempt in range(owed.attempts):  # one that could not be ended last time may live still
            self.target.scoped(f"{owed.token}/undo{attempt}").stop()

    def _compare(self, confirmed: Sequence[FixOutline]) -> str:
        try:
            moved = self._difference(confirmed)
        except JournalError:
            raise
        except RemediateError as error:  # all is paid, whatever keeps it from being seen
            moved = f"it cannot be compared: {error}"
        text = f"not all is as it was: {moved}" if moved else "looked again: everything is as it was"
        self.journal.append(self.run, self.target.name, "compared", {"same": not moved, "text": text})
        self.events.tell("warning" if moved else "put-back", self.target.name, text)
        return moved

    def _difference(self, confirmed: Sequence[FixOutline]) -> str:
        planned = plan_fixes(self._fixes(confirmed), self.look(confirmed))
        return difference([fix.outline for fix in planned], confirmed)

    def _fixes(self, confirmed: Sequence[FixOutline]) -> tuple[NamedFix, ...]:
        return tuple(NamedFix(fix.step, self.action_of(fix.action, fix.parameters)) for fix in confirmed)


def _fix_of(owed: Owed) -> tuple[str, str, dict[str, Json]]:
    return owed.step, owed.undo.action, owed.undo.parameters
