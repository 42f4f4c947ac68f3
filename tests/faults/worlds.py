"""Plays points of the matrix on a host: it befalls the process, something comes after, and then all must be well."""

import os
import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path

from remediate.journal import Journal
from remediate.masking import Masker
from tests.cures import fault_of
from tests.faults import effects
from tests.faults.mortal import Doom, Order
from tests.faults.points import AWAY, BLINK, KILL, PROCESSES, Point
from tests.launching import Launcher, launched
from tests.operator import Ended, Operator, Picture, picture
from tests.practice import Practice
from tests.relay import Line

HOST = "web1"
WORN_AFTER = 30
"""Points after which a host is made anew: a table takes 1,600 columns in its life, dropped ones included (54011)."""
STEP = re.compile(r"  (\d+\.|-) ")
"""How a step begins in a plan, whether there is anything to do or not."""
AWAY_FOR = 2.0
"""Seconds for which the connection is gone at a blink."""
SHORT_PATIENCE = 1.0
"""Seconds that a process waits for a connection which will not come back while it lives."""


@dataclass(frozen=True)
class Reference:
    """What comes of a playbook that nobody disturbs.

    Attributes:
        effects: What it changes, and how often.
        kinds: The kinds of the entries that each process writes.
        found_again: Whether the playbook finds its fault once a cure was taken back; else it is broken anew each time.
            (A build that was put back is no longer one that nobody built since its sources changed.)
    """

    effects: Counter[str]
    kinds: dict[str, list[str]]
    found_again: bool

    @property
    def writes(self) -> dict[str, range]:
        """Return which writes are a process's own: those before them are another process's, in the same state."""
        own = {"run": 1, "resume": 1, "rollback": 1, "failing": self.kinds["failing"].index("stopped") + 1}
        return {process: range(own[process], len(self.kinds[process]) + 1) for process in PROCESSES}


@dataclass
class Worlds:
    """A host on which worlds are played, one after the other: what each ends with is what the next begins with.

    Attributes:
        practice: The lab.
        line: The connection to the host.
        inventory: The host, reached over the line.
        launcher: Starts the processes.
        references: What comes of each playbook; known to all hosts.
        broken_for: The playbook that the host is broken for now.
        planned: What that playbook would do to the host as it was broken, step by step.
        played: How many points were played since.
        start: The host as it was broken.
    """

    practice: Practice
    line: Line
    inventory: Path
    launcher: Launcher
    references: dict[str, Reference] = field(default_factory=dict)
    broken_for: str = ""
    planned: list[str] = field(default_factory=list)
    played: int = 0
    start: Picture = field(default_factory=lambda: Picture("", "", ""))

    def play(self, point: Point) -> None:
        """Play one point.

        Raises:
            AssertionError: It did not hold.
        """
        self.ready_for(point.playbook)
        effects.forget(self.practice, HOST)
        with tempfile.TemporaryDirectory(prefix="world-") as folder:
            world = World(self, self.references[point.playbook], point, Path(folder))
            try:
                world.play()
            except BaseException as error:
                self.broken_for = ""
                alone = f".venv/bin/python -m tests.faults.kill_matrix {point}"
                raise AssertionError(f"{point} did not hold; alone: {alone}\n{_shortened(error)}") from error

    def ready_for(self, playbook: str) -> None:
        """Break the host as the playbook can cure it, and see once what the playbook does undisturbed."""
        self.played += 1
        if playbook not in self.references:
            self._break_for(playbook)
            self.references[playbook] = self._measured(playbook)
        if not self._is_as_broken(playbook):
            self._break_for(playbook)

    def _is_as_broken(self, playbook: str) -> bool:
        """Tell whether a host is still broken as it was, as far as its playbook can tell.

        A build that was renamed and put back before any restart is as it was, and yet younger than its process.
        """
        worn = self.played > WORN_AFTER or self.broken_for != playbook
        return not worn and self.references[playbook].found_again and self._plan_of(playbook) == self.planned

    def _plan_of(self, playbook: str) -> list[str]:
        """Return what a playbook would do now, and what it would not, a line a step."""
        with tempfile.TemporaryDirectory(prefix="world-") as folder:
            looked = Actor(self, Path(folder)).does("run", playbook, "--on", HOST, "--dry-run")
        return [line for line in looked.out.splitlines() if STEP.match(line)]

    def _break_for(self, playbook: str) -> None:
        self.practice.reset(HOST)
        self.practice.break_(fault_of(playbook), HOST)
        effects.watch(self.practice, HOST)
        self.start = picture(self.practice, HOST)
        self.played, self.broken_for, self.planned = 1, playbook, self._plan_of(playbook)

    def _measured(self, playbook: str) -> Reference:
        kinds: dict[str, list[str]] = {}
        with tempfile.TemporaryDirectory(prefix="world-") as folder:
            actor = Actor(self, Path(folder))
            ended = actor.does("run", playbook, "--on", HOST, "--yes")
            expect(ended.code == 0, f"{playbook} cures undisturbed", ended)
            kinds["run"] = actor.kinds
            changed = effects.seen(self.practice, HOST)
            expect(bool(changed), "a cure changes something")
            kinds["resume"] = kinds["run"][kinds["run"].index("confirmed") + 1 :]
            ended = actor.does("rollback", actor.run, "--yes")
            expect(ended.code == 0, f"{playbook} can be taken back", ended)
            kinds["rollback"] = actor.kinds[len(kinds["run"]) :]
            expect_same(picture(self.practice, HOST).settled, self.start.settled)
            looked = actor.does("run", playbook, "--on", HOST, "--dry-run")
            expect(looked.code in {0, 3}, "taken back, its fault is found, or nothing is", looked)
        if looked.code == 0:
            self._break_for(playbook)
        with tempfile.TemporaryDirectory(prefix="world-") as folder:
            actor = Actor(self, Path(folder))
            ended = actor.befallen(Doom(unverified=True), "run", playbook, "--on", HOST, "--yes")
            expect(ended.code == 1, "a cure that does not hold is put back", ended)
            kinds["failing"] = actor.kinds
        return Reference(changed, kinds, found_again=looked.code == 3)


