"""Every playbook's diagnosis of one host at once, root causes first. It changes nothing, and runs no playbook.

Each question is asked once, however many playbooks want it; so a triage costs as many round trips as one diagnosis.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from remediate.errors import CouldNotLook
from remediate.model import Finding
from remediate.planner import at_fault, judged_apart, questions_of
from remediate.playbook import Playbook
from remediate.procedure import Procedure
from remediate.questions import Answers
from remediate.target import Target


class Verdict(StrEnum):
    """What a playbook's diagnosis says of a host."""

    FOUND = "found"  # its fault is there
    HEALTHY = "healthy"  # its fault is not there
    UNKNOWN = "unknown"  # nobody can say: something it asks could not be answered


@dataclass(frozen=True)
class Match:
    """A symptom of a playbook that an error text shows.

    Attributes:
        playbook: The playbook.
        line: The line of the text that shows it.
        named: What the symptom's named groups took from it.
    """

    playbook: Playbook
    line: str
    named: Mapping[str, str]


@dataclass(frozen=True)
class Diagnosis:
    """One playbook's diagnosis of one host.

    Attributes:
        playbook: The playbook.
        verdict: Whether its fault is there.
        findings: What its checks saw.
        why: Why nobody can say, of those that could not be judged.
        explained_by: The playbook whose fault brings this one about, where that was found, too; else empty.
    """

    playbook: Playbook
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    why: tuple[str, ...] = ()
    explained_by: str = ""

    @property
    def curable(self) -> bool:
        """Whether its fault is there, and the playbook has a cure."""
        return self.verdict is Verdict.FOUND and bool(self.playbook.fix)


def matches(playbooks: Iterable[Playbook], text: str) -> tuple[Match, ...]:
    """Return the playbooks that know an error text by their symptoms.

    Args:
        playbooks: Those to choose from.
        text: A message, a stack trace or a whole log.
    """
    found = (_match(playbook, text) for playbook in playbooks)
    return tuple(match for match in found if match)


def _match(playbook: Playbook, text: str) -> Match | None:
    seen = ((pattern.search(line), line) for line in text.splitlines() for pattern in playbook.symptoms)
    return next((Match(playbook, line.strip(), _taken(met)) for met, line in seen if met), None)


def _taken(met: re.Match[str]) -> dict[str, str]:
    return {name: value for name, value in met.groupdict().items() if value}


def triage(procedures: Sequence[Procedure], target: Target) -> tuple[Diagnosis, ...]:
    """Ask everything that these playbooks want to know of a host, and judge each.

    Args:
        procedures: Playbooks bound to this host.
        target: The host.

    Returns:
        Their diagnoses: faults first, root causes before what they bring about; then what is unknown; then the rest.

    Raises:
        Blocked: The host could not be looked at.
    """
    checks = {procedure.playbook.name: procedure.diagnose() for procedure in procedures}
    answers = target.answer(questions_of(named.check for some in checks.values() for named in some))
    return ranked([_diagnosis(procedure, answers) for procedure in procedures])


def _diagnosis(procedure: Procedure, answers: Answers) -> Diagnosis:
    checks = procedure.diagnose()
    seen = judged_apart(checks, answers)
    own = [one for named, one in zip(checks, seen, strict=True) if named.alone]
    findings, why = _parted(seen)
    return Diagnosis(procedure.playbook, _verdict(procedure.playbook, *_parted(own)), findings, why)


def _parted(seen: Sequence[Finding | CouldNotLook]) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    judged = [one for one in seen if isinstance(one, Finding)]
    return tuple(judged), tuple(one.what for one in seen if isinstance(one, CouldNotLook))


def _verdict(playbook: Playbook, findings: Sequence[Finding], why: Sequence[str]) -> Verdict:
    """Judge from what could be seen, where that is enough: one unhealthy check is, for `when: any`."""
    enough = playbook.when == "any" or not why
    if findings and enough and at_fault(findings, playbook.when):
        return Verdict.FOUND
    healthy = playbook.when == "all" and any(finding.healthy for finding in findings)
    return Verdict.UNKNOWN if why and not healthy else Verdict.HEALTHY


def ranked(diagnoses: Sequence[Diagnosis]) -> tuple[Diagnosis, ...]:
    """Return diagnoses in order: root causes, what they explain, what is unknown, what is healthy."""
    found = {one.playbook.name: one for one in diagnoses if one.verdict is Verdict.FOUND}
    told = [replace(one, explained_by=_root(one, found)) for one in diagnoses]
    return tuple(sorted(told, key=_place))


def _root(one: Diagnosis, found: Mapping[str, Diagnosis]) -> str:
    """Return the first cause that was found of a fault that was found; in a circle of explanations, none."""
    if one.verdict is not Verdict.FOUND:
        return ""
    name, met = one.playbook.name, {one.playbook.name}
    while cause := next((other for other in found if name in found[other].playbook.explains), ""):
        if cause in met:
            return ""
        name = cause
        met.add(cause)
    return "" if name == one.playbook.name else name


def _place(one: Diagnosis) -> tuple[int, int, str]:
    worth = (Verdict.FOUND, Verdict.UNKNOWN, Verdict.HEALTHY).index(one.verdict)
    return (
        2 * worth + bool(one.explained_by),
        -sum(not finding.healthy for finding in one.findings),
        one.playbook.name,
    )


def given_by(match: Match) -> dict[str, str]:
    """Return the playbook's variables that the error text itself tells: its `table`, its `column`.

    What it tells that is no value of the variable's type is left out: an error text is written by anybody.
    """
    declared = match.playbook.variables
    return {
        name: value for name, value in match.named.items() if name in declared and declared[name].takes(value)
    }
