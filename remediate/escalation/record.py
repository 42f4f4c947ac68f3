"""A run's record in the audit log -> the case it is. Pure: it asks no host, and reads no file.

Of each change the last that was heard of it counts: done, failed, unknown, put back.
"""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from remediate.escalation.case import Case, Deed
from remediate.escalation.levels import topics_of
from remediate.journal import Entry, RunSummary
from remediate.journal.understanding import understanding
from remediate.model import Finding, Outcome, Risk
from remediate.playbook import Playbook

ENDED_WELL = frozenset({Outcome.HEALTHY, Outcome.FIXED, Outcome.HELD, Outcome.FREE})
"""Outcomes after which nobody is needed. What was put back by a person's wish is none: its fault may be there again."""
_OF_DATABASES: frozenset[Risk] = frozenset({"schema", "data"})


def unwell(summary: RunSummary) -> tuple[str, ...]:
    """Return the hosts on which a run did not end well, or has not ended."""
    return tuple(host for host in summary.header.hosts if summary.outcomes.get(host) not in ENDED_WELL)


def case_of(
    summary: RunSummary,
    entries: Sequence[Entry],
    playbook: Playbook | None,
    apps: Mapping[str, str],
    now: float,
    *,
    topics: Iterable[str] = (),
) -> Case:
    """Return the case that a run's record makes; how its hosts do now is not in it yet.

    Args:
        summary: The run.
        entries: All of its entries, in order.
        playbook: What it ran, where that can still be read.
        apps: The name of each host's app.
        now: Seconds since the epoch.
        topics: What it is about, beside what the record tells.

    Raises:
        JournalError: An entry is damaged.
    """
    header, hosts = summary.header, unwell(summary)
    about = {*topics, *_topics(entries, playbook)}
    ends = {entry.host: entry for entry in entries if entry.kind == "ended"}
    return Case(
        run=header.run,
        fingerprints=tuple(
            fingerprint(header.playbook, subject, header.environment)
            for subject in _subjects(entries, hosts, shared="database" in about)
        ),
        environment=header.environment,
        playbook=header.playbook,
        title=playbook.title if playbook else _first(entries, "title") or header.title,
        why="; ".join(_end(host, ends.get(host)) for host in hosts),
        topics=tuple(sorted(about)),
        hosts=hosts,
        apps=tuple(sorted({apps[host] for host in hosts if host in apps})),
        operator=f"{header.operator.user}@{header.operator.machine}",
        reason=header.reason,
        started=min(summary.started, _first(entries, "since") or summary.started),
        made=now,
        error=tuple(_error(entries, hosts)),
        deeds=tuple(_deeds(entries)),
        put_back=tuple(_put_back(entries)),
        owed=tuple(_owed(entries)),
        commands=_commands(summary, hosts),
    )


def fingerprint(playbook: str, subject: str, environment: str) -> str:
    """Return which fault it is where, in words.

    Args:
        playbook: Whose fault it is.
        subject: What is ill: a host's name, or the identity of a database.
        environment: The inventory's.
    """
    return f"{playbook} on {subject} ({environment})"


def _subjects(entries: Iterable[Entry], hosts: Sequence[str], *, shared: bool) -> tuple[str, ...]:
    """Return what is ill: the hosts, and of a database's trouble that one, too, which several hosts may share."""
    known = (entry.body.get("database", "") for entry in entries if entry.kind == "looked" and shared)
    return (*hosts, *dict.fromkeys(filter(None, map(str, known))))


def _end(host: str, entry: Entry | None) -> str:
    if entry is None:
        return f"{host}: the run never ended here"
    with understanding(entry.seq):
        why = entry.body["why"]
        return f"{host}: {entry.body['outcome']}{f': {why}' if why else ''}"


def _topics(entries: Iterable[Entry], playbook: Playbook | None) -> Iterator[str]:
    if playbook and playbook.escalate:
        yield playbook.escalate
    for entry in entries:
        with understanding(entry.seq):
            if entry.kind == "owed" and entry.body["change"]["risk"] in _OF_DATABASES:
                yield "database"
            yield from topics_of(_findings(entry))
            yield from _looked(entry, "topics") or ()


def _looked(entry: Entry, name: str) -> Any:
    """Return what an entry has that whoever watches wrote down beside what was found; None where it has not."""
    return entry.body.get(name) if entry.kind == "looked" else None


def _first(entries: Iterable[Entry], name: str) -> Any:
    return next((known for entry in entries if (known := _looked(entry, name))), None)


def _findings(entry: Entry) -> tuple[Finding, ...]:
    found = entry.body.get("findings", ()) if entry.kind == "looked" else ()
    return tuple(Finding.model_validate(one) for one in found)


