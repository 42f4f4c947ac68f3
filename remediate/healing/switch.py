"""The switch that stops all healing: the newest word of the audit log, or a file. It stops nothing itself.

The file is for whoever has no `remediate` at hand: `touch STATE/stop` is enough. It is looked at before every change.
"""

from pathlib import Path

from remediate.errors import JournalError
from remediate.healing.history import STARTED, STOPPED, Stop, history_of
from remediate.journal import Journal

FILE = "stop"
"""In the state directory; its first line, where it has one, says why."""
_LONGEST = 1000
"""Characters of the file that are read."""


def stop_file(state: Path) -> Path:
    """Return the file that stops all healing while it is there."""
    return state / FILE


def stopped(journal: Journal) -> Stop | None:
    """Return who stopped all healing, and why; None where nobody did.

    Raises:
        JournalError: Nobody can say.
    """
    return _by_file(stop_file(journal.state)) or history_of(journal.of_kinds({STOPPED, STARTED})).stop


def _by_file(path: Path) -> Stop | None:
    """Read the file; whatever is there under its name stops, a folder or a link to nowhere, too."""
    try:
        at = path.lstat().st_mtime
    except FileNotFoundError:
        return None
    except OSError as error:
        todo = "let it be read, or remove it"
        raise JournalError(str(path), f"cannot be looked at ({error.strerror})", todo) from error
    return Stop(at=at, who=f"the file {path}", why=_first_line(path) or "it says no reason")


def _first_line(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_LONGEST).partition("\n")[0].strip()
    except OSError:  # that it is there is enough
        return ""
