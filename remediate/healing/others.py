"""Whether anybody else is changing a host: another healer, or a person's run. It waits for nobody, and stops nobody.

A look into the middle of another's change finds faults that nobody has, and calls gone what is not proven to be.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from remediate.errors import Locked
from remediate.journal import COURSES, Entry, Journal
from remediate.journal.understanding import understanding

_TELLING = COURSES | {"ended"}
"""What tells that a run changes a host, and that it has done so: whoever is only asked for a yes changes nothing."""


@dataclass(frozen=True)
class Others:
    """Those who change hosts of an environment by this runner's audit log.

    Attributes:
        environment: The inventory's environment.
        journal: The audit log.
    """

    environment: str
    journal: Journal

    def came(self, mark: int) -> Mapping[str, str]:
        """Return the hosts that somebody is changing, or has since the log had that number, with the run.

        Raises:
            JournalError: The log cannot be read.
        """
        runs = dict.fromkeys([*self.journal.living(), *(one.run for one in self.journal.since(mark))])
        return {host: run for run in runs for host in self._changed(run, mark)}

    def at_work(self, run: str, host: str) -> bool:
        """Tell whether a run is changing a host still.

        Raises:
            JournalError: The log cannot be read.
        """
        return host in self._changed(run, self.journal.last)

    def _changed(self, run: str, mark: int) -> Iterator[str]:
        entries = [one for one in self.journal.entries(run) if one.kind in _TELLING or one.kind == "begun"]
        if not any(map(self._is_a_run_here, entries[:1])):
            return
        for host in dict.fromkeys(one.host for one in entries if one.kind in COURSES):
            last = [one for one in entries if one.host == host][-1]
            if last.seq > mark or (last.kind in COURSES and self.journal.lives(run)):
                yield host

    def _is_a_run_here(self, begun: Entry) -> bool:
        with understanding(begun.seq):
            known = begun.body if begun.kind == "begun" else {}
            return (known.get("command"), known.get("environment")) == ("run", self.environment)


class Overtaken(Locked):
    """What was seen of a host while somebody else was changing it: nothing that counts.

    Args:
        host: Which host.
        run: The run that was at it.
    """

    def __init__(self, host: str, run: str) -> None:
        super().__init__(
            host, f"{run} is changing it, and nobody can say yet how it does", "look again later"
        )
        self.run = run
