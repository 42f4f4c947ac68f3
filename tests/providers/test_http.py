"""What an HTTP answer is judged by."""

import pytest
from pydantic import ValidationError

from remediate.providers.http import KEPT, HttpOk
from remediate.questions import Answers, FetchAnswer

BODY_TOO_LONG = f"GET /p: the body has {KEPT} bytes or more, of which the rest was not kept"


def check(**words) -> HttpOk:
    return HttpOk(**{"path": "/p", "port": 3000, "app": "app", **words})


def judged(step: HttpOk, **answer):
    answers = Answers({step.question: FetchAnswer(**{"status": 200, **answer})})
    return step.judge(answers, answers)


@pytest.mark.parametrize(
    ("words", "answer", "seen"),
    [
        ({}, {}, "GET /p: 200"),
        ({"status": 401}, {"status": 401}, "GET /p: 401"),
        ({}, {"status": 500, "body": b"oh"}, "GET /p: 500 instead of 200"),
        ({}, {"status": 0, "error": "Connection refused"}, "GET /p: no answer (Connection refused)"),
        ({"max_seconds": 1.0}, {"seconds": 2.5}, "GET /p: took 2.50 s, more than 1 s"),
        ({"json": {"type": "array"}}, {"body": b"[]"}, "GET /p: 200"),
        ({"json": {"type": "array"}}, {"body": b"{}"}, "GET /p: the body is an object, not an array"),
        ({"json": {"type": "number"}}, {"body": b"true"}, "GET /p: the body is a boolean, not a number"),
        ({"json": {"type": "object"}}, {"body": b"null"}, "GET /p: the body is null, not an object"),
        ({"json": {"has": ["id"]}}, {"body": b'[{"id": 1}, {}]'}, "GET /p: the body has no id"),
        ({"json": {"has": ["id", "n"]}}, {"body": b'{"id": 1, "n": 2}'}, "GET /p: 200"),
        ({"json": {"has": ["id"]}}, {"body": b"[]"}, "GET /p: the body is an empty array, which has no id"),
        ({"json": {"has": ["id"]}}, {"body": b"{}"}, "GET /p: the body has no id"),
        ({"json": {}}, {"body": b"<html>"}, "GET /p: the body is no JSON"),
        ({"json": {}}, {"body": b"x" * KEPT}, BODY_TOO_LONG),
    ],
)  # fmt: skip
def test_an_answer_is_compared_with_what_it_should_be(words, answer, seen):
    finding = judged(check(**words), **answer)
    assert finding.seen == seen
    assert finding.healthy is (seen in ("GET /p: 200", "GET /p: 401"))


def test_a_body_that_is_no_errors_is_no_evidence_for_it_may_be_full_of_rows():
    finding = judged(check(json={"type": "object"}), body=b'[{"mail": "alice@example.com"}]')
    assert (finding.healthy, finding.evidence) == (False, ())


def test_the_beginning_of_a_wrong_body_is_evidence():
    finding = judged(check(), status=500, body=b'{"code":"P2022"}' + b"x" * 1000)
    assert finding.evidence[0].startswith('{"code":"P2022"}')
    assert len(finding.evidence[0]) == 200


def test_the_request_names_the_secret_and_never_holds_it():
    question = check(bearer="token").question
    assert question.url == "http://localhost:3000/p"
    assert question.bearer == "token"


@pytest.mark.parametrize("words", [{"path": "p"}, {"status": 99}, {"port": 0}, {"json": {"kind": "array"}}])
def test_a_wrong_parameter_is_refused(words):
    with pytest.raises(ValidationError):
        check(**words)


def test_parameters_that_went_through_json_build_the_same_check():
    one = check(json={"type": "array", "has": ["id"]})
    assert "json" in one.parameters
    assert HttpOk(**one.parameters) == one


def test_a_token_that_is_not_accepted_is_called_so():
    assert judged(check(bearer="token"), status=401).seen.endswith("the token token was not accepted")
    assert not judged(check(bearer="token"), status=401).healthy
    assert judged(check(), status=401).seen.endswith("401 instead of 200")
