"""The pipelined shell: many questions written at once, answered in order, in one round trip. Changes nothing.

One `sh` runs on the host as long as the target is used. A question's command has /dev/null as stdin and a process group
of its own, which is ended with it: a child left in the background can neither hold the answer up nor speak into the
next one. (One that leaves its group on purpose and goes on printing is a daemon with bad manners: it is not ended.)
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock

from remediate.errors import Unreachable
from remediate.questions import Fetch, FetchAnswer, Read, ReadAnswer, Run, RunAnswer, Unanswered
from remediate.target import Machine
from remediate.transport.conversation import OPEN_AND_CLOSE, Conversation, Reply, exports
from remediate.transport.lookups import FETCH, READ, RUN, Cannot, interpret, phrase, room
from remediate.transport.machine import INTRODUCE, Clocks, Introduction
from remediate.transport.trips import Trips
from remediate.transport.wire import Broken, Ended, OpenWire

Looked = RunAnswer | ReadAnswer | FetchAnswer | Unanswered
Look = Run | Read | Fetch
Asked = tuple[Look, Reply]
KILLING = 4.0
"""Seconds that the host may need to end a command that is out of time: TERM, two seconds, KILL."""


class Shell:
    """One long-lived `sh` for looking, opened when first needed and again when its link died.

    Args:
        where: The host's name, for messages.
        open_wire: Starts a command at the far end.
        command: The command line that starts the shell: `exec sh`, or the same as another user.
        env: Variables that every command sees.
        secrets: Values of bearer tokens by name; they reach the host on curl's stdin only.
        trips: Counts what looking costs.
        meet: Is told which machine answered, each time the shell is opened; refuses another one.
        clocks: The runner's clocks.
    """

    def __init__(
        self,
        where: str,
        open_wire: OpenWire,
        command: str,
        *,
        env: Mapping[str, str],
        secrets: Mapping[str, str],
        trips: Trips,
        meet: Callable[[Machine], None] = lambda _: None,
        clocks: Clocks = Clocks(),  # noqa: B008  (frozen)
    ) -> None:
        self._where, self._open_wire, self._command = where, open_wire, command
        self._env, self._secrets, self._trips = dict(env), secrets, trips
        self._meet, self._clocks = meet, clocks
        self._lock = Lock()
        self._talk: Conversation | None = None
        self._introduction: Introduction | None = None

    def ask(self, questions: Iterable[Look], *, connecting: bool = False) -> dict[Look, Looked]:
        """Answer the questions, each once, in one round trip.

        A question that takes too long or ends the shell is unanswered, and the rest is asked again of a new shell.
        Where the link dies, it is opened once more: looking is harmless.

        Args:
            questions: What to ask.
            connecting: Count the trip as part of connecting, not as a look.

        Raises:
            Unreachable: There is no way to the host, or no shell there.
        """
        with self._lock:
            return self._ask(list(dict.fromkeys(questions)), connecting=connecting)

    def close(self) -> None:
        """End the shell."""
        with self._lock:
            self._drop()

    def _ask(self, questions: list[Look], *, connecting: bool) -> dict[Look, Looked]:
        answers: dict[Look, Looked] = {}
        breaks = 0
        while missing := [question for question in questions if question not in answers]:
            try:
                self._batch(missing, answers, connecting=connecting)
            except Broken:
                breaks += 1
                if breaks > 1:
                    raise self._gone() from None
        return answers

    def _batch(self, questions: Sequence[Look], answers: dict[Look, Looked], *, connecting: bool) -> None:
        """Ask what can be asked, and take the answers until all are there or the shell is lost."""
        talk = self._open()
        try:  # whatever interrupts it between a question and its answer, this shell is not asked again
            asked = [
                (question, reply) for question in questions if (reply := self._say(talk, question, answers))
            ]
            if not asked:
                return
            self._trips.shell += not connecting
            self._trips.connecting += connecting
            self._be_introduced()
            self._listen(talk, asked, answers)
        except BaseException:
            self._drop()
            raise

    def _say(self, talk: Conversation, question: Look, answers: dict[Look, Looked]) -> Reply | None:
        """Send a question; one that cannot be put into words is unanswered at once."""
        try:
            text = phrase(question, self._secrets)
        except Cannot as error:
            answers[question] = Unanswered(reason=str(error))
            return None
        reply = Reply.fresh(*room(question))
        talk.expect(reply)
        talk.say(text(reply.nonce))
        return reply

    def _listen(self, talk: Conversation, asked: Sequence[Asked], answers: dict[Look, Looked]) -> None:
        for question, reply in asked:
            why = self._wait(talk, question, reply)
            answers[question] = Unanswered(reason=why) if why else interpret(question, reply)
            if why:
                self._drop()
                return

    def _wait(self, talk: Conversation, question: Look, reply: Reply) -> str:
        """Wait for one reply, and return why it will not come: then the shell is of no more use."""
        seconds = limit(question)
        try:
            came = talk.wait(reply, seconds + KILLING)
        except Ended:
            if not reply.begun:
                raise Broken from None
            return f"{label(question)} ended the shell that was asked"
        return "" if came else f"{label(question)} took longer than {seconds:g} s"

    def _be_introduced(self) -> None:
        """Hear who a new shell is, before anything else that it says is believed."""
        introduction, self._introduction = self._introduction, None
        if introduction is not None:
            self._meet(introduction.hear(self._where, self._command))

    def _open(self) -> Conversation:
        if self._talk is None:
            self._talk = Conversation(self._open_wire(self._command), self._clocks.monotonic)
            functions = OPEN_AND_CLOSE + RUN + READ + FETCH + INTRODUCE
            self._talk.say(exports(self._env.items()), functions.encode())
            self._introduction = Introduction(self._talk, self._clocks)
        return self._talk

    def _drop(self) -> None:
        if self._talk is not None:
            self._talk.close()
            self._talk = None

    def _gone(self) -> Unreachable:
        return Unreachable(
            self._where, "the connection broke twice while looking", "try again when the network holds"
        )


def limit(question: Look) -> float:
    """Return how many seconds a question may take on the host."""
    return question.timeout if isinstance(question, Run | Fetch) else 30.0


def label(question: Look) -> str:
    """Return what to call a question in a message."""
    match question:
        case Read():
            return f"reading {question.path}"
        case Fetch():
            return f"{question.method} {question.url}"
    first = next((line.strip() for line in question.script.splitlines() if line.strip()), "an empty script")
    return f"`{first[:60]}`"
