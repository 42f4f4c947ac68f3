"""The spine: one run on one host, from the first look to the outcome. It knows no technology and prints nothing.

look -> (somebody confirms) -> carry out: under the lock look again, then fix by fix snapshot, journal, apply, journal;
then verify; anything wrong on the way is rolled back, and it looks again to prove that all is as it was.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from secrets import token_hex

from remediate.errors import (
    Blocked,
    Conflict,
    Failed,
    Interrupted,
    JournalError,
    Lost,
    Ousted,
    RemediateError,
    Stale,
)
from remediate.locking import under_lock
from remediate.model import Change, Confirmed, Finding, Json, Outcome, Plan, PlannedFix
from remediate.planner import (
    NamedFix,
    at_fault,
    difference,
    found_by,
    judged,
    plan_fixes,
    plan_one,
    questions_of,
    same_changes,
    stopped_by,
)
from remediate.procedure import Procedure
from remediate.questions import Answers
from remediate.rehearsal import failure_of, rehearse
from remediate.rollback import Rollback, Settlement
from remediate.runner import Runner
from remediate.target import Target
from remediate.verification import verify
from remediate.witnessing import leave_witness

HELD = "the fault is gone, and stayed gone"


@dataclass(frozen=True)
class Look:
    """What the first look at a host gave.

    Attributes:
        outcome: `healthy`, `planned`, or `no cure`.
        plan: What would be done.
        found: What later steps can use.
        answers: What it was planned on.
        failed: Why the fix would fail, where that was rehearsed and did.
    """

    outcome: Outcome
    plan: Plan
    found: dict[str, Json]
    answers: Answers = field(default_factory=Answers)
    failed: Failed | None = None


@dataclass(frozen=True)
class Ending:
    """How it ended on one host.

    Attributes:
        outcome: The outcome.
        why: One line.
        todo: What a person can do next, a command to copy where there is one.
        output: The last lines that matter.
        interrupted: Whether the operator wants no more, well as it ended.
    """

    outcome: Outcome
    why: str
    todo: str = ""
    output: str = ""
    interrupted: bool = False


class HostRun:
    """One run on one host.

    Args:
        procedure: The playbook bound to this host.
        target: The host.
        runner: The runner's side.

    Attributes:
        touched: Whether a change was begun; from then on the outcome is never "nothing was touched".
    """

    def __init__(self, procedure: Procedure, target: Target, runner: Runner) -> None:
        self.procedure, self.target, self.runner = procedure, target, runner
        self.journal, self.events = runner.journal, runner.events
        self.rollback = Rollback(target, runner)
        self.touched = False

    def look(self) -> Look:
        """Ask, judge and plan. Changes nothing.

        Raises:
            Blocked: The host could not be looked at.
            Failed: The fault is there, and an action cannot do its work; says why.
        """
        checks = self.procedure.diagnose()
        ready = [fix.action for fix in self.procedure.ready_fixes()]
        answers = self.target.answer(questions_of([*(named.check for named in checks), *ready]))
        findings = judged(checks, answers, answers)
        found = found_by(checks, findings)
        if not at_fault(findings, self.procedure.playbook.when):
            return Look(Outcome.HEALTHY, self._plan(findings, (), found), found, answers)
        fixes = self.procedure.fixes(found)
        answers = self._with_missing(fixes, answers)
        plan = self._plan(findings, plan_fixes(fixes, answers), found)
        return Look(Outcome.PLANNED if plan.changes else Outcome.NO_CURE, plan, found, answers)

    def rehearse(self, look: Look) -> Look:
        """Do on a copy what can be done there, and return what was seen with what came of it. Changes nothing.

        A fix whose rehearsal fails would fail: there is nothing to confirm then.

        Raises:
            Interrupted: The operator wants no more.
        """
        if look.outcome is not Outcome.PLANNED:
            return look
        fixes = self.procedure.fixes(look.found)
        plan = rehearse(look.plan, fixes, self.target, self.runner, token_hex(6))
        failed = failure_of(plan)
        outcome = Outcome.NO_CURE if failed else look.outcome
        return replace(look, outcome=outcome, plan=plan, failed=failed)

    def _with_missing(self, fixes: Sequence[NamedFix], answers: Answers) -> Answers:
        missing = answers.missing(questions_of([fix.action for fix in fixes]))
        return answers.laid_over(self.target.answer(missing)) if missing else answers

    def _plan(
        self, findings: tuple[Finding, ...], fixes: tuple[PlannedFix, ...], found: dict[str, Json]
    ) -> Plan:
        return Plan(
            playbook=self.procedure.playbook.name,
            playbook_digest=self.procedure.playbook.digest,
            environment=self.procedure.environment,
            host=self.target.name,
            database=str(self.target.database.get("identity", "")),
            findings=findings,
            fixes=fixes,
            say=self.procedure.say(found, self.target.database) if fixes else "",
            risk=self.procedure.playbook.confirm.risk,
        )

    def carry_out(self, confirmed: Look) -> Ending:
        """Do what was confirmed, verify it, and put everything back where it does not hold.

        Raises:
            Blocked: Locked by somebody else, or no longer to be looked at; nothing was touched.
            Stale: The world moved since the plan; nothing was touched.
        """
        return self.under_lock(lambda: self._carry_out(confirmed))

    def under_lock(self, work: Callable[[], Ending]) -> Ending:
        """Do something under the host's lock; a lock that cannot be left afterwards changes no outcome."""
        return under_lock(self.target, self.runner, work)

    def _carry_out(self, confirmed: Look) -> Ending:
        look = self.look()
        if look.outcome is Outcome.HEALTHY:
            return Ending(Outcome.HEALTHY, "healthy on its own: nothing was changed")
        self._refuse_stale(look.plan, confirmed.plan)
        written = Confirmed(
            digest=confirmed.plan.digest,
            login=self.target.login,
            machine=self.target.machine.id,
            found=look.found,
            fixes=look.plan.outline,
        )
        self.journal.confirm(self.runner.run, self.target.name, written)
        leave_witness(self.target, self.runner)
        return self.attempt(written, lambda once_verified: self._fix_all(look, once_verified))

    def _refuse_stale(self, now: Plan, confirmed: Plan) -> None:
        moved = difference(now.outline, confirmed.outline)
        identity = (now.playbook_digest, now.database)
        if not moved and identity != (confirmed.playbook_digest, confirmed.database):
            moved = "the playbook or the database is another one"
        if moved:
            raise Stale(self.target.name, f"not what was confirmed: {moved}", "run plan again")

    def attempt(self, confirmed: Confirmed, work: Callable[[bool], None]) -> Ending:
        """Do the work, verify, and put everything back where something goes wrong on the way.

        A cure that has held stays: of what goes wrong after it, only what waited for it is put back.

        Args:
            confirmed: What was confirmed.
            work: Makes the changes: those of the cure, and when called with True those that wait until it has held.

        Raises:
            RemediateError: It went wrong before anything was touched.
        """
        held = False
        try:
            work(False)
            self._verify(confirmed.found)
            held = True
            work(True)
        except (RemediateError, KeyboardInterrupt) as error:
            if not self.touched:
                raise
            with self.runner.shield():
                end = self._held_alone if held else self.failed
                return end(_as_error(self.target.name, error), confirmed)
        with self.runner.shield():
            self.rollback.forget()
        return Ending(Outcome.FIXED, HELD, self._takes_it_back)

    @property
    def _takes_it_back(self) -> str:
        return f"remediate rollback {self.runner.run} takes it back"

    def _held_alone(self, error: RemediateError, confirmed: Confirmed) -> Ending:
        """End a run whose cure has held, and after which something else went wrong: that alone is put back."""
        left, output = self._not_done(error, confirmed), error.output if isinstance(error, Failed) else ""
        self.events.tell("change-failed", self.target.name, str(error), output=output)
        goes_on = f"remediate resume {self.runner.run} goes on with it; {self._takes_it_back}"
        if isinstance(error, Ousted):
            todo = f"when nobody else is at work there: {goes_on}"
            return Ending(Outcome.STUCK, f"{HELD}; {left}; what was begun of that is not put back", todo)
        try:
            self.journal.append(self.runner.run, self.target.name, "cured", {"why": left})
            problem = self.rollback.pay_what_waited().problem
        except JournalError as unwritable:
            problem = str(unwritable)
        if problem:
            why = f"{HELD}; {left}; and the way back of that failed: {problem}"
            return Ending(Outcome.STUCK, why, f"a person is needed; then: {goes_on}", output)
        self.events.tell("warning", self.target.name, f"the cure has held; {left}")
        todo = "; ".join(filter(None, (error.todo, self._takes_it_back)))
        return Ending(Outcome.FIXED, f"{HELD}; {left}", todo, output, isinstance(error, Interrupted))

    def _not_done(self, error: RemediateError, confirmed: Confirmed) -> str:
        waited = [
            f"“{fix.step}”"
            for fix in confirmed.fixes
            if fix.changes and self.runner.action_of(fix.action, fix.parameters).once_verified
        ]
        return f"not done after it: {', '.join(waited)}: {error.what}"

    def _without_journal(self, error: JournalError) -> Ending:
        """Stop where nothing can be written down any more: a way back that is not recorded is not walked, either."""
        todo = f"let it be written again, then: remediate rollback {self.runner.run}"
        return Ending(Outcome.STUCK, f"{error}; what was changed is not put back", todo)

    def _fix_all(self, look: Look, once_verified: bool) -> None:
        fixes = self.procedure.fixes(look.found)
        for number, (fix, planned) in enumerate(zip(fixes, look.plan.fixes, strict=True), start=1):
            if fix.action.once_verified is once_verified:
                self.events.tell("fix-started", self.target.name, step=fix.name)
                self._fix(number, fix, planned)

    def _fix(self, number: int, fix: NamedFix, planned: PlannedFix) -> None:
        changes = self.plan_again(fix) if planned.changes else ()
        if not same_changes([change.outline for change in changes], planned.outline.changes):
            what = f"“{fix.name}” would no longer do what was confirmed{stopped_by(changes, planned.changes)}"
            raise Stale(self.target.name, what, "run plan again")
        if not changes:
            self.events.tell("nothing-to-do", self.target.name, step=fix.name)
        for index, change in enumerate(changes, start=1):
            self.change(f"{self.runner.run}/{number}.{index}", fix, change)

    def plan_again(self, fix: NamedFix) -> tuple[Change, ...]:
        """Return what a fix would change now."""
        return plan_one(fix, self.target.answer(questions_of([fix.action])))

    def change(self, token: str, fix: NamedFix, change: Change) -> None:
        """Make one change: save, write the way back down, apply.

        Raises:
            Failed: It did not succeed.
            Conflict: What it was to change is no longer as expected.
            Lost: What became of it is unknown.
            Interrupted: No more may be begun.
        """
        self.runner.may_go_on()
        self.events.tell("change-started", self.target.name, change.what, fix.name, change=_told(change))
        undo = fix.action.snapshot(self.target.scoped(token), change)
        owed = self.journal.owe(self.runner.run, self.target.name, fix.name, token, change, undo)
        self.apply(owed, token, fix, change)

    def apply(self, owed: int, token: str, fix: NamedFix, change: Change) -> None:
        """Apply a change whose way back is owed, and write down what became of it."""
        self.touched = True
        try:
            fix.action.apply(self.target.scoped(token), change)
        except (Failed, Conflict) as error:
            self.journal.failed(owed, str(error))
            raise
        except (Lost, Blocked, KeyboardInterrupt, Interrupted) as error:
            self.journal.unknown(owed, str(error) or "interrupted")
            raise
        self.journal.done(owed)
        self.events.tell("change-done", self.target.name, change.what, fix.name)

    def _verify(self, found: dict[str, Json]) -> None:
        verify(
            (*self.procedure.verify(found), *self.procedure.diagnose()),
            self.target,
            self.events,
            self.runner.clock,
            within=self.procedure.playbook.within,
            stable=self.procedure.playbook.stable,
        )

    def failed(self, error: RemediateError, confirmed: Confirmed) -> Ending:
        """End a run that did not cure: put everything back, unless the playbook keeps it."""
        try:
            return self._put_back_or_keep(error, confirmed)
        except JournalError as unwritable:
            return self._without_journal(unwritable)

    def _put_back_or_keep(self, error: RemediateError, confirmed: Confirmed) -> Ending:
        output = error.output if isinstance(error, Failed) else ""
        wished = {"interrupted": True} if isinstance(error, Interrupted) else {}
        self.journal.append(self.runner.run, self.target.name, "stopped", {"why": str(error), **wished})
        self.events.tell("change-failed", self.target.name, str(error), output=output)
        if isinstance(error, Ousted):
            # Somebody else may be at work there by now: nothing more is done, not even the way back.
            todo = f"when nobody else is at work there: remediate rollback {self.runner.run}"
            return Ending(Outcome.STUCK, f"{error.what}; what this run changed is not put back", todo)
        if self.procedure.playbook.on_failure == "keep":
            todo = f"remediate rollback {self.runner.run} puts it back"
            return Ending(Outcome.KEPT, f"{error.what}; what was changed is kept", todo, output)
        settled = self.rollback.pay(confirmed.fixes)
        if settled.problem:
            todo = f"a person is needed; then: remediate rollback {self.runner.run}"
            why = f"{error.what}; and the way back failed: {settled.problem}"
            return Ending(Outcome.STUCK, why, todo, output)
        why, interrupted = f"{error.what}; {put_back_words(settled)}", isinstance(error, Interrupted)
        return Ending(Outcome.ROLLED_BACK, why, error.todo, output, interrupted)


def put_back_words(settled: Settlement) -> str:
    """Say what was put back, and not more than was seen."""
    if settled.difference:
        return f"what the run changed was put back, but the host is not as it was: {settled.difference}"
    return "everything was put back"


def _as_error(host: str, error: BaseException) -> RemediateError:
    return error if isinstance(error, RemediateError) else Interrupted(host, "interrupted by the operator")


def _told(change: Change) -> dict[str, Json]:
    return change.model_dump(mode="json", exclude={"data", "forecasts", "sample"})
