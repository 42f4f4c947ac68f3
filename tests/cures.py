"""Which playbook cures which fault of the practice ground, as the faults themselves say."""

import json
import subprocess
import sys
from functools import cache

import pytest

from tests.practice import LAB, done


@cache
def cures() -> tuple[tuple[str, str], ...]:
    """Return every fault that a playbook cures, with that playbook."""
    listed = subprocess.run(
        [sys.executable, LAB, "faults", "--json"], capture_output=True, text=True, check=False
    )
    faults = json.loads(done(listed).stdout)
    return tuple((fault["name"], fault["cured_by"]) for fault in faults if fault["cured_by"])


def fault_of(playbook: str) -> str:
    """Return a fault that a playbook cures."""
    return next(fault for fault, cure in cures() if cure == playbook)


CURED = [pytest.param(fault, playbook, id=fault) for fault, playbook in cures()]
"""For `parametrize(("fault", "playbook"), CURED)`."""
