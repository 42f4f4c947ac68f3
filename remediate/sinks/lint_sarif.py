"""The linter's remarks as SARIF 2.1.0, for code scanning and editors. It finds nothing itself, and shows no source.

Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0", chapters 3.14 (run), 3.19
(toolComponent), 3.27 (result) and 3.49 (reportingDescriptor); GitHub, "SARIF support for code scanning".
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from remediate.lint import RULES, Linted, Remark, Rule
from remediate.model import Json
from remediate.sinks.clean import clean

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "%SRCROOT%"
FINGERPRINT = "remediateRemark/v1"


def sarif(found: Sequence[Linted], version: str, docs: str = "") -> Json:
    """Return a SARIF log with one run.

    Args:
        found: What was found in each file; what a comment allows is left out, and what two files share stands once.
        version: Of the program.
        docs: The absolute URI of docs/LINT.md; the standard takes no relative one for a rule's page, so without it
            the rules carry their text only.
    """
    indexes = {rule: index for index, rule in enumerate(RULES)}
    told = [remark for linted in found for remark in linted.told]
    driver = {
        "name": "remediate",
        "version": version,
        "semanticVersion": version,
        "rules": [_rule(rule, docs) for rule in RULES.values()],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {
            ROOT: {"description": {"text": "The directory that `remediate check` ran in."}}
        },
        "results": [
            _result(remark, indexes[remark.rule], mark)
            for remark, mark in zip(told, fingerprints(told), strict=True)
        ],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule[Any], docs: str) -> Json:
    described = {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": rule.name.replace("-", " ").capitalize()},
        "fullDescription": {"text": rule.reason},
        "help": {"text": f"{rule.reason}\n\n{rule.remedy}", "markdown": _markdown(rule)},
        "defaultConfiguration": {"level": rule.weight.value},
        "properties": {"tags": _tags(rule), "precision": "high", "problem.severity": _severity(rule)},
    }
    return {**described, "helpUri": f"{docs}#{rule.anchor}"} if docs else described


def _severity(rule: Rule[Any]) -> str:
    return {"note": "recommendation"}.get(rule.weight.value, rule.weight.value)


def _tags(rule: Rule[Any]) -> list[str]:
    return ["security", "remediation"] if rule.id.startswith("RM5") else ["remediation"]


def _markdown(rule: Rule[Any]) -> str:
    examples = f"Wrong:\n\n```yaml\n{rule.bad}```\n\nRight:\n\n```yaml\n{rule.good}```\n"
    return f"{rule.reason}\n\n**Do:** {rule.remedy}\n\n{examples}"


def _result(remark: Remark, index: int, fingerprint: str) -> Json:
    spot = remark.spot
    return {
        "ruleId": remark.rule,
        "ruleIndex": index,
        "level": remark.weight.value,
        "message": {"text": clean(f"{remark.what}. {remark.remedy}")},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": _artifact(spot.path),
                    "region": {"startLine": spot.line, "startColumn": spot.column, "endColumn": spot.end},
                }
            }
        ],
        "partialFingerprints": {FINGERPRINT: fingerprint},
    }


def _artifact(path: Path) -> Json:
    """Return where a file is: relative to the directory the command ran in, where it is below that."""
    here = Path.cwd()
    absolute = (here / path).resolve()
    if absolute.is_relative_to(here.resolve()):
        return {"uri": quote(absolute.relative_to(here.resolve()).as_posix()), "uriBaseId": ROOT}
    return {"uri": absolute.as_uri()}


def fingerprints(remarks: Iterable[Remark]) -> Iterator[str]:
    """Yield for each remark what stays the same when lines move: of the rule, the file, the step and the line's text.

    Two that are alike in all of it are counted.
    """
    seen: Counter[str] = Counter()
    for remark in remarks:
        spot = remark.spot
        parts = (remark.rule, spot.path.name, remark.within, " ".join(spot.source.split()))
        digest = hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
        seen[digest] += 1
        yield f"{digest}:{seen[digest]}"
