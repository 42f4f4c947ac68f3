"""Wires one command to the hosts it is for: inventory, audit log, events, targets. The only place that knows all."""

import getpass
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from remediate import __version__
from remediate.catalogue import CATALOGUE
from remediate.cli.interruptions import Interruptions
from remediate.cli.options import state_folder
from remediate.clock import Clock
from remediate.engine import Ending, HostRun
from remediate.errors import JournalError, UsageError
from remediate.events import Events, Sink
from remediate.inventory import Host, Inventory, find_inventory, load_inventory
from remediate.journal import Journal, Operator, RunHeader, new_run_id
from remediate.masking import Masker
from remediate.model import Json, Outcome, canonical, utf8, well_formed
from remediate.owner import LockOwner
from remediate.playbook import Playbook, find_playbook, load_playbook
from remediate.procedure import Procedure
from remediate.runner import Runner
from remediate.sinks.console import ConsoleSink
from remediate.sinks.jsonl import JsonLines
from remediate.steps import Action
from remediate.target import Target
from remediate.transport.trips import Trips
from remediate.witnessing import leave_witness

LEFT_ALONE = {Outcome.HEALTHY, Outcome.DECLINED, Outcome.STALE, Outcome.BLOCKED}
"""Outcomes after which a host is left alone: nothing was changed there, or it cannot be reached anyway."""
NEEDS_A_PERSON = {Outcome.STUCK, Outcome.NO_CURE, Outcome.KEPT}
"""Outcomes with the exit codes 7 and 8."""
CLOSING_PATIENCE = 1.0
"""Seconds that an interrupted command waits for its connections to close, before it ends all the same."""


def action_of(kind: str, parameters: dict[str, Json]) -> Action:
    """Build an action from its kind and parameters, as an Undo or a planned fix has them.

    Raises:
        JournalError: This version has no such action.
    """
    step = CATALOGUE.get(kind)
    if step is None or not issubclass(step, Action):
        raise JournalError(kind, "this version has no such action", "use the version that made the run")
    return step.model_validate_json(canonical(parameters))  # strict: JSON's lists are tuples only in JSON


def inventory_of(given: str | None) -> Inventory:
    """Return the inventory that `-i` means.

    Raises:
        UsageError: There is none, or it is wrong.
    """
    return load_inventory(find_inventory(given, os.environ))


def playbook_of(given: str, folder: Path) -> Playbook:
    """Return the playbook that a command names.

    Raises:
        UsageError: There is none, or it is wrong.
    """
    return load_playbook(find_playbook(given, folder), CATALOGUE)


def hosts_for(playbook: Playbook, inventory: Inventory, patterns: Sequence[str]) -> tuple[Host, ...]:
    """Return the hosts that `--on` means; all must be of the group the playbook is for.

    Raises:
        UsageError: A host is not known, or of another group.
    """
    hosts = inventory.select(patterns)
    for host in hosts:
        if host.group != playbook.group:
            what = f"is in the group {host.group}, {playbook.name} is for {playbook.group}"
            raise UsageError(f"--on {host.name}", what, f"choose hosts of {playbook.group}")
    return hosts


