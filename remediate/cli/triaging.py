"""The command triage: what is wrong with hosts, by every playbook's diagnosis at once. Changes nothing anywhere."""

import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from remediate.catalogue import CATALOGUE
from remediate.cli.exit_codes import BLOCKED, HEALTHY, NO_CURE, PLANNED
from remediate.cli.options import AsJson, InventoryName, On, PlaybookFolder, playbook_folder
from remediate.cli.session import Session, inventory_of, session
from remediate.errors import Blocked, UsageError
from remediate.fleet import AT_ONCE
from remediate.healing.choice import chosen
from remediate.inventory import Host
from remediate.model import Json
from remediate.playbook import Playbook, load_playbook, playbook_files
from remediate.procedure import Procedure
from remediate.sinks.clean import clean_json, one_line
from remediate.sinks.console import show
from remediate.sinks.plan_text import Line, finding_lines
from remediate.triage import Diagnosis, Presence, cannot_ask, given_by, matches, ranked
from remediate.triage import triage as diagnoses_of

LARGEST_TEXT = 4 * 1024 * 1024
"""Bytes of a pasted error that are kept; the end of a log is what counts."""

ErrorText = Annotated[
    str,
    typer.Option("--error", help="An error message, or - to read a log or stack trace from standard input."),
]


@dataclass(frozen=True)
class Wanted:
    """What is to be looked for.

    Attributes:
        playbooks: Which playbooks are asked: all.
        given: Their variables, as the error text tells them, by playbook.
        lines: The line of the error text that each knows, by playbook, for those that know it.
        unknown: Whether an error text was given that no playbook knows.
        places: The words that name the inventory and the playbooks again, for a command to copy.
    """

    playbooks: tuple[Playbook, ...]
    given: Mapping[str, Mapping[str, str]]
    lines: Mapping[str, str]
    unknown: bool = False
    places: tuple[str, ...] = ()


def triage(
    on: On,
    inventory: InventoryName = None,
    playbooks: PlaybookFolder = None,
    error: ErrorText = "",
    *,
    as_json: AsJson = False,
) -> int:
    """Look what is wrong, by every playbook's diagnosis at once: root causes first, each with its evidence and cure."""
    places = (
        *(("-i", inventory) if inventory else ()),
        *(("--playbooks", str(playbooks)) if playbooks else ()),
    )
    wanted = replace(wanted_in(playbook_folder(playbooks), _text(error)), places=places)
    environment = inventory_of(inventory)
    hosts = environment.select(on)
    with session(environment, None, as_json=as_json) as opened:
        if wanted.unknown and not as_json:
            show(opened.console, [Line("no playbook knows this error", "bad")])
        codes = [_tell(opened, host, seen, wanted) for host, seen in look_at_all(opened, hosts, wanted)]
    return next((code for code in (BLOCKED, NO_CURE, PLANNED) if code in codes), HEALTHY)


def _text(error: str) -> str:
    return tail_of(sys.stdin.buffer).decode("utf-8", "backslashreplace") if error == "-" else error


def tail_of(stream: BinaryIO) -> bytes:
    """Return the end of a stream, of whatever length; never more of it is held than twice what is kept."""
    kept = b""
    while part := stream.read(LARGEST_TEXT):
        kept = (kept + part)[-LARGEST_TEXT:]
    return kept


