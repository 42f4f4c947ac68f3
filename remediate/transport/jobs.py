"""Runs what changes a host as a job of its own there, which outlives the link, at most once for its token.

It never guesses: what cannot be found out is `Lost`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

from remediate.clock import Clock
from remediate.errors import Failed, Interrupted, Lost, RemediateError, Unreachable
from remediate.questions import RunAnswer
from remediate.target import Job
from remediate.transport.call import Called, Caller
from remediate.transport.conversation import unfit
from remediate.transport.fence import Fence
from remediate.transport.frames import Kept
from remediate.transport.job_scripts import BEGIN, FOLLOW, FORGET, HEAD, STOP, STOP_ALL, SUPERVISE, TAIL
from remediate.transport.lines import Lines
from remediate.transport.lookups import took_too_long
from remediate.transport.refusals import Refused
from remediate.transport.state import CANNOT_MAKE, NOT_OURS, file_name
from remediate.transport.trips import Trips
from remediate.transport.wire import Broken

POLL = 10
"""Seconds of one long poll: the host answers at least so often, or the link is dead."""

ENOUGH = 8 * 1024
"""Bytes of each stream that go into an error."""


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds.

    Attributes:
        grace: Between TERM and KILL.
        reconnect: For the link to come back while a job runs.
        answer: For the host's answer beyond a poll's own time.
    """

    grace: int = 10
    reconnect: float = 120.0
    answer: float = 15.0


