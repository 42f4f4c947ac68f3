"""The long-running service: one thread that decides, and others that look, listen and heal. It knows no transport.

All that happens comes to the one thread as a value in a queue, signals too, so nothing it knows needs a lock. What it
decides stands in `ward.py`; what it must not forget, in the audit log.
"""

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from remediate.clock import Clock
from remediate.errors import RemediateError, UsageError
from remediate.inventory import Host
from remediate.watching.alerts import Notice
from remediate.watching.chronicle import Chronicle, Tell
from remediate.watching.closing import Closing
from remediate.watching.concerns import Moment
from remediate.watching.errands import Ended, Errands
from remediate.watching.listener import Listener
from remediate.watching.looking import next_looks
from remediate.watching.messages import Loaded, Looked, Message, Signalled
from remediate.watching.metrics import Metrics
from remediate.watching.notifying import Notifier
from remediate.watching.remembered import Memory, Remembered
from remediate.watching.rules import blind, rules_on
from remediate.watching.said import cured_by, nobody_called_in
from remediate.watching.schedule import rewritten
from remediate.watching.ward import Ward
from remediate.watching.work import Errand, Note, Turned

ROOM = 256
"""Alerts that may wait to be looked into; while so many do, senders are told to come again."""
SETTLING = 60.0
"""Seconds between two looks into the audit log for what others wrote there: whom they called, which calls are over."""
LONGEST_WAIT = 5.0
"""Seconds that the thread waits at most, so that it can tell that it is alive."""
STUCK = 60.0
"""Seconds without a turn of the thread after which the service is not alive."""


