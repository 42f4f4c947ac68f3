"""The command approve: shows a plan, asks, and signs its digest with the reviewer's own SSH key. It reaches no host."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from remediate.cli.applying import PlanPath
from remediate.cli.confirming import asker
from remediate.cli.exit_codes import HEALTHY
from remediate.cli.options import Yes
from remediate.errors import Declined, Stale, UsageError
from remediate.review import PlanDocument, read_document
from remediate.review.approval import NAMESPACE, signature_path, signatures_beside, statement, without
from remediate.signatures import signed, signer_of, usual_keys
from remediate.sinks.clean import one_line
from remediate.sinks.console import show
from remediate.sinks.plan_text import document_lines

Key = Annotated[
    Path | None,
    typer.Option("--key", help="Sign with this SSH key. Default: the usual ones in ~/.ssh, the agent."),
]


def approve(path: PlanPath, key: Key = None, *, yes: Yes = False) -> int:
    """Show a plan, and sign it with your SSH key (agents and hardware keys, too); the signature goes beside it."""
    document = read_document(path).document
    if time.time() >= document.expires:
        raise Stale(str(path), "this plan has expired, nobody can apply it any more", "let it be made anew")
    signatures_beside(path)  # what cannot be added to is told before anybody reads the plan
    show(Console(highlight=False), document_lines(document))
    _ask(path, document, yes=yes)
    keys = (key,) if key else usual_keys(Path.home())
    asking = asker() is not None
    signature = signed(statement(document), keys, os.environ, NAMESPACE, agent=key is None, asking=asking)
    if not signature:
        which = str(key) if key else "~/.ssh"
        what = (
            "cannot be signed with"
            if key
            else "there is no key here that can be signed with, and none in an agent"
        )
        raise UsageError(which, what, "name one with --key, or add it to your agent (ssh-add)")
    target = signature_path(path)
    _write(target, "".join((*without(signatures_beside(path), signer_of(signature)), signature)))
    typer.echo(f"signed by {signer_of(signature)}: {target}")
    return HEALTHY


def _ask(path: Path, document: PlanDocument, *, yes: bool) -> None:
    if yes:
        return
    ask = asker()
    if ask is None:
        raise Declined(str(path), "there is no terminal to ask at", "read the plan, then give --yes")
    many = len(document.planned)
    question = f"Sign this plan, {document.digest[:16]}, for {many} host{'s' * (many != 1)}? [y/N] "
    if ask(question).strip().lower() not in {"y", "yes"}:
        raise Declined(str(path), "not signed")


def _write(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.new")
    try:
        new.write_text(text, "ascii")
        new.replace(path)
    except OSError as error:
        what = f"cannot be written ({one_line(str(error.strerror))})"
        raise UsageError(str(path), what, "see to the directory") from error
