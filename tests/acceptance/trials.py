"""One fault on the practice ground, from its break to its way back, in stages. Starts no lab and writes no page."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from tests.cures import Fault
from tests.operator import LOGIN, Ended, Operator, Picture, picture
from tests.practice import LUMIKU, PROJECTS, App, Practice
from tests.traces import Traces, nothing_left, traces

AWAY = "database-unreachable"
"""The playbook whose fault leaves it unknown whether the database is as it should be."""
ERRORS = 'stat -c %s -- "$1" 2>/dev/null || echo 0'
TAKE_AWAY = """
psql -X -w -q -v ON_ERROR_STOP=1 -v made="$2" "${url%%\\?*}" <<'END'
DELETE FROM avatars WHERE "projectId" = :'made';
DELETE FROM avatar_projects WHERE id = :'made';
END
"""
"""Takes a project away that the app cannot delete."""
LOOKED = (0, 3, 6, 8)
"""The exit codes of a command that could look, or says what it could not see."""
STAGES = ("recognised", "inert", "cured", "idempotent", "back")
TOLD = "left to a person"
"""The stage that stands for the last three where no playbook cures a fault: it is told, and left alone."""


@dataclass
class Trial:
    """What came of a fault.

    Attributes:
        fault: Which one.
        held: The stages that held, in order.
        false_alarms: Playbooks that were named and do not belong.
        explained: Playbooks that were named as brought about by another.
        why: Why the next stage did not hold; empty where all did.
    """

    fault: Fault
    held: list[str] = field(default_factory=list)
    false_alarms: tuple[str, ...] = ()
    explained: tuple[str, ...] = ()
    why: str = ""

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that are to hold."""
        return STAGES if self.fault.cured_by else ("recognised", "inert", TOLD)


@dataclass(frozen=True)
class Named:
    """What triage says of a host: playbooks whose fault is there, and of those the ones that another explains."""

    found: tuple[str, ...]
    explained: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def causes(self) -> list[str]:
        return [one for one in self.found if one not in self.explained]


def named(operator: Operator, host: str) -> Named:
    (seen,) = operator.does("triage", "--on", host, "--json").lines
    by = {
        verdict: [one for one in seen["diagnoses"] if one["verdict"] == verdict]
        for verdict in ("found", "unknown")
    }
    return Named(
        tuple(one["playbook"] for one in by["found"]),
        tuple(one["playbook"] for one in by["found"] if one["explained_by"]),
        tuple(one["playbook"] for one in by["unknown"]),
    )


