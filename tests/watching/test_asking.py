"""What a tool finds that is scheduled: a person's where no playbook finds anything, and over when it says so itself."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from remediate.escalation.record import case_of
from remediate.inventory import Inventory
from remediate.journal import Journal
from remediate.masking import Masker
from remediate.model import Finding
from remediate.watching.errands import Ended
from remediate.watching.remembered import Memory
from remediate.watching.ward import Ward
from remediate.watching.work import Errand, Note, Turned, Work
from tests.watching.conftest import Hand
from tests.watching.test_service import HEADER, Stage, service
from tests.watching.test_ward import heal, look, open_

HOSTS = ("web1", "web2")
CHECK = "the indexes of all tables are whole"
WRONG = Finding(check=CHECK, healthy=False, seen="2 are not whole", facts={"corrupted": ["a", "b"]})
WEEKLY = Errand("lab", Work.SCHEDULED, HOSTS, ("database-health",), "weekly", "")


@pytest.fixture
def ward(inventory: Callable[..., Inventory], hand: Hand) -> Ward:
    ward = Ward(inventory())
    ward.take_on(ward.inventory, {}, hand.now)
    return ward


def says(ward: Ward, hand: Hand, *wrong: Finding, errand: Errand = WEEKLY) -> tuple[Note, ...]:
    """Have the tool find something on one host, and the other well."""
    found = {"web1": wrong, "web2": ()}
    return tuple(ward.ended(errand, well=not wrong, wrong=found, at=hand.on(10)))


def next_of(ward: Ward, hand: Hand, work: Work) -> Errand:
    began = hand.stopwatch
    while hand.stopwatch < began + 7200:
        errand = ward.next_errand(hand.on(1))
        if errand and errand.work is work:
            return errand
        ward.errand = None
    raise AssertionError(f"no {work} in two hours")


def record(host: str, *findings: Finding, blocked: str = "") -> str:
    healthy = None if blocked else all(one.healthy for one in findings)
    body = {"host": host, "healthy": healthy, "blocked": blocked, "unknown": []}
    return json.dumps({**body, "findings": [one.model_dump(mode="json") for one in findings]})


def test_what_a_tool_finds_and_no_playbook_does_is_a_persons_and_told_once(ward: Ward, hand: Hand) -> None:
    (opened,) = says(ward, hand, WRONG)
    assert (opened.turned, opened.concern.host) == (Turned.OPENED, "web1"), "the other one is well"
    assert look(ward, hand) == (), "healing was not asked yet"
    assert heal(ward, hand).hosts == ("web1",)
    (note,) = look(ward, hand)
    assert (note.turned, note.concern.findings) == (Turned.BEYOND, (WRONG,))
    assert note.concern.seen == f"{CHECK}: 2 are not whole"
    assert look(ward, hand) == ()
    assert open_(ward) == ["web1 schedule:weekly"]


def test_it_is_asked_again_in_turn_with_healing_and_its_word_alone_ends_it(ward: Ward, hand: Hand) -> None:
    says(ward, hand, WRONG)
    heal(ward, hand)
    look(ward, hand)
    began, pauses = hand.stopwatch, []
    for _ in range(5):
        again = next_of(ward, hand, Work.SCHEDULED)
        pauses.append(hand.stopwatch - began)
        assert (again.hosts, again.playbooks, again.name) == (("web1",), ("vacuum",), "weekly")
        assert says(ward, hand, WRONG, errand=again) == ()
        next_of(ward, hand, Work.HEAL)
        ward.ended(Errand("lab", Work.HEAL, ("web1",)), well=True, at=hand.on(20))
        assert look(ward, hand) == ()
        began = hand.stopwatch
    assert pauses == sorted(pauses)
    (note,) = says(ward, hand, errand=next_of(ward, hand, Work.SCHEDULED))
    assert (note.turned, open_(ward)) == (Turned.CLOSED, [])


def test_after_a_cure_it_is_asked_before_anybody_is_called(ward: Ward, hand: Hand) -> None:
    says(ward, hand, WRONG)
    errand = ward.next_errand(hand.now)
    assert errand
    ward.ended(errand, well=True, cured=True, at=hand.on(30))
    assert look(ward, hand) == (), "another fault may have been healed"
    again = next_of(ward, hand, Work.SCHEDULED)
    assert [note.turned for note in says(ward, hand, errand=again)] == [Turned.CLOSED]


def test_what_is_asked_again_and_may_not_begin_is_not_asked_each_moment(ward: Ward, hand: Hand) -> None:
    says(ward, hand, WRONG)
    heal(ward, hand)
    look(ward, hand)
    next_of(ward, hand, Work.SCHEDULED)
    ward.errand = None  # it could not be written down that it begins
    ward.calls.looked = 1e9
    assert ward.next_errand(hand.on(1)) is None
    assert next_of(ward, hand, Work.SCHEDULED)


def test_a_healing_of_something_else_does_not_put_asking_off(ward: Ward, hand: Hand) -> None:
    says(ward, hand, WRONG)
    heal(ward, hand)
    due = ward.concerns["lab", "web1", "schedule:weekly"].due
    look(ward, hand, free=10.0)
    assert heal(ward, hand).reason == "watch: web1 rule:disk"
    assert ward.concerns["lab", "web1", "schedule:weekly"].due == due


@pytest.mark.parametrize(
    ("code", "lines", "seen"),
    [
        (8, [record("web1", WRONG), record("web2")], {"web1": ("2 are not whole",), "web2": ()}),
        (
            6,
            [record("web1", blocked="web1: no route")],
            {"web1": ("could not be looked at: web1: no route",)},
        ),
        (2, ["error: nothing"], dict.fromkeys(HOSTS, ("it ended with 2: error: nothing",))),
        (71, [], dict.fromkeys(HOSTS, ("it ended with 71: it said nothing",))),
        (8, ['{"kind": "healed", "faults": []}'], {}),
        (4, ["interrupted"], {}),
        (-15, [], {}),
    ],
)
def test_what_it_found_is_read_from_its_own_lines(
    code: int, lines: list[str], seen: dict[str, tuple[str, ...]]
) -> None:
    told = Ended(WEEKLY, code, 1.0, tuple(lines)).wrong
    known = {host: tuple(one.seen for one in findings) for host, findings in told.items()}
    assert {host: known[host] for host in seen} == seen
    assert set(known) <= set(HOSTS) if seen else not known


def test_what_a_host_words_is_bounded_and_cleaned() -> None:
    long = Finding(
        check="c\x1b[2J", healthy=False, seen="x" * 9000, evidence=("y\u2028" * 9000,), facts={"rows": "z"}
    )
    (kept,) = Ended(WEEKLY, 8, 1.0, (record("web1", long),)).wrong["web1"]
    assert kept.facts == {}
    assert len(kept.model_dump_json()) < 7000
    assert "\x1b" not in kept.check


def test_the_run_that_a_person_is_called_for_has_what_it_found_and_comes_to_level_3(
    tmp_path: Path, inventory: Callable[..., Inventory], hand: Hand
) -> None:
    lab = inventory("playbook: vacuum", "playbook: database-health")
    with Journal.open(tmp_path / "state", Masker(), lambda: hand.wall) as journal:
        one = service(Stage(lab, tmp_path), journal)
        ended = Ended(WEEKLY, 8, 1.0, (record("web1", WRONG), record("web2")))
        one._ended(ended)
        (known,) = Memory(journal, HEADER).recall().concerns.values()
        assert (known.findings, known.firing) == ((WRONG,), False), "a restart forgets nothing"
        run = Memory(journal, HEADER).call(Note(Turned.BEYOND, known), lab, hand.on(60).wall, "database")
        summary = next(each for each in journal.runs() if each.header.run == run)
        case = case_of(summary, tuple(journal.entries(run)), None, {}, hand.wall)
    assert case.topics == ("corruption", "database")
    assert case.title == "database-health is not content"
    assert case.error[0] == f"web1: {CHECK}: 2 are not whole"
    assert case.fingerprints == ("schedule:weekly on web1 (lab)",)
