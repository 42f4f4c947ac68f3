"""Everybody else who sends to the listener meanwhile: duplicates, floods, wrong keys, huge and malformed bodies."""

import http.client
import itertools
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

PAYLOADS = Path(__file__).parent / "payloads"
A_MINUTE = 1000
"""Requests of the flood."""


@dataclass
class Storm:
    """Sends on until it is told to end.

    Attributes:
        port: Where the listener is; what finds nobody there (it was killed) is sent again.
        token: What those who are believed bear.
        answers: How many answers there were of each status.
        a_minute: How many requests it came to a minute, once it is over.
    """

    port: int
    token: str
    answers: Counter[int] = field(default_factory=Counter)
    a_minute: float = 0.0
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._blow, name="storm")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _blow(self) -> None:
        began = time.monotonic()
        for number, (body, headers) in enumerate(itertools.cycle(self._noise())):
            if self._ended.wait(max(0.0, began + number * 60 / A_MINUTE - time.monotonic())):
                break
            self.answers[send(self.port, body, headers)] += 1
        self.a_minute = sum(self.answers.values()) * 60 / (time.monotonic() - began)

    def _noise(self) -> list[tuple[bytes, dict[str, str]]]:
        right = {"Authorization": f"Bearer {self.token}"}
        wrong = {"Authorization": "Bearer nobody-knows-this-one"}
        forged = {"X-Remediate-Signature": f"t={int(time.time())},v1={'0' * 64}"}
        refused = [payload(name) for name in ("unknown-host", "unknown-alert", "hostile")]
        return [
            *((body, right) for body in refused),
            *((payload("firing"), headers) for headers in (wrong, forged, {})),
            (b"[" * 100_000, right),
            (b"x" * 1_200_000, right),
            (b'{"version": "4", "alerts": [', right),
        ]


def payload(name: str, address: str = "") -> bytes:
    """Return what an Alertmanager sends, about a host of that address."""
    return (PAYLOADS / f"{name}.json").read_text().replace("{address}", address).encode()


def send(port: int, body: bytes, headers: dict[str, str]) -> int:
    """Return the status of the answer; 0 where nobody answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", "/alerts", body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except OSError:  # it was killed, or it hung up on a body that is too long
        return 0
    finally:
        connection.close()


def labels_of(name: str) -> list[dict[str, str]]:
    """Return the labels of a payload's alerts."""
    return [alert["labels"] for alert in json.loads(payload(name))["alerts"]]
