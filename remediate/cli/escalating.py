"""The command escalate: fill the runbook's report in for a run, and call whose turn it is. Changes no host."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from remediate.catalogue import CATALOGUE
from remediate.cli.exit_codes import FAILED, HEALTHY
from remediate.cli.options import AsJson, PlaybookFolder, StateFolder, playbook_folder, run_ids, state_folder
from remediate.cli.putting_back import MovedInventory, environment_of, found
from remediate.cli.session import Session, session
from remediate.cli.told import FORMS, tell
from remediate.clock import Clock
from remediate.errors import JournalError, RemediateError, UsageError
from remediate.escalation.again import case_again
from remediate.escalation.case import NOT_KNOWN, Case, HostSeen
from remediate.escalation.escalating import Escalated, Escalator
from remediate.escalation.incident import (
    KINDS,
    Escalation,
    Incident,
    is_mended,
    left_of,
    not_over,
    open_incidents,
)
from remediate.escalation.looking import Tools, affected_users, app_of, look, unseen
from remediate.escalation.mended import CONCERN
from remediate.escalation.record import case_of, unwell
from remediate.escalation.sending import send
from remediate.escalation.situation import is_due
from remediate.fleet import AT_ONCE
from remediate.inventory import Host, Inventory
from remediate.journal import Journal, RunHeader, RunSummary
from remediate.masking import Masker
from remediate.playbook import Playbook, find_playbook, load_playbook
from remediate.procedure import Procedure
from remediate.sinks.clean import one_line

Level = Annotated[
    int, typer.Option("--level", min=0, help="Call this level at least. Default: by the rules.")
]
About = Annotated[
    list[str] | None,
    typer.Option("--about", help="What it is about: database, corruption, security, or a contact's word."),
]
MaybeRun = Annotated[
    str,
    typer.Argument(metavar="[RUN]", help="A run's id, or the beginning of one.", autocompletion=run_ids),
]
Due = Annotated[
    bool, typer.Option("--due", help="Escalate again every open incident whose next level's time has come.")
]
Affected = Annotated[str, typer.Option("--affected", help="How many users, or which, where you know.")]
Deliver = Annotated[
    bool,
    typer.Option("--deliver/--no-deliver", help="Whether anybody is told. The report is always written."),
]
Form = Annotated[str, typer.Option("--format", help="How the report is printed: text or markdown.")]
LONGEST_LOOK = 60.0
"""Seconds that a call for help waits for hosts to tell how they do."""


def escalate(
    run: MaybeRun = "",
    level: Level = 0,
    about: About = None,
    affected: Affected = "",
    inventory: MovedInventory = None,
    playbooks: PlaybookFolder = None,
    state: StateFolder = None,
    form: Form = "text",
    *,
    due: Due = False,
    deliver: Deliver = True,
    as_json: AsJson = False,
) -> int:
    """Call a person for a run that did not end well: the runbook's report, to whose turn it is, and as a file."""
    if form not in FORMS:
        raise UsageError(f"--format {form}", "there is no such form of it", f"choose: {', '.join(FORMS)}")
    if bool(run) is due:
        raise UsageError("escalate", "wants a run, or --due for those whose time has come", "say one of them")
    wish = Wish(level, tuple(about or ()), affected, inventory, playbooks, state, form, deliver, as_json)
    return _escalate_due(wish) if due else _escalate(run, wish)


@dataclass(frozen=True)
class Wish:
    """What the command's options say."""

    level: int
    about: tuple[str, ...]
    affected: str
    inventory: str | None
    playbooks: Path | None
    state: Path | None
    form: str
    deliver: bool
    as_json: bool


def _escalate(run: str, wish: Wish) -> int:
    summary = found(run, wish.state)
    if summary.header.command != "run":
        last = _left(summary.header.run, wish.state)
        return _call(summary, wish, lambda _: _again(last, wish.about))
    _refuse_well(summary)
    return _call(summary, wish, lambda opened: case_of_run(opened, summary, wish.about))


def _left(run: str, state: Path | None) -> Escalation:
    """Return what a command that ran no playbook itself called a person for.

    Raises:
        UsageError: It called nobody, or what it called for is over.
    """
    with Journal.open(state_folder(state), Masker()) as journal:
        last = left_of(run, journal.of_kinds(KINDS), journal.runs())
    if last is None:
        what = "is no run of a playbook, and called nobody for what is not over since"
        raise UsageError(run, what, f"remediate show {run}; `remediate heal` looks again")
    return last


def _again(last: Escalation, about: Sequence[str]) -> Case:
    case = case_again(last, Clock().wall())
    return case.model_copy(update={"topics": tuple(sorted({*case.topics, *about}))})


def _call(summary: RunSummary, wish: Wish, case: Callable[[Session], Case]) -> int:
    environment = environment_of(summary.header, wish.inventory)
    run = summary.header.run
    with session(environment, wish.state, run=run, as_json=wish.as_json, aside=True) as opened:
        _refuse_running(opened)
        came = call(
            opened,
            case(opened),
            playbook_folder(wish.playbooks),
            state_folder(wish.state),
            asked=wish.level,
            delivering=wish.deliver,
            affected=wish.affected,
        )
    tell(came, wish.form, as_json=wish.as_json, delivering=wish.deliver)
    return HEALTHY if came.delivered else FAILED


