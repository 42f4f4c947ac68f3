"""pm2: whether an app is online and stays so, what its logs say since a mark, and a restart where it runs what is old.

How pm2 is talked to stands in `pm2_host`. Apps are meant by their exact name; none is started that pm2 has not got.
"""

import re
from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field, field_validator

from remediate.errors import Failed
from remediate.model import Change, Fidelity, Finding, Undo, WayBack
from remediate.promise import Need, Promise
from remediate.providers.pm2_host import (
    NO_APP,
    Log,
    Process,
    Seen,
    logs_question,
    newest_question,
    processes_question,
    read_newest,
    read_seen,
    restart_job,
    stop_job,
)
from remediate.questions import Answers, NotKnown, Run
from remediate.steps import Action, Check, Questions, Step
from remediate.target import Job, Target
from remediate.text.patterns import checked

KEPT = 64 * 1024
SHOWN = 5
PATIENCE, ANY = "20", "any"
STEADY, STEADY_AFTER_DEATH = 15000.0, 120000.0
"""Milliseconds after which a process counts as up, and one whose predecessor died of an error: a crash loop of pm2
takes 0.2 to 1.5 s a round, on a host that is far too busy more than 15 s (measured). One that is younger and good loses
no more than the wait for it on the way back."""


class OneApp(Step):
    """What steps about one app have in common."""

    app: str = Field(default="{{ app.name }}", description="The app's exact name in pm2.")
    backend: str = Field(default="{{ app.backend }}", description="Absolute path of the backend.")

    @property
    def processes(self) -> Run:
        """The question for the app's processes."""
        return processes_question(self.app, self.backend)


class WhatItRuns(OneApp):
    """What steps about an app and what it runs have in common."""

    runs: list[str] = Field(
        default=["dist", "node_modules/.prisma/client", ".env"],
        description="What the process loads when it starts, below `backend`.",
    )

    @property
    def newest(self) -> Run:
        """The question when anything the process runs last changed."""
        return newest_question(self.backend, tuple(self.runs))

    def ask(self) -> Questions:
        """Return the questions for the processes, and for what they run."""
        return (self.processes, self.newest)


