"""The options that several commands share, each described once; and what their values mean."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from pydantic import TypeAdapter, ValidationError

from remediate.errors import UsageError
from remediate.journal import Journal, default_state
from remediate.masking import Masker
from remediate.model import utf8
from remediate.playbook import playbook_files
from remediate.text.durations import Duration

On: TypeAlias = Annotated[
    list[str], typer.Option("--on", help="Hosts, groups, all, globs, !exclusions; repeat it or use commas.")
]
InventoryName: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "-i",
        "--inventory",
        help="The environment: a name in inventory/, or a file. Default: $REMEDIATE_INVENTORY, or the only one.",
    ),
]
PlaybookFolder: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--playbooks", help="The folder of playbooks. Default: playbooks/ here, else those shipped."
    ),
]
StateFolder: TypeAlias = Annotated[
    Path | None,
    typer.Option("--state", help="Where the audit log is. Default: $XDG_STATE_HOME/remediate."),
]
Variables: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--var", metavar="NAME=VALUE", help="A variable of the playbook; repeatable."),
]
Reason: TypeAlias = Annotated[
    str, typer.Option("--reason", help="Why: a ticket, a sentence. It goes into the audit log.")
]
Because: TypeAlias = Annotated[
    str,
    typer.Option(
        "--reason", help="Why: a ticket, a sentence. Whoever meets it is told; it goes into the audit log."
    ),
]
Hosts: TypeAlias = Annotated[
    list[str], typer.Argument(metavar="HOSTS", help="Hosts, groups, all, globs, !exclusions.")
]
Yes: TypeAlias = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask, where the environment's policy allows that.")
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="For machines: one JSON object a line.")]


def playbook_folder(given: Path | None) -> Path:
    """Return the folder of playbooks: the one given, the one here, or the one that was shipped.

    Raises:
        UsageError: The one given is not there.
    """
    if given is not None:
        if not given.is_dir():
            raise UsageError(
                str(given), "there is no such folder", "give --playbooks the folder of playbooks"
            )
        return given
    package = Path(__file__).parents[1]
    candidates = (Path("playbooks"), package / "shipped_playbooks", package.parent / "playbooks")
    return next((folder for folder in candidates if folder.is_dir()), candidates[0])


def state_folder(given: Path | None) -> Path:
    """Return the state directory: the one given, or the user's."""
    return given.absolute() if given else default_state(os.environ, Path.home())


def variables(given: Sequence[str] | None) -> dict[str, str]:
    """Return `--var NAME=VALUE` options as a mapping.

    Raises:
        UsageError: One has no `=`.
    """
    values = {}
    for text in given or ():
        name, equals, value = utf8(text).partition("=")
        if not equals or not name:
            raise UsageError(f"--var {text}", "is not NAME=VALUE", "write --var table=avatars")
        values[name] = value
    return values


def seconds_of(written: str, option: str) -> float:
    """Return the seconds that a duration on the command line means.

    Args:
        written: Like `90s`, `10m` or `2h`.
        option: The option's name, told where it is no duration.

    Raises:
        UsageError: It is none.
    """
    try:
        return float(TypeAdapter(Duration).validate_python(written))
    except ValidationError as error:
        raise UsageError(f"{option} {written}", "is no duration", "write it like 30m or 2h") from error


def playbook_names(incomplete: str) -> list[str]:
    """Return the playbooks that a shell can complete a word to."""
    return [path.stem for path in playbook_files(playbook_folder(None)) if path.stem.startswith(incomplete)]


def run_ids(incomplete: str) -> list[str]:
    """Return the runs that a shell can complete a word to, newest first."""
    with Journal.open(state_folder(None), Masker()) as journal:
        runs = [summary.header.run for summary in journal.runs()]
    return [run for run in runs if run.startswith(incomplete)]


PlaybookName: TypeAlias = Annotated[
    str,
    typer.Argument(metavar="PLAYBOOK", help="A playbook's name, or a path.", autocompletion=playbook_names),
]
RunId: TypeAlias = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's id, or the beginning of one.", autocompletion=run_ids)
]

Rehearse = Annotated[
    bool,
    typer.Option(
        "--rehearse",
        help="First really do it on copies: builds, npm ci, prisma generate, SQL on the schema.",
    ),
]
