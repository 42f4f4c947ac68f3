"""The command plan: look, show, and write down what would be changed. It changes nothing anywhere."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from remediate import __version__
from remediate.cli.exit_codes import code_of
from remediate.cli.options import (
    AsJson,
    InventoryName,
    On,
    PlaybookFolder,
    PlaybookName,
    Reason,
    Rehearse,
    StateFolder,
    Variables,
    playbook_folder,
    seconds_of,
    state_folder,
    variables,
)
from remediate.cli.session import Session, hosts_for, inventory_of, operator, playbook_of, session
from remediate.cli.telling import Seen, ending_of_look, rehearsed, tell_looks
from remediate.engine import Ending, HostRun, Look
from remediate.errors import UsageError
from remediate.fleet import look_at_all
from remediate.inventory import Host, Inventory
from remediate.model import Change, Outcome, Plan
from remediate.playbook import Playbook
from remediate.review import (
    LONGEST_LIFE,
    Asked,
    Marks,
    PlanDocument,
    PlannedHost,
    PlannedStep,
    marks_in,
    written_document,
)
from remediate.sinks.clean import clean_json
from remediate.sinks.page import plan_page
from remediate.sinks.plan_markdown import plan_markdown

FORMS = ("text", "json", "markdown", "html")
PAGES = {"markdown": plan_markdown, "html": plan_page}
PlanFile = Annotated[
    Path | None,
    typer.Option("-o", "--output", help="Write the plan there, to be reviewed, approved and applied."),
]
PlanForm = Annotated[str, typer.Option("--format", help=f"How it is shown: {', '.join(FORMS)}.")]
Lifetime = Annotated[
    str, typer.Option("--lifetime", help="With -o: how long the plan may be applied, like 30m or 2h.")
]


def plan(
    playbook: PlaybookName,
    on: On,
    inventory: InventoryName = None,
    playbooks: PlaybookFolder = None,
    state: StateFolder = None,
    var: Variables = None,
    reason: Reason = "",
    *,
    rehearse: Rehearse = False,
    output: PlanFile = None,
    lifetime: Lifetime = "1h",
    form: PlanForm = "text",
    as_json: AsJson = False,
) -> int:
    """Look, and show exactly what `run` would change. Changes nothing anywhere. Exit 3: there is something to do."""
    if form not in FORMS:
        raise UsageError(f"--format {form}", "there is no such form", f"choose one of: {', '.join(FORMS)}")
    life = _seconds(lifetime)
    book, environment = playbook_of(playbook, playbook_folder(playbooks)), inventory_of(inventory)
    on_page = form in PAGES and not as_json
    with session(
        environment, state, reason=reason, as_json=as_json or form == "json", aside=on_page
    ) as opened:
        if form == "text" and not as_json:
            tell_looking(opened, book)
        given = variables(var)
        seen = look_at_hosts(opened, book, hosts_for(book, environment, on), given)
        seen = rehearsed(seen) if rehearse else seen
        marks = marks_in(state_folder(state))
        made = document_of(opened, book, seen, given, marks, life)
        if on_page:
            typer.echo(PAGES[form](made), nl=False)
        else:
            _tell(opened, seen)
        if output:
            _write(output, written_document(made, marks.seal(made.digest)))
            if form == "text" and not as_json:
                _tell_written(output, made, book, playbooks)
        return code_of(ending_of_look(found).outcome for found in seen.values())


def _tell(opened: Session, seen: Seen) -> None:
    plans = [found[1].plan for found in seen.values() if not isinstance(found, Ending)]
    if opened.as_json:
        typer.echo("".join(_as_line(opened, one) for one in plans), nl=False)
    else:
        tell_looks(opened, seen)
    for host, found in seen.items():
        if isinstance(found, Ending) or not opened.as_json:
            opened.tell_end(host, ending_of_look(found))


def _seconds(lifetime: str) -> float:
    life = seconds_of(lifetime, "--lifetime")
    if not 0 < life <= LONGEST_LIFE:
        raise UsageError(f"--lifetime {lifetime}", "is not within a second and 30 days", "write it like 2h")
    return life


def _as_line(opened: Session, one: Plan) -> str:
    value = {"digest": one.digest, **one.shown}
    return clean_json(json.dumps(opened.masker.json(value), ensure_ascii=False)) + "\n"


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(str(path), f"cannot be written ({error.strerror})", "choose another -o") from error


def _tell_written(path: Path, made: PlanDocument, book: Playbook, given: Path | None) -> None:
    elsewhere = book.path.parent.absolute() != playbook_folder(None).absolute()
    folder = f" --playbooks {book.path.parent}" if given or elsewhere else ""
    does = f"remediate apply {path}{folder} does it" if made.planned else "there is nothing to apply"
    typer.echo(f"plan {made.digest[:16]} is in {path}; {does}")


def tell_looking(opened: Session, book: Playbook) -> None:
    """Tell that hosts are looked at."""
    opened.events.tell("looking", "", book.title)


def look_at_hosts(opened: Session, book: Playbook, hosts: Sequence[Host], given: Mapping[str, str]) -> Seen:
    """Look at all hosts, side by side."""
    return look_at_all({host.name: partial(opened.host_run, book, host, given) for host in hosts})


def document_of(
    opened: Session, book: Playbook, seen: Seen, given: Mapping[str, str], marks: Marks, life: float
) -> PlanDocument:
    """Return what was seen as a document.

    Args:
        opened: The command's session; its masker knows the secrets.
        book: The playbook.
        seen: What was seen on each host.
        given: Variables given on the command line.
        marks: Marks the answers.
        life: Seconds for which it may be applied.

    Raises:
        UsageError: A variable holds a secret, which has no place in a file that is passed around.
    """
    for name, value in given.items():
        if opened.masker.text(value) != value:
            todo = "give it a name among the inventory's secrets instead"
            raise UsageError(f"--var {name}", "holds a secret, which may not stand in a plan", todo)
    now = opened.runner.clock.wall()
    return PlanDocument(
        version=__version__,
        made=now,
        expires=now + life,
        made_by=operator(),
        reason=opened.masker.text(opened.reason),
        environment=opened.inventory.environment,
        inventory_digest=opened.inventory.digest,
        approvers_digest=digest_of_approvers(approvers_of(opened.inventory)),
        playbook=book.name,
        playbook_digest=book.digest,
        title=book.title,
        risk=book.confirm.risk,
        variables=dict(given),
        key=marks.name,
        hosts=tuple(planned_host(opened, host, found, marks) for host, found in seen.items()),
    )


def approvers_of(inventory: Inventory) -> bytes:
    """Return the file of approvers that a policy names; nothing where it names none.

    Raises:
        UsageError: It cannot be read.
    """
    path = inventory.policy.approvers
    if not path:
        return b""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        what = f"cannot be read ({error.strerror}), and the policy names it as the file of approvers"
        raise UsageError(path, what, "write one line for each who may approve (ssh-keygen(1))") from error


def digest_of_approvers(approvers: bytes) -> str:
    """Return the digest of a file of approvers; nothing where there is none."""
    return hashlib.sha256(approvers).hexdigest() if approvers else ""


def _place(opened: Session, host: str, ending: Ending) -> dict[str, str]:
    """Return where it was looked; nothing where it could not be."""
    target = opened.targets.get(host)
    if target is None or ending.outcome is Outcome.BLOCKED:
        return {}
    return {
        "host_key": target.login.get("host_key", ""),
        "machine": target.machine.id,
        "database": str(target.database.get("identity", "")),
    }


def planned_host(
    opened: Session, host: str, found: tuple[HostRun, Look] | Ending, marks: Marks
) -> PlannedHost:
    """Return what was seen on one host as a document has it, masked."""
    ending = ending_of_look(found)
    why = opened.masker.text(ending.why)
    if isinstance(found, Ending):
        return PlannedHost(host=host, outcome=ending.outcome, why=why, **_place(opened, host, ending))
    target, look = found[0].target, found[1]
    shown = opened.masker.json(look.plan.kept)
    return PlannedHost(
        host=host,
        host_key=target.login.get("host_key", ""),
        machine=target.machine.id,
        database=look.plan.database,
        outcome=look.outcome,
        why="" if look.outcome is Outcome.PLANNED else why,
        mark=marks.of("plan", look.plan.digest),
        findings=shown["findings"],
        fixes=tuple(
            PlannedStep(
                step=fix["step"],
                action=fix["action"],
                changes=tuple(Change.model_validate({**change, "sample": ""}) for change in fix["changes"]),
                marks=tuple(marks.of("change", change.essence) for change in outline.changes),
            )
            for fix, outline in zip(shown["fixes"], look.plan.outline, strict=True)
        ),
        say=shown["say"],
        asked=tuple(
            Asked.model_validate(opened.masker.json(one.model_dump(mode="json")))
            for one in marks.asked(look.answers)
        ),
    )
