"""What the service goes by: inventories, playbooks, keys; how hosts are looked at. It decides nothing."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from remediate.catalogue import CATALOGUE
from remediate.cli.examining import TOOLS
from remediate.cli.reaching import target_of
from remediate.cli.session import inventory_of
from remediate.clock import Clock
from remediate.errors import CouldNotLook, UsageError
from remediate.healing.brakes import breakers
from remediate.healing.history import KINDS, history_of
from remediate.inventory import Host, Inventory, Reference
from remediate.inventory.files import beside
from remediate.inventory.references import SecretText
from remediate.inventory.watch import NumbersText, RulesText
from remediate.journal import Journal
from remediate.masking import Masker
from remediate.playbook import Playbook, find_playbook, load_playbook, playbook_files
from remediate.procedure import Procedure
from remediate.text.templates import Scope
from remediate.transport.trips import Trips
from remediate.watching.access_log import Requests
from remediate.watching.authentication import SHORTEST, Gatekeeper, Key
from remediate.watching.listener import Known
from remediate.watching.messages import Loaded
from remediate.watching.metrics import Metrics
from remediate.watching.prometheus import Prometheus
from remediate.watching.readings import Reading
from remediate.watching.samples import Sampling
from remediate.watching.work import Errand, Work


@dataclass(frozen=True)
class Watched:
    """What `watch` was started with.

    Attributes:
        given: What `-i` says; none: as for other commands.
        playbooks: The folder of playbooks.
        state: The state directory.
        masker: What is secret.
        clock: The time.
        once: Whether each host is looked at once: then no rule waits for a second look.
    """

    given: tuple[str, ...]
    playbooks: Path
    state: Path
    masker: Masker
    clock: Clock
    once: bool = False

    def load(self) -> Loaded:
        """Read everything from files.

        Raises:
            UsageError: Something is wrong with it.
        """
        inventories = self._inventories()
        # All of them, as whoever heals reads all: one that is wrong must be told now, and not on a bad night.
        books = {path.stem: load_playbook(path, CATALOGUE) for path in playbook_files(self.playbooks)}
        bound = {name: _Bound(self, inventory, books) for name, inventory in inventories.items()}
        for one in bound.values():
            one.check()
        keys = tuple(one.key for one in bound.values() if one.key)
        return Loaded(
            inventories=inventories,
            known=Known(inventories, Gatekeeper(keys)),
            look=lambda host, quiet_for: bound[host.environment].look(host, quiet_for),
            command=lambda errand: bound[errand.environment].command(errand),
            meant=lambda errand: bound[errand.environment].meant(errand),
            playbooks=frozenset(books),
            topic=lambda environment, source: bound[environment].topic(source),
        )

    def _inventories(self) -> dict[str, Inventory]:
        found: dict[str, Inventory] = {}
        for given in self.given or (None,):
            inventory = inventory_of(given)
            if inventory.environment in found:
                other = found[inventory.environment].path
                what = f"is the environment {inventory.environment}, and so is {other}"
                raise UsageError(str(inventory.path), what, "name each environment once")
            found[inventory.environment] = self._at_once(inventory) if self.once else inventory
        return found

    @staticmethod
    def _at_once(inventory: Inventory) -> Inventory:
        rules = {
            name: rule.model_copy(update={"for_": 0.0})
            for name in RulesText.model_fields
            if (rule := getattr(inventory.watch.rules, name))
        }
        watch = inventory.watch.model_copy(
            update={"rules": inventory.watch.rules.model_copy(update=rules), "jitter": 0.0}
        )
        return replace(inventory, watch=watch)

    def tell_breakers(self, journal: Journal) -> Callable[[Metrics], None]:
        """Return what tells the metrics which breakers are open."""

        def tell(metrics: Metrics) -> None:
            told = breakers(history_of(journal.of_kinds(KINDS)))
            named = (one.fingerprint for one in told if one.open)
            metrics.breakers((one.environment, one.target, one.playbook) for one in named)

        return tell


@dataclass
class _Bound:
    """One environment, with what was revealed for it."""

    watched: Watched
    inventory: Inventory
    books: Mapping[str, Playbook]
    _prometheus: Prometheus | None = None

    def check(self) -> None:
        """Refuse what is not there, before anything begins.

        Raises:
            UsageError: A playbook, a host or a secret that `watch:` names cannot be had.
        """
        watch = self.inventory.watch
        if health := watch.rules.health:
            self._book(health.tool, tool=True)
        for alert in watch.alerts.values():
            for name in alert.playbooks:
                self._book(name, tool=False)
            if alert.on:
                self.inventory.select(alert.on)
        for one in watch.schedule.values():
            self._check_scheduled(self._book(one.playbook), one.on)
        if watch.prometheus:
            token = watch.prometheus.token
            self._prometheus = Prometheus(
                self._revealed("prometheus url", watch.prometheus.url),
                self._revealed("prometheus token", token) if token else "",
            )

    def _check_scheduled(self, book: Playbook, on: Sequence[str]) -> None:
        if book.tool and book.name not in TOOLS:
            what = f"is a tool that is no command; these are: {', '.join(TOOLS)}"
            raise UsageError(f"watch: schedule: {book.name}", what, "schedule another")
        for host in self._hosts(book, on):
            if host.group != book.group:
                what = f"{host.name} is in the group {host.group}, {book.name} is for {book.group}"
                raise UsageError(f"watch: schedule: {book.name}", what, f"name hosts of {book.group}")

    def _book(self, name: str, *, tool: bool | None = None) -> Playbook:
        book = self.books.get(name) or load_playbook(find_playbook(name, self.watched.playbooks), CATALOGUE)
        if tool is not None and book.tool is not tool:
            what = "is no tool" if tool else "is a tool: it cures nothing"
            raise UsageError(f"{self.inventory.path}: watch", f"{name} {what}", "name another playbook")
        return book

    @property
    def key(self) -> Key | None:
        """What the senders of alerts know; None where none are taken.

        Raises:
            UsageError: It cannot be had, or can be guessed.
        """
        listener = self.inventory.watch.listener
        if listener is None:
            return None
        kind, written = listener.chosen
        secret = self._revealed(f"listener {kind}", written)
        if len(secret) < SHORTEST:
            what = f"listener: {kind} has fewer than {SHORTEST} characters"
            raise UsageError(f"{self.inventory.path}: watch", what, "make one: openssl rand -hex 32")
        return Key(self.inventory.environment, kind, secret)

    def _revealed(self, name: str, secret: SecretText) -> str:
        folder = self.inventory.path.parent.absolute()
        given = secret.model_dump(exclude_none=True)
        if "file" in given:
            given["file"] = beside(folder, given["file"])
        where = f"{self.inventory.path}: watch"
        value = Reference(name=name, where=where, folder=str(folder), **given).reveal(os.environ)
        self.watched.masker.learn([value])
        return value

    def look(self, host: Host, quiet_for: float | None) -> Reading:
        """Look at a host, over a connection of its own.

        Raises:
            UsageError: A secret or a value that a check needs is not there.
        """
        secrets = {name: reference.reveal(os.environ) for name, reference in host.secrets.items()}
        self.watched.masker.learn(secrets.values())
        sampling = Sampling(host, self.inventory.watch, self._health(host), self.watched.clock, self._ask)
        reached = target_of(
            host,
            secrets,
            Trips(),
            learn=lambda secret: self.watched.masker.learn([secret]),
            on_output=lambda _: None,
            on_warning=lambda _: None,
        )
        with reached as target:
            return sampling.look(target, quiet_for)

    def _health(self, host: Host) -> Procedure | None:
        rule = self.inventory.watch.rules.health
        book = self._book(rule.tool, tool=True) if rule else None
        if book is None or book.group != host.group:
            return None
        return Procedure(book, book.scope(host.scope, {}), self.inventory.environment)

    def _ask(self, queries: NumbersText, scope: Scope, window: float) -> Requests:
        if self._prometheus is None:  # the inventory has no queries without one
            raise CouldNotLook("prometheus", "there is none")
        return self._prometheus.requests(queries, scope, window)

    def topic(self, source: str) -> str:
        """Return whom the playbook wants called that a concern came from; empty where it came from none."""
        kind, _, name = source.partition(":")
        written = self.inventory.watch.schedule.get(name) if kind == "schedule" else None
        return self._book(written.playbook).escalate if written else ""

    def meant(self, errand: Errand) -> Errand:
        """Return an errand with the hosts that it is for, and with whether it only looks.

        Raises:
            UsageError: What is scheduled names a playbook or a host that is there no more.
        """
        if errand.work is not Work.SCHEDULED:
            return errand
        book = self._book(errand.playbooks[0])
        hosts = tuple(host.name for host in self._hosts(book, errand.hosts))
        return replace(errand, hosts=hosts, only_looks=book.tool)

    def _hosts(self, book: Playbook, on: Sequence[str]) -> Sequence[Host]:
        return self.inventory.select(on or (book.group,))

    def command(self, errand: Errand) -> Sequence[str]:
        """Return the command line of an errand: names that the inventory declares, and nothing else."""
        places = [
            "-i",
            str(self.inventory.path.absolute()),
            "--playbooks",
            str(self.watched.playbooks.absolute()),
        ]
        program = [sys.executable, "-m", "remediate"]
        if errand.work is Work.ESCALATE:
            state = [
                "--state",
                str(self.watched.state),
                "--playbooks",
                str(self.watched.playbooks.absolute()),
            ]
            return [*program, "escalate", errand.name or "--due", *state, "--json"]
        if errand.work is Work.SCHEDULED and self._book(errand.playbooks[0]).tool:
            return [*program, errand.playbooks[0], "--on", ",".join(errand.hosts), *places, "--json"]
        only = [word for name in errand.playbooks for word in ("--only", name)]
        state = ["--state", str(self.watched.state)]
        return [
            *program,
            "heal",
            "--on",
            ",".join(errand.hosts),
            *places,
            *state,
            *only,
            "--reason",
            errand.reason,
            "--json",
        ]
