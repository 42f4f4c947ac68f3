"""The command watch: starts the long-running service, gives it signals, and tells what it does."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import typer

from remediate.cli.exit_codes import HEALTHY, NO_CURE
from remediate.cli.options import PlaybookFolder, StateFolder, playbook_folder, state_folder
from remediate.clock import Clock
from remediate.errors import UsageError
from remediate.masking import Masker
from remediate.sinks.clean import one_line

NEEDED = ("starlette", "uvicorn", "prometheus_client")
"""What the extra `watch` brings."""
LONGEST = 2000
"""Characters of a line of the service's log."""
LARGEST_PORT = 65_535
UNIT = "remediate-watch.service"
LEVELS = {"info": "<6>", "warning": "<4>"}
"""What journald takes for a line's priority (sd-daemon(3))."""

Environments = Annotated[
    list[str] | None,
    typer.Option("-i", "--inventory", help="An environment, as for other commands; repeatable."),
]
Listen = Annotated[
    str, typer.Option("--listen", help="Where alerts are taken, and metrics told: ADDRESS:PORT.")
]
Once = Annotated[
    bool, typer.Option("--once", help="Look at each host once, heal what is wrong, and leave: for cron.")
]
Unit = Annotated[
    bool, typer.Option("--unit", help="Only print a systemd unit for it, hardened, to be adapted.")
]


def watch(
    inventories: Environments = None,
    playbooks: PlaybookFolder = None,
    state: StateFolder = None,
    listen: Listen = "127.0.0.1:9797",
    *,
    once: Once = False,
    unit: Unit = False,
) -> int:
    """Look at environments on their schedules, take alerts, and have what is wrong healed, as policy allows it.

    SIGTERM leaves once what is in hand was put back or brought to its end; SIGHUP reads all anew.
    """
    if unit:
        typer.echo((Path(__file__).parents[1] / "watching" / UNIT).read_text("utf-8"), nl=False)
        return HEALTHY
    _demand_extra()
    from remediate.cli.serving import opened  # after the extra is known to be there
    from remediate.cli.watched import Watched
    from remediate.watching.heaps import keep_few_heaps

    keep_few_heaps()
    clock, masker = Clock(), Masker()
    tell = teller(masker, for_journald="JOURNAL_STREAM" in os.environ)
    watched = Watched(
        tuple(inventories or ()), playbook_folder(playbooks), state_folder(state), masker, clock, once
    )
    address = _address(listen)
    with opened(watched, tell, None if once else address) as service:
        with _signals(service.signal):
            well = service.run()
        tell("info", "", "left")
        return HEALTHY if well or not once else NO_CURE


def _demand_extra() -> None:
    """Refuse where what the extra brings is not there.

    Raises:
        UsageError: It is not.
    """
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        what = f"needs {', '.join(missing)}, which the extra `watch` brings"
        raise UsageError("remediate watch", what, "pip install 'remediate[watch]'")


def _address(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= len(str(LARGEST_PORT)) else None
    if not colon or not host or number is None or number > LARGEST_PORT:
        raise UsageError(f"--listen {listen}", "is not ADDRESS:PORT", "write 127.0.0.1:9797")
    return host.strip("[]"), number


def teller(masker: Masker, *, for_journald: bool) -> Callable[[str, str, str], None]:
    """Return what tells one line on standard output, masked and cleaned.

    Whoever read it may have gone: the service goes on.

    Args:
        masker: What is secret.
        for_journald: Whether a line begins with its priority, because journald notes the time itself.
    """

    def tell(level: str, where: str, what: str) -> None:
        began = LEVELS[level] if for_journald else time.strftime("%Y-%m-%d %H:%M:%S ", time.gmtime())
        line = one_line(masker.text(": ".join(filter(None, (where, what)))), LONGEST)
        with suppress(OSError, ValueError):
            sys.stdout.write(f"{began}{line}\n")
            sys.stdout.flush()

    return tell


@contextmanager
def _signals(told: Callable[[Literal["stop", "reload"]], None]) -> Iterator[None]:
    """Hand signals to the service while it is open: it decides when to leave."""
    meaning: dict[signal.Signals, Literal["stop", "reload"]] = {
        signal.SIGTERM: "stop",
        signal.SIGINT: "stop",
        signal.SIGHUP: "reload",
    }
    before = {
        number: signal.signal(number, lambda *_, what=what: told(what)) for number, what in meaning.items()
    }
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
