"""Tells which machine answers at an address, in which boot, and how far its clock is off. Connects to nothing.

The id is /etc/machine-id (machine-id(5)), which a machine keeps for life; the boot is the kernel's own (random(4)).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, time

from remediate.errors import Unreachable
from remediate.target import Machine
from remediate.transport.conversation import OPEN_AND_CLOSE, Conversation, Reply
from remediate.transport.frames import Kept
from remediate.transport.refusals import Refused
from remediate.transport.wire import Ended, OpenWire

# A subshell: what it reads stays in no variable that a command could see.
INTRODUCE = r"""
remediate_machine() (
  remediate_open "$1"
  id='' boot=''
  [ ! -r /etc/machine-id ] || read -r id _ </etc/machine-id
  [ ! -r /proc/sys/kernel/random/boot_id ] || read -r boot _ </proc/sys/kernel/random/boot_id
  remediate_close "$1" "${id:--}" "${boot:--}" "$(date +%s.%N)"
)
"""
PATIENCE = 30.0
"""Seconds that a new shell may need to say its first word; sudo may look names up."""
SHELL = "exec sh"
ID = re.compile(r"[0-9a-f]{32}")
BOOT = re.compile(r"[0-9a-f-]{36}")
TIME = re.compile(r"[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True)
class Clocks:
    """The runner's clocks.

    Attributes:
        monotonic: Seconds that never jump.
        wall: Seconds since the epoch.
    """

    monotonic: Callable[[], float] = monotonic
    wall: Callable[[], float] = time


class Introduction:
    """What a shell is asked first: who it is. It goes with the first questions, in one round trip.

    Args:
        talk: The shell, which knows `INTRODUCE`.
        clocks: The runner's clocks.
    """

    def __init__(self, talk: Conversation, clocks: Clocks) -> None:
        self._talk, self._clocks, self._asked = talk, clocks, clocks.monotonic()
        self.reply = Reply.fresh(Kept(1024, 0), Kept(1024, 0))
        talk.expect(self.reply)
        talk.say(b"remediate_machine " + self.reply.nonce.encode() + b"\n")

    def hear(self, where: str, command: str) -> Machine:
        """Wait for the answer, and return who it is.

        Args:
            where: The host's name, for messages.
            command: What started the shell, for messages.

        Raises:
            Unreachable: There is no shell.
            Broken: The link died.
        """
        try:
            came = self._talk.wait(self.reply, PATIENCE)
        except Ended as end:
            raise no_shell(where, command, self._talk, end) from None
        if not came:
            what = f"no shell there: it says nothing within {PATIENCE:g} s"
            raise Unreachable(where, what, f"check the login files there, and try what was tried: {command}")
        return self._machine()

    def _machine(self) -> Machine:
        way_back = (self._clocks.monotonic() - self._asked) / 2
        return introduced(self.reply.words, self._clocks.wall() - way_back, way_back)


def no_shell(where: str, command: str, talk: Conversation, end: Ended) -> Unreachable:
    """Return that what was started there is no shell of ours, with what it said."""
    said = talk.last_words or f"it ended with {end.exit_code} and said nothing"
    return Unreachable(
        where, f"no shell there: {said}", f"check the login shell, and try what was tried: {command}"
    )


def introduced(told: tuple[str, ...], now: float, error: float) -> Machine:
    """Return the machine that an introduction tells of.

    Args:
        told: Its id, its boot and its time, each `-` or nonsense where it has none.
        now: Seconds since the epoch on the runner when the host told its time.
        error: Seconds by which that may be wrong.
    """
    known, boot, at = (*told, "", "", "")[:3]
    return Machine(
        id=known if ID.fullmatch(known) else "",
        boot=boot if BOOT.fullmatch(boot) else "",
        clock_offset=round(float(at) - now, 3) if TIME.fullmatch(at) else None,
        clock_error=round(error, 3),
    )


class Acquaintance:
    """Which machine one host is: the one that was expected, or else the first that answered. No other is let in.

    Args:
        where: The host's name, for messages.
        expected: The machine id that is expected; empty where any is fine at first.
        clocks: The runner's clocks.

    Attributes:
        machine: Who answered last.
    """

    def __init__(self, where: str, expected: str, clocks: Clocks) -> None:
        self._where, self._expected, self._clocks = where, expected or None, clocks
        self.machine = Machine()

    def check(self, open_wire: OpenWire) -> None:
        """Meet whoever is at the end of a new connection, where it matters who that is.

        Raises:
            Refused: It is another machine.
            Broken: The connection died.
        """
        if self._expected is None:
            return
        talk = Conversation(open_wire(SHELL), self._clocks.monotonic)
        try:
            talk.say((OPEN_AND_CLOSE + INTRODUCE).encode())
            self.meet(Introduction(talk, self._clocks).hear(self._where, SHELL))
        finally:
            talk.close()

    def meet(self, machine: Machine) -> None:
        """Meet the machine that answers.

        Raises:
            Refused: It is another one.
        """
        if self._expected not in {None, machine.id}:
            known = f"its machine id is {machine.id}" if machine.id else "it has no machine id"
            expected = f"expected is {self._expected}" if self._expected else "the one before had none"
            todo = "check what answers at its address, and `machine_id:` in the inventory"
            raise Refused(self._where, f"another machine answers here: {known}, {expected}", todo)
        self._expected, self.machine = machine.id, machine
