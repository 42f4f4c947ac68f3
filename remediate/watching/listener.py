"""Takes alerts over HTTP: who sends them is asked first, then how long they are, then what they say. It heals nothing.

`POST /alerts` takes them, `GET /healthz` says whether the service is alive, `GET /metrics` what it has counted. What
was taken goes into a queue with an end; a sender who finds it full is told to come again, by a 503: Alertmanager comes
again after a 5xx, and drops what was answered with a 4xx (its notify/util.go, `Retrier.Check`).
"""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeAlias

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from remediate.errors import UsageError
from remediate.inventory import Inventory
from remediate.watching.alerts import Malformed, Notice, understood
from remediate.watching.authentication import Denied, Gatekeeper
from remediate.watching.metrics import Metrics
from remediate.watching.serving import AT_ONCE, Serving

LARGEST = 1024 * 1024
"""Bytes of a request's body that are read at most: some thousand alerts, as Alertmanager writes them."""
PATIENCE = 10.0
"""Seconds that a sender may take for it."""
HEAD = 1.0
"""Seconds more, within which a request must have come whole, or its connection is closed."""

Take: TypeAlias = Callable[[Sequence[Notice]], bool]
"""Takes what was understood; False where there is no room for it now."""


@dataclass
class Known:
    """What the listener goes by; replaced as a whole when all is read anew.

    Attributes:
        environments: The inventories by environment.
        gatekeeper: Who may speak of which.
    """

    environments: Mapping[str, Inventory]
    gatekeeper: Gatekeeper


@dataclass
class Listener:
    """The HTTP side of the service.

    Attributes:
        known: What it goes by.
        take: Takes what was understood.
        metrics: What is counted.
        alive: Whether the service's loop is.
        wall: Seconds since the epoch.
        patience: Seconds that a sender may take for a body.
    """

    known: Known
    take: Take
    metrics: Metrics
    alive: Callable[[], bool]
    wall: Callable[[], float] = time.time
    patience: float = PATIENCE
    _serving: Serving | None = field(default=None)

    @property
    def app(self) -> Starlette:
        """The application, for any server that speaks ASGI."""
        return Starlette(
            routes=[
                Route("/alerts", self._alerts, methods=["POST"]),
                Route("/healthz", self._healthz, methods=["GET"]),
                Route("/metrics", self._metrics, methods=["GET"]),
            ]
        )

    def listen(self, host: str, port: int) -> int:
        """Listen in a thread of its own; return the port.

        Raises:
            UsageError: It cannot be listened there.
        """
        bound = _bound(host, port)
        self._serving = Serving(
            self.app, bound, self.patience + HEAD, lambda: self.metrics.alert("no connection")
        )
        self._serving.start()
        return int(bound.getsockname()[1])

    def close(self) -> None:
        """Listen no more, and wait until what is under way has ended."""
        if self._serving:
            self._serving.stop()

    async def _alerts(self, request: Request) -> Response:
        response = await self._answer(request)
        self.metrics.request(response.status_code)
        return response

    async def _answer(self, request: Request) -> Response:
        known, headers = self.known, dict(request.headers)
        allowed = known.gatekeeper.bearing(headers)
        if not allowed and not known.gatekeeper.signs(headers):
            return self._denied(Denied.NOBODY if "authorization" not in headers else Denied.WRONG)
        body = await self._body(request)
        if isinstance(body, HTTPStatus):
            return _said(body)
        signed = not allowed
        if signed:
            found = known.gatekeeper.signed(headers, body, self.wall())
            if isinstance(found, Denied):
                return self._denied(found)
            allowed = found
        response = self._taken(body, {name: known.environments[name] for name in allowed})
        if signed and response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            known.gatekeeper.forget(headers)  # so that the same message may come again
        return response

    def _denied(self, why: Denied) -> Response:
        """Say that a sender is not believed, and not why: only the metrics tell."""
        self.metrics.alert(why.value)
        return _said(HTTPStatus.SERVICE_UNAVAILABLE if why is Denied.BUSY else HTTPStatus.UNAUTHORIZED)

    async def _body(self, request: Request) -> bytes | HTTPStatus:
        length = request.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > LARGEST:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        try:
            async with asyncio.timeout(self.patience):
                return await _read(request)
        except TimeoutError:
            return HTTPStatus.REQUEST_TIMEOUT
        except ClientDisconnect:
            return HTTPStatus.BAD_REQUEST

    def _taken(self, body: bytes, environments: Mapping[str, Inventory]) -> Response:
        try:
            notices, refused = understood(body, environments)
        except Malformed:
            self.metrics.alert("malformed")
            return _said(HTTPStatus.BAD_REQUEST)
        for why, many in Counter(refused).items():  # at once: one message may hold some hundred thousand
            self.metrics.alert(why.value, many)
        if notices and not self.take(notices):
            self.metrics.alert("no room", len(notices))
            return _said(HTTPStatus.SERVICE_UNAVAILABLE)
        self.metrics.alert("taken", len(notices))
        status = HTTPStatus.ACCEPTED if notices or not refused else HTTPStatus.UNPROCESSABLE_ENTITY
        return JSONResponse({"taken": len(notices), "refused": len(refused)}, status)

    async def _healthz(self, request: Request) -> Response:
        del request
        alive = self.alive()
        return _said(HTTPStatus.OK if alive else HTTPStatus.SERVICE_UNAVAILABLE)

    async def _metrics(self, request: Request) -> Response:
        del request
        return Response(self.metrics.page(), media_type=self.metrics.content_type)


async def _read(request: Request) -> bytes | HTTPStatus:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:  # whoever sends in pieces says no length beforehand
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return body


def _said(status: HTTPStatus) -> Response:
    headers = {"Retry-After": "10"} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
    return JSONResponse({"status": status.phrase}, status, headers)


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, proto)
    except (OSError, ValueError) as error:
        # A name that IDNA cannot write, or with a NUL in it, is a ValueError.
        why = error.strerror if isinstance(error, OSError) else "no name of a host"
        todo = "name an address of this machine: 127.0.0.1:9797"
        raise UsageError(f"--listen {host}:{port}", f"is no address here ({why})", todo) from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(AT_ONCE)  # from here on senders can come, whenever the thread takes the first
    except OSError as error:
        bound.close()
        what = f"cannot be listened at ({error.strerror})"
        raise UsageError(f"--listen {host}:{port}", what, "choose another port") from error
    return bound
