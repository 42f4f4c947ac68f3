"""Counts round trips, so that a test can hold what a look costs. Measures no time."""

from dataclasses import dataclass


@dataclass
class Trips:
    """How often the runner waited for an answer, after connecting.

    Attributes:
        shell: Batches answered by the pipelined shell.
        database: Batches answered by the database.
        jobs: Waits for a changing command.
        connecting: What was asked only to find the database: its URL in the app's .env.
    """

    shell: int = 0
    database: int = 0
    jobs: int = 0
    connecting: int = 0

    @property
    def looking(self) -> int:
        """Round trips spent on looking."""
        return self.shell + self.database
