"""One round-trip of healing: look, choose, plan, rule, cure, verify, look again. It knows no transport.

Every cure is a run of its own, made by the engine like any other; what it is allowed is ruled under a lock of the state
directory, so that two of these never begin the same cure, nor more than the brakes allow.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from remediate.clock import Clock
from remediate.engine import Ending
from remediate.errors import Interrupted, RemediateError, UsageError
from remediate.events import Events
from remediate.healing.choice import Choice, chosen
from remediate.healing.ends import end_cut_short, end_of, why_no_more
from remediate.healing.healed import Healed, HostEnd, Treated
from remediate.healing.history import ATTEMPT, RULED, Fingerprint
from remediate.healing.incidents import Incidents
from remediate.healing.left_behind import put_back_what_was_left
from remediate.healing.looks import Looks, found_in
from remediate.healing.met import met
from remediate.healing.others import Others
from remediate.healing.reach import Cure, Orders, Reach, Seen
from remediate.healing.ruling import Ruler
from remediate.healing.verdict import Ruling, Verdict
from remediate.healing.waiting import Waiting, awaited, wait_for
from remediate.journal import Journal
from remediate.model import Json, Outcome
from remediate.triage import Diagnosis

DID_NOT_HOLD = frozenset({Outcome.ROLLED_BACK, Outcome.KEPT, Outcome.STUCK})


@dataclass
class Healer:
    """One round-trip of healing.

    Attributes:
        orders: What is to be healed, and how far one may go.
        reach: What reaches the hosts.
        journal: The audit log.
        events: Who listens.
        run: The id of this round-trip.
        clock: The time.
        leaving: Whether it has been told to end: then nothing more is begun.
    """

    orders: Orders
    reach: Reach
    journal: Journal
    events: Events
    run: str
    clock: Clock = field(default_factory=Clock)
    leaving: Callable[[], bool] = lambda: False
    _treated: dict[Fingerprint, Treated] = field(default_factory=dict)
    _tried: dict[str, set[str]] = field(default_factory=dict)
    _settled: set[tuple[str, str]] = field(default_factory=set)
    _reasons: list[str] = field(default_factory=list)
    _vanished: dict[str, str] = field(default_factory=dict)
    _stuck: dict[str, Ending] = field(default_factory=dict)
    _touched: bool = False
    _cut_short: str = ""
    _rounds: int = 0
    _began: float = 0.0

    def __post_init__(self) -> None:
        others = Others(self.orders.environment, self.journal)
        self._looks = Looks(tuple(self.orders.groups), self.reach, self.journal, others, self.clock)

    def heal(self) -> Healed:
        """Heal what may be healed, and return what it came to; also where it is cut short after something was treated.

        Raises:
            KeyboardInterrupt: A signal, before anything was treated.
            JournalError: The audit log cannot be read or written; nothing was begun.
        """
        wall, self._began = self.clock.wall(), self.clock.monotonic()
        try:
            self._go_round()
        except (KeyboardInterrupt, RemediateError) as error:
            if self.orders.proposing or not (self._treated or self._touched):
                raise
            self._cut_short = str(error) or "interrupted by the operator"
        return Healed(
            environment=self.orders.environment,
            run=self.run,
            began=wall,
            seconds=self.clock.monotonic() - self._began,
            rounds=self._rounds,
            faults=tuple(self._treated.values()),
            hosts={host: self._end_of(host) for host in self.orders.groups},
            reasons=tuple(dict.fromkeys(self._reasons)),
            cut_short=self._cut_short,
        )

    def _go_round(self) -> None:
        if not self.orders.proposing:
            left = put_back_what_was_left(self.orders, self.reach, self.journal, self.events, self.clock)
            for host, ending in left:
                self._touched = True
                if ending.outcome is not Outcome.PUT_BACK:
                    self._stuck[host] = ending
        self._look()
        while self._rounds < self.orders.rounds and self._goes_on:
            self._rounds += 1
            if not self._round():
                if not self._others_end():
                    break
                self._rounds -= 1  # nothing was tried in it
            self._look()
        while late := self._others_end():
            self._look()
            if self._goes_on and self._round(late):
                self._look()
        self._incidents.close_gone(self._looks.seen)

    def _end_of(self, host: str) -> HostEnd:
        faults, seen, stuck = tuple(self._treated.values()), self._looks.seen.get(host), self._stuck.get(host)
        unsure = seen is None or bool(found_in(seen))
        if self._cut_short and unsure and not stuck:
            return end_cut_short(host, faults, self._cut_short)
        no_more = why_no_more(self.orders, self._rounds, self._time_left, leaving=self.leaving())
        return end_of(host, seen or (), faults, stuck, self._vanished.get(host, ""), no_more=no_more)

    @property
    def _ruler(self) -> Ruler:
        return Ruler(self.orders, self.journal, self.clock)

    @property
    def _incidents(self) -> Incidents:
        return Incidents(self._ruler, self.journal, self.run)

    @property
    def _time_left(self) -> float:
        return self.orders.within - (self.clock.monotonic() - self._began)

    @property
    def _goes_on(self) -> bool:
        return self._time_left > 0 and not self.leaving()

    def _look(self) -> None:
        self._looks.look(self._stuck)

    def _others_end(self) -> Collection[str]:
        return self._looks.others_end(lambda: self._goes_on)

    def _round(self, hosts: Collection[str] | None = None) -> bool:
        """Try each fault that was found, last those that wait; tell whether that may have changed anything.

        Args:
            hosts: On these alone, whose turn would else never come; None for all.
        """
        seen = [(host, found) for host, found in self._looks.seen.items() if hosts is None or host in hosts]
        wanted = [(host, one) for host, found in seen for one in self._choice(host, found).tried_next]
        tried = [self._try(host, one) for host, one in wanted if self._goes_on and self._is_open(host, one)]
        changed = True in tried
        while waiting := [one for one in tried if isinstance(one, Waiting)]:
            self._wait(waiting)
            tried = [
                self._try(one.host, one.diagnosis)
                for one in waiting
                if self._goes_on and self._is_open(one.host, one.diagnosis)
            ]
            changed = changed or True in tried
        return changed

    def _wait(self, waiting: Sequence[Waiting]) -> None:
        for one in waiting:
            self.events.tell("looking", one.host, f"waiting: {one.why}")
        wait_for(waiting, self.journal.lives, self._may_wait, self.clock)

    def _may_wait(self, needs: float) -> bool:
        return self._goes_on and self._time_left >= needs and self._ruler.may_begin(needs)

    def _is_open(self, host: str, one: Diagnosis) -> bool:
        return (host, one.playbook.name) not in self._settled and host not in self._stuck

    def _choice(self, host: str, found: Seen) -> Choice:
        choice = chosen(found_in(found), self._tried.get(host, set()))
        for reason in choice.reasons:
            self.events.tell("chosen", host, reason)
            self._reasons.append(f"{host}: {reason}")
        return choice

    def _try(self, host: str, diagnosis: Diagnosis) -> bool | Waiting:
        """Do with one fault what may be done, and tell whether that may have changed anything; or what it waits for."""
        mark = self.journal.last
        cure = self.reach.plan(diagnosis.playbook, host)
        fingerprint = self._ruler.fingerprint(host, diagnosis, cure)
        held = self.reach.held(host)
        with ExitStack() as begun:
            with self.journal.deciding():
                if self._looks.note_overtaken(host, mark):
                    return False
                if not isinstance(cure.found, Ending) and cure.found[1].outcome is Outcome.HEALTHY:
                    return self._gone_already(host, diagnosis)
                known = self._treated.get(fingerprint)
                if known and not known.gone and host not in known.hosts:
                    return self._join(host, diagnosis, known)
                ruling = self._ruler.rule(host, diagnosis, cure, held, self._time_left)
                if (runs := awaited(ruling)) and self._may_wait(0):
                    return Waiting(host, diagnosis, runs, ruling.why)
                since = self._incidents.open(host, fingerprint, diagnosis)
                treated = met(host, diagnosis, fingerprint, ruling, since)
                self._write_down(host, fingerprint, ruling)
                heals = ruling.verdict is Verdict.HEAL and not self.orders.proposing
                if heals:
                    begun.enter_context(cure.begun())
                    body = {"fingerprint": fingerprint.model_dump(), "group": self.orders.groups[host]}
                    self.journal.append(cure.run, host, ATTEMPT, {**body, "why": f"healing {fingerprint}"})
            self.events.tell("ruled", host, f"{diagnosis.playbook.name}: {_told(ruling)}", **_data(treated))
            if heals:
                return self._cure(host, diagnosis, cure, treated)
        self._leave(host, diagnosis, cure, treated)
        return False

    def _write_down(self, host: str, fingerprint: Fingerprint, ruling: Ruling) -> None:
        """Keep the verdict, and what did not hold, for whoever asks later why it was so."""
        if not self.orders.proposing:
            failing = [one.name for one in ruling.conditions if not one.holds]
            about = {"fingerprint": fingerprint.model_dump(), "verdict": ruling.verdict.value}
            self.journal.append(
                self.run, host, RULED, {**about, "failing": failing, "why": f"{fingerprint}: {_told(ruling)}"}
            )

    def _cure(self, host: str, diagnosis: Diagnosis, cure: Cure, treated: Treated) -> bool:
        name = diagnosis.playbook.name
        begun = {"run": cure.run, "why": "its cure was begun, and nobody knows what became of it"}
        self._keep(treated.model_copy(update=begun))
        ending = cure.carry_out(lambda: self._refuse_to_go_on(host))
        fixed = ending.outcome is Outcome.FIXED
        seconds = self.clock.monotonic() - self._looks.first[host, name] if fixed else None
        ended = {"outcome": ending.outcome, "why": ending.why, "todo": ending.todo, "output": ending.output}
        told = {**ended, "interrupted": ending.interrupted, "run": cure.run, "seconds": seconds}
        self._keep(treated.model_copy(update=told))
        if ending.outcome in DID_NOT_HOLD:
            self._tried.setdefault(host, set()).add(name)
        elif not fixed and ending.outcome not in {Outcome.HEALTHY, Outcome.STALE}:
            self._settled.add((host, name))
        if ending.outcome is Outcome.STUCK:
            self._stuck[host] = ending
        return True

    def _refuse_to_go_on(self, host: str) -> None:
        """Stop a cure between two changes.

        Raises:
            Interrupted: The switch is off, no maintenance window is open any more, or the time is over.
        """
        if halted := self._ruler.halted():
            raise Interrupted(host, *halted)
        if self._time_left <= 0:
            raise Interrupted(
                host, f"the {self.orders.within:.0f} s for healing are over", "give it more with --within"
            )

    def _leave(self, host: str, diagnosis: Diagnosis, cure: Cure, treated: Treated) -> None:
        """Leave a fault to a person: with its plan, where there is one that may be proposed."""
        self._settled.add((host, diagnosis.playbook.name))
        proposed = treated.ruling.verdict is not Verdict.ESCALATE and not isinstance(cure.found, Ending)
        plan, todo = self._propose(host, cure) if proposed else ("", "")
        self._keep(treated.model_copy(update={"plan": plan, "todo": todo}))

    def _propose(self, host: str, cure: Cure) -> tuple[str, str]:
        """Leave a plan, and return its file and what to do with it; where it cannot be written, only why not."""
        try:
            return cure.propose()
        except UsageError as error:
            self.events.tell("warning", host, f"no plan is left: {error}")
            return "", str(error)

    def _gone_already(self, host: str, diagnosis: Diagnosis) -> bool:
        """Note a fault that vanished before anything was done to it: by itself, or with another one's cure."""
        cured = [
            str(one.fingerprint) for one in self._treated.values() if one.healed and self._is_of(one, host)
        ]
        gone = f"healthy since {', '.join(cured)} was healed" if cured else "healthy on its own"
        self.events.tell("nothing-to-do", host, gone, diagnosis.playbook.name)
        self._reasons.append(f"{host}: {diagnosis.playbook.name} is {gone}: nothing was changed")
        self._vanished[host] = gone
        return True

    def _is_of(self, one: Treated, host: str) -> bool:
        """Tell whether a fault is one of a host: its own, or of a database, which it may share."""
        return host in one.hosts or one.fingerprint.target not in self.orders.groups

    def _join(self, host: str, diagnosis: Diagnosis, known: Treated) -> bool:
        """Count a host to a fault of its database that was met on another one already."""
        self._settled.add((host, diagnosis.playbook.name))
        self._keep(known.model_copy(update={"hosts": (*known.hosts, host)}))
        return False

    def _keep(self, treated: Treated) -> None:
        self._treated[treated.fingerprint] = treated


def _told(ruling: Ruling) -> str:
    return f"{ruling.verdict.value}: {ruling.why}"


def _data(treated: Treated) -> dict[str, Json]:
    return {"fault": treated.fingerprint.model_dump(), "ruling": treated.ruling.model_dump(mode="json")}
