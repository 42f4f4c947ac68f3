"""The service with everything around it made by hand: looks that a test words, errands that are real processes."""

import json
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from remediate.clock import Clock
from remediate.errors import InventoryError
from remediate.inventory import Host, Inventory
from remediate.journal import Journal, Operator, RunHeader
from remediate.masking import Masker
from remediate.model import Outcome
from remediate.watching.alerts import Notice
from remediate.watching.authentication import Gatekeeper
from remediate.watching.errands import Ended, Errands
from remediate.watching.listener import Known
from remediate.watching.messages import Loaded, Looked
from remediate.watching.notifying import Notifier
from remediate.watching.readings import Reading
from remediate.watching.remembered import Memory
from remediate.watching.service import ROOM, Service
from remediate.watching.work import Errand, Work
from tests.watching.conftest import reading

HEADER = RunHeader(
    run="20260101-000000-test",
    command="watch",
    environment="lab",
    operator=Operator(user="me", machine="here"),
)
HEAL = """
trap 'echo put back; exit 1' TERM
date +%s.%N >>"$1"
for ((step = 0; step < $2; step++)); do sleep 0.05; done
echo "$4"
exit $3
"""


def cured(name: str) -> dict[str, object]:
    fingerprint = {"environment": "lab", "target": "web1", "playbook": name}
    return {"fingerprint": fingerprint, "outcome": "fixed", "plan": "", "why": "so", "seconds": 1.0}


@dataclass
class Stage:
    """What a test words, and what came of it."""

    inventory: Inventory
    folder: Path
    sick: set[str] = field(default_factory=set)
    faulty: set[str] = field(default_factory=set)
    code: int = 0
    steps: int = 1
    told: list[str] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)
    errands: list[Errand] = field(default_factory=list)
    broken: str = ""
    stays: bool = False
    heals: str = ""
    said_by_healing: str = ""

    def load(self) -> Loaded:
        if self.broken:
            raise InventoryError("lab.yml:3:1", self.broken)
        known = Known({"lab": self.inventory}, Gatekeeper(()))
        return Loaded(
            {"lab": self.inventory},
            known,
            self.look,
            self.command,
            lambda errand: errand,
            frozenset({"stale-process"}),
        )

    def look(self, host: Host, quiet_for: float | None) -> Reading:
        del quiet_for
        self.looked.append(host.name)
        if host.name in self.faulty:
            raise ZeroDivisionError("canary")
        return reading(time.monotonic(), health=host.name not in self.sick)

    def command(self, errand: Errand) -> Sequence[str]:
        self.errands.append(errand)
        if not self.code and not self.stays:
            self.sick -= set(errand.hosts)
        said = self.said_by_healing or json.dumps(
            {"kind": "healed", "faults": [cured(self.heals)] if self.heals else []}
        )
        return ["bash", "-c", HEAL, "bash", str(self.folder / "begun"), str(self.steps), str(self.code), said]

    def tell(self, level: str, where: str, what: str) -> None:
        self.told.append(f"{level}: {where}: {what}")

    def said(self, what: str) -> bool:
        return any(what in line for line in self.told)


@pytest.fixture
def stage(inventory: Callable[..., Inventory], tmp_path: Path) -> Stage:
    rules = "rules: {health: {for: 0s}, cpu: null}\n  every: 60s"
    return Stage(inventory("every: 60s", rules), tmp_path)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "state", Masker()) as journal:
        yield journal


def service(stage: Stage, journal: Journal, *, once: bool = False) -> Service:
    memory = Memory(journal, HEADER)
    return Service(stage.load(), stage.load, memory, stage.tell, Notifier({}), Clock(), once=once)


