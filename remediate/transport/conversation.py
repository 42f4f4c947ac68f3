"""Talks with one shell at the far end: sends text, takes framed replies, never deadlocks. Decides nothing.

Also the one place where values are quoted for a shell.
"""

import secrets
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic

from remediate.transport.frames import Frame, Kept, Stream
from remediate.transport.wire import Broken, Ended, Wire

SLACK = 15.0
"""Seconds of silence after which a reply that is overdue is given up."""
LONGEST_ARGUMENT = 131_071
"""Linux takes no longer one: MAX_ARG_STRLEN, execve(2)."""

OPEN_AND_CLOSE = r"""
remediate_open() { printf '%s>\n' "$1"; printf '%s>\n' "$1" >&2; }
remediate_close() { nonce=$1; shift; printf '%s< %s\n' "$nonce" "$*"; printf '%s<\n' "$nonce" >&2; }
cd "$HOME" 2>/dev/null || cd /
"""
"""What every shell of ours is told first. The nonce is no exported variable: no command can see it."""


def words(*given: str) -> bytes:
    """Return shell text for these words, each quoted: the one place where that is done."""
    return " ".join(shlex.quote(word) for word in given).encode()


def exports(env: Iterable[tuple[str, str]]) -> bytes:
    """Return shell text that exports these variables."""
    return b"".join(b"export " + name.encode() + b"=" + words(value) + b"\n" for name, value in env)


def unfit(*given: str) -> str:
    """Return why these words cannot be handed to a command, or nothing where they can."""
    if any("\0" in word for word in given):
        return "an argument has a NUL character in it"
    if any(len(word.encode("utf-8", "replace")) > LONGEST_ARGUMENT for word in given):
        return f"an argument is longer than {LONGEST_ARGUMENT} bytes"
    return ""


@dataclass
class Reply:
    """What came, or will come, between two frames, of both streams."""

    nonce: str
    out: Frame
    err: Frame

    @classmethod
    def fresh(cls, out: Kept, err: Kept) -> "Reply":
        """Return a reply to come, under a new nonce, whose streams are kept like this."""
        nonce = secrets.token_hex(16)
        return cls(nonce, Frame(nonce.encode(), out), Frame(nonce.encode(), err))

    @property
    def begun(self) -> bool:
        """Whether its beginning was seen."""
        return self.out.opened

    @property
    def whole(self) -> bool:
        """Whether both streams' ends were seen."""
        return self.out.words is not None and self.err.words is not None

    @property
    def words(self) -> tuple[str, ...]:
        """What the closing line says; empty where it was not seen."""
        return self.out.words or ()


class Conversation:
    """Frames over one wire.

    Args:
        wire: The process at the far end.
        clock: Seconds that never jump.
    """

    def __init__(self, wire: Wire, clock: Callable[[], float] = monotonic) -> None:
        self.wire, self._clock = wire, clock
        self._out, self._err = Stream(), Stream()
        self._pending: list[memoryview] = []
        self._finish = False
        self.heard = clock()

    def expect(self, reply: Reply) -> None:
        """Expect this reply after those that are expected already."""
        self._out.expect(reply.out)
        self._err.expect(reply.err)

    def say(self, *data: bytes, finish: bool = False) -> None:
        """Send this as soon as it goes, and then nothing more if told so."""
        self._pending += [memoryview(piece) for piece in data if piece]
        self._finish = self._finish or finish

    def wait(self, reply: Reply, seconds: float, beat: Callable[[], None] = lambda: None) -> bool:
        """Wait for a reply, sending and reading meanwhile.

        Args:
            reply: Whose end is waited for.
            seconds: When it is overdue. It is given up only when nothing has come for `SLACK` seconds, too.
            beat: Called several times a second; may raise.

        Returns:
            Whether it came.

        Raises:
            Broken: The link died.
            Ended: The process ended before.
        """
        due = self._clock() + seconds
        while not reply.whole:
            if self._clock() > max(due, self.heard + SLACK):
                return False
            self._exchange()
            beat()
        return True

    def _exchange(self) -> None:
        try:
            self._push()
        except Ended:  # nobody reads any more; what was said before is still to be read
            self._pending = []
        try:
            out, err = self.wire.receive(0.01 if self._pending else 0.2)
        except (Broken, Ended):
            self._out.flush()
            self._err.flush()
            raise
        if out or err:
            self.heard = self._clock()
            self._out.feed(out)
            self._err.feed(err)

    def _push(self) -> None:
        while self._pending:
            sent = self.wire.send(self._pending[0])
            if not sent:
                return
            self._pending[0] = self._pending[0][sent:]
            if not self._pending[0]:
                self._pending.pop(0)
        if self._finish:
            self._finish = False
            self.wire.finish()

    @property
    def spoke(self) -> bool:
        """Whether a frame was ever seen: what is at the far end is a shell of ours."""
        return self._out.spoke

    @property
    def last_words(self) -> str:
        """The last line that came outside all frames: why there is no shell."""
        noise = self._err.noise.content + b"\n" + self._out.noise.content
        lines = [line.strip() for line in noise.decode("utf-8", "backslashreplace").splitlines()]
        return next((line for line in lines if line), "")

    def close(self) -> None:
        """Let go of the process."""
        self.wire.close()