@dataclass
class Session:
    """What one command has at hand.

    Attributes:
        inventory: The environment.
        run: The run's id.
        reason: Why it is run.
        masker: What is secret.
        journal: The audit log.
        events: Who listens.
        interruptions: Ctrl-C.
        console: Where people read.
        as_json: Whether machines read.
        trips: Round trips of each host.
        told_of_clock: The hosts of whose clocks was told.
        ended: The hosts whose outcome is told.
        targets: The hosts that were reached for, by name.
    """

    inventory: Inventory
    run: str
    reason: str
    masker: Masker
    journal: Journal
    events: Events
    interruptions: Interruptions
    console: Console
    as_json: bool = False
    trips: dict[str, Trips] = field(default_factory=dict)
    told_of_clock: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    targets: dict[str, Target] = field(default_factory=dict)
    _secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    _closing: ExitStack = field(default_factory=ExitStack)

    def close(self, patience: float | None = None) -> None:
        """Close every target.

        Args:
            patience: Seconds to wait for that; None: as long as it takes. A host that does not answer may hold it up.
        """
        closing = threading.Thread(target=self._closing.close, name="closing", daemon=True)
        closing.start()
        closing.join(patience)

    @property
    def runner(self) -> Runner:
        """The runner's side of the run."""
        owner = LockOwner(run=self.run, who=who(), since=_now(), why=self.reason)
        return Runner(owner, self.journal, self.events, action_of, Clock(), shield=self.interruptions.shield)

    def secrets_of(self, host: Host) -> dict[str, str]:
        """Return a host's secrets by name; from here on they are masked.

        Raises:
            UsageError: One cannot be had.
        """
        if host.name not in self._secrets:
            revealed = {name: reference.reveal(os.environ) for name, reference in host.secrets.items()}
            self.masker.learn(revealed.values())
            self._secrets[host.name] = revealed
        return self._secrets[host.name]

    def within(self, run: str, reason: str) -> "Session":
        """Return the session of another run that goes on within this one: it reaches the same hosts."""
        return replace(self, run=run, reason=reason, events=self.events.of_run(run), ended=set())

    def target(self, host: Host, machine: str = "", *, with_secrets: bool = True) -> Target:
        """Return a host, not connected yet; it is closed with the session.

        Args:
            host: The host.
            machine: The machine id that was confirmed there; empty where none was.
            with_secrets: Whether its secrets are revealed; what asks nothing that needs one goes without.

        Raises:
            UsageError: A secret cannot be had.
        """
        from remediate.cli.reaching import target_of  # fabric alone takes longer than all else to import

        trips = self.trips.setdefault(host.name, Trips())
        secrets = self.secrets_of(host) if with_secrets else {}
        self.targets[host.name] = self._closing.enter_context(
            target_of(
                host.model_copy(update={"machine_id": machine or host.machine_id}),
                secrets,
                trips,
                learn=lambda secret: self.masker.learn([secret]),
                on_output=lambda line: self.events.tell("output", host.name, line),
                on_warning=lambda text: self.events.tell("warning", host.name, text),
            )
        )
        return self.targets[host.name]

    def reached(self, host: Host) -> Target:
        """Return a host that was reached for already in this command, or reach for it.

        Raises:
            UsageError: A secret cannot be had.
        """
        return self.targets.get(host.name) or self.target(host)

    def host_run(
        self, playbook: Playbook, host: Host, given: Mapping[str, str], machine: str = ""
    ) -> HostRun:
        """Return a run of a playbook on one host.

        Args:
            playbook: The playbook.
            host: The host.
            given: Variables given on the command line.
            machine: The machine id that was confirmed there; empty where none was.

        Raises:
            UsageError: A variable or a secret cannot be had.
        """
        procedure = Procedure(playbook, playbook.scope(host.scope, given), host.environment, host.development)
        return HostRun(procedure, self.target(host, machine), self.runner)

    def begin(
        self,
        playbook: Playbook,
        hosts: Sequence[Host],
        given: Mapping[str, str],
        *,
        plan: str = "",
        healing: str = "",
    ) -> None:
        """Write down that the run begins, and tell it; secrets are known, and masked, before.

        Args:
            playbook: What is run.
            hosts: Where.
            given: Variables given on the command line.
            plan: The digest of the plan document that is applied; empty where none is.
            healing: The run of `heal` that this one belongs to; empty where a person began it.

        Raises:
            UsageError: A secret cannot be had.
            JournalError: It cannot be written down.
        """
        about = {
            "playbook": playbook.name,
            "playbook_path": str(playbook.path.absolute()),
            "playbook_digest": playbook.digest,
            "variables": dict(given),
            "plan": plan,
            "healing": healing,
        }
        self._begin(hosts, about)
        self.events.tell("run-started", "", playbook=playbook.name, title=playbook.title)

    def begin_command(self, command: str, hosts: Sequence[Host], only: Sequence[str] = ()) -> None:
        """Write down that a command begins which runs no playbook itself.

        Args:
            command: Which.
            hosts: Where.
            only: The playbooks that it is limited to; none: to none.

        Raises:
            UsageError: A secret cannot be had.
            JournalError: It cannot be written down.
        """
        self._begin(hosts, {"command": command, "only": tuple(only)})

    def _begin(self, hosts: Sequence[Host], about: Mapping[str, Json]) -> None:
        for host in hosts:
            self.secrets_of(host)
        known = {
            "run": self.run,
            "environment": self.inventory.environment,
            "inventory_path": utf8(str(self.inventory.path.absolute())),
            "inventory_digest": self.inventory.digest,
            "operator": operator(),
            "reason": self.reason,
            "version": __version__,
            "argv": tuple(map(utf8, sys.argv[1:])),
            "hosts": tuple(host.name for host in hosts),
        }
        self.journal.begin(RunHeader.model_validate({**known, **well_formed(about)}))

    def warn_of_unended(self, hosts: Sequence[Host]) -> None:
        """Tell of runs that began something on these hosts and never ended there: killed, or still at work."""
        names = {host.name for host in hosts}
        for summary in self.journal.runs():
            left = names & set(summary.unfinished)
            same = (summary.header.environment, bool(summary.owed)) == (self.inventory.environment, True)
            if same and summary.header.run != self.run:
                for host in sorted(left):
                    run = summary.header.run
                    todo = f"if it was killed: remediate resume {run}, or remediate rollback {run}"
                    self.events.tell("warning", host, f"run {run} never ended here; {todo}")

    def warn_of_clock(self, target: Target) -> None:
        """Tell, once, of a host whose clock is wrong: what stands in its files and logs then is, too."""
        if not target.machine.clock_is_right and target.name not in self.told_of_clock:
            self.told_of_clock.add(target.name)
            text = f"{target.machine.clock}; set it right, or mind it where times are compared"
            self.events.tell("warning", target.name, text)

    def warn_of_pooler(self, target: Target) -> None:
        """Tell of a host before whose database a pooler stands: not all can be done through it."""
        if target.database.get("pooled"):
            what = (
                "a pooler stands before the database: what needs no transaction (indexes, VACUUM) is refused"
            )
            todo = "for that, let `database: url:` in the inventory name the server's own URL (DIRECT_URL)"
            self.events.tell("warning", target.name, f"{what}; {todo}")

    def end(self, host: str, ending: Ending) -> None:
        """Write down how it ended on one host, and tell it."""
        self.tell_end(host, self._calling(ending))
        try:
            self.journal.ended(self.run, host, ending.outcome, ending.why, interrupted=ending.interrupted)
        except JournalError as error:  # the outcome stands, whether it could be written down or not
            self.events.tell("warning", host, f"the outcome could not be written down: {error}")
            return
        if ending.outcome not in LEFT_ALONE and host in self.targets:
            leave_witness(self.targets[host], self.runner)

    def _calling(self, ending: Ending) -> Ending:
        """Return an ending that a person is needed after with the command that calls one."""
        if ending.outcome not in NEEDS_A_PERSON:
            return ending
        calls = f"remediate escalate {self.run} calls a person"
        return replace(ending, todo="; ".join(filter(None, (ending.todo, calls))))

    def tell_end(self, host: str, ending: Ending) -> None:
        """Tell how it ended on one host."""
        self.ended.add(host)
        self.events.tell(
            "ended", host, ending.why, outcome=ending.outcome.value, todo=ending.todo, output=ending.output
        )


