"""How long a page takes, measured by the real curl at a real server."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from remediate.model import Finding
from remediate.providers.http_latency import HttpLatency
from remediate.questions import Answers
from tests.laws.command import CommandTarget

SECRET = 'a "quoted" \\ token'


class Page(BaseHTTPRequestHandler):
    """Answers, once it is let; the third request of `/stuck` never is before the end."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, str | None]]
    gate: threading.Event

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("Authorization")))
        if self.path == "/stuck" and len(self.asked) > 2:
            self.gate.wait()
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def page() -> Iterator[type[Page]]:
    fresh = type("Fresh", (Page,), {"asked": [], "gate": threading.Event()})
    with ThreadingHTTPServer(("127.0.0.1", 0), fresh) as server:
        fresh.port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield fresh
        fresh.gate.set()
        server.shutdown()
        thread.join()


def measured(page: type[Page], stdin: bytes = b"", **words) -> Finding:
    check = HttpLatency(**{"host": "127.0.0.1", "port": page.port, "app": "app", "times": 5, **words})
    answers = Answers(
        {check.question: CommandTarget().script(check.question.script, check.question.args, stdin)}
    )
    return check.judge(answers, answers)


def test_a_quick_page_is_quick_and_asked_as_often_as_was_said(page) -> None:
    seen = measured(page, path="/p?x=[1-3]&y={a,b}", times=7)
    assert seen.healthy, seen.seen
    assert page.asked == [("/p?x=[1-3]&y={a,b}", None)] * 7, "curl reads no pattern into it"
    assert seen.facts["answered"] == 7
    assert 0 < seen.facts["p50"] <= seen.facts["p95"] <= seen.facts["slowest"]


def test_a_slow_page_is_told(page) -> None:
    seen = measured(page, path="/", max_seconds=0.000001)
    assert (seen.healthy, "more than 1e-06 s" in seen.seen) == (False, True)


def test_a_page_that_gets_stuck_costs_no_more_than_its_budget_and_what_was_answered_counts(page) -> None:
    seen = measured(page, path="/stuck", budget=1)
    assert not seen.healthy
    assert "only 2 of 5 were answered in 1 s" in seen.seen


def test_nobody_there_is_no_quick_answer(page) -> None:
    seen = measured(page, path="/", port=1)
    assert (seen.healthy, "no answer" in seen.seen) == (False, True)


def test_a_token_comes_on_standard_input_and_arrives_whole(page) -> None:
    assert measured(page, SECRET.encode() + b"\n", path="/", bearer="token").healthy
    assert {token for _, token in page.asked} == {f"Bearer {SECRET}"}
    question = HttpLatency(path="/", port=1, app="a", bearer="token").question
    assert (question.secret, question.args[-1]) == ("token", "token")
