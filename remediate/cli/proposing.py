"""Leaves plans for review. One that is there already, and would still be applied, stays: people may be reading it."""

import os
import tempfile
from pathlib import Path

from remediate.cli.applying import refuse_again, refuse_unsealed, refuse_untimely
from remediate.cli.session import Session
from remediate.errors import Stale, UsageError
from remediate.review import Marks, PlanDocument, moved, read_document, written_document


def leave_plan(path: Path, made: PlanDocument, opened: Session, marks: Marks) -> None:
    """Write a plan into a file, unless one is there that says the same and may still be applied.

    Each plan has its own digest, which is what people sign: one that is written anew is approved by nobody.

    Args:
        path: The file.
        made: The plan.
        opened: The session of the run that it would be.
        marks: Seals it.

    Raises:
        UsageError: It cannot be written.
    """
    if not _holds_still(path, made, opened, marks):
        _write(path, written_document(made, marks.seal(made.digest)))


def _holds_still(path: Path, made: PlanDocument, opened: Session, marks: Marks) -> bool:
    """Return whether a file has a plan that `apply` would carry out, and that would do what this one does."""
    try:
        sealed = read_document(path)
        refuse_unsealed(path, sealed, marks)
        refuse_untimely(path, sealed.document, made.made)
        refuse_again(path, sealed.document, opened)
    except (UsageError, Stale):
        return False
    before = sealed.document
    of_now = {name: getattr(made, name) for name in ("made", "expires", "made_by", "reason", "hosts")}
    if before.model_copy(update=of_now) != made or len(before.hosts) != len(made.hosts):
        return False
    pairs = zip(before.hosts, made.hosts, strict=True)
    return all(then.host == now.host and not moved(then, now) for then, now in pairs)


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all, for its owner only; an older plan of the same fault gives way.

    Raises:
        UsageError: It cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, aside = tempfile.mkstemp(prefix=".plan-", dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(aside).replace(path)
    except OSError as error:
        raise UsageError(
            str(path), f"cannot be written ({error.strerror})", "choose another --plans"
        ) from error
