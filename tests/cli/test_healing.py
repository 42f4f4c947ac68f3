"""The command heal over hosts in memory: what it cures, proposes and leaves to a person, and what holds it back."""

import json
import re
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from remediate.cli import app, healing_reach
from remediate.cli.healing_reach import Hands, PlannedCure
from remediate.cli.session import Session
from remediate.errors import JournalError
from remediate.healing import waiting
from remediate.healing.incidents import Incidents
from remediate.journal import Journal
from remediate.masking import Masker
from remediate.model import Outcome
from tests.engine.conftest import CONFIG, LIMITS
from tests.laws.memory import File, MemoryTarget, MemoryWorld, State
from tests.laws.simulated import PLACE_SCRIPT, place

Line = Callable[..., tuple[int, str, str]]
RED, GREEN = b"# ours\ncolour=red\n", b"# ours\ncolour=green\n"
COLOUR = """
name: colour
title: The colour is wrong
on: backend
diagnose: [{name: the colour is green, files.contains: {path: /srv/app/config.ini, text: colour=green}}]
confirm: {risk: config}
fix: [{name: set the colour, files.replace: {path: /srv/app/config.ini, find: colour=red, replace_with: colour=green}}]
verify: [{name: it stays green, files.contains: {path: /srv/app/config.ini, text: colour=green}}]
within: 1s
stable: 0s
auto: {allowed: true, per_hour: 5}
escalate: application
"""
NEVER = "verify: [{name: never, files.contains: {path: /srv/app/config.ini, text: colour=blue}}]"
FAILING = COLOUR.replace(COLOUR[COLOUR.index("verify:") : COLOUR.index("within:")], NEVER + "\n")
BOTH = """
name: both
title: Both are wrong
on: backend
when: all
diagnose:
  - {name: the colour is green, files.contains: {path: /srv/app/config.ini, text: colour=green}}
  - {name: the limit is two, files.contains: {path: /srv/app/limits.ini, text: limit=2}}
explains: [colour]
confirm: {risk: build}
fix:
  - {name: set the colour, files.replace: {path: /srv/app/config.ini, find: colour=red, replace_with: colour=green}}
  - {name: set the limit, files.replace: {path: /srv/app/limits.ini, find: limit=1, replace_with: limit=2}}
verify: [{name: it stays green, files.contains: {path: /srv/app/config.ini, text: colour=green}}]
within: 1s
stable: 0s
auto: {allowed: true, per_hour: 5}
"""
LIMIT = """
name: limit
title: The limit is wrong
on: backend
diagnose: [{name: the limit is two, files.contains: {path: /srv/app/limits.ini, text: limit=2}}]
confirm: {risk: restart}
fix: [{name: set the limit, files.replace: {path: /srv/app/limits.ini, find: limit=1, replace_with: limit=2}}]
verify: [{name: it stays two, files.contains: {path: /srv/app/limits.ini, text: limit=2}}]
within: 1s
stable: 0s
auto: {allowed: true, per_hour: 5}
"""


@dataclass
class Ward:
    """Hosts in memory, and a runner's directory from which they are healed."""

    here: Path
    does: Line
    worlds: dict[str, MemoryWorld]
    on_change: Callable[[str], None] = len

    @property
    def state(self) -> Path:
        return self.here / "state" / "remediate"

    def content(self, path: str = CONFIG, host: str = "web1") -> bytes:
        return self.worlds[host].state.files[path].content

    def write(self, path: str, content: bytes, host: str = "web1") -> None:
        self.worlds[host].state.files[path].content = content

    def book(self, text: str) -> None:
        name = text.split("name: ", 1)[1].split("\n", 1)[0]
        (self.here / "playbooks" / f"{name}.yml").write_text(text)

    def policy(self, text: str) -> None:
        path = self.here / "inventory" / "lab.yml"
        path.write_text(re.sub(r"(?m)^policy: .*$", f"policy: {{{text}}}", path.read_text()))

    def heals(self, *words: str, on: str = "web1") -> tuple[int, str]:
        code, out, err = self.does("heal", "--on", on, *words)
        return code, out + err

    def told(self, *words: str, on: str = "web1") -> tuple[int, dict]:
        code, out, err = self.does("heal", "--on", on, "--json", *words)
        assert out, err
        return code, json.loads(out.splitlines()[-1])

    def round_trip(self) -> str:
        """The id of the last one."""
        with Journal.open(self.state, Masker()) as journal:
            return next(one.header.run for one in journal.runs() if one.header.command == "heal")

    def kinds(self) -> list[str]:
        with Journal.open(self.state, Masker()) as journal:
            return [entry.kind for entry in journal.entries()]


