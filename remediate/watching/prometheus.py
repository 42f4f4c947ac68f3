"""Asks a Prometheus, from the runner, what an app answered lately. It judges nothing and follows no redirect.

Of its HTTP API (documentation, "HTTP API", instant queries) only `POST /api/v1/query` is used; the token goes into a
header, and nowhere else.
"""

import http.client
import json
import ssl
from collections.abc import Mapping
from contextlib import closing, suppress
from http import HTTPStatus
from urllib.parse import SplitResult, urlencode, urlsplit

from remediate.errors import CouldNotLook, UsageError
from remediate.inventory.watch import NumbersText
from remediate.model import Json
from remediate.text.templates import Scope, TemplateFault, read_template
from remediate.watching.access_log import Requests

PATIENCE = 10.0
"""Seconds to wait for an answer."""
LARGEST = 1_000_000
"""Bytes of an answer that are read; one number has some hundred."""


class Prometheus:
    """A Prometheus.

    Args:
        url: Its URL; what stands before `/api` of it counts.
        token: Its bearer token, or empty.

    Raises:
        UsageError: That is no URL of HTTP.
    """

    def __init__(self, url: str, token: str) -> None:
        self._parts, self._token = _parts(url), token

    def requests(self, queries: NumbersText, scope: Scope, window: float) -> Requests:
        """Return what the app of a scope answered lately.

        Args:
            queries: What to ask.
            scope: What the queries can name of the host.
            window: The seconds that count.

        Raises:
            CouldNotLook: It cannot be reached, or has no such number.
        """
        known = {**scope, "window": f"{max(1.0, window):.0f}s"}
        total, failed, seconds = (self.number(query) for query in _rendered(queries, known))
        return Requests(total=total, failed=failed, timed=total, seconds=seconds)

    def number(self, query: str) -> float:
        """Return the one number that a query gives; 0 where it gives none, as a counter does before its first event.

        Raises:
            CouldNotLook: It cannot be reached, refuses the query, or has several numbers.
        """
        found = self._asked(query).get("data", {})
        try:
            numbers = [found["result"]] if found["resultType"] == "scalar" else _values(found["result"])
            if len(numbers) > 1:
                raise CouldNotLook(
                    "prometheus", f"{len(numbers)} numbers instead of one", f"sum them: {query}"
                )
            value = float(numbers[0][1]) if numbers else 0.0
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise CouldNotLook("prometheus", f"gives no number for {query}", "mend the query") from error
        return value if value == value and abs(value) != float("inf") else 0.0  # noqa: PLR0124  (NaN is not itself)

    def _asked(self, query: str) -> dict[str, Json]:
        path = self._parts.path.rstrip("/") + "/api/v1/query"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        headers |= {"Authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            with closing(self._connection()) as connection:
                connection.request("POST", path, urlencode({"query": query}), headers)
                with connection.getresponse() as answer:
                    body = answer.read(LARGEST)
            told = json.loads(body) if answer.status == HTTPStatus.OK else {}
        except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
            raise CouldNotLook("prometheus", f"did not answer ({type(error).__name__})") from error
        if not isinstance(told, dict) or told.get("status") != "success":
            raise CouldNotLook(
                "prometheus", f"refused {query} ({answer.status})", "check the query and the token"
            )
        return told

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            return http.client.HTTPSConnection(
                host, port, timeout=PATIENCE, context=ssl.create_default_context()
            )
        return http.client.HTTPConnection(host, port, timeout=PATIENCE)


def _parts(url: str) -> SplitResult:
    """Return the parts of a URL.

    Raises:
        UsageError: It is none of HTTP; does not show it, for it is a secret.
    """
    with suppress(ValueError):  # half an IPv6 address, a port beyond all ports
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname and not parts.username and parts.port != 0:
            return parts
    raise UsageError("watch: prometheus: url", "is no http(s) URL without a login", "write http://HOST:9090")


def _values(result: list[Mapping[str, Json]]) -> list[Json]:
    return [one["value"] for one in result]


def _rendered(queries: NumbersText, scope: Scope) -> tuple[str, str, str]:
    try:
        texts = [
            str(read_template(text, dict.fromkeys(scope)).render(scope))
            for text in (queries.total, queries.failed, queries.seconds)
        ]
    except TemplateFault as fault:
        raise CouldNotLook("watch: requests: prometheus", fault.what, fault.todo) from fault
    return texts[0], texts[1], texts[2]
