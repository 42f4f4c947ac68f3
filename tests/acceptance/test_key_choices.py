"""`orphaned-rows` and `foreign-key` on a real host: only told by themselves, changed by a person's choice, put back."""

import json

import pytest

from tests.acceptance.trials import differences
from tests.operator import Operator, picture
from tests.practice import PROJECTS, Practice

PROJECT = f"{PROJECTS}/ckxlost000000000000000001"


@pytest.mark.parametrize(
    ("fault", "choice", "nulls"),
    [("orphaned-rows-beside-nulls", "delete", 1), ("orphaned-rows", "recreate", 0)],
)
def test_orphans_go_or_get_their_projects_back_by_choice_and_all_is_put_back(
    practice: Practice, operator: Operator, web1: str, fault: str, choice: str, nulls: int
) -> None:
    practice.break_(fault)
    broken = picture(practice)
    chosen = ("run", "orphaned-rows", "--on", web1, "--var", f"orphans={choice}")
    shown = operator.does(*chosen, "--dry-run")
    assert shown.code == 3, shown.out + shown.err
    assert (
        f"3 rows of avatars name 2 avatar_projects that are not there ({nulls} name none, and are left alone)"
        in shown.out
    )
    assert picture(practice).settled == broken.settled, "looking and planning are inert"

    cured = operator.does(*chosen, "--yes", "--reason", "test")
    assert cured.code == 0, cured.out + cured.err
    assert practice.answers(web1, path=PROJECT)[0] == {"delete": 404, "recreate": 200}[choice]
    run = operator.last_run
    assert operator.does(*chosen, "--yes").code == 0, "it is healthy, and there is nothing to do"

    back = operator.does("rollback", run, "--yes")
    assert back.code == 0, back.out + back.err
    assert "everything is as it was" in back.out
    assert list(differences(picture(practice).settled, broken.settled)) == []
    practice.reset(web1)


def test_whose_a_lost_project_was_is_not_guessed(practice: Practice, operator: Operator, web1: str) -> None:
    practice.break_("orphaned-rows-of-several-users")
    broken = picture(practice)
    refused = operator.does(
        "run", "orphaned-rows", "--on", web1, "--var", "orphans=recreate", "--yes", "--reason", "test"
    )
    assert refused.code == 8, refused.out + refused.err
    assert "its rows have user123 and user456 for userId" in " ".join(refused.out.replace("│", " ").split())
    assert picture(practice).settled == broken.settled
    practice.reset(web1)


def test_a_cascade_that_was_lost_is_counted_and_made_again_only_when_asked(
    practice: Practice, operator: Operator, web1: str
) -> None:
    practice.break_("cascade-lost")
    broken = picture(practice)
    told = operator.does("run", "foreign-key", "--on", web1, "--yes")
    assert told.code == 8, told.out + told.err
    assert "a person may choose: --var change=true" in told.out
    assert "has RESTRICT, wanted CASCADE" in told.out
    assert 'avatars ("projectId") refers to avatar_projects, ON DELETE RESTRICT: ' in told.out
    asked = ("run", "foreign-key", "--on", web1, "--var", "change=true")
    cured = operator.does(*asked, "--yes", "--reason", "test")
    assert cured.code == 0, cured.out + cured.err
    made = json.loads(practice.answers(web1, "POST", body={"name": "probe"})[1])["id"]
    assert practice.answers(web1, "DELETE", f"{PROJECTS}/{made}")[0] == 204
    back = operator.does("rollback", operator.last_run, "--yes")
    assert (back.code, "everything is as it was" in back.out) == (0, True), back.out + back.err
    assert list(differences(picture(practice).settled, broken.settled)) == []
    assert practice.answers(web1, "DELETE", f"{PROJECTS}/ckxproject0000000000000001")[0] == 500
    practice.reset(web1)
