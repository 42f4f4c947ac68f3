"""How a host does now: its app by the tool `health`, its database by `schema-validate`, its logs. It changes nothing.

All of it is asked in two round trips, and a host that cannot be reached says so in the report.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from remediate.clock import Clock
from remediate.errors import CouldNotLook, RemediateError, Unreachable
from remediate.escalation.case import NOT_KNOWN, HostSeen, Log, State, Status, status_of
from remediate.inventory import Host
from remediate.model import Finding
from remediate.planner import NamedCheck, judged_apart, questions_of
from remediate.procedure import Procedure
from remediate.providers.pm2 import missing
from remediate.providers.pm2_host import Log as File
from remediate.providers.pm2_host import logs_question, read_seen
from remediate.questions import Answers, Read, ReadAnswer, Run
from remediate.sinks.clean import one_line
from remediate.target import Target
from remediate.text.dotenv import dotenv_secrets
from remediate.transport.refusals import Refused

LINES, KEPT = 100, 256 * 1024
"""Lines of an app's logs that the template wants, and the bytes of each file that they are looked for in."""
_DECIDING = frozenset({"http.ok", "pm2.online"})
"""The kinds of checks without which an app is broken, and not only not well."""
_REFUSALS = range(400, 500)
"""HTTP statuses of an app that answers: that it takes our token no more breaks it for nobody else."""


@dataclass(frozen=True)
class Tools:
    """The tools bound to one host.

    Attributes:
        health: Whether the app is well; None where none is for this host.
        database: Whether the database is as it is meant; None where none is for this host.
    """

    health: Procedure | None = None
    database: Procedure | None = None

    @property
    def pause(self) -> float:
        """Seconds between the two looks."""
        return self.health.playbook.stable if self.health else 0.0


def look(
    host: Host,
    reach: Callable[[], Target],
    tools: Callable[[], Tools],
    learn: Callable[[Sequence[str]], None],
    clock: Clock,
) -> HostSeen:
    """Look at a host twice, and tell how it does; what the first look gave stays, whatever becomes of the second.

    Args:
        host: The host.
        reach: Returns it as a target, not connected yet.
        tools: Returns the tools bound to it.
        learn: Told the secrets that the app has, so that they are masked.
        clock: The time.

    Returns:
        What was seen; where nothing could be, why.
    """
    try:
        return _Looking(host, reach(), tools(), learn, clock).seen()
    except RemediateError as error:
        return unseen(host, f"it could not be looked at: {error}", reached=not _is_out_of_reach(error))


def unseen(host: Host, why: str, *, reached: bool = True) -> HostSeen:
    """Return what is told of a host that could not be looked at.

    Args:
        host: The host.
        why: Why not, in a line.
        reached: Whether it may be there all the same.
    """
    return HostSeen(host=host.name, app=app_of(host), said=why, no_logs=why, no_database=why, reached=reached)


def _is_out_of_reach(error: RemediateError) -> bool:
    """Tell whether nobody answers at a host: where somebody refuses us, the app may well serve others."""
    return isinstance(error, Unreachable) and not isinstance(error, Refused)


def affected_users(seen: Sequence[HostSeen], everywhere: bool) -> str:
    """Return who is affected, in words, where what was seen tells it.

    Args:
        seen: The hosts that were looked at.
        everywhere: Whether these are all hosts of their apps.
    """
    if everywhere and status_of(one.status for one in seen) is Status.BROKEN:
        return f"all users of {', '.join(sorted({one.app for one in seen}))}: it is broken on every host"
    return NOT_KNOWN


def app_of(host: Host) -> str:
    """Return the name of a host's app."""
    return str(host.vars.get("app", {}).get("name", host.group))


