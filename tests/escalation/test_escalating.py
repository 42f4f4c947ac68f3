"""Who is told of an incident, once and in time, and what is written down of it; with a clock by hand."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from remediate.cli.told import told_lines
from remediate.clock import Clock
from remediate.errors import JournalError
from remediate.escalation.again import case_again
from remediate.escalation.case import Case, HostSeen, Status
from remediate.escalation.delivery import Message, Sent
from remediate.escalation.escalating import Escalated, Escalator
from remediate.escalation.incident import KINDS, Escalation, Incident, left_of, open_incidents
from remediate.escalation.situation import is_due
from remediate.inventory import Contact, Inventory, Policy, Reference
from remediate.journal import Entry, Journal, Operator, RunHeader
from remediate.masking import Masker
from remediate.model import Outcome
from tests.escalation.services import PASSWORD, TOKEN

MINUTE = 60.0


def reached_by(name: str) -> Reference:
    return Reference(name=f"notify of {name}", where="lab.yml:9:9", folder="/", env=name.upper())


LEAD = Contact(level=1, name="Lead", how="+49 30 5550101", notify=(reached_by("lead"),))
DBA = Contact(level=2, name="DBA", topics=("database",), notify=(reached_by("dba"),), after=10 * MINUTE)
SECOND = Contact(level=2, name="Second", notify=(reached_by("second"),), after=10 * MINUTE)
CTO = Contact(level=3, name="CTO", notify=(reached_by("cto"),))


@dataclass
class Desk:
    """A runner with contacts, and services that keep what they are told."""

    state: Path
    journal: Journal
    contacts: tuple[Contact, ...] = (LEAD, SECOND, CTO)
    now: float = 1_000_000.0
    development: bool = False
    told: list[tuple[str, Message]] = field(default_factory=list)
    refusing: set[str] = field(default_factory=set)
    waited: list[float] = field(default_factory=list)
    masker: Masker = field(default_factory=Masker)

    @property
    def environment(self) -> dict[str, str]:
        return {
            name.upper(): f"json://{name}:{PASSWORD}@example.org/{TOKEN}"
            for name in ("lead", "dba", "second", "cto")
        }

    def send(self, urls: Sequence[str], message: Message) -> list[Sent]:
        names = [url.partition("://")[2].partition(":")[0] for url in urls]
        self.told += [(name, message) for name in names]
        return [
            Sent(taken=name not in self.refusing, why=f"no answer from {url}")
            for name, url in zip(names, urls, strict=True)
        ]

    def begin(
        self, run: str, *, ended: Outcome | None = None, hosts: Sequence[str] = ("web1",), **more: object
    ) -> None:
        known = {
            "run": run,
            "playbook": "two-files",
            "environment": "lab",
            "operator": Operator(user="ada", machine="here"),
            "hosts": tuple(hosts),
        }
        self.journal.begin(RunHeader.model_validate({**known, **more}))
        for host in hosts if ended else ():
            self.journal.ended(run, host, ended)

    def case(self, run: str = "run-1", host: str = "web1", **more: object) -> Case:
        known = {
            "run": run,
            "fingerprints": (f"two-files on {host} (lab)",),
            "environment": "lab",
            "playbook": "two-files",
            "title": "Two settings are wrong",
            "why": "rolled back",
            "hosts": (host,),
            "apps": ("lumiku",),
            "started": 1_000_000.0,
            "made": self.now,
        }
        return Case.model_validate({**known, **more})

    def escalates(self, case: Case | None = None, **more: object) -> Escalated:
        inventory = Inventory(
            "lab", self.state / "lab.yml", "", self.development, Policy(), (), self.contacts
        )
        clock = Clock(lambda: self.now, lambda: self.now, self.waited.append)
        desk = Escalator(inventory, self.state, self.journal, self.masker, self.environment, self.send, clock)
        return desk.escalate(case or self.case(), **more)  # type: ignore[arg-type]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.told]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    state = tmp_path / "state"
    masker = Masker()
    desk = Desk(state, Journal.open(state, masker, lambda: desk.now), masker=masker)
    with desk.journal:
        desk.begin("run-1")
        yield desk


def broken(host: str = "web1") -> tuple[HostSeen, ...]:
    return (HostSeen(host=host, app="lumiku", status=Status.BROKEN, said="no answer"),)


def kinds(desk: Desk, run: str = "run-1") -> list[str]:
    return [entry.kind for entry in desk.journal.entries(run)][1:]


def test_the_first_level_is_told_once_and_it_is_written_down(desk: Desk) -> None:
    came = desk.escalates()
    assert (came.turn.level, desk.names, came.delivered, came.incident) == (1, ["lead"], True, "run-1")
    assert kinds(desk) == ["escalated", "delivered"]
    again = desk.escalates()
    assert (desk.names, again.told, again.delivered) == (["lead"], (), True)
    assert kinds(desk) == ["escalated", "delivered", "escalated"]
    assert "Lead: told before, at this level" in Path(again.file).read_text()


def test_a_further_run_of_the_same_fault_adds_to_the_incident(desk: Desk) -> None:
    desk.escalates()
    desk.now += 5 * MINUTE
    desk.begin("run-2")
    came = desk.escalates(desk.case("run-2", started=desk.now))
    assert (came.incident, came.told, desk.names) == ("run-1", (), ["lead"])
    assert came.case.started == 1_000_000.0, "it began with the first"
    text = Path(came.file).read_text()
    assert Path(came.file).name == "run-2.md"
    assert "run run-1, level 1" in text
    assert "Lead by json: reached" in text


def test_another_fault_is_another_incident(desk: Desk) -> None:
    desk.escalates()
    desk.begin("run-2", hosts=["web2"])
    came = desk.escalates(desk.case("run-2", "web2"))
    assert (came.incident, desk.names) == ("run-2", ["lead", "lead"])


OLD, NEW = "two-files on web1 (lab)", "other on web1 (lab)"
BOTH = (OLD, NEW)


def test_a_new_fault_beside_one_that_was_told_is_told_once_and_so_is_one_that_comes_again(desk: Desk) -> None:
    for faults, told in (((OLD,), 1), (BOTH, 2), (BOTH, 2), ((OLD,), 2), ((NEW,), 2)):
        came = desk.escalates(desk.case(fingerprints=faults))
        assert (came.incident, len(desk.told)) == ("run-1", told)
    desk.now += 11 * MINUTE
    for _ in range(2):
        desk.escalates(desk.case(fingerprints=BOTH))
        assert desk.names == ["lead", "lead", "second"], "the next level once, the first no more"
    closed(desk, "other", "web1")
    for _ in range(2):
        assert desk.escalates(desk.case(fingerprints=BOTH)).incident == "run-1"
        assert desk.names == ["lead", "lead", "second", "second"], "it was over: whose turn it is has it anew"


def test_who_could_not_be_told_of_a_new_fault_is_tried_again_as_if_it_were_the_first_one(desk: Desk) -> None:
    desk.contacts, desk.refusing = (LEAD,), {"lead"}
    for _ in range(5):
        desk.escalates()
    desk.refusing = set()
    desk.escalates()
    desk.refusing = {"lead"}
    desk.escalates(desk.case(fingerprints=BOTH))
    assert due(desk) == []
    desk.now += MINUTE
    assert due(desk) == ["run-1"]
    desk.refusing = set()
    desk.escalates(desk.case(fingerprints=BOTH))
    desk.now += 60 * MINUTE
    assert due(desk) == []


@pytest.mark.parametrize("ends", ["closed", "unheard"])
def test_an_outage_is_counted_from_when_what_is_still_ill_was_first_seen(desk: Desk, ends: str) -> None:
    desk.contacts = (LEAD, CTO)
    began = desk.now
    desk.escalates(desk.case(seen=broken()))
    desk.now += 10 * MINUTE
    desk.escalates(desk.case(fingerprints=BOTH, seen=broken()))
    desk.now += 4 * MINUTE
    if ends == "closed":
        closed(desk, "two-files", "web1")
    came = desk.escalates(desk.case(fingerprints=(NEW,), started=desk.now, seen=broken()))
    assert (came.incident, came.turn.level, came.case.started) == ("run-1", 1, began + 10 * MINUTE)
    desk.now = began + 24 * MINUTE
    assert due(desk) == []
    desk.now = began + 26 * MINUTE
    assert due(desk) == ["run-1"]
    assert desk.escalates(desk.case(fingerprints=(NEW,), started=desk.now, seen=broken())).turn.level == 3


def test_what_is_due_and_what_is_told_again_goes_by_the_faults_that_are_left(desk: Desk) -> None:
    desk.contacts = (LEAD, CTO)
    began = desk.now
    desk.escalates(desk.case(seen=broken()))
    desk.now += 10 * MINUTE
    desk.escalates(desk.case(fingerprints=BOTH, seen=broken()))
    closed(desk, "two-files", "web1")
    (incident,) = incidents(desk)
    assert case_again(incident.escalations[-1], desk.now).started == began + 10 * MINUTE
    desk.now = began + 16 * MINUTE
    assert due(desk) == []


def test_a_fault_of_an_entry_of_old_is_as_old_as_the_entry_says(desk: Desk) -> None:
    desk.now += 5 * MINUTE
    desk.escalates(desk.case(fingerprints=BOTH))
    old = [of_old(entry, "since") for entry in desk.journal.of_kinds(KINDS)]
    (incident,) = open_incidents(old, desk.journal.runs(), desk.now)
    assert incident.since == dict.fromkeys(BOTH, 1_000_000.0)


def test_when_its_time_is_over_the_next_level_is_told_and_then_the_next(desk: Desk) -> None:
    desk.escalates(desk.case(seen=broken()))
    for minutes, level, names in ((9, 1, ["lead"]), (11, 2, ["lead", "second"]), (14, 2, ["lead", "second"])):
        desk.now = 1_000_000.0 + minutes * MINUTE
        came = desk.escalates(desk.case(seen=broken()))
        assert (came.turn.level, desk.names) == (level, names), minutes
    desk.now = 1_000_000.0 + 16 * MINUTE
    came = desk.escalates(desk.case(seen=broken()))
    assert (came.turn.level, desk.names) == (3, ["lead", "second", "cto"])
    assert "an outage of more than 15 minutes" in Path(came.file).read_text()
    came = desk.escalates(desk.case(seen=()))
    assert came.turn.level == 3, "it does not fall again"
    assert desk.names == ["lead", "second", "cto"]


def test_an_outage_of_development_is_none(desk: Desk) -> None:
    desk.development = True
    desk.now += 60 * MINUTE
    assert desk.escalates(desk.case(seen=broken())).turn.level == 1


B, P, W, U = Status.BROKEN, Status.PARTLY, Status.WORKING, Status.UNKNOWN
AWAY = (U, False)
"""A host that cannot be reached: how it does is not known."""


@pytest.mark.parametrize(
    ("hosts", "outage"),
    [
        ([], False),
        ([(B, True)], True),
        ([(P, True)], False),
        ([(W, True)], False),
        ([(U, True)], False),
        ([AWAY], True),
        ([(B, True), (B, True)], True),
        ([(B, True), AWAY], True),
        ([AWAY, AWAY], True),
        ([(B, True), (U, True)], False),
        ([AWAY, (U, True)], False),
        ([AWAY, (P, True)], False),
        ([AWAY, (W, True)], False),
    ],
)
def test_an_outage_is_where_each_host_is_broken_or_out_of_reach(
    desk: Desk, hosts: list[tuple[Status, bool]], *, outage: bool
) -> None:
    desk.contacts = (LEAD, CTO)
    seen = [
        HostSeen(host=str(place), app="lumiku", status=status, reached=reached)
        for place, (status, reached) in enumerate(hosts)
    ]
    assert desk.escalates(desk.case(seen=seen)).turn.level == 1
    assert due(desk) == []
    desk.now += 16 * MINUTE
    assert due(desk) == ["run-1"] * outage, "it is known later, without another look"
    desk.development = True
    assert due(desk) == []
    assert desk.escalates(desk.case(seen=seen)).turn.level == 1
    desk.development = False
    assert desk.escalates(desk.case(seen=seen)).turn.level == (3 if outage else 1)


@pytest.mark.parametrize(("status", "outage"), [(B, True), (U, False)])
def test_an_entry_of_old_tells_only_of_what_was_broken(desk: Desk, status: Status, *, outage: bool) -> None:
    desk.contacts = (LEAD, CTO)
    desk.escalates(desk.case(seen=[HostSeen(host="web1", app="lumiku", status=status)]))
    old = [of_old(entry, "away") for entry in desk.journal.of_kinds(KINDS)]
    (incident,) = open_incidents(old, desk.journal.runs(), desk.now)
    assert is_due(incident, desk.contacts, development=False, now=desk.now + 16 * MINUTE) is outage


def of_old(entry: Entry, *names: str) -> Entry:
    """Return an entry as it was written before it had these."""
    body = {name: value for name, value in entry.body.items() if name not in names}
    return entry.model_copy(update={"body": body})


def test_the_report_says_when_the_next_level_comes(desk: Desk) -> None:
    text = Path(desk.escalates().file).read_text()
    assert "level 2, Second (10 minutes after it was escalated it is not over), after" in text


def test_two_apps_in_trouble_at_once_are_the_highest_levels(desk: Desk) -> None:
    desk.escalates()
    desk.begin("run-2", hosts=["studio1"])
    came = desk.escalates(desk.case("run-2", "studio1", apps=("photo-studio",)))
    assert (came.turn.level, desk.names) == (3, ["lead", "cto"])
    assert came.turn.reasons[0].said == "2 apps are hit (lumiku, photo-studio)"


def test_an_incident_is_over_once_a_run_of_its_playbook_ends_well_there(desk: Desk) -> None:
    desk.escalates()
    desk.now += MINUTE
    desk.begin("run-2", ended=Outcome.FIXED, hosts=["web1"])
    desk.now += MINUTE
    desk.begin("run-3")
    came = desk.escalates(desk.case("run-3"))
    assert (came.incident, desk.names) == ("run-3", ["lead", "lead"])


@pytest.mark.parametrize(
    ("command", "only", "ended", "over"),
    [
        ("heal", (), Outcome.HEALTHY, True),
        ("heal", (), Outcome.NO_CURE, False),
        ("heal", ("vacuum",), Outcome.HEALTHY, False),
        ("heal", ("two-files", "other"), Outcome.FIXED, False),
        ("watch", (), Outcome.HEALTHY, False),
    ],
)
def test_what_several_playbooks_left_is_over_once_a_healing_that_asks_all_of_them_ends_well(
    desk: Desk, command: str, only: tuple[str, ...], ended: Outcome, *, over: bool
) -> None:
    faults = ("two-files on web1 (lab)", "other on web1 (lab)")
    desk.escalates(desk.case(playbook="", fingerprints=faults))
    desk.now += MINUTE
    desk.begin("run-2", ended=ended, command=command, only=only, playbook="")
    assert (open_ones(desk) == []) is over
    assert (left_of("run-1", desk.journal.of_kinds(KINDS), desk.journal.runs()) is None) is over


@pytest.mark.parametrize("jump", [-3600.0, 0.0, 3600.0])
def test_whether_a_run_ended_since_is_told_by_the_log_and_not_by_the_clock(desk: Desk, jump: float) -> None:
    desk.begin("run-0", ended=Outcome.FIXED)
    desk.now += jump
    desk.escalates()
    assert open_ones(desk) == ["run-1"]
    desk.now -= jump
    desk.begin("run-2", ended=Outcome.FIXED)
    assert open_ones(desk) == []


@pytest.mark.parametrize("outcome", [Outcome.ROLLED_BACK, Outcome.NO_CURE, Outcome.PUT_BACK])
def test_it_is_not_over_while_no_run_has_ended_well(desk: Desk, outcome: Outcome) -> None:
    desk.escalates()
    desk.now += MINUTE
    desk.begin("run-2", ended=outcome)
    assert desk.escalates(desk.case("run-2")).incident == "run-1"


def test_who_heals_may_say_that_it_is_over(desk: Desk) -> None:
    desk.escalates()
    fingerprint = {"playbook": "two-files", "target": "web1", "environment": "lab"}
    desk.journal.append("run-1", "", "incident", {"fingerprint": fingerprint, "state": "open"})
    assert desk.escalates().told == ()
    desk.journal.append("run-1", "", "incident", {"fingerprint": fingerprint, "state": "closed"})
    assert len(desk.escalates().told) == 1


def closed(desk: Desk, playbook: str, subject: str) -> None:
    fingerprint = {"playbook": playbook, "target": subject, "environment": "lab"}
    desk.journal.append("run-1", "", "incident", {"fingerprint": fingerprint, "state": "closed"})


def test_of_several_faults_each_is_over_by_itself(desk: Desk) -> None:
    faults = ("two-files on web1 (lab)", "other on web1 (lab)")
    desk.escalates(desk.case(fingerprints=faults))
    closed(desk, "two-files", "web1")
    assert desk.escalates(desk.case(fingerprints=faults[1:])).told == ()
    closed(desk, "other", "web1")
    assert len(desk.escalates(desk.case(fingerprints=faults[1:])).told) == 1


def test_of_several_hosts_each_is_well_by_itself_and_a_database_with_its_only_host(desk: Desk) -> None:
    faults = ("two-files on web1 (lab)", "two-files on 7385/16384 (lab)")
    desk.escalates(desk.case(fingerprints=faults))
    closed(desk, "two-files", "web1")
    assert len(desk.escalates(desk.case(fingerprints=faults, hosts=("web1", "web2"))).told) == 1
    closed(desk, "two-files", "web1")
    assert desk.escalates(desk.case(fingerprints=faults[1:])).told == ()


def test_an_incident_of_which_nothing_is_heard_for_a_day_is_over(desk: Desk) -> None:
    desk.escalates()
    desk.now += 25 * 60 * MINUTE
    desk.begin("run-2")
    assert desk.escalates(desk.case("run-2")).incident == "run-2"


def test_who_could_not_be_reached_is_tried_again_with_the_next_escalation(desk: Desk) -> None:
    desk.refusing = {"lead"}
    came = desk.escalates()
    assert (came.delivered, came.told[0].tries, desk.names) == (False, 3, ["lead"] * 3)
    assert desk.waited == [2.0, 8.0]
    assert kinds(desk) == ["escalated", "undelivered"]
    assert "Lead by json: not reached: no answer from" in Path(came.file).read_text()
    desk.refusing = set()
    assert desk.escalates().delivered
    assert kinds(desk)[2:] == ["escalated", "delivered"]


def test_no_url_and_no_part_of_it_is_anywhere(desk: Desk) -> None:
    desk.refusing = {"lead"}
    case = desk.case(error=(f"curl json://lead:{PASSWORD}@example.org/{TOKEN}", f"the token {TOKEN}"))
    came = desk.escalates(case)
    everything = Path(came.file).read_text() + "".join(desk.journal.export()) + repr(came)
    everything += "".join(message.whole + message.brief for _, message in desk.told)
    assert PASSWORD not in everything
    assert TOKEN not in everything
    assert "no answer from ***" in came.told[0].why


def test_without_delivery_the_report_is_written_and_nobody_told(desk: Desk) -> None:
    came = desk.escalates(delivering=False)
    assert (desk.names, came.told) == ([], ())
    assert Path(came.file).read_text().startswith("# Escalation\n")
    assert desk.escalates().told != (), "a report alone tells nobody"


@pytest.mark.parametrize(
    ("contacts", "told"),
    [
        ((), "nobody: there is nobody to call; name contacts in the inventory"),
        (
            (LEAD.model_copy(update={"notify": ()}),),
            "nobody: whose turn it is has no `notify` in the inventory",
        ),
    ],
)
def test_where_nobody_can_be_told_the_report_is_written_and_says_so_and_nothing_is_due(
    desk: Desk, contacts: tuple[Contact, ...], told: str
) -> None:
    desk.contacts = contacts
    came = desk.escalates()
    assert (came.nobody, came.delivered, came.told, came.problems) == (True, True, (), ())
    assert told in Path(came.file).read_text()
    assert any(line.startswith("! ") for line in told_lines(came))
    desk.now += 60 * MINUTE
    assert due(desk) == []
    desk.contacts = (LEAD,)
    assert due(desk) == ["run-1"], "somebody was named since"
    assert not desk.escalates(delivering=False).nobody


def test_the_report_is_for_its_owner_alone(desk: Desk) -> None:
    came = desk.escalates()
    file = Path(came.file)
    assert file == desk.state / "escalations" / "run-1.md"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in file.parent.iterdir()] == ["run-1.md"]


def test_a_url_that_cannot_be_had_is_told_and_keeps_nobody_else_from_being_called(desk: Desk) -> None:
    absent = LEAD.model_copy(update={"notify": (reached_by("nobody"), reached_by("lead"))})
    desk.contacts = (absent,)
    came = desk.escalates()
    assert desk.names == ["lead"]
    assert [(one.delivered, one.tries) for one in came.told] == [(False, 0), (True, 1)]
    assert "notify of nobody: $NOBODY is empty or not set" in came.told[0].why
    assert "Lead by no service: not reached: " in Path(came.file).read_text()
    assert not came.delivered


def test_who_has_no_url_that_can_be_had_is_written_down_as_not_reached_and_tried_again(
    desk: Desk, tmp_path: Path
) -> None:
    missing = tmp_path / "pager"
    pager = Reference(name="notify", where="lab.yml:9:9", folder="/", file=str(missing))
    desk.contacts = (LEAD.model_copy(update={"notify": (pager,)}),)
    assert not desk.escalates().delivered
    assert kinds(desk) == ["escalated", "undelivered"]
    (last,) = (entry for entry in desk.journal.entries("run-1") if entry.kind == "undelivered")
    assert (last.body["contact"], last.body["service"], last.body["tries"]) == ("Lead", "no service", 0)
    assert "cannot be read (No such file or directory)" in last.body["why"]
    assert due(desk) == []
    desk.now += MINUTE
    assert due(desk) == ["run-1"]
    missing.write_text(desk.environment["LEAD"])
    assert desk.escalates().delivered
    assert due(desk) == []


def test_where_nothing_can_be_written_it_is_told_all_the_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise JournalError("the log", "the disk is full", "make room")

    monkeypatch.setattr(desk.journal, "append", full)
    monkeypatch.setattr(desk.journal, "of_kinds", full)
    (desk.state / "escalations").write_text("in the way")
    came = desk.escalates()
    assert desk.names == ["lead"]
    assert desk.told[0][1].file == ""
    assert came.file == ""
    assert not [line for line in told_lines(came) if "the report is in" in line]
    assert any("the disk is full" in problem for problem in came.problems)
    assert any("escalations" in problem for problem in came.problems)
    assert not came.delivered


def test_another_process_that_escalates_is_waited_for_and_in_the_end_passed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remediate.escalation.escalating.WAIT", 0.5)
    with Journal.open(desk.state, Masker()) as other, other.hold("escalating"):
        came = desk.escalates()
    assert desk.names == ["lead"]
    assert "somebody may be told twice" in came.problems[0]


def test_the_audit_log_stays_whole(desk: Desk) -> None:
    desk.escalates(desk.case(title="\ud800 half a character"))
    assert desk.journal.verify().whole
    assert json.loads(list(desk.journal.export("run-1"))[1])["body"]["level"] == 1


def incidents(desk: Desk) -> tuple[Incident, ...]:
    return open_incidents(desk.journal.of_kinds(KINDS), desk.journal.runs(), desk.now)


def open_ones(desk: Desk) -> list[str]:
    return [one.name for one in incidents(desk)]


def due(desk: Desk) -> list[str]:
    known = {"development": desk.development, "now": desk.now}
    return [one.name for one in incidents(desk) if is_due(one, desk.contacts, **known)]


def test_what_is_due_is_what_has_become_somebody_elses_turn(desk: Desk) -> None:
    desk.escalates(desk.case(seen=broken()))
    assert due(desk) == []
    desk.now += 11 * MINUTE
    assert due(desk) == ["run-1"], "level 2"
    desk.escalates(desk.case(seen=broken()))
    assert due(desk) == []
    desk.now += 5 * MINUTE
    assert due(desk) == ["run-1"], "an outage: level 3"
    desk.development = True
    assert due(desk) == [], "where it is none"
    desk.development = False
    desk.begin("run-2", ended=Outcome.FIXED)
    assert due(desk) == [], "it is over"


def test_who_could_not_be_reached_is_due_again_with_growing_pauses(desk: Desk) -> None:
    desk.contacts, desk.refusing = (LEAD,), {"lead"}
    for pause in (1, 2, 4, 8, 16, 32, 60, 60):
        desk.escalates()
        desk.now += pause * MINUTE - 2
        assert due(desk) == []
        desk.now += 2
        assert due(desk) == ["run-1"]
    desk.refusing = set()
    desk.escalates()
    desk.now += 60 * MINUTE
    assert due(desk) == [], "they know"


class Killed(BaseException):
    """What becomes of a process that is killed while it tells somebody."""


def killed(*_: object) -> list[Sent]:
    raise Killed


def test_a_call_that_was_cut_off_before_anything_was_heard_of_it_is_made_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.contacts = (LEAD,)
    for _ in range(2):
        with monkeypatch.context() as dying:
            dying.setattr(desk, "send", killed)
            with pytest.raises(Killed):
                desk.escalates()
        assert due(desk) == [], "it may still be at it"
        desk.now += MINUTE
        assert due(desk) == ["run-1"]
    desk.escalates(delivering=False)
    desk.now += MINUTE
    assert due(desk) == ["run-1"], "a report alone tells nobody"
    desk.escalates()
    desk.now += 60 * MINUTE
    assert (desk.names, due(desk)) == (["lead"], [])


def test_a_retry_that_was_cut_off_is_made_again_after_its_own_pause(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.contacts, desk.refusing = (LEAD,), {"lead"}
    for pause in (1, 2, 4):
        desk.escalates()
        desk.now += pause * MINUTE
    monkeypatch.setattr(desk, "send", killed)
    with pytest.raises(Killed):
        desk.escalates()
    desk.now += 4 * MINUTE - 1
    assert due(desk) == []
    desk.now += 1
    assert due(desk) == ["run-1"]


@pytest.mark.parametrize("contact", [LEAD, LEAD.model_copy(update={"notify": ()})])
def test_what_was_to_tell_nobody_and_who_cannot_be_told_is_not_due(desk: Desk, contact: Contact) -> None:
    desk.contacts = (contact,)
    desk.escalates(delivering=not contact.notify)
    desk.now += 60 * MINUTE
    assert due(desk) == []


def test_where_the_level_that_was_come_to_has_nobody_any_more_the_one_below_is_told_once(desk: Desk) -> None:
    desk.escalates(asked=3)
    desk.contacts = (LEAD, SECOND)
    for _ in range(2):
        desk.escalates()
        desk.now += 5 * MINUTE
        assert (desk.names, due(desk)) == (["cto", "second"], [])


def test_an_entry_of_old_is_of_a_call_that_was_to_be_made(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "send", killed)
    with pytest.raises(Killed):
        desk.escalates()
    old = [of_old(entry, "delivering") for entry in desk.journal.of_kinds(KINDS)]
    (incident,) = open_incidents(old, desk.journal.runs(), desk.now)
    assert is_due(incident, desk.contacts, development=False, now=desk.now + MINUTE)


@pytest.mark.parametrize("delivering", [True, False])
def test_what_a_clock_wrote_down_that_was_ahead_is_tried_at_once_and_then_with_pauses(
    desk: Desk, *, delivering: bool
) -> None:
    desk.contacts, desk.refusing = (LEAD,), {"lead"}
    desk.now += 365 * 24 * 60 * MINUTE
    desk.escalates()
    desk.now = 1_000_000.0
    desk.escalates(delivering=delivering)
    assert due(desk) == [] if delivering else ["run-1"]
    desk.escalates()
    assert due(desk) == []
    desk.now += 4 * MINUTE
    desk.refusing = set()
    assert due(desk) == ["run-1"]
    desk.escalates()
    desk.now += 60 * MINUTE
    assert due(desk) == []


def test_an_incident_of_a_clock_that_was_ahead_is_written_down_anew_and_calls_nobody_too_early(
    desk: Desk,
) -> None:
    right = desk.now
    desk.now += 365 * 24 * 60 * MINUTE
    desk.escalates(desk.case(started=desk.now, seen=broken()))
    desk.now = right + 30
    began = right + 365 * 24 * 60 * MINUTE
    assert due(desk) == ["run-1"]
    came = desk.escalates(desk.case(started=began, seen=broken()))
    assert (came.incident, came.turn.level, came.told, due(desk)) == ("run-1", 1, (), [])
    for minutes, names in ((9, ["lead"]), (11, ["lead", "second"]), (16, ["lead", "second", "cto"])):
        desk.now = right + 30 + minutes * MINUTE
        assert bool(due(desk)) is (minutes != 9)
        desk.escalates(desk.case(started=began, seen=broken()))
        assert (desk.names, due(desk)) == (names, [])
    desk.now += 25 * 60 * MINUTE
    assert open_ones(desk) == []


@pytest.mark.parametrize(("ahead", "again"), [(59, False), (61, True)])
def test_a_clock_that_is_set_right_by_little_has_nothing_written_down_anew(
    desk: Desk, ahead: float, *, again: bool
) -> None:
    desk.now += ahead
    desk.escalates()
    desk.now -= ahead
    assert (due(desk) == ["run-1"]) is again


def test_a_fault_in_another_app_makes_both_due(desk: Desk) -> None:
    desk.contacts = (LEAD, CTO)
    desk.escalates()
    desk.begin("run-2", hosts=["studio1"])
    desk.escalates(desk.case("run-2", "studio1", apps=("photo-studio",)))
    assert due(desk) == ["run-1"], "the second one came to level 3 at once"


def test_a_case_can_be_made_again_from_what_was_written_down(desk: Desk) -> None:
    case = desk.case(topics=("database",), seen=broken(), why="web1: rolled back")
    desk.escalates(case)
    (incident,) = open_incidents(desk.journal.of_kinds(KINDS), desk.journal.runs(), desk.now)
    again = case_again(incident.escalations[-1], 7.0)
    unsaid = {"made": 7.0, "seen": (), "error": (case.why,), "commands": ("remediate show run-1",)}
    assert again == case.model_copy(update=unsaid)


def test_what_a_run_left_is_left_however_long_ago_until_it_is_over(desk: Desk) -> None:
    def left() -> Escalation | None:
        return left_of("run-1", desk.journal.of_kinds(KINDS), desk.journal.runs())

    assert left() is None, "nobody was called yet"
    desk.escalates()
    desk.now += 48 * 60 * MINUTE
    desk.escalates(desk.case(why="once more"))
    desk.escalates(desk.case("run-2", "web2"))
    last = left()
    assert last is not None
    assert last.said == "once more"
    desk.now += MINUTE
    desk.begin("run-3", ended=Outcome.FIXED)
    assert left() is None


@pytest.mark.parametrize(("asked", "level"), [(0, 1), (1, 1), (2, 2), (3, 3), (9, 3)])
def test_a_person_may_ask_for_a_higher_level(desk: Desk, asked: int, level: int) -> None:
    assert desk.escalates(asked=asked).turn.level == level


def test_nobody_of_the_runner_but_its_owner_can_put_a_report_elsewhere(desk: Desk, tmp_path: Path) -> None:
    desk.escalates()
    path = desk.state / "escalations" / "run-1.md"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("theirs")
    path.unlink()
    path.symlink_to(elsewhere)
    desk.escalates()
    assert elsewhere.read_text() == "theirs"
    assert not path.is_symlink()