@dataclass(frozen=True)
class Actor:
    """An operator with an audit log of his own, whose processes can be struck."""

    worlds: Worlds
    folder: Path

    @property
    def operator(self) -> Operator:
        return Operator(self.worlds.practice, self.folder)

    def does(self, *words: str) -> Ended:
        """Run a command that nothing befalls."""
        return self.befallen(Doom(), *words)

    def befallen(self, doom: Doom, *words: str) -> Ended:
        """Run a command that something befalls."""
        environment = {**self.operator.environment, "REMEDIATE_INVENTORY": str(self.worlds.inventory)}
        code = self.worlds.launcher.carry_out(Order(words, environment, str(self.folder), doom))
        ended = Ended(code, *((self.folder / name).read_text() for name in ("out", "err")))
        expect("Traceback" not in ended.out + ended.err, "no traceback", ended)
        return ended

    @property
    def journal(self) -> Journal:
        return Journal.open(self.folder / "remediate", Masker())

    @property
    def kinds(self) -> list[str]:
        with self.journal as journal:
            return [entry.kind for entry in journal.entries()]

    @property
    def run(self) -> str:
        """The last run; empty where there is none."""
        with self.journal as journal:
            return next((summary.header.run for summary in journal.runs()), "")

    @property
    def outcome(self) -> str:
        """How the last run ended last, as far as that was written down."""
        with self.journal as journal:
            ends = [entry.body["outcome"] for entry in journal.entries() if entry.kind == "ended"]
        return ends[-1] if ends else ""


@dataclass(frozen=True)
class World:
    """One world, with a state directory of its own."""

    worlds: Worlds
    reference: Reference
    point: Point
    folder: Path

    @property
    def actor(self) -> Actor:
        return Actor(self.worlds, self.folder)

    def play(self) -> None:
        self._lead_up()
        self._strike()
        if self.actor.run:
            getattr(self, f"_{self.point.way}")()
        self._cure_where_nothing_was_touched()
        self._all_is_as_at_the_start()

    def _lead_up(self) -> None:
        """Bring the run to where the process begins that it befalls."""
        if self.point.process == "resume":
            confirmed = self.reference.kinds["run"].index("confirmed") + 1
            dead = self.actor.befallen(Doom(write=confirmed, after=True), *self._run)
            expect(dead.code == -9, "it was killed", dead)
        if self.point.process == "rollback":
            ended = self.actor.does(*self._run)
            expect(ended.code == 0, "an undisturbed run cures", ended)

    @property
    def _run(self) -> tuple[str, ...]:
        return ("run", self.point.playbook, "--on", HOST, "--yes")

    def _strike(self) -> None:
        words = (self.point.process, self.actor.run, "--yes")
        words = words if self.point.process in {"resume", "rollback"} else self._run
        after, failing = self.point.moment == "after", self.point.process == "failing"
        if self.point.what == KILL:
            dead = self.actor.befallen(Doom(self.point.write, after, unverified=failing), *words)
            expect(dead.code == -9, "it was killed", dead)
            return
        with cut_off(self.worlds.line, self.folder, for_good=self.point.what == AWAY) as pipes:
            patience = SHORT_PATIENCE if self.point.what == AWAY else Doom.patience
            doom = Doom(self.point.write, after, pipes, patience=patience, unverified=failing)
            ended = self.actor.befallen(doom, *words)
        told = {0: "fixed, put back", 1: "everything was put back", 6: "blocked", 7: "stuck"}
        expect(ended.code in told, f"it ended told: {told}", ended)
        if self.point.what == BLINK:
            expect(ended.code in {0, 1, 6}, "a connection that comes back leaves no run stuck", ended)

    def _resume(self) -> None:
        before = self.actor.kinds
        ended = self.actor.does("resume", self.actor.run, "--yes")
        back = self.point.process == "rollback" or "stopped" in before or "rollback" in before
        if back:
            allowed = {0, 1}
        elif "confirmed" in before:
            allowed = {0} if self.point.what == KILL else {0, 1}
        else:
            allowed = {0, 4, 6}
        expect(ended.code in allowed, f"resume ends with one of {allowed}", ended)
        if self.actor.outcome == "fixed":
            run = self.actor.run
            self._is_cured()
            back = self.actor.does("rollback", run, "--yes")
            expect(back.code == 0, "a cure can be taken back", back)

    def _rollback(self) -> None:
        ended = self.actor.does("rollback", self.actor.run, "--yes")
        expect(ended.code == 0, "rollback puts back", ended)

    def _cure_where_nothing_was_touched(self) -> None:
        if "confirmed" in self.actor.kinds or self.point.way != "resume":
            return
        fresh = self.actor.does(*self._run)
        expect(fresh.code == 0, "nothing was touched, so a fresh run cures", fresh)
        run = self.actor.run
        self._is_cured()
        back = self.actor.does("rollback", run, "--yes")
        expect(back.code == 0, "a cure can be taken back", back)

    def _is_cured(self) -> None:
        changed = effects.seen(self.worlds.practice, HOST)
        twice, never = changed - self.reference.effects, self.reference.effects - changed
        expect(not twice and not never, "every effect comes once", f"too often: {twice}", f"never: {never}")
        again = self.actor.does(*self._run)
        expect((again.code, "healthy" in again.out) == (0, True), "the fault is gone", again)
        self._lock_is_free()

    def _all_is_as_at_the_start(self) -> None:
        now, start = picture(self.worlds.practice, HOST), self.worlds.start
        expect_same(now.settled_but_for_marks, start.settled_but_for_marks)
        self._lock_is_free()
        with self.actor.journal as journal:
            owed = [owed for summary in journal.runs() for owed in journal.owed(summary.header.run)]
            expect(not owed, "nothing is owed", *owed)
            verdict = journal.verify()
            expect(verdict.whole, "the chain is whole", verdict.in_words)

    def _lock_is_free(self) -> None:
        locks = self.worlds.practice.shell(HOST, "ls ~/.remediate/locks 2>/dev/null || true").split()
        expect(not locks, "the lock is free", locks)


