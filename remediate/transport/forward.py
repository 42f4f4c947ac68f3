"""A door on the runner that leads through the SSH connection to a server behind the host. Speaks no server's protocol.

libpq wants a real socket. The door is a Unix-domain socket in a directory of mode 0700, so that nobody else on the
runner can use it; a port on loopback, which everybody here could use, only where TLS must see a TCP connection.
"""

import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, Self

from remediate.errors import RemediateError

PIECE = 64 * 1024
SOCKET_NAME = ".s.PGSQL.5432"


class Tunnel(Protocol):
    """A byte stream to the server, made of an SSH channel."""

    def recv(self, size: int) -> bytes: ...  # noqa: D102
    def sendall(self, data: bytes) -> None: ...  # noqa: D102
    def shutdown_write(self) -> None: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


class Forward:
    """Relays every connection made to the door through a tunnel of its own, until it is closed.

    Args:
        tunnel: Opens a tunnel to the server.
        tcp: Listen on a port of 127.0.0.1 instead of a Unix-domain socket.

    Attributes:
        directory: Where the socket `.s.PGSQL.5432` lies; empty for the form with a port.
        port: On 127.0.0.1; 0 for the form with a directory.
        refusal: Why the last tunnel could not be opened; None where it could.
    """

    def __init__(self, tunnel: Callable[[], Tunnel], *, tcp: bool = False) -> None:
        self._tunnel = tunnel
        self.directory = "" if tcp else tempfile.mkdtemp(prefix="remediate-")
        self.refusal: RemediateError | None = None
        self._door = self._listen()
        self.port: int = self._door.getsockname()[1] if tcp else 0
        self._closing = threading.Event()
        self._relays: list[_Relay] = []
        self._thread = threading.Thread(target=self._accept, name="forward", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Return the forward itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close the door and every connection through it; nothing of it is left."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._door.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._door.close()
        for relay in self._relays:
            relay.close()
        if self.directory:
            shutil.rmtree(self.directory)

    def _listen(self) -> socket.socket:
        if not self.directory:
            return socket.create_server(("127.0.0.1", 0))
        door = socket.socket(socket.AF_UNIX)
        door.bind(str(Path(self.directory) / SOCKET_NAME))
        door.listen()
        return door

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                near, _ = self._door.accept()
            except OSError:  # the door was shut
                return
            self._forget_ended()
            self._lead(near)

    def _forget_ended(self) -> None:
        for relay in [relay for relay in self._relays if relay.over]:
            relay.close()
            self._relays.remove(relay)

    def _lead(self, near: socket.socket) -> None:
        """Open a tunnel for a connection; where there is none, it is closed at once."""
        try:
            far = self._tunnel()
        except RemediateError as error:
            self.refusal = error
            near.close()
            return
        self.refusal = None
        self._relays.append(_Relay(near, far))


class _Relay:
    """Two threads, one a direction: neither can hold the other up."""

    def __init__(self, near: socket.socket, far: Tunnel) -> None:
        self._near, self._far = near, far
        self._threads = [
            threading.Thread(target=move, name="relay", daemon=True) for move in (self._outward, self._inward)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def over(self) -> bool:
        """Whether both directions have ended."""
        return not any(thread.is_alive() for thread in self._threads)

    def close(self) -> None:
        """End both directions."""
        self._shut()
        for thread in self._threads:
            thread.join()
        self._near.close()

    def _outward(self) -> None:
        try:
            while data := self._near.recv(PIECE):
                self._far.sendall(data)
            self._far.shutdown_write()
        except (OSError, EOFError):
            self._shut()

    def _inward(self) -> None:
        try:
            while data := self._far.recv(PIECE):
                self._near.sendall(data)
        except (OSError, EOFError):  # either side is gone; the other is told below
            pass
        self._shut()

    def _shut(self) -> None:
        self._far.close()
        try:
            self._near.shutdown(socket.SHUT_RDWR)
        except OSError:  # already shut
            return
