"""Runs the programs of this machine, and finds them. What to run is other modules' business."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from ground.errors import LabError, MissingError

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LAST_LINES = 6


def find(program: str) -> str | None:
    """Return where a program is, in PATH or where only administrators look."""
    return shutil.which(program) or shutil.which(program, path=SYSTEM_PATH)


def need(program: str) -> str:
    """Return where a program is.

    Raises MissingError where it is not installed.
    """
    path = find(program)
    if path is None:
        raise MissingError(
            f"{program}: not found on this machine; run `vagrant/lab up` as root to have it installed"
        )
    return path


def postgresql() -> Path | None:
    """Return the folder of the newest PostgreSQL's programs (Debian keeps them out of PATH)."""
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = sorted(installed, key=lambda path: float(path.parts[-3]))
    if newest:
        return newest[-1].parent
    other = find("initdb")
    return Path(other).resolve().parent if other else None


def need_postgresql() -> Path:
    """Return the folder of PostgreSQL's programs.

    Raises MissingError where there is none.
    """
    path = postgresql()
    if path is None:
        raise MissingError("PostgreSQL: initdb not found on this machine; install the package postgresql")
    return path


def run(
    command: Sequence[str | Path],
    *,
    what: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
) -> str:
    """Run a program to its end and return what it wrote to stdout.

    `env` is added to ours. Raises LabError with the last lines of its output where the exit code is not 0.
    """
    result = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        said = tail(result.stderr or result.stdout)
        raise LabError(f"{what}: {Path(command[0]).name} ended with {result.returncode}: {said}")
    return result.stdout


def tail(output: str) -> str:
    """Return the last lines of an output on one line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return " | ".join(lines[-LAST_LINES:]) or "(it said nothing)"
