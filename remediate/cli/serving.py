"""Opens the service that watches: the audit log, a hold on each environment, its listener. It runs nothing."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from remediate import __version__
from remediate.cli.session import operator
from remediate.cli.watched import Watched
from remediate.inventory import Inventory
from remediate.journal import Journal, RunHeader, new_run_id
from remediate.watching.chronicle import Tell
from remediate.watching.notifying import Notifier
from remediate.watching.remembered import Memory
from remediate.watching.service import Service


@contextmanager
def opened(watched: Watched, tell: Tell, where: tuple[str, int] | None) -> Iterator[Service]:
    """Open the service: the audit log, a hold on each environment, and the listener.

    Args:
        watched: What is watched.
        tell: Told what it does.
        where: Address and port of its listener; None: it has none, and looks once.

    Raises:
        JournalError: The audit log cannot be opened.
        Locked: Another process watches one of the environments.
        UsageError: What is watched cannot be read, or nobody can listen there.
    """
    clock = watched.clock
    with ExitStack() as opening:
        journal = opening.enter_context(Journal.open(watched.state, watched.masker, clock.wall))
        loaded = watched.load()
        for environment in loaded.inventories:
            opening.enter_context(journal.hold(f"watch-{environment}"))
        memory = Memory(journal, _header(new_run_id(clock.wall()), tuple(loaded.inventories.values())))
        memory.begin()
        service = Service(
            loaded,
            watched.load,
            memory,
            tell,
            Notifier(os.environ),
            clock,
            once=where is None,
            tell_breakers=watched.tell_breakers(journal),
        )
        if where:
            opening.callback(service.listener.close)
            bound = service.listener.listen(*where)
            what = (
                "alerts are taken" if loaded.known.gatekeeper.keys else "metrics are told, no alert is taken,"
            )
            tell("info", "", f"{what} at {where[0]}:{bound}")
        yield service


def _header(run: str, inventories: tuple[Inventory, ...]) -> RunHeader:
    """Return what is written down when the service begins; what it notes goes under this id."""
    return RunHeader(
        run=run,
        command="watch",
        environment=",".join(one.environment for one in inventories),
        inventory_path=",".join(str(one.path.absolute()) for one in inventories),
        operator=operator(),
        version=__version__,
        argv=tuple(sys.argv[1:]),
    )
