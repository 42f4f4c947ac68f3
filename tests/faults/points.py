"""The points of the kill matrix and of the cut matrix: generated from the playbooks there are. Plays nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.practice import REPOSITORY

PROCESSES = ("run", "resume", "rollback", "failing")
"""What it befalls: a run, the resumption of one, the rollback of one, or a run that does not cure and puts all back."""
KILL, BLINK, AWAY = "kill", "blink", "away"
"""Killed; cut off for some seconds; cut off until the process has ended."""
MOMENTS = {KILL: ("before", "after"), BLINK: ("at",), AWAY: ("at",)}
"""When, of one write. Nothing travels while an entry is written: right before and right after are one cut."""
WAYS = {KILL: ("resume", "rollback"), BLINK: ("resume",), AWAY: ("resume", "rollback")}
"""What comes after it, in worlds of their own. After a blink the process itself mostly comes to its end."""


@dataclass(frozen=True)
class Point:
    """One world: what befalls which process at which of its writes to the audit log, and what comes after."""

    playbook: str
    process: str
    what: str
    moment: str
    write: int
    way: str

    def __str__(self) -> str:
        return f"{self.playbook}/{self.process}/{self.what}/{self.moment}-{self.write}/{self.way}"

    @classmethod
    def named(cls, text: str) -> "Point":
        """Return the point that is written so."""
        playbook, process, what, at, way = text.split("/")
        moment, _, write = at.partition("-")
        return cls(playbook, process, what, moment, int(write), way)


LEFT_OUT = {
    "missing-tables": "a migration has no way back; tests/laws cuts it off",
    "blocked-queries": "whom it ends, no way back brings again; tests/database/test_ending.py cuts it off",
    "orphaned-rows": "it changes nothing unless a person chooses; tests/database/test_key_playbooks.py cuts it off",
    "foreign-key": "it changes nothing unless a person asks; tests/database/test_foreign_key.py cuts it off",
    "vacuum": "it changes no row and no file; tests/database/test_upkeep.py cuts it off",
}
"""Playbooks that the matrix does not play, and why."""


def playbooks() -> tuple[str, ...]:
    """Return the names of all shipped playbooks that change something which a witness counts, and can take it back."""
    shipped = (REPOSITORY / "playbooks").glob("*.yml")
    changing = {path.stem for path in shipped if "\nfix:" in path.read_text()}
    return tuple(sorted(changing - LEFT_OUT.keys()))


def points(playbook: str, writes: Mapping[str, range], whats: tuple[str, ...]) -> Iterator[Point]:
    """Return every point of a playbook.

    Args:
        playbook: Its name.
        writes: Which writes each process makes that no other process makes in the same state.
        whats: Killed, cut off, or both.
    """
    for process, numbers in writes.items():
        for what in whats:
            for number in numbers:
                for moment in MOMENTS[what]:
                    for way in WAYS[what]:
                        yield Point(playbook, process, what, moment, number, way)
