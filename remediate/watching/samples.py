"""One look at one host for all rules: every question of theirs in one round trip. It judges no rule, changes nothing.

The health check looks twice, as the tool itself does (`examination.py`): what moves shows only between two looks.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias, TypeVar

from remediate.clock import Clock
from remediate.errors import Blocked, CouldNotLook
from remediate.inventory import Host
from remediate.inventory.watch import NumbersText, WatchText
from remediate.model import Finding
from remediate.planner import NamedCheck, judged_apart, questions_of
from remediate.procedure import Procedure
from remediate.providers.env import EnvDatabase
from remediate.providers.system_host import disk_question, lines_of, read_space
from remediate.questions import Answers, Run
from remediate.steps import Questions
from remediate.target import Target
from remediate.text.templates import Scope, TemplateFault, read_template
from remediate.watching.access_log import Requests, read_requests, requests_question
from remediate.watching.readings import Opinion, Reading, Spent
from remediate.watching.rules import blind

SPENT_SCRIPT = r"""
# Prints what the processors did since they were started.
read -r line </proc/stat || exit 3
printf '%s\n' "$line"
"""
SPENT = Run(script=SPENT_SCRIPT)
IDLE, WAITING, COUNTED = 3, 4, 8
"""Where the idle ticks stand in that line, those that waited for a disk, and how many of its numbers count."""
Seen = TypeVar("Seen")
AskPrometheus: TypeAlias = Callable[[NumbersText, Scope, float], Requests]
"""Asks what the app of a scope answered in the last seconds; raises CouldNotLook where it does not say."""


@dataclass(frozen=True)
class Sampling:
    """All that is asked of one host at each look.

    Attributes:
        host: The host.
        watch: What the inventory says.
        health: The health check's tool bound to the host; None where it is for another group.
        clock: The time.
        ask_prometheus: Asks it, where the inventory says so.
    """

    host: Host
    watch: WatchText
    health: Procedure | None
    clock: Clock
    ask_prometheus: AskPrometheus

    def look(self, target: Target, quiet_for: float | None = None) -> Reading:
        """Look at the host, and return what was seen.

        Args:
            target: The host.
            quiet_for: Only requests of the last so many seconds count; None: of all the time that the rules look at.

        Raises:
            UsageError: A value that the health check needs is not there.
        """
        window = min(self.watch.requests.within, quiet_for or self.watch.requests.within)
        log = self._log(window)
        try:
            first = target.answer(self._questions(log))
            now = self._again(target, first)
        except Blocked as error:
            return blind(self.watch, self.clock.monotonic(), error.what)
        return self._reading(log, window, first, now)

    def _log(self, window: float) -> Run | None:
        requests = self.watch.requests
        wanted = self.watch.rules.errors or self.watch.rules.slow
        if requests.prometheus or not wanted:
            return None
        try:
            path = str(read_template(requests.log, dict.fromkeys(self._scope)).render(self._scope))
        except TemplateFault:  # a host without an app has no log of one
            return None
        return requests_question(path, window)

    @property
    def _scope(self) -> Scope:
        return self.host.scope

    @property
    def _app(self) -> Mapping[str, object]:
        app = self.host.vars.get("app", {})
        return app if isinstance(app, dict) else {}

    @property
    def _disk(self) -> Run | None:
        return disk_question(str(self._app.get("root", "/")), 0, 0, 0, ()) if self.watch.rules.disk else None

    @property
    def _door(self) -> EnvDatabase | None:
        rule, backend = self.watch.rules.database, self._app.get("backend")
        if rule is None or not backend or self.host.database is None:
            return None
        return EnvDatabase(backend=str(backend), key=rule.key)

    def _questions(self, log: Run | None) -> Questions:
        own = [one for one in (log, self._disk, SPENT if self.watch.rules.cpu else None) if one]
        door = self._door
        steps = [*([door] if door else []), *(named.check for named in self._checks)]
        return tuple(dict.fromkeys((*questions_of(steps), *own)))

    @cached_property
    def _checks(self) -> tuple[NamedCheck, ...]:
        return self.health.diagnose() if self.health and self.watch.rules.health else ()

    def _again(self, target: Target, first: Answers) -> Answers:
        """Ask what the health check asks once more, after the time that it looks for."""
        if not self._checks or not self.health or not self.health.playbook.stable:
            return first
        self.clock.sleep(self.health.playbook.stable)
        return first.laid_over(target.answer(questions_of(named.check for named in self._checks)))

    def _reading(self, log: Run | None, window: float, first: Answers, now: Answers) -> Reading:
        unseen: dict[str, str] = {}
        requests = _tried(unseen, ("errors", "slow"), lambda: self._requests(log, window, first))
        return Reading(
            at=self.clock.monotonic(),
            requests=requests,
            cut_short=window < self.watch.requests.within,
            free_percent=_tried(unseen, ("disk",), lambda: self._free(first)),
            spent=_tried(unseen, ("cpu",), lambda: self._spent_in(first)),
            database=_tried(unseen, ("database",), lambda: self._opinion_of_database(first)),
            health=_tried(unseen, ("health",), lambda: self._opinion_of_health(first, now)),
            unseen=unseen,
        )

    def _requests(self, log: Run | None, window: float, answers: Answers) -> Requests | None:
        if queries := self.watch.requests.prometheus:
            return self.ask_prometheus(queries, self._scope, window)
        return read_requests(answers, log) if log else None

    def _free(self, answers: Answers) -> float | None:
        return read_space(answers, self._disk).percent if self._disk else None

    def _spent_in(self, answers: Answers) -> Spent | None:
        if not self.watch.rules.cpu:
            return None
        ticks = [int(field) for field in lines_of(answers, SPENT)[0].split()[1 : COUNTED + 1]]
        return Spent(busy=sum(ticks) - ticks[IDLE] - ticks[WAITING], total=sum(ticks))

    def _opinion_of_database(self, answers: Answers) -> Opinion | None:
        if not (door := self._door):
            return None
        finding = door.judge(answers, answers)
        return Opinion(finding.healthy, finding.seen)

    def _opinion_of_health(self, first: Answers, now: Answers) -> Opinion | None:
        seen = judged_apart(self._checks, now, first)
        wrong = [one for one in seen if isinstance(one, Finding) and not one.healthy]
        if wrong:
            return Opinion(healthy=False, seen="; ".join(f"{one.check}: {one.seen}" for one in wrong))
        unsure = [one for one in seen if isinstance(one, CouldNotLook)]
        if unsure:
            raise unsure[0]
        return Opinion(healthy=True, seen=f"all {len(seen)} are well") if seen else None


def _tried(unseen: dict[str, str], rules: tuple[str, ...], see: Callable[[], Seen | None]) -> Seen | None:
    """Return what is seen, or note for each rule that needs it why it cannot be."""
    try:
        return see()
    except CouldNotLook as error:
        unseen.update(dict.fromkeys(rules, error.what))
        return None
