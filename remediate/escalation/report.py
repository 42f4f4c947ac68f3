"""The runbook's escalation template, filled in: as text, as Markdown, and in brief. It delivers nothing.

Whatever comes from a host is one cleaned line of its own, indented in the text and in code in Markdown: no line of a
log can begin another part of the report, name somebody, or link anywhere.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from remediate.escalation.case import NOT_KNOWN, Case, HostSeen, State
from remediate.escalation.delivery import Told
from remediate.escalation.incident import Incident
from remediate.escalation.levels import Turn
from remediate.inventory import Contact
from remediate.questions import Value
from remediate.sinks.clean import one_line
from remediate.sinks.markdown import code, escaped, fenced

Form: TypeAlias = Literal["text", "markdown"]
WIDEST, LONGEST_SUBJECT, MOST = 500, 150, 400
"""Characters of a line and of the subject; lines of one part that are shown."""
_HOUR = 60  # minutes
IN_BRIEF = 12
"""Lines of one part in brief, for services that take no long message."""


class Part(Value):
    """One field of the template.

    Attributes:
        label: Its name.
        value: What stands beside it.
        lines: What stands below it.
        attached: Whether it is of what the template attaches: the logs and the database's state.
    """

    label: str
    value: str = ""
    lines: tuple[str, ...] = ()
    attached: bool = False


class Report(Value):
    """A report, before it is given a form.

    Attributes:
        subject: The template's first line.
        parts: Its fields, in order.
    """

    subject: str
    parts: tuple[Part, ...]


def report_of(
    case: Case,
    its_turn: Turn,
    incident: Incident,
    contacts: Sequence[Contact],
    following: tuple[float, Turn] | None = None,
) -> Report:
    """Fill the template in.

    Args:
        case: What is known, without secrets.
        its_turn: Whose turn it is.
        incident: What it belongs to.
        contacts: The inventory's, first level first.
        following: In how many seconds it is whose turn next; None where never.
    """
    return Report(subject=subject(case), parts=tuple(_parts(case, its_turn, incident, contacts, following)))


def with_told(
    report: Report, told: Iterable[Told], before: Iterable[str], contacts: Sequence[Contact]
) -> Report:
    """Return the report with what became of telling whose turn it is.

    Args:
        report: The report.
        told: What became of it, masked.
        before: Who had been told before.
        contacts: Whose turn it is.
    """
    lines = (
        *(f"{one.contact} by {one.service}: {_became(one.why, one.delivered)}" for one in told),
        *(f"{name}: told before, at this level" for name in before),
    )
    last = Part(label="Told", value="" if lines else _nobody(contacts), lines=lines)
    return report.model_copy(update={"parts": (*report.parts, last)})


def _nobody(contacts: Sequence[Contact]) -> str:
    """Return that nobody was told, and what is to be done about it where nobody could be."""
    if not contacts:
        return "nobody: there is nobody to call; name contacts in the inventory"
    if not any(one.notify for one in contacts):
        return "nobody: whose turn it is has no `notify` in the inventory; call them by hand"
    return "nobody, by this program"


def _became(why: str, delivered: bool) -> str:
    return "reached" if delivered else f"not reached: {why}"


def subject(case: Case) -> str:
    """Return the template's subject, on one line."""
    about = ", ".join(case.apps) or case.environment
    where = f" on {', '.join(case.hosts)}" if case.hosts else ""
    return one_line(f"[URGENT] {about} issue - {case.title}{where}", LONGEST_SUBJECT)


def _parts(
    case: Case,
    its_turn: Turn,
    incident: Incident,
    contacts: Sequence[Contact],
    following: tuple[float, Turn] | None,
) -> Iterator[Part]:
    yield Part(label="Environment", value=case.environment)
    yield Part(label="Affected Users", value=case.affected)
    yield Part(label="Started At", value=_started(case))
    yield Part(label="Error Message", value="" if case.error else NOT_KNOWN, lines=case.error)
    deeds = tuple(f"{_clock(one.at)}  {one.host}  {one.what}: {one.outcome}" for one in case.deeds)
    yield Part(label="Steps Taken", value="" if deeds else "none", lines=deeds)
    yield Part(label="Current Status", value=case.status.value, lines=tuple(_states(case.seen)))
    yield Part(label="Put Back", value="" if case.put_back else "nothing", lines=case.put_back)
    yield Part(label="Still Owed", value="" if case.owed else "nothing", lines=case.owed)
    yield Part(label="Why a person", value=case.why)
    yield Part(label="Contacts", value=_called(its_turn), lines=tuple(_contacts(its_turn, contacts)))
    if following:
        when = _moment(case.made + following[0])
        yield Part(label="Next level", value=f"{_called(following[1])}, after {when}, unless it is over")
    if incident.escalations:
        yield Part(label="Incident", value=incident.name, lines=tuple(_earlier(incident)))
    yield Part(label="Next", lines=case.commands)
    for one in case.seen:
        yield from _logs(one)
    for one in case.seen:
        rows = tuple(line for state in one.database for line in _row(state))
        yield Part(label=f"Database State ({one.host})", value=one.no_database, lines=rows, attached=True)


