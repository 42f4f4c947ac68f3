"""What the service tells: its log, the audit log, the metrics. What cannot be told stops nothing."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from remediate.errors import JournalError
from remediate.inventory import Inventory
from remediate.watching.called import why
from remediate.watching.concerns import Concern
from remediate.watching.errands import Ended
from remediate.watching.messages import Looked
from remediate.watching.metrics import Metrics
from remediate.watching.remembered import Memory
from remediate.watching.rules import Alarm, State
from remediate.watching.said import faults_in, lines_in
from remediate.watching.schedule import Since
from remediate.watching.ward import Ward
from remediate.watching.work import Errand, Note, Turned, Work

Tell: TypeAlias = Callable[[str, str, str], None]
"""Tells one line: `info` or `warning`, where, what."""
OUTCOMES: Mapping[int, str] = {
    0: "healthy",
    1: "rolled back",
    2: "wrong usage",
    4: "declined",
    5: "stale",
    6: "blocked",
    7: "stuck",
    8: "needs a person",
}
"""What the exit codes of errands mean, for the metrics."""


@dataclass(frozen=True)
class Chronicle:
    """What becomes known of what happens.

    Attributes:
        memory: What must not be forgotten.
        tell: Tells one line.
        metrics: What is counted.
        tell_breakers: Tells the metrics which breakers are open.
        declared: Tells whether there is a playbook of a name: nothing else becomes a label.
    """

    memory: Memory
    tell: Tell
    metrics: Metrics
    tell_breakers: Callable[[Metrics], None]
    declared: Callable[[str], bool]

    def said(self, errand: Errand, line: str) -> None:
        """Tell what an errand says, and count what became of faults; from a thread of its own."""
        for fault in filter(lambda one: self.declared(one.playbook), faults_in(line)):
            self.metrics.fault(errand.environment, fault.playbook, fault.became)
        for told in lines_in(line):
            self.tell("info", _where(errand), told)

    def schedules(self, environment: str, anew: Mapping[str, Since]) -> None:
        """Write down what is scheduled anew; where that cannot be, it counts from the next start on."""
        for name, since in anew.items():
            try:
                self.memory.schedules(environment, name, since)
            except JournalError as error:
                self.tell("warning", f"{environment} {name}", f"not written down as scheduled: {error}")

    def begins(self, errand: Errand, served: float) -> bool:
        """Tell that an errand begins; False where it may not.

        What is scheduled must be known to have begun, or it would begin again; whatever else is done writes down itself
        what it does, and does nothing that it cannot write down.

        Args:
            errand: The errand.
            served: Of what is scheduled: the moment up to which it is done with, seconds since the epoch.
        """
        try:
            if errand.work is Work.SCHEDULED:
                self.memory.begins(errand, served)
        except JournalError as error:
            self.refused(errand, str(error))
            return False
        self.tell("info", _where(errand), f"begins: {errand.reason}")
        return True

    def refused(self, errand: Errand, why: str) -> None:
        """Tell that an errand is not begun."""
        self.tell("warning", _where(errand), f"not begun: {why}")

    def ended(self, ended: Ended) -> None:
        """Tell how an errand ended."""
        self.tell("info", _where(ended.errand), f"ended with {ended.code} after {ended.seconds:.0f} s")
        self.metrics.ran(ended.errand.environment, OUTCOMES.get(ended.code, "failed"), ended.seconds)

    def looked(self, look: Looked, alarms: Iterable[Alarm], wall: float) -> None:
        """Tell what a look gave, and what rules say after it."""
        if why := look.reading.blind:
            self.tell("warning", f"{look.environment} {look.host}", f"could not be looked at: {why}")
        states = {alarm.rule: alarm.state for alarm in alarms}
        seen = set(states.values())
        result = "alarm" if State.FIRING in seen else "unknown" if State.UNKNOWN in seen else "well"
        self.metrics.looked(look.environment, look.host, result, wall)
        for rule, state in states.items():
            self.metrics.alarm(look.environment, look.host, rule, firing=state is State.FIRING)

    def count_concerns(self, wards: Iterable[Ward]) -> None:
        """Count what is open."""
        for ward in wards:
            self.metrics.open_concerns(ward.name, len(ward.concerns))

    def count_breakers(self) -> None:
        """Count the breakers that are open, which takes a reading of the audit log."""
        try:
            self.tell_breakers(self.metrics)
        except JournalError as error:  # they hold all the same: whoever heals reads them before every cure
            self.tell("warning", "", f"nobody can say which breakers are open: {error}")

    def note(self, note: Note) -> None:
        """Tell what became of a concern."""
        one = note.concern
        where = f"{one.environment} {one.host}"
        try:
            self.memory.note(note)
        except JournalError as error:  # it is known for as long as this process lives
            self.tell("warning", where, f"not written down: {error}")
        more = f": {one.seen}" if note.turned is Turned.OPENED and one.seen != one.source else ""
        level = "warning" if note.turned is Turned.OPENED else "info"
        self.tell(level, where, f"incident {note.turned.value}: {one.source}{more}")

    def call(self, note: Note, inventory: Inventory, wall: float, topic: str) -> tuple[str, ...]:
        """Tell what healing is no help for, and return the run that a person is to be called for."""
        one = note.concern
        where = f"{one.environment} {one.host}"
        self.tell("warning", where, f"{why(one, inventory)}: {one.seen}")
        try:
            return (self.memory.call(note, inventory, wall, topic),)
        except JournalError as error:
            self.tell("warning", where, f"not written down, and nobody called: {error}")
            return ()

    def left_open(self, wards: Iterable[Ward]) -> None:
        """Tell what is still open when nobody looks any more, and whether a person knows."""
        for ward in wards:
            for one in ward.concerns.values():
                what = f"still open: {one.source}: {one.seen}; {_known(one, ward)}"
                self.tell("warning", f"{one.environment} {one.host}", what)

    def end_calls(self, wall: float) -> Collection[str] | None:
        """Tell what a person was called for and is over, and return the environments where something is not.

        Returns:
            None where nobody can say.
        """
        try:
            for fault in self.memory.end_calls(wall):
                self.tell("info", "", f"over, and no call of its own any more: {fault}")
            return self.memory.called_in(wall)
        except JournalError as error:
            self.tell("warning", "", f"nobody can say which calls are over: {error}")
            return None


def _known(concern: Concern, ward: Ward) -> str:
    """Return whether a person knows of a concern, in a clause."""
    told = {
        "a person could not be called yet": concern.key in {one.about for one in ward.calls.runs.values()},
        "a report was written, and nobody told: no contact has `notify`": concern.key in ward.calls.unheard,
        "a person was called": concern.called,
        f"healing cannot be carried out, and nobody was called: {concern.mute}": bool(concern.mute),
        "healing left what is there to a person": concern.host in ward.closing.left,
        "something was healed, and nobody was called: look again, a person is called if it is still there": (
            concern.tries > 0 and not concern.found_well
        ),
    }
    return next((what for what, so in told.items() if so), "nobody was called: look again")


def _where(errand: Errand) -> str:
    return f"{errand.environment} {errand.name or ','.join(errand.hosts)} {errand.work.value}"