@dataclass(frozen=True)
class _Looking:
    """Two looks at one host."""

    host: Host
    target: Target
    tools: Tools
    learn: Callable[[Sequence[str]], None]
    clock: Clock

    def seen(self) -> HostSeen:
        """Return what was seen."""
        again = questions_of(named.check for named in self._health)
        database = questions_of(named.check for named in self._database)
        asked = (*again, *database, *self._secrets, *self._logs)
        first = self.target.answer(tuple(dict.fromkeys(asked)))
        self._learn(first)
        once = self._told(first, first)
        if not again or not self.tools.pause:
            return once
        self.clock.sleep(self.tools.pause)
        try:
            return self._told(first, self.target.answer(again))
        except RemediateError as error:  # it went away meanwhile, which is no reason to lose its logs
            return _only_once(once, f"it could not be looked at a second time: {error}")

    def _told(self, first: Answers, now: Answers) -> HostSeen:
        status, said = _health(self._health, judged_apart(self._health, now, first))
        states = tuple(_states(self._database, judged_apart(self._database, first)))
        found, no_logs = _lines(app_of(self.host), self._logs, first)
        return HostSeen(
            host=self.host.name,
            app=app_of(self.host),
            status=status,
            said=said,
            logs=found,
            no_logs=no_logs,
            database=states,
            no_database="" if states else f"no tool compares the database of {self.host.group}",
        )

    @cached_property
    def _health(self) -> tuple[NamedCheck, ...]:
        return _checks(self.tools.health)

    @cached_property
    def _database(self) -> tuple[NamedCheck, ...]:
        return _checks(self.tools.database)

    def _backend(self) -> str:
        return str(self.host.vars.get("app", {}).get("backend", "")).rstrip("/")

    @property
    def _secrets(self) -> tuple[Read, ...]:
        return (Read(path=f"{self._backend()}/.env"),) if self._backend() else ()

    @property
    def _logs(self) -> tuple[Run, ...]:
        return (logs_question(app_of(self.host), self._backend(), KEPT),) if self._backend() else ()

    def _learn(self, answers: Answers) -> None:
        """Have the secrets of the app's `.env` masked: its log may print any of them."""
        for question in self._secrets:
            answer = answers.raw(question)
            if isinstance(answer, ReadAnswer):
                self.learn(dotenv_secrets(answer.content))


def _only_once(seen: HostSeen, why: str) -> HostSeen:
    """Return what one look gave where a second one gave nothing: what was wrong is so, what was well is not known."""
    status = Status.UNKNOWN if seen.status is Status.WORKING else seen.status
    return seen.model_copy(update={"status": status, "said": f"{why}; before that: {seen.said}"})


def _checks(tool: Procedure | None) -> tuple[NamedCheck, ...]:
    return tool.diagnose() if tool else ()


def _health(checks: Sequence[NamedCheck], seen: Sequence[Finding | CouldNotLook]) -> tuple[Status, str]:
    """Return how the app does, and what says so."""
    if not checks:
        return Status.UNKNOWN, "no tool looks whether it is well"
    pairs = list(zip(checks, seen, strict=True))
    wrong = [(named, one) for named, one in pairs if isinstance(one, Finding) and not one.healthy]
    unseen = [f"{named.name}: {one.what}" for named, one in pairs if isinstance(one, CouldNotLook)]
    told = [f"{named.name}: {one.seen}" for named, one in wrong]
    if any(_breaks(named, one) for named, one in wrong):
        return Status.BROKEN, _clause(told)
    if wrong:
        return Status.PARTLY, _clause(told)
    return (Status.UNKNOWN, _clause(unseen)) if unseen else (Status.WORKING, f"{len(checks)} checks are well")


def _breaks(named: NamedCheck, finding: Finding) -> bool:
    return named.check.kind in _DECIDING and finding.facts.get("status") not in _REFUSALS


def _clause(told: Sequence[str]) -> str:
    return one_line("; ".join(told), 400)


def _states(checks: Sequence[NamedCheck], seen: Sequence[Finding | CouldNotLook]) -> Iterator[State]:
    for named, one in zip(checks, seen, strict=True):
        if isinstance(one, Finding):
            verdict = "ok" if one.healthy else "wrong"
            yield State(check=named.name, verdict=verdict, seen=one.seen, evidence=_evidence(one))
        else:
            yield State(check=named.name, verdict="not known", seen=one.what)


def _evidence(finding: Finding) -> tuple[str, ...]:
    return () if finding.healthy else tuple(line for one in finding.evidence for line in one.splitlines())


def _lines(app: str, questions: Sequence[Run], answers: Answers) -> tuple[tuple[Log, ...], str]:
    """Return the last lines of the app's logs, or why there are none."""
    if not questions:
        return (), "the inventory does not say where the app is (`app: {backend: …}`)"
    try:
        seen = read_seen(app, answers[questions[0]])
    except CouldNotLook as error:
        return (), error.what
    files = [log for log in seen.logs if log.size]
    return shared(files, LINES), missing(app, seen) if not files else ""


def shared(files: Sequence[File], lines: int) -> tuple[Log, ...]:
    """Return the last lines of several logs, so many in all: each has its share, and what another leaves of its own.

    Args:
        files: The logs, the first one the most telling.
        lines: How many in all.
    """
    texts = [file.last(KEPT).decode("utf-8", "backslashreplace").splitlines() for file in files]
    share = lines // len(files) if files else 0
    spare = lines - sum(min(len(text), share) for text in texts)
    logs = []
    for file, text in zip(files, texts, strict=True):
        extra = min(max(len(text) - share, 0), spare)
        spare -= extra
        kept = min(len(text), share) + extra
        logs.append(Log(path=file.path, lines=tuple(text[len(text) - kept :])))
    return tuple(logs)
