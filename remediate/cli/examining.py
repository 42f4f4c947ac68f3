"""The commands of the tools (health, slow-query-review, …): what a tool sees, as a table. Read only."""

import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import typer

from remediate.cli.exit_codes import BLOCKED, HEALTHY, NO_CURE
from remediate.cli.options import (
    AsJson,
    InventoryName,
    On,
    PlaybookFolder,
    Variables,
    playbook_folder,
    variables,
)
from remediate.cli.session import Session, hosts_for, inventory_of, playbook_of, session
from remediate.clock import Clock
from remediate.errors import Blocked, CouldNotLook
from remediate.examination import examine
from remediate.fleet import AT_ONCE
from remediate.inventory import Host
from remediate.model import Finding, Json
from remediate.playbook import Playbook
from remediate.procedure import Procedure
from remediate.sinks.clean import clean_json, one_line
from remediate.sinks.console import show
from remediate.sinks.plan_text import Line, finding_lines

Seen: TypeAlias = Mapping[str, Finding | CouldNotLook] | Blocked
"""What each check saw or why nobody can say; or why the host could not be looked at."""


TOOLS = {
    "health": "Judge the app's health: API and token, database, process, log, build, disk. Exit 0 only if all is well.",
    "database-health": "Judge the database: connections, locks, slow statements, dead rows, and what the Prisma schema"
    " means.",
    "slow-query-review": "Judge what makes queries slow: statements by what they took, indexes, figures, dead rows.",
    "import-check": "Check every import of the source tree against what its module exports, and whether all of it"
    " compiles.",
    "schema-validate": "Compare the database with schema.prisma, and its history with the migrations. Exit 0 only if"
    " both agree.",
}
"""The tools that are commands of their own, each with its help."""


def command_of(tool: str) -> Callable[..., int]:
    """Return the command of a tool: it looks at each host by the tool's checks, and shows what they see."""

    def examine_hosts(
        on: On,
        inventory: InventoryName = None,
        playbooks: PlaybookFolder = None,
        var: Variables = None,
        *,
        as_json: AsJson = False,
    ) -> int:
        return _examine_all(tool, on, inventory, playbooks, var, as_json=as_json)

    return examine_hosts


def _examine_all(
    tool: str,
    on: On,
    inventory: InventoryName,
    playbooks: PlaybookFolder,
    var: Variables,
    *,
    as_json: bool,
) -> int:
    book, environment = playbook_of(tool, playbook_folder(playbooks)), inventory_of(inventory)
    hosts, given = hosts_for(book, environment, on), variables(var)
    with session(environment, None, as_json=as_json) as opened:
        named = ("-i", inventory) if inventory else ()
        seen = _look_at_all(opened, book, hosts, given)
        codes = [_tell(opened, host, one, shlex.join(("--on", host.name, *named))) for host, one in seen]
    return next((code for code in (BLOCKED, NO_CURE) if code in codes), HEALTHY)


def _look_at_all(
    opened: Session, book: Playbook, hosts: Sequence[Host], given: Mapping[str, str]
) -> Iterator[tuple[Host, Seen]]:
    pool = ThreadPoolExecutor(max(1, min(AT_ONCE, len(hosts))))
    try:
        yield from zip(hosts, pool.map(lambda host: _look(opened, book, host, given), hosts), strict=True)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # a Ctrl-C does not wait for a silent host


def _look(opened: Session, book: Playbook, host: Host, given: Mapping[str, str]) -> Seen:
    procedure = Procedure(book, book.scope(host.scope, given), opened.inventory.environment)
    try:
        return examine(procedure, opened.target(host), Clock())
    except Blocked as error:
        return error


def _tell(opened: Session, host: Host, seen: Seen, there: str) -> int:
    if opened.as_json:
        record = json.dumps(opened.masker.json(_record(host, seen)), ensure_ascii=False)
        typer.echo(clean_json(record))
    else:
        lines = [Line(opened.masker.text(line.text), line.style) for line in _lines(host, seen, there)]
        show(opened.console, lines)
    return _code(seen)


def _code(seen: Seen) -> int:
    """Return 8 where something is wrong, 6 where nobody can say, else 0."""
    if isinstance(seen, Blocked):
        return BLOCKED
    if any(isinstance(one, Finding) and not one.healthy for one in seen.values()):
        return NO_CURE
    return BLOCKED if any(isinstance(one, CouldNotLook) for one in seen.values()) else HEALTHY


def _lines(host: Host, seen: Seen, there: str) -> Iterator[Line]:
    if isinstance(seen, Blocked):
        yield Line(f"{host.name}  ✗ {seen}", "bad")
        return
    yield Line(f"{host.name}  {_sum(seen)}", "good" if _code(seen) == HEALTHY else "bad")
    wide = max(map(len, seen))
    for name, one in seen.items():
        if isinstance(one, Finding):
            yield from finding_lines(one.model_copy(update={"check": name.ljust(wide)}))
        else:
            yield Line(f"  ? {name.ljust(wide)}: {one_line(one.what, 300)}", "bad")
    if _code(seen) == NO_CURE:
        yield Line(f"  next: remediate triage {there}", "code")


def _sum(seen: Mapping[str, Finding | CouldNotLook]) -> str:
    unseen = sum(isinstance(one, CouldNotLook) for one in seen.values())
    wrong = sum(isinstance(one, Finding) and not one.healthy for one in seen.values())
    parts = [f"{wrong} of {len(seen)} are not well"] * bool(wrong)
    parts += [f"{unseen} of {len(seen)} could not be looked at"] * bool(unseen)
    return f"✗ {', '.join(parts)}" if parts else f"✓ all {len(seen)} are well"


def _record(host: Host, seen: Seen) -> dict[str, Json]:
    if isinstance(seen, Blocked):
        return {"host": host.name, "healthy": None, "blocked": str(seen), "findings": [], "unknown": []}
    findings = [one.model_dump(mode="json") for one in seen.values() if isinstance(one, Finding)]
    unknown = [
        {"check": name, "why": one.what} for name, one in seen.items() if isinstance(one, CouldNotLook)
    ]
    verdict = {HEALTHY: True, NO_CURE: False}.get(_code(seen))
    return {
        "host": host.name,
        "healthy": verdict,
        "blocked": "",
        "findings": findings,
        "unknown": unknown,
    }