POLICY = "policy: {confirm: type-name, reason: required, auto: {allowed: true, cooldown: 0s}}"


@pytest.fixture
def ward(here: Path, does: Line, monkeypatch: pytest.MonkeyPatch) -> Ward:
    files = {CONFIG: File(RED, mode=0o640), LIMITS: File(b"limit=2\n")}
    worlds = {
        name: MemoryWorld(State(files=files), scripts={PLACE_SCRIPT: place}) for name in ("web1", "web2")
    }
    ward = Ward(here, does, worlds)

    class Reached(MemoryTarget):
        def scoped(self, token: str) -> "Reached":
            scoped = Reached(self.world, token)
            scoped.name = self.name
            return scoped

        def write(self, path: str, *args: object, **named: object) -> None:
            ward.on_change(path)
            super().write(path, *args, **named)  # type: ignore[arg-type]

    def reached(self: Session, host, *_: object, **__: object) -> MemoryTarget:
        self.secrets_of(host)
        self.targets[host.name] = target = Reached(worlds[host.name], "")
        target.name = host.name
        return target

    monkeypatch.setattr(Session, "target", reached)
    monkeypatch.setattr(waiting, "PAUSE", 0.05)
    inventory = here / "inventory" / "lab.yml"
    text = (
        inventory.read_text().replace("/srv/lumiku", "/srv/app").replace("groups:", f"{POLICY}\ngroups:", 1)
    )
    inventory.write_text(text)
    (here / "playbooks").mkdir()
    ward.book(COLOUR)
    return ward


def test_a_fault_that_may_be_cured_is_cured_and_the_pipeline_goes_on(ward: Ward) -> None:
    code, said = ward.heals()
    assert code == 0, said
    assert ward.content() == GREEN
    assert "web1  = fixed: healed: colour; nothing else is wrong" in said
    assert ward.heals()[0] == 0


def test_a_healthy_host_is_left_alone(ward: Ward) -> None:
    ward.write(CONFIG, GREEN)
    code, said = ward.heals()
    assert (code, ward.content()) == (0, GREEN)
    assert "nothing is wrong that a playbook knows" in said
    assert ward.kinds() == ["begun", "ended"]


def test_the_least_invasive_cure_comes_first_and_the_reason_is_told(ward: Ward) -> None:
    ward.book(LIMIT)
    ward.write(LIMITS, b"limit=1\n")
    code, healed = ward.told()
    assert code == 0
    assert [one["fingerprint"]["playbook"] for one in healed["faults"]] == ["limit", "colour"]
    assert healed["reasons"] == [
        "web1: 1. limit: nothing that was found explains it; its cure restarts",
        "web1: 2. colour: nothing that was found explains it; its cure changes the configuration",
    ]


def test_a_symptom_is_left_until_its_cause_is_cured(ward: Ward) -> None:
    ward.book(LIMIT.replace("on: backend", "on: backend\nexplains: [colour]"))
    ward.write(LIMITS, b"limit=1\n")
    code, healed = ward.told("--rounds", "1")
    assert code == 8, "the round was spent on the cause"
    assert (ward.content(LIMITS), ward.content()) == (b"limit=2\n", RED)
    assert "web1: later: colour: limit explains it and goes first" in healed["reasons"]
    ward.write(LIMITS, b"limit=1\n")
    assert ward.told()[0] == 0, "with the cause gone it is no symptom any more"
    assert ward.content() == GREEN


def test_a_cure_that_does_not_hold_is_put_back_not_tried_again_and_a_person_is_called(ward: Ward) -> None:
    ward.book(FAILING)
    code, healed = ward.told()
    assert (code, ward.content()) == (1, RED)
    assert [one["outcome"] for one in healed["faults"]] == ["rolled back"]
    assert ward.kinds().count("attempt") == 1
    (report,) = (ward.state / "escalations").iterdir()
    assert "rolled back" in report.read_text()
    assert report.stat().st_mode & 0o077 == 0


