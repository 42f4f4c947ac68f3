"""Gathers what a verdict is computed from, here and now: the log, the clock, the host's hold. It begins no cure."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from remediate.clock import Clock
from remediate.engine import Ending
from remediate.healing.brakes import braked
from remediate.healing.history import KINDS, Fingerprint, History, history_of
from remediate.healing.people import People
from remediate.healing.planned import allowed, target_of
from remediate.healing.reach import Cure, Orders
from remediate.healing.switch import stopped
from remediate.healing.verdict import Condition, Ruling, ruled
from remediate.healing.windows import is_open, open_for
from remediate.healing.wish import Wish
from remediate.journal import Journal
from remediate.triage import Diagnosis


@dataclass(frozen=True)
class Ruler:
    """Rules on cures, each as things are at that moment.

    Attributes:
        orders: What is to be healed, and how far one may go.
        journal: The audit log.
        clock: The time.
    """

    orders: Orders
    journal: Journal
    clock: Clock

    def fingerprint(self, host: str, diagnosis: Diagnosis, cure: Cure) -> Fingerprint:
        """Return which fault it is: of the host, or of the database where its cure would change that."""
        target = host if isinstance(cure.found, Ending) else target_of(cure.found[1].plan)
        return Fingerprint(
            environment=self.orders.environment, target=target, playbook=diagnosis.playbook.name
        )

    def history(self) -> History:
        """Return what was done before.

        Raises:
            JournalError: The log cannot be read.
        """
        return replace(history_of(self.journal.of_kinds(KINDS)), stop=stopped(self.journal))

    def at_work(self, history: History) -> tuple[frozenset[str], frozenset[str]]:
        """Return the runs that have not come to their end: whose process lives, and who left something to put back."""
        unended = [one for one in history.attempts if one.half_way]
        living = frozenset(one.run for one in unended if self.journal.lives(one.run))
        left = (one.run for one in unended if one.run not in living and self.journal.owed(one.run, one.host))
        return living, frozenset(left)

    def rule(self, host: str, diagnosis: Diagnosis, cure: Cure, held: str, time_left: float) -> Ruling:
        """Return the verdict on a cure.

        Args:
            host: Where it would be made.
            diagnosis: What was found.
            cure: What would be done.
            held: Who holds the host; empty where nobody does.
            time_left: Seconds until all must be over.

        Raises:
            JournalError: The log cannot be read.
        """
        wish = self._wish(host, diagnosis, cure, self.history())
        return ruled(
            (
                *self._of_the_cure(diagnosis, cure, time_left),
                *self._of_the_moment(_needs(diagnosis), held),
                *self._people.on(host),
                *braked(wish),
            )
        )

    def _wish(self, host: str, diagnosis: Diagnosis, cure: Cure, history: History) -> Wish:
        living, left = self.at_work(history)
        group = self.orders.groups[host]
        others = {one for one, its in self.orders.members.items() if its == group and one != host}
        people = self._people.in_work(others)
        living |= {run for run in people.values() if self.journal.lives(run)}
        return Wish(
            fingerprint=self.fingerprint(host, diagnosis, cure),
            host=host,
            group=group,
            per_hour=diagnosis.playbook.auto.per_hour,
            auto=self.orders.policy.auto,
            now=self.clock.wall(),
            history=history,
            at_work=living | left,
            living=living,
            round=self.orders.within,
            places=self.orders.places,
            people=people,
        )

    @property
    def _people(self) -> People:
        return People(self.orders.environment, self.journal)

    def _of_the_cure(self, diagnosis: Diagnosis, cure: Cure, time_left: float) -> Iterator[Condition]:
        book, found, orders = diagnosis.playbook, cure.found, self.orders
        cause = diagnosis.explained_by
        said = f"{cause} explains it and goes first" if cause else "nothing that was found explains it"
        yield Condition(name="its cause goes first", holds=not cause, said=said)
        yield _planned(cure)
        yield _has_a_cure(diagnosis, cure)
        plans = () if isinstance(found, Ending) else (found[1].plan,)
        yield from allowed(book, plans, orders.policy, cure.reason, development=orders.development)
        needs = _needs(diagnosis)
        said = f"{max(time_left, 0):.0f} s are left, to verify it takes up to {needs:.0f} s"
        yield Condition(name="time is left", holds=time_left >= needs, said=said)

    def halted(self) -> tuple[str, str] | None:
        """Return why no change may be begun now, and what to do; None where one may.

        Raises:
            JournalError: Nobody can say.
        """
        if stop := stopped(self.journal):
            return f"healing was stopped by {stop.who}: {stop.why}", "remediate start"
        if not is_open(self.orders.policy.auto.windows, self.clock.wall()):
            return "the maintenance window has closed", "heal again in the next one"
        return None

    def may_begin(self, needs: float) -> bool:
        """Tell whether what takes so many seconds could be begun now, as far as switch and windows go.

        Raises:
            JournalError: Nobody can say.
        """
        return not stopped(self.journal) and self._window_left >= needs

    @property
    def _window_left(self) -> float:
        return open_for(self.orders.policy.auto.windows, self.clock.wall())

    def _of_the_moment(self, needs: float, held: str) -> Iterator[Condition]:
        left = self._window_left
        said = (
            f"a maintenance window is open for {left:.0f} s"
            if left < math.inf
            else "the policy names no windows"
        )
        if left < needs:
            said = f"the maintenance window closes in {left:.0f} s, to verify it takes up to {needs:.0f} s"
        if left <= 0:
            said = "no maintenance window is open"
        yield Condition(name="in a maintenance window", holds=left > 0 and left >= needs, said=said)
        said = f"the host is held by {held}" if held else "nobody holds the host"
        yield Condition(name="nobody holds the host", holds=not held, said=said)


def _needs(diagnosis: Diagnosis) -> float:
    """Return how many seconds it may take from the last change until a cure is verified."""
    return diagnosis.playbook.within + diagnosis.playbook.stable


def _planned(cure: Cure) -> Condition:
    found = cure.found
    if isinstance(found, Ending):
        said = f"{found.outcome.value}: {found.why}" + (f"; {found.todo}" if found.todo else "")
        return Condition(name="can be planned", holds=False, said=said)
    return Condition(name="can be planned", holds=True, said=f"plan {found[1].plan.digest[:16]}")


def _has_a_cure(diagnosis: Diagnosis, cure: Cure) -> Condition:
    name, book, found = "has a cure", diagnosis.playbook, cure.found
    if not book.fix:
        return Condition(
            name=name, holds=False, said=f"{book.name} has no cure: it tells, and a person decides"
        )
    if not isinstance(found, Ending) and not found[1].plan.changes:
        said = f"{book.name} finds nothing that it could change"
        return Condition(name=name, holds=False, said=said)
    return Condition(name=name, holds=True, said=f"{book.name} has one")
