"""Calls a person when healing needs one: makes the case and hands it to the escalation. It decides nothing itself."""

from collections.abc import Iterator
from pathlib import Path

from remediate.cli.escalating import call, case_of_run
from remediate.cli.session import Session, who
from remediate.cli.told import told_lines
from remediate.errors import JournalError, RemediateError
from remediate.escalation.case import Case
from remediate.escalation.escalating import Escalated
from remediate.escalation.looking import app_of
from remediate.healing.calling import case_of_healing, unread
from remediate.healing.healed import Called, Callee, Healed, nobody_called
from remediate.journal import RunSummary
from remediate.model import WELL
from remediate.sinks.clean import one_line


def call_a_person(opened: Session, healed: Healed, playbooks: Path, state: Path) -> Called:
    """Escalate a round-trip after which not all is well; return what became of it, or why nothing did.

    Args:
        opened: The command's session.
        healed: What it came to.
        playbooks: The folder of the tools that look how hosts do.
        state: The state directory.
    """
    try:
        return _as_told(opened, _called(opened, healed, playbooks, state))
    except RemediateError as error:
        return nobody_called(one_line(opened.masker.text(str(error)), 400))


def _as_told(opened: Session, came: Escalated) -> Called:
    mask = opened.masker.text
    return Called(
        file=came.file,
        level=came.turn.level,
        called=tuple(Callee(level=one.level, name=one.name, how=one.how) for one in came.turn.contacts),
        told=came.told,
        problems=came.problems,
        lines=tuple(map(mask, told_lines(came))),
    )


def _called(opened: Session, healed: Healed, playbooks: Path, state: Path) -> Escalated:
    apps = {host.name: app_of(host) for host in opened.inventory.hosts}
    cures, unknown = _records(opened, healed)
    now = opened.runner.clock.wall()
    case = case_of_healing(healed, cures, apps, operator=who(), reason=opened.reason, now=now)
    case = case.model_copy(update={"error": (*case.error, *unknown), "owed": (*case.owed, *unknown)})
    return call(opened, case, playbooks, state)


def _records(opened: Session, healed: Healed) -> tuple[tuple[Case, ...], tuple[str, ...]]:
    """Return what the records tell; and where the log cannot be read at all, that nobody knows what they would."""
    try:
        return tuple(_cases(opened, healed)), ()
    except JournalError as error:
        return (), (f"what runs did and owe is not known: {error}",)


def _cases(opened: Session, healed: Healed) -> Iterator[Case]:
    """Return what the records tell of its cures, of what it put back, and of what is owed there, oldest first."""
    cures = {one.run for one in healed.faults if one.run}
    for summary in reversed(opened.journal.runs()):
        if summary.header.run in cures or _was_put_back(summary, healed) or _owes(opened, summary, healed):
            yield _case(opened, summary)


def _case(opened: Session, summary: RunSummary) -> Case:
    """Return the case of a run; nothing that is wrong with the record of one keeps a person from being called."""
    try:
        return case_of_run(opened, summary)
    except JournalError as error:
        return unread(summary, str(error), opened.runner.clock.wall())


def _was_put_back(summary: RunSummary, healed: Healed) -> bool:
    """Return whether it is a cure that an earlier healer had left, and that came to its end meanwhile."""
    header, ended = summary.header, summary.ended
    here = header.environment == healed.environment and set(header.hosts) & set(healed.hosts)
    return bool(header.healing and here) and ended is not None and ended >= healed.began


def _owes(opened: Session, summary: RunSummary, healed: Healed) -> bool:
    """Return whether it left something to put back on a host that is not well, whoever began it."""
    unwell = {host for host, end in healed.hosts.items() if end.outcome not in WELL}
    left = summary.owed and unwell & set(summary.unfinished)
    here = summary.header.environment == healed.environment
    return bool(left and here) and not opened.journal.lives(summary.header.run)
