"""The command triage: what is wrong with hosts, by every playbook's diagnosis at once. Changes nothing anywhere."""

import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from remediate.catalogue import CATALOGUE
from remediate.cli.exit_codes import BLOCKED, HEALTHY, NO_CURE, PLANNED
from remediate.cli.options import AsJson, InventoryName, On, PlaybookFolder, playbook_folder
from remediate.cli.session import Session, inventory_of, session
from remediate.errors import Blocked, UsageError
from remediate.fleet import AT_ONCE
from remediate.inventory import Host
from remediate.model import Json
from remediate.playbook import Playbook, load_playbook, playbook_files
from remediate.procedure import Procedure
from remediate.sinks.clean import clean_json, one_line
from remediate.sinks.console import show
from remediate.sinks.plan_text import Line, finding_lines
from remediate.triage import Diagnosis, Verdict, given_by, matches
from remediate.triage import triage as diagnoses_of

LARGEST_TEXT = 4 * 1024 * 1024
"""Characters of a pasted error that are read; the end of a log is what counts."""

ErrorText = Annotated[
    str,
    typer.Option("--error", help="An error message, or - to read a log or stack trace from standard input."),
]


@dataclass(frozen=True)
class Wanted:
    """What is to be looked for.

    Attributes:
        playbooks: Which playbooks are asked.
        given: Their variables, as the error text tells them, by playbook.
        lines: The line of the error text that each knows, by playbook.
        unknown: Whether an error text was given that no playbook knows.
        inventory: The words that name the inventory again, for a command to copy.
    """

    playbooks: tuple[Playbook, ...]
    given: Mapping[str, Mapping[str, str]]
    lines: Mapping[str, str]
    unknown: bool = False
    inventory: tuple[str, ...] = ()


def triage(
    on: On,
    inventory: InventoryName = None,
    playbooks: PlaybookFolder = None,
    error: ErrorText = "",
    *,
    as_json: AsJson = False,
) -> int:
    """Look what is wrong, by every playbook's diagnosis at once: root causes first, each with its evidence and cure."""
    wanted = replace(
        _wanted(playbook_folder(playbooks), _text(error)), inventory=("-i", inventory) if inventory else ()
    )
    environment = inventory_of(inventory)
    hosts = environment.select(on)
    with session(environment, None, as_json=as_json) as opened:
        if wanted.unknown and not as_json:
            show(opened.console, [Line("no playbook knows this error; all of them are asked", "bad")])
        codes = [_tell(opened, host, seen, wanted) for host, seen in _look_at_all(opened, hosts, wanted)]
    return next((code for code in (BLOCKED, NO_CURE, PLANNED) if code in codes), HEALTHY)


def _text(error: str) -> str:
    return (
        sys.stdin.buffer.read().decode("utf-8", "backslashreplace")[-LARGEST_TEXT:] if error == "-" else error
    )


def _wanted(folder: Path, text: str) -> Wanted:
    """Return what is to be looked for: what the error text narrows it to, or everything.

    Raises:
        UsageError: There is no playbook, or one is wrong.
    """
    loaded = (load_playbook(path, CATALOGUE) for path in playbook_files(folder))
    books = tuple(book for book in loaded if not book.tool)
    if not books:
        raise UsageError(str(folder), "there are no playbooks", "give --playbooks the folder of playbooks")
    met = matches(books, text)
    if not met:
        return Wanted(books, {}, {}, unknown=bool(text.strip()))
    given = {match.playbook.name: given_by(match) for match in met}
    lines = {match.playbook.name: match.line for match in met}
    return Wanted(tuple(match.playbook for match in met), given, lines)


def _look_at_all(
    opened: Session, hosts: Sequence[Host], wanted: Wanted
) -> Iterator[tuple[Host, tuple[Diagnosis, ...] | Blocked]]:
    pool = ThreadPoolExecutor(max(1, min(AT_ONCE, len(hosts))))
    try:
        yield from zip(hosts, pool.map(partial(_look, opened, wanted), hosts), strict=True)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # a Ctrl-C does not wait for a silent host


def _look(opened: Session, wanted: Wanted, host: Host) -> tuple[Diagnosis, ...] | Blocked:
    fitting = [book for book in wanted.playbooks if book.group == host.group]
    procedures = [
        Procedure(book, book.scope(host.scope, wanted.given.get(book.name)), opened.inventory.environment)
        for book in fitting
    ]
    try:
        return diagnoses_of(procedures, opened.target(host)) if procedures else ()
    except Blocked as error:
        return error