def _started(case: Case) -> str:
    before = _duration(max(case.made - case.started, 0))
    by = f"; run {case.run} of {case.playbook or 'no playbook'} by {case.operator}" if case.operator else ""
    because = f", because “{case.reason}”" if case.reason else ""
    return f"{_moment(case.started)}, {before} before this report{by}{because}"


def _states(seen: Iterable[HostSeen]) -> Iterator[str]:
    for one in seen:
        yield f"{one.host}: {one.app or 'the app'}: {one.status.value}{f' ({one.said})' if one.said else ''}"


def _called(its_turn: Turn) -> str:
    names = ", ".join(contact.name for contact in its_turn.contacts) or "nobody is named in the inventory"
    why = "; ".join(reason.said for reason in its_turn.reasons)
    return f"level {its_turn.level}, {names} ({why})"


def _contacts(its_turn: Turn, contacts: Iterable[Contact]) -> Iterator[str]:
    for one in contacts:
        mark = "->" if one in its_turn.contacts else "  "
        about = f", for {', '.join(one.topics)}" if one.topics else ""
        how = f": {one.how}" if one.how else ""
        yield f"{mark} level {one.level}  {one.name}{about}{how}"


def _earlier(incident: Incident) -> Iterator[str]:
    for one in incident.escalations:
        yield f"{_moment(one.at)}  run {one.run}, level {one.level}"
    for told in incident.deliveries:
        became = _became(told.why, told.delivered)
        yield f"{_moment(told.at)}  level {told.level}, {told.contact} by {told.service}: {became}"


def _logs(seen: HostSeen) -> Iterator[Part]:
    if seen.no_logs or not seen.logs:
        yield Part(label=f"Logs ({seen.host})", value=seen.no_logs or "empty", attached=True)
    for log in seen.logs:
        label = f"Logs ({seen.host}, last {len(log.lines)} lines)"
        yield Part(label=label, value=log.path, lines=log.lines, attached=True)


_MARKS = {"ok": "✓", "wrong": "✗"}


def _row(state: State) -> Iterator[str]:
    yield f"{_MARKS.get(state.verdict, '?')} {state.check}: {state.seen}"
    yield from (f"    {line}" for line in state.evidence)


def as_text(report: Report) -> str:
    """Return the report as plain text."""
    return "".join(f"{line}\n" for line in (f"Subject: {report.subject}", "", *_text_of(report.parts)))


def in_brief(report: Report) -> str:
    """Return the report without what is attached, and with little of what is long."""
    parts = [_shortened(part) for part in report.parts if not part.attached]
    return "".join(f"{line}\n" for line in _text_of(parts))


def _shortened(part: Part) -> Part:
    left = len(part.lines) - IN_BRIEF
    if left <= 0:
        return part
    return part.model_copy(update={"lines": (*part.lines[:IN_BRIEF], f"… and {left} more")})


def _text_of(parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        yield f"{one_line(part.label)}: {one_line(part.value, WIDEST)}".rstrip()
        yield from (f"    {line}" for line in _shown(part.lines))


def as_markdown(report: Report) -> str:
    """Return the report as Markdown."""
    head = fenced(f"Subject: {report.subject}", "text")
    return f"# Escalation\n\n{head}\n" + "\n".join(map(_markdown_of, report.parts))


def _markdown_of(part: Part) -> str:
    value = f" {code(part.value, WIDEST, cell=False)}" if part.value else ""
    lines = "\n".join(_shown(part.lines))
    return f"**{escaped(part.label)}:**{value}\n" + (f"\n{fenced(lines, 'text')}" if lines else "")


def _shown(lines: Sequence[str]) -> Iterator[str]:
    """Return lines fit to be shown: each cleaned and cut, and where there are too many the last ones."""
    if len(lines) > MOST:
        yield f"… {len(lines) - MOST} lines before these"
    for line in lines[-MOST:]:
        indent = line[: len(line) - len(line.lstrip(" "))]
        yield f"{indent[:8]}{one_line(line, WIDEST)}".rstrip()


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= _HOUR else f"{minutes} min"


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%S")
