"""One escalation: whose turn it is, the report as a file, the message to whoever has not been told, all written down.

Nothing keeps a page from being sent: where a file or the audit log cannot be written, that is told, and it goes out all
the same. One at a time on a runner, so that nobody is told twice.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from remediate.clock import Clock
from remediate.errors import JournalError, Locked, UsageError
from remediate.escalation.case import Case
from remediate.escalation.delivery import (
    Address,
    Message,
    Send,
    Told,
    deliver,
    quiet,
    secrets_in,
    unreachable,
)
from remediate.escalation.files import write_report
from remediate.escalation.incident import (
    DELIVERED,
    ESCALATED,
    KINDS,
    UNDELIVERED,
    Incident,
    first_seen,
    incident_of,
)
from remediate.escalation.levels import Turn, next_turn, turn
from remediate.escalation.mended import CONCERN
from remediate.escalation.redaction import without_secrets
from remediate.escalation.report import Report, as_markdown, as_text, in_brief, report_of, with_told
from remediate.escalation.situation import situation_of
from remediate.inventory import Contact, Inventory
from remediate.journal import Journal
from remediate.masking import Masker
from remediate.model import Json
from remediate.sinks.clean import one_line

WAIT, PAUSE = 120.0, 0.2
"""Seconds to wait for another process that escalates, and between two looks whether it has ended."""
_LOCK = "escalating"


@dataclass(frozen=True)
class Escalated:
    """What one escalation came to.

    Attributes:
        case: What it was of, without secrets.
        turn: Whose turn it is.
        incident: The incident's name.
        report: What was told.
        file: The path of the file where it is kept; empty where it could not be written.
        told: What became of telling them, masked; those who had been told before are not among them.
        problems: What could not be done, in lines, masked.
    """

    case: Case
    turn: Turn
    incident: str
    report: Report
    file: str = ""
    told: tuple[Told, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def delivered(self) -> bool:
        """Whether all that was to be done was done; where there is nobody to tell, a report was to be written."""
        return not self.problems and all(one.delivered for one in self.told)

    @property
    def nobody(self) -> bool:
        """Whether there is nobody whom this program could tell: the inventory has no contacts, or nobody's URL."""
        return not any(one.notify for one in self.turn.contacts)