def _error(entries: Sequence[Entry], hosts: Iterable[str]) -> Iterator[str]:
    """Return what was found on each host, in full, and what went wrong afterwards."""
    for host in hosts:
        own = [entry for entry in entries if entry.host == host]
        looked = [entry for entry in own if entry.kind == "looked"]
        for entry in looked[-1:]:
            with understanding(entry.seq):
                yield from _wrong(host, _findings(entry))
        for entry in _went_wrong(own):
            with understanding(entry.seq):
                yield from _lines(host, entry.body["why"])


def _went_wrong(own: Sequence[Entry]) -> Iterator[Entry]:
    """Return the entries that say why it ended so, or else why it was stopped; and what could not be put back."""
    ends = [entry for entry in own if entry.kind == "ended"]
    yield from (ends or [entry for entry in own if entry.kind == "stopped"])[-1:]
    yield from (entry for entry in own if entry.kind == "unpaid")


def _wrong(host: str, findings: Iterable[Finding]) -> Iterator[str]:
    for finding in findings:
        if not finding.healthy:
            yield from _lines(host, f"{finding.check}: {finding.seen}")
            yield from (f"    {line}" for one in finding.evidence for line in one.splitlines())


def _lines(host: str, text: str) -> Iterator[str]:
    first, *rest = str(text).splitlines() or [""]
    if first:
        yield f"{host}: {first}"
        yield from (f"    {line}" for line in rest)


def _deeds(entries: Sequence[Entry]) -> Iterator[Deed]:
    became = _became(entries)
    for entry in entries:
        with understanding(entry.seq):
            for one in _looked(entry, "healings") or ():
                what = f"{one['what']}, run {one['run']}"
                yield Deed(at=one["at"], host=entry.host, what=what, outcome=f"ended: {one['outcome']}")
            told = _deed(entry, became)
        if told:
            yield Deed(at=entry.at, host=entry.host, what=told[0], outcome=told[1])


def _deed(entry: Entry, became: Mapping[int, Sequence[Entry]]) -> tuple[str, str] | None:
    body = entry.body
    match entry.kind:
        case "looked":
            wrong = sum(not one.healthy for one in _findings(entry))
            return "looked", f"{body['outcome']}; {wrong} of {len(body['findings'])} checks found something"
        case "owed":
            return f"{body['step']}: {body['change']['what']}", _fate(became.get(entry.seq, ()))
        case "rollback":
            return "put back what the run had changed", "begun"
        case "compared":
            return "looked whether all is as it was", body["text"]
        case "ended":
            return "ended", f"{body['outcome']}{': ' * bool(body['why'])}{body['why']}"
    return None


def _became(entries: Iterable[Entry]) -> dict[int, list[Entry]]:
    """Return what was heard of each change, by the number of the entry that owes it."""
    heard: dict[int, list[Entry]] = {}
    for entry in entries:
        with understanding(entry.seq):
            if entry.kind in _FATES:
                heard.setdefault(entry.body["owed"], []).append(entry)
    return heard


_FATES = {
    "done": "done",
    "failed": "failed",
    "unknown": "nobody knows what became of it",
    "paid": "put back",
    "unpaid": "not put back",
}


def _fate(reports: Iterable[Entry]) -> str:
    told = [f"{_FATES[one.kind]}{': ' * bool(one.body['why'])}{one.body['why']}" for one in reports]
    return ", then ".join(told) or "begun, and nothing was heard of it"


def _put_back(entries: Sequence[Entry]) -> Iterator[str]:
    changes = {entry.seq: entry for entry in entries if entry.kind == "owed"}
    for entry in entries:
        with understanding(entry.seq):
            if entry.kind == "paid":
                yield _change(changes[entry.body["owed"]])


def _owed(entries: Sequence[Entry]) -> Iterator[str]:
    became = _became(entries)
    for entry in reversed([one for one in entries if one.kind == "owed"]):
        reports = became.get(entry.seq, ())
        if not any(one.kind == "paid" for one in reports):
            with understanding(entry.seq):
                yield f"{_change(entry)} ({_fate(reports)})"


def _change(entry: Entry) -> str:
    return f"{entry.host}: {entry.body['change']['what']}"


def _commands(summary: RunSummary, hosts: Sequence[str]) -> tuple[str, ...]:
    """Return what to do next, to copy."""
    run, header = summary.header.run, summary.header
    there = shlex.join(["--on", ",".join(hosts), "-i", header.inventory_path])
    goes_on = [f"remediate resume {run}", f"remediate rollback {run}"]
    going = [name for name in hosts if name in summary.unfinished]
    back = goes_on if going and summary.owed else goes_on[1:] if summary.owed else []
    return (f"remediate show {run}", f"remediate triage {there}", f"remediate health {there}", *back)
