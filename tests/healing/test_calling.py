"""The case that a person is called for after healing: what it is about, and so whose turn it is."""

from pathlib import Path
from typing import Any

import pytest

from remediate.catalogue import CATALOGUE
from remediate.escalation.case import Case
from remediate.escalation.incident import Incident
from remediate.escalation.levels import topics_of, turn
from remediate.escalation.situation import situation_of
from remediate.healing.calling import case_of_healing
from remediate.healing.healed import Healed, HostEnd, Treated
from remediate.healing.history import Fingerprint
from remediate.healing.met import EVIDENCE, met
from remediate.healing.verdict import Ruling, Verdict
from remediate.model import Finding, Outcome
from remediate.playbook import load_playbook
from remediate.triage import Diagnosis, Presence

ROOT = Path(__file__).parents[2]

WHOLE = Finding(healthy=True, seen="all are whole", facts={"corrupted": []})
BROKEN = Finding(healthy=False, seen="one is broken", facts={"corrupted": ["avatars_name"]})
FAULT = Treated(
    fingerprint=Fingerprint(environment="lab", target="web1", playbook="duplicate-key"),
    title="An index is not in force",
    hosts=("web1",),
    ruling=Ruling(verdict=Verdict.ESCALATE, conditions=()),
    whom="application",
    since=1.0,
)


def case(*cures: Case, **known: Any) -> Case:
    """Return the case of a fault that was not cured; the records of its cures say this."""
    healed = Healed(
        environment="lab",
        run="heal",
        began=1.0,
        seconds=1.0,
        rounds=1,
        faults=(FAULT.model_copy(update=known),),
        hosts={"web1": HostEnd(outcome=Outcome.NO_CURE, why="a person is needed")},
    )
    return case_of_healing(healed, cures, {"web1": "lumiku"}, operator="ada@runner", reason="", now=2.0)


def cure(*topics: str) -> Case:
    about = {"environment": "lab", "title": "a cure", "why": "it did not hold"}
    return Case(run="cure", fingerprints=("x",), topics=topics, started=1.0, made=2.0, **about)


def level(one: Case) -> int:
    return turn(situation_of(one, Incident(name="heal"), development=False), ()).level


@pytest.mark.parametrize(
    ("found", "topics"),
    [((), ()), ((WHOLE,), ()), ((WHOLE, BROKEN), ("corruption", "database"))],
)
def test_what_checks_found_tells_what_it_is_about(
    found: tuple[Finding, ...], topics: tuple[str, ...]
) -> None:
    assert tuple(sorted(topics_of(found))) == topics


def test_corrupted_indexes_that_healing_finds_are_the_highest_levels_at_once() -> None:
    assert level(case()) == 1
    found = case(topics=tuple(topics_of([BROKEN])))
    assert (found.topics, level(found)) == (("application", "corruption", "database"), 3)


def test_what_the_records_of_its_cures_are_about_so_is_the_case() -> None:
    changed = case(cure("database"))
    assert (changed.topics, level(changed)) == (("application", "database"), 2)
    assert level(case(cure("database"), cure("corruption", "database"))) == 3


def test_the_evidence_of_a_check_stands_below_it_and_is_told_once() -> None:
    seen = {"seen": ("one: wrong", "two: wrong"), "evidence": (("a", "b"), ())}
    said = "duplicate-key on web1 (lab): "
    assert case(**seen).error == (f"{said}one: wrong", "    a", "    b", f"{said}two: wrong")
    record = cure().model_copy(update={"error": ("web1: one: wrong", "    a")})
    told = case(record, **seen, run="cure").error
    assert [line.strip() for line in told].count("a") == 1


def test_evidence_is_bounded_by_whole_lines() -> None:
    finding = Finding(check="one", healthy=False, seen="wrong", evidence=("\n".join("x" * 60), "last"))
    book = load_playbook(ROOT / "playbooks" / "missing-columns.yml", CATALOGUE)
    diagnosis = Diagnosis(book, Presence.FOUND, (WHOLE, finding))
    (lines,) = met("web1", diagnosis, FAULT.fingerprint, FAULT.ruling, 1.0).evidence
    assert (len(lines), lines[0], lines[-1]) == (EVIDENCE + 1, "… 21 lines before these", "last")