@dataclass
class Service:
    """The service.

    Attributes:
        loaded: What it goes by.
        load: Reads all of that from files anew; raises RemediateError where something is wrong with it.
        memory: What it must not forget.
        tell: Tells one line.
        notifier: Tells systemd.
        clock: The time.
        once: Whether it ends as soon as every host was looked at and nothing is left to do.
        metrics: What is counted.
        tell_breakers: Tells the metrics which breakers are open.
    """

    loaded: Loaded
    load: Callable[[], Loaded]
    memory: Memory
    tell: Tell
    notifier: Notifier
    clock: Clock = field(default_factory=Clock)
    once: bool = False
    metrics: Metrics = field(default_factory=Metrics)
    tell_breakers: Callable[[Metrics], None] = lambda _: None

    def __post_init__(self) -> None:
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._room = threading.BoundedSemaphore(ROOM)
        self.wards: dict[str, Ward] = {}
        self._looked_at: set[tuple[str, str]] = set()
        self._leaving = False
        self._settled = float("-inf")
        self._turned = self.clock.monotonic()
        self.chronicle = Chronicle(
            self.memory,
            self.tell,
            self.metrics,
            self.tell_breakers,
            lambda name: name in self.loaded.playbooks,
        )
        self._errands = Errands(self._command, self.chronicle.said, self._inbox.put, self.clock)
        self.listener = Listener(
            self.loaded.known, self._take, self.metrics, lambda: self.alive, self.clock.wall
        )
        self._take_on(self.memory.recall())

    def _command(self, errand: Errand) -> Sequence[str]:
        return self.loaded.command(errand)  # as it is by then: all may have been read anew

    @property
    def alive(self) -> bool:
        """Whether its thread goes on."""
        return self.clock.monotonic() - self._turned < STUCK

    def signal(self, what: Signalled) -> None:
        """Have it leave, or read all anew; may be called from a signal handler."""
        self._inbox.put(what)

    def run(self) -> bool:
        """Go on until it is told to leave, or, with `once`, until there is nothing left to do.

        Returns:
            Whether all is well, as far as is known.
        """
        self.notifier.ready(self._status)
        while not self._over:
            self._turn()
        self._leave()
        if self.once:
            self.chronicle.left_open(self.wards.values())
        return not any(ward.firing for ward in self.wards.values())

    def _turn(self) -> None:
        if not self._leaving:
            self._settle()
            self._begin_errands()
            self._begin_looks()
        self.notifier.alive(self._status)
        self._turned = self.clock.monotonic()
        if not self._over and (message := self._next()):
            self._do(message)

    def _next(self) -> Message | None:
        waits = [ward.next_due(self._now) for ward in self.wards.values()] if not self._leaving else []
        longest = min(LONGEST_WAIT, self.notifier.pause or LONGEST_WAIT)
        # Never none at all: a host that is due and waits for another's look to end must not make this thread spin.
        try:
            return self._inbox.get(timeout=max(0.05, min([longest, *waits])))
        except queue.Empty:
            return None

    @property
    def _over(self) -> bool:
        busy = any(ward.errand for ward in self.wards.values())
        return not busy and (self._leaving or (self.once and self._nothing_left))

    @property
    def _nothing_left(self) -> bool:
        """Whether each host was looked at since it was last worked at, and healing was asked for wherever it had to."""
        hosts = {(ward.name, host) for ward in self.wards.values() for host in ward.turns}
        now, wards = self.clock.monotonic(), self.wards.values()
        due = (one.due <= now for ward in wards for one in ward.concerns.values())
        asked = any(ward.calls.untried or ward.hosts_to_close(now) for ward in wards)
        return hosts <= self._looked_at and not asked and not any(due)

    @property
    def _now(self) -> Moment:
        return Moment(self.clock.wall(), self.clock.monotonic())

    @property
    def _status(self) -> str:
        many = sum(len(ward.concerns) for ward in self.wards.values())
        what = "leaving" if self._leaving else f"watching {', '.join(self.wards)}"
        return f"{what}; {many} incident{'s' * (many != 1)} open"

    def _take_on(self, recalled: Remembered) -> None:
        """Go by what was loaded; of what an earlier service left open, all is looked into at once."""
        for environment, inventory in self.loaded.inventories.items():
            open_before, begun = recalled.of(environment)
            self.chronicle.schedules(
                environment, rewritten(inventory.watch.schedule, begun, self.clock.wall())
            )
            fresh = Ward(inventory, open_before, closing=Closing(recalled.left_in(environment)))
            ward = self.wards.setdefault(environment, fresh)
            self._note(ward.take_on(inventory, begun, self._now))
        self.metrics.keep(
            {
                (name, host.name): rules_on(one.watch)
                for name, one in self.loaded.inventories.items()
                for host in one.hosts
            }
        )
        self.chronicle.count_concerns(self.wards.values())

    def _take(self, notices: Sequence[Notice]) -> bool:
        """Take what the listener understood, from its thread; False where there is no room."""
        if not self._room.acquire(blocking=False):
            return False
        self._inbox.put(tuple(notices))
        return True

    def _do(self, message: Message) -> None:
        match message:
            case "stop":
                self._stop()
            case "reload":
                self._reload()
            case Looked():
                self._saw(message)
            case Ended():
                self._ended(message)
            case _:
                self._noticed(message)

    def _stop(self) -> None:
        if not self._leaving:
            self._leaving = True
            self.notifier.stopping()
            self.tell("info", "", "leaving: what is in hand is put back or brought to its end first")
            self.listener.close()
        self._errands.terminate()

    def _leave(self) -> None:
        self.listener.close()

    def _reload(self) -> None:
        """Read everything anew; where something is wrong with it, go on with what there was."""
        self.notifier.reloading()
        try:
            loaded, recalled = self._loaded_anew(), self.memory.recall()
        except RemediateError as error:
            self._not_reloaded(str(error))
        except Exception as defect:  # noqa: BLE001 - ours; told without its text, which may hold anything
            self._not_reloaded(f"internal error ({type(defect).__name__})")
        else:
            self.loaded = loaded
            self.loaded.known.gatekeeper.succeeds(self.listener.known.gatekeeper)
            self.listener.known = self.loaded.known
            self._take_on(recalled)
            self.metrics.reloaded("done")
            self.tell("info", "", "reloaded")
        self.notifier.ready(self._status)

    def _loaded_anew(self) -> Loaded:
        """Read everything anew, of the same environments: of others nobody has made sure that no one else watches them.

        Raises:
            RemediateError: Something is wrong with it.
        """
        loaded = self.load()
        if set(loaded.inventories) != set(self.wards):
            named = ", ".join(sorted(set(loaded.inventories) ^ set(self.wards)))
            raise UsageError(named, "the environments are not those it was started with", "start it anew")
        return loaded

    def _not_reloaded(self, why: str) -> None:
        self.metrics.reloaded("refused")
        self.tell("warning", "", f"not reloaded, the old goes on: {why}")

    def _begin_looks(self) -> None:
        for ward, host in next_looks(self.wards.values(), self.clock.monotonic()):
            self._begin_look(ward, next(one for one in ward.inventory.hosts if one.name == host))

    def _begin_look(self, ward: Ward, host: Host) -> None:
        begun = self.clock.monotonic()
        quiet_for, look, watch = ward.quiet_for(host.name, begun), self.loaded.look, ward.inventory.watch
        ward.begin_look(host.name, begun)

        def looking() -> None:
            try:
                seen = look(host, quiet_for)
            except RemediateError as error:
                seen = blind(watch, self.clock.monotonic(), str(error))
            except Exception as defect:  # noqa: BLE001 - ours; told without its text, which may hold anything
                seen = blind(watch, self.clock.monotonic(), f"internal error ({type(defect).__name__})")
            self._inbox.put(Looked(ward.name, host.name, begun, seen))

        threading.Thread(target=looking, name=f"look-{host.name}", daemon=True).start()

    def _saw(self, look: Looked) -> None:
        ward = self.wards[look.environment]
        if not ward.is_overtaken(look.host, look.begun):
            self._looked_at.add((look.environment, look.host))
        self._note(ward.saw(look.host, look.reading, look.begun, self._now))
        if look.host in ward.turns:  # or it was taken out meanwhile
            self.chronicle.looked(look, ward.alarms_of(look.host), self.clock.wall())

    def _noticed(self, notices: tuple[Notice, ...]) -> None:
        self._room.release()
        for notice in notices:
            self._note(self.wards[notice.environment].noticed(notice, self._now))

    def _settle(self) -> None:
        """Look into the audit log, which others write as well, from time to time: never for each message."""
        if self.clock.monotonic() >= self._settled + SETTLING:
            self._settled = self.clock.monotonic()
            called = self.chronicle.end_calls(self.clock.wall())
            for ward in self.wards.values():
                ward.calls.open = ward.calls.open if called is None else ward.name in called
            self.chronicle.count_breakers()

    def _begin_errands(self) -> None:
        for ward in self.wards.values():
            if errand := ward.next_errand(self._now):
                self._begin(ward, errand)

    def _begin(self, ward: Ward, errand: Errand) -> None:
        """Begin an errand, on the hosts that it means by now."""
        try:
            meant = self.loaded.meant(errand)
        except RemediateError as error:  # a file that its inventory names went since that was read
            self.chronicle.refused(errand, str(error))
            ward.refused(errand, self._now)
            return
        plan = ward.plans.get(errand.name)
        if not self.chronicle.begins(meant, plan.since if plan else self.clock.wall()):
            ward.refused(errand, self._now)
            return
        ward.errand = meant
        self._errands.start(meant)

    def _ended(self, ended: Ended) -> None:
        errand = ended.errand
        self.chronicle.ended(ended)
        self._looked_at -= {(errand.environment, host) for host in errand.hosts}
        came = self.wards[errand.environment].ended(
            errand,
            well=ended.code == 0,
            cured=cured_by(ended.lines),
            looked=ended.looked,
            mute=ended.mute,
            nobody=nobody_called_in(ended.lines),
            wrong=ended.wrong,
            at=self._now,
        )
        self._note(came)
        self.chronicle.count_breakers()

    def _note(self, notes: Sequence[Note]) -> None:
        if notes:
            self.chronicle.count_concerns(self.wards.values())
        for note in notes:
            if note.turned is Turned.BEYOND:
                ward = self.wards[note.concern.environment]
                topic = self.loaded.topic(ward.name, note.concern.source)
                runs = self.chronicle.call(note, ward.inventory, self.clock.wall(), topic)
                ward.called(note.concern.key, runs)
            else:
                self.chronicle.note(note)
