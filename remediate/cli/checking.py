"""`remediate check`: loads and lints playbooks and inventories. It reaches no host."""

import json
import os
import re
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from remediate import __version__
from remediate.catalogue import CATALOGUE
from remediate.cli.examining import TOOLS
from remediate.cli.exit_codes import HEALTHY, USAGE
from remediate.cli.options import AsJson, PlaybookFolder, playbook_folder
from remediate.errors import UsageError
from remediate.escalation.levels import Topic
from remediate.inventory import Inventory, load_inventory
from remediate.lint import RULES, Beside, Linted, Remark, Rule, Weight, lint
from remediate.model import Json
from remediate.playbook import playbook_files
from remediate.sinks import lint_sarif, lint_text
from remediate.sinks.clean import clean_json
from remediate.text.strict_yaml import first_bytes
from remediate.text.suggest import did_you_mean


class CheckFormat(StrEnum):
    """How remarks are told."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


Paths = Annotated[
    list[Path] | None, typer.Argument(metavar="[FILE]...", help="Only these files. Default: all there are.")
]
How = Annotated[
    CheckFormat, typer.Option("--format", help="text, json (one object a file), or sarif 2.1.0 for CI.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Warnings count as errors do.")]
AllRules = Annotated[bool, typer.Option("--rules", help="List the rules, and check nothing.")]
OneRule = Annotated[
    str | None, typer.Option("--explain", metavar="RULE", help="Tell all about one rule, and check nothing.")
]
Docs = Annotated[
    str, typer.Option("--docs", metavar="URI", help="Where docs/LINT.md is to be read, for links in SARIF.")
]


def check(
    paths: Paths = None,
    playbooks: PlaybookFolder = None,
    how: How = CheckFormat.TEXT,
    explain: OneRule = None,
    docs: Docs = "",
    *,
    strict: Strict = False,
    rules: AllRules = False,
    as_json: AsJson = False,
) -> int:
    """Load and lint every playbook and inventory, without any network. Exit 2 where one has an error.

    Warnings and notes alone exit 0; with --strict, warnings exit 2, too. `# remediate: allow RM101 why`, on the line or
    right above it, silences one rule there.
    """
    how = CheckFormat.JSON if as_json else how
    if rules or explain is not None:
        return _tell_rules(
            [_rule_named(explain)] if explain else list(RULES.values()), how, whole=bool(explain)
        )
    folder = playbook_folder(playbooks)
    beside = Beside(folder, frozenset(TOOLS), frozenset(get_args(Topic)))
    found = lint(paths or _all_files(folder), CATALOGUE, _is_inventory, _readable(), beside)
    _tell(found, how, docs, strict=strict)
    return (
        USAGE if any(_counts(one, strict=strict) for linted in found for one in linted.remarks) else HEALTHY
    )


def _counts(remark: Remark, *, strict: bool) -> bool:
    """Tell whether a remark makes the exit code 2."""
    weights = {Weight.ERROR, Weight.WARNING} if strict else {Weight.ERROR}
    return remark.weight in weights and not remark.allowed


def _tell(found: Sequence[Linted], how: CheckFormat, docs: str, *, strict: bool) -> None:
    if how is CheckFormat.SARIF:
        log = lint_sarif.sarif(found, __version__, docs)
        typer.echo(clean_json(json.dumps(log, indent=2, ensure_ascii=False)))
    elif how is CheckFormat.JSON:
        for linted in found:
            typer.echo(clean_json(json.dumps(_as_json(linted, strict=strict), ensure_ascii=False)))
    else:
        for linted in found:
            for line in lint_text.lines_of(linted, _painted):
                typer.echo(line)
        if len(found) > 1:
            typer.echo(lint_text.summary(found))


def _painted(text: str, colour: str) -> str:
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return typer.style(text, fg=colour, bold=True) if coloured else text


def _as_json(linted: Linted, *, strict: bool) -> Json:
    wrong = [one for one in linted.remarks if _counts(one, strict=strict)]
    problem = f"{wrong[0].spot}: {wrong[0].what}; {wrong[0].remedy}" if wrong else ""
    return {
        "file": str(linted.path),
        "ok": not wrong,
        "problem": problem,
        "remarks": [_remark_as_json(one) for one in linted.remarks],
    }


def _remark_as_json(remark: Remark) -> Json:
    spot = remark.spot
    return {
        "rule": remark.rule,
        "name": remark.name,
        "severity": remark.weight.value,
        "file": str(spot.path),
        "line": spot.line,
        "column": spot.column,
        "end_column": spot.end,
        "what": remark.what,
        "reason": remark.reason,
        "remedy": remark.remedy,
        "allowed": remark.allowed,
    }


def _rule_named(word: str) -> Rule[Any]:
    """Return the rule of this id or name.

    Raises:
        UsageError: There is none.
    """
    names = {rule.name: rule for rule in RULES.values()}
    rule = RULES.get(word.upper()) or names.get(word)
    if rule is None:
        known = [*RULES, *names]
        raise UsageError(f"--explain {word}", "there is no such rule", did_you_mean(word, known))
    return rule


def _tell_rules(rules: Sequence[Rule[Any]], how: CheckFormat, *, whole: bool) -> int:
    for rule in rules:
        if how is CheckFormat.JSON:
            typer.echo(json.dumps(_rule_as_json(rule), ensure_ascii=False))
        elif whole:
            typer.echo("\n".join(lint_text.told_of(rule)))
        else:
            typer.echo(f"{rule.id}  {rule.weight.value:<8} {rule.name:<26} {rule.remedy}")
    return HEALTHY


def _rule_as_json(rule: Rule[Any]) -> Json:
    return {
        "rule": rule.id,
        "name": rule.name,
        "severity": rule.weight.value,
        "reason": rule.reason,
        "remedy": rule.remedy,
        "bad": rule.bad,
        "good": rule.good,
    }


def _all_files(folder: Path) -> list[Path]:
    return [*playbook_files(folder), *_inventories()]


def _inventories() -> list[Path]:
    return sorted(Path("inventory").glob("*.yml"))


def _readable() -> list[Inventory]:
    """Return the inventories beside; one that cannot be loaded is told under its own name."""
    return [one for path in _inventories() if (one := _loaded(path)) is not None]


def _loaded(path: Path) -> Inventory | None:
    try:
        return load_inventory(path)
    except UsageError:
        return None


def _is_inventory(path: Path) -> bool:
    """Tell an inventory from a playbook by the key that every inventory begins with, or else by its folder."""
    try:
        text = first_bytes(path).decode("utf-8", "replace")
    except OSError:  # reading it properly tells why
        text = ""
    return (
        bool(re.search(r"^environment\s*:", text, re.MULTILINE)) or path.absolute().parent.name == "inventory"
    )
