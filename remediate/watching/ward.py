"""What the service knows of one environment, and what is next there. It only decides: it neither looks nor heals.

Only the service's own thread calls it, with the time as an argument, so a test can play weeks of it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from remediate.inventory import Inventory
from remediate.model import Finding
from remediate.watching.alerts import Notice
from remediate.watching.asking import asked_again, to_be_healed
from remediate.watching.calls import Calls
from remediate.watching.closing import Closing, Healing
from remediate.watching.concerns import (
    Concern,
    Key,
    Moment,
    alarmed,
    found,
    is_beyond_playbooks,
    is_declared,
    is_over,
    noticed,
    wanted,
)
from remediate.watching.readings import Reading, kept
from remediate.watching.rules import Alarm, State, alarms, span_of
from remediate.watching.schedule import Scheduled, Since, Turn, due_now, scheduled, turns
from remediate.watching.work import Errand, Note, Turned, Work, to_heal, to_run

PAUSE = 60.0
"""Seconds after which healing is asked for again where a concern is still there; doubled each time."""


@dataclass
class Ward:
    """One environment.

    Attributes:
        inventory: What it is.
        concerns: What is open.
        plans: What is run from time to time.
        turns: When each host is looked at next.
        readings: What was seen of each host lately.
        looking: The hosts that are being looked at.
        errand: What is being done; one thing at a time.
        mended: When an errand last ended on a host, on a stopwatch.
        calls: What a person has to be called for.
        before: What is being done of what is scheduled, as it counted before that was begun.
        put_off: When what is scheduled and could not be begun is tried again, on a stopwatch, by its name.
        closing: Where healing left something to a person: what it keeps of that is closed by its own look alone.
    """

    inventory: Inventory
    concerns: dict[Key, Concern] = field(default_factory=dict)
    plans: dict[str, Scheduled] = field(default_factory=dict)
    turns: dict[str, Turn] = field(default_factory=dict)
    readings: dict[str, tuple[Reading, ...]] = field(default_factory=dict)
    looking: set[str] = field(default_factory=set)
    errand: Errand | None = None
    mended: dict[str, float] = field(default_factory=dict)
    calls: Calls = field(default_factory=Calls)
    before: dict[str, Scheduled] = field(default_factory=dict)
    put_off: dict[str, float] = field(default_factory=dict)
    closing: Closing = field(default_factory=Closing)

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.inventory.environment

    def take_on(self, inventory: Inventory, begun: Mapping[str, Since], at: Moment) -> tuple[Note, ...]:
        """Go by an inventory from now on: at the beginning, and when it was read anew.

        Concerns about what it has no more are closed; what is known of hosts that it still has is kept.

        Args:
            inventory: The inventory.
            begun: From when each thing that is scheduled counts.
            at: Now.
        """
        self.inventory = inventory
        watch, hosts = inventory.watch, [host.name for host in inventory.hosts]
        self.plans = {one.name: one for one in scheduled(self.name, watch.schedule, begun, at.wall)}
        self.turns = {one.host: one for one in turns(self.name, hosts, watch.jitter, at.stopwatch)}
        self.readings = {host: seen for host, seen in self.readings.items() if host in self.turns}
        self.closing.keep(self.turns)
        self.concerns = {key: self._allowed(one) for key, one in self.concerns.items()}
        return self._closed(one for one in self.concerns.values() if not self._declared(one))

    def _declared(self, concern: Concern) -> bool:
        return concern.host in self.turns and is_declared(concern.source, self.inventory.watch)

    def _allowed(self, concern: Concern) -> Concern:
        """Return a concern with the playbooks that may be run for it as the inventory says now."""
        kind, _, name = concern.source.partition(":")
        declared = self.inventory.watch.alerts.get(name) if kind == "alert" else None
        return replace(concern, playbooks=declared.playbooks) if declared else concern

    def hosts_to_look_at(self, now: float) -> tuple[str, ...]:
        """Return the hosts whose turn it is; one that is being healed is looked at when that has ended."""
        busy = {*self.looking, *self._at_work}
        due = (turn for turn in self.turns.values() if turn.due <= now and turn.host not in busy)
        return tuple(turn.host for turn in sorted(due, key=lambda turn: turn.due))

    @property
    def _at_work(self) -> tuple[str, ...]:
        if self.errand is None:
            return ()
        return self.errand.hosts if self.errand.work is Work.HEAL else ()

    def quiet_for(self, host: str, now: float) -> float | None:
        """Return how long ago a host was last worked at, in seconds: only what came after that counts."""
        return now - self.mended[host] if host in self.mended else None

    def begin_look(self, host: str, now: float) -> None:
        """Note that a host is being looked at."""
        self.looking.add(host)
        self.turns[host] = self.turns[host].after(now, self.inventory.watch.every)

    def saw(self, host: str, reading: Reading, begun: float, at: Moment) -> tuple[Note, ...]:
        """Note what a look gave.

        Args:
            host: The host's name.
            reading: What was seen.
            begun: When the look began, on a stopwatch.
            at: Now.

        Returns:
            What became of concerns by it.
        """
        self.looking.discard(host)
        if host not in self.turns or self.is_overtaken(host, begun):
            return ()
        watch = self.inventory.watch
        self.readings[host] = kept((*self.readings.get(host, ()), reading), span_of(watch))
        told = self.alarms_of(host)
        opened = [note for alarm in told for note in self._alarmed(host, alarm, at)]
        over = [one for one in self._of(host) if is_over(one, told, begun)]
        beyond = [self._called(one) for one in self._of(host) if is_beyond_playbooks(one, told, begun)]
        return (*opened, *self._closed(over), *beyond)

    def _called(self, concern: Concern) -> Note:
        self.concerns[concern.key] = replace(concern, called=True)
        return Note(Turned.BEYOND, concern)

    def called(self, concern: Key, runs: Collection[str]) -> None:
        """Note the runs that a person is to be called for; without one nobody can be, and the next look asks again."""
        self.concerns[concern] = replace(self.concerns[concern], called=bool(runs))
        for run in runs:
            self.calls.want(run, concern)

    def is_overtaken(self, host: str, begun: float) -> bool:
        """Return whether somebody has worked at a host since a look at it began: then it proves nothing."""
        return host in self._at_work or begun < self.mended.get(host, begun)

    def alarms_of(self, host: str) -> tuple[Alarm, ...]:
        """Return what every rule says of a host now."""
        return alarms(self.inventory.watch, self.readings.get(host, ()))

    def _alarmed(self, host: str, alarm: Alarm, at: Moment) -> Sequence[Note]:
        known = self.concerns.get((self.name, host, f"rule:{alarm.rule}"))
        return self._kept(known, alarmed(known, self.name, host, alarm, at))

    def noticed(self, notice: Notice, at: Moment) -> Sequence[Note]:
        """Note what an alert says; one that is over has the host looked at, for only that closes a concern."""
        if notice.host not in self.turns or notice.alert not in self.inventory.watch.alerts:
            return ()  # all was read anew between the listener and here
        known = self.concerns.get((self.name, notice.host, f"alert:{notice.alert}"))
        if not notice.firing:
            self._look_soon(notice.host, at.stopwatch)
        told = self._kept(known, noticed(known, notice, at))
        if known is None or known.firing is notice.firing:
            return told
        return (Note(Turned.AGAIN if notice.firing else Turned.TAKEN_BACK, self.concerns[known.key]),)

    def _kept(self, known: Concern | None, concern: Concern | None) -> Sequence[Note]:
        if concern is None:
            return ()
        self.concerns[concern.key] = concern
        return () if known else (Note(Turned.OPENED, concern),)

    def _closed(self, over: Iterable[Concern]) -> tuple[Note, ...]:
        ended = tuple(over)
        for one in ended:
            del self.concerns[one.key]
        self.calls.over({one.key for one in ended})
        return tuple(Note(Turned.CLOSED, one) for one in ended)

    def _of(self, host: str) -> list[Concern]:
        return [one for one in self.concerns.values() if one.host == host]

    def next_errand(self, at: Moment) -> Errand | None:
        """Return what is to be done now, and note that it is; None where nothing is, or something else is being done.

        All hosts that give cause for concern go together, so that what several of them see of one database is one
        fault (but for those for which other playbooks may be run: they go next); what is scheduled waits for them.
        Only a call that nobody tried yet goes before healing: one that reached nobody takes its time, and will again.
        """
        if self.errand:
            return None
        self.errand = (
            self.calls.errand(self.name, at.stopwatch, again=False)
            or self._heal(at)
            or self.calls.errand(self.name, at.stopwatch, again=True)
            or self._ask_again(at)
            or self.closing.errand(self.name, self.hosts_to_close(at.stopwatch))
            or self._scheduled(at)
            or self._others_turn(at)
        )
        return self.errand

    def _others_turn(self, at: Moment) -> Errand | None:
        """Return the errand that looks for deadlines that raise a level; none while no person may be needed.

        Where our own looks see nothing any more, a person may be at it still, or not have come yet.
        """
        open_ = self.calls.open or any(one.tries for one in self.concerns.values())
        if not open_ or not self.calls.next_levels(at.stopwatch):
            return None
        return Errand(self.name, Work.ESCALATE, (), reason="whose turn it is by now")

    def _heal(self, at: Moment) -> Errand | None:
        due = to_be_healed(wanted(self.concerns.values(), at.stopwatch))
        return to_heal(self.name, due) if due else None

    def _ask_again(self, at: Moment) -> Errand | None:
        due = wanted(self.concerns.values(), at.stopwatch)
        for one in due:  # or it would be begun at once again, where it may not begin
            self.concerns[one.key] = replace(one, due=at.stopwatch + PAUSE)
        return asked_again(due, self.plans)

    def hosts_to_close(self, now: float) -> tuple[str, ...]:
        """Return the hosts where something was left to a person, and nothing gives cause for concern any more."""
        return self.closing.hosts(self.turns, {one.host for one in self.concerns.values()}, now)

    def _scheduled(self, at: Moment) -> Errand | None:
        self.plans = {name: plan.set_right(at.wall) for name, plan in self.plans.items()}
        ready = [plan for plan in self.plans.values() if self._put_off(plan.name, at) <= 0]
        for plan in due_now(ready, at.wall):
            self.before[plan.name] = plan
            self.plans[plan.name] = plan.begun(at.wall)
            return to_run(plan)
        return None

    def _put_off(self, name: str, at: Moment) -> float:
        return self.put_off.get(name, at.stopwatch) - at.stopwatch

    def refused(self, errand: Errand, at: Moment) -> None:
        """Note that an errand could not be begun; what is scheduled is due still, and tried again a little later."""
        self.errand = None
        if plan := self.before.pop(errand.name, None):
            self.plans[plan.name] = plan
            self.put_off[plan.name] = at.stopwatch + PAUSE

    def ended(
        self,
        errand: Errand,
        *,
        well: bool,
        cured: bool = False,
        looked: bool = True,
        mute: str = "",
        nobody: bool = False,
        wrong: Mapping[str, tuple[Finding, ...]] = MappingProxyType({}),
        at: Moment,
    ) -> Sequence[Note]:
        """Note that an errand ended, and have its hosts looked at: whatever it says, only a look closes a concern.

        Args:
            errand: What was done.
            well: Whether it says that all is well.
            cured: Whether it healed anything: then what was seen before says nothing of how it is now.
            looked: Whether those who heal could look at all.
            mute: How it ended, where healing said nothing of what became of anything; empty where it did.
            nobody: Whether a person was to be told, and nobody is there to be.
            wrong: What a tool found wrong, by host; nothing where all is well there.
            at: Now.
        """
        self.errand = None
        self.before.pop(errand.name, None)
        if errand.work is Work.ESCALATE:
            self.calls.tried(errand.name, at.stopwatch, well=well, nobody=nobody)
            return []
        self.calls.looked = at.stopwatch  # whoever is needed was called by what has just ended
        known = [host for host in errand.hosts if host in self.turns]
        for host in known:
            if not errand.only_looks:
                self.mended[host] = at.stopwatch
            self.readings[host] = () if cured else self.readings.get(host, ())
            self._look_soon(host, at.stopwatch)
        if errand.work is Work.SCHEDULED:
            hosts = {host: wrong.get(host, () if well else None) for host in known}
            return [note for host, seen in hosts.items() for note in self._told(errand, host, seen, at)]
        for host in known:
            healing = Healing(bool(self._of(host)), well, looked, bool(mute), errand.playbooks)
            self.closing.healed(host, healing, at.stopwatch)
        for one in [one for host in known for one in self._of(host)]:
            self.concerns[one.key] = one.tried(at.stopwatch, PAUSE, found_well=well and not cured, mute=mute)
        return []

    def _told(
        self, errand: Errand, host: str, findings: tuple[Finding, ...] | None, at: Moment
    ) -> Sequence[Note]:
        """Note what something that is scheduled says of a host: what a tool found is over when that finds it well."""
        if errand.name not in self.plans:
            return []  # it was taken out while it was at work
        known = self.concerns.get((self.name, host, f"schedule:{errand.name}"))
        if findings == ():
            return self._closed([known] if known and known.findings else [])
        seen = findings or ()
        again = known.found_again(seen, at.stopwatch, PAUSE) if known else None
        return self._kept(known, again or found(self.name, host, errand.name, at, seen))

    def _look_soon(self, host: str, now: float) -> None:
        self.turns[host] = replace(self.turns[host], due=min(self.turns[host].due, now))

    def next_due(self, at: Moment) -> float:
        """Return in how many seconds there is something to do, as far as is known now."""
        looks = [turn.due - at.stopwatch for turn in self.turns.values() if turn.host not in self.looking]
        work = [one.due - at.stopwatch for one in self.concerns.values()]
        work += [due - at.stopwatch for due in self.calls.due]
        plans = [max(one.due - at.wall, self._put_off(one.name, at)) for one in self.plans.values()]
        return max(0.0, min([*looks, *([] if self.errand else [*work, *plans])], default=60.0))

    @property
    def firing(self) -> bool:
        """Whether anything is wrong, or was and is not known to be over, or could not be looked at."""
        states = (alarm.state for host in self.turns for alarm in self.alarms_of(host))
        blind = any(seen[-1].blind for seen in self.readings.values() if seen)
        return blind or bool(self.concerns) or State.PENDING in states
