"""Feels whether the far end still answers, and has what does not closed. Opens nothing.

The kernel notices a dead connection to the next machine. Behind a jump host, or a middle box that goes on
acknowledging, only an answer from the far end proves that it is there.
"""

import socket
import threading
from collections.abc import Callable
from time import monotonic

EVERY = 3.0
"""Seconds between two questions."""
PATIENCE = 8.0
"""Seconds without an answer, and without anything else from there, after which it counts as dead."""
LOOK = 0.5
"""Seconds between two looks at whether it is dead; a runner that was stopped and wakes hears within them what came."""

DEAD_AFTER = 9
"""Seconds without an acknowledgement after which the kernel gives a connection up."""


def notice_death(sock: socket.socket) -> None:
    """Have the kernel notice that the next machine is gone: tcp(7), TCP_USER_TIMEOUT; and send small pieces at once."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_AFTER * 1000)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 3)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)


class Pulse:
    """Asks the far end again and again, in a thread of its own; another one looks whether an answer is overdue.

    Args:
        ask: Returns when the far end has answered, or when the connection is closed.
        close: Closes the connection, which is dead: whoever waits on it without a limit is let go.
        clock: Seconds that never jump.
    """

    def __init__(
        self, ask: Callable[[], object], close: Callable[[], object], clock: Callable[[], float] = monotonic
    ) -> None:
        self._ask, self._close, self._clock = ask, close, clock
        self._heard = clock()
        self._waiting_since: float | None = None
        self._stopped = threading.Event()
        for each in (self._beat, self._watch):
            threading.Thread(target=each, name="pulse", daemon=True).start()

    def heard(self) -> None:
        """Say that something came from there."""
        self._heard = self._clock()

    @property
    def gone(self) -> bool:
        """Whether it has been silent for too long."""
        since = self._waiting_since
        return since is not None and self._clock() - max(since, self._heard) > PATIENCE

    def stop(self) -> None:
        """Ask no more."""
        self._stopped.set()

    def _beat(self) -> None:
        while not self._stopped.wait(EVERY):
            self._waiting_since = self._clock()
            self._ask()
            self._waiting_since = None

    def _watch(self) -> None:
        silent = False
        while not self._stopped.wait(LOOK):
            if silent and self.gone:
                self._close()
                return
            silent = self.gone