@dataclass
class Running:
    """A service in a thread of its own."""

    service: Service
    thread: threading.Thread

    def until(self, so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not so():
            assert time.monotonic() < deadline, "it did not come to that"
            time.sleep(0.01)

    def end(self) -> None:
        self.service.signal("stop")
        self.thread.join(20)
        assert not self.thread.is_alive()


@pytest.fixture
def running(stage: Stage, journal: Journal) -> Iterator[Running]:
    one = service(stage, journal)
    running = Running(one, threading.Thread(target=one.run))
    running.thread.start()
    yield running
    running.end()


def notice(host: str = "web1", *, firing: bool = True) -> Notice:
    return Notice("lab", host, "HighErrorRate", (), firing=firing)


def test_once_looks_at_each_host_heals_and_looks_again(stage: Stage, journal: Journal) -> None:
    stage.sick = {"web1", "web2"}
    assert service(stage, journal, once=True).run()
    assert sorted(set(stage.looked)) == ["little", "studio1", "web1", "web2"]
    assert {host for errand in stage.errands for host in errand.hosts} == {"web1", "web2"}
    assert stage.said("incident closed: rule:health")
    assert not stage.said("still open")


def test_once_says_that_something_is_still_wrong(stage: Stage, journal: Journal) -> None:
    stage.sick, stage.code = {"web1"}, 8
    assert not service(stage, journal, once=True).run()
    assert len(stage.errands) == 1
    assert stage.said(
        "warning: lab web1: still open: rule:health: the health check; healing left what is there"
    )


def test_an_alert_is_healed_and_closed_when_it_is_taken_back(running: Running, stage: Stage) -> None:
    stage.sick = {"web1"}
    running.service._take([notice()])
    running.until(lambda: stage.said("ended with 0"))
    running.service._take([notice(firing=False)])
    running.until(lambda: stage.said("incident closed: alert:HighErrorRate"))
    assert len([errand for errand in stage.errands if errand.hosts == ("web1",)]) == 1


def test_a_look_that_goes_wrong_by_our_fault_is_told_without_its_text_and_is_not_well(
    stage: Stage, journal: Journal
) -> None:
    stage.faulty = {"little"}
    assert not service(stage, journal, once=True).run()
    assert stage.said("could not be looked at: internal error (ZeroDivisionError)")
    assert not stage.said("canary")
    assert stage.errands[0] == Errand("lab", Work.HEAL, ("little",), reason="watch: little rule:health")


def test_where_no_rule_tells_of_it_a_host_that_nobody_could_look_at_is_not_well(
    stage: Stage, journal: Journal
) -> None:
    rules = stage.inventory.watch.rules.model_copy(update={"health": None})
    watch = stage.inventory.watch.model_copy(update={"rules": rules})
    stage.inventory = replace(stage.inventory, watch=watch)
    assert service(stage, journal, once=True).run()
    stage.faulty = {"little"}
    assert not service(stage, journal, once=True).run()
    assert not stage.errands


def test_no_host_is_worked_at_twice_at_once_however_many_alerts_come(running: Running, stage: Stage) -> None:
    stage.steps, stage.code = 10, 8
    for _ in range(100):
        running.service._take([notice(), notice("web2")])
    running.until(lambda: stage.said("ended with 8"))
    assert len(stage.errands) == len((stage.folder / "begun").read_text().split()) == 1
    assert stage.told.count("warning: lab web1: incident opened: alert:HighErrorRate") == 1


def test_alerts_for_which_there_is_no_room_are_refused(stage: Stage, journal: Journal) -> None:
    one = service(stage, journal)  # nobody works off what is taken
    assert [one._take([notice()]) for _ in range(ROOM + 2)] == [True] * ROOM + [False] * 2


def test_told_to_leave_it_has_what_is_in_hand_put_back_and_begins_nothing(
    running: Running, stage: Stage
) -> None:
    stage.steps = 1000
    running.service._take([notice()])
    running.until((stage.folder / "begun").exists)
    running.end()
    assert stage.said("put back")
    assert stage.said("ended with 1")
    assert len(stage.errands) == 1


def test_a_file_that_is_wrong_keeps_the_old_and_a_right_one_is_taken(running: Running, stage: Stage) -> None:
    stage.broken = "unknown key `wtach`"
    running.service.signal("reload")
    running.until(lambda: stage.said("not reloaded, the old goes on: lab.yml:3:1: unknown key `wtach`"))
    assert list(running.service.wards) == ["lab"]
    stage.broken = ""
    stage.inventory = replace(stage.inventory, hosts=stage.inventory.hosts[:1])
    running.service.signal("reload")
    running.until(lambda: stage.said("info: : reloaded"))
    assert list(running.service.wards["lab"].turns) == ["web1"]
    running.service._take([notice("web2"), notice()])
    running.until(lambda: stage.said("ended with 0"))
    assert [errand.hosts for errand in stage.errands] == [("web1",)]


def test_a_log_that_cannot_be_read_when_all_is_read_anew_keeps_the_old_and_stops_nothing(
    running: Running, stage: Stage, journal: Journal
) -> None:
    running.until(lambda: len(stage.looked) == 4)
    before = running.service.loaded
    journal.append(HEADER.run, "web1", "concern", {})  # nobody understands it
    running.service.signal("reload")
    running.until(lambda: stage.said("not reloaded, the old goes on: "))
    assert running.service.loaded is before
    assert running.thread.is_alive()


def test_what_was_open_when_it_was_killed_is_looked_into_by_the_next(stage: Stage, journal: Journal) -> None:
    first = service(stage, journal)
    first._room.acquire()
    first._noticed((notice(),))  # and then it is gone, without a word
    assert not stage.errands
    second = Running(one := service(stage, journal), threading.Thread(target=one.run))
    second.thread.start()
    second.until(lambda: stage.said("ended with 0"))
    second.end()
    assert [errand.reason for errand in stage.errands] == ["watch: web1 alert:HighErrorRate"]


def test_what_cannot_be_written_down_is_told_and_stops_nothing(running: Running, stage: Stage) -> None:
    running.until(lambda: len(stage.looked) == 4)
    state = stage.folder / "state"
    running.service._take([notice()])
    running.until(lambda: stage.said("ended with 0"))
    with (state / "head").open("r+b") as head:
        head.write(b"x" * 10)  # the log is not what it was: nothing may be written into it
    running.service._take([notice("web2")])
    running.until(lambda: stage.said("lab web2: not written down"))
    assert running.service.alive


def test_a_program_that_cannot_be_started_is_an_errand_that_failed(stage: Stage, journal: Journal) -> None:
    stage.sick, stage.code = {"web1"}, 8
    missing = replace(stage.load(), command=lambda _: [str(stage.folder / "nothing")])
    memory = Memory(journal, HEADER)
    one = Service(missing, stage.load, memory, stage.tell, Notifier({}), Clock(), once=True)
    assert not one.run()
    assert stage.said(f"ended with {os.EX_OSERR}")


def test_where_a_rule_fires_and_healing_finds_nothing_a_person_is_called_once(
    stage: Stage, journal: Journal
) -> None:
    stage.stays, stage.sick = True, {"web1"}
    assert not service(stage, journal, once=True).run()
    (call,) = [errand for errand in stage.errands if errand.work is Work.ESCALATE]
    summary = next(one for one in journal.runs() if one.header.run == call.name)
    assert (summary.header.title, summary.outcomes) == ("rule:health", {"web1": Outcome.NO_CURE})
    assert stage.said("rule:health fires, and no playbook finds anything wrong: the health check")


def test_after_something_was_healed_nobody_is_called_before_a_healing_finds_nothing(
    stage: Stage, journal: Journal
) -> None:
    stage.stays, stage.sick, stage.heals = True, {"web1"}, "vacuum"
    assert not service(stage, journal, once=True).run()
    assert [one.work for one in stage.errands] == [Work.HEAL]
    assert stage.said(
        "still open: rule:health: the health check; something was healed, and nobody was called"
    )
    assert not service(stage, journal, once=True).run(), "this one cures something as well"
    stage.heals = ""
    assert not service(stage, journal, once=True).run()
    assert stage.errands[-1].work is Work.ESCALATE
    assert "a person was called" in stage.told[-1]


def test_an_errand_that_is_just_being_started_when_all_is_to_end_ends_too() -> None:
    ended: queue.SimpleQueue[Ended] = queue.SimpleQueue()
    errands = Errands(lambda _: ["sleep", "60"], lambda *_: None, ended.put)
    errands.terminate()
    errands.start(Errand("lab", Work.HEAL, ("web1",)))
    assert ended.get(timeout=20).code == -signal.SIGTERM


def test_an_errand_ends_whatever_becomes_of_telling_what_it_says() -> None:
    ended: queue.SimpleQueue[Ended] = queue.SimpleQueue()
    told: list[str] = []

    def tell(_: Errand, line: str) -> None:
        if line == "canary":
            raise RecursionError(line)
        told.append(line)

    errands = Errands(lambda _: ["sh", "-c", "echo canary; echo on; exit 3"], tell, ended.put)
    errands.start(Errand("lab", Work.SCHEDULED, ("web1",)))
    assert ended.get(timeout=20).code == 3
    assert told == ["a line could not be told (RecursionError)", "on"]


def test_only_playbooks_that_there_are_become_labels(stage: Stage, journal: Journal) -> None:
    one = service(stage, journal)
    for name in ("stale-process", "canary"):
        line = json.dumps({"kind": "healed", "faults": [cured(name)]})
        one.chronicle.said(Errand("lab", Work.HEAL, ("web1",)), line)
    page = one.metrics.page().decode()
    assert 'playbook="stale-process",result="healed"} 1.0' in page
    assert "canary" not in page


def test_where_healing_cannot_be_carried_out_a_person_is_called(stage: Stage, journal: Journal) -> None:
    stage.stays, stage.sick, stage.code = True, {"web1"}, 2
    stage.said_by_healing = "error: zz.yml:1:1: is no playbook"
    assert not service(stage, journal, once=True).run()
    (call,) = [errand for errand in stage.errands if errand.work is Work.ESCALATE]
    summary = next(one for one in journal.runs() if one.header.run == call.name)
    why = "healing cannot be carried out: it ended with 2: error: zz.yml:1:1: is no playbook"
    assert why in summary.header.reason
    assert stage.said(f"rule:health fires, and {why}")
    assert not stage.said("healing left what is there to a person")


def test_reading_all_anew_survives_our_own_faults_and_refuses_other_environments(
    running: Running, stage: Stage
) -> None:
    def fails() -> Loaded:
        raise ZeroDivisionError("canary")

    running.service.load = fails
    running.service.signal("reload")
    running.until(lambda: stage.said("not reloaded, the old goes on: internal error (ZeroDivisionError)"))
    renamed = replace(stage.load(), inventories={"staging": stage.inventory})
    running.service.load = lambda: renamed
    running.service.signal("reload")
    running.until(lambda: stage.said("not reloaded, the old goes on: lab, staging: the environments are not"))
    assert list(running.service.wards) == ["lab"]
    assert not stage.said("canary")


def test_a_thousand_alerts_are_one_incident_and_read_no_history(
    running: Running, stage: Stage, journal: Journal
) -> None:
    running.until(lambda: len(stage.looked) == 4)
    asked: list[int] = []
    running.service.chronicle = replace(running.service.chronicle, tell_breakers=lambda _: asked.append(1))
    stage.steps, stage.code = 200, 8
    taken = 0
    while taken < 1000:
        taken += running.service._take([notice()])
    running.until(running.service._inbox.empty)
    assert running.service.wards["lab"].concerns["lab", "web1", "alert:HighErrorRate"].told == 1000
    assert [one.body["turned"] for one in journal.of_kinds(["concern"])] == ["opened"]
    assert len(asked) <= 1, "the one of each minute"


def test_where_a_person_was_called_and_it_is_not_over_deadlines_are_looked_for(
    stage: Stage, journal: Journal
) -> None:
    called = {"incident": "run-1", "fingerprints": ["x on web1 (lab)"], "playbook": "x"}
    more = {"environment": "lab", "title": "x", "said": "x", "status": "working", "level": 1, "started": 1.0}
    journal.append("run-1", "", "escalated", {**called, **more, "hosts": ["web1"], "apps": [], "topics": []})
    one = service(stage, journal)
    one._settle()
    assert one.wards["lab"].calls.open
    gone = {"environment": "lab", "target": "web1", "playbook": "x"}
    journal.append("run-1", "web1", "incident", {"fingerprint": gone, "state": "closed", "why": "gone"})
    one._settled = float("-inf")
    one._settle()
    assert not one.wards["lab"].calls.open


def test_where_nobody_is_there_to_be_told_it_says_so_and_does_not_say_that_one_was_called(
    stage: Stage, journal: Journal
) -> None:
    stage.stays, stage.sick = True, {"web1"}
    came = {"incident": "run-1", "level": 1, "subject": "down", "told": [], "problems": [], "file": "r.md"}
    stage.said_by_healing = json.dumps({**came, "nobody": True})
    stage.code = 0
    assert not service(stage, journal, once=True).run()
    assert stage.said("level 1: down; the report is in r.md")
    assert stage.said("nobody is told: no contact whose turn it is has `notify`")
    assert stage.told[-1].endswith("a report was written, and nobody told: no contact has `notify`")


def test_what_is_taken_out_has_no_gauges_any_more_and_no_look_brings_them_back(
    running: Running, stage: Stage
) -> None:
    def page() -> str:
        return running.service.metrics.page().decode()

    running.until(lambda: 'last_look_timestamp_seconds{environment="lab",host="web2"}' in page())
    stage.inventory = replace(stage.inventory, hosts=stage.inventory.hosts[:1])
    ward = running.service.wards["lab"]
    running.until(lambda: not ward.looking)
    ward.looking.add("web2")
    running.service.signal("reload")
    running.until(lambda: stage.said("info: : reloaded"))
    running.service._inbox.put(Looked("lab", "web2", time.monotonic(), reading(time.monotonic())))
    running.until(lambda: not ward.looking)
    assert 'last_look_timestamp_seconds{environment="lab",host="web2"}' not in page()
