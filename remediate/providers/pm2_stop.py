"""pm2: an app stopped that dies again and again, so that nothing starts it while its cause is mended. Stops no other.

Without this pm2 itself would start what is half mended, and whether a restart is owed later would be a matter of luck.
"""

from typing import ClassVar

from remediate.errors import Failed
from remediate.model import Change, Fidelity, Undo, WayBack
from remediate.promise import Need, Promise
from remediate.providers.pm2 import ANY, OneApp
from remediate.providers.pm2_host import Seen, read_seen, restart_job, stop_job
from remediate.providers.pm2_stable import dying_of
from remediate.questions import Answers
from remediate.steps import Action, Questions, Step
from remediate.target import Job, Target


class Pm2Stop(OneApp, Action):
    """Stops the app where it dies again and again, or did so until pm2 gave up; else does nothing.

    A later `pm2.restart` starts it again, for it is stopped. The undo starts it as well, whether it is any good or not.
    """

    kind: ClassVar[str] = "pm2.stop"
    tells: ClassVar[str] = "Stops the app where it dies again and again; else it does nothing"
    needs: ClassVar[tuple[Need, ...]] = (Need.PM2, Need.NODE)
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.ESTIMATE: "that it is stopped is known, and what else comes of it is not"},
        back={WayBack.EQUIVALENT: "it is started again, as bad as it was"},
        risks=("restart",),
        meanwhile="nobody is answered less: what is stopped was dying",
    )
    undo_last: ClassVar[bool] = True

    def ask(self) -> Questions:
        """Return the question for the app's processes."""
        return (self.processes,)

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return one stop, or nothing where the app does not die; pm2 having given up meanwhile makes no difference."""
        return (self._stop(),) if dying_of(self._seen(answers)) else ()

    def _stop(self) -> Change:
        return Change(
            what=f"stop {self.app}",
            target=self.app,
            script=f"pm2 stop {self.app}",
            notes=("it dies again and again: nobody is answered less",),
            fidelity=Fidelity.ESTIMATE,
            way_back=WayBack.EQUIVALENT,
            way_back_note="started again, as bad as it was",
            risk="restart",
            alters=(f"process:{self.app}",),
        )

    def apply(self, target: Target, change: Change) -> None:
        """Stop every process of the app."""
        del change
        self._run(target, stop_job(self.app, self.backend))

    def undo(self, target: Target, undo: Undo) -> None:
        """Start it again where it is stopped."""
        del undo
        seen = self._seen(target.answer(self.ask()))
        if seen.processes and all(one.status == "stopped" and not one.again for one in seen.processes):
            self._run(target, restart_job(self.app, self.backend, ANY))

    def _seen(self, answers: Answers) -> Seen:
        return read_seen(self.app, answers[self.processes])

    def _run(self, target: Target, job: Job) -> None:
        answer = target.run(job)
        if answer.exit_code:
            what = f"`{job.doing}` did not succeed"
            raise Failed(self.app, what, "look at pm2 on the host", output=answer.error_text)


STEPS: tuple[type[Step], ...] = (Pm2Stop,)
