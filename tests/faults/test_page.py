"""Every fault has a test that holds its promise, and the page says so."""

from tests.faults.catalogue import FAULTS
from tests.faults.page import PAGE, held_by_tests, page


def test_every_fault_is_held_by_a_test_and_every_test_names_a_fault_that_there_is() -> None:
    assert set(held_by_tests()) == {fault.number for fault in FAULTS}


def test_the_page_is_what_the_tests_say() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.faults.page"
