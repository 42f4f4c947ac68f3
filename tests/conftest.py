"""What all tests share: one practice ground for each worker, an operator before it, and what is counted."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling

from tests import canary
from tests.counts import Counts, fault_numbers
from tests.faults.seed import SEED, ensure_seed
from tests.operator import Operator
from tests.practice import Practice, new_practice, put_away

SPREAD = "tests/acceptance/test_faults.py::test_a_fault_is_told_from_others_cured_and_taken_back"
"""A test that is a minute for each of its parameters, which share no more than the practice ground."""


@pytest.fixture(scope="session")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    """A full host `web1` and a light one `light1`; what the tests leave behind is searched for their secrets."""
    ground = new_practice()
    try:
        ground.up("--hosts", "1", "--light", "1")
        canary.learn_from(ground)
        watch = canary.Watch(canary.CANARIES)
        try:
            yield ground
        finally:
            snapshots, seen = watch.ended()
        canary.CANARIES.searched["lists of processes"] += snapshots
        left = canary.beside(ground, tmp_path_factory.getbasetemp())
        assert not seen + left, f"secrets of the practice ground are in {seen + left}"
    finally:
        put_away(ground)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Search the hosts for their secrets before they are put back, and tell how much was searched."""
    ground = getattr(item, "funcargs", {}).get("practice")
    hits = canary.on_hosts(ground) if ground else []
    try:
        yield
    finally:
        item.user_properties.append(("searched", dict(canary.CANARIES.searched)))
        canary.CANARIES.searched.clear()
    assert not hits, f"secrets are on the hosts, in {hits}"


@pytest.fixture
def operator(practice: Practice, tmp_path: Path) -> Operator:
    return Operator(practice, tmp_path)


@pytest.fixture
def web1(practice: Practice) -> Iterator[str]:
    """The full host, put back as it was when the test ends."""
    yield "web1"
    practice.reset("web1")


@pytest.fixture
def count(request: pytest.FixtureRequest) -> Callable[[str, int, int], None]:
    """Count what was tried and what held: `count("bits flipped", 4096, 4096)`; the suite's end tells the sums."""

    def note(what: str, tried: int, held: int) -> None:
        request.node.user_properties.append(("count", [what, tried, held]))

    return note


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 4 MiB of its own, for what happens when a disk is full."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "remediate-test", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def pytest_configure(config: pytest.Config) -> None:
    ensure_seed()
    if not hasattr(config, "workerinput"):  # the controller of the workers, or the only process
        config.pluginmanager.register(Counts(), "counts")


def pytest_report_header() -> str:
    return f"the matrix is sampled with {SEED}={ensure_seed()}"


class OneWorkerAFile(LoadScopeScheduling):
    """Gives each file to one worker, so that what its tests share is made once, and the long tests to whoever is free.

    The scheduler `loadgroup` of pytest-xdist 3.8 does not do it: it marks an attribute that pytest 9.2 does not read.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if nodeid.startswith(SPREAD) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneWorkerAFile:
    return OneWorkerAFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs on the practice ground, so that `-m "not ground"` is the fast half."""
    for item in items:
        item.user_properties.extend(("fault", number) for number in fault_numbers(item))
        if "practice" in getattr(item, "fixturenames", ()) or "/ground/" in str(item.path):
            item.add_marker(pytest.mark.ground)