@contextmanager
def session(
    inventory: Inventory,
    state: Path | None,
    *,
    run: str = "",
    reason: str = "",
    as_json: bool = False,
    aside: bool = False,
    hold: bool = False,
) -> Iterator[Session]:
    """Open what a command needs, listen to Ctrl-C, and close all of it at the end.

    Args:
        inventory: The environment.
        state: Where the audit log is; None means the user's.
        run: The run to go on with; a new one where it is empty.
        reason: Why.
        as_json: Whether machines read.
        aside: Whether what happens is told on standard error, because the standard output is a page.
        hold: Whether the command changes something: then no other process may be at work on the run.

    Raises:
        Locked: Another process is at work on the run.
    """
    console, masker = Console(highlight=False, stderr=aside), Masker()
    sink: Sink = JsonLines(sys.stdout) if as_json else ConsoleSink(console)
    clock = Clock()
    run, reason = run or new_run_id(clock.wall()), utf8(reason)
    interruptions = Interruptions(_warn)
    with ExitStack() as opening:
        journal = opening.enter_context(Journal.open(state_folder(state), masker, clock.wall))
        opening.enter_context(interruptions.caught())
        if hold:
            opening.enter_context(journal.hold(run))
        events = Events(run, [sink], masker, clock.wall)
        opening.callback(_tell_defects, events)
        opened = Session(inventory, run, reason, masker, journal, events, interruptions, console, as_json)
        try:
            yield opened
        except KeyboardInterrupt:
            opened.close(CLOSING_PATIENCE)
            raise
        except BaseException:
            opened.close()
            raise
        opened.close()


def operator() -> Operator:
    """Return who runs this process, and where."""
    return Operator(user=_user(), machine=socket.gethostname())


def _user() -> str:
    try:
        return utf8(os.environ.get("SUDO_USER") or getpass.getuser())
    except (KeyError, OSError):  # a uid without a name: containers have them
        return str(os.getuid())


def who() -> str:
    """Return who runs this process, and where, as `user@machine`."""
    return f"{_user()}@{socket.gethostname()}"


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())


def _tell_defects(events: Events) -> None:
    """Tell once, without its text, which may hold anything, that something could not be shown; the run went on."""
    if not events.defects:
        return
    first = events.defects[0]
    if os.environ.get("REMEDIATE_TRACEBACK"):
        _warn("".join(traceback.format_exception(first)))
    todo = f"`remediate show {events.run}` tells what was done, REMEDIATE_TRACEBACK=1 shows where it happened"
    _warn(
        f"remediate: internal error ({type(first).__name__}) in what is shown: this is a defect of ours; {todo}"
    )


def _warn(text: str) -> None:
    with suppress(OSError, ValueError):  # the terminal may be what went away
        sys.stderr.write(f"\n{text}\n")
