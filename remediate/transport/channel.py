"""One process on a host as a wire: SSH's channel, read and written without waiting longer than asked. Opens none."""

import select
from collections.abc import Callable
from typing import Protocol

from remediate.transport.wire import Broken, Ended

PIECE = 256 * 1024
EXIT_WAIT_TENTHS = 20


class Channel(Protocol):
    """What is used of paramiko's channel."""

    closed: bool
    eof_received: int

    def fileno(self) -> int: ...  # noqa: D102
    def send_ready(self) -> bool: ...  # noqa: D102
    def send(self, data: bytes) -> int: ...  # noqa: D102
    def recv_ready(self) -> bool: ...  # noqa: D102
    def recv(self, size: int) -> bytes: ...  # noqa: D102
    def recv_stderr_ready(self) -> bool: ...  # noqa: D102
    def recv_stderr(self, size: int) -> bytes: ...  # noqa: D102
    def exit_status_ready(self) -> bool: ...  # noqa: D102
    def recv_exit_status(self) -> int: ...  # noqa: D102
    def shutdown_write(self) -> None: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


class ChannelWire:
    """A process on the host.

    Args:
        channel: Where it runs, already started.
        alive: Tells whether the link under it is whole.
        heard: Is called whenever something came from there.
        closed: Is called once, when the channel is let go.
    """

    def __init__(
        self,
        channel: Channel,
        alive: Callable[[], bool],
        heard: Callable[[], None],
        closed: Callable[[], None],
    ) -> None:
        self._channel, self._alive, self._heard, self._closed = channel, alive, heard, closed
        self._poll = select.poll()
        self._poll.register(channel.fileno(), select.POLLIN)
        self._open = True

    def send(self, data: memoryview) -> int:
        """Hand over as many bytes as the host's window takes."""
        if self._channel.closed:
            raise self._end()
        try:
            return self._channel.send(bytes(data[:PIECE])) if self._channel.send_ready() else 0
        except TimeoutError:
            return 0
        except (OSError, EOFError):
            raise self._end() from None

    def finish(self) -> None:
        """Close the process's stdin."""
        try:
            self._channel.shutdown_write()
        except (OSError, EOFError):
            raise self._end() from None

    def receive(self, seconds: float) -> tuple[bytes, bytes]:
        """Return what has come on stdout and stderr."""
        if not (self._channel.recv_ready() or self._channel.recv_stderr_ready()):
            self._poll.poll(seconds * 1000)
        # before reading: its last words come before
        over = self._channel.eof_received or self._channel.closed
        out = self._channel.recv(PIECE) if self._channel.recv_ready() else b""
        err = self._channel.recv_stderr(PIECE) if self._channel.recv_stderr_ready() else b""
        if out or err:
            self._heard()
            return out, err
        if not self._alive():
            raise Broken
        if over:
            raise self._end()
        return b"", b""

    def close(self) -> None:
        """Close the channel. The process is told nothing but that."""
        if self._open:
            self._open = False
            self._channel.close()
            self._closed()

    def _end(self) -> Broken | Ended:
        """Return what the end of the streams means: a whole link tells the exit code within a moment."""
        for _ in range(EXIT_WAIT_TENTHS):
            if self._channel.exit_status_ready() or not self._alive():
                break
            self._poll_nothing(0.1)
        if self._channel.exit_status_ready() and self._channel.recv_exit_status() >= 0:
            return Ended(self._channel.recv_exit_status())
        return Ended(-1) if self._alive() else Broken()

    @staticmethod
    def _poll_nothing(seconds: float) -> None:
        select.select([], [], [], seconds)