@dataclass
class Stages:
    """Plays a fault. Each stage of `Trial.stages` is a method of that name, and fails where it does not hold."""

    practice: Practice
    operator: Operator
    trial: Trial
    app: App = LUMIKU
    looks: Sequence[tuple[str, ...]] = ()
    """Further commands that only look, each without where it looks."""

    @cached_property
    def broken(self) -> Picture:
        return self.settled()

    @cached_property
    def traces(self) -> Traces:
        """What is there of locks, jobs, daemons and transactions before anybody looks."""
        return traces(self.practice, app=self.app)

    def play(self) -> Trial:
        """Break it, and play one stage after the other until one does not hold."""
        self.practice.break_(self.trial.fault.name, app=self.app)
        try:
            seen = self.trial.fault.works_all_the_same or not works(self.practice, self.app)
            assert seen, "the fault is not to be seen"
            assert self.broken
            assert self.traces
            for stage in self.trial.stages:
                play: Callable[[], None] = getattr(self, stage.replace(" ", "_"))
                play()
                self.trial.held.append(stage)
        except AssertionError as error:
            self.trial.why = str(error) or f"not {self.trial.stages[len(self.trial.held)]}"
        return self.trial

    def recognised(self) -> None:
        """Triage names the right playbook first, and none that does not belong."""
        seen = named(self.operator, self.app.host)
        wanted = self.trial.fault.recognised_by
        self.trial.explained = seen.explained
        self.trial.false_alarms = tuple(one for one in seen.causes if one != wanted)
        assert seen.causes == [wanted], seen
        assert seen.found[0] == wanted, seen
        assert not seen.unknown or wanted == AWAY, seen

    def inert(self) -> None:
        """Looking and planning change nothing, and no run is written down."""
        dry = self.run("--dry-run")
        assert dry.code == (3 if self.trial.fault.cured_by else 8), dry.out + dry.err
        for words in self.looks:
            looked = self.operator.does(*words, "--on", self.app.host)
            assert looked.code in LOOKED, (words, looked.out + looked.err)
        self.same(self.settled(), self.broken)
        nothing_left(self.practice, self.traces, app=self.app)
        assert self.operator.does("runs").out == "", "a dry run is no run"

    def cured(self) -> None:
        """It works again: the API answers rightly, triage is silent."""
        ended = self.run("--yes", "--reason", "test")
        assert ended.code == 0, ended.out + ended.err
        assert works(self.practice, self.app), "the API does not answer as it should"
        assert named(self.operator, self.app.host) == Named((), (), ())

    def idempotent(self) -> None:
        """A second run changes nothing; meanwhile the process has been stable, and its log quiet."""
        fixed, said = self.picture(), self.errors()
        assert works(self.practice, self.app)
        again = self.run("--yes")
        assert again.code == 0, again.out + again.err
        self.same(self.picture(), fixed)
        assert self.errors() == said, "something new is in the error log"

    def back(self) -> None:
        """Everything is as it was when it was broken, and the audit log is whole; or it is said why that cannot be."""
        first = self.operator.first_run
        if self.trial.fault.no_way_back:
            self.not_back(first)
            return
        back = self.operator.does("rollback", first, "--yes")
        assert back.code == 0, back.out + back.err
        if not self.trial.fault.gone_once_cured:
            assert "everything is as it was" in back.out, back.out
            assert self.trial.fault.works_all_the_same or not works(self.practice, self.app), "it works"
        self.same(self.settled(), self.broken)
        kept = self.practice.shell("web1", "ls ~/.pm2 | grep remediate || :", user=self.app.user)
        assert not kept, f"a copy of what pm2 holds is left: {kept}"
        verified = self.operator.does("audit", "verify")
        assert verified.code == 0, verified.out + verified.err

    def not_back(self, run: str) -> None:
        """It says that there is no way back, as the plan did, and touches nothing."""
        cured = self.settled()
        back = self.operator.does("rollback", run, "--yes")
        assert (back.code, "no way down" in back.out) == (7, True), back.out + back.err
        self.same(self.settled(), cured)
        assert works(self.practice, self.app)

    def left_to_a_person(self) -> None:
        """It is told, and left alone."""
        ended = self.run("--yes")
        assert ended.code == 8, ended.out + ended.err
        self.same(self.settled(), self.broken)

    def run(self, *words: str) -> Ended:
        return self.operator.does("run", self.trial.fault.recognised_by, "--on", self.app.host, *words)

    def picture(self) -> Picture:
        return picture(self.practice, app=self.app)

    def settled(self) -> Picture:
        return self.picture().settled

    def errors(self) -> str:
        """How much is in the app's error log."""
        log = (
            "~/.pm2/logs/lumiku-backend-error.log"
            if self.app is LUMIKU
            else "/srv/photo studio/the logs/went wrong.log"
        )
        script = ERRORS.replace('"$1"', log) if self.app is LUMIKU else ERRORS
        return self.practice.shell("web1", script, log, user=self.app.user)

    def same(self, now: Picture, then: Picture) -> None:
        """Demand that nothing differs, or tell what does."""
        assert now == then, "\n".join(differences(now, then))


def differences(now: Picture, then: Picture) -> Iterator[str]:
    """Return what is in one picture only, line by line."""
    for name in ("files", "database", "processes"):
        new, old = (str(getattr(one, name)).splitlines() for one in (now, then))
        yield from (f"+ {line}" for line in new if line not in old)
        yield from (f"- {line}" for line in old if line not in new)


def works(practice: Practice, app: App = LUMIKU) -> bool:
    """Whether projects can be listed, made and deleted; what was made is taken away again."""
    code, body = practice.answers("web1", app=app)
    if code != 200 or not isinstance(json.loads(body), list):
        return False
    code, body = practice.answers("web1", "POST", body={"name": "probe"}, app=app)
    if code != 200:
        return False
    made = json.loads(body)["id"]
    if practice.answers("web1", "DELETE", f"{PROJECTS}/{made}", app=app)[0] == 204:
        return True
    practice.shell("web1", f"{LOGIN}{TAKE_AWAY}", app.backend, made, user=app.user)
    return False
