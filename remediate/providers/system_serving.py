"""What a host offers: whether a service really runs, who listens on a port, whether its clock is right. Looks only.

How it is asked stands in `system_serving_host`. Whether what is offered works, a question to it tells, as
`http.ok` asks one.
"""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from remediate.errors import CouldNotLook
from remediate.model import Finding
from remediate.promise import Need
from remediate.providers.system_serving_host import (
    CLOCK_SCRIPT,
    PORT_SCRIPT,
    SERVICE_SCRIPT,
    Listener,
    Unit,
    read_listeners,
    read_units,
)
from remediate.questions import Answers, Run
from remediate.steps import Check, Questions, Step

UNIT = r"^[A-Za-z0-9][A-Za-z0-9_.:@\\-]*$"


class SystemService(Check):
    """Whether a service of systemd really runs: a live process of it, or of a unit that is part of it, decides.

    `active` alone does not: a wrapper unit (Debian's `postgresql.service`) is `active (exited)` whatever becomes of the
    cluster. Where no systemd runs, it says that it cannot look.
    """

    kind: ClassVar[str] = "system.service"
    tells: ClassVar[str] = (
        "Looks whether the systemd service {unit} has a live process; that it is called `active` is not "
        "enough"
    )
    needs: ClassVar[tuple[Need, ...]] = (Need.SYSTEMD,)
    unit: str = Field(pattern=UNIT, description="As `postgresql` or `postgresql@15-main.service`.")

    @property
    def name(self) -> str:
        """The unit's whole name."""
        return self.unit if self.unit.endswith(".service") else f"{self.unit}.service"

    @property
    def question(self) -> Run:
        """The question for the unit and what is part of it."""
        return Run(script=SERVICE_SCRIPT, args=(self.name,))

    def ask(self) -> Questions:
        """Return the one question."""
        return (self.question,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Judge by live processes."""
        del first
        unit, *parts = read_units(now, self.question)
        running = [one for one in (unit, *parts) if one.runs]
        dead = [one for one in parts if not one.runs and one.active != "inactive"] if not unit.runs else []
        healthy = bool(running) and not dead
        return Finding(
            healthy=healthy,
            seen=_as_a_whole(unit, running, dead),
            evidence=tuple(one.told for one in parts) if not healthy else (),
            facts={"running": [one.name for one in running], "pid": running[0].pid if running else 0},
        )


def _as_a_whole(unit: Unit, running: Sequence[Unit], dead: Sequence[Unit]) -> str:
    if unit.runs:
        return f"{unit.told}, pid {unit.pid}"
    if dead or not running:
        wrong = ", ".join(one.told for one in dead) or "nothing of it runs"
        return f"{unit.told}" if unit.load != "loaded" else f"{unit.told}, and {wrong}"
    return f"{unit.name} stands for {', '.join(f'{one.name} (pid {one.pid})' for one in running)}"


class SystemPort(Check):
    """Whether somebody listens on a TCP port of the host, and whether it is the one that should.

    The user is always seen; the process only where it is ours, or we are the administrator. Facts for later steps:
    `listeners`, a list of `{user, pid, name, everywhere}`.
    """

    kind: ClassVar[str] = "system.port"
    tells: ClassVar[str] = (
        "Looks whether somebody listens on TCP port {port}[, as the user {user}][, and is the program "
        "{process}]"
    )
    port: int = Field(ge=1, le=65535, description="The TCP port.")
    user: str | None = Field(default=None, description="Whose it must be.")
    process: str | None = Field(
        default=None, description="How the process's name must begin, as /proc/PID/comm has it: `node`."
    )

    @property
    def question(self) -> Run:
        """The question who listens."""
        return Run(script=PORT_SCRIPT, args=(str(self.port),))

    def ask(self) -> Questions:
        """Return the one question."""
        return (self.question,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare who listens with who should."""
        del first
        found = read_listeners(now, self.question)
        wrong = [_in_words(one) for one in found if self._is_wrong(one, now.where)]
        who = ", ".join(dict.fromkeys(_in_words(one) for one in found))
        seen = f"port {self.port}: {who}" if found else f"nobody listens on port {self.port}"
        wanted = " ".join(word for word in (self.process, f"of {self.user}" * bool(self.user)) if word)
        return Finding(
            healthy=bool(found) and not wrong,
            seen=f"{seen}; it should be {wanted}" if wrong else seen,
            facts={"listeners": [vars(one) for one in found]},
        )

    def _is_wrong(self, one: Listener, where: str) -> bool:
        if self.user is not None and one.user != self.user:
            return True
        if self.process is not None and not one.name:
            what = f"who listens on port {self.port} belongs to {one.user}, and is out of sight"
            raise CouldNotLook(where, what, "give `user` instead, or set become")
        return self.process is not None and not one.name.startswith(self.process)


def _in_words(one: Listener) -> str:
    return f"{one.name} (pid {one.pid}) of {one.user}" if one.pid else f"a process of {one.user}"


class SystemClock(Check):
    """Whether the host's clock is the runner's: logs of both are read side by side, and tokens run out by it.

    It is measured when the connection is made, at half of the round trip, which is what it may be wrong by.
    """

    kind: ClassVar[str] = "system.clock"
    tells: ClassVar[str] = "Looks whether the host's clock is within {seconds} seconds of ours"
    seconds: float = Field(default=5.0, gt=0, description="How far it may be off.")
    question: ClassVar[Run] = Run(script=CLOCK_SCRIPT)

    def ask(self) -> Questions:
        """Return the question what keeps it right; how right it is, the connection itself measures."""
        return (self.question,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare the offset with what is allowed.

        Raises:
            CouldNotLook: The host told no time that could be compared.
        """
        del first
        if now.clock is None:
            raise CouldNotLook(now.where, "its clock is not known", "is `date` there?")
        off, error = now.clock.seconds, now.clock.give_or_take
        kept = {"yes": ", kept right by the network's", "no": ", and nothing keeps it right"}
        how = kept.get(now[self.question].text.split()[-1], "") if now[self.question].text.split() else ""
        side = "ahead of" if off > 0 else "behind"
        return Finding(
            # What may be an error of measuring is no fault.
            healthy=abs(off) - error <= self.seconds,
            seen=f"its clock is {abs(off):.2f} s {side} the runner's (± {error:.2f} s){how}",
            facts={"seconds": off, "give_or_take": error},
        )


STEPS: tuple[type[Step], ...] = (SystemService, SystemPort, SystemClock)
