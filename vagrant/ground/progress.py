"""Tells a person what is being done and how long it took. Decides nothing."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO


@dataclass(frozen=True)
class Progress:
    """Writes one line a step: what it was, and its seconds."""

    stream: TextIO = sys.stderr
    clock: Callable[[], float] = time.monotonic

    def say(self, line: str) -> None:
        """Write one line as it is."""
        print(line, file=self.stream, flush=True)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Time the block and tell of it once it is done, or that it failed."""
        begun = self.clock()
        try:
            yield
        except BaseException:
            self.say(f"  {what}: failed after {self.clock() - begun:.1f} s")
            raise
        self.say(f"  {what}: {self.clock() - begun:.1f} s")