def wanted_in(folder: Path, text: str = "") -> Wanted:
    """Return what is to be looked for: everything, and of what the error text tells.

    Args:
        folder: The folder of playbooks.
        text: A message, a stack trace or a log; empty where there is none.

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
    return Wanted(books, given, lines)


def look_at_all(
    opened: Session, hosts: Sequence[Host], wanted: Wanted
) -> Iterator[tuple[Host, tuple[Diagnosis, ...] | Blocked]]:
    """Look at all hosts, side by side; return each with what was seen."""
    pool = ThreadPoolExecutor(max(1, min(AT_ONCE, len(hosts))))
    try:
        yield from zip(hosts, pool.map(partial(_look, opened, wanted), hosts), strict=True)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # a Ctrl-C does not wait for a silent host


def _look(opened: Session, wanted: Wanted, host: Host) -> tuple[Diagnosis, ...] | Blocked:
    fitting = [book for book in wanted.playbooks if book.group == host.group]
    bound = [_bound(book, host, wanted, opened.inventory.environment) for book in fitting]
    procedures = [one for one in bound if isinstance(one, Procedure)]
    refused = [one for one in bound if isinstance(one, Diagnosis)]
    try:
        seen = diagnoses_of(procedures, opened.reached(host), wanted.lines) if procedures else ()
    except Blocked as error:
        return error
    return ranked([*seen, *refused], wanted.lines)


def _bound(book: Playbook, host: Host, wanted: Wanted, environment: str) -> Procedure | Diagnosis:
    try:
        return Procedure(book, book.scope(host.scope, wanted.given.get(book.name)), environment)
    except UsageError as error:
        return cannot_ask(book, error)


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
        lines = [*lines_of(host, seen, wanted), Line(cost, "faint")]
    show(opened.console, [Line(opened.masker.text(line.text), line.style) for line in lines])
    return _code(seen)


def _code(seen: tuple[Diagnosis, ...] | Blocked) -> int:
    """Return 6 where nobody can say, 3 where a playbook would cure what is wrong, 8 where none would, else 0."""
    if isinstance(seen, Blocked) or not seen:
        return BLOCKED
    found = [one for one in seen if one.presence is Presence.FOUND]
    if found:
        return PLANNED if any(one.curable and not one.explained_by for one in found) else NO_CURE
    return BLOCKED if any(one.presence is Presence.UNKNOWN for one in seen) else HEALTHY


def lines_of(host: Host, seen: Sequence[Diagnosis], wanted: Wanted) -> Iterator[Line]:
    """Return what a person is told of one host: its faults with evidence and cure, what is unknown, and the rest."""
    found = [one for one in seen if one.presence is Presence.FOUND]
    if not seen:
        yield Line(f"{host.name}: nothing was asked, no playbook is for {host.group}", "bad")
        return
    yield Line(f"{host.name}: {_count(found)}", "head")
    for number, one in enumerate(found, start=1):
        yield from _found_lines(number, one, host, wanted)
    if len(found) > 1:
        yield from (Line(f"  {reason}", "faint") for reason in ("in this order:", *chosen(found).reasons))
    for one in seen:
        if one.presence is Presence.UNKNOWN:
            yield Line(f"  ? {one.playbook.name}: {one_line('; '.join(one.why), 300)}", "bad")
    yield from _healthy_lines([one for one in seen if one.presence is Presence.HEALTHY], wanted)


def _healthy_lines(healthy: Sequence[Diagnosis], wanted: Wanted) -> Iterator[Line]:
    for one in healthy:
        if line := wanted.lines.get(one.playbook.name):
            yield Line(f"  ! {one.playbook.name} knows the error, and its fault is not there now", "bad")
            yield Line(f"     knows: {one_line(line, 200)}", "faint")
            if not one.playbook.fix:  # what it knows is all that it has
                yield from _known_lines(one.playbook, wanted.given.get(one.playbook.name, {}))
            for finding in one.left_over:
                yield Line(f"   {next(finding_lines(finding)).text}", "bad")
    rest = [one.playbook.name for one in healthy if one.playbook.name not in wanted.lines]
    if rest:
        yield Line(f"  ✓ not there: {', '.join(rest)}", "faint")


def _known_lines(playbook: Playbook, given: Mapping[str, str]) -> Iterator[Line]:
    if given:
        yield Line(f"     named: {', '.join(f'{name} {value}' for name, value in given.items())}", "faint")
    yield Line(f"     {one_line(playbook.notes, 400)}", "faint")


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
    if (
        one.explained_by
    ):  # to cure it would hide what brought it about, or stand in the way of that one's cure
        yield Line(f"     next: {one.explained_by} first, then look again", "faint")
    else:
        yield Line(f"     next: {_next(one, host, wanted)}", "code" if one.curable else "plain")


def _next(one: Diagnosis, host: Host, wanted: Wanted) -> str:
    """Return the command to run next, or whom to call."""
    if not one.curable:
        return f"it has no cure of its own; call: {one.playbook.escalate or 'whoever looks after this host'}"
    variables = [f"--var={name}={value}" for name, value in wanted.given.get(one.playbook.name, {}).items()]
    words = ["remediate", "run", one.playbook.name, "--on", host.name, *variables]
    return shlex.join([*words, *wanted.places])


def _record(host: Host, seen: tuple[Diagnosis, ...] | Blocked, wanted: Wanted) -> dict[str, Json]:
    blocked = str(seen) if isinstance(seen, Blocked) else ""
    diagnoses = () if isinstance(seen, Blocked) else seen
    return {
        "host": host.name,
        "blocked": blocked if diagnoses or blocked else f"nothing was asked, no playbook is for {host.group}",
        "error_known": not wanted.unknown,
        "reasons": list(chosen(diagnoses).reasons),
        "diagnoses": [_diagnosis_record(one, host, wanted) for one in diagnoses],
    }


def _diagnosis_record(one: Diagnosis, host: Host, wanted: Wanted) -> dict[str, Json]:
    told = one.presence is Presence.FOUND and not one.explained_by
    return {
        "playbook": one.playbook.name,
        "title": one.playbook.title,
        "verdict": one.presence.value,
        "explained_by": one.explained_by,
        "matched": wanted.lines.get(one.playbook.name, ""),
        "findings": [finding.model_dump(mode="json") for finding in one.findings],
        "why": list(one.why),
        "next": _next(one, host, wanted) if told else "",
    }
