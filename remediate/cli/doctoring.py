"""The command doctor: can we get in, and does a host have what playbooks need. Changes nothing."""

import json
from concurrent.futures import ThreadPoolExecutor

import typer

from remediate.cli.exit_codes import BLOCKED, NO_CURE
from remediate.cli.options import AsJson, InventoryName, On
from remediate.cli.session import Session, inventory_of, session
from remediate.errors import Blocked, CouldNotLook
from remediate.inventory import Host
from remediate.model import Finding
from remediate.planner import NamedCheck, judged_apart, questions_of
from remediate.providers.doctor import checks_for
from remediate.sinks.clean import clean_json
from remediate.sinks.console import show
from remediate.sinks.plan_text import Line, finding_lines
from remediate.target import Machine

AT_ONCE = 20


def doctor(on: On, inventory: InventoryName = None, *, as_json: AsJson = False) -> int:
    """Look whether we can get in and whether all is there: shell, app user, node, pm2, prisma, disk, database."""
    environment = inventory_of(inventory)
    hosts = environment.select(on)
    with session(environment, None, as_json=as_json) as opened:
        pool = ThreadPoolExecutor(AT_ONCE)
        try:
            seen = list(zip(hosts, pool.map(lambda host: _examined(opened, host), hosts), strict=True))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # a Ctrl-C does not wait for a silent host
        for host, findings in seen:
            _tell(opened, host, findings)
    return max((_code(findings) for _, findings in seen), key=(0, NO_CURE, BLOCKED).index)


def _examined(opened: Session, host: Host) -> list[Finding] | Blocked:
    checks = checks_for(host.vars.get("app", {}), database=host.database is not None)
    named = [NamedCheck(check.kind.removeprefix("doctor."), check) for check in checks]
    target = opened.target(host)
    try:
        answers = target.answer(questions_of(checks))
    except Blocked as error:
        return error
    seen = zip(named, judged_apart(named, answers), strict=True)
    return [*(_finding(one, saw) for one, saw in seen), *_of_machine(target.machine)]


def _finding(named: NamedCheck, saw: Finding | CouldNotLook) -> Finding:
    return saw if isinstance(saw, Finding) else Finding(check=named.name, healthy=False, seen=saw.what)


def _of_machine(machine: Machine) -> tuple[Finding, Finding]:
    return (
        Finding(check="machine", healthy=True, seen=machine.id or "it has no machine id"),
        Finding(check="clock", healthy=machine.clock_is_right, seen=machine.clock),
    )


def _tell(opened: Session, host: Host, findings: list[Finding] | Blocked) -> None:
    if opened.as_json:
        blocked = str(findings) if isinstance(findings, Blocked) else ""
        seen = [] if isinstance(findings, Blocked) else [one.model_dump(mode="json") for one in findings]
        value = {"host": host.name, "blocked": blocked, "findings": seen}
        typer.echo(clean_json(json.dumps(opened.masker.json(value), ensure_ascii=False)))
    elif isinstance(findings, Blocked):
        show(opened.console, [Line(f"{host.name}  ✗ {opened.masker.text(str(findings))}", "bad")])
    else:
        lines = [Line(host.name, "head"), *(line for one in findings for line in finding_lines(one))]
        show(opened.console, [Line(opened.masker.text(line.text), line.style) for line in lines])


def _code(findings: list[Finding] | Blocked) -> int:
    if isinstance(findings, Blocked):
        return BLOCKED
    return 0 if all(finding.healthy for finding in findings) else NO_CURE