@dataclass
class Escalator:
    """The runner's side of an escalation.

    Attributes:
        inventory: Whom to call.
        state: The state directory.
        journal: The audit log.
        masker: What is secret.
        environment: The runner's variables, for references.
        send: Tries URLs once.
        clock: The time.
    """

    inventory: Inventory
    state: Path
    journal: Journal
    masker: Masker
    environment: Mapping[str, str]
    send: Send
    clock: Clock = field(default_factory=Clock)
    _problems: list[str] = field(default_factory=list)

    def escalate(self, case: Case, *, asked: int = 0, delivering: bool = True) -> Escalated:
        """Escalate a case; one that belongs to an open incident adds to it; who knows all of it is not told.

        Args:
            case: What is known.
            asked: The level that a person asks for; 0 where nobody does.
            delivering: Whether anybody is told, beside the report's file.
        """
        self._problems = []
        with self._alone():
            return self._escalate(case, asked, delivering=delivering)

    def _escalate(self, case: Case, asked: int, *, delivering: bool) -> Escalated:
        incident = self._incident(case)
        since = first_seen(case, incident)
        case = case.model_copy(update={"started": min(case.started, case.made, *since.values())})
        situation = situation_of(case, incident, development=self.inventory.development, asked=asked)
        its_turn = turn(situation, self.inventory.contacts)
        faults, level = case.fingerprints, its_turn.level
        left = [one for one in its_turn.contacts if not incident.was_told(one.name, level, faults)]
        addresses, unknown = self._addresses(left) if delivering else ([], [])
        clear = without_secrets(case, self.masker.text)  # once all URLs are known
        contacts = self.inventory.contacts
        report = report_of(clear, its_turn, incident, contacts, next_turn(situation, contacts))
        file = self._write(clear, report)
        body = _body(clear, its_turn, incident, [since[one] for one in faults])
        self._note(case.run, ESCALATED, {**body, "delivering": delivering})
        told = (*map(self._masked, unknown), *self._tell(addresses, report, file))
        for one in told:
            self._note_told(case.run, one, its_turn, incident)
        before = [one.name for one in its_turn.contacts if one not in left]
        report = with_told(report, told, before, its_turn.contacts)
        file = self._write(clear, report) or file
        return Escalated(
            case=clear,
            turn=its_turn,
            incident=incident.name,
            report=report,
            file=file,
            told=told,
            problems=tuple(map(self._line, dict.fromkeys(self._problems))),
        )

    def _tell(self, addresses: Sequence[Address], report: Report, file: str) -> tuple[Told, ...]:
        whole, brief = quiet(as_text(report)), quiet(in_brief(report))
        message = Message(subject=quiet(report.subject), whole=whole, brief=brief, file=file)
        return tuple(map(self._masked, deliver(addresses, message, self.send, self.clock)))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes of this runner from escalating at the same time; one that takes too long is passed."""
        with ExitStack() as holding:
            deadline = time.monotonic() + WAIT
            while not self._held(holding, last=time.monotonic() >= deadline):
                time.sleep(PAUSE)
            yield

    def _held(self, holding: ExitStack, *, last: bool) -> bool:
        try:
            holding.enter_context(self.journal.hold(_LOCK))
        except Locked:
            if last:
                self._problems.append(
                    "another process takes too long to escalate; somebody may be told twice"
                )
            return last
        except JournalError as error:
            self._problems.append(str(error))
        return True

    def _incident(self, case: Case) -> Incident:
        try:
            known, concerns = self.journal.of_kinds(KINDS), self.journal.of_kinds({CONCERN})
            return incident_of(case, known, self.journal.runs(), concerns)
        except JournalError as error:
            self._problems.append(str(error))
            return Incident(name=case.run)

    def _addresses(self, contacts: Sequence[Contact]) -> tuple[list[Address], list[Told]]:
        """Return where contacts are reached, and of whom that cannot be had; from here on the URLs are masked."""
        found, unknown = [], []
        for contact in contacts:
            for reference in contact.notify:
                try:
                    url = reference.reveal(self.environment).strip()
                except UsageError as error:
                    unknown.append(unreachable(contact.name, str(error)))
                    continue
                self.masker.learn(secrets_in(url))
                found.append(Address(contact.name, url))
        return found, unknown

    def _write(self, case: Case, report: Report) -> str:
        try:
            return str(write_report(self.state, case.run, self.masker.text(as_markdown(report))))
        except JournalError as error:
            self._problems.append(str(error))
            return ""

    def _note_told(self, run: str, told: Told, its_turn: Turn, incident: Incident) -> None:
        known = told.model_dump(mode="json", exclude={"delivered"})
        body = {"incident": incident.name, "level": its_turn.level, **known}
        self._note(run, DELIVERED if told.delivered else UNDELIVERED, body)

    def _note(self, run: str, kind: str, body: Mapping[str, Json]) -> None:
        try:
            self.journal.append(run, "", kind, body)
        except JournalError as error:
            self._problems.append(str(error))

    def _masked(self, told: Told) -> Told:
        return told.model_copy(update={"why": self._line(told.why)})

    def _line(self, text: str) -> str:
        return one_line(self.masker.text(text), 300)


def _body(case: Case, its_turn: Turn, incident: Incident, since: Iterable[float]) -> dict[str, Json]:
    return {
        "incident": incident.name,
        "fingerprints": list(case.fingerprints),
        "since": list(since),
        "environment": case.environment,
        "playbook": case.playbook,
        "hosts": list(case.hosts),
        "apps": list(case.apps),
        "topics": list(case.topics),
        "title": case.title,
        "said": case.why,
        "level": its_turn.level,
        "started": case.started,
        "called": [one.name for one in its_turn.contacts],
        "why": "; ".join(reason.said for reason in its_turn.reasons),
        "status": case.status.value,
        "away": case.is_away,
    }
