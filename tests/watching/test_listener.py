"""Alerts over real HTTP on the loopback: who is believed, what is too much, and what comes out at the other end."""

import http.client
import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

import pytest

from remediate.errors import UsageError
from remediate.inventory import Inventory
from remediate.watching.alerts import MOST, Notice
from remediate.watching.authentication import REMEMBERED, Gatekeeper, Key, signature
from remediate.watching.listener import LARGEST, Known, Listener
from remediate.watching.metrics import Metrics
from remediate.watching.serving import AT_ONCE
from tests.watching.test_alerts import payload

TOKEN, KEY = "a-token-of-the-lab-1234", "a-key-of-staging-567890"
GOOD = {"alertname": "HighErrorRate", "host": "web1"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@dataclass
class Ear:
    """A listener, and what it has taken."""

    listener: Listener
    port: int
    taken: list[Notice] = field(default_factory=list)
    room: int = 1_000_000
    now: float = field(default_factory=time.time)

    def post(
        self, body: bytes, path: str = "/alerts", method: str = "POST", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(
                method, path, body, {name.replace("_", "-"): text for name, text in headers.items()}
            )
            answer = connection.getresponse()
            return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def sends(self, body: bytes, headers: dict[str, str] = BEARER) -> int:
        return self.post(body, **headers)[0]

    def counted(self, result: str) -> float:
        line = f'remediate_alerts_total{{result="{result}"}} '
        page = self.post(b"", "/metrics", "GET")[2].decode()
        return next((float(one.removeprefix(line)) for one in page.splitlines() if one.startswith(line)), 0.0)

    def signed(self, body: bytes, key: str = KEY, at: float | None = None) -> dict[str, str]:
        at = int(self.now if at is None else at)
        return {"X-Remediate-Signature": f"t={at},v1={signature(key, f'{at}.'.encode() + body)}"}


@pytest.fixture
def patience() -> float:
    return 0.5


@pytest.fixture
def ear(inventory: Callable[..., Inventory], patience: float) -> Iterator[Ear]:
    environments = {name: inventory(name=name) for name in ("lab", "staging")}
    keys = (Key("lab", "bearer", TOKEN), Key("staging", "hmac", KEY))
    taken: list[Notice] = []

    def take(notices: Sequence[Notice]) -> bool:
        if len(taken) + len(notices) > ear.room:
            return False
        taken.extend(notices)
        return True

    listener = Listener(
        Known(environments, Gatekeeper(keys)), take, Metrics(), lambda: ear.room > 0, patience=patience
    )
    ear = Ear(listener, 0, taken)
    ear.port = listener.listen("127.0.0.1", 0)
    try:
        yield ear
    finally:
        listener.close()
    assert "listener" not in {thread.name for thread in threading.enumerate()}


def test_an_alert_of_who_knows_the_token_is_taken(ear: Ear) -> None:
    status, _, body = ear.post(payload(GOOD, {"alertname": "x"}), **BEARER)
    assert (status, json.loads(body)) == (202, {"taken": 1, "refused": 1})
    assert ear.taken == [Notice("lab", "web1", "HighErrorRate", ("post-deploy-500",), firing=True)]
    assert (ear.counted("taken"), ear.counted("unknown alert")) == (1, 1)


def test_an_alert_of_who_signs_it_is_taken_once(ear: Ear) -> None:
    body = payload(GOOD)
    headers = ear.signed(body)
    assert ear.sends(body, headers) == 202
    assert [one.environment for one in ear.taken] == ["staging"]
    assert ear.sends(body, headers) == 401
    assert (len(ear.taken), ear.counted("replayed")) == (1, 1)


def test_nobody_speaks_of_an_environment_whose_key_they_do_not_know(ear: Ear) -> None:
    assert ear.sends(payload({**GOOD, "environment": "staging"})) == 422
    body = payload({**GOOD, "environment": "lab"})
    assert ear.sends(body, ear.signed(body)) == 422
    assert ear.taken == []
    assert ear.counted("unknown environment") == 2


@pytest.mark.parametrize(
    ("why", "headers"),
    [
        ("unauthenticated", {}),
        ("wrong", {"Authorization": "Bearer guessed"}),
        ("wrong", {"Authorization": f"Basic {TOKEN}"}),
        ("wrong", {"Authorization": f"Bearer {KEY}"}),
        ("wrong", {"X-Remediate-Signature": "t=1,v1=00"}),
    ],
)
def test_who_is_not_believed_is_told_no_more_than_that(ear: Ear, why: str, headers: dict[str, str]) -> None:
    status, _, body = ear.post(payload(GOOD), **headers)
    assert (status, body, ear.taken) == (401, b'{"status":"Unauthorized"}', [])
    assert ear.counted(why) == 1


def test_a_signature_of_another_time_is_refused(ear: Ear) -> None:
    body = payload(GOOD)
    assert [ear.sends(body, ear.signed(body, at=ear.now + shift)) for shift in (-400, 400)] == [401, 401]
    assert (ear.taken, ear.counted("expired")) == ([], 2)


class CountingCalls(Metrics):
    """Metrics that know how often they were told something of alerts."""

    calls = 0

    def alert(self, result: str, many: int = 1) -> None:
        self.calls += 1
        super().alert(result, many)


def test_however_many_alerts_are_refused_they_are_counted_at_once(ear: Ear) -> None:
    ear.listener.metrics = metrics = CountingCalls()
    many = (LARGEST - 100) // 2
    body = b'{"version": "4", "alerts": [' + b",".join([b"0"] * many) + b"]}"
    status, _, said = ear.post(body, **BEARER)
    assert (status, json.loads(said)) == (422, {"taken": 0, "refused": many})
    assert (ear.counted("malformed"), ear.counted("too many")) == (MOST, many - MOST)
    assert metrics.calls == 3


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[" * 50_000, b"\xff" * 100, b"{}"])
def test_what_is_no_alert_is_refused_and_counted(ear: Ear, body: bytes) -> None:
    assert ear.sends(body) == 400
    assert (ear.taken, ear.counted("malformed")) == ([], 1)


def test_the_alerts_of_a_big_outage_are_taken_all_at_once(ear: Ear) -> None:
    labels = {"query": "x" * 600, "job": "node", "severity": "critical"}
    body = payload(*({**GOOD, **labels, "instance": f"192.0.2.{number}:9100"} for number in range(900)))
    assert 800_000 < len(body) < LARGEST
    status, _, said = ear.post(body, **BEARER)
    assert (status, json.loads(said)) == (202, {"taken": 1, "refused": 0})


def test_a_body_that_says_it_is_too_long_is_not_read(ear: Ear) -> None:
    assert raw(ear, f"Content-Length: {LARGEST + 1}\r\nAuthorization: Bearer {TOKEN}").startswith(
        b"HTTP/1.1 413"
    )
    assert raw(ear, f"Content-Length: {10**30}\r\nAuthorization: Bearer {TOKEN}")[9:12] in {b"413", b"400"}
    assert ear.sends(payload(GOOD)) == 202, "others are served"


def test_a_body_that_comes_in_pieces_is_read_up_to_the_limit(ear: Ear) -> None:
    said = raw(
        ear,
        f"Transfer-Encoding: chunked\r\nAuthorization: Bearer {TOKEN}",
        b"%x\r\n%s\r\n" % (65536, b"x" * 65536),
        times=40,
    )
    assert said.startswith(b"HTTP/1.1 413")
    assert ear.sends(payload(GOOD)) == 202


def test_who_is_not_believed_has_no_body_read(ear: Ear) -> None:
    assert raw(ear, f"Content-Length: {LARGEST}").startswith(b"HTTP/1.1 401")


def test_who_takes_too_long_over_a_body_is_sent_away(ear: Ear) -> None:
    assert raw(ear, f"Content-Length: 1000\r\nAuthorization: Bearer {TOKEN}", b"{").startswith(
        b"HTTP/1.1 408"
    )
    assert ear.sends(payload(GOOD)) == 202


def raw(ear: Ear, headers: str, body: bytes = b"", times: int = 1) -> bytes:
    """Send a request as it stands, and return what is said to it."""
    with socket.create_connection(("127.0.0.1", ear.port), timeout=30) as sending:
        sending.sendall(f"POST /alerts HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n".encode())
        try:
            for _ in range(times):
                sending.sendall(body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has answered, and hangs up
        try:
            return sending.recv(4096)
        except ConnectionResetError:
            return b"HTTP/1.1 413 (reset before it could be read)"


def test_a_queue_that_is_full_says_come_again(ear: Ear) -> None:
    ear.room = 1
    assert ear.sends(payload(GOOD)) == 202
    status, headers, _ = ear.post(payload(GOOD), **BEARER)
    assert (status, headers["retry-after"], len(ear.taken)) == (503, "10", 1)
    assert ear.counted("no room") == 1


def test_a_signed_message_for_which_there_was_no_room_may_come_again(ear: Ear) -> None:
    ear.room, body = 0, payload(GOOD)
    headers = ear.signed(body)
    assert ear.sends(body, headers) == 503
    ear.room = 1
    assert [ear.sends(body, headers) for _ in range(2)] == [202, 401]


def test_who_signs_when_no_signature_more_can_be_remembered_is_told_when_to_come_again(ear: Ear) -> None:
    seen = ear.listener.known.gatekeeper.seen
    seen.update({str(number): ear.now + 1000 for number in range(REMEMBERED)})
    body = payload(GOOD)
    status, headers, _ = ear.post(body, **ear.signed(body))
    assert (status, headers["retry-after"], ear.counted("busy")) == (503, "10", 1)


@pytest.mark.parametrize("said", [b"", b"POST /alerts HTT", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET"])
def test_whoever_opens_all_connections_and_says_too_little_has_them_for_a_while_only(
    ear: Ear, said: bytes
) -> None:
    with ExitStack() as opening:
        idle = [
            opening.enter_context(socket.create_connection(("127.0.0.1", ear.port), timeout=20))
            for _ in range(AT_ONCE)
        ]
        for one in idle:
            one.sendall(said)
        for one in idle:
            with suppress(ConnectionResetError):
                while one.recv(4096):
                    pass
        assert ear.sends(payload(GOOD)) == 202


@pytest.mark.parametrize("patience", [60.0])
def test_a_connection_too_many_is_closed_at_once_without_an_answer(ear: Ear) -> None:
    with ExitStack() as opening:

        def more(many: int) -> list[socket.socket]:
            made = (socket.create_connection(("127.0.0.1", ear.port), timeout=20) for _ in range(many))
            return [opening.enter_context(one) for one in made]

        kept = more(AT_ONCE - 1)
        last = http.client.HTTPConnection("127.0.0.1", ear.port, timeout=20)
        opening.callback(last.close)
        last.request("POST", "/alerts", payload(GOOD), BEARER)
        assert last.getresponse().status == 202, "the last that there is room for is served"
        assert [one.recv(4096) for one in more(3 * AT_ONCE)] == [b""] * 3 * AT_ONCE
        assert not select.select(kept, [], [], 0)[0], "those before stay"
    page = ear.listener.metrics.page().decode()
    assert f'remediate_alerts_total{{result="no connection"}} {3 * AT_ONCE}.0\n' in page


def test_whoever_keeps_a_connection_is_answered_as_often_as_they_ask(ear: Ear) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", ear.port, timeout=30)
    deadline = time.monotonic() + 2.5  # longer than one request may take
    while time.monotonic() < deadline:
        connection.request("GET", "/healthz")
        assert connection.getresponse().read()
        time.sleep(0.1)
    connection.close()


def test_a_flood_is_answered_to_the_last_and_others_are_served(ear: Ear) -> None:
    ear.room = 100
    connection = http.client.HTTPConnection("127.0.0.1", ear.port, timeout=30)
    told = []
    for _ in range(300):
        connection.request("POST", "/alerts", payload(GOOD), BEARER)
        answer = connection.getresponse()
        answer.read()
        told.append(answer.status)
    connection.close()
    assert told == [202] * 100 + [503] * 200
    assert ear.post(b"", "/healthz", "GET")[0] == 200


def test_healthz_says_whether_the_service_goes_on(ear: Ear) -> None:
    assert ear.post(b"", "/healthz", "GET")[0] == 200
    ear.room = 0
    status, headers, _ = ear.post(b"", "/healthz", "GET")
    assert (status, headers["retry-after"]) == (503, "10")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/alerts", 405), ("POST", "/metrics", 405), ("GET", "/", 404), ("GET", "/docs", 404)],
)
def test_nothing_else_is_there(ear: Ear, method: str, path: str, status: int) -> None:
    assert ear.post(b"", path, method)[0] == status


def test_no_text_of_an_alert_is_in_the_metrics(ear: Ear) -> None:
    ear.sends(payload({"alertname": "canary-name", "host": "canary-host", "canary-label": "x"}))
    assert b"canary" not in ear.post(b"", "/metrics", "GET")[2]


@pytest.mark.parametrize("host", ["a..b", "x" * 64, "a\0b", "nowhere.invalid"])
def test_a_name_that_is_none_is_told_in_one_line(ear: Ear, host: str) -> None:
    with pytest.raises(UsageError, match=r"is no address here \(.+\); name an address") as refused:
        ear.listener.listen(host, 80)
    assert "\n" not in str(refused.value)


def test_a_port_that_is_taken_is_told_in_one_line(ear: Ear) -> None:
    with pytest.raises(UsageError, match=r"cannot be listened at .*; choose another port"):
        ear.listener.listen("127.0.0.1", ear.port)
