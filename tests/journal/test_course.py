"""Which way a run was going when it was last heard of, and where there is still something to do."""

from pathlib import Path

import pytest

from remediate.journal import Course, Journal, Operator, RunHeader
from remediate.masking import Masker
from remediate.model import Outcome

HEADER = RunHeader(
    run="r1", playbook="p", environment="lab", operator=Operator(user="me", machine="here"), hosts=("web1",)
)
STOPPED, ROLLBACK = ("stopped", {"why": "web1: no"}), ("rollback", {})
CONFIRMED = ("confirmed", {})


def ended(outcome: Outcome) -> tuple[str, dict]:
    return "ended", {"outcome": outcome.value, "why": ""}


COURSES = [
    ((), Course.UNBEGUN),
    ((CONFIRMED,), Course.ONWARDS),
    ((CONFIRMED, STOPPED), Course.BACK),
    ((CONFIRMED, STOPPED, ended(Outcome.STUCK)), Course.BACK),
    ((CONFIRMED, STOPPED, ended(Outcome.STUCK), ROLLBACK), Course.TAKEN_BACK),
    ((CONFIRMED, ended(Outcome.FIXED), ROLLBACK), Course.TAKEN_BACK),
]
UNFINISHED = [
    ((), True),
    ((CONFIRMED,), True),
    ((ended(Outcome.HEALTHY),), False),
    ((ended(Outcome.BLOCKED),), False),
    ((CONFIRMED, ended(Outcome.BLOCKED)), True),
    ((CONFIRMED, ended(Outcome.FIXED)), False),
    ((CONFIRMED, STOPPED, ended(Outcome.ROLLED_BACK)), False),
    ((CONFIRMED, STOPPED, ended(Outcome.STUCK)), True),
    ((CONFIRMED, ended(Outcome.FIXED), ROLLBACK), True),
    ((CONFIRMED, ended(Outcome.FIXED), ROLLBACK, ended(Outcome.BLOCKED)), True),
    ((CONFIRMED, ended(Outcome.FIXED), ROLLBACK, ended(Outcome.PUT_BACK)), False),
]


def written(folder: Path, entries: tuple) -> Journal:
    journal = Journal.open(folder, Masker())
    journal.begin(HEADER)
    for kind, body in entries:
        journal.append("r1", "web1", kind, body)
    return journal


@pytest.mark.parametrize(("entries", "course"), COURSES)
def test_the_last_turn_says_which_way_it_was_going(tmp_path: Path, entries: tuple, course: Course) -> None:
    with written(tmp_path, entries) as journal:
        standing = journal.standing("r1", "web1")
    assert standing.course is course
    assert standing.why == ("web1: no" if course is Course.BACK else "")


@pytest.mark.parametrize(("entries", "left"), UNFINISHED)
def test_what_was_blocked_stuck_or_is_being_taken_back_has_not_come_to_an_end(
    tmp_path: Path, entries: tuple, left: bool
) -> None:
    with written(tmp_path, entries) as journal:
        (summary,) = journal.runs()
    assert summary.unfinished == (("web1",) if left else ())
