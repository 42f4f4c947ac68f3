"""All of the kill matrix and of the cut matrix, on two practice grounds at once: `make kill-matrix`.

`python -m tests.faults.kill_matrix POINT… PLAYBOOK…` plays only these points, and all of these playbooks. It prints a
line a point, and the sums at the end.
"""

import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

from tests.faults.points import AWAY, BLINK, KILL, Point, playbooks, points
from tests.faults.worlds import Reference, Worlds, worlds_on
from tests.practice import new_practice, put_away

WORKERS = 2
SUMS = {"cut points": (BLINK, AWAY), "kill points": (KILL,)}
"""What is told at the end, the kill points last."""


@dataclass
class Matrix:
    """What is left to be played, and what came of the rest."""

    left: list[Point] = field(default_factory=list)
    tried: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    one_at_a_time: threading.Lock = field(default_factory=threading.Lock)

    def take(self, prefer: str) -> Point | None:
        """Return the next point, of the playbook that the host is broken for where there is one."""
        with self.one_at_a_time:
            if not self.left:
                return None
            same = (number for number, point in enumerate(self.left) if point.playbook == prefer)
            return self.left.pop(next(same, -1))

    def note(self, point: Point, seconds: float, why: str) -> None:
        """Count what came of a point, and tell it."""
        with self.one_at_a_time:
            self.tried[point.what] += 1
            self.held[point.what] += not why
            told = f"{'FELL' if why else 'held'}  {point}  {seconds:.1f} s  ({len(self.left)} left)"
            print(f"{told}\n{why}" if why else told, flush=True)  # noqa: T201  (a command of its own)

    def end(self) -> int:
        """Tell the sums, and return the exit code."""
        for name, whats in SUMS.items():
            tried, held = (sum(counted[what] for what in whats) for counted in (self.tried, self.held))
            print(f"{name}: {tried} tried, {held} held")  # noqa: T201
        return 0 if self.tried and self.tried == self.held else 1


def main(names: Sequence[str]) -> int:
    """Play the points of these names and those of these playbooks, or all, and return the exit code."""
    matrix = Matrix([Point.named(name) for name in names if "/" in name])
    chosen = [name for name in names if "/" not in name] if names else list(playbooks())
    if unknown := set(chosen) - set(playbooks()):
        print(f"no such playbook: {', '.join(unknown)}; there are {', '.join(playbooks())}")  # noqa: T201
        return 2
    references: dict[str, Reference] = {}
    with ExitStack() as grounds, ThreadPoolExecutor(WORKERS) as pool:
        alone = len(names) == 1 and not chosen
        hosts = [_host(grounds, references) for _ in range(1 if alone else WORKERS)]
        if chosen:
            shares = [chosen[number :: len(hosts)] for number in range(len(hosts))]
            list(pool.map(_measure, hosts, shares))
            whats = (KILL, BLINK, AWAY)
            matrix.left += [one for name in chosen for one in points(name, references[name].writes, whats)]
            random.shuffle(matrix.left)  # so that a defect shows early
        try:
            list(pool.map(lambda worlds: _play(matrix, worlds), hosts))
        finally:
            matrix.left.clear()  # interrupted: what is being played ends, and no more is begun
    return matrix.end()


def _host(grounds: ExitStack, references: dict[str, Reference]) -> Worlds:
    practice = new_practice()
    grounds.callback(put_away, practice)
    practice.up("--hosts", "1")
    worlds = grounds.enter_context(worlds_on(practice))
    worlds.references = references
    return worlds


def _measure(worlds: Worlds, share: Sequence[str]) -> None:
    for playbook in share:
        worlds.ready_for(playbook)


def _play(matrix: Matrix, worlds: Worlds) -> None:
    while point := matrix.take(worlds.broken_for):
        began, why = time.monotonic(), ""
        try:
            worlds.play(point)
        except Exception as error:  # noqa: BLE001  (whatever it was: the point did not hold, and the others go on)
            why = str(error) or repr(error)
        matrix.note(point, time.monotonic() - began, why)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):  # the grounds are put away, however it is ended
        signal.signal(number, signal.default_int_handler)
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("interrupted: not all points were played")
