"""Draws a few points of the matrix by the seed."""

import random

from tests.faults.points import Point, playbooks, points
from tests.faults.seed import ensure_seed
from tests.faults.worlds import Worlds


def sample(worlds: Worlds, whats: tuple[str, ...], count: int) -> list[Point]:
    """Return some points of one playbook, which is measured for it."""
    drawn = random.Random(f"{ensure_seed()} {whats}")  # noqa: S311  (no secret is made of it)
    playbook = drawn.choice(playbooks())
    worlds.ready_for(playbook)
    return drawn.sample(list(points(playbook, worlds.references[playbook].writes, whats)), count)
