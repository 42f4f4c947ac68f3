"""The command heal: one round-trip of healing without a person, for the end of a deploy. It decides nothing itself."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from remediate.cli.calling import call_a_person
from remediate.cli.exit_codes import NO_CURE, PLANNED, STUCK, code_of
from remediate.cli.healing_reach import Hands
from remediate.cli.options import (
    AsJson,
    InventoryName,
    On,
    PlaybookFolder,
    Reason,
    StateFolder,
    playbook_folder,
    seconds_of,
    state_folder,
)
from remediate.cli.session import Session, inventory_of, session
from remediate.cli.triaging import Wanted, wanted_in
from remediate.errors import JournalError, UsageError
from remediate.healing.healed import Healed, nobody_called
from remediate.healing.healer import Healer
from remediate.healing.masked import masked
from remediate.healing.page import healed_lines, healed_markdown
from remediate.healing.reach import Orders
from remediate.inventory import Host, Inventory
from remediate.model import Outcome, well_formed
from remediate.review import marks_in
from remediate.sinks.clean import clean_json, one_line
from remediate.sinks.console import show
from remediate.sinks.plan_text import Line
from remediate.text.suggest import did_you_mean

Rounds = Annotated[int, typer.Option("--rounds", min=1, max=20, help="How often it looks and tries at most.")]
Within = Annotated[str, typer.Option("--within", help="Nothing is begun after this time, like 90s or 10m.")]
Propose = Annotated[bool, typer.Option("--propose", help="Only write the plans that it would apply.")]
Plans = Annotated[
    Path | None,
    typer.Option(
        "--plans",
        metavar="DIR",
        help="Where plans are left for review. Default: plans/ in the state directory.",
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only", metavar="PLAYBOOK", help="Look for the faults of these playbooks alone; repeatable."
    ),
]
Summary = Annotated[
    Path | None,
    typer.Option(
        "--summary", metavar="FILE", help="Add a Markdown summary there, like $GITHUB_STEP_SUMMARY."
    ),
]

INTERRUPTED_CALL = nobody_called(
    "the call was cut off: by a second signal, or by a defect that is told on standard error"
)


def heal(
    on: On,
    inventory: InventoryName = None,
    playbooks: PlaybookFolder = None,
    state: StateFolder = None,
    reason: Reason = "",
    *,
    rounds: Rounds = 3,
    within: Within = "10m",
    propose: Propose = False,
    plans: Plans = None,
    only: Only = None,
    summary: Summary = None,
    as_json: AsJson = False,
) -> int:
    """Look, cure what policy and playbooks allow without a person, verify, look again. Exit 8: a person is needed."""
    environment, wanted = inventory_of(inventory), _limited(wanted_in(playbook_folder(playbooks)), only or ())
    wanted = replace(wanted, places=places_of(inventory, playbooks, state))
    hosts = {host.name: host for host in environment.select(on)}
    life = seconds_of(within, "--within")
    orders = orders_for(environment, hosts.values(), within=life, rounds=rounds, proposing=propose)
    orders = replace(orders, places=places_of(inventory, None, state))
    folder = plans or state_folder(state) / "plans"
    with session(environment, state, reason=reason, as_json=as_json, hold=not propose) as opened:
        hands = Hands(opened, hosts, wanted, marks_in(state_folder(state)), folder)
        healed = masked(_heal(opened, orders, hands, tuple(dict.fromkeys(only or ()))), opened.masker.text)
        try:
            if healed.needs_a_person and not propose:
                healed = healed.model_copy(update={"escalation": INTERRUPTED_CALL})
                called = call_a_person(opened, healed, playbook_folder(playbooks), state_folder(state))
                healed = healed.model_copy(update={"escalation": called})
        finally:
            _tell(opened, healed, summary)
        return _code(healed, proposing=propose)


def orders_for(
    environment: Inventory, hosts: Iterable[Host], *, within: float, rounds: int = 1, proposing: bool = False
) -> Orders:
    """Return the orders to heal hosts of an environment.

    Args:
        environment: The environment with its policy.
        hosts: Which of its hosts.
        within: Seconds for all of it.
        rounds: How often it may be looked and tried.
        proposing: Whether plans are only written down.
    """
    return Orders(
        environment=environment.environment,
        policy=environment.policy,
        development=environment.development,
        groups={host.name: host.group for host in hosts},
        members={host.name: host.group for host in environment.hosts},
        rounds=rounds,
        within=within,
        proposing=proposing,
    )


def places_of(inventory: str | None, playbooks: Path | None, state: Path | None) -> tuple[str, ...]:
    """Return the words that name inventory, playbooks and state directory again, for a command to copy."""
    given = {"-i": inventory, "--playbooks": playbooks, "--state": state}
    return tuple(word for name, value in given.items() if value for word in (name, str(value)))


def _limited(wanted: Wanted, only: Sequence[str]) -> Wanted:
    """Return what is to be looked for: everything, or what some playbooks know.

    Raises:
        UsageError: There is no such playbook, or it is a tool.
    """
    known = {book.name for book in wanted.playbooks}
    for name in only:
        if name not in known:
            raise UsageError(
                f"--only {name}", "there is no such playbook that cures", did_you_mean(name, known)
            )
    return replace(
        wanted, playbooks=tuple(book for book in wanted.playbooks if not only or book.name in only)
    )


def _heal(opened: Session, orders: Orders, hands: Hands, only: Sequence[str]) -> Healed:
    if not orders.proposing:
        opened.begin_command("heal", tuple(hands.hosts.values()), only)
    try:
        healed = Healer(
            orders,
            hands,
            opened.journal,
            opened.events,
            opened.run,
            opened.runner.clock,
            lambda: opened.interruptions.arrived,
        ).heal()
    except KeyboardInterrupt:
        if not orders.proposing:
            _end_interrupted(opened, hands.hosts)
        raise
    if not orders.proposing:
        _write_down_ends(opened, healed)
    return healed


def _write_down_ends(opened: Session, healed: Healed) -> None:
    """Write down how it ended on each host; that it cannot be written keeps nobody from being told and called."""
    for host, end in healed.hosts.items():
        try:
            opened.journal.ended(opened.run, host, end.outcome, end.why)
        except JournalError as error:
            opened.events.tell("warning", host, f"the outcome could not be written down: {error}")


def _end_interrupted(opened: Session, hosts: Iterable[str]) -> None:
    """Write down that the round-trip ended before anything was treated."""
    for host in hosts:
        opened.journal.ended(opened.run, host, Outcome.DECLINED, "interrupted by the operator")


def _tell(opened: Session, healed: Healed, summary: Path | None) -> None:
    """Tell what it came to, whatever becomes of calling a person: to whoever reads along, and on the job's page."""
    _tell_in_short(opened, healed)
    if healed.escalation:
        typer.echo("a person is needed:", err=opened.as_json)
        for line in healed.escalation.lines:
            typer.echo(line, err=opened.as_json)
    if summary:
        _add(summary, opened.masker.text(healed_markdown(healed)))


def _tell_in_short(opened: Session, healed: Healed) -> None:
    if opened.as_json:
        record = {"kind": "healed", **opened.masker.json(healed.model_dump(mode="json"))}
        typer.echo(clean_json(json.dumps(well_formed(record), ensure_ascii=False)))
    else:
        lines = healed_lines(healed)
        show(opened.console, [Line(opened.masker.text(line.text), line.style) for line in lines])


def _add(path: Path, markdown: str) -> None:
    """Add to a file: a job's page may have been begun by others. What healing came to stands without it."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(well_formed(markdown))
    except OSError as error:
        what = f"{path}: the summary cannot be written ({error.strerror}); choose another --summary"
        typer.echo(f"warning: {one_line(what)}", err=True)


def _code(healed: Healed, *, proposing: bool) -> int:
    """Return the worst host's exit code; what was only proposed, though healing was asked for, needs a person.

    So does what was cut short: it says nothing against the release.
    """
    code = code_of(end.outcome for end in healed.hosts.values())
    if healed.cut_short:
        return STUCK if code == STUCK else NO_CURE
    return NO_CURE if code == PLANNED and not proposing else code
