"""Whom the service has called, from an alarm until it is over: the next one calls them as the first did."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from remediate.clock import Clock
from remediate.errors import JournalError
from remediate.escalation.delivery import Message, Sent
from remediate.escalation.escalating import Escalated, Escalator
from remediate.escalation.incident import KINDS, is_mended, open_incidents
from remediate.escalation.record import case_of
from remediate.inventory import Contact, Inventory, Reference
from remediate.journal import Journal, RunHeader
from remediate.masking import Masker
from remediate.model import Outcome
from remediate.watching.called import title
from remediate.watching.calls import Calls
from remediate.watching.closing import REASON, Closing
from remediate.watching.concerns import Concern
from remediate.watching.errands import Ended
from remediate.watching.over import CALM
from remediate.watching.remembered import Memory
from remediate.watching.rules import RULES
from remediate.watching.ward import Ward
from remediate.watching.work import Errand, Note, Turned, Work
from tests.watching.conftest import Hand
from tests.watching.test_service import HEADER, Stage, service
from tests.watching.test_ward import DISK, WATCHED, alert, heal, look

HOUR = 3600.0
URL = Reference(name="notify", where="lab.yml:9:9", folder="/", env="URL")
APPS = {WATCHED: "app", "studio1": "studio"}
CONTACTS = (
    Contact(level=1, name="Lead", notify=(URL,)),
    Contact(level=2, name="DBA", notify=(URL,), after=600.0),
)


@dataclass
class Night:
    """A service that watches, with contacts that always answer."""

    journal: Journal
    inventory: Inventory
    state: Path
    hand: Hand
    memory: Memory = field(init=False)

    def __post_init__(self) -> None:
        self.restarts()

    def restarts(self) -> None:
        self.memory = Memory(self.journal, HEADER)

    def alarm(self, source: str = "rule:disk", host: str = WATCHED) -> Concern:
        concern = Concern("lab", host, source, self.hand.wall, seen="12.0 % of the disk are free")
        self.memory.note(Note(Turned.OPENED, concern))
        return concern

    def begins(self, concern: Concern) -> str:
        return self.memory.call(Note(Turned.BEYOND, concern), self.inventory, self.hand.wall)

    def calls(self, concern: Concern, run: str = "") -> Escalated:
        run = run or self.begins(concern)
        summary = next(one for one in self.journal.runs() if one.header.run == run)
        case = case_of(summary, tuple(self.journal.entries(run)), None, APPS, self.hand.wall)
        clock = Clock(lambda: self.hand.wall, lambda: self.hand.stopwatch, self.hand.on)
        variables = {"URL": "json://example.org"}
        return Escalator(self.inventory, self.state, self.journal, Masker(), variables, send, clock).escalate(
            case
        )

    def closes(self, concern: Concern) -> None:
        self.memory.note(Note(Turned.CLOSED, concern))

    def ends_calls(self) -> tuple[str, ...]:
        return self.memory.end_calls(self.hand.wall)

    @property
    def open(self) -> list[str]:
        told = open_incidents(self.journal.of_kinds(KINDS), self.journal.runs(), self.hand.wall)
        return [one.name for one in told]


def send(urls: Sequence[str], message: Message) -> list[Sent]:
    del message
    return [Sent(taken=True) for _ in urls]


@pytest.fixture
def night(tmp_path: Path, inventory: Callable[..., Inventory], hand: Hand) -> Iterator[Night]:
    lab = inventory()
    lab = Inventory(lab.environment, lab.path, "", False, lab.policy, lab.hosts, CONTACTS)
    with Journal.open(tmp_path / "state", Masker(), lambda: hand.wall) as journal:
        yield Night(journal, lab, tmp_path / "state", hand)


@pytest.fixture
def ward(inventory: Callable[..., Inventory], hand: Hand) -> Ward:
    ward = Ward(inventory())
    ward.take_on(ward.inventory, {}, hand.now)
    return ward


@pytest.mark.parametrize("restarts", [False, True])
def test_the_second_alarm_of_a_night_calls_as_the_first_did(
    night: Night, hand: Hand, *, restarts: bool
) -> None:
    for _ in range(3):
        concern = night.alarm()
        began = hand.wall
        came = night.calls(concern)
        assert ([one.contact for one in came.told], came.turn.level) == (["Lead"], 1)
        assert came.case.started == began
        assert night.open == [came.incident]
        hand.on(600)
        if restarts:
            night.restarts()
        night.closes(concern)
        hand.on(CALM)
        assert night.ends_calls() == ("rule:disk on web1 (lab)",)
        assert (night.open, night.ends_calls()) == ([], ())
        hand.on(3 * HOUR)


def test_what_comes_again_at_once_is_the_same_incident_and_calls_nobody_anew(
    night: Night, hand: Hand
) -> None:
    concern = night.alarm()
    first = night.calls(concern)
    for _ in range(5):
        night.closes(concern)
        hand.on(60)
        assert night.ends_calls() == ()
        concern = night.alarm()
        hand.on(CALM / 10)
        assert night.ends_calls() == ()
    again = night.calls(concern)
    assert again.incident == first.incident
    assert "Lead" not in [one.contact for one in again.told]


def test_a_call_that_ends_after_its_concern_is_over_all_the_same(night: Night, hand: Hand) -> None:
    run = night.begins(concern := night.alarm())
    night.closes(concern)
    came = night.calls(concern, run)
    assert night.open == [came.incident]
    hand.on(CALM)
    night.ends_calls()
    assert night.open == []


def unreadable(night: Night) -> None:
    """Leave a word of a concern that ends whoever reads it."""
    night.journal.append("run-0", WATCHED, "concern", {})


def test_what_was_written_before_anybody_was_called_is_not_read_again(night: Night, hand: Hand) -> None:
    unreadable(night)
    concern = night.alarm()
    unreadable(night)
    night.calls(concern)
    assert night.ends_calls() == ()
    night.closes(concern)
    hand.on(CALM)
    assert night.ends_calls()


def test_what_nobody_heard_of_for_a_day_has_nothing_read(night: Night, hand: Hand) -> None:
    night.calls(night.alarm())
    unreadable(night)
    with pytest.raises(JournalError):
        night.ends_calls()
    hand.on(24 * HOUR)
    assert night.ends_calls() == ()


def test_what_a_playbook_calls_for_has_nothing_read_for_no_word_of_ours_ends_it(night: Night) -> None:
    night.calls(night.alarm("post-deploy-500"))
    unreadable(night)
    assert night.ends_calls() == ()


def test_a_clock_that_went_back_keeps_no_call_open(night: Night, hand: Hand) -> None:
    concern = night.alarm()
    night.calls(concern)
    night.closes(concern)
    hand.wall -= HOUR
    assert night.ends_calls()


def test_what_is_still_open_and_what_others_were_called_for_is_not_over(night: Night, hand: Hand) -> None:
    came = night.calls(concern := night.alarm())
    night.closes(concern)
    night.alarm()
    other = Concern("lab", WATCHED, "rule:cpu", 1.0)
    night.memory.note(Note(Turned.OPENED, other))
    night.closes(other)
    hand.on(HOUR)
    assert night.ends_calls() == ()
    assert night.open == [came.incident]


def test_nobody_is_called_for_what_is_over_and_everybody_for_what_is_not(hand: Hand) -> None:
    calls = Calls()
    calls.want("run-1", DISK)
    calls.want("run-2", ("lab", "web2", "rule:disk"))
    calls.over([DISK])
    assert calls.untried
    assert calls.next(hand.stopwatch, again=False) == "run-2"
    calls.tried("run-1", hand.stopwatch, well=False)
    assert list(calls.runs) == ["run-2"]


def closing_look(ward: Ward, hand: Hand) -> Errand | None:
    errand = ward.next_errand(hand.on(1))
    return errand if errand and errand.work is Work.HEAL else None


def test_where_something_was_left_to_a_person_those_who_heal_look_once_more_when_it_is_over(
    ward: Ward, hand: Hand
) -> None:
    look(ward, hand, free=10.0)
    ward.noticed(alert(), hand.now)
    heal(ward, hand, well=False)
    ward.noticed(alert(firing=False), hand.on(1))
    assert [note.turned for note in look(ward, hand, free=10.0)] == []
    assert ward.hosts_to_close(hand.stopwatch) == ()
    assert [note.turned for note in look(ward, hand)] == [Turned.CLOSED] * 2
    errand = closing_look(ward, hand)
    assert errand == Errand("lab", Work.HEAL, (WATCHED,), reason="watch: whether what was left is gone")


@pytest.mark.parametrize("well", [True, False])
def test_that_look_is_asked_for_once_whatever_it_finds(ward: Ward, hand: Hand, *, well: bool) -> None:
    look(ward, hand, free=10.0)
    heal(ward, hand, well=False)
    look(ward, hand)
    errand = closing_look(ward, hand)
    assert errand
    ward.ended(errand, well=well, at=hand.on(5))
    look(ward, hand)
    assert closing_look(ward, hand) is None


def test_that_look_is_asked_for_again_until_it_could_be_had(ward: Ward, hand: Hand) -> None:
    look(ward, hand, free=10.0)
    heal(ward, hand, well=False)
    look(ward, hand)
    pauses = []
    for _ in range(8):
        began = hand.stopwatch
        while not (errand := closing_look(ward, hand)):
            assert hand.stopwatch < began + 2 * HOUR
        pauses.append(round(hand.stopwatch - began, -1))
        ward.ended(errand, well=False, looked=False, at=hand.now)
        look(ward, hand)
    assert pauses == [0, 60, 120, 240, 480, 960, 1920, 3600]
    hand.on(HOUR)
    errand = closing_look(ward, hand)
    assert errand
    ward.ended(errand, well=False, at=hand.now)
    assert closing_look(ward, hand) is None
    assert ward.hosts_to_close(hand.on(HOUR).stopwatch) == ()


def test_a_concern_that_opens_again_is_healed_in_place_of_that_look(ward: Ward, hand: Hand) -> None:
    look(ward, hand, free=10.0)
    heal(ward, hand, well=False)
    look(ward, hand)
    errand = closing_look(ward, hand)
    assert errand
    ward.ended(errand, well=False, looked=False, at=hand.on(5))
    look(ward, hand, free=10.0)
    hand.on(HOUR)
    assert ward.hosts_to_close(hand.stopwatch) == ()
    assert heal(ward, hand, well=True).reason == "watch: web1 rule:disk"
    look(ward, hand)
    assert closing_look(ward, hand) is None
    assert ward.closing.failed == {}


@pytest.mark.parametrize(
    ("code", "looked"), [(0, True), (1, True), (8, True), (6, False), (7, False), (2, False), (-9, False)]
)
def test_an_exit_tells_whether_it_could_look(code: int, *, looked: bool) -> None:
    assert Ended(Errand("lab", Work.HEAL, (WATCHED,)), code, 1.0, ()).looked is looked


def test_an_alarm_in_the_middle_of_that_look_has_another_follow(ward: Ward, hand: Hand) -> None:
    look(ward, hand, free=10.0)
    heal(ward, hand, well=False)
    look(ward, hand)
    errand = closing_look(ward, hand)
    assert errand
    ward.noticed(alert("DatabaseDown"), hand.now)
    ward.ended(errand, well=False, at=hand.on(5))
    ward.noticed(alert("DatabaseDown", firing=False), hand.now)
    look(ward, hand)
    assert ward.hosts_to_close(hand.stopwatch) == (WATCHED,)


def test_where_healing_ended_well_nothing_is_to_be_closed_unless_it_looked_for_some_faults_alone(
    ward: Ward, hand: Hand
) -> None:
    look(ward, hand, free=10.0)
    heal(ward, hand, well=True)
    look(ward, hand)
    assert closing_look(ward, hand) is None
    ward.closing.left[WATCHED] = ()
    ward.noticed(alert(), hand.now)
    assert heal(ward, hand, well=True).playbooks
    ward.noticed(alert(firing=False), hand.on(1))
    look(ward, hand)
    assert closing_look(ward, hand)


LIMITED = ("post-deploy-500",)


def left_by_an_alert(ward: Ward, hand: Hand, host: str = WATCHED) -> None:
    ward.noticed(alert(host=host), hand.now)
    assert heal(ward, hand, well=False).playbooks == LIMITED
    ward.noticed(alert(host=host, firing=False), hand.on(1))
    assert look(ward, hand, host)


def test_that_look_asks_the_playbooks_that_may_be_run_and_no_others(ward: Ward, hand: Hand) -> None:
    left_by_an_alert(ward, hand)
    errand = closing_look(ward, hand)
    assert errand
    assert (errand.hosts, errand.playbooks) == ((WATCHED,), LIMITED)


def test_that_look_asks_all_where_something_was_left_that_limits_nothing(ward: Ward, hand: Hand) -> None:
    left_by_an_alert(ward, hand)
    look(ward, hand, free=10.0)
    heal(ward, hand, well=False)
    look(ward, hand)
    left_by_an_alert(ward, hand)
    errand = closing_look(ward, hand)
    assert errand
    assert (errand.hosts, errand.playbooks) == ((WATCHED,), ())


def test_hosts_on_which_others_may_be_run_are_looked_at_one_after_the_other(ward: Ward, hand: Hand) -> None:
    left_by_an_alert(ward, hand)
    left_by_an_alert(ward, hand, "studio1")
    ward.closing.left["web2"] = ()
    asked = []
    while errand := closing_look(ward, hand):
        asked.append((errand.hosts, errand.playbooks))
        ward.ended(errand, well=False, at=hand.on(5))
    assert asked == [((WATCHED, "studio1"), LIMITED), (("web2",), ())]


HEALING = {"command": "heal", "hosts": ("web1", "web2"), "reason": "watch: web1 rule:disk"}


def healing(journal: Journal, run: str, *ends: tuple[str, Outcome], **more: object) -> None:
    journal.begin(RunHeader.model_validate({**HEADER.model_dump(), **HEALING, "run": run, **more}))
    for host, outcome in ends:
        journal.ended(run, host, outcome)


def test_after_a_restart_it_is_known_where_something_was_left(night: Night, hand: Hand) -> None:
    journal = night.journal
    healing(journal, "run-1", ("web1", Outcome.NO_CURE), ("web2", Outcome.FIXED))
    assert night.memory.recall().left_in("lab") == {"web1": ()}
    healing(journal, "run-2", ("web1", Outcome.HEALTHY), only=("vacuum",), hosts=("web1",))
    healing(journal, "run-3", ("web2", Outcome.STUCK), reason="deploy 17")
    assert night.memory.recall().left_in("lab") == {"web1": ()}
    healing(journal, "run-4", ("web1", Outcome.HEALTHY))
    assert night.memory.recall().left_in("lab") == {"web2": ()}, "that one was killed"
    assert night.memory.recall().left_in("staging") == {}
    ward = Ward(night.inventory, closing=Closing(night.memory.recall().left_in("lab")))
    ward.take_on(night.inventory, {}, hand.now)
    errand = ward.next_errand(hand.now)
    assert errand
    assert errand.hosts == ("web2",)


def test_after_a_restart_it_is_known_which_playbooks_may_be_run_there(night: Night) -> None:
    def only(*names: str) -> dict[str, object]:
        return {"only": names, "hosts": ("web1",)}

    def left(*ends: tuple[str, Outcome], **more: object) -> dict[str, tuple[str, ...]]:
        healing(night.journal, f"run-{len(night.journal.runs())}", *ends, **more)
        return night.memory.recall().left_in("lab")

    ill, well = ("web1", Outcome.NO_CURE), ("web1", Outcome.HEALTHY)
    assert left(ill, **only("vacuum")) == {"web1": ("vacuum",)}
    assert set(left(ill, **only("crash-loop"))["web1"]) == {"vacuum", "crash-loop"}
    assert set(left(well, **only("crash-loop"))["web1"]) == {"vacuum", "crash-loop"}
    assert left(well, **only("vacuum", "crash-loop"), reason=REASON) == {}
    assert left(ill, **only("vacuum")) == {"web1": ("vacuum",)}
    assert left(ill, hosts=("web1",)) == {"web1": ()}
    assert left(ill, **only("vacuum")) == {"web1": ()}
    assert left(well, hosts=("web1",)) == {}


def test_a_person_is_called_with_what_is_known_of_a_concern(night: Night, hand: Hand) -> None:
    healing(night.journal, "run-0", ("web1", Outcome.FIXED))
    hand.on(HOUR)
    concern = night.alarm("rule:database")
    began = hand.wall
    hand.on(60)
    healing(night.journal, "run-1", ("web1", Outcome.FIXED))
    cure = {"command": "run", "playbook": "stale-process", "hosts": ("web1",)}
    healing(night.journal, "run-2", ("web1", Outcome.ROLLED_BACK), **cure)
    healing(night.journal, "run-3", ("web2", Outcome.FIXED), hosts=("web2",))
    healing(night.journal, "run-4", hosts=("web1",))
    hand.on(20 * 60)
    came = night.calls(concern)
    assert (came.turn.level, came.case.topics) == (2, ("database",))
    assert came.case.started == began
    assert came.report.subject == "[URGENT] app issue - The database does not let the app in on web1"
    tried = [(one.what, one.outcome, one.at) for one in came.case.deeds]
    assert tried[:3] == [
        ("heal, run run-1", "ended: fixed", began + 60),
        ("stale-process, run run-2", "ended: rolled back", began + 60),
        ("heal, run run-4", "ended: it has not ended", began + 60),
    ]
    again = night.calls(concern)
    assert [one.what for one in again.case.deeds[:4]] == [*(told for told, *_ in tried[:3]), "looked"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        *((f"rule:{name}", None) for name in RULES),
        ("alert:DatabaseDown", "The alert DatabaseDown goes on"),
        ("schedule:weekly", "vacuum is not content"),
        ("schedule:gone", "gone is not content"),
    ],
)
def test_what_a_person_is_called_for_has_a_title_in_words(
    inventory: Callable[..., Inventory], source: str, said: str | None
) -> None:
    words = title(source, inventory())
    assert words == said if said else " " in words


@pytest.mark.parametrize(("code", "left"), [(6, {WATCHED: ()}), (8, {})])
def test_the_service_asks_again_for_a_look_that_could_not_be_had(
    night: Night, tmp_path: Path, code: int, left: dict[str, tuple[str, ...]]
) -> None:
    one = service(Stage(night.inventory, tmp_path), night.journal)
    ward = one.wards["lab"]
    ward.closing.left[WATCHED] = ()
    one._ended(Ended(Errand("lab", Work.HEAL, (WATCHED,)), code, 1.0, ()))
    assert ward.closing.left == left


class Unwritable(Memory):
    def call(self, note: Note, inventory: Inventory, now: float, topic: str = "") -> str:
        del note, inventory, now, topic
        raise JournalError("the audit log", "no space left on device", "make room")


def test_a_call_that_cannot_be_written_down_called_nobody_and_is_tried_again(
    night: Night, tmp_path: Path, hand: Hand
) -> None:
    stage = Stage(night.inventory, tmp_path)
    one = service(stage, night.journal)
    ward = one.wards["lab"]
    one.chronicle = replace(one.chronicle, memory=Unwritable(night.journal, HEADER))
    look(ward, hand, free=10.0)
    heal(ward, hand, well=True)
    one._note(look(ward, hand, free=10.0))
    one.chronicle.left_open([ward])
    assert (ward.calls.runs, stage.said("nobody was called"), stage.said("a person was")) == ({}, True, False)
    one.chronicle = replace(one.chronicle, memory=night.memory)
    one._note(look(ward, hand, free=10.0))
    assert [call.about for call in ward.calls.runs.values()] == [DISK]
    ward.calls.runs.clear()
    one._note(look(ward, hand, free=10.0))
    one.chronicle.left_open([ward])
    assert (ward.calls.runs, stage.said("a person was called")) == ({}, True)


def test_what_was_called_for_is_mended_while_it_is_closed(night: Night, hand: Hand) -> None:
    def mended() -> list[bool]:
        known = open_incidents(night.journal.of_kinds(KINDS), night.journal.runs(), hand.wall)
        return [is_mended(one, night.journal.of_kinds({"concern"})) for one in known]

    concern = night.alarm()
    night.calls(concern)
    assert mended() == [False]
    night.closes(concern)
    assert mended() == [True]
    night.calls(night.alarm())
    assert mended() == [False]


def test_an_app_that_is_well_again_is_not_among_those_that_are_hit(night: Night, hand: Hand) -> None:
    def others() -> list[tuple[str, ...]]:
        concerns = night.journal.of_kinds({"concern"})
        known = open_incidents(night.journal.of_kinds(KINDS), night.journal.runs(), hand.wall, concerns)
        return [one.others for one in known]

    night.calls(first := night.alarm())
    night.closes(first)
    hand.on(CALM / 2)
    assert night.ends_calls() == (), "what comes again now is still the same incident"
    came = night.calls(night.alarm(host="studio1"))
    assert [one.said for one in came.turn.reasons] == ["what could be tried did not cure it"]
    assert others() == [("studio",), ()]
    night.alarm()
    assert others() == [("studio",), ("app",)]
    again = night.calls(night.alarm("rule:cpu", "studio1"))
    assert [one.said for one in again.turn.reasons] == ["2 apps are hit (app, studio)"]


def test_what_nobody_watches_is_never_mended_by_that(night: Night) -> None:
    night.calls(night.alarm())
    (one,) = open_incidents(night.journal.of_kinds(KINDS), night.journal.runs(), night.hand.wall)
    other = [each.model_copy(update={"playbook": "vacuum"}) for each in one.escalations]
    assert not is_mended(one.model_copy(update={"escalations": tuple(other)}), ())
    nowhere = [each.model_copy(update={"hosts": ()}) for each in one.escalations]
    assert not is_mended(one.model_copy(update={"escalations": tuple(nowhere)}), ())
