"""Which playbook cures which fault of the practice ground, as the faults themselves say."""

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cache

from tests.practice import LAB, done


@dataclass(frozen=True)
class Fault:
    """A fault of the practice ground.

    Attributes:
        name: As `vagrant/lab break` has it.
        description: What is broken, and what one sees.
        cured_by: The playbook that cures it; empty where only a person can.
        recognised_by: The playbook that names it.
        gone_once_cured: Why no way back can break it again; empty where one does.
        works_all_the_same: Why the app answers as it should even so; empty where it does not.
        no_way_back: Why its cure cannot be taken back; empty where it can.
    """

    name: str
    description: str
    cured_by: str
    recognised_by: str
    gone_once_cured: str
    works_all_the_same: str
    no_way_back: str


@cache
def faults() -> tuple[Fault, ...]:
    """Return every fault, by name."""
    listed = subprocess.run(
        [sys.executable, LAB, "faults", "--json"], capture_output=True, text=True, check=False
    )
    return tuple(Fault(**facts) for facts in json.loads(done(listed).stdout))


def cures() -> tuple[tuple[str, str], ...]:
    """Return every fault that a playbook cures, with that playbook."""
    return tuple((fault.name, fault.cured_by) for fault in faults() if fault.cured_by)


TAKES_ITS_TIME = frozenset({"busy-lock"})
"""Faults that are about waiting: what is played a hundred times for its writes does not wait."""


def fault_of(playbook: str) -> str:
    """Return a fault that a playbook cures at once."""
    return next(fault for fault, cure in cures() if cure == playbook and fault not in TAKES_ITS_TIME)
