"""Every playbook's diagnosis of one host at once, root causes first. It changes nothing, and runs no playbook.

Each question is asked once, however many playbooks want it; so a triage costs as many round trips as one diagnosis.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain

from remediate.errors import CouldNotLook, UsageError
from remediate.model import Finding
from remediate.planner import NamedCheck, at_fault, judged_apart, questions_of
from remediate.playbook import Playbook
from remediate.playbook.invasiveness import invasiveness_of
from remediate.procedure import Procedure
from remediate.questions import Answers
from remediate.target import Target
from remediate.text.patterns import may_not_end

PIECE, OVERLAP = 2000, 1000
"""Characters of a line that are searched at once, and that the next ones have in common with them: of a longer line a
symptom may take less than that. On one as long as a whole log a pattern with two `.*` takes hours."""


class Presence(StrEnum):
    """What a playbook's diagnosis says of a host."""

    FOUND = "found"  # its fault is there
    HEALTHY = "healthy"  # its fault is not there
    UNKNOWN = "unknown"  # nobody can say: something it asks could not be answered


@dataclass(frozen=True)
class Match:
    """A symptom of a playbook that an error text shows.

    Attributes:
        playbook: The playbook.
        line: The last line of the text that shows it.
        named: What the symptom's named groups took from the last line that gives them anything.
    """

    playbook: Playbook
    line: str
    named: Mapping[str, str]


@dataclass(frozen=True)
class Diagnosis:
    """One playbook's diagnosis of one host.

    Attributes:
        playbook: The playbook.
        presence: Whether its fault is there.
        findings: What its checks saw.
        why: Why nobody can say, of those that could not be judged.
        explained_by: The playbook whose fault brings this one about, where that was found, too; else empty.
    """

    playbook: Playbook
    presence: Presence
    findings: tuple[Finding, ...] = ()
    why: tuple[str, ...] = ()
    explained_by: str = ""

    @property
    def left_over(self) -> tuple[Finding, ...]:
        """What is not as it should be though the playbook's own fault is not there."""
        return (
            tuple(one for one in self.findings if not one.healthy)
            if self.presence is Presence.HEALTHY
            else ()
        )

    @property
    def curable(self) -> bool:
        """Whether its fault is there, and the playbook has a cure."""
        return self.presence is Presence.FOUND and bool(self.playbook.fix)


def matches(playbooks: Iterable[Playbook], text: str) -> tuple[Match, ...]:
    """Return the playbooks that know an error text by their symptoms.

    A symptom that may take for ever is not tried: `remediate check` tells which (RM605).

    Args:
        playbooks: Those to choose from.
        text: A message, a stack trace or a whole log.
    """
    found = (_match(playbook, text) for playbook in playbooks)
    return tuple(match for match in found if match)


def _match(playbook: Playbook, text: str) -> Match | None:
    """Return the last line of a text that shows a symptom, with what the last one that names anything names."""
    seen = _met(playbook, text)
    last = next(seen, None)
    if last is None:
        return None
    named = next((one for _, one in chain([last], seen) if one), {})
    return Match(playbook, last[0], named)


def _met(playbook: Playbook, text: str) -> Iterator[tuple[str, dict[str, str]]]:
    symptoms = [pattern for pattern in playbook.symptoms if not may_not_end(pattern.pattern)]
    for line in reversed(text.splitlines()):
        met = [found for pattern in symptoms if (found := _shown(pattern, line))]
        if met:
            yield line.strip(), next(filter(None, map(_taken, met)), {})


def _shown(pattern: re.Pattern[str], line: str) -> re.Match[str] | None:
    """Return what shows a symptom in a line; what ends with a piece may be cut, and counts if nothing else does."""
    cut = None
    for start in range(0, max(len(line) - OVERLAP, 1), PIECE - OVERLAP):
        end = start + PIECE
        found = pattern.search(line, start, end)
        if found and (found.end() < end or end >= len(line)):
            return found
        cut = cut or found
    return cut


def _taken(met: re.Match[str]) -> dict[str, str]:
    return {name: value for name, value in met.groupdict().items() if value}


