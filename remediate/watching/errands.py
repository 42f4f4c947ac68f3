"""Starts the service's errands: the program itself, in processes of their own. It decides nothing, and reads no prose.

A process of its own is what `remediate heal` is in a pipeline, too: one path, one journal, one set of brakes. It goes
on where this one is killed, and is told to end, which puts the step in hand back, where this one is to leave.
"""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from remediate.clock import Clock
from remediate.errors import RemediateError
from remediate.model import Finding
from remediate.watching.asking import CUT_SHORT
from remediate.watching.said import unsaid, wrong_in
from remediate.watching.work import Errand, Work

LOOKED = frozenset({0, 1, 8})
"""The exit codes of an errand that could look at its hosts: healthy, rolled back, needs a person."""
KEPT = 200
"""Lines of what an errand says that are kept; each goes to the service's own log as well."""


@dataclass(frozen=True)
class Ended:
    """How an errand ended.

    Attributes:
        errand: Which.
        code: The exit code; negative where a signal ended it.
        seconds: How long it took.
        lines: The last lines that it printed.
    """

    errand: Errand
    code: int
    seconds: float
    lines: tuple[str, ...]

    @property
    def looked(self) -> bool:
        """Whether its exit code says that it could look: all others hide hosts that it could not, or say nothing."""
        return self.code in LOOKED

    @property
    def mute(self) -> str:
        """How it ended, where healing said nothing of what became of anything; empty where it did, or was cut short."""
        silent = self.errand.work is Work.HEAL and self.code != CUT_SHORT
        return "; ".join(one.seen for one in unsaid(self.lines, self.code)) if silent else ""

    @property
    def wrong(self) -> Mapping[str, tuple[Finding, ...]]:
        """What something that is scheduled found wrong, by host: nothing where all is well."""
        if self.code in {0, CUT_SHORT} or self.code < 0:
            return wrong_in(self.lines)
        failed = unsaid(self.lines, self.code)
        return {**(dict.fromkeys(self.errand.hosts, failed) if failed else {}), **wrong_in(self.lines)}


@dataclass
class Errands:
    """The processes that are at work.

    Attributes:
        command: The command line of an errand.
        told: Told each line that one prints.
        ended: Told of each that has ended, from a thread of its own.
        clock: The time.
    """

    command: Callable[[Errand], Sequence[str]]
    told: Callable[[Errand, str], None]
    ended: Callable[[Ended], None]
    clock: Clock = field(default_factory=Clock)
    _at_work: dict[Errand, subprocess.Popen[str]] = field(default_factory=dict)
    _ending: bool = False
    _changing: threading.Lock = field(default_factory=threading.Lock)

    def start(self, errand: Errand) -> None:
        """Start one; `ended` is told of it in any case."""
        threading.Thread(
            target=self._run, args=(errand,), name=f"errand-{errand.environment}", daemon=True
        ).start()

    def terminate(self) -> None:
        """Tell all of them to end: what they have in hand is put back first. One that is just being started, too."""
        with self._changing:
            self._ending = True
            for process in self._at_work.values():
                with suppress(ProcessLookupError):
                    process.send_signal(signal.SIGTERM)

    def _run(self, errand: Errand) -> None:
        began, code = self.clock.monotonic(), os.EX_SOFTWARE
        lines: list[str] = []
        try:
            code = self._carried_out(errand, lines)
        finally:  # or its environment would wait for it for good
            self.ended(Ended(errand, code, self.clock.monotonic() - began, tuple(lines[-KEPT:])))

    def _carried_out(self, errand: Errand, lines: list[str]) -> int:
        try:
            process = self._started(errand)
        except (OSError, RemediateError) as error:
            self.told(errand, f"could not be started ({type(error).__name__})")
            return os.EX_OSERR
        try:
            for line in process.stdout or ():
                lines[:] = [*lines[1 - KEPT :], line.rstrip("\n")]
                self._tell(errand, lines[-1])
            return process.wait()
        finally:
            if process.stdout:
                process.stdout.close()
            process.wait()
            with self._changing:
                del self._at_work[errand]

    def _tell(self, errand: Errand, line: str) -> None:
        try:
            self.told(errand, line)
        except Exception as defect:  # noqa: BLE001 - ours; told without its text, which may hold anything
            self.told(errand, f"a line could not be told ({type(defect).__name__})")

    def _started(self, errand: Errand) -> subprocess.Popen[str]:
        """Start a process in a group of its own: a Ctrl-C at the terminal reaches it through us alone, once."""
        with self._changing:
            process = subprocess.Popen(  # noqa: S603  (our own program, and names that inventories declare)
                list(self.command(errand)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="backslashreplace",
                start_new_session=True,
            )
            self._at_work[errand] = process
            if self._ending:
                process.send_signal(signal.SIGTERM)
        return process