@contextmanager
def cut_off(line: Line, folder: Path, *, for_good: bool) -> Iterator[tuple[str, str]]:
    """Cut a line when a process asks for it over the first of two pipes; it is answered over the second.

    Args:
        line: The connection.
        folder: Where the pipes are made.
        for_good: It comes back when this is left, and not some seconds later.
    """
    asked, answered = folder / "asked", folder / "answered"
    for pipe in (asked, answered):
        os.mkfifo(pipe)

    def wait() -> None:
        if asked.read_text():
            line.refusing = True
            line.reset()
            answered.write_text("!")
            if not for_good:
                time.sleep(AWAY_FOR)
                line.refusing = False

    waiting = threading.Thread(target=wait)
    waiting.start()
    try:
        yield str(asked), str(answered)
    finally:
        with suppress(OSError):  # nobody asked: the one who waits is let go
            os.close(os.open(asked, os.O_WRONLY | os.O_NONBLOCK))
        waiting.join()
        line.refusing = False


def expect(holds: bool, what: str, *seen: object) -> None:
    """Demand something, in words that are read where no test runner explains an assertion."""
    if not holds:
        raise AssertionError("\n".join((what, *map(str, seen))))


def expect_same(now: Picture, start: Picture) -> None:
    """Demand that a host is as it was."""
    for part in ("files", "database", "processes"):
        lines = (getattr(picture, part).splitlines() for picture in (start, now))
        moved = list(unified_diff(*lines, "start", "now", lineterm="", n=0))
        expect(not moved, f"{part} are as at the start", *moved[:40])


@contextmanager
def worlds_on(practice: Practice) -> Iterator[Worlds]:
    """Return the worlds of a lab's host, and leave that as new."""
    line = Line((practice.address(HOST), practice.status()["port"]))
    inventory = practice.inventory.with_name("worlds.yml")
    known = practice.inventory.with_name("worlds.known_hosts")
    address = practice.address(HOST)
    entries = practice.inventory.with_name("lab.known_hosts").read_text().splitlines()
    (key,) = [entry.split(" ", 1)[1] for entry in entries if f"{address}]" in entry]
    known.write_text(f"[127.0.0.1]:{line.port} {key}\n")
    text = practice.inventory.read_text()
    for old, new in (
        (f"web1: {{address: {address}", f"web1: {{address: 127.0.0.1, port: {line.port}"),
        ("lab.known_hosts", known.name),
        ("    env: {", f'    env: {{PATH: "{effects.PATH}", '),
    ):
        assert old in text
        text = text.replace(old, new)
    inventory.write_text(text)
    try:
        with launched() as launcher:
            yield Worlds(practice, line, inventory, launcher)
    finally:
        line.close()
        inventory.unlink()
        known.unlink()
        practice.reset(HOST)


def _shortened(error: BaseException) -> str:
    text = str(error) or repr(error)
    return text if len(text) < 6000 else f"{text[:3000]}\n…\n{text[-3000:]}"