def _refuse_running(opened: Session) -> None:
    """Leave a run to the process that is at work on it; a state directory that cannot be written keeps no call back.

    Raises:
        Locked: Another process is at work on it.
    """
    with suppress(JournalError), opened.journal.hold(opened.run):
        pass


def _escalate_due(wish: Wish) -> int:
    """Escalate what is due; what keeps one incident from being escalated keeps no other.

    What whoever watches has found to be gone is not, though it is not over before it has stayed so for a while.
    """
    now, codes = Clock().wall(), [HEALTHY]
    with Journal.open(state_folder(wish.state), Masker()) as journal:
        runs = journal.runs()
        entries = tuple(journal.of_kinds(KINDS))
        concerns = tuple(journal.of_kinds({CONCERN})) if not_over(entries, now) else ()
        known = open_incidents(entries, runs, now, concerns)
        incidents = [one for one in known if not is_mended(one, concerns)]
    summaries = {summary.header.run: summary for summary in runs}
    for incident in incidents:
        try:
            codes.append(_escalate_if_due(incident, summaries[incident.escalations[-1].run], wish, now))
        except RemediateError as error:
            typer.echo(one_line(f"! {error}", 400), err=True)
            codes.append(FAILED)
    return max(codes)


def _escalate_if_due(incident: Incident, summary: RunSummary, wish: Wish, now: float) -> int:
    environment, last = environment_of(summary.header, wish.inventory), incident.escalations[-1]
    if not is_due(incident, environment.contacts, development=environment.development, now=now):
        return HEALTHY
    return _escalate(last.run, wish)


def _refuse_well(summary: RunSummary) -> None:
    if not unwell(summary):
        run, what = summary.header.run, "ended well on every host: there is nothing to escalate"
        raise UsageError(run, what, f"remediate show {run}")


def case_of_run(opened: Session, summary: RunSummary, about: Sequence[str] = ()) -> Case:
    """Return the case that a run's record makes; how its hosts do now is not in it yet.

    Args:
        opened: The command's session.
        summary: The run.
        about: What it is about, beside what the record tells.

    Raises:
        JournalError: The log cannot be read.
    """
    entries = tuple(opened.journal.entries(summary.header.run))
    apps = {host.name: app_of(host) for host in opened.inventory.hosts}
    return case_of(summary, entries, _playbook(summary.header), apps, Clock().wall(), topics=about)


def _playbook(header: RunHeader) -> Playbook | None:
    try:
        return load_playbook(Path(header.playbook_path), CATALOGUE)
    except UsageError:  # it was moved or altered since: the record alone has to do
        return None


def call(
    opened: Session,
    case: Case,
    playbooks: Path,
    state: Path,
    *,
    asked: int = 0,
    delivering: bool = True,
    affected: str = "",
) -> Escalated:
    """Look how a case's hosts do now, and escalate it; what cannot be looked at says so in the report.

    Args:
        opened: The command's session.
        case: What is known; its hosts are not looked at yet.
        playbooks: The folder of the tools `health` and `schema-validate`.
        state: The state directory.
        asked: The level that a person asks for; 0 where nobody does.
        delivering: Whether anybody is told, beside the report's file.
        affected: How many users, or which, where a person knows.
    """
    hosts = [host for host in opened.inventory.hosts if host.name in case.hosts]
    seen = _look_at_all(opened, hosts, playbooks)
    told = affected or affected_users(seen, _everywhere(opened.inventory, hosts))
    known = {"seen": seen, "made": Clock().wall(), "affected": told or NOT_KNOWN}
    escalator = Escalator(opened.inventory, state, opened.journal, opened.masker, os.environ, send)
    return escalator.escalate(case.model_copy(update=known), asked=asked, delivering=delivering)


def _everywhere(inventory: Inventory, hosts: Sequence[Host]) -> bool:
    apps = {app_of(host) for host in hosts}
    return bool(hosts) and all(host in hosts for host in inventory.hosts if app_of(host) in apps)


def _look_at_all(opened: Session, hosts: Sequence[Host], playbooks: Path) -> tuple[HostSeen, ...]:
    pool = ThreadPoolExecutor(max(1, min(AT_ONCE, len(hosts))))
    try:
        asked = [(host, pool.submit(_look, opened, playbooks, host)) for host in hosts]
        wait([future for _, future in asked], LONGEST_LOOK)
        slow = f"it did not answer within {LONGEST_LOOK:.0f} s"
        return tuple(one.result() if one.done() else unseen(host, slow) for host, one in asked)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # neither a page nor a Ctrl-C waits for a silent host


def _look(opened: Session, playbooks: Path, host: Host) -> HostSeen:
    def tools() -> Tools:
        return Tools(_tool("health", playbooks, host), _tool("schema-validate", playbooks, host))

    return look(host, lambda: opened.target(host), tools, opened.masker.learn, Clock())


def _tool(name: str, playbooks: Path, host: Host) -> Procedure | None:
    try:
        book = load_playbook(find_playbook(name, playbooks), CATALOGUE)
        scope = book.scope(host.scope)
    except UsageError:  # it is another library's, or needs what this host has not: then nothing looks there
        return None
    return Procedure(book, scope, host.environment) if book.group == host.group else None
