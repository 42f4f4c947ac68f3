"""A host in memory, a playbook over it, and all that a run needs on its own side."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from remediate.catalogue import CATALOGUE
from remediate.clock import Clock
from remediate.engine import HostRun
from remediate.events import Event, Events
from remediate.journal import Journal
from remediate.masking import Masker
from remediate.owner import LockOwner
from remediate.playbook import load_playbook
from remediate.procedure import Procedure
from remediate.runner import Runner
from remediate.steps import Action
from tests.laws.memory import File, MemoryTarget, MemoryWorld, State
from tests.laws.simulated import PLACE_SCRIPT, place

CONFIG, LIMITS = "/srv/app/config.ini", "/srv/app/limits.ini"

PLAYBOOK = """
name: two-files
title: Two settings are wrong
on: backend
diagnose:
  - name: the colour is green
    files.contains: {path: /srv/app/config.ini, text: colour=green}
    as: colour
fix:
  - name: set the colour
    files.replace: {path: /srv/app/config.ini, find: colour=red, replace_with: colour=green}
  - name: set the limit
    files.replace: {path: /srv/app/limits.ini, find: limit=1, replace_with: limit=2}
verify:
  - name: the limit is two
    files.contains: {path: /srv/app/limits.ini, text: limit=2}
within: 5s
stable: 2s
"""


@dataclass
class Rehearsal:
    """A run over a host in memory, and what can be seen of it."""

    folder: Path
    world: MemoryWorld
    journal: Journal
    told: list[Event] = field(default_factory=list)
    now: float = 1000.0
    on_sleep: Callable[[], None] = lambda: None
    run: str = "20261122-101530-test"

    def write_playbook(self, text: str = PLAYBOOK) -> None:
        (self.folder / "two-files.yml").write_text(text)

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now, lambda: self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.on_sleep()

    @property
    def runner(self) -> Runner:
        events = Events(self.run, [self.told.append], Masker(), self.clock.wall)
        owner = LockOwner(run=self.run, who="tester", since="now")
        return Runner(owner, self.journal, events, action_of, self.clock)

    def host_run(self, target: object = None) -> HostRun:
        host = {"app": {"root": "/srv/app"}, "host": {"name": "memory"}, "database": {}}
        book = load_playbook(self.folder / "two-files.yml", CATALOGUE)
        reached = target or MemoryTarget(self.world, "")
        return HostRun(Procedure(book, book.scope(host), "lab"), reached, self.runner)  # type: ignore[arg-type]

    def content(self, path: str) -> bytes:
        return self.world.state.files[path].content

    def kinds(self) -> list[str]:
        return [event.kind for event in self.told]


def action_of(kind: str, parameters: dict[str, object]) -> Action:
    step = CATALOGUE[kind].model_validate(parameters)
    assert isinstance(step, Action)
    return step


@pytest.fixture
def rehearsal(tmp_path: Path):
    files = {CONFIG: File(b"# ours\ncolour=red\n", mode=0o640), LIMITS: File(b"limit=1\n")}
    world = MemoryWorld(State(files=files), scripts={PLACE_SCRIPT: place})
    with Journal.open(tmp_path / "state", Masker()) as journal:
        rehearsal = Rehearsal(tmp_path, world, journal)
        rehearsal.write_playbook()
        yield rehearsal
