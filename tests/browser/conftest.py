"""One browser for all tests of pages, and runs whose pages are looked at: each a real run over a host in memory."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ground import packages
from ground.errors import LabError
from ground.progress import Progress
from remediate.cli.records import _page
from remediate.journal import Operator, RunHeader, RunSummary
from remediate.model import Outcome
from remediate.sinks.page import plan_page
from tests.browser.chromium import Chromium, Tab, opened, tab
from tests.browser.samples import HOSTILE, PLANS
from tests.engine.conftest import CONFIG, LIMITS, Rehearsal, rehearsal  # noqa: F401  (a fixture)
from tests.engine.test_resumption import FAILING, confirmed, killed, resumed


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    try:
        packages.ensure_browser(Progress())
    except LabError as error:
        pytest.fail(f"pages are looked at in Chromium: {error}", pytrace=False)
    with opened(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def page(chromium: Chromium) -> Iterator[Tab]:
    with tab(chromium) as made:
        yield made


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where pictures are left: `make pages` says where, so that somebody can look at them."""
    folder = Path(os.environ.get("REMEDIATE_PICTURES") or tmp_path / "pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def begin(rehearsal: Rehearsal, reason: str) -> None:  # noqa: F811
    rehearsal.journal.begin(
        RunHeader(
            run=rehearsal.run,
            playbook="two-files",
            environment="lab",
            operator=Operator(user="ada", machine="runner"),
            reason=reason,
            version="0.1.0",
            plan="3" * 64,
            hosts=("memory",),
        )
    )
    signed = {"principal": "grace@example.com", "key": "SHA256:qkjHig20aSce0tuA3cZmkLVi5zJ/kYnXCFHte5CiAlU"}
    body = {"digest": "3" * 64, "signatures": [signed], "why": "grace@example.com"}
    rehearsal.journal.append(rehearsal.run, "", "reviewed", body)


def fixed(rehearsal: Rehearsal) -> None:  # noqa: F811
    run = rehearsal.host_run()
    look = run.look()
    findings = [finding.model_dump(mode="json") for finding in look.plan.findings]
    body = {"outcome": look.outcome.value, "digest": look.plan.digest, "findings": findings}
    rehearsal.journal.append(rehearsal.run, "memory", "looked", body)
    end(rehearsal, run.carry_out(look))


def rolled_back(rehearsal: Rehearsal) -> None:  # noqa: F811
    rehearsal.write_playbook(FAILING)
    fixed(rehearsal)


def stuck(rehearsal: Rehearsal) -> None:  # noqa: F811
    def somebody_writes() -> None:
        rehearsal.world.state.files[CONFIG].content = b"# somebody else's\n"
        rehearsal.world.state.files[LIMITS].content = HOSTILE.encode()

    rehearsal.on_sleep = somebody_writes
    rolled_back(rehearsal)


def resumed_and_taken_back(rehearsal: Rehearsal) -> None:  # noqa: F811
    assert killed(rehearsal, 3, "before")
    end(rehearsal, resumed(rehearsal))
    rollback = rehearsal.host_run().rollback
    settled = rollback.walk(confirmed(rehearsal).fixes)
    assert not settled.problem
    rehearsal.journal.ended(rehearsal.run, "memory", Outcome.PUT_BACK, "everything was put back")


def not_ended(rehearsal: Rehearsal) -> None:  # noqa: F811
    assert killed(rehearsal, 3, "before")


def end(rehearsal: Rehearsal, ending) -> None:  # noqa: F811
    rehearsal.journal.ended(rehearsal.run, "memory", ending.outcome, ending.why)


RUNS: dict[str, Callable[[Rehearsal], None]] = {
    "run-fixed": fixed,
    "run-rolled-back": rolled_back,
    "run-stuck": stuck,
    "run-resumed-and-taken-back": resumed_and_taken_back,
    "run-not-ended": not_ended,
}
NAMES = [*PLANS, *RUNS]


def summary_of(rehearsal: Rehearsal) -> RunSummary:  # noqa: F811
    return rehearsal.journal.runs()[0]


@pytest.fixture
def made(rehearsal: Rehearsal, tmp_path: Path) -> Callable[[str], Path]:  # noqa: F811
    """Make a page by its name, and return its file."""

    def make(name: str) -> Path:
        path = tmp_path / f"{name}.html"
        if name in PLANS:
            path.write_text(plan_page(PLANS[name]))
            return path
        begin(rehearsal, f"INC-4711 {HOSTILE}" if name == "run-stuck" else "INC-4711 the API answers 500")
        RUNS[name](rehearsal)
        path.write_text(_page(rehearsal.journal, summary_of(rehearsal)))
        return path

    return make
