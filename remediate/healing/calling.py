"""What healing came to -> the case that a person is called for. Pure: it calls nobody."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest

from remediate.escalation.case import Case, Deed
from remediate.healing.healed import Healed, Treated
from remediate.healing.page import word_of
from remediate.journal import RunSummary
from remediate.model import WELL, Outcome

DATABASE = "database"


def case_of_healing(
    healed: Healed, cures: Sequence[Case], apps: Mapping[str, str], *, operator: str, reason: str, now: float
) -> Case:
    """Return the case of a round-trip after which not all is well; how its hosts do now is not in it yet.

    Args:
        healed: What it came to.
        cures: The cases that the records of its cures make, and of runs that owe something there, in order.
        apps: The name of each host's app.
        operator: Who runs it, as `user@machine`.
        reason: Why.
        now: Seconds since the epoch.
    """
    hosts = tuple(host for host, end in healed.hosts.items() if end.outcome not in WELL)
    left = [one for one in healed.faults if not one.gone]
    playbooks = list(dict.fromkeys(one.fingerprint.playbook for one in left))
    return Case(
        run=healed.run,
        fingerprints=tuple(dict.fromkeys([str(one.fingerprint) for one in left] or _away(healed, hosts))),
        environment=healed.environment,
        playbook=playbooks[0] if len(playbooks) == 1 else "",
        title="; ".join(dict.fromkeys(one.title for one in left)) or _without_faults(healed),
        why="; ".join((*(f"{host}: {healed.hosts[host].why}" for host in hosts), *_ruled_out(left))),
        topics=tuple(sorted({topic for one in left for topic in _topics(one)} | _known(cures))),
        hosts=hosts,
        apps=tuple(sorted({apps[host] for host in hosts if host in apps})),
        operator=operator,
        reason=reason,
        started=min((one.since for one in left), default=healed.began),
        made=now,
        error=tuple(_error(healed, left, cures, hosts)),
        deeds=tuple(sorted(_deeds(healed, left, cures), key=lambda deed: deed.at)),
        put_back=tuple(line for one in cures for line in one.put_back),
        owed=tuple(line for one in cures for line in one.owed),
        commands=tuple(dict.fromkeys(_commands(healed, left, cures))),
    )


def _ruled_out(left: Iterable[Treated]) -> Iterator[str]:
    """Return what kept each fault from being cured that no cure was begun of."""
    yield from (f"{one.fingerprint}: {one.why}" for one in left if one.outcome is None and not one.run)


def unread(summary: RunSummary, why: str, now: float) -> Case:
    """Return the case of a run whose record cannot be read whole: it says so, also where something is owed.

    Args:
        summary: The run.
        why: Why not, in a line.
        now: Seconds since the epoch.
    """
    header = summary.header
    said = f"the record of run {header.run} cannot be read whole, and is left out: {why}"
    deed = Deed(at=summary.started, host=", ".join(header.hosts), what=f"run {header.run}", outcome=said)
    return Case(
        run=header.run,
        fingerprints=(),
        environment=header.environment,
        playbook=header.playbook,
        title=header.title,
        why=said,
        hosts=header.hosts,
        started=summary.started,
        made=now,
        error=(said,),
        deeds=(deed,),
        owed=(f"{summary.owed} of its changes; {said}",) if summary.owed else (),
    )


def _without_faults(healed: Healed) -> str:
    if healed.cut_short:
        return "healing was cut short, and nobody has looked again"
    ends = {end.outcome for end in healed.hosts.values()}
    if Outcome.STUCK in ends:
        return "what healing had changed is not put back"
    if Outcome.NO_CURE in ends:
        return "something is wrong, and nothing more was tried"
    return "the app cannot be looked at"


def _away(healed: Healed, hosts: Iterable[str]) -> list[str]:
    return [f"{healed.hosts[host].outcome.value} on {host} ({healed.environment})" for host in hosts]


def _topics(one: Treated) -> Iterator[str]:
    yield from one.topics
    if one.whom:
        yield one.whom
    if one.fingerprint.target not in one.hosts:  # what is ill is what they share
        yield DATABASE


def _known(cures: Iterable[Case]) -> set[str]:
    """Return what the records of cures tell: changes of a schema or of rows, and what their looks found."""
    return {topic for one in cures for topic in one.topics}


def _error(
    healed: Healed, left: Sequence[Treated], cures: Iterable[Case], hosts: Iterable[str]
) -> Iterator[str]:
    """Return what was found: in full where a cure's record has it; of a host without a fault, how it ended."""
    known = {one.run: one.error for one in cures}
    for one in left:
        record = known.get(one.run, ())
        for line, evidence in zip_longest(one.seen, () if record else one.evidence, fillvalue=()):
            yield f"{one.fingerprint}: {line}"
            yield from (f"    {told}" for told in evidence)
        yield from (f"    {line}" for line in (*record, *one.output.splitlines()))
    ill = {host for one in left for host in one.hosts}
    yield from (f"{host}: {healed.hosts[host].why}" for host in hosts if host not in ill)


def _commands(healed: Healed, left: Iterable[Treated], cures: Iterable[Case]) -> Iterator[str]:
    yield f"remediate show {healed.run}"
    yield from (one.todo for one in left if one.todo)
    yield from (f"remediate rollback {one.run}" for one in cures if one.owed)


def _deeds(healed: Healed, left: Iterable[Treated], cures: Iterable[Case]) -> Iterator[Deed]:
    yield from _ruled(left, healed.began)
    yield from (deed for one in cures for deed in one.deeds)


def _ruled(faults: Iterable[Treated], at: float) -> Iterator[Deed]:
    for one in faults:
        what = f"ruled on {one.fingerprint}: {one.ruling.verdict.value}"
        yield Deed(at=at, host=", ".join(one.hosts), what=what, outcome=f"{word_of(one)}: {one.why}")
