"""What the service does next in an environment, over hours that pass at a test's word."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from remediate.inventory import Inventory
from remediate.journal import Entry
from remediate.model import Finding
from remediate.watching.alerts import Notice
from remediate.watching.remembered import remembered
from remediate.watching.rules import State, blind
from remediate.watching.schedule import Since
from remediate.watching.ward import Ward
from remediate.watching.work import Errand, Note, Turned, Work
from tests.watching.conftest import Hand, reading

WATCHED = "web1"
DISK = ("lab", WATCHED, "rule:disk")


@pytest.fixture
def ward(inventory: Callable[..., Inventory], hand: Hand) -> Ward:
    ward = Ward(inventory())
    ward.take_on(ward.inventory, {}, hand.now)
    return ward


def look(ward: Ward, hand: Hand, host: str = WATCHED, **seen: object) -> tuple[Note, ...]:
    """Have a host looked at, which takes a second."""
    begun = hand.stopwatch
    ward.begin_look(host, begun)
    at = hand.on(1)
    return ward.saw(host, reading(at.stopwatch, **seen), begun, at)  # type: ignore[arg-type]


def alert(name: str = "HighErrorRate", host: str = WATCHED, *, firing: bool = True) -> Notice:
    return Notice("lab", host, name, ("post-deploy-500",) if name == "HighErrorRate" else (), firing=firing)


def heal(ward: Ward, hand: Hand, *, well: bool = True) -> Errand:
    errand = ward.next_errand(hand.now)
    assert errand
    ward.ended(errand, well=well, at=hand.on(30))
    return errand


def open_(ward: Ward) -> list[str]:
    return [f"{one.host} {one.source}" for one in ward.concerns.values()]


def test_each_host_is_looked_at_in_its_turn_and_never_twice_at_once(ward: Ward, hand: Hand) -> None:
    assert ward.hosts_to_look_at(hand.stopwatch) == ("web1", "web2", "studio1", "little")
    ward.begin_look("web1", hand.stopwatch)
    assert "web1" not in ward.hosts_to_look_at(hand.on(300).stopwatch)
    ward.saw("web1", blind(ward.inventory.watch, hand.stopwatch, "gone"), hand.stopwatch, hand.now)
    assert "web1" in ward.hosts_to_look_at(hand.stopwatch)


def test_a_rule_that_fires_opens_one_concern_and_asks_for_healing(ward: Ward, hand: Hand) -> None:
    (note,) = look(ward, hand, free=10.0)
    assert (note.turned, note.concern.source) == (Turned.OPENED, "rule:disk")
    assert look(ward, hand, free=9.0) == ()
    assert ward.concerns["lab", WATCHED, "rule:disk"].told == 2
    errand = ward.next_errand(hand.now)
    assert errand == Errand("lab", Work.HEAL, (WATCHED,), reason="watch: web1 rule:disk")
    assert ward.next_errand(hand.now) is None, "one thing at a time"


def test_a_concern_is_closed_by_a_look_after_healing_and_by_none_before(ward: Ward, hand: Hand) -> None:
    look(ward, hand, free=10.0)
    errand = ward.next_errand(hand.now)
    assert errand
    begun = hand.stopwatch
    ward.looking.add(WATCHED)  # a look that began while it was being healed
    hand.on(5)
    assert ward.saw(WATCHED, reading(hand.stopwatch), begun, hand.now) == ()
    ward.ended(errand, well=True, at=hand.on(30))
    assert open_(ward) == ["web1 rule:disk"], "what healing says closes nothing"
    assert ward.saw(WATCHED, reading(hand.stopwatch), begun, hand.now) == ()
    assert WATCHED in ward.hosts_to_look_at(hand.stopwatch), "it is looked at at once"
    (note,) = look(ward, hand)
    assert (note.turned, open_(ward)) == (Turned.CLOSED, [])


def test_what_stays_is_asked_for_again_later_each_time_and_once_an_hour_at_last(
    ward: Ward, hand: Hand
) -> None:
    look(ward, hand, free=10.0)
    pauses = []
    for _ in range(9):
        heal(ward, hand, well=False)
        look(ward, hand, free=10.0)
        since = hand.stopwatch
        while (errand := ward.next_errand(hand.now)) is None or errand.work is not Work.HEAL:
            ward.errand = None
            hand.on(10)
        pauses.append(round(hand.stopwatch - since, -1))
        ward.errand = None
    assert pauses == sorted(pauses)
    assert pauses[:3] == [60, 120, 240]
    assert pauses[-1] == 3600


def test_a_rule_that_fires_where_healing_finds_nothing_is_a_persons_and_only_once(
    ward: Ward, hand: Hand
) -> None:
    look(ward, hand, free=10.0)
    heal(ward, hand, well=True)
    (note,) = look(ward, hand, free=10.0)
    assert (note.turned, note.concern.source) == (Turned.BEYOND, "rule:disk")
    assert look(ward, hand, free=10.0) == ()
    ward.calls.want("20260101-000000-abcd", note.concern.key)
    errand = ward.next_errand(hand.now)
    assert errand
    assert (errand.work, errand.name) == (Work.ESCALATE, "20260101-000000-abcd")
    ward.ended(errand, well=True, at=hand.on(5))
    assert open_(ward) == ["web1 rule:disk"]


@pytest.mark.parametrize("cured", [True, False])
def test_a_cure_that_worked_calls_nobody_though_a_rule_still_fired_by_what_was_seen_before(
    ward: Ward, hand: Hand, *, cured: bool
) -> None:
    busy = 0
    for _ in range(7):
        look(ward, hand, busy=busy)
        hand.on(59)
        busy += 6000
    assert open_(ward) == ["web1 rule:cpu"]
    errand = ward.next_errand(hand.now)
    assert errand
    ward.ended(errand, well=True, cured=cured, at=hand.on(100))
    notes = look(ward, hand, busy=busy + 10_000)
    assert [note.turned for note in notes] == ([] if cured else [Turned.BEYOND])
    (cpu,) = [alarm.state for alarm in ward.alarms_of(WATCHED) if alarm.rule == "cpu"]
    assert cpu is (State.UNKNOWN if cured else State.FIRING)
    hand.on(59)
    assert [note.turned for note in look(ward, hand, busy=busy + 10_100)] == [Turned.CLOSED]


def test_where_another_fault_was_healed_what_goes_on_is_a_persons_all_the_same(
    ward: Ward, hand: Hand
) -> None:
    look(ward, hand, free=10.0)
    errand = ward.next_errand(hand.now)
    assert errand
    ward.ended(errand, well=True, cured=True, at=hand.on(30))
    assert look(ward, hand, free=10.0) == ()
    hand.on(60)
    heal(ward, hand, well=True)
    assert [note.turned for note in look(ward, hand, free=10.0)] == [Turned.BEYOND]


def test_a_rate_of_errors_that_no_playbook_explains_is_a_persons_however_few_requests_come(
    ward: Ward, hand: Hand
) -> None:
    opened = 0
    for _ in range(60):
        quiet = ward.quiet_for(WATCHED, hand.stopwatch)
        counted = min(300.0, quiet or 300.0)
        many = int(counted * 8 / 60)  # eight a minute, the tenth of them fails
        short = {"cut_short": counted < 300, "failed": many // 10, "total": many}
        notes = look(ward, hand, **short)
        opened += sum(note.turned is Turned.OPENED for note in notes)
        if any(note.turned is Turned.BEYOND for note in notes):
            break
        if (errand := ward.next_errand(hand.now)) and errand.work is Work.HEAL:
            ward.ended(errand, well=True, at=hand.on(20))
        ward.errand = None
        hand.on(30)
    assert [note.turned for note in notes] == [Turned.BEYOND]
    assert opened == 1


def test_a_person_who_could_not_be_reached_is_called_again_with_growing_pauses(
    ward: Ward, hand: Hand
) -> None:
    look(ward, hand, free=10.0)
    heal(ward, hand, well=True)
    look(ward, hand, free=10.0)
    ward.concerns = {key: replace(one, due=1e9) for key, one in ward.concerns.items()}
    ward.calls.looked = 1e9  # only this call
    ward.calls.want("run-1", DISK)
    tried: list[float] = []
    while len(tried) < 8:
        if errand := ward.next_errand(hand.now):
            assert (errand.work, errand.name) == (Work.ESCALATE, "run-1")
            tried.append(hand.stopwatch)
            ward.ended(errand, well=False, at=hand.now)
            assert ward.next_errand(hand.now) is None
        hand.on(10)
    assert [later - earlier for earlier, later in pairwise(tried)] == [60, 120, 240, 480, 960, 1920, 3600]
    hand.on(3600)
    errand = ward.next_errand(hand.now)
    assert errand
    ward.ended(errand, well=True, at=hand.now)
    assert ward.next_errand(hand.on(7200)) is None


def test_healing_waits_for_calls_that_nobody_tried_yet_and_for_no_others(ward: Ward, hand: Hand) -> None:
    ward.calls.looked = 1e9
    for run in ("run-1", "run-2", "run-3", "run-4"):
        ward.calls.want(run, DISK)
        errand = ward.next_errand(hand.now)
        assert errand
        ward.ended(errand, well=False, at=hand.on(40))
    hand.on(3600)
    ward.calls.want("run-5", DISK)
    ward.noticed(alert(), hand.now)
    done: list[str] = []
    while errand := ward.next_errand(hand.now):
        done.append(errand.name or errand.work.value)
        ward.ended(errand, well=False, at=hand.on(1))
    assert done == ["run-5", "heal", "run-1", "run-2", "run-3", "run-4"]


def test_for_what_is_over_nobody_is_called_again(ward: Ward, hand: Hand) -> None:
    look(ward, hand, free=10.0)
    heal(ward, hand, well=True)
    look(ward, hand, free=10.0)
    ward.calls.want("run-1", DISK)
    errand = ward.next_errand(hand.now)
    assert errand
    ward.ended(errand, well=False, at=hand.now)
    assert list(ward.calls.runs) == ["run-1"]
    assert look(ward, hand)[0].turned is Turned.CLOSED
    assert ward.calls.runs == {}


def test_an_alert_that_goes_on_though_we_see_nothing_is_a_persons_after_some_healings(
    ward: Ward, hand: Hand
) -> None:
    ward.noticed(alert(), hand.now)
    began, notes, healed = hand.stopwatch, (), 0
    while not notes and hand.stopwatch < began + 3600:
        errand = ward.next_errand(hand.on(10))
        if errand and errand.work is Work.HEAL:
            healed += 1
        if errand:
            ward.ended(errand, well=True, at=hand.now)
        notes = look(ward, hand)
    assert [(note.turned, note.concern.source) for note in notes] == [(Turned.BEYOND, "alert:HighErrorRate")]
    assert healed == 4
    assert hand.stopwatch < began + 900


def test_what_healing_left_to_a_person_is_not_told_twice(ward: Ward, hand: Hand) -> None:
    look(ward, hand, free=10.0)
    heal(ward, hand, well=False)
    assert look(ward, hand, free=10.0) == ()


def test_while_something_is_not_healed_it_is_looked_each_minute_whose_turn_it_is(
    ward: Ward, hand: Hand
) -> None:
    assert ward.next_errand(hand.on(600)) is None
    look(ward, hand, free=10.0)
    heal(ward, hand, well=False)
    asked = []
    ward.concerns = {key: replace(one, due=1e9) for key, one in ward.concerns.items()}
    for _ in range(150):
        errand = ward.next_errand(hand.on(1))
        if errand:
            asked.append(errand.work)
            ward.ended(errand, well=True, at=hand.now)
    assert asked == [Work.ESCALATE] * 2


def test_an_alert_said_a_thousand_times_is_one_concern(ward: Ward, hand: Hand) -> None:
    notes = [note for _ in range(1000) for note in ward.noticed(alert(), hand.on(0.06))]
    assert [note.turned for note in notes] == [Turned.OPENED]
    assert ward.concerns["lab", WATCHED, "alert:HighErrorRate"].told == 1000
    assert heal(ward, hand).playbooks == ("post-deploy-500",)


def test_an_alert_is_over_when_its_sender_and_our_own_look_agree(ward: Ward, hand: Hand) -> None:
    ward.noticed(alert(), hand.now)
    heal(ward, hand)
    assert look(ward, hand) == (), "its sender has not taken it back"
    ward.noticed(alert(firing=False), hand.now)
    assert WATCHED in ward.hosts_to_look_at(hand.stopwatch)
    assert look(ward, hand, health=False) == (), "we do not agree"
    (note,) = look(ward, hand)
    assert (note.turned, open_(ward)) == (Turned.CLOSED, [])


def test_an_alert_that_was_taken_back_is_not_over_by_a_look_from_before(ward: Ward, hand: Hand) -> None:
    ward.noticed(alert(), hand.now)
    heal(ward, hand)
    begun = hand.stopwatch
    ward.begin_look(WATCHED, begun)
    ward.noticed(alert(firing=False), hand.on(1))
    assert ward.saw(WATCHED, reading(hand.stopwatch), begun, hand.on(1)) == ()
    assert look(ward, hand)[0].turned is Turned.CLOSED


def test_an_alert_nobody_knows_of_is_not_opened_by_being_taken_back(ward: Ward, hand: Hand) -> None:
    assert list(ward.noticed(alert(firing=False), hand.now)) == []
    assert open_(ward) == []


def test_hosts_for_which_the_same_playbooks_may_be_run_go_together_and_the_others_next(
    ward: Ward, hand: Hand
) -> None:
    ward.noticed(alert(host="web2"), hand.now)
    ward.noticed(alert("DatabaseDown"), hand.on(1))
    ward.noticed(alert(host="little"), hand.on(1))
    ward.noticed(alert("DatabaseDown", "studio1"), hand.on(1))
    first, second = heal(ward, hand), heal(ward, hand)
    assert (first.hosts, first.playbooks) == (("web2", "little"), ("post-deploy-500",))
    assert "DatabaseDown" not in first.reason
    assert (second.hosts, second.playbooks) == (("web1", "studio1"), ())


def test_what_limits_nothing_lifts_the_limit_of_its_own_host(ward: Ward, hand: Hand) -> None:
    ward.noticed(alert(), hand.now)
    look(ward, hand, free=10.0)
    errand = heal(ward, hand)
    assert (errand.hosts, errand.playbooks) == ((WATCHED,), ())


def test_a_host_in_work_is_not_looked_at_and_others_are(ward: Ward, hand: Hand) -> None:
    ward.noticed(alert(), hand.now)
    ward.next_errand(hand.now)
    assert ward.hosts_to_look_at(hand.stopwatch) == ("web2", "studio1", "little")


def test_only_requests_after_healing_count(ward: Ward, hand: Hand) -> None:
    assert ward.quiet_for(WATCHED, hand.stopwatch) is None
    ward.noticed(alert(), hand.now)
    heal(ward, hand)
    assert ward.quiet_for(WATCHED, hand.on(12).stopwatch) == 12


def test_what_is_scheduled_is_begun_once_when_it_is_due_and_waits_for_healing(ward: Ward, hand: Hand) -> None:
    hand.on(ward.plans["weekly"].due - hand.wall)
    ward.noticed(alert(), hand.now)
    assert heal(ward, hand).work is Work.HEAL
    errand = ward.next_errand(hand.now)
    assert errand
    assert (errand.work, errand.name, errand.playbooks, errand.hosts) == (
        Work.SCHEDULED,
        "weekly",
        ("vacuum",),
        (),
    )
    ward.ended(errand, well=True, at=hand.on(60))
    assert ward.plans["weekly"].due > hand.wall + 86400


def test_what_a_scheduled_playbook_left_is_healed_and_over_when_we_see_it(ward: Ward, hand: Hand) -> None:
    errand = Errand("lab", Work.SCHEDULED, ("web2",), ("vacuum",), "weekly", "")
    (note,) = ward.ended(errand, well=False, at=hand.now)
    assert note.concern.source == "schedule:weekly"
    assert heal(ward, hand).hosts == ("web2",)
    assert look(ward, hand, "web2")[0].turned is Turned.CLOSED


def test_when_all_is_read_anew_what_is_gone_is_closed_and_the_rest_kept(
    ward: Ward, hand: Hand, inventory: Callable[..., Inventory]
) -> None:
    ward.noticed(alert(), hand.now)
    ward.noticed(alert("DatabaseDown", "web2"), hand.now)
    look(ward, hand, "studio1", free=1.0)
    renamed = inventory("DatabaseDown: {on: [backend]}", "Other: {}")
    assert [one.concern.source for one in ward.take_on(renamed, {}, hand.now)] == ["alert:DatabaseDown"]
    assert open_(ward) == ["web1 alert:HighErrorRate", "studio1 rule:disk"]
    assert list(ward.noticed(alert("DatabaseDown"), hand.now)) == [], "the listener had the old one"
    gone = replace(renamed, hosts=renamed.hosts[:2])
    assert [one.concern.host for one in ward.take_on(gone, {}, hand.now)] == ["studio1"]
    assert list(ward.noticed(alert(host="studio1"), hand.now)) == []


def test_there_is_always_a_time_at_which_something_is_next(ward: Ward, hand: Hand) -> None:
    assert ward.next_due(hand.now) == 0
    for host in list(ward.turns):
        look(ward, hand, host)
    assert 0 < ward.next_due(hand.now) <= 60
    ward.noticed(alert(), hand.now)
    assert ward.next_due(hand.now) == 0


def entries(*notes: tuple[str, dict[str, object]]) -> list[Entry]:
    return [
        Entry(seq=number, run="r", host="web1", at=100.0 + number, kind=kind, body=body, previous="", hash="")
        for number, (kind, body) in enumerate(notes, start=1)
    ]


def concern(turned: str, source: str) -> tuple[str, dict[str, object]]:
    body = {"environment": "lab", "turned": turned, "source": source, "seen": "x", "told": 1, "tries": 0}
    return "concern", {**body, "playbooks": ["vacuum"]}


@pytest.mark.parametrize(
    ("turns", "firing"),
    [
        ([], True),
        (["taken back"], False),
        (["taken back", "said again"], True),
        (["closed", "taken back"], None),
    ],
)
def test_an_alert_that_was_taken_back_before_it_was_killed_is_taken_back_afterwards(
    turns: list[str], firing: bool | None
) -> None:
    told = entries(*(concern(turned, "alert:HighErrorRate") for turned in ("opened", *turns)))
    (known,) = remembered(told).of("lab")[:1]
    assert [(one.firing, one.since) for one in known.values()] == (
        [] if firing is None else [(firing, 101.0)]
    )


def test_that_an_alert_is_taken_back_and_said_again_is_written_down_once_each(ward: Ward, hand: Hand) -> None:
    said = [True, True, False, False, True, True]
    notes = [note.turned for firing in said for note in ward.noticed(alert(firing=firing), hand.on(1))]
    assert notes == [Turned.OPENED, Turned.TAKEN_BACK, Turned.AGAIN]


def test_what_was_open_when_it_was_killed_is_open_again_and_due_at_once(
    ward: Ward, hand: Hand, inventory: Callable[..., Inventory]
) -> None:
    told = entries(
        concern("opened", "alert:HighErrorRate"),
        concern("opened", "rule:disk"),
        concern("opened", "alert:Gone"),
        concern("closed", "rule:disk"),
        ("scheduled", {"environment": "lab", "name": "weekly"}),
        ("scheduled", {"environment": "staging", "name": "weekly"}),
    )
    json.dumps([entry.model_dump() for entry in told])
    open_before, begun = remembered(told).of("lab")
    again = Ward(inventory(), open_before)
    (gone,) = again.take_on(again.inventory, begun, hand.now)
    assert (gone.turned, gone.concern.source) == (Turned.CLOSED, "alert:Gone")
    assert open_(again) == ["web1 alert:HighErrorRate"]
    assert begun == {"weekly": Since(105.0)}
    errand = again.next_errand(hand.now)
    assert errand
    assert (errand.hosts, errand.playbooks) == (("web1",), ("post-deploy-500",)), "as declared now"


def test_where_healing_says_nothing_a_person_is_called_and_nothing_is_left_to_one(
    ward: Ward, hand: Hand
) -> None:
    look(ward, hand, free=10.0)
    errand = ward.next_errand(hand.now)
    assert errand
    ward.ended(errand, well=False, looked=False, mute="it ended with 2: no", at=hand.on(30))
    assert not ward.closing.left
    (note,) = look(ward, hand, free=10.0)
    assert (note.turned, note.concern.mute) == (Turned.BEYOND, "it ended with 2: no")
    assert look(ward, hand, free=10.0) == (), "once"
    ward.called(DISK, ["run-1"])
    call = ward.next_errand(hand.now)
    assert call
    assert (call.work, call.name) == (Work.ESCALATE, "run-1")
    ward.ended(call, well=True, at=hand.on(1))
    hand.on(60)
    heal(ward, hand, well=False)
    assert ward.concerns[DISK].mute == "", "it can be carried out again"


def test_an_alert_for_which_healing_says_nothing_calls_a_person_at_once(ward: Ward, hand: Hand) -> None:
    ward.noticed(alert(), hand.now)
    errand = ward.next_errand(hand.now)
    assert errand
    ward.ended(errand, well=False, looked=False, mute="it ended with -9: it said nothing", at=hand.on(30))
    assert [note.turned for note in look(ward, hand)] == [Turned.BEYOND]


def test_a_deadline_is_looked_for_while_a_call_is_open_whatever_our_looks_see(ward: Ward, hand: Hand) -> None:
    assert ward.next_errand(hand.now) is None
    ward.calls.open = True
    errand = ward.next_errand(hand.now)
    assert errand == Errand("lab", Work.ESCALATE, (), reason="whose turn it is by now")
    ward.ended(errand, well=True, at=hand.on(1))
    assert ward.next_errand(hand.on(50)) is None
    assert ward.next_errand(hand.on(10)) == errand


def test_what_is_scheduled_and_cannot_be_begun_is_tried_again_a_little_later(ward: Ward, hand: Hand) -> None:
    hand.on(8 * 86400)
    errand = ward.next_errand(hand.now)
    assert errand
    assert errand.name == "weekly"
    ward.refused(errand, hand.now)
    assert ward.next_errand(hand.now) is None
    for host in ward.turns:
        ward.begin_look(host, hand.stopwatch)
    assert 0 < ward.next_due(hand.now) <= 60
    again = ward.next_errand(hand.on(60))
    assert again == errand
    ward.ended(again, well=True, at=hand.on(1))
    assert ward.next_errand(hand.on(86400)) is None


def test_what_is_taken_out_while_it_is_at_work_leaves_nothing_to_be_asked_again(
    ward: Ward, hand: Hand, inventory: Callable[..., Inventory]
) -> None:
    hand.on(8 * 86400)
    errand = ward.next_errand(hand.now)
    assert errand
    weekly = 'weekly: {playbook: vacuum, cron: "0 4 * * MON", zone: Europe/Berlin}'
    without = inventory(weekly, 'other: {playbook: vacuum, cron: "0 4 1 1 *"}')
    ward.take_on(without, {}, hand.now)
    found = {WATCHED: (Finding(check="x", healthy=False, seen="y"),)}
    ran = replace(errand, hosts=(WATCHED,))
    assert ward.ended(ran, well=False, wrong=found, at=hand.on(1)) == []
    assert ward.concerns == {}


def test_an_open_alert_goes_by_the_playbooks_that_the_inventory_names_now(
    ward: Ward, hand: Hand, inventory: Callable[..., Inventory]
) -> None:
    ward.noticed(alert(), hand.now)
    ward.take_on(inventory("[post-deploy-500]", "[crash-loop]"), {}, hand.now)
    errand = ward.next_errand(hand.now)
    assert errand
    assert errand.playbooks == ("crash-loop",)


@pytest.mark.parametrize("looks", [True, False])
def test_only_who_changes_something_makes_what_was_before_count_no_more(
    ward: Ward, hand: Hand, looks: bool
) -> None:
    hand.on(8 * 86400)
    errand = ward.next_errand(hand.now)
    assert errand
    ward.ended(replace(errand, hosts=(WATCHED,), only_looks=looks), well=True, at=hand.on(1))
    assert (ward.quiet_for(WATCHED, hand.stopwatch) is None) is looks