def triage(
    procedures: Sequence[Procedure], target: Target, known: Collection[str] = ()
) -> tuple[Diagnosis, ...]:
    """Ask everything that these playbooks want to know of a host, and judge each.

    Args:
        procedures: Playbooks bound to this host.
        target: The host.
        known: The playbooks that know what is complained of: of equals they come first.

    Returns:
        Their diagnoses: faults first, root causes before what they bring about; then what is unknown; then the rest.
        A playbook that cannot be asked on this host is among the unknown.

    Raises:
        Blocked: The host could not be looked at.
    """
    built = [(procedure.playbook, _checks(procedure)) for procedure in procedures]
    asked = [(playbook, checks) for playbook, checks in built if isinstance(checks, tuple)]
    answers = target.answer(questions_of(named.check for _, some in asked for named in some))
    refused = [cannot_ask(playbook, error) for playbook, error in built if isinstance(error, UsageError)]
    return ranked([*refused, *(_diagnosis(playbook, checks, answers) for playbook, checks in asked)], known)


def cannot_ask(playbook: Playbook, error: UsageError) -> Diagnosis:
    """Return the diagnosis of a playbook that has no question for a host: a value that it needs is not there."""
    return Diagnosis(playbook, Presence.UNKNOWN, why=(str(error),))


def _checks(procedure: Procedure) -> tuple[NamedCheck, ...] | UsageError:
    try:
        return procedure.diagnose()
    except UsageError as error:
        return error


def _diagnosis(playbook: Playbook, checks: Sequence[NamedCheck], answers: Answers) -> Diagnosis:
    seen = judged_apart(checks, answers)
    own = [one for named, one in zip(checks, seen, strict=True) if named.alone]
    findings, why = _parted(seen)
    return Diagnosis(playbook, _presence(playbook, *_parted(own)), findings, why)


def _parted(seen: Sequence[Finding | CouldNotLook]) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    judged = [one for one in seen if isinstance(one, Finding)]
    return tuple(judged), tuple(one.what for one in seen if isinstance(one, CouldNotLook))


def _presence(playbook: Playbook, findings: Sequence[Finding], why: Sequence[str]) -> Presence:
    """Judge from what could be seen, where that is enough: one unhealthy check is, for `when: any`."""
    enough = playbook.when == "any" or not why
    if findings and enough and at_fault(findings, playbook.when):
        return Presence.FOUND
    healthy = playbook.when == "all" and any(finding.healthy for finding in findings)
    return Presence.UNKNOWN if why and not healthy else Presence.HEALTHY


def ranked(diagnoses: Sequence[Diagnosis], known: Collection[str] = ()) -> tuple[Diagnosis, ...]:
    """Return diagnoses in order: root causes, what they explain, what is unknown, what is healthy.

    Of several root causes those with a cure come first, and of these the one whose cure goes least deep.

    Args:
        diagnoses: Those of one host.
        known: The playbooks that know what is complained of; they, and what brings them about, come before others.
    """
    found = {one.playbook.name: one for one in diagnoses if one.presence is Presence.FOUND}
    told = [replace(one, explained_by=_root(one, found)) for one in diagnoses]
    first = {*known, *(one.explained_by for one in told if one.playbook.name in known)}
    return tuple(sorted(told, key=lambda one: _place(one, first)))


def _root(one: Diagnosis, found: Mapping[str, Diagnosis]) -> str:
    """Return the first cause that was found of a fault that was found; in a circle of explanations, none."""
    if one.presence is not Presence.FOUND:
        return ""
    name, met = one.playbook.name, {one.playbook.name}
    while cause := next((other for other in found if name in found[other].playbook.explains), ""):
        if cause in met:
            return ""
        name = cause
        met.add(cause)
    return "" if name == one.playbook.name else name


def _place(one: Diagnosis, first: Collection[str]) -> tuple[int, bool, bool, int, int, str]:
    worth = (Presence.FOUND, Presence.UNKNOWN, Presence.HEALTHY).index(one.presence)
    return (
        2 * worth + bool(one.explained_by),
        one.playbook.name not in first,
        one.presence is Presence.FOUND and not one.curable,
        invasiveness_of(one.playbook),
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
