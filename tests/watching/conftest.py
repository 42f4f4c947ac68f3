"""An inventory that is watched, a clock that a test turns by hand, and a reading of whatever a rule looks at."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from remediate.inventory import Inventory, load_inventory
from remediate.watching.access_log import Requests
from remediate.watching.concerns import Moment
from remediate.watching.readings import Opinion, Reading, Spent

TEXT = """
environment: lab
groups:
  backend:
    hosts:
      web1: {address: 192.0.2.11}
      web2: {address: 192.0.2.12}
      studio1: {address: 192.0.2.11, vars: {app: {name: studio}}}
    vars:
      app: {name: lumiku-backend, root: /srv/lumiku, backend: /srv/lumiku/backend, port: 3000}
    database:
      url: {env_file: "{{ app.backend }}/.env", key: DATABASE_URL}
  light:
    hosts:
      little: {address: "2001:db8::1"}
watch:
  every: 60s
  jitter: 0s
  listener: {bearer: {env: TOKEN}}
  alerts:
    HighErrorRate: {playbooks: [post-deploy-500]}
    DatabaseDown: {on: [backend]}
  schedule:
    weekly: {playbook: vacuum, cron: "0 4 * * MON", zone: Europe/Berlin}
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Callable[..., Inventory]:
    def from_text(old: str = "", new: str = "", name: str = "lab") -> Inventory:
        assert old in TEXT
        path = tmp_path / f"{name}.yml"
        path.write_text(TEXT.replace(old, new, 1).replace("environment: lab", f"environment: {name}"))
        return load_inventory(path)

    return from_text


@dataclass
class Hand:
    """A wall clock and a stopwatch that go on together, but for leaps."""

    wall: float = 1_700_000_000.0
    stopwatch: float = 1000.0

    @property
    def now(self) -> Moment:
        return Moment(self.wall, self.stopwatch)

    def on(self, seconds: float) -> Moment:
        self.wall, self.stopwatch = self.wall + seconds, self.stopwatch + seconds
        return self.now


@pytest.fixture
def hand() -> Hand:
    return Hand()


def reading(
    at: float,
    *,
    total: float = 100,
    failed: float = 0,
    seconds: float = 1,
    free: float | None = 50.0,
    busy: int | None = None,
    database: bool | None = True,
    health: bool | None = True,
    cut_short: bool = False,
) -> Reading:
    """A look at which all is well, but for what is said."""
    return Reading(
        at=at,
        requests=Requests(total, failed, total, seconds),
        cut_short=cut_short,
        free_percent=free,
        spent=None if busy is None else Spent(busy, int(at * 100)),
        database=None if database is None else Opinion(database, "the database"),
        health=None if health is None else Opinion(health, "the health check"),
    )
