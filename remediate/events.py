"""What happened, told once and masked at one place. Who listens, and what they make of it, is not known here.

The engine tells; sinks subscribe. A secret is masked (`masking.py`) before the first sink sees the event.
"""

import threading
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias

from remediate.masking import Masker
from remediate.model import Json
from remediate.questions import Value

EventKind: TypeAlias = Literal[
    "run-started",  # data: playbook, title, environment, reason
    "looking",  # text: what is looked at (diagnose, verify, again)
    "finding",  # data: a Finding
    "rehearsing",  # text: what is done on a copy, what it needs, how long it took before
    "planned",  # data: a Plan with its digest
    "moved",  # text: what is not as it was planned; data: then and now, in lines
    "chosen",  # text: why a fault is cured first, or left alone
    "ruled",  # text: what becomes of a cure where nobody watches, and why; data: a Ruling
    "confirmed",  # text: how (typed, --yes)
    "fix-started",  # step: the fix's name
    "change-started",  # data: a Change
    "output",  # text: one line that a running command printed
    "change-done",  # data: a Change
    "change-failed",  # text: why; data: output
    "nothing-to-do",  # step: a fix that had nothing to do when its turn came
    "verifying",  # text: what is still wrong; data: seconds left, stable since
    "undo-started",  # text: what is put back
    "undo-done",
    "undo-failed",  # text: why; data: output
    "put-back",  # text: whether everything is as it was before the run; data: what differs
    "warning",  # text
    "ended",  # text: why, in one line; data: outcome, and what to do next
]


class Event(Value):
    """One thing that happened on one host in one run.

    Attributes:
        kind: Which sort of thing.
        run: The run's id.
        host: The host's name.
        at: Seconds since the epoch, on the runner's clock.
        step: The name of the playbook's step, where there is one.
        text: One line for a person.
        data: The value behind it, JSON.
    """

    kind: EventKind
    run: str
    host: str
    at: float
    step: str = ""
    text: str = ""
    data: dict[str, Json] = {}


Sink: TypeAlias = Callable[[Event], None]


class Events:
    """The bus of one run: masks an event and hands it to every sink, one event at a time.

    Args:
        run: The run's id.
        sinks: Who listens, in order.
        masker: What is secret.
        clock: Seconds since the epoch.

    Attributes:
        defects: What sinks raised for a defect of their own, to be told once the run is over.
    """

    def __init__(self, run: str, sinks: Iterable[Sink], masker: Masker, clock: Callable[[], float]) -> None:
        self.run, self._sinks, self.masker, self._clock = run, tuple(sinks), masker, clock
        self._one_at_a_time = threading.Lock()
        self.defects: list[Exception] = []

    def of_run(self, run: str) -> "Events":
        """Return the bus of another run that goes on within this one: the same sinks hear of it."""
        other = Events(run, self._sinks, self.masker, self._clock)
        other._one_at_a_time, other.defects = self._one_at_a_time, self.defects
        return other

    def tell(self, kind: EventKind, host: str, text: str = "", step: str = "", **data: Any) -> None:
        """Tell every sink what happened, masked."""
        event = Event(
            kind=kind,
            run=self.run,
            host=host,
            at=self._clock(),
            step=step,
            text=self.masker.text(text),
            data=self.masker.json(data),
        )
        with self._one_at_a_time:
            self._sinks = tuple(sink for sink in self._sinks if self._told(sink, event))

    def _told(self, sink: Sink, event: Event) -> bool:
        """Hand an event to a sink, and tell whether it still listens: a closed terminal or pipe ends no run.

        Neither does a sink's own defect, between a change that was made and the next: it is kept, to be told.
        """
        try:
            sink(event)
        except OSError:
            return False
        except Exception as defect:  # noqa: BLE001 - kept, and told at the end
            self.defects.append(defect)
        return True
