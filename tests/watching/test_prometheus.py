"""A Prometheus that is asked over real HTTP, well and badly behaved."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import pytest

from remediate.errors import CouldNotLook, UsageError
from remediate.inventory.watch import NumbersText
from remediate.watching.access_log import Requests
from remediate.watching.prometheus import Prometheus

SCOPE = {"host": {"address": "192.0.2.11"}, "app": {"name": "lumiku"}}
QUERIES = NumbersText(
    total='sum(increase(requests{instance="{{ host.address }}"}[{{ window }}]))',
    failed="failed",
    seconds="took",
)


class Server(HTTPServer):
    """Answers with what a test words, and keeps what it was asked."""

    said: bytes = b"{}"
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.asked: list[tuple[str, str, str | None]] = []


class _Answering(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append((self.path, parse_qs(body)["query"][0], self.headers["Authorization"]))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()
        self.wfile.write(self.server.said)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        yield server
        server.shutdown()
        serving.join()


def vector(*values: str) -> bytes:
    result = [{"metric": {}, "value": [1_700_000_000.1, value]} for value in values]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()


def prometheus(server: Server, path: str = "", token: str = "") -> Prometheus:
    return Prometheus(f"http://127.0.0.1:{server.server_port}{path}", token)


def test_three_numbers_are_asked_for_with_the_token_in_a_header(server: Server) -> None:
    server.said = vector("7.5")
    seen = prometheus(server, "/prometheus/", "canary-token").requests(QUERIES, SCOPE, 42.4)
    assert seen == Requests(7.5, 7.5, 7.5, 7.5)
    assert [path for path, _, _ in server.asked] == ["/prometheus/api/v1/query"] * 3
    queries = [query for _, query, _ in server.asked]
    assert queries == ['sum(increase(requests{instance="192.0.2.11"}[42s]))', "failed", "took"]
    assert {token for _, _, token in server.asked} == {"Bearer canary-token"}


@pytest.mark.parametrize("said", [vector(), vector("NaN"), vector("+Inf")])
def test_a_counter_before_its_first_event_is_none(server: Server, said: bytes) -> None:
    server.said = said
    assert prometheus(server).number("x") == 0.0


def test_a_scalar_is_a_number_too(server: Server) -> None:
    server.said = json.dumps(
        {"status": "success", "data": {"resultType": "scalar", "result": [1, "3"]}}
    ).encode()
    assert prometheus(server).number("3") == 3.0


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (200, vector("1", "2")),
        (200, b"not json"),
        (200, b"[]"),
        (200, b'{"status": "success"}'),
        (200, b'{"status": "success", "data": {"resultType": "vector", "result": [{}]}}'),
        (200, b'{"status": "error", "error": "canary"}'),
        (400, vector("1")),
        (401, b""),
        (302, vector("1")),
        (200, b"[" * 500_000),
    ],
)
def test_what_is_no_number_says_nothing_and_no_redirect_is_followed(
    server: Server, status: int, said: bytes
) -> None:
    server.status, server.said = status, said
    with pytest.raises(CouldNotLook) as refused:
        prometheus(server, token="canary-token").number("x")
    assert "canary" not in str(refused.value)


def test_nobody_there_is_told() -> None:
    with pytest.raises(CouldNotLook, match="did not answer"):
        Prometheus("http://127.0.0.1:1", "").number("x")


def test_a_query_that_names_what_is_not_there_is_told(server: Server) -> None:
    with pytest.raises(CouldNotLook, match="nothing"):
        prometheus(server).requests(QUERIES.model_copy(update={"failed": "{{ nothing }}"}), SCOPE, 60.0)


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/passwd", "ftp://x", "http://", "http://me:canary@x:9090", "x", "http://[::1:9090"),
        *("http://canary]", "http://canary:port", "http://canary:99999", "http://canary:0"),
    ],
)
def test_only_http_without_a_login_is_taken(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        Prometheus(url, "")
    assert "canary" not in str(refused.value)
