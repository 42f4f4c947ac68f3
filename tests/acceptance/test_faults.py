"""The fault matrix: every fault is told from all others, shown, cured, cured once only, and taken back to the byte."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from remediate.catalogue import CATALOGUE
from remediate.playbook import load_playbook
from tests.acceptance.coverage import PAGE, page_is_fresh
from tests.acceptance.trials import Named, Stages, Trial, named
from tests.cures import Fault, faults
from tests.operator import Operator, picture
from tests.practice import REPOSITORY, STUDIO, Practice, new_practice, put_away

SOURCE, BUILD, CLIENT = "named-import", "missing-dist-file", "unknown-field"
CHANGES_A_DATABASE = re.compile(r"sql\.|prisma\.(?!generate)")
ENDS_SESSIONS = "blocked-queries"
"""It changes no row and no table, and what it ends is not begun again."""
BY_CHOICE = {"foreign-key", "orphaned-rows"}
"""They change nothing unless a person says what; `test_key_choices.py` plays that, and the way back."""
ELSEWHERE = (SOURCE, BUILD, CLIENT, "database-url-wrong-host", "missing-columns", "app-deleted")
"""One fault of each kind (three, environment, database, process) for the app with other names and spaces."""


@pytest.mark.parametrize("fault", faults(), ids=lambda fault: fault.name)
def test_a_fault_is_told_from_others_cured_and_taken_back(
    practice: Practice, operator: Operator, web1: str, fault: Fault, count: Callable[[str, int, int], None]
) -> None:
    assert web1 == "web1"
    trial = Stages(practice, operator, Trial(fault)).play()
    for stage in trial.stages:
        count(f"fault matrix, {stage}", 1, int(stage in trial.held))
    if fault.cured_by in changing_databases() and not fault.no_way_back:
        count("undo to the letter", 1, int("back" in trial.held))
    assert not trial.why, trial.why


def test_a_healthy_host_is_named_by_no_playbook(practice: Practice, operator: Operator) -> None:
    before = picture(practice)
    assert named(operator, "web1") == Named((), (), ())
    assert picture(practice) == before


@pytest.fixture(scope="module")
def two_apps() -> Iterator[Practice]:
    """A host with a second app: another name, root, port, user and log, and spaces in its path."""
    ground = new_practice()
    try:
        ground.up("--hosts", "1", "--second-app")
        yield ground
    finally:
        put_away(ground)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_an_app_of_another_name_and_place_is_cured_too_and_its_neighbour_left_alone(
    two_apps: Practice, tmp_path: Path, name: str
) -> None:
    (fault,) = [one for one in faults() if one.name == name]
    neighbour = picture(two_apps).processes
    operator = Operator(two_apps, tmp_path)
    try:
        trial = Stages(two_apps, operator, Trial(fault), STUDIO).play()
        assert not trial.why, trial.why
        assert named(operator, "web1") == Named((), (), ())
        assert picture(two_apps).processes == neighbour
    finally:
        two_apps.reset()


@cache
def changing_databases() -> frozenset[str]:
    """The shipped playbooks that change a database: `back` compares what pg_dump says before and after."""
    books = {path.stem: load_playbook(path, CATALOGUE) for path in (REPOSITORY / "playbooks").glob("*.yml")}
    changes = {name: {step.kind for step in book.fix} for name, book in books.items()}
    return frozenset(name for name, kinds in changes.items() if any(map(CHANGES_A_DATABASE.match, kinds)))


def test_every_playbook_that_changes_a_database_is_put_back_from_a_fault() -> None:
    cured = {fault.cured_by for fault in faults()}
    assert changing_databases() - cured - {ENDS_SESSIONS} - BY_CHOICE == set(), (
        "give each a fault that it cures"
    )


def test_every_fault_names_a_playbook_that_is_there() -> None:
    shipped = {path.stem for path in (REPOSITORY / "playbooks").glob("*.yml")}
    assert {fault.recognised_by for fault in faults()} <= shipped


def test_the_page_has_every_fault_and_every_playbook() -> None:
    assert page_is_fresh(), f"run `make matrix` and look at {PAGE}"
