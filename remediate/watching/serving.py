"""Serves an application over HTTP in a thread of its own, and waits for no sender for good. It knows no alert.

uvicorn gives a body's reader no limit of time, and waits for a request's head for ever: whoever opens connections and
says nothing would have all of them. Here a connection ends whose request is not whole in time. uvicorn's own limit is
asked when a request comes: who sends none would take every file descriptor that the process may have, so that no host
could be looked at any more. Here what is one too many is closed as it comes.
"""

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

AT_ONCE = 64
"""Connections that are open at once; others are closed without an answer: an Alertmanager comes again then, too."""
LEAVING = 3
"""Seconds that requests may take to end when the service leaves."""


class Impatient(H11Protocol):
    """uvicorn's protocol; what is one connection too many is closed, and one that says too little in time."""

    patience: float
    too_many: Callable[[], None]
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request, where there is room for one connection more."""
        super().connection_made(transport)
        if len(self.connections) > AT_ONCE:
            self.connections.discard(self)
            transport.abort()
            self.too_many()
        else:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Wait for the next request anew."""
        self._wait_no_more()
        super().on_response_complete()
        if not self.transport.is_closing():
            self._wait()

    def _wait(self) -> None:
        self._timer = self.loop.call_later(self.patience, self._give_up)

    def _wait_no_more(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        """Close without a word where no request has begun: what is half said has no answer."""
        if self.conn.their_state in {h11.IDLE, h11.SEND_BODY, h11.ERROR}:
            self.transport.abort()


def impatient(seconds: float, tell: Callable[[], None]) -> type[Impatient]:
    """Return the protocol for one server.

    Args:
        seconds: Within which a request must be whole. They count from when the connection was made, and from when what
            came before was answered; the answer to a request that came whole may take longer.
        tell: Called for each connection that was one too many.
    """

    class Bound(Impatient):
        patience = seconds
        too_many = staticmethod(tell)

    return Bound


class Serving(threading.Thread):
    """The thread that the server runs in; daemonic, so that a defect of its own keeps no process alive.

    Args:
        app: What is served.
        bound: The socket, listening; it is closed in the end.
        patience: Seconds within which a request must have come whole.
        too_many: Called for each connection that was one too many.
    """

    def __init__(
        self,
        app: Callable[..., Any],
        bound: socket.socket,
        patience: float,
        too_many: Callable[[], None],
    ) -> None:
        super().__init__(name="listener", daemon=True)
        config = uvicorn.Config(
            app,
            http=impatient(patience, too_many),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=AT_ONCE,  # asyncio takes so many at a time, each a file descriptor until it is closed
            timeout_keep_alive=5,
            timeout_graceful_shutdown=LEAVING,
        )
        self._server, self._bound = uvicorn.Server(config), bound

    def run(self) -> None:
        """Serve until it is stopped."""
        with self._bound:
            self._server.run(sockets=[self._bound])

    def stop(self) -> None:
        """Serve no more, and wait until what is under way has ended."""
        self._server.should_exit = True
        self.join(LEAVING + 2)
        with suppress(OSError):
            self._bound.close()
