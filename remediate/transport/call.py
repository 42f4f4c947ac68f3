"""Runs one constant script on a channel of its own, with a payload on its stdin. Knows nothing of what scripts do.

The command line is the same whatever the arguments: the login shell of the host has nothing to misunderstand, and
nothing of them shows in a list of processes. The script and its arguments are the first bytes of stdin, the payload is
the rest.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic

from remediate.errors import Lost, RemediateError
from remediate.transport.conversation import OPEN_AND_CLOSE, Conversation, Reply, exports, words
from remediate.transport.frames import Kept
from remediate.transport.machine import no_shell
from remediate.transport.wire import Ended, OpenWire

# The script may set `told`, which comes back in the closing line, and define `cleanup`, which runs whatever happens.
FRAME = r"""
told=
cleanup() { :; }
trap 'exit 129' HUP INT TERM PIPE
trap 'code=$?; trap - EXIT; cleanup; remediate_close "$frame" "$code" "$told"' EXIT
remediate_open "$frame"
"""


@dataclass(frozen=True)
class Called:
    """What a script answered.

    Attributes:
        exit_code: As it ended.
        told: What it told in its closing line.
        stdout: Head and tail.
        stderr: The same.
        left_out: Bytes left out of both.
    """

    exit_code: int
    told: tuple[str, ...]
    stdout: bytes
    stderr: bytes
    left_out: int = 0

    @property
    def error(self) -> str:
        """The last line of stderr."""
        lines = self.stderr.decode("utf-8", "backslashreplace").strip().splitlines()
        return lines[-1] if lines else f"exit code {self.exit_code}, and not a word"


class Caller:
    """Calls scripts on one host as one user.

    Args:
        where: The host's name, for messages.
        open_wire: Starts a command at the far end.
        shell: The command line up to the shell's own arguments: `exec sh`, or the same as another user.
        env: Variables that every script sees.
        clock: Seconds that never jump.
    """

    def __init__(
        self,
        where: str,
        open_wire: OpenWire,
        shell: str,
        env: Mapping[str, str],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.where, self._open_wire, self._shell = where, open_wire, shell
        self._env, self._clock = dict(env), clock

    def call(
        self,
        script: str,
        *args: str,
        payload: bytes = b"",
        seconds: float = 30.0,
        out: Kept | None = None,
        err: Kept | None = None,
        beat: Callable[[], None] = lambda: None,
    ) -> Called:
        """Run a script to its end.

        Args:
            script: POSIX shell text, a constant.
            args: What it sees as `$1`, …
            payload: What it reads from stdin, bytes as they are.
            seconds: When it is overdue.
            out: Where its stdout goes; default: head and tail.
            err: Where its stderr goes.
            beat: Called several times a second; may raise.

        Raises:
            Unreachable: It was not begun: there is no way to the host, or no shell.
            Broken: The link died; what became of it is unknown.
            Lost: It is overdue or was ended, and what became of it is unknown.
        """
        reply = Reply.fresh(out or Kept(), err or Kept())
        text = self._text(reply.nonce, script, args)
        talk = Conversation(
            self._open_wire(f"{self._shell} -c 'eval \"$(head -c {len(text)})\"'"), self._clock
        )
        try:
            talk.expect(reply)
            talk.say(text, payload, finish=True)
            if not talk.wait(reply, seconds, beat):
                raise Lost(
                    self.where, f"no answer within {seconds:g} s, what became of the change is unknown"
                )
        except Ended as end:
            raise self._ended(talk, reply, end) from None
        finally:
            talk.close()
        return _called(reply)

    def _text(self, nonce: str, script: str, args: tuple[str, ...]) -> bytes:
        env = exports(self._env.items())
        frame = b"frame=" + words(nonce) + b"\n" + FRAME.encode()
        return env + OPEN_AND_CLOSE.encode() + frame + b"set -- " + words(*args) + b"\n" + script.encode()

    def _ended(self, talk: Conversation, reply: Reply, end: Ended) -> RemediateError:
        if reply.begun:
            return Lost(self.where, "the shell was ended in the middle, what became of the change is unknown")
        return no_shell(self.where, self._shell, talk, end)


def _called(reply: Reply) -> Called:
    out, err = reply.out.kept, reply.err.kept
    return Called(
        exit_code=int(reply.words[0]),
        told=reply.words[1:],
        stdout=out.content,
        stderr=err.content,
        left_out=out.left_out + err.left_out,
    )
