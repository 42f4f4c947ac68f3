"""squawk (squawk-cli), run as a program over a script's text: what it finds, as values. It decides nothing.

Measured with 2.70: the text on stdin; exit code 0 and `[]` where it finds nothing, 1 and a list of findings otherwise,
2 and no JSON where it was called wrongly. `line` counts from 0, `column` in bytes. Comments can silence it
(`squawk-ignore`), and so can a `.squawk.toml` in the working directory: it is given neither.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from remediate.providers.sql_script import blanked

OURS: dict[str, str] = {
    "adding-not-nullable-field": "set-not-null",
    "adding-required-field": "not-null-without-default",
    "adding-field-with-default": "volatile-default",
    "adding-serial-primary-key-field": "volatile-default",
    "adding-foreign-key-constraint": "foreign-key-scans",
    "constraint-missing-not-valid": "check-scans",
    "changing-column-type": "change-type",
    "require-concurrent-index-creation": "index-blocks-writes",
    "require-concurrent-index-deletion": "drop-index-blocks",
    "require-concurrent-reindex": "reindex-blocks",
    "disallowed-unique-constraint": "unique-blocks",
    "ban-drop-table": "drop-table",
    "ban-drop-schema": "drop-schema",
    "ban-drop-database": "drop-database",
    "ban-drop-column": "drop-column",
    "ban-drop-constraint": "drop-constraint",
    **dict.fromkeys(
        ("ban-drop-type", "ban-drop-view", "ban-drop-function", "ban-drop-sequence"), "drop-object"
    ),
    "ban-truncate-cascade": "truncate",
    "ban-concurrent-index-creation-in-transaction": "not-in-transaction",
    "transaction-nesting": "own-transaction",
    "ban-uncommitted-transaction": "own-transaction",
}
"""What our own rules judge with the catalog at hand: squawk's word counts where sqlglot could not read it."""
ADDED: dict[str, str] = {
    "renaming-table": "rename",
    "renaming-column": "rename",
    "renaming-object": "rename",
    "ban-set-schema": "rename",
    "ban-drop-not-null": "drop-not-null",
    "identifier-too-long": "long-name",
    "ban-create-domain-with-constraint": "domain-check",
    "ban-alter-domain-with-add-constraint": "domain-check",
    "syntax-error": "syntax",
}
"""What only squawk looks for, or looks for better."""
LEFT_OUT = frozenset(
    {
        *(
            "require-lock-timeout",
            "require-statement-timeout",
            "require-timeout-settings",
        ),  # the runner bounds both
        *("prefer-robust-stmts", "prefer-bigint-over-int", "prefer-bigint-over-smallint", "prefer-identity"),
        *(
            "prefer-text-field",
            "prefer-timestamp-tz",
            "prefer-repack",
            "ban-char-field",
            "require-enum-value-ordering",
        ),
    }
)
"""Taste, or not a matter of the moment; and what a change of the runner's has anyway. Not left to `--exclude`: a name
that another version does not know makes it refuse to run."""
MISSING = "squawk is not installed, so its rules were not applied: pip install 'remediate[lint]'"
_SECONDS = 20.0


@dataclass(frozen=True)
class Said:
    """One finding of squawk's.

    Attributes:
        rule: Its name for the rule.
        start: Where in the text it begins, in characters from 0.
        message: In its words.
        help: What it advises.
    """

    rule: str
    start: int
    message: str
    help: str = ""


@dataclass(frozen=True)
class Lint:
    """What squawk says of a script.

    Attributes:
        said: Its findings; those of rules that are left out are not among them.
        missing: Why it could not be asked, in one line; empty where it was.
    """

    said: tuple[Said, ...] = ()
    missing: str = ""


def program() -> str | None:
    """Return squawk's path: beside this Python, where pip puts it, or on PATH; None where there is none."""
    beside = Path(sys.executable).with_name("squawk")
    return str(beside) if beside.is_file() else shutil.which("squawk")


def lint(script: str, found: str | None = None) -> Lint:
    """Return what squawk says of a script.

    Args:
        script: SQL, whole in its strings and comments.
        found: squawk's path; looked for where it is not given.
    """
    path = found or program()
    if path is None:
        return Lint(missing=MISSING)
    text = blanked(script)
    line = [path, "--config", "/dev/null", "--reporter", "json"]
    try:
        done = subprocess.run(  # noqa: S603  (a program of ours, the text on stdin)
            line, input=text.encode(), capture_output=True, check=False, timeout=_SECONDS
        )
        found_by_it = json.loads(done.stdout) if done.returncode in (0, 1) else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        found_by_it = None
    if found_by_it is None:
        return Lint(missing="squawk could not be run, so its rules were not applied: try `squawk --version`")
    lines = text.split("\n")
    return Lint(tuple(_said(one, lines) for one in found_by_it if one["rule_name"] not in LEFT_OUT))


def _said(one: dict[str, object], lines: Sequence[str]) -> Said:
    number, column = int(str(one["line"])), int(str(one["column"]))
    before = sum(len(line) + 1 for line in lines[:number])
    within = lines[number].encode()[:column].decode("utf-8", "ignore") if number < len(lines) else ""
    return Said(str(one["rule_name"]), before + len(within), str(one["message"]), str(one["help"] or ""))
