"""Entries of an audit log as healing writes them, without a log: for what is decided by them."""

from dataclasses import dataclass, field

from remediate.healing.history import Fingerprint, History, history_of
from remediate.journal import Entry
from remediate.model import Json, Outcome

FAULT = Fingerprint(environment="lab", target="web1", playbook="colour")


@dataclass
class Logbook:
    """Entries in order; `now` is when the next is written."""

    now: float = 1_000_000.0
    entries: list[Entry] = field(default_factory=list)

    def add(self, kind: str, run: str = "run", host: str = "web1", **body: Json) -> None:
        entry = {"run": run, "host": host, "at": self.now, "kind": kind, "body": body}
        self.entries.append(Entry(seq=len(self.entries) + 1, previous="", hash="", **entry))

    def attempt(
        self,
        outcome: Outcome | None = None,
        fault: Fingerprint = FAULT,
        host: str = "web1",
        *,
        group: str = "backend",
        interrupted: bool = False,
    ) -> str:
        """Begin a cure and, where an outcome is given, end it at once; return its run."""
        run = f"run{len(self.entries)}"
        self.add("attempt", run, host, fingerprint=fault.model_dump(), group=group, why="")
        if outcome:
            more = {"interrupted": True} if interrupted else {}
            self.add("ended", run, host, outcome=outcome.value, why="", **more)
        return run

    def stopped(self, run: str, *, interrupted: bool = False) -> None:
        """Begin to put a cure back."""
        self.add("stopped", run, why="", **({"interrupted": True} if interrupted else {}))

    def ended(self, run: str, outcome: Outcome) -> None:
        self.add("ended", run, outcome=outcome.value, why="")

    def incident(self, state: str, fault: Fingerprint = FAULT) -> None:
        self.add("incident", fingerprint=fault.model_dump(), state=state, why="")

    def reset(self, target: str = "web1", playbook: str = "", environment: str = "lab") -> None:
        self.add("breaker-reset", host="", target=target, playbook=playbook, environment=environment)

    @property
    def history(self) -> History:
        return history_of(self.entries)
