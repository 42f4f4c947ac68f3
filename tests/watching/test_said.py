"""What an errand prints, as the service tells it."""

import json

import pytest

from remediate.healing.healed import Treated
from remediate.healing.history import Fingerprint
from remediate.healing.page import word_of
from remediate.healing.verdict import Ruling, Verdict
from remediate.model import Outcome
from remediate.watching.said import Fault, cured_by, faults_in, lines_in


def treated(outcome: str | None, plan: str, seconds: float | None = None) -> dict[str, object]:
    fingerprint = {"environment": "lab", "target": "web1", "playbook": "stale-process"}
    return {"fingerprint": fingerprint, "outcome": outcome, "plan": plan, "why": "so", "seconds": seconds}


FAULT = Treated(
    fingerprint=Fingerprint(environment="lab", target="web1", playbook="stale-process"),
    title="The process is stale",
    hosts=("web1",),
    ruling=Ruling(verdict=Verdict.ESCALATE, conditions=()),
    since=1.0,
)


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("plan", ["", "/plan.json"])
@pytest.mark.parametrize("outcome", [None, *Outcome])
def test_the_log_and_the_metrics_have_the_words_of_the_page(
    verdict: Verdict, plan: str, outcome: Outcome | None
) -> None:
    ruling = Ruling(verdict=verdict, conditions=())
    one = FAULT.model_copy(update={"ruling": ruling, "plan": plan, "outcome": outcome})
    line = json.dumps({"kind": "healed", "faults": [one.model_dump(mode="json")]})
    assert [fault.became for fault in faults_in(line)] == [word_of(one)]


@pytest.mark.parametrize(
    ("one", "became", "words"),
    [
        (treated("fixed", "", 14.36), "healed", "fault healed: stale-process on web1 in 14.4 s: so"),
        (treated(None, "/plan.json"), "proposed", "fault proposed: stale-process on web1: so"),
        (treated(None, ""), "escalated", "fault escalated: stale-process on web1: so"),
        (treated("rolled back", ""), "rolled back", "fault rolled back: stale-process on web1: so"),
    ],
)
def test_what_became_of_a_fault_is_told_in_one_line(one: dict[str, object], became: str, words: str) -> None:
    line = json.dumps({"kind": "healed", "faults": [one]})
    assert faults_in(line) == (Fault("stale-process", "web1", became, "so", one["seconds"]),)  # type: ignore[arg-type]
    assert lines_in(line) == (words,)


def test_what_a_tool_finds_is_told_in_one_line() -> None:
    wrong = {"check": "bloat", "healthy": False, "seen": "much"}
    record = {"host": "web1", "healthy": False, "blocked": "", "findings": [wrong], "unknown": []}
    assert lines_in(json.dumps(record)) == ("web1: not well; bloat: much",)
    record |= {"healthy": None, "blocked": "no way there", "findings": []}
    assert lines_in(json.dumps(record)) == ("web1: could not be looked at whole; no way there",)


def test_whether_anything_was_healed_stands_in_the_line_that_ends_it() -> None:
    def ended(*faults: dict[str, object]) -> list[str]:
        return ['{"kind": "ended"}', json.dumps({"kind": "healed", "faults": faults}), "a person is needed:"]

    assert cured_by(ended(treated(None, ""), treated("fixed", "", 1.0)))
    assert not cured_by(ended(treated("rolled back", ""), treated(None, "/plan.json")))
    assert not cured_by(ended())
    assert not cured_by(())


HEALED = treated("fixed", "", 1.0)


@pytest.mark.parametrize(
    "line",
    [
        "[" * 100_000,
        '{"kind": ' * 50_000,
        '{"kind": "healed", "faults": [1]}',
        '{"kind": "healed", "faults": {"a": 1}}',
        '{"kind": "healed", "faults": [{}]}',
        '{"kind": []}',
        '{"kind": "ruled", "host": [], "text": {}}',
        json.dumps({"kind": "healed", "faults": [HEALED | {"outcome": "no outcome of ours"}]}),
        json.dumps({"kind": "healed", "faults": [HEALED | {"seconds": "long"}]}),
        json.dumps({"kind": "healed", "faults": [HEALED | {"fingerprint": ["x"]}]}),
        json.dumps({"kind": "healed", "faults": [HEALED | {"why": None}]}),
        json.dumps({"kind": "healed", "faults": [HEALED | {"ruling": {"verdict": "no verdict of ours"}}]}),
        "9" * 10_000,
    ],
)
def test_a_line_that_is_none_of_ours_is_told_as_it_is_and_counts_nothing(line: str) -> None:
    assert faults_in(line) == ()
    assert lines_in(line) == (line,)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"kind": "ruled", "host": "web1", "text": "heal"}', ("web1: ruled: heal",)),
        ('{"kind": "output", "host": "web1", "text": "npm"}', ()),
        ('{"kind": "ruled", "host": "web1", "text": ""}', ()),
        ("remediate: no such thing", ("remediate: no such thing",)),
        ("", ()),
        ("[1]", ("[1]",)),
        ("{", ("{",)),
    ],
)
def test_of_all_else_what_matters_is_told(line: str, told: tuple[str, ...]) -> None:
    assert lines_in(line) == told
    assert faults_in(line) == ()
