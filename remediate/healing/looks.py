"""What healing has seen of its hosts: the last look at each, and when each fault was first seen. It judges nothing."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from remediate.clock import Clock
from remediate.errors import Blocked
from remediate.healing.others import Others, Overtaken
from remediate.healing.reach import Reach, Seen
from remediate.healing.waiting import PAUSE
from remediate.journal import Journal
from remediate.triage import Diagnosis, Presence


@dataclass
class Looks:
    """Looks at hosts; what is seen of one while somebody else is changing it does not count.

    Attributes:
        hosts: All that are to be healed.
        reach: What reaches them.
        journal: The audit log.
        others: Those who change them beside us.
        clock: The time.
        seen: The last look at each.
        first: When a fault was first seen, by host and playbook, on a stopwatch.
    """

    hosts: Sequence[str]
    reach: Reach
    journal: Journal
    others: Others
    clock: Clock
    seen: Mapping[str, Seen] = field(default_factory=dict)
    first: dict[tuple[str, str], float] = field(default_factory=dict)

    def look(self, left_alone: Collection[str]) -> None:
        """Look at all hosts but those.

        Raises:
            JournalError: The log cannot be read.
        """
        at, mark = self.clock.monotonic(), self.journal.last
        seen = self.reach.look([host for host in self.hosts if host not in left_alone])
        came = {host: Overtaken(host, run) for host, run in self.others.came(mark).items() if host in seen}
        self.seen = {host: came.get(host) or seen.get(host, ()) for host in self.hosts}
        for host, found in self.seen.items():
            for one in found_in(found):
                self.first.setdefault((host, one.playbook.name), at)

    def note_overtaken(self, host: str, mark: int) -> bool:
        """Let the look at a host count no more where somebody is changing it, or has since the log had that number.

        Returns:
            Whether it is so.

        Raises:
            JournalError: The log cannot be read.
        """
        run = self.others.came(mark).get(host)
        if run:
            self.seen = {**self.seen, host: Overtaken(host, run)}
        return bool(run)

    def others_end(self, goes_on: Callable[[], bool]) -> Collection[str]:
        """Wait until somebody else has ended somewhere; return the hosts in question, none where it may not be waited.

        Raises:
            JournalError: The log cannot be read.
        """
        busy = {host: found.run for host, found in self.seen.items() if isinstance(found, Overtaken)}
        while busy and goes_on():
            self.clock.sleep(PAUSE)
            if not all(self.others.at_work(run, host) for host, run in busy.items()):
                return busy
        return ()


def found_in(seen: Seen) -> tuple[Diagnosis, ...]:
    """Return the faults that a look at a host found; none where it could not be looked at."""
    return () if isinstance(seen, Blocked) else tuple(one for one in seen if one.presence is Presence.FOUND)