def test_two_cures_that_did_not_hold_open_the_breaker_and_only_a_person_closes_it(ward: Ward) -> None:
    ward.book(FAILING)
    assert [ward.heals()[0] for _ in range(2)] == [1, 1]
    ward.book(COLOUR)
    code, healed = ward.told()
    assert (code, ward.content()) == (8, RED), "a better playbook does not close it"
    (fault,) = healed["faults"]
    assert fault["ruling"]["verdict"] == "escalate"
    assert "remediate breaker reset web1 colour --reason WHY" in fault["why"]
    _, said, _ = ward.does("breaker", "list")
    assert said.startswith("open colour on web1 (lab) 2 did not hold")
    assert ward.does("breaker", "reset", "web1", "--reason", " ")[0] == 2
    assert ward.does("breaker", "reset", "web2", "--reason", "the playbook was wrong")[0] == 2
    assert ward.heals()[0] == 8
    assert ward.does("breaker", "reset", "web1", "colour", "--reason", "the playbook was wrong")[0] == 0
    assert ward.heals()[0] == 0
    assert ward.does("breaker", "list")[1] == "every breaker is closed\n"


def test_what_comes_back_twice_within_an_hour_is_not_healed_a_third_time(ward: Ward) -> None:
    for _ in range(2):
        ward.write(CONFIG, RED)
        assert ward.heals()[0] == 0
    ward.write(CONFIG, RED)
    code, healed = ward.told()
    assert (code, ward.content()) == (8, RED)
    assert "was healed twice within the last hour and is there again" in healed["faults"][0]["why"]


def test_where_the_policy_leaves_cures_to_a_person_a_plan_is_left_that_apply_takes(ward: Ward) -> None:
    ward.policy("confirm: yes, auto: {allowed: false}")
    code, healed = ward.told("--plans", str(ward.here / "to review"))
    assert (code, ward.content()) == (8, RED)
    (fault,) = healed["faults"]
    assert fault["ruling"]["verdict"] == "propose"
    assert "leaves every cure to a person" in fault["why"]
    assert "attempt" not in ward.kinds()
    code, said, err = ward.does("apply", fault["plan"], "--yes")
    assert code == 0, said + err
    assert ward.content() == GREEN


