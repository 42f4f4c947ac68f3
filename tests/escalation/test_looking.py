"""How a host does now, from what its checks saw; and its last lines of log."""

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from remediate.catalogue import CATALOGUE
from remediate.clock import Clock
from remediate.errors import Blocked, CouldNotLook, JournalError, RemediateError, Unreachable
from remediate.escalation.case import HostSeen, Log, Status
from remediate.escalation.looking import Tools, _health, affected_users, look, shared, unseen
from remediate.inventory import Host
from remediate.model import Finding
from remediate.planner import NamedCheck
from remediate.playbook import load_playbook
from remediate.procedure import Procedure
from remediate.providers.http import HttpOk
from remediate.providers.pm2 import Pm2Online
from remediate.providers.pm2_host import PM2_SCRIPT
from remediate.providers.pm2_host import Log as LogFile
from remediate.providers.system import SystemDisk
from remediate.questions import Answers, RunAnswer
from remediate.transport.refusals import Died, Refused
from tests.laws.memory import File, MemoryTarget, MemoryWorld, State

APP = {"app": "lumiku", "backend": "/srv"}
API = NamedCheck("the API answers", HttpOk(path="/", host="localhost", port=3000, app="lumiku"))
ONLINE = NamedCheck("the process is online", Pm2Online.model_validate(APP))
DISK = NamedCheck("there is room", SystemDisk())
WELL, UNKNOWN = Finding(healthy=True, seen="fine"), CouldNotLook("web1", "no permission")


def ill(**facts: object) -> Finding:
    return Finding(healthy=False, seen="not fine", facts=facts)


@pytest.mark.parametrize(
    ("seen", "status"),
    [
        ((WELL, WELL, WELL), Status.WORKING),
        ((WELL, WELL, ill()), Status.PARTLY),
        ((ill(status=500), WELL, WELL), Status.BROKEN),
        ((ill(status=0), WELL, ill()), Status.BROKEN),
        ((ill(status=401), WELL, WELL), Status.PARTLY),
        ((WELL, ill(), WELL), Status.BROKEN),
        ((UNKNOWN, WELL, WELL), Status.UNKNOWN),
        ((UNKNOWN, ill(), WELL), Status.BROKEN),
        ((UNKNOWN, WELL, ill()), Status.PARTLY),
    ],
)
def test_an_app_is_broken_where_it_does_not_answer_or_run(
    seen: tuple[Finding | CouldNotLook, ...], status: Status
) -> None:
    got, said = _health((API, ONLINE, DISK), seen)
    assert got is status
    assert said
    assert _health((), ()) == (Status.UNKNOWN, "no tool looks whether it is well")


def file(path: str, lines: int) -> LogFile:
    text = "".join(f"{path} {number}\n" for number in range(lines)).encode()
    return LogFile(path=path, inode=1, size=len(text), changed=1.0, tail=base64.b64encode(text).decode())


@pytest.mark.parametrize(
    ("there", "shown"),
    [
        ((), ()),
        ((500,), (100,)),
        ((500, 500), (50, 50)),
        ((500, 10), (90, 10)),
        ((10, 500), (10, 90)),
        ((10, 10), (10, 10)),
        ((500, 500, 1), (66, 33, 1)),
        ((0, 500), (0, 100)),
    ],
)
def test_the_last_hundred_lines_are_shared_between_logs(
    there: tuple[int, ...], shown: tuple[int, ...]
) -> None:
    logs = shared([file(f"log{place}", lines) for place, lines in enumerate(there)], 100)
    assert tuple(len(log.lines) for log in logs) == shown
    for log, lines in zip(logs, there, strict=True):
        assert not log.lines or log.lines[-1] == f"{log.path} {lines - 1}", "the last ones"


@pytest.mark.parametrize(
    ("states", "everywhere", "told"),
    [
        ([Status.BROKEN, Status.BROKEN], True, "all users of lumiku: it is broken on every host"),
        ([Status.BROKEN], False, "not known"),
        ([Status.BROKEN, Status.WORKING], True, "not known"),
        ([Status.UNKNOWN], True, "not known"),
        ([], True, "not known"),
    ],
)
def test_all_users_are_affected_only_where_the_app_is_broken_everywhere(
    states: list[Status], everywhere: bool, told: str
) -> None:
    seen = [HostSeen(host=str(place), app="lumiku", status=one) for place, one in enumerate(states)]
    assert affected_users(seen, everywhere) == told


