"""Runs `remediate` in processes that die, or whose connection is cut, at one write to the audit log.

A launcher of the tests, of which the product knows nothing: `python -m tests.faults.mortal` reads one order a line,
forks a process that has imported everything already, and answers with how it ended. It judges nothing.
"""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from json import dumps, loads
from pathlib import Path

import remediate.cli.reaching
import remediate.engine
import remediate.transport.host
from remediate.cli.app import run
from remediate.errors import Failed
from remediate.journal.store import AuditStore


@dataclass(frozen=True)
class Doom:
    """What befalls a process.

    Attributes:
        write: At which of its writes to the audit log, from 1; 0: at none.
        after: Whether right after that write rather than right before it.
        line: The pipes (FIFOs) by which the connection is cut: asked there, answered here; empty: it is killed.
        patience: Seconds to wait for a connection to come back.
        stable: Seconds for which a cure must hold; it need not be long where time is not what is tested.
        unverified: Whether the cure is taken not to hold, so that the run puts everything back.
    """

    write: int = 0
    after: bool = False
    line: tuple[str, ...] = ()
    patience: float = 120.0
    stable: float = 0.3
    unverified: bool = False


@dataclass(frozen=True)
class Order:
    """One command line.

    Attributes:
        words: Its words.
        environment: Its environment.
        folder: Where its output goes, into `out` and `err`.
        doom: What befalls it, if anything does; then its cure need not hold for long, either.
    """

    words: tuple[str, ...]
    environment: dict[str, str]
    folder: str
    doom: Doom | None = None

    def to_line(self) -> str:
        return dumps(asdict(self)) + "\n"

    @classmethod
    def of_line(cls, line: str) -> "Order":
        values = loads(line)
        doom = values["doom"] and Doom(**{**values["doom"], "line": tuple(values["doom"]["line"])})
        return cls(tuple(values["words"]), values["environment"], values["folder"], doom)


def begin(doom: Doom) -> None:
    """Let it befall this process."""
    AuditStore.append = _doomed(AuditStore.append, doom)
    patience = remediate.transport.host.Patience(reconnect=doom.patience)
    remediate.transport.host.Patience = lambda **_: patience
    verify = _never if doom.unverified else partial(_soon, remediate.engine.verify, doom.stable)
    remediate.engine.verify = verify


def _doomed(append: Callable[..., int], doom: Doom) -> Callable[..., int]:
    writes = iter(range(1, 1_000_000))

    def write(*words: object, **named: object) -> int:
        its_turn = next(writes) == doom.write
        if its_turn and not doom.after:
            _befall(doom)
        number = append(*words, **named)
        if its_turn and doom.after:
            _befall(doom)
        return number

    return write


def _befall(doom: Doom) -> None:
    if not doom.line:
        os.kill(os.getpid(), signal.SIGKILL)
    asked, answered = map(Path, doom.line)
    asked.write_text("!")
    answered.read_text()


def _soon(verify: Callable[..., None], most: float, *words: object, within: float, stable: float) -> None:
    verify(*words, within=within, stable=min(stable, most))


def _never(*words: object, within: float, stable: float) -> None:
    raise Failed("the cure", "does not hold")


LONGEST = 180
"""Seconds after which a process is ended: it hangs."""


def serve() -> None:
    """Carry out orders until there are none, each in a process of its own, and say how each ended."""
    for line in sys.stdin:
        child = os.fork() or _obey(Order.of_line(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _obey(order: Order) -> int:
    signal.alarm(LONGEST)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(Path(order.folder) / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    os.environ.clear()
    os.environ.update(order.environment)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  (what was read ahead of it belongs to the launcher)
    if order.doom:
        begin(order.doom)
    sys.argv = ["remediate", *order.words]
    code = run(order.words)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    serve()
