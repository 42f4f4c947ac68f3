"""The command escalate: whom it tells, what it prints and leaves, what it is refused for, what does not stop it."""

import base64
import json
import threading
import time
from pathlib import Path

import pytest

from remediate.cli import escalating
from remediate.cli.session import Session
from remediate.clock import Clock
from remediate.errors import JournalError, Unreachable
from remediate.escalation.delivery import Message, Sent
from remediate.inventory import load_inventory
from remediate.journal import Journal, Operator, RunHeader
from remediate.masking import Masker
from remediate.providers.pm2_host import PM2_SCRIPT
from remediate.questions import RunAnswer
from remediate.watching.concerns import Concern
from remediate.watching.remembered import Memory
from remediate.watching.work import Note, Turned
from tests.cli.test_applying import Ground, ground
from tests.engine.conftest import PLAYBOOK
from tests.escalation.services import PASSWORD, hook
from tests.laws.memory import File, State

__all__ = ["ground"]
CONTACTS = """
contacts:
  - {level: 1, name: Team Lead, how: "+49 30 5550101", notify: [{file: pager}]}
  - {level: 2, name: Database Administrator, for: [database]}
  - {level: 3, name: Technical Director, how: "+49 30 5550103"}
"""
LOG = "it began\nError: P2022 with the token canary-token-1\npostgresql://ada:geheim@db/x"
ENV = b"DATABASE_URL=postgresql://app:Xk29sesame@db/app\n"


def logs(_: State, args: tuple[str, ...]) -> RunAnswer:
    """What pm2 says of the app: it runs, and its logs say this."""
    process = {
        "id": 0,
        "pid": 7,
        "born": 9,
        "status": "online",
        "restarts": 0,
        "unstable": 0,
        "since": 1.0,
        "mode": "fork_mode",
        "script": "",
        "cwd": "",
        "out": "",
        "error": "/var/log/error.log",
    }
    text = f"{LOG}\nurl Xk29sesame\n" * 60
    tail = base64.b64encode(text.encode()).decode()
    log = {"path": "/var/log/error.log", "inode": 1, "size": len(text), "changed": 1.0, "tail": tail}
    seen = {"daemon": True, "at": 2.0, "processes": [process], "logs": [log] if args[0] == "logs" else []}
    return RunAnswer(exit_code=0, stdout=json.dumps(seen).encode())


@pytest.fixture
def failed(ground: Ground) -> str:
    """A run that was rolled back; the inventory says whom to call."""
    inventory = ground.here / "inventory" / "lab.yml"
    inventory.write_text(inventory.read_text() + CONTACTS)
    (ground.here / "inventory" / "pager").write_text(f"json://a:{PASSWORD}@127.0.0.1:1/x\n")
    text = PLAYBOOK.replace("stable: 2s", "stable: 0s").replace("text: limit=2", "text: limit=9")
    (ground.here / "playbooks" / "two-files.yml").write_text(text.replace("within: 5s", "within: 0s"))
    for world in ground.worlds.values():
        world.scripts[PM2_SCRIPT] = logs
        world.state.files["/srv/app/backend/.env"] = File(ENV)
    assert ground.does("run", "two-files", "--on", "web1", "--yes")[0] == 1
    return last_run(ground)


def last_run(ground: Ground) -> str:
    return json.loads(ground.does("runs", "--json", "--limit", "1")[1])["header"]["run"]


