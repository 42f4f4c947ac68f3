"""What healing came to: each fault that was met, each host's end. Values; no behaviour."""

from pydantic import Field

from remediate.escalation.delivery import Told
from remediate.healing.history import Fingerprint
from remediate.healing.verdict import Ruling, Verdict
from remediate.model import WELL, Outcome
from remediate.questions import Value


class Treated(Value):
    """One fault, and what became of it.

    Attributes:
        fingerprint: Which fault where.
        title: The playbook's.
        hosts: The hosts that it was seen on.
        seen: What was seen, a line for each check that found something.
        evidence: What each of these was seen in, line by line.
        ruling: The verdict with its conditions.
        outcome: How its cure ended; None where none was begun, or nobody knows.
        why: What decided, or how it ended, in one line.
        todo: What a person can do next.
        output: The last lines that matter.
        interrupted: Whether its cure ended because somebody wanted no more: the switch, a signal, the time given.
        run: The run that tried to cure it; empty where none was begun.
        plan: The file of the plan that was left for review; empty where none was.
        whom: Whom the playbook wants called: a word of the inventory's contacts.
        topics: What its findings tell that it is about, beside that.
        since: Seconds since the epoch when it was first seen, perhaps by an earlier run.
        seconds: From this run's first look that saw it until it was verified to be gone; None where it is not.
    """

    fingerprint: Fingerprint
    title: str
    hosts: tuple[str, ...]
    seen: tuple[str, ...] = ()
    evidence: tuple[tuple[str, ...], ...] = ()
    ruling: Ruling
    outcome: Outcome | None = None
    why: str = ""
    todo: str = ""
    output: str = ""
    interrupted: bool = False
    run: str = ""
    plan: str = ""
    whom: str = ""
    topics: tuple[str, ...] = ()
    since: float
    seconds: float | None = None

    @property
    def healed(self) -> bool:
        """Whether it was cured, and stayed so."""
        return self.outcome is Outcome.FIXED

    @property
    def gone(self) -> bool:
        """Whether it is there no more."""
        return self.outcome in WELL

    @property
    def needs_a_person(self) -> bool:
        """Whether a person is to be called: what is only proposed waits for one without a call."""
        begun = self.outcome is not None or bool(self.run)
        return not self.gone and (begun or self.ruling.verdict is Verdict.ESCALATE)


class HostEnd(Value):
    """How it ended on one host.

    Attributes:
        outcome: `healthy`, `fixed`, `rolled back`, `kept`, `planned`, `no cure`, `blocked` or `stuck`.
        why: In one line.
    """

    outcome: Outcome
    why: str


class Callee(Value):
    """Somebody whose turn it is.

    Attributes:
        level: Of the inventory's contacts.
        name: Who.
        how: How they are called by hand, where the inventory says so.
    """

    level: int
    name: str
    how: str = ""


class Called(Value):
    """What became of calling a person.

    Attributes:
        file: Where the report is; empty where there is none.
        level: The level that it came to; 0 where nobody could be called.
        called: Whose turn it is.
        told: What became of telling them; those who had been told before are not among them.
        problems: What could not be done, in lines.
        lines: All of it for a person, a line each; machines get the rest.
    """

    file: str = ""
    level: int = 0
    called: tuple[Callee, ...] = ()
    told: tuple[Told, ...] = ()
    problems: tuple[str, ...] = ()
    lines: tuple[str, ...] = Field(default=(), exclude=True)


def nobody_called(why: str) -> Called:
    """Return what became of calling a person where that failed as a whole.

    Args:
        why: In a line, masked.
    """
    return Called(problems=(why,), lines=(f"! nobody may have been called: {why}",))


class Healed(Value):
    """What one round-trip of healing came to.

    Attributes:
        environment: The inventory's environment.
        run: Its id; each cure is a run of its own.
        began: Seconds since the epoch.
        seconds: How long it took.
        rounds: How often it looked and tried.
        faults: Those that were met, in that order.
        hosts: How it ended on each.
        reasons: Why what was tried in which order, by host.
        cut_short: Why it ended before it had looked again: a signal, a log that cannot be written; else empty.
        escalation: What became of calling a person; None where nobody was to be called.
    """

    environment: str
    run: str
    began: float
    seconds: float
    rounds: int
    faults: tuple[Treated, ...]
    hosts: dict[str, HostEnd]
    reasons: tuple[str, ...] = ()
    cut_short: str = ""
    escalation: Called | None = None

    @property
    def needs_a_person(self) -> bool:
        """Whether a person is to be called: on some host not all is well, or nobody has seen whether it is."""
        return bool(self.cut_short) or any(one.outcome not in WELL for one in self.hosts.values())
