"""Cuts two byte streams into answers by frames that no output can fake. Reads no socket, and no clock.

An answer is what stands between `NONCE>` with a newline and `NONCE< WORDS` with a newline, on stdout and on stderr. The
nonce has 128 random bits and is new for each answer, so nothing that is printed can contain it but by reading the
shell's mind. What stands between two answers (a banner, an old child) is dropped.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

KEPT = 256 * 1024
"""Bytes kept of the head, and of the tail, of a long stream."""


@dataclass
class Kept:
    """The head and the tail of a stream, in bounded memory.

    Attributes:
        head_limit: Bytes kept from the beginning.
        tail_limit: Bytes kept from the end.
        listener: Is told every piece as it arrives.
    """

    head_limit: int = KEPT
    tail_limit: int = KEPT
    listener: Callable[[bytes], None] | None = None
    total: int = 0
    _head: bytearray = field(default_factory=bytearray)
    _tail: deque[bytes] = field(default_factory=deque)
    _tail_size: int = 0

    def add(self, piece: bytes) -> None:
        """Take the next piece."""
        if self.listener is not None and piece:
            self.listener(piece)
        self.total += len(piece)
        room = self.head_limit - len(self._head)
        self._head += piece[:room] if room else b""
        self._add_tail(piece[room:] if room else piece)

    def _add_tail(self, piece: bytes) -> None:
        if not piece:
            return
        self._tail.append(piece)
        self._tail_size += len(piece)
        while self._tail and self._tail_size - len(self._tail[0]) >= self.tail_limit:
            self._tail_size -= len(self._tail.popleft())

    @property
    def content(self) -> bytes:
        """Head and tail together."""
        return bytes(self._head) + self.tail

    @property
    def head(self) -> bytes:
        """The head alone."""
        return bytes(self._head)

    @property
    def tail(self) -> bytes:
        """What came after the head, or the last of it."""
        tail = b"".join(self._tail)
        return tail[max(0, len(tail) - self.tail_limit) :]

    @property
    def left_out(self) -> int:
        """How many bytes between head and tail were dropped."""
        return max(0, self.total - len(self._head) - self.tail_limit)


@dataclass
class Frame:
    """One stream's part of one answer.

    Attributes:
        nonce: 32 hex digits.
        kept: Where its bytes go.
        opened: Whether the beginning was seen.
        words: What the closing line says, once it was seen.
    """

    nonce: bytes
    kept: Kept
    opened: bool = False
    words: tuple[str, ...] | None = None


class Stream:
    """Reads one stream for the frames that are expected on it, in order."""

    def __init__(self) -> None:
        self._expected: deque[Frame] = deque()
        self._rest = b""
        self.spoke = False
        self.noise = Kept(0, 2048)
        """What stood outside all frames, its last bytes: a banner, or why there is no shell."""

    def expect(self, frame: Frame) -> None:
        """Expect this frame after those that are expected already."""
        self._expected.append(frame)

    def feed(self, piece: bytes) -> None:
        """Take the next bytes of the stream. Linear in their number, whatever stands in them."""
        self._rest += piece
        while self._expected and self._step(self._expected[0]):
            pass
        if not self._expected:
            self._drop(len(self._rest))

    def flush(self) -> None:
        """The stream has ended: what is left belongs to the frame that is open, or is noise."""
        if self._expected and self._expected[0].opened:
            self._take(self._expected[0], len(self._rest))
        else:
            self._drop(len(self._rest))

    def _step(self, frame: Frame) -> bool:
        return self._close(frame) if frame.opened else self._open(frame)

    def _open(self, frame: Frame) -> bool:
        mark = frame.nonce + b">\n"
        at = self._rest.find(mark)
        self._drop(at if at >= 0 else self._certain(mark))
        if at >= 0:
            self._rest = self._rest[len(mark) :]
            frame.opened = self.spoke = True
        return at >= 0

    def _close(self, frame: Frame) -> bool:
        mark = frame.nonce + b"<"
        at = self._rest.find(mark)
        self._take(frame, at if at >= 0 else self._certain(mark))
        end = self._rest.find(b"\n", len(mark)) if at >= 0 else -1
        if end < 0:
            return False
        frame.words = tuple(self._rest[len(mark) : end].decode("ascii", "replace").split())
        self._rest = self._rest[end + 1 :]
        self._expected.popleft()
        return True

    def _certain(self, mark: bytes) -> int:
        """Return how many bytes cannot be the beginning of a mark: a line is told when it is there, not later."""
        sizes = range(min(len(self._rest), len(mark) - 1), 0, -1)
        return len(self._rest) - next((size for size in sizes if self._rest.endswith(mark[:size])), 0)

    def _drop(self, count: int) -> None:
        if count > 0:
            self.noise.add(self._rest[:count])
            self._rest = self._rest[count:]

    def _take(self, frame: Frame, count: int) -> None:
        if count > 0:
            frame.kept.add(self._rest[:count])
            self._rest = self._rest[count:]
