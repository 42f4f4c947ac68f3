"""Commands about playbooks themselves: list, explain, schema. None reaches a host, but for a verdict."""

import json
import shutil
from collections.abc import Callable
from typing import Annotated

import typer

from remediate.catalogue import CATALOGUE
from remediate.cli.options import (
    AsJson,
    InventoryName,
    PlaybookFolder,
    PlaybookName,
    StateFolder,
    playbook_folder,
)
from remediate.errors import UsageError
from remediate.explaining import Explanation
from remediate.explaining import explain as explained
from remediate.playbook import Playbook, find_playbook, load_playbook, playbook_files
from remediate.schemas import inventory_schema, plan_schema, playbook_schema
from remediate.sinks.clean import clean_json, one_line
from remediate.sinks.explanation_markdown import explanation_markdown
from remediate.sinks.explanation_text import explanation_text
from remediate.text.suggest import did_you_mean

LONGEST = 1000
"""Characters of what a file may make us say: what is wrong with it, its title."""

WantsVerdict = Annotated[
    bool,
    typer.Option(
        "--verdict", help="Ask the hosts of --on instead: would its cure be made without a person, now?"
    ),
]
OptionalOn = Annotated[list[str] | None, typer.Option("--on", help="With --verdict: hosts, groups, all.")]


def list_playbooks(playbooks: PlaybookFolder = None, *, as_json: AsJson = False) -> int:
    """List the playbooks there are, each with what it is for."""
    for path in playbook_files(playbook_folder(playbooks)):
        book = load_playbook(path, CATALOGUE)
        typer.echo(
            clean_json(_as_json(book)) if as_json else f"{book.name:<28} {one_line(book.title, LONGEST)}"
        )
    return 0


def _as_json(book: Playbook) -> str:
    return json.dumps(
        {
            "name": book.name,
            "title": book.title,
            "kind": "tool" if book.tool else "cure",
            "on": book.group,
            "symptoms": [pattern.pattern for pattern in book.symptoms],
            "risk": book.confirm.risk,
            "auto": book.auto.allowed,
            "path": str(book.path),
        },
        ensure_ascii=False,
    )


def schema(what: Annotated[str, typer.Argument(metavar="playbook|inventory|plan", help="Which one.")]) -> int:
    """Print the JSON Schema of playbooks, inventories or plans, for editors."""
    schemas = {
        "playbook": lambda: playbook_schema(CATALOGUE),
        "inventory": inventory_schema,
        "plan": plan_schema,
    }
    if what not in schemas:
        raise UsageError(f"schema {what}", "there is no such schema", did_you_mean(what, schemas))
    typer.echo(json.dumps(schemas[what](), indent=2, ensure_ascii=False))
    return 0


Shape = Annotated[str, typer.Option("--format", metavar="text|markdown|json", help="For whom it is told.")]


def explain(
    playbook: PlaybookName,
    playbooks: PlaybookFolder = None,
    shape: Shape = "text",
    on: OptionalOn = None,
    inventory: InventoryName = None,
    state: StateFolder = None,
    *,
    verdict: WantsVerdict = False,
    as_json: AsJson = False,
) -> int:
    """Tell a playbook in sentences: what it looks for, what it may change, how that is put back, what it needs."""
    if verdict:
        from remediate.cli.verdicts import tell_verdicts  # all that reaches hosts takes its time to import

        machines = as_json or _is_for_machines(shape)
        return tell_verdicts(
            playbook, on or (), inventory, playbook_folder(playbooks), state, as_json=machines
        )
    if on:
        what = "asks no host without --verdict"
        raise UsageError(f"explain --on {','.join(on)}", what, "add --verdict, or leave --on out")
    shapes: dict[str, Callable[[Explanation], str]] = {
        "text": lambda told: explanation_text(told, shutil.get_terminal_size((100, 24)).columns),
        "markdown": explanation_markdown,
        "json": lambda told: clean_json(told.model_dump_json()) + "\n",
    }
    chosen = "json" if as_json else shape
    if chosen not in shapes:
        raise UsageError(f"--format {shape}", "there is no such format", did_you_mean(shape, shapes))
    book = load_playbook(find_playbook(playbook, playbook_folder(playbooks)), CATALOGUE)
    typer.echo(shapes[chosen](explained(book)), nl=False)
    return 0


def _is_for_machines(shape: str) -> bool:
    """Return whether a verdict is told to machines.

    Raises:
        UsageError: It is not told in that format.
    """
    if shape not in {"text", "json"}:
        what = "a verdict is told as text or json alone"
        raise UsageError(f"explain --verdict --format {shape}", what, "choose one of them")
    return shape == "json"
