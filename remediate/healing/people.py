"""Runs of persons that are under way, or were left half-way: hands off, on the same host and as one of its group."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from remediate.healing.others import Others
from remediate.healing.verdict import Condition
from remediate.journal import Journal, RunSummary


@dataclass(frozen=True)
class People:
    """What persons do to the hosts of an environment, by this runner's audit log.

    Attributes:
        environment: The inventory's environment.
        journal: The audit log.
    """

    environment: str
    journal: Journal

    def on(self, host: str) -> Iterator[Condition]:
        """Return whether a person's run is under way on a host, or was left half-way there.

        Raises:
            JournalError: The log cannot be read.
        """
        begun = [summary for summary in self._unfinished() if host in summary.unfinished]
        living = next((one.header.run for one in begun if self.journal.lives(one.header.run)), "")
        said = f"run {living} of a person is under way there" if living else "none is"
        runs = (living,) if living else ()
        yield Condition(name="no person is at it", holds=not living, said=said, waits_for=runs)
        left = next((one.header.run for one in begun if one.owed and one.header.run != living), "")
        todo = f"remediate resume {left}, or remediate rollback {left}"
        said = f"run {left} never ended there: {todo}" if left else "nothing was"
        yield Condition(name="nothing was left half-way", holds=not left, said=said)

    def in_work(self, hosts: Collection[str]) -> Mapping[str, str]:
        """Return which of these hosts a person's run is changing, or has left half-way, with the run.

        A run that only waits for a person's yes changes nothing, and may wait for long.

        Raises:
            JournalError: The log cannot be read.
        """
        return {
            host: one.header.run
            for one in (self._unfinished() if hosts else ())
            for host in one.unfinished
            if host in hosts and self._is_at_work(one, host)
        }

    def _is_at_work(self, one: RunSummary, host: str) -> bool:
        run = one.header.run
        if self.journal.lives(run):
            return Others(self.environment, self.journal).at_work(run, host)
        return bool(self.journal.owed(run, host))

    def _unfinished(self) -> Iterator[RunSummary]:
        for one in self.journal.runs():
            header = one.header
            ours = header.command == "run" and not header.healing and header.environment == self.environment
            if ours and one.unfinished:
                yield one
