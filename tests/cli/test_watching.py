"""The command watch, as the process that systemd starts."""

import http.client
import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from remediate.cli.watched import Watched
from remediate.clock import Clock
from remediate.errors import UsageError
from remediate.inventory import load_inventory
from remediate.journal import Journal, RunHeader
from remediate.journal import Operator as JournalOperator
from remediate.masking import Masker
from remediate.watching.concerns import Concern
from remediate.watching.remembered import Memory
from remediate.watching.work import Errand, Note, Turned, Work
from tests.practice import REPOSITORY

TOKEN = "canary-token-of-the-listener"
WATCH = """
watch:
  every: 60s
  jitter: 0s
  rules: {errors: null, slow: null, database: null, disk: null, cpu: null, health: null}
  listener: {bearer: {file: bearer}}
  alerts: {HighErrorRate: {}}
"""


@dataclass
class Watch:
    """A service that was started, and what it has said so far."""

    process: subprocess.Popen[str]
    systemd: "queue.SimpleQueue[str]"
    said: list[str] = field(default_factory=list)

    def until(self, what: str) -> str:
        """Read on until a line says this, and return the line."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.said.append(line)
            if what in line:
                return line
        raise AssertionError(f"it never said {what!r}: {self.said}")

    @property
    def port(self) -> int:
        met = re.search(r"at 127\.0\.0\.1:(\d+)", "".join(self.said) or self.until("alerts are taken"))
        assert met
        return int(met[1])

    def sends(self, token: str = TOKEN, **alert: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            body = json.dumps({"alert": "HighErrorRate", "host": "web1", **alert})
            connection.request("POST", "/alerts", body, {"Authorization": f"Bearer {token}"})
            return connection.getresponse().status
        finally:
            connection.close()

    def told(self, what: str) -> None:
        """Wait until systemd was told this, since it was asked the last time."""
        while what not in self.systemd.get(timeout=60):
            pass

    def leaves(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        self.said += (self.process.communicate(timeout=60)[0] or "").splitlines(keepends=True)
        return self.process.returncode


@pytest.fixture
def watch(here: Path) -> Iterator[Callable[..., Watch]]:
    inventory = here / "inventory" / "lab.yml"
    inventory.write_text(inventory.read_text() + WATCH)
    (here / "inventory" / "bearer").write_text(TOKEN)
    (here / "playbooks").symlink_to(REPOSITORY / "playbooks")
    started: list[subprocess.Popen[str]] = []
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(here / "notify"))
        reading = threading.Thread(target=read_all, args=(systemd, told))
        reading.start()

        def start(*words: str) -> Watch:
            line = [sys.executable, "-m", "remediate", "watch", "--listen", "127.0.0.1:0", *words]
            environment = {
                **os.environ,
                "PYTHONPATH": str(REPOSITORY),
                "NOTIFY_SOCKET": str(here / "notify"),
                "WATCHDOG_USEC": "2000000",
            }
            process = subprocess.Popen(
                line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=here, env=environment
            )
            started.append(process)
            return Watch(process, told)

        yield start
        for process in started:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ending:
            ending.sendto(b"", str(here / "notify"))
        reading.join()


def read_all(systemd: socket.socket, told: "queue.SimpleQueue[str]") -> None:
    """Read on as systemd does, so that its socket never fills; nothing at all ends it."""
    while said := systemd.recv(1000).decode():
        told.put(said)


def test_it_starts_takes_alerts_reads_anew_and_leaves(watch: Callable[..., Watch], here: Path, does) -> None:
    one = watch()
    one.told("READY=1")
    one.told("WATCHDOG=1")
    assert one.sends() == 202
    one.until("lab web1: incident opened: alert:HighErrorRate")
    one.until("lab web1 heal: begins: watch: web1 alert:HighErrorRate")
    one.until("ended with 6")  # nobody answers there

    inventory = here / "inventory" / "lab.yml"
    right = inventory.read_text()
    inventory.write_text(right.replace("HighErrorRate", "Other") + "  wtach: 1\n")
    one.process.send_signal(signal.SIGHUP)
    one.until("not reloaded, the old goes on: ")
    assert one.sends() == 202
    inventory.write_text(right.replace("HighErrorRate", "Other"))
    one.process.send_signal(signal.SIGHUP)
    one.until("incident closed: alert:HighErrorRate")
    one.until("reloaded")
    one.told("RELOADING=1")
    one.told("READY=1")
    assert one.sends() == 422
    assert one.sends(token="wrong-token-of-nobody", alert="Other") == 401

    assert one.leaves() == 0
    one.told("STOPPING=1")
    assert "left" in one.said[-1]
    assert TOKEN not in "".join(one.said)
    assert does("audit", "verify")[0] == 0
    assert "watch (lab)" in does("runs")[1]


def test_two_of_them_do_not_watch_one_environment(watch: Callable[..., Watch], does) -> None:
    one = watch()
    one.until("alerts are taken")
    code, _, said = does("watch", "--listen", "127.0.0.1:0")
    assert (code, "watch-lab: another process is at work" in said) == (6, True)
    assert one.leaves() == 0


def test_killed_it_forgets_nothing(watch: Callable[..., Watch]) -> None:
    one = watch()
    assert one.sends() == 202
    one.until("incident opened")
    one.process.kill()
    one.process.wait()
    another = watch()
    another.until("heal: begins: watch: web1 alert:HighErrorRate")
    assert another.leaves() == 0
    assert "incident opened" not in "".join(another.said), "it was open all the time"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("bearer: {file: bearer}", "bearer: {file: nothing}", "listener bearer: .*nothing cannot be read"),
        ("bearer: {file: bearer}", "bearer: {file: token}", "listener: bearer has fewer than 16 characters"),
        ("HighErrorRate: {}", "HighErrorRate: {playbooks: [rabbits]}", "there is no such playbook"),
        ("HighErrorRate: {}", "HighErrorRate: {playbooks: [health]}", "health is a tool"),
        ("HighErrorRate: {}", "HighErrorRate: {on: [rabbits]}", "has no such host or group"),
        ("health: null", "health: {tool: vacuum}", "vacuum is no tool"),
        ("jitter: 0s", "jitter: 0s\n  schedule: {x: {playbook: vacuum, cron: '0 4 * *'}}", "five fields"),
        (
            "jitter: 0s",
            "jitter: 0s\n  schedule: {x: {playbook: vacuum, cron: '0 4 31 2 *'}}",
            "cron expression",
        ),
        (
            "jitter: 0s",
            "jitter: 0s\n  schedule: {x: {playbook: vacuum, cron: '0 4 * * *', zone: Mars}}",
            "time zone",
        ),
        (
            "jitter: 0s",
            "jitter: 0s\n  schedule: {x: {playbook: rabbits, cron: '0 4 * * *'}}",
            "no such playbook",
        ),
        (
            "jitter: 0s",
            "jitter: 0s\n  schedule: {x: {playbook: vacuum, cron: '0 4 * * *', on: [db1]}}",
            "db1 is in the group database",
        ),
        ("every: 60s", "every: 1s", "at least 5"),
        ("listener: {bearer: {file: bearer}}", "listener: {}", "exactly one of bearer, hmac"),
    ],
)
def test_what_is_wrong_with_what_it_is_told_is_told_before_it_begins(
    watch: Callable[..., Watch], here: Path, does, old: str, new: str, says: str
) -> None:
    inventory = here / "inventory" / "lab.yml"
    (here / "inventory" / "token").write_text("too-short")
    assert old in inventory.read_text()
    inventory.write_text(inventory.read_text().replace(old, new))
    code, out, said = does("watch", "--listen", "127.0.0.1:0")
    assert (code, out, said.count("\n")) == (2, "", 1)
    assert re.search(says, said), said


@pytest.mark.parametrize("listen", ["9797", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:²", "127.0.0.1:70000"])
def test_where_to_listen_is_an_address_and_a_port(watch: Callable[..., Watch], does, listen: str) -> None:
    code, _, said = does("watch", "--listen", listen)
    assert (code, "is not ADDRESS:PORT" in said) == (2, True)


def test_where_to_listen_is_a_name_that_there_can_be(watch: Callable[..., Watch], does) -> None:
    code, _, said = does("watch", "--listen", "a..b:80")
    assert (code, said.count("\n")) == (2, 1)
    assert "--listen a..b:80: is no address here" in said


def test_without_the_extra_it_says_what_to_install(does, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("remediate.cli.watching.NEEDED", ("starlette", "nothing_of_that_name"))
    code, _, said = does("watch")
    assert code == 2
    assert "needs nothing_of_that_name" in said
    assert "pip install 'remediate[watch]'" in said


def test_once_ends_by_itself_and_says_whether_all_is_well(watch: Callable[..., Watch], here: Path) -> None:
    inventory = here / "inventory" / "lab.yml"
    inventory.write_text(inventory.read_text().replace("health: null", "health: {}"))
    began = time.monotonic()
    one = watch("--once")
    said = one.process.communicate(timeout=120)[0]
    assert one.process.returncode == 8, said
    assert time.monotonic() - began < 100
    assert "incident opened: rule:health" in said


def test_what_no_playbook_finds_is_escalated_as_a_run_without_a_cure(
    watch: Callable[..., Watch], here: Path, does
) -> None:
    lab = load_inventory(here / "inventory" / "lab.yml")
    with Journal.open(here / "state" / "remediate", Masker()) as journal:
        header = RunHeader(
            run="20260101-000000-self",
            command="watch",
            environment="lab",
            operator=JournalOperator(user="me", machine="here"),
        )
        seen = "12.5 % of the disk are free"
        concern = Concern("lab", "web1", "rule:disk", 0.0, seen=seen)
        run = Memory(journal, header).call(Note(Turned.BEYOND, concern), lab, 1_767_225_600.0)
    code, out, said = does("escalate", run, "--no-deliver")
    assert code == 0, said
    assert f"rule:disk fires, and no playbook finds anything wrong: {seen}" in " ".join(out.split())
    assert "rule:disk (lab) web1 no cure" in does("runs")[1]


@pytest.mark.parametrize(
    ("errand", "words", "code"),
    [
        (
            Errand("lab", Work.HEAL, ("web1", "web2"), ("vacuum",), reason="so"),
            ["heal", "--on", "web1,web2"],
            6,
        ),
        (Errand("lab", Work.SCHEDULED, ("web1",), ("vacuum",), "monthly", "so"), ["heal", "--on", "web1"], 6),
        (
            Errand("lab", Work.SCHEDULED, ("web1",), ("database-health",), "weekly", "so"),
            ["database-health", "--on", "web1"],
            6,
        ),
        (Errand("lab", Work.ESCALATE, (), reason="so"), ["escalate", "--due"], 0),
    ],
)
def test_an_errand_is_a_command_line_that_the_program_takes(
    watch: Callable[..., Watch], here: Path, does, errand: Errand, words: list[str], code: int
) -> None:
    watched = Watched((), here / "playbooks", here / "state" / "remediate", Masker(), Clock())
    program, dash, module, *line = watched.load().command(errand)
    assert (program, dash, module) == (sys.executable, "-m", "remediate")
    assert line[: len(words)] == words
    ended, out, said = does(*line)
    assert ended == code, said
    assert all(isinstance(json.loads(one), dict) for one in out.splitlines()), "each line is JSON"


def test_what_is_scheduled_without_hosts_is_for_all_of_its_playbooks_group(
    watch: Callable[..., Watch], here: Path
) -> None:
    watched = Watched((), here / "playbooks", here / "state" / "remediate", Masker(), Clock())
    loaded = watched.load()
    for playbook, looks in (("vacuum", False), ("database-health", True)):
        meant = loaded.meant(Errand("lab", Work.SCHEDULED, (), (playbook,), "monthly"))
        assert (meant.hosts, meant.only_looks) == (("web1", "web2"), looks)
    with pytest.raises(UsageError):
        loaded.meant(Errand("lab", Work.SCHEDULED, ("web9",), ("vacuum",), "monthly"))


def test_what_a_tool_is_about_is_known_of_what_it_was_scheduled_as(
    watch: Callable[..., Watch], here: Path
) -> None:
    inventory = here / "inventory" / "lab.yml"
    weekly = "jitter: 0s\n  schedule: {weekly: {playbook: database-health, cron: '0 4 * * *'}}"
    inventory.write_text(inventory.read_text().replace("jitter: 0s", weekly))
    loaded = Watched((), here / "playbooks", here / "state" / "remediate", Masker(), Clock()).load()
    assert loaded.topic("lab", "schedule:weekly") == "database"
    assert (loaded.topic("lab", "schedule:gone"), loaded.topic("lab", "rule:disk")) == ("", "")