def _tell(opened: Session, host: Host, seen: tuple[Diagnosis, ...] | Blocked, wanted: Wanted) -> int:
    trips = opened.trips[host.name].looking if host.name in opened.trips else 0
    if opened.as_json:
        record = {**_record(host, seen, wanted), "round_trips": trips}
        typer.echo(clean_json(json.dumps(opened.masker.json(record), ensure_ascii=False)))
        return _code(seen)
    if isinstance(seen, Blocked):
        lines = [Line(f"{host.name}  ✗ {seen}", "bad")]
    else:
        cost = f"  {len(seen)} playbooks asked in {trips} round trip{'s' * (trips != 1)}"
        lines = [*_lines(host, seen, wanted), Line(cost, "faint")]
    show(opened.console, [Line(opened.masker.text(line.text), line.style) for line in lines])
    return _code(seen)


def _code(seen: tuple[Diagnosis, ...] | Blocked) -> int:
    """Return 6 where nobody can say, 3 where a playbook would cure what is wrong, 8 where none would, else 0."""
    if isinstance(seen, Blocked):
        return BLOCKED
    found = [one for one in seen if one.verdict is Verdict.FOUND]
    if found:
        return PLANNED if any(one.curable for one in found) else NO_CURE
    return BLOCKED if any(one.verdict is Verdict.UNKNOWN for one in seen) else HEALTHY


def _lines(host: Host, seen: Sequence[Diagnosis], wanted: Wanted) -> Iterator[Line]:
    found = [one for one in seen if one.verdict is Verdict.FOUND]
    yield Line(
        f"{host.name}: {_count(found)}" if seen else f"{host.name}: no playbook is for {host.group}", "head"
    )
    for number, one in enumerate(found, start=1):
        yield from _found_lines(number, one, host, wanted)
    for one in seen:
        if one.verdict is Verdict.UNKNOWN:
            yield Line(f"  ? {one.playbook.name}: {one_line('; '.join(one.why), 300)}", "bad")
    healthy = [one.playbook.name for one in seen if one.verdict is Verdict.HEALTHY]
    if healthy:
        yield Line(f"  ✓ not there: {', '.join(healthy)}", "faint")


def _count(found: Sequence[Diagnosis]) -> str:
    roots = sum(not one.explained_by for one in found)
    explained = f", {len(found) - roots} more that they explain" if len(found) > roots else ""
    return (
        f"{roots} fault{'s' * (roots != 1)}{explained}" if found else "nothing is wrong that a playbook knows"
    )


def _found_lines(number: int, one: Diagnosis, host: Host, wanted: Wanted) -> Iterator[Line]:
    explained = f" (explained by {one.explained_by})" if one.explained_by else ""
    yield Line(f"  {number}. {one.playbook.name}: {one.playbook.title}{explained}", "head")
    if line := wanted.lines.get(one.playbook.name):
        yield Line(f"     knows: {one_line(line, 200)}", "faint")
    for finding in one.findings:
        for shown in finding_lines(finding) if not finding.healthy else ():
            yield Line(f"   {shown.text}", shown.style)
    if not one.explained_by:
        yield Line(f"     next: {_next(one, host, wanted)}", "code" if one.curable else "plain")


def _next(one: Diagnosis, host: Host, wanted: Wanted) -> str:
    """Return the command to run next, or whom to call."""
    if not one.curable:
        return f"it has no cure of its own; call: {one.playbook.escalate or 'whoever looks after this host'}"
    variables = [f"--var={name}={value}" for name, value in wanted.given.get(one.playbook.name, {}).items()]
    words = ["remediate", "run", one.playbook.name, "--on", host.name, *variables]
    return shlex.join([*words, *wanted.inventory])


def _record(host: Host, seen: tuple[Diagnosis, ...] | Blocked, wanted: Wanted) -> dict[str, Json]:
    blocked = str(seen) if isinstance(seen, Blocked) else ""
    diagnoses = () if isinstance(seen, Blocked) else seen
    return {
        "host": host.name,
        "blocked": blocked,
        "error_known": not wanted.unknown,
        "diagnoses": [_diagnosis_record(one, host, wanted) for one in diagnoses],
    }


def _diagnosis_record(one: Diagnosis, host: Host, wanted: Wanted) -> dict[str, Json]:
    return {
        "playbook": one.playbook.name,
        "title": one.playbook.title,
        "verdict": one.verdict.value,
        "explained_by": one.explained_by,
        "matched": wanted.lines.get(one.playbook.name, ""),
        "findings": [finding.model_dump(mode="json") for finding in one.findings],
        "why": list(one.why),
        "next": _next(one, host, wanted) if one.verdict is Verdict.FOUND and not one.explained_by else "",
    }
