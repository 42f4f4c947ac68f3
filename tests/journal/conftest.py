from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from remediate.journal import Journal, Operator, RunHeader
from remediate.masking import Masker
from remediate.model import Change, Fidelity, Undo, WayBack

CANARY = "canary-7f3a-p@ss/word"


class Ticking:
    """A clock that goes on by a second with every look."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def open_journal(state: Path) -> Iterator[Callable[[], Journal]]:
    opened: list[Journal] = []

    def open_one() -> Journal:
        opened.append(Journal.open(state, Masker([CANARY]), Ticking()))
        return opened[-1]

    yield open_one
    for journal in opened:
        journal.close()


@pytest.fixture
def journal(open_journal: Callable[[], Journal]) -> Journal:
    return open_journal()


class Samples:
    """Values for tests to write down."""

    canary = CANARY

    def header(self, run: str, **more: object) -> RunHeader:
        operator = Operator(user="ada", machine="runner1", key="SHA256:abc")
        told = {
            "playbook": "missing-columns",
            "environment": "lab",
            "hosts": ("web1",),
            "reason": "INC-1",
            **more,
        }
        return RunHeader(run=run, operator=operator, **told)

    def change(self, **more: object) -> Change:
        told = {"what": "write .env", "target": "/srv/.env", "risk": "config", **more}
        return Change(fidelity=Fidelity.EXACT, way_back=WayBack.EXACT, **told)

    def undo(self, **data: object) -> Undo:
        return Undo(action="files.replace", parameters={"path": "/srv/.env"}, data=data)


@pytest.fixture
def samples() -> Samples:
    return Samples()
