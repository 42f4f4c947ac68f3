"""An insert that a unique index refused: explained from the app's own log line, and nothing is deleted."""

from tests.operator import Operator, picture
from tests.practice import PROJECTS, Practice

TWICE = {"id": "ckxavatar00000000000000001", "name": "Twice", "baseImageUrl": "/static/base.png"}
LOG = "cat ~/.pm2/logs/lumiku-backend-error.log"


def test_an_insert_with_a_key_that_is_there_is_explained_and_the_only_row_stays(
    practice: Practice, operator: Operator, web1: str
) -> None:
    code, body = practice.answers(web1, "POST", f"{PROJECTS}/ckxproject0000000000000001/avatars", body=TWICE)
    assert (code, "P2002" in body) == (500, True), body
    before = picture(practice)
    log = practice.shell(web1, LOG, user="deploy")
    told = operator.does("triage", "--on", web1, "--error", log)
    assert told.code == 0, told.out + told.err
    assert "duplicate-key knows the error, and its fault is not there now" in told.out
    assert "constraint avatars_pkey" in told.out
    assert "the row that is there is the good one" in told.out
    assert operator.does("run", "duplicate-key", "--on", web1, "--yes").code == 0, "there is nothing to do"
    assert picture(practice) == before