class GoesAway(MemoryTarget):
    """A host that answers once, and goes away before it is asked again."""

    def answer(self, questions: Iterable[Any]) -> Answers:
        if self.count:
            raise Unreachable(self.name, "the connection broke; look at its console")
        self.count += 1
        return super().answer(questions)


def log_of(_: State, args: tuple[str, ...]) -> RunAnswer:
    text = b"it began\nit failed\n"
    tail = base64.b64encode(text).decode()
    log = {"path": "/var/log/app.log", "inode": 1, "size": len(text), "changed": 1.0, "tail": tail}
    seen = {"daemon": True, "at": 2.0, "processes": [], "logs": [log]}
    return RunAnswer(exit_code=0, stdout=json.dumps(seen).encode())


def tool(path: Path, name: str, wants: str) -> Procedure:
    check = f"files.contains: {{path: /srv/colour, text: {wants}}}"
    text = f"name: {name}\nkind: tool\ntitle: T\non: backend\nstable: 2s\n"
    (path / f"{name}.yml").write_text(f"{text}diagnose: [{{name: it is {wants}, {check}}}]\n")
    book = load_playbook(path / f"{name}.yml", CATALOGUE)
    return Procedure(book, book.scope({"app": {"root": "/srv"}}), "lab")


@pytest.mark.parametrize(
    ("wants", "status", "said"),
    [
        ("green", Status.UNKNOWN, "1 checks are well"),
        ("red", Status.PARTLY, "it is red: 'red' is not in /srv/colour"),
    ],
)
def test_what_the_first_look_gave_is_kept_where_a_host_goes_away_before_the_second(
    tmp_path: Path, wants: str, status: Status, said: str
) -> None:
    app = {"name": "lumiku", "backend": "/srv"}
    host = Host(name="web1", environment="lab", group="backend", address="127.0.0.1", vars={"app": app})
    world = MemoryWorld(State(files={"/srv/colour": File(b"green")}), scripts={PM2_SCRIPT: log_of})
    tools = Tools(tool(tmp_path, "health", wants), tool(tmp_path, "schema-validate", "green"))
    slept: list[float] = []
    clock = Clock(sleep=slept.append)
    seen = look(host, lambda: GoesAway(world, ""), lambda: tools, lambda _: None, clock)
    assert slept == [2.0]
    assert seen.status is status
    assert "it could not be looked at a second time: memory: the connection broke" in seen.said
    assert seen.said.endswith(f"; before that: {said}")
    assert seen.logs == (Log(path="/var/log/app.log", lines=("it began", "it failed")),)
    assert [(one.check, one.verdict) for one in seen.database] == [("it is green", "ok")]
    assert (seen.no_logs, seen.no_database) == ("", "")


@pytest.mark.parametrize(
    ("error", "reached"),
    [
        (Unreachable("web1", "no answer from 10.0.0.1:22 within 10 s"), False),
        (Died("web1", "the connection broke"), False),
        (Refused("web1", "it refuses the login of deploy"), True),
        (CouldNotLook("web1", "no permission"), True),
        (Blocked("web1", "the lock cannot be taken away"), True),
        (JournalError("the log", "it cannot be read"), True),
    ],
)
def test_a_host_is_out_of_reach_where_nobody_answers_and_not_where_somebody_refuses(
    error: RemediateError, *, reached: bool
) -> None:
    def reach() -> MemoryTarget:
        raise error

    host = Host(name="web1", environment="lab", group="backend", address="127.0.0.1")
    seen = look(host, reach, Tools, lambda _: None, Clock())
    assert (seen.status, seen.reached) == (Status.UNKNOWN, reached)
    assert seen.said == f"it could not be looked at: {error}"
    assert unseen(host, "it did not answer within 60 s").reached, "slow is not away"


def test_a_host_of_which_nothing_is_known_says_what_is_not() -> None:
    host = Host(name="web1", environment="lab", group="backend", address="127.0.0.1")
    target = MemoryTarget(MemoryWorld(State()), "")
    seen = look(host, lambda: target, Tools, lambda _: None, Clock())
    assert (seen.status, seen.said) == (Status.UNKNOWN, "no tool looks whether it is well")
    assert seen.no_database == "no tool compares the database of backend"
    assert "the inventory does not say where the app is" in seen.no_logs
