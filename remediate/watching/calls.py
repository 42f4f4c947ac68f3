"""The runs that a person has to be called for, and when it is tried again where nobody was reached. It calls nobody."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from remediate.watching.concerns import LONGEST_PAUSE, Key
from remediate.watching.work import Errand, Work

ESCALATING = 60.0
"""Seconds between two looks whether it is somebody else's turn, while something is not healed."""
TRIES = 24
"""How often it is tried to call a person who cannot be reached; at last once an hour, so for most of a day."""
PAUSE = 60.0
"""Seconds after which it is tried again; doubled each time."""


@dataclass(frozen=True)
class Call:
    """One run that a person has to be called for.

    Attributes:
        about: The concern that it is about.
        tries: How often nobody could be reached.
        due: When it is tried next, on a stopwatch.
    """

    about: Key
    tries: int = 0
    due: float = float("-inf")

    def missed(self, now: float) -> "Call":
        """Return it after nobody was reached: the next time is later each time."""
        pause = min(PAUSE * 2 ** min(self.tries, 16), LONGEST_PAUSE)
        return replace(self, tries=self.tries + 1, due=now + pause)


@dataclass
class Calls:
    """What a person has to be called for in one environment.

    Attributes:
        runs: The calls that nobody has taken, by run.
        looked: When it was last looked whether it is somebody else's turn, on a stopwatch.
        open: Whether a person was called for anything that is not over, as far as the audit log tells.
        unheard: The concerns of which a report was written, and nobody was there to be told.
    """

    runs: dict[str, Call] = field(default_factory=dict)
    looked: float = float("-inf")
    open: bool = False
    unheard: set[Key] = field(default_factory=set)

    @property
    def untried(self) -> bool:
        """Whether there is one that was not tried at all."""
        return any(not one.tries for one in self.runs.values())

    @property
    def due(self) -> tuple[float, ...]:
        """When each is tried next, on a stopwatch; one that was tried too often is not."""
        return tuple(one.due for one in self.runs.values() if one.tries < TRIES)

    def want(self, run: str, about: Key) -> None:
        """Note that a person is to be called for a run."""
        self.runs[run] = Call(about)

    def next(self, now: float, *, again: bool) -> str | None:
        """Return the run that is to be called for now, the longest due first.

        Args:
            now: On a stopwatch.
            again: Whether of those where nobody was reached; else of those that were not tried yet.
        """
        asked = {run: one for run, one in self.runs.items() if bool(one.tries) is again}
        ready = {run: one for run, one in asked.items() if one.due <= now and one.tries < TRIES}
        return min(ready, key=lambda run: ready[run].due, default=None)

    def errand(self, environment: str, now: float, *, again: bool) -> Errand | None:
        """Return the errand that calls a person; None where nobody is to be. The arguments are those of `next`."""
        run = self.next(now, again=again)
        if run is None:
            return None
        return Errand(environment, Work.ESCALATE, (), name=run, reason=f"a person is called for {run}")

    def tried(self, run: str, now: float, *, well: bool, nobody: bool = False) -> None:
        """Note whether somebody was reached for a run, or is to be; of one that is over, nothing is to be noted."""
        call = self.runs.pop(run, None)
        if call and nobody:
            self.unheard.add(call.about)
        if call and not well:
            self.runs[run] = call.missed(now)

    def over(self, closed: Collection[Key]) -> None:
        """Forget the calls about what is over: nobody is called for it any more."""
        self.runs = {run: one for run, one in self.runs.items() if one.about not in closed}
        self.unheard -= set(closed)

    def next_levels(self, now: float) -> bool:
        """Return whether it is to be looked now whose turn it is, and note that it is."""
        due = now >= self.looked + ESCALATING
        self.looked = now if due else self.looked
        return due