def test_a_plan_that_would_still_be_applied_stays_as_it_is_for_its_reviewers(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    ward.policy("auto: {allowed: false}")
    numbers = count()

    def left() -> bytes:
        (fault,) = ward.told("--reason", f"at {next(numbers)}")[1]["faults"]
        return Path(fault["plan"]).read_bytes()

    first = left()
    assert left() == first
    ward.write(CONFIG, b"# theirs\ncolour=red\n")
    other = left()
    assert other != first, "something else would be changed"
    assert left() == other
    (plan,) = (ward.state / "plans").iterdir()
    plan.write_bytes(altered := other.replace(b"colour", b"colours", 1))
    assert left() not in {altered, other}, "somebody altered it"
    plan.write_text(forged := re.sub(r'"seal": "\w', '"seal": "_', plan.read_text()))
    assert left() != forged.encode(), "somebody else made it"
    assert ward.does("apply", str(plan), "--yes")[0] == 0
    applied = plan.read_bytes()
    ward.write(CONFIG, b"# theirs\ncolour=red\n")
    assert left() != applied, "it was applied already"
    plan.unlink()
    monkeypatch.setattr(healing_reach, "LIFETIME", 0.2)
    short = left()
    time.sleep(0.3)
    assert left() != short, "it has expired"


def test_a_summary_that_cannot_be_written_keeps_nobody_from_being_called(ward: Ward) -> None:
    ward.book(FAILING)
    code, said = ward.heals("--summary", str(ward.here / "nowhere" / "page.md"))
    assert code == 1
    assert "page.md: the summary cannot be written (No such file or directory)" in said
    assert list((ward.state / "escalations").iterdir())


def test_a_plan_that_cannot_be_written_is_told_and_the_other_hosts_are_treated(ward: Ward) -> None:
    ward.policy("auto: {allowed: false}")
    (ward.here / "a file").write_text("")
    code, healed = ward.told("--plans", str(ward.here / "a file" / "plans"), on="backend")
    assert code == 8
    assert [one["plan"] for one in healed["faults"]] == ["", ""]
    assert all("choose another --plans" in one["todo"] for one in healed["faults"])
    assert [end["outcome"] for end in healed["hosts"].values()] == ["no cure", "no cure"]
    assert list((ward.state / "escalations").iterdir())


def test_propose_writes_plans_and_nothing_else(ward: Ward) -> None:
    before = ward.worlds["web1"].fingerprint()
    code, healed = ward.told("--propose")
    assert (code, ward.worlds["web1"].fingerprint()) == (3, before)
    assert Path(healed["faults"][0]["plan"]).is_file()
    assert ward.kinds() == []
    ward.write(CONFIG, GREEN)
    assert ward.told("--propose")[0] == 0


def test_a_playbook_that_keeps_what_failed_or_leaves_itself_to_a_person_is_only_proposed(ward: Ward) -> None:
    for book, why in (
        (
            COLOUR.replace("auto: {allowed: true, per_hour: 5}", "auto: {allowed: false}"),
            "leaves this to a person",
        ),
        (COLOUR + "on_failure: keep\n", "keeps what did not cure"),
    ):
        ward.book(book)
        code, healed = ward.told()
        assert (code, ward.content()) == (8, RED)
        assert why in healed["faults"][0]["why"]
        assert healed["faults"][0]["plan"]


def test_a_fault_without_a_cure_calls_a_person_at_once(ward: Ward) -> None:
    ward.book(COLOUR.partition("confirm:")[0] + "escalate: database\n")
    code, said = ward.heals()
    assert code == 8
    assert "colour has no cure" in said
    (report,) = (ward.state / "escalations").iterdir()
    assert "a person is needed for" in report.read_text()


def test_a_round_trip_that_called_a_person_is_escalated_again_until_it_is_over(ward: Ward) -> None:
    assert ward.heals()[0] == 0
    well = ward.round_trip()
    code, out, err = ward.does("escalate", well)
    said = f"{well}: is no run of a playbook, and called nobody for what is not over since; remediate show {well}"
    assert (code, out, err) == (2, "", f"{said}; `remediate heal` looks again\n")
    ward.book(COLOUR.partition("confirm:")[0] + "escalate: database\n")
    ward.write(CONFIG, RED)
    assert ward.heals()[0] == 8
    run = ward.round_trip()
    code, out, err = ward.does("escalate", run, "--json", "--about", "network", "--affected", "two")
    told = json.loads(out)
    assert (code, told["run"], told["incident"], told["case"]["hosts"]) == (0, run, run, ["web1"]), err
    assert (told["case"]["topics"], told["case"]["affected"]) == (["database", "network"], "two")
    assert told["case"]["why"].startswith("web1: a person is needed for")
    assert ward.does("escalate", run, "--level", "3")[0] == 0
    assert ward.kinds().count("escalated") == 3
    ward.write(CONFIG, GREEN)
    assert ward.heals()[0] == 0, "it closes the incident"
    code, _, err = ward.does("escalate", run)
    assert (code, err.count("\n")) == (2, 1)
    assert ward.kinds().count("escalated") == 3


def test_a_stop_in_the_middle_puts_the_cure_back_and_lasts_until_somebody_starts(ward: Ward) -> None:
    ward.book(BOTH)
    ward.write(LIMITS, b"limit=1\n")

    def stop(path: str) -> None:
        if path == CONFIG and not (ward.state / "stop").exists():
            ward.does("stop", "--all", "--reason", "INC-1")

    ward.on_change = stop
    code, healed = ward.told()
    assert (code, ward.content(), ward.content(LIMITS)) == (8, RED, b"limit=1\n")
    assert healed["faults"][0]["interrupted"]
    assert "healing was stopped by" in healed["faults"][0]["why"]
    assert "INC-1" in healed["faults"][0]["why"]
    assert ward.kinds().count("attempt") == 1
    (ward.state / "stop").unlink()
    code, healed = ward.told()
    assert (code, ward.content()) == (8, RED), "the log remembers, whatever becomes of the file"
    assert healed["faults"][0]["plan"], "what would be done is left for review"
    ward.on_change = len
    assert "every breaker is closed" in ward.does("breaker", "list")[1], "it was no fault of the cure"
    assert ward.does("start", "--reason", "it was the disk")[0] == 0
    assert ward.heals()[0] == 0


def test_a_file_stops_healing_too_for_whoever_has_no_command(ward: Ward) -> None:
    ward.state.mkdir(parents=True, mode=0o700)
    (ward.state / "stop").write_text("ask Ada\nsecond line")
    code, healed = ward.told()
    assert (code, ward.content()) == (8, RED)
    assert "ask Ada" in healed["faults"][0]["why"]
    assert "second line" not in healed["faults"][0]["why"]
    (ward.state / "stop").unlink()
    (ward.state / "stop").symlink_to("nowhere")
    assert ward.heals()[0] == 8
    assert ward.does("start", "--reason", "Ada says so")[0] == 0
    assert ward.heals()[0] == 0
    assert ward.does("start", "--reason", "again")[1] == "healing is not stopped, there is nothing to start\n"


def test_a_stop_wants_all_and_a_reason(ward: Ward) -> None:
    assert ward.does("stop", "--reason", "x")[0] == 2
    assert ward.does("stop", "--all", "--reason", " ")[0] == 2
    assert ward.heals()[0] == 0


def test_a_fault_that_vanishes_before_the_first_change_is_healthy_on_its_own(ward: Ward, monkeypatch) -> None:
    begun = PlannedCure.begun

    def and_then_it_is_gone(self: PlannedCure):
        ward.write(CONFIG, GREEN)
        return begun(self)

    monkeypatch.setattr(PlannedCure, "begun", and_then_it_is_gone)
    code, healed = ward.told()
    assert code == 0
    assert healed["faults"][0]["outcome"] == "healthy"
    assert healed["hosts"]["web1"] == {"outcome": "healthy", "why": "healthy on its own: nothing was changed"}
    assert "owed" not in ward.kinds()


def test_a_second_healer_begins_nothing_while_the_first_is_at_it(ward: Ward) -> None:
    second: list[tuple[int, dict]] = []

    def meanwhile(path: str) -> None:
        if not second:
            second.append((0, {}))
            second[0] = ward.told("--within", "2s")

    ward.on_change = meanwhile
    first, said = ward.heals()
    assert first == 0, said
    (code, healed), *_ = second
    assert (code, healed["faults"]) == (6, []), "of what is being changed nobody can say how it does"
    assert re.fullmatch(r"\S+ is changing it, .*", healed["hosts"]["web1"]["why"])
    assert ward.kinds().count("attempt") == 1
    assert ward.kinds().count("owed") == 1


def test_nothing_is_begun_while_a_persons_run_is_under_way(ward: Ward) -> None:
    second: list[tuple[int, dict]] = []

    def meanwhile(path: str) -> None:
        if not second:
            second.append((0, {}))
            second[0] = ward.told("--within", "2s")

    ward.on_change = meanwhile
    ward.policy("confirm: yes, auto: {allowed: true}")
    assert ward.does("run", "colour", "--on", "web1", "--yes")[0] == 0
    (code, healed), *_ = second
    assert (code, healed["faults"]) == (6, [])
    assert re.fullmatch(r"\S+ is changing it, .*", healed["hosts"]["web1"]["why"])
    assert "attempt" not in ward.kinds()


class Killed(BaseException):
    """What no code of ours catches: the process is gone."""


def killed(ward: Ward, *words: str) -> None:
    """Have a command's process die as it is about to change the limits."""

    def kill(path: str) -> None:
        if path == LIMITS:
            raise Killed

    ward.on_change = kill
    with pytest.raises(Killed):
        ward.does(*words)
    ward.on_change = len


def test_what_a_killed_healer_left_is_put_back_first_and_its_attempt_counts(ward: Ward) -> None:
    ward.book(BOTH)
    ward.write(LIMITS, b"limit=1\n")
    ward.policy("auto: {allowed: true, cooldown: 1h}")

    killed(ward, "heal", "--on", "web1")
    assert (ward.content(), ward.content(LIMITS)) == (GREEN, b"limit=1\n")
    code, healed = ward.told()
    assert (code, ward.content(), ward.content(LIMITS)) == (8, RED, b"limit=1\n")
    assert healed["faults"][0]["why"].startswith("its healer was killed (run ")
    ward.policy("auto: {allowed: true, cooldown: 0s}")
    assert ward.heals()[0] == 0


@pytest.mark.parametrize("by_wish", [False, True])
def test_a_cure_that_failed_counts_for_the_breaker_also_where_its_healer_was_killed_on_the_way_back(
    ward: Ward, *, by_wish: bool
) -> None:
    ward.book(BOTH.replace(BOTH[BOTH.index("verify:") : BOTH.index("within:")], NEVER + "\n"))
    ward.write(LIMITS, b"limit=1\n")
    written: list[str] = []

    def kill(path: str) -> None:
        written.append(path)
        if by_wish and len(written) == 1:
            ward.does("stop", "--all", "--reason", "INC-1")
        elif len(written) > (1 if by_wish else 2):
            raise Killed

    ward.on_change = kill
    with pytest.raises(Killed):
        ward.heals()
    ward.on_change = len
    if by_wish:
        assert ward.does("start", "--reason", "go on")[0] == 0
    ward.policy("auto: {allowed: false}")
    ward.heals()
    assert ward.content() == RED, "it was put back"
    _, said, _ = ward.does("breaker", "list")
    assert ("both on web1 (lab) 1 did not hold" in said) is not by_wish, said


def killed_half_way(ward: Ward) -> None:
    ward.book(BOTH)
    ward.write(LIMITS, b"limit=1\n")

    killed(ward, "heal", "--on", "web1")


def test_what_a_killed_healer_left_stays_while_healing_is_stopped_and_a_person_is_called(ward: Ward) -> None:
    killed_half_way(ward)
    assert ward.does("stop", "--all", "--reason", "INC-1")[0] == 0
    code, healed = ward.told()
    assert (code, ward.content(), ward.content(LIMITS)) == (7, GREEN, b"limit=1\n")
    assert re.search(r"healing is stopped .*owed: remediate rollback \S+$", healed["hosts"]["web1"]["why"])
    (report,) = (ward.state / "escalations").iterdir()
    assert "healing is stopped" in report.read_text()
    assert ward.does("start", "--reason", "go on")[0] == 0
    assert ward.heals()[0] == 0
    assert (ward.content(), ward.content(LIMITS)) == (GREEN, b"limit=2\n")


def test_a_way_back_that_somebody_stands_in_is_walked_once_and_left_to_a_person(ward: Ward) -> None:
    killed_half_way(ward)
    ward.write(CONFIG, b"somebody else's")
    assert ward.heals()[0] == 7
    assert ward.kinds().count("rollback") == 1
    code, healed = ward.told()
    assert (code, ward.content()) == (7, b"somebody else's")
    assert "could not be put back, that is a person's: remediate rollback" in healed["hosts"]["web1"]["why"]
    assert ward.kinds().count("rollback") == 1


def test_what_a_persons_killed_run_left_is_left_to_a_person(ward: Ward) -> None:
    ward.book(BOTH)
    ward.write(LIMITS, b"limit=1\n")
    ward.policy("confirm: yes, auto: {allowed: true}")

    killed(ward, "run", "both", "--on", "web1", "--yes")
    ward.write(CONFIG, RED)
    code, healed = ward.told()
    assert (code, ward.content(), ward.content(LIMITS)) == (8, RED, b"limit=1\n")
    (fault,) = healed["faults"]
    assert fault["ruling"]["verdict"] == "escalate"
    assert "never ended there: remediate resume" in fault["why"]


def test_hosts_that_are_half_changed_count_as_in_work(ward: Ward) -> None:
    ward.book(BOTH)
    ward.write(LIMITS, b"limit=1\n")

    killed(ward, "heal", "--on", "web1")
    code, healed = ward.told("--within", "2s", on="web2")
    assert (code, ward.content(host="web2")) == (8, RED)
    assert "1 other hosts of backend are in work (web1 by run" in healed["faults"][0]["why"]
    ward.policy("auto: {allowed: true, hosts_at_once: 2}")
    assert ward.heals(on="web2")[0] == 0


def test_a_host_that_a_persons_killed_run_left_half_changed_counts_as_in_work(ward: Ward) -> None:
    ward.policy("confirm: yes, auto: {allowed: true}")
    ward.book(BOTH)
    ward.write(LIMITS, b"limit=1\n")

    killed(ward, "run", "both", "--on", "web1", "--yes")
    code, healed = ward.told(on="web2")
    assert (code, ward.content(host="web2")) == (8, RED)
    assert "1 other hosts of backend are in work (web1 by run" in healed["faults"][0]["why"]
    ward.policy("auto: {allowed: true, hosts_at_once: 2}")
    assert ward.heals(on="web2")[0] == 0


def test_a_host_that_a_persons_run_is_changing_counts_as_in_work_and_is_waited_for(ward: Ward) -> None:
    ward.policy("confirm: yes, auto: {allowed: true, cooldown: 0s}")
    seen: list[str] = []

    def meanwhile(path: str) -> None:
        ward.on_change = len
        code, healed = ward.told("--within", "2s", on="web2")
        assert (code, ward.content(host="web2"), path) == (8, RED, CONFIG)
        seen.append(healed["faults"][0]["why"])

    ward.on_change = meanwhile
    assert ward.does("run", "colour", "--on", "web1", "--yes")[0] == 0
    assert "1 other hosts of backend are in work (web1 by run" in seen[0]
    assert "rollback" not in seen[0], "its process lives"
    assert ward.heals(on="web2")[0] == 0


def test_explain_tells_every_condition_and_which_one_decides_and_begins_nothing(ward: Ward) -> None:
    before = ward.worlds["web1"].fingerprint()
    asked = ("explain", "colour", "--verdict", "--on", "web1")
    code, out, _ = ward.does(*asked)
    assert code == 3
    assert out.startswith("web1: colour: heal: every condition holds\n")
    ward.policy("auto: {allowed: false, windows: [{hours: 01:00-01:01, days: [mon]}]}")
    code, out, _ = ward.does(*asked, "--json")
    told = json.loads(out)
    assert (code, told["verdict"]) == (3, "propose")
    failing = [one["name"] for one in told["conditions"] if not one["holds"]]
    assert failing[0] == "environment allows it"
    assert "leaves every cure to a person" in told["why"]
    ward.book(COLOUR.partition("confirm:")[0])
    assert ward.does(*asked)[0] == 8
    ward.write(CONFIG, GREEN)
    assert ward.does(*asked)[:2] == (0, "web1: the fault of colour is not there: there is nothing to do\n")
    ward.write(CONFIG, RED)
    assert ward.does("explain", "colour", "--verdict")[0] == 2
    assert ward.does(*asked, "--format", "json") == ward.does(*asked, "--json")
    assert ward.does(*asked, "--format", "markdown") == (
        2,
        "",
        "explain --verdict --format markdown: a verdict is told as text or json alone; choose one of them\n",
    )
    assert ward.kinds() == []
    assert ward.worlds["web1"].fingerprint() == before


def test_a_host_that_is_held_is_left_to_whoever_holds_it(ward: Ward) -> None:
    assert ward.does("hold", "web1", "--reason", "Ada looks at it")[0] == 0
    code, healed = ward.told()
    assert (code, ward.content()) == (8, RED)
    assert "the host is held by" in healed["faults"][0]["why"]
    assert "Ada looks at it" in healed["faults"][0]["why"]


def test_the_log_is_whole_and_a_cure_can_be_taken_back_like_any_run(ward: Ward) -> None:
    _, healed = ward.told()
    code, said, err = ward.does("rollback", healed["faults"][0]["run"], "--reason", "INC-2")
    assert code == 4, "the policy wants the environment's name typed for that"
    ward.policy("confirm: yes, auto: {allowed: true}")
    code, said, err = ward.does("rollback", healed["faults"][0]["run"], "--yes")
    assert (code, ward.content()) == (0, RED), said + err
    assert ward.does("audit", "verify")[0] == 0


def test_what_is_no_duration_or_playbook_is_wrong_usage(ward: Ward) -> None:
    assert ward.heals("--within", "soon")[0] == 2
    assert ward.heals("--only", "colours")[0] == 2
    assert ward.heals("--only", "colour")[0] == 0
    with Journal.open(ward.state, Masker()) as journal:
        assert [one.header.only for one in journal.runs() if one.header.command == "heal"] == [("colour",)]


def test_no_secret_is_told_though_it_would_be_escaped_or_cut_on_the_way(ward: Ward) -> None:
    secret = "canary-t@ken#number_4711"
    (ward.here / "inventory" / "token").write_text(secret)
    ward.state.mkdir(parents=True, mode=0o700)
    for before in ("", "x" * 250):
        (ward.state / "stop").write_text(f"{before}{secret}")
        _, said = ward.heals("--summary", str(ward.here / "page.md"))
        code, out, err = ward.does("heal", "--on", "web1", "--json")
        (report, *_) = (ward.state / "escalations").iterdir()
        told = said + (ward.here / "page.md").read_text() + out + err + report.read_text()
        assert code == 8
        assert "healing was stopped by" in told
        assert "canary" not in told
        assert "4711" not in told


def look_ends_with(monkeypatch: pytest.MonkeyPatch, error: BaseException, at: int = 2) -> None:
    """Have a look of a round-trip end with an error, as where a signal comes while it is made."""
    looks: list[int] = []
    look = Hands.look

    def looked(self: Hands, hosts):
        looks.append(1)
        if len(looks) == at:
            raise error
        return look(self, hosts)

    monkeypatch.setattr(Hands, "look", looked)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), JournalError("the log", "is full", "make room")])