Told = list[tuple[list[str], Message]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """What services were told, all of which take it."""
    kept: Told = []

    def send(urls: list[str], message: Message) -> list[Sent]:
        kept.append((list(urls), message))
        return [Sent(taken=True) for _ in urls]

    monkeypatch.setattr(escalating, "send", send)
    return kept


def test_whose_turn_it_is_gets_the_report_and_a_file_keeps_it(
    ground: Ground, failed: str, told: Told
) -> None:
    code, out, err = ground.does("escalate", failed)
    assert code == 0, err
    assert out.startswith("Subject: [URGENT] lumiku-backend issue - Two settings are wrong on web1\n")
    assert "\nCurrent Status: not known\n" in out
    assert "\n    web1: replace a text in /srv/app/config.ini\n" in out
    assert "Team Lead by json: told" in err
    ((_, message),) = told
    assert message.subject in out
    kept = Path(message.file).read_text()
    assert kept.startswith("# Escalation\n")
    assert kept.count("Error: P2022") == out.count("Error: P2022") == 25
    assert "last 100 lines" in out
    for text in (out, err, kept, message.whole, message.brief):
        assert not any(secret in text for secret in ("canary-token-1", "Xk29sesame", "geheim", PASSWORD))
    _, log, _ = ground.does("show", failed)
    assert "escalated  to level 1: what could be tried did not cure it" in log
    assert "delivered  to Team Lead by json" in log
    assert ground.does("audit", "verify")[0] == 0


def test_the_same_again_tells_nobody_and_a_higher_level_who_was_not_told(
    ground: Ground, failed: str, told: Told
) -> None:
    ground.does("escalate", failed)
    code, _, _ = ground.does("escalate", failed)
    assert (code, len(told)) == (0, 1)
    code, _, err = ground.does("escalate", failed, "--level", "3")
    assert code == 0
    assert "! call Technical Director (level 3): +49 30 5550103" in err
    code, out, err = ground.does("escalate", failed)
    assert "-> level 3 Technical Director" in out


@pytest.mark.parametrize(
    ("word", "level"), [("database", 2), ("corruption", 3), ("security", 3), ("network", 1)]
)
def test_a_person_may_say_what_it_is_about(
    ground: Ground, failed: str, told: Told, word: str, level: int
) -> None:
    code, out, _ = ground.does("escalate", failed, "--about", word, "--json", "--affected", "about 200")
    record = json.loads(out)
    assert (code, record["level"], record["case"]["affected"]) == (0, level, "about 200")
    assert record["case"]["owed"] == []
    assert record["run"] == record["incident"] == failed


def test_what_is_due_is_escalated_again_and_nothing_else(
    ground: Ground, failed: str, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    inventory = ground.here / "inventory" / "lab.yml"
    second = "name: Second, after: 10m, notify: [{file: pager}]}"
    inventory.write_text(
        inventory.read_text().replace("name: Database Administrator, for: [database]}", second)
    )
    assert ground.does("escalate", "--due") == (0, "", "")
    ground.does("escalate", failed)
    assert ground.does("escalate", "--due") == (0, "", "")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 700)
    monkeypatch.setattr(escalating, "Clock", lambda: Clock(time.time))
    code, out, err = ground.does("escalate", "--due")
    assert (code, len(told)) == (0, 2), err
    assert "10 minutes after it was escalated it is not over" in out
    assert "Second by json: told" in err
    assert ground.does("escalate", "--due") == (0, "", "")
    inventory.unlink()
    monkeypatch.setattr(escalating, "is_due", lambda *_, **__: True)
    code, _, err = ground.does("escalate", "--due")
    assert (code, err.count("\n")) == (1, 1), "one line, and the others would be escalated"


def test_without_delivery_nobody_is_told_and_the_report_is_there(
    ground: Ground, failed: str, told: Told
) -> None:
    code, out, err = ground.does("escalate", failed, "--no-deliver", "--format", "markdown")
    assert (code, told) == (0, [])
    assert out.startswith("# Escalation\n")
    assert "nobody was told (--no-deliver)" in err
    assert f"{failed}.md" in err


def test_a_service_that_answers_at_the_third_try_was_told(
    ground: Ground, failed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remediate.escalation.delivery.PAUSES", (0.0, 0.0))
    with hook(500, 500, 200) as pager:
        (ground.here / "inventory" / "pager").write_text(pager.url)
        code, _, err = ground.does("escalate", failed)
    assert (code, len(pager.posted)) == (0, 3), err
    assert PASSWORD not in err
    assert pager.posted[2]["title"].startswith("[URGENT] lumiku-backend issue")


def test_what_could_not_be_delivered_says_so(
    ground: Ground, failed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remediate.escalation.sending.find_spec", lambda _: None)
    code, out, err = ground.does("escalate", failed)
    assert code == 1
    assert "NOT told after 1 tries: apprise is not installed: pip install 'remediate[notify]'" in err
    assert "Environment: lab" in out
    assert "undelivered" in ground.does("show", failed)[1]


def test_a_host_that_is_down_says_so_in_the_report_and_it_is_delivered(
    ground: Ground, failed: str, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object, **__: object) -> None:
        raise Unreachable("web1", "no answer from 127.0.0.1:22", "is it up?")

    monkeypatch.setattr(Session, "target", down)
    code, out, _ = ground.does("escalate", failed)
    assert (code, len(told)) == (0, 1)
    assert out.count("it could not be looked at: web1: no answer from 127.0.0.1:22; is it up?") == 3
    assert "Current Status: not known" in out


def test_a_host_that_does_not_answer_in_time_keeps_nobody_waiting(
    ground: Ground, failed: str, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()
    monkeypatch.setattr(escalating, "LONGEST_LOOK", 0.2)
    monkeypatch.setattr(escalating, "look", lambda *_: answered.wait(30))
    _, out, _ = ground.does("escalate", failed)
    answered.set()
    assert "it did not answer within 0 s" in out
    assert len(told) == 1


def test_a_full_disk_of_the_runner_keeps_nobody_from_being_told(
    ground: Ground, failed: str, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise JournalError("the state directory", "the disk is full", "make room")

    monkeypatch.setattr(Journal, "hold", full)
    monkeypatch.setattr(Journal, "append", full)
    monkeypatch.setattr("remediate.escalation.escalating.write_report", full)
    code, out, err = ground.does("escalate", failed)
    assert (code, len(told)) == (1, 1)
    assert out.startswith("Subject: [URGENT]")
    assert "! the state directory: the disk is full; make room" in err


def test_a_run_that_ended_well_is_refused(ground: Ground, told: Told) -> None:
    assert ground.does("run", "two-files", "--on", "web1", "--yes")[0] == 0
    run = last_run(ground)
    code, out, err = ground.does("escalate", run)
    assert (code, out, told) == (2, "", [])
    assert err == f"{run}: ended well on every host: there is nothing to escalate; remediate show {run}\n"
    assert not list(ground.here.rglob("escalations"))


@pytest.mark.usefixtures("failed")
def test_what_watch_has_just_found_mended_is_not_due_and_what_opens_again_is(
    ground: Ground, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ground.here / "inventory" / "lab.yml"
    second = "name: Second, after: 10m, notify: [{file: pager}]}"
    path.write_text(path.read_text().replace("name: Database Administrator, for: [database]}", second))
    lab, now = load_inventory(path), time.time()
    operator = Operator(user="me", machine="here")
    header = RunHeader(run="20260101-000000-self", command="watch", environment="lab", operator=operator)
    concern = Concern("lab", "web1", "rule:disk", now, seen="12 % of the disk are free")

    def notes(turned: Turned) -> None:
        with Journal.open(ground.here / "state" / "remediate", Masker()) as journal:
            Memory(journal, header).note(Note(turned, concern))

    with Journal.open(ground.here / "state" / "remediate", Masker()) as journal:
        run = Memory(journal, header).call(Note(Turned.BEYOND, concern), lab, now)
    notes(Turned.OPENED)
    ground.does("escalate", run)
    monkeypatch.setattr(time, "time", lambda: now + 700)
    monkeypatch.setattr(escalating, "Clock", lambda: Clock(time.time))
    notes(Turned.CLOSED)
    assert ground.does("escalate", "--due") == (0, "", "")
    assert len(told) == 1
    notes(Turned.OPENED)
    code, _, err = ground.does("escalate", "--due")
    assert (code, len(told)) == (0, 2), err
    assert "Second by json: told" in err


@pytest.mark.parametrize("words", [("nothing-like-it",), (), ("--format", "html"), ("--due",)])
def test_wrong_words_are_refused_in_one_line(ground: Ground, failed: str, words: tuple[str, ...]) -> None:
    given = (failed, *words) if words and words[0].startswith("--") else words
    code, _, err = ground.does("escalate", *given)
    assert (code, err.count("\n")) == (2, 1)


def test_a_playbook_that_is_gone_keeps_it_from_nothing(ground: Ground, failed: str, told: Told) -> None:
    (ground.here / "playbooks" / "two-files.yml").unlink()
    code, out, _ = ground.does("escalate", failed)
    assert (code, len(told)) == (0, 1)
    assert out.startswith("Subject: [URGENT] lumiku-backend issue - two-files on web1\n")


def test_a_run_that_another_process_is_at_is_left_to_it(ground: Ground, failed: str, told: Told) -> None:
    with Journal.open(ground.here / "state" / "remediate", Masker()) as journal, journal.hold(failed):
        code, _, err = ground.does("escalate", failed)
    assert (code, told) == (6, [])
    assert "another process is at work on this run" in err


@pytest.mark.parametrize("keep", [True, False])
def test_a_run_that_needs_a_person_says_how_to_call_one(ground: Ground, keep: bool) -> None:
    text = PLAYBOOK.replace("text: limit=2", "text: limit=9").replace("within: 5s\nstable: 2s", "within: 0s")
    text = text + "on_failure: keep\n" if keep else text.partition("fix:")[0]
    (ground.here / "playbooks" / "two-files.yml").write_text(text)
    code, out, _ = ground.does("run", "two-files", "--on", "web1", "--yes")
    said = " ".join(out.replace("│", " ").split())
    assert code == 8, out
    assert f"remediate escalate {last_run(ground)} calls a person" in said
