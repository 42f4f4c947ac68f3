"""What the healer reaches hosts by: the sessions, targets, plans and runs of the other commands. It decides nothing."""

import shlex
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from remediate.cli.planning import document_of
from remediate.cli.proposing import leave_plan
from remediate.cli.putting_back import put_back
from remediate.cli.session import Session
from remediate.cli.telling import write_down_looks
from remediate.cli.triaging import Wanted, look_at_all
from remediate.engine import Ending, HostRun, Look
from remediate.errors import Blocked, RemediateError, UsageError
from remediate.fleet import carry_out_all, ending_of
from remediate.healing.history import KINDS, history_of
from remediate.healing.reach import Cure, Seen
from remediate.inventory import Host
from remediate.journal import new_run_id
from remediate.model import Outcome
from remediate.playbook import Playbook
from remediate.procedure import Procedure
from remediate.review import Marks

LIFETIME = 24 * 3600.0
"""Seconds for which a plan that was left for review may be applied: whoever reads it may be asleep when it is made."""


@dataclass(frozen=True)
class Hands:
    """What one command of healing reaches hosts by.

    Attributes:
        opened: The command's session.
        hosts: The hosts that are to be healed, by name.
        wanted: What is looked for.
        marks: Marks and seals plans.
        plans: The folder in which plans are left.
    """

    opened: Session
    hosts: Mapping[str, Host]
    wanted: Wanted
    marks: Marks
    plans: Path

    def look(self, hosts: Sequence[str]) -> Mapping[str, Seen]:
        """Ask every playbook of these hosts, side by side."""
        chosen = [self.hosts[name] for name in hosts]
        seen = {host.name: found for host, found in look_at_all(self.opened, chosen, self.wanted)}
        for name, found in seen.items():
            if isinstance(found, Blocked):
                self.opened.targets.pop(name, None)  # the next look dials anew
        return seen

    def plan(self, playbook: Playbook, host: str) -> Cure:
        """Look again with one playbook's eyes, and plan its cure."""
        run = new_run_id(self.opened.runner.clock.wall())
        reason = self.opened.reason or f"healed without a person: {playbook.title}"
        within = self.opened.within(run, reason)
        return PlannedCure(self, within, playbook, self.hosts[host])

    def held(self, host: str) -> str:
        """Return who holds a host, and why; empty where nobody does, or nobody can say."""
        try:
            lock = self.opened.reached(self.hosts[host]).lock()
        except RemediateError:  # whoever begins a change there is told
            return ""
        return lock.owner.in_words if lock and lock.owner.hold else ""

    def left_behind(self, hosts: Collection[str]) -> Mapping[str, str]:
        """Return the runs, by host, that a dead healer began and that left something to put back."""
        owing, stuck = self._owing(hosts), self._stuck_runs
        return {host: run for host, run in owing if (run, host) not in stuck}

    def stuck(self, hosts: Collection[str]) -> Mapping[str, str]:
        """Return the runs of healers, by host, whose way back stopped: walking it is a person's now."""
        owing, stuck = self._owing(hosts), self._stuck_runs
        return {host: run for host, run in owing if (run, host) in stuck}

    def _owing(self, hosts: Collection[str]) -> Iterator[tuple[str, str]]:
        """Yield host and run of what healers left there that nobody is at work on."""
        journal, environment = self.opened.journal, self.opened.inventory.environment
        for summary in journal.runs():
            run = summary.header.run
            if summary.header.healing and summary.header.environment == environment and summary.owed:
                there = [host for host in summary.unfinished if host in hosts]
                yield from ((host, run) for host in there if not journal.lives(run))

    @property
    def _stuck_runs(self) -> Collection[tuple[str, str]]:
        attempts = history_of(self.opened.journal.of_kinds(KINDS)).attempts
        return {(one.run, one.host) for one in attempts if one.outcome is Outcome.STUCK}

    def put_back(self, run: str, host: str) -> Ending:
        """Put back what such a run changed, and write down how that ended.

        Raises:
            Locked: Another process is at work on that run.
        """
        with self.opened.journal.hold(run):
            if not self.opened.journal.owed(run, host):
                return Ending(Outcome.PUT_BACK, "somebody else has put it back meanwhile")
            return put_back(self.opened.within(run, "its healer was killed"), self.hosts[host])


@dataclass(frozen=True)
class PlannedCure:
    """A cure of one fault on one host: planned, and not begun.

    Attributes:
        hands: What reaches the hosts.
        within: The session of the run that it would be.
        playbook: The playbook.
        host: The host.
    """

    hands: Hands
    within: Session
    playbook: Playbook
    host: Host

    @property
    def run(self) -> str:
        """The id of the run that it would be."""
        return self.within.run

    @property
    def reason(self) -> str:
        """Why, as it would stand in the audit log."""
        return self.within.reason

    @cached_property
    def found(self) -> tuple[HostRun, Look] | Ending:
        """What would be done, or why nothing can be planned."""
        return self._look()

    def _look(self) -> tuple[HostRun, Look] | Ending:
        if not self.playbook.fix:
            return Ending(Outcome.NO_CURE, f"{self.playbook.name} has no cure of its own")
        try:
            host_run = self._host_run(lambda: None)
            return host_run, host_run.look()
        except UsageError as error:
            return Ending(Outcome.NO_CURE, str(error))
        except RemediateError as error:
            return ending_of(error)

    def _looked_anew(self) -> tuple[HostRun, Look] | Ending:
        """Look as `apply` will: by a connection of its own, which knows nothing that this playbook does not ask."""
        self.within.targets.pop(self.host.name, None)
        found = self._look()
        self.within.targets.pop(self.host.name, None)
        return found

    def _host_run(self, may_go_on: Callable[[], None]) -> HostRun:
        book, host = self.playbook, self.host
        given = self.hands.wanted.given.get(book.name, {})
        procedure = Procedure(book, book.scope(host.scope, given), host.environment, host.development)
        runner = replace(self.within.runner, may_go_on=may_go_on)
        return HostRun(procedure, self.within.reached(host), runner)

    @contextmanager
    def begun(self) -> Iterator[None]:
        """Hold its run for this process while it is open, and write down that it begins."""
        with self.within.journal.hold(self.run):
            self.within.begin(self.playbook, [self.host], {}, healing=self.hands.opened.run)
            yield

    def carry_out(self, may_go_on: Callable[[], None]) -> Ending:
        """Do it, verify it, write down how it ended."""
        if isinstance(self.found, Ending):
            return self.found
        look = self.found[1]
        write_down_looks(self.within, {self.host.name: self.found})
        self.within.events.tell("planned", self.host.name, plan=look.plan.shown, digest=look.plan.digest)
        self.within.events.tell("confirmed", "", "by the environment's policy for healing")
        endings = carry_out_all([(self._host_run(may_go_on), look)], self.within.end)
        self.within.targets.pop(self.host.name, None)  # the next look is made by another connection
        return endings[self.host.name]

    def propose(self) -> tuple[str, str]:
        """Write its plan down for review, and return the file, and what to do with it."""
        found = self._looked_anew()
        made = document_of(
            self.within, self.playbook, {self.host.name: found}, {}, self.hands.marks, LIFETIME
        )
        name = f"{self.host.environment}-{self.playbook.name}-{self.host.name}.json"
        path = self.hands.plans / name
        leave_plan(path, made, self.within, self.hands.marks)
        words = shlex.join(["remediate", "apply", str(path), *self.hands.wanted.places])
        return str(path), f"{words}  (remediate show {shlex.quote(str(path))} shows it)"