@dataclass
class _Following:
    """A job being followed: what came of it so far.

    Attributes:
        sent: Whether the host was asked to begin it, and may have: from then on "not begun" is never the answer.
    """

    token: str
    job: Job
    out: Kept
    err: Kept
    told: tuple[str, ...] = ()
    sent: bool = False

    @property
    def text(self) -> str:
        """The end of its output, of stderr rather than of stdout."""
        both = self.out.content[-ENOUGH:] + self.err.content[-ENOUGH:]
        return both.decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class Jobs:
    """The jobs of one host.

    Attributes:
        caller: Calls scripts there.
        fence: Calls the one that begins a job.
        trips: Counts waits.
        on_output: Is told each line of output as it comes, of both streams.
        cancelled: Set it to have a running job ended, from any thread.
        clock: The time.
        patience: How long to wait.
    """

    caller: Caller
    fence: Fence
    trips: Trips
    on_output: Callable[[str], None]
    cancelled: Event = field(default_factory=Event)
    clock: Clock = field(default_factory=Clock)
    patience: Patience = field(default_factory=Patience)

    def run(self, token: str, job: Job) -> RunAnswer:
        """Run a script, or follow it where its token was used before. See `Target.run`.

        Raises:
            Failed: It could not be begun, or ran out of time; nothing of it runs.
            Interrupted: The operator ended it; nothing of it runs.
            Lost: What became of it is unknown.
            Unreachable: It was not begun.
            Ousted: The host's lock is no longer ours; it was not begun now.
        """
        if why := unfit(job.script, *job.args):
            raise Failed(self.caller.where, f"{_name(job)} cannot be begun: {why}", "shorten it")
        lines = (Lines(self.on_output), Lines(self.on_output))
        shown = None if job.records else lines[0].add
        following = _Following(token, job, Kept(listener=shown), Kept(listener=lines[1].add))
        try:
            self._follow_to_end(following)
        except KeyboardInterrupt:
            raise self._interrupted(following) from None
        finally:
            for each in lines:
                each.end()
        return self._answer(following)

    def stop(self, token: str) -> None:
        """End every job of this token (`token/1`, …) that may still run, and keep it from beginning later.

        Raises:
            Lost: It is not known whether one still runs, or may begin.
        """
        try:
            called = self._stop_all(file_name(token))
        except (Broken, Lost, Unreachable) as error:
            what = f"it is not known whether jobs of {token} still run, the host cannot be asked"
            raise Lost(self.caller.where, what, "try again when the host is back") from error
        if called.told != ("ended",) or called.exit_code != 0:
            why = f"processes {' '.join(called.told[1:])} live on" if called.told[1:] else called.error
            raise Lost(self.caller.where, f"the jobs of {token} cannot be ended: {why}", "look at the host")

    def _stop_all(self, name: str) -> Called:
        """End jobs; where the link breaks meanwhile, as it does when a host reboots, again once it is back."""
        due = self.clock.monotonic() + self.patience.reconnect
        grace = self.patience.grace
        while True:
            try:
                return self.caller.call(STOP_ALL, name, str(grace), seconds=grace + self.patience.answer)
            except (Broken, Lost):
                if self.clock.monotonic() > due:
                    raise
                self._until_back(lambda: None)

    def forget(self, prefix: str) -> None:
        """Remove what is kept on the host of finished jobs whose tokens begin so.

        Raises:
            Unreachable: There is no way to the host.
        """
        try:
            self.caller.call(FORGET, file_name(prefix))
        except Broken as error:
            raise Unreachable(self.caller.where, "the link broke", "try again") from error

    def _follow_to_end(self, following: _Following) -> None:
        due = self.clock.monotonic() + following.job.timeout + self.patience.grace + self.patience.answer
        while following.told[:1] != ("finished",):
            # asked before it is judged: after an outage the host has the first word, then the clock
            overdue = self.clock.monotonic() > due
            answered = self._poll(following)
            self._refuse_if_not_run(following)
            if overdue and following.told[:1] != ("finished",):
                raise self._overdue(following) if answered else self._link_gone(following)

    def _refuse_if_not_run(self, following: _Following) -> None:
        match following.told[:1]:
            case ("lost",):
                raise self._lost(following)
            case ("never",):
                raise self._called_off(following)
            case ("unbegun",):
                raise self._ended(following, self._unbegun(following))

    def _poll(self, following: _Following) -> bool:
        """Begin, or go on following, for some seconds; where the link breaks, wait for it to come back.

        Returns:
            Whether the host answered.
        """
        try:
            called = self._call(following)
        except Refused as error:
            raise self._link_gone(following, error) if following.sent else error from error
        except Unreachable:
            if not following.sent:
                raise
            self._come_back(following)
            return False
        except Broken:
            following.sent = True
            self._come_back(following)
            return False
        following.sent = True
        if called.exit_code in {CANNOT_MAKE, NOT_OURS} and not following.told:
            what = f"{_name(following.job)} cannot be begun ({called.error})"
            raise Failed(self.caller.where, what, "nothing was started", following.text)
        if called.exit_code != 0:  # our shell was ended, not the job: it is asked about again
            self.clock.sleep(1.0)
            return False
        following.told = called.told
        return True

    def _call(self, following: _Following) -> Called:
        self.trips.jobs += 1
        job, out, err = following.job, following.out, following.err
        shown = (file_name(following.token), str(out.total), str(err.total), str(POLL))
        limits = (f"{job.timeout:g}", str(self.patience.grace), str(HEAD), str(TAIL))
        seconds = POLL + self.patience.answer
        try:
            if following.told:
                return self.caller.call(FOLLOW, *shown, seconds=seconds, out=out, err=err, beat=self._beat)
            more = (SUPERVISE, *limits, job.script, *job.args)
            return self.fence.call(BEGIN, *shown, *more, seconds=seconds, out=out, err=err, beat=self._beat)
        except (
            Lost
        ) as error:  # silence, or a shell that was ended: the job is asked about again over a new channel
            raise Broken from error

    def _beat(self) -> None:
        if self.cancelled.is_set():
            raise KeyboardInterrupt

    def _come_back(self, following: _Following) -> None:
        """Wait until the host can be asked again."""
        try:
            self._until_back(self._beat)
        except (Broken, Unreachable, Lost) as error:
            raise self._link_gone(following, error) from error

    def _until_back(self, beat: Callable[[], None]) -> None:
        """Wait until the host can be asked again; one that refuses is not waited for.

        Args:
            beat: Called before each try; may raise.

        Raises:
            Broken: It cannot, and neither could it the last time that there was a link.
            Lost: It does not answer.
            Unreachable: There is no way to it, or it refuses.
        """
        due = self.clock.monotonic() + self.patience.reconnect
        pause = 0.2
        while True:
            beat()
            try:
                self.caller.call("exit 0")
                return
            except Refused:
                raise
            except (Broken, Unreachable, Lost):
                if self.clock.monotonic() > due:
                    raise
            self.clock.sleep(pause)
            pause = min(pause * 2, 5.0)

    def _answer(self, following: _Following) -> RunAnswer:
        code, begun, ended, *rest = following.told[1:]
        if rest[2:] == ["stopped"]:
            raise Failed(
                self.caller.where, f"{_name(following.job)} was ended by the operator", "", following.text
            )
        if took_too_long(int(code), begun, ended, following.job.timeout):
            raise self._out_of_time(following)
        return RunAnswer(
            exit_code=int(code),
            stdout=following.out.content,
            stderr=following.err.content,
            left_out=_left_out(following.out, int(rest[0])) + _left_out(following.err, int(rest[1])),
        )

    def _interrupted(self, following: _Following) -> RemediateError:
        what = f"{_name(following.job)} was interrupted; nothing of it runs any more"
        error = Interrupted(self.caller.where, what)
        try:
            return self._ended(following, error)
        except KeyboardInterrupt:  # an impatient second Ctrl-C must not leave the job running
            return self._ended(following, error)

    def _ended(self, following: _Following, error: RemediateError) -> RemediateError:
        """End all of a job over a fresh channel, and return the error, or a worse one."""
        seconds = self.patience.grace + self.patience.answer
        try:
            called = self.caller.call(
                STOP, file_name(following.token), str(self.patience.grace), seconds=seconds
            )
        except (Broken, Lost, Unreachable) as silence:
            return self._link_gone(following, silence)
        if called.told[:1] == ("alive",):
            what = f"{_name(following.job)} cannot be ended: processes {' '.join(called.told[1:])} live on"
            return Lost(self.caller.where, what, "look at the host")
        if called.exit_code != 0 and following.told[:1] != ("unbegun",):
            what = f"{_name(following.job)} cannot be ended ({called.error})"
            return Lost(self.caller.where, what, "look at the host")
        return error

    def _overdue(self, following: _Following) -> RemediateError:
        return self._ended(following, self._out_of_time(following))

    def _out_of_time(self, following: _Following) -> Failed:
        what = f"{_name(following.job)} took longer than {following.job.timeout:g} s; nothing of it runs any more"
        return Failed(self.caller.where, what, "", following.text)

    def _called_off(self, following: _Following) -> Failed:
        what = f"{_name(following.job)} was called off before it ran"
        return Failed(self.caller.where, what, "nothing was started")

    def _unbegun(self, following: _Following) -> Failed:
        return Failed(
            self.caller.where, f"{_name(following.job)} could not be started on the host", "look at its disk"
        )

    def _lost(self, following: _Following) -> Lost:
        what = f"{_name(following.job)} was cut short by a reboot or a kill; how far it came is unknown"
        return Lost(self.caller.where, what, "look again")

    def _link_gone(self, following: _Following, error: Exception | None = None) -> Lost:
        why = f" ({error.what})" if isinstance(error, RemediateError) else ""
        what = f"the link is gone while {_name(following.job)} was running{why}; it runs on there, its end is unknown"
        return Lost(self.caller.where, what, "ask again when the host is back")


def _name(job: Job) -> str:
    first = next((line.strip() for line in job.script.splitlines() if line.strip()), "an empty script")
    return job.doing or f"`{first[:60]}`"


def _left_out(kept: Kept, rest: int) -> int:
    """Return how many bytes were left out: here, and on the host, which sends the tail of the rest only."""
    return kept.left_out + max(0, rest - TAIL)