def test_a_signal_or_a_full_log_after_something_was_treated_calls_a_person(
    ward: Ward, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    look_ends_with(monkeypatch, error)
    code, healed = ward.told("--summary", str(ward.here / "page.md"))
    assert (code, ward.content()) == (8, GREEN)
    assert healed["cut_short"]
    assert healed["hosts"]["web1"]["outcome"] == "no cure"
    assert healed["faults"][0]["outcome"] == "fixed"
    assert "before another look: colour: fixed" in (ward.here / "page.md").read_text().replace("&#58;", ":")
    (report,) = (ward.state / "escalations").iterdir()
    assert "cut short" in report.read_text()
    with Journal.open(ward.state, Masker()) as journal:
        (ended,) = [one for one in journal.entries() if one.kind == "ended" and one.run == healed["run"]]
    assert ended.body["outcome"] == "no cure"


def test_what_a_signal_ends_after_the_last_look_needs_a_person_though_all_looked_well(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Incidents, "close_gone", interrupted)
    code, healed = ward.told()
    assert (code, healed["hosts"]["web1"]["outcome"]) == (8, "fixed")
    (report,) = (ward.state / "escalations").iterdir()
    assert "healing was cut short" in report.read_text()


def test_an_outcome_that_cannot_be_written_down_keeps_nobody_from_being_called(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    ward.book(FAILING)
    ended = Journal.ended

    def refused(self: Journal, run: str, *told: object, **named: object) -> int:
        if any(entry.kind == "ended" for entry in self.entries()):
            raise JournalError("the log", "is full", "make room")
        return ended(self, run, *told, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Journal, "ended", refused)
    code, said = ward.heals()
    assert code == 1
    assert "the outcome could not be written down" in said
    assert list((ward.state / "escalations").iterdir())


def test_a_signal_before_anything_was_treated_leaves_with_what_is_declined(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_ends_with(monkeypatch, KeyboardInterrupt(), at=1)
    monkeypatch.setattr(app, "_leave_at_once", lambda: None)
    assert ward.heals()[0] == app.INTERRUPTED, "the process leaves with 4"
    assert not (ward.state / "escalations").exists()
    assert ward.kinds() == ["begun", "ended"]


def test_the_command_that_an_open_breaker_names_is_taken_as_it_stands(ward: Ward) -> None:
    elsewhere = ward.here / "other state"
    ward.book(FAILING)
    assert [ward.heals("--state", str(elsewhere), "-i", "lab")[0] for _ in range(2)] == [1, 1]
    ward.book(COLOUR)
    code, healed = ward.told("--state", str(elsewhere), "-i", "lab")
    assert code == 8
    command = healed["faults"][0]["why"].partition("once you know why: ")[2]
    assert ward.does(*shlex.split(command)[1:])[:2] == (0, "closed: colour on web1 (lab)\n")
    assert ward.heals("--state", str(elsewhere), "-i", "lab")[0] == 0


def test_a_breaker_of_a_database_is_reset_by_the_name_that_is_told_of_it(ward: Ward) -> None:
    fault = {"environment": "lab", "target": "lumiku (7711/16385)", "playbook": "colour"}
    with Journal.open(ward.state, Masker()) as journal:
        for run in ("one", "two"):
            journal.append(run, "web1", "attempt", {"fingerprint": fault, "group": "backend", "why": ""})
            journal.ended(run, "web1", Outcome.ROLLED_BACK)
    assert ward.does("breaker", "list")[1].startswith("open colour on lumiku (7711/16385) (lab)")
    command = "breaker reset 'lumiku (7711/16385)' colour --reason WHY"
    assert ward.does(*shlex.split(command))[0] == 0
    assert ward.does("breaker", "list")[1] == "every breaker is closed\n"


def test_what_recurs_is_reset_by_a_person_too_though_no_cure_of_it_failed(ward: Ward) -> None:
    for _ in range(2):
        ward.write(CONFIG, RED)
        assert ward.heals()[0] == 0
    ward.write(CONFIG, RED)
    assert ward.heals()[0] == 8
    asked = ("breaker", "reset", "web1", "colour", "--reason", "the deploy wrote it, and does no more")
    assert ward.does(*asked)[:2] == (0, "counts no more: colour on web1 (lab)\n")
    assert ward.heals()[0] == 0
    assert ward.does("breaker", "reset", "web2", "--reason", "nothing was tried there")[0] == 2
