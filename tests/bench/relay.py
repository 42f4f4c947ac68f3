"""A TCP relay that delivers every byte late, as a long line would. Loses and reorders nothing."""

import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import Self

PIECE = 64 * 1024
Due = tuple[float, bytes]


class Relay:
    """Relays a loopback port to a place.

    Args:
        to: Address and port.
        seconds: How late each byte comes, each way.
    """

    def __init__(self, to: tuple[str, int], seconds: float) -> None:
        self._to, self._seconds = to, seconds
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        """Begin."""
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        """End every connection."""
        self._door.shutdown(socket.SHUT_RDWR)
        for each in self._sockets:
            _shut(each)
        for thread in self._threads:
            thread.join()
        for each in (self._door, *self._sockets):
            each.close()

    def _start(self, move: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=move, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._door.accept()
            except OSError:
                return
            far = socket.create_connection(self._to)
            self._sockets += [near, far]
            for one, other in ((near, far), (far, near)):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                late: queue.SimpleQueue[Due] = queue.SimpleQueue()
                self._start(self._take, one, late)
                self._start(self._deliver, late, other)

    def _take(self, source: socket.socket, late: "queue.SimpleQueue[Due]") -> None:
        data = b"?"
        while data:
            try:
                data = source.recv(PIECE)
            except OSError:
                data = b""
            late.put((time.monotonic() + self._seconds, data))

    def _deliver(self, late: "queue.SimpleQueue[Due]", sink: socket.socket) -> None:
        while True:
            due, data = late.get()
            if not data:
                _shut(sink)
                return
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                sink.sendall(data)
            except OSError:
                return


def _shut(each: socket.socket) -> None:
    try:
        each.shutdown(socket.SHUT_RDWR)
    except OSError:  # shut already
        return
