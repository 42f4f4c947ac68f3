"""Draws a few points of the matrix by the seed."""

import random

from tests.faults.points import PROCESSES, Point, playbooks, points
from tests.faults.seed import ensure_seed
from tests.faults.worlds import Worlds


def sample(worlds: Worlds, whats: tuple[str, ...]) -> list[Point]:
    """Return a point of each process, of one playbook, which is measured for it."""
    drawn = random.Random(f"{ensure_seed()} {whats}")  # noqa: S311  (no secret is made of it)
    playbook = drawn.choice(playbooks())
    worlds.ready_for(playbook)
    every = list(points(playbook, worlds.references[playbook].writes, whats))
    return [drawn.choice([one for one in every if one.process == process]) for process in PROCESSES]