class Pm2Online(OneApp, Check):
    """Whether every process of the app is online, really lives, and is still the same as when the window opened."""

    kind: ClassVar[str] = "pm2.online"
    tells: ClassVar[str] = (
        "Looks whether every process of the app is online, is really alive, and is still the same one "
        "when the look ends"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.PM2, Need.NODE)

    def ask(self) -> Questions:
        """Return the question for the app's processes."""
        return (self.processes,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Look at each process, and compare its pid and its restarts with the first look."""
        seen = read_seen(self.app, now[self.processes])
        earlier = seen if first is now else read_seen(self.app, first[self.processes])
        wrong = missing(self.app, seen) or "; ".join(_ailments(self.app, earlier, seen))
        good = f"{self.app} is online, pid {', '.join(str(one.pid) for one in seen.processes)}"
        return Finding(
            healthy=not wrong,
            seen=wrong or good,
            facts={"processes": [one.model_dump(mode="json") for one in seen.processes]},
        )


def missing(app: str, seen: Seen) -> str:
    """Return in one clause that pm2 has not got the app, or nothing where it has."""
    if not seen.daemon:
        return f"pm2 does not run, so {app} does not"
    return "" if seen.processes else f"pm2 knows no app called {app}"


def _ailments(app: str, earlier: Seen, seen: Seen) -> Iterator[str]:
    before = {one.id: one for one in earlier.processes}
    for one in seen.processes:
        old = before.get(one.id, one)
        if not one.online:
            dead = ", but its process is dead" if one.status == "online" else ""
            yield f"{app} is {one.status}{dead} ({one.restarts} restarts)"
        elif one.identity != old.identity:
            yield f"{app} was restarted while it was watched: pid {old.pid} -> {one.pid}, {one.restarts} restarts"


class Pm2Log(OneApp, Check):
    """Whether the app's logs say nothing of a kind.

    While a window is open (`verify`) only what was written after it opened counts; a rotated file counts whole. A first
    look (`diagnose`) has no such mark, and log lines need not carry a time: then the last lines count, but of no file
    that has not been written to since the process started.
    """

    kind: ClassVar[str] = "pm2.log"
    tells: ClassVar[str] = (
        "Looks whether a line of the app's logs matches {without}. A first look reads the last {lines} lines of each; "
        "later, only what was written since counts"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.PM2, Need.NODE)
    without: str = Field(description="Python regular expression; a line that matches is unhealthy.")
    lines: int = Field(default=200, ge=1, description="How many last lines of each file a first look reads.")

    @field_validator("without")
    @classmethod
    def _compiles(cls, without: str) -> str:
        return checked(without)

    @property
    def question(self) -> Run:
        """The question for the app's processes and logs."""
        return logs_question(self.app, self.backend, KEPT)

    def ask(self) -> Questions:
        """Return the question for the app's processes and logs."""
        return (self.question,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Search the lines that count."""
        seen = read_seen(self.app, now[self.question])
        if wrong := missing(self.app, seen):
            return Finding(healthy=False, seen=wrong)
        mark = None if first is now else read_seen(self.app, first[self.question])
        counting = [(log, self._counting(log, seen, mark)) for log in seen.logs]
        hits = [f"{log.path}: {line}" for log, text in counting for line in self._hits(text)]
        since = "in its last lines" if mark is None else "since the mark"
        return Finding(
            healthy=not hits,
            seen=f"{len(hits) or 'no'} log line{'s' * (len(hits) != 1)} of {self.app} with {self.without!r} {since}",
            evidence=tuple(hits[-SHOWN:]),
            facts={"lines": list(hits[-SHOWN:])},
        )

    def _counting(self, log: Log, seen: Seen, mark: Seen | None) -> bytes:
        if mark is not None:
            return log.last(_written_since(log, mark))
        started = min(one.since for one in seen.processes)
        return b"" if log.changed < started else b"\n".join(log.last(KEPT).splitlines()[-self.lines :])

    def _hits(self, text: bytes) -> list[str]:
        expression = re.compile(self.without)
        lines = text.decode("utf-8", "backslashreplace").splitlines()
        return [line for line in lines if expression.search(line)]


def _written_since(log: Log, mark: Seen) -> int:
    earlier = next((one for one in mark.logs if one.path == log.path), None)
    rotated = earlier is None or earlier.inode != log.inode or earlier.size > log.size
    return log.size if rotated or earlier is None else log.size - earlier.size


class Pm2Current(WhatItRuns, Check):
    """Whether no process of the app is older than what it runs: a build that was never started cures nothing."""

    kind: ClassVar[str] = "pm2.current"
    tells: ClassVar[str] = "Looks whether any process of the app is older than what it runs: {runs}"
    needs: ClassVar[tuple[Need, ...]] = (Need.PM2, Need.NODE)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare when each process began with when anything it runs last changed."""
        del first
        seen = read_seen(self.app, now[self.processes])
        wrong = missing(self.app, seen) or _outdated(seen, *read_newest(now[self.newest]))
        seen_text = f"{self.app}: {wrong}" if wrong else f"{self.app} runs what is there"
        return Finding(healthy=not wrong, seen=seen_text)


class Pm2Restart(WhatItRuns, Action):
    """Restarts the app where its process is older than what it runs, or is not online; else does nothing.

    The restart has succeeded when every process is a new one, online, and has stayed so for a second. It keeps the
    environment that pm2 holds. Its undo restarts once more, after everything the process runs has been put back.
    """

    kind: ClassVar[str] = "pm2.restart"
    tells: ClassVar[str] = (
        "Restarts the app, where a process is older than what it runs ({runs}) or is not online"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.PM2, Need.NODE)
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.ESTIMATE: "that it is restarted is known, and how it comes up is not"},
        back={WayBack.EQUIVALENT: "it is restarted once more"},
        risks=("restart",),
        meanwhile="a process that is not in cluster mode is away for about a second",
    )
    verb: ClassVar[str] = "restart"
    undo_last: ClassVar[bool] = True

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        """Return one restart, or nothing where the process is online and newer than what it runs."""
        try:
            why, assumed = self._why(answers), ""
            if (
                why
            ):  # pm2 may start one that died again by itself, once an earlier step has mended what it runs
                answers[self.newest]
        except NotKnown as unknown:
            why, assumed = "what it runs will have changed", unknown.because
        notes = self.notes(read_seen(self.app, answers[self.processes])) if why and not assumed else ()
        return (self._restart(why, assumed, notes),) if why else ()

    def _why(self, answers: Answers) -> str:
        seen = read_seen(self.app, answers[self.processes])
        if wrong := missing(self.app, seen):
            raise Failed(answers.where or self.app, wrong, "start it first, as its deployment does")
        offline = [one.status for one in seen.processes if not one.online]
        return f"it is {offline[0]}" if offline else _outdated(seen, *read_newest(answers[self.newest]))

    def notes(self, seen: Seen) -> tuple[str, ...]:
        """Say whether the app will be away."""
        del seen
        return ("a process that is not in cluster mode is away for about a second",)

    def _restart(self, why: str, assumed: str, notes: tuple[str, ...] = ()) -> Change:
        return Change(
            what=f"{self.verb} {self.app}",
            target=self.app,
            script=f"pm2 {self.verb} {self.app}",
            notes=(why, *notes),
            fidelity=Fidelity.ESTIMATE,
            way_back=WayBack.EQUIVALENT,
            way_back_note="restarted again once what it runs has been put back",
            risk="restart",
            alters=(f"process:{self.app}",),
            assumed=assumed,
        )

    def snapshot(self, target: Target, change: Change) -> Undo:
        """Write down which processes there are, and whether they were up."""
        del change
        seen = self._look(target)
        return self.undo_with(
            {
                "born": [[one.pid, one.born] for one in seen.processes],
                "stopped": [one.status for one in seen.processes] == ["stopped"] * len(seen.processes),
                "steady": all(_steady(one, seen.at) for one in seen.processes),
            }
        )

    def apply(self, target: Target, change: Change) -> None:
        """Restart, and wait until it is up anew."""
        del change
        self._run(target, restart_job(self.app, self.backend, PATIENCE, self.verb))

    def undo(self, target: Target, undo: Undo) -> None:
        """Restart again, where the process is not the old one and is older than what it runs now."""
        answers = target.answer(self.ask())
        seen = read_seen(self.app, answers[self.processes])
        if undo.data["stopped"]:
            if any(one.status != "stopped" for one in seen.processes):
                self._run(target, stop_job(self.app, self.backend))
        elif [[one.pid, one.born] for one in seen.processes] != undo.data["born"] and self._why(answers):
            # What was no good before need not be good again: only a process that was up must come up.
            patience = PATIENCE if undo.data["steady"] else ANY
            self._run(target, restart_job(self.app, self.backend, patience, self.verb))

    def _look(self, target: Target) -> Seen:
        return read_seen(self.app, target.answer((self.processes,))[self.processes])

    def _run(self, target: Target, job: Job) -> None:
        answer = target.run(job)
        if answer.exit_code == NO_APP:
            raise Failed(self.app, "pm2 knows no app of that name any more", "look at pm2 on the host")
        if answer.exit_code:
            what = f"did not come up after `{job.doing}`"
            raise Failed(self.app, what, "read its error log", output=answer.error_text)


def _steady(process: Process, at: float) -> bool:
    return process.online and at - process.since >= (STEADY_AFTER_DEATH if process.code else STEADY)


def _outdated(seen: Seen, changed: float, path: str) -> str:
    return f"it is older than {path}" if any(one.since < changed for one in seen.processes) else ""


STEPS: tuple[type[Step], ...] = (Pm2Online, Pm2Log, Pm2Current, Pm2Restart)
