"""What is made of pm2's answers. pm2 itself is tried on the practice ground (tests/laws)."""

import base64
import json
import os
import time

import pytest
from pydantic import ValidationError

from remediate.errors import CouldNotLook, Failed
from remediate.providers.pm2 import Pm2Log, Pm2Online, Pm2Restart
from remediate.providers.pm2_host import PM2_SCRIPT, newest_question, read_newest
from remediate.questions import Answers, RunAnswer, Uncertain
from tests.laws.command import CommandTarget
from tests.laws.laws import fresh_token
from tests.laws.memory import File, MemoryWorld, State
from tests.laws.simulated import SCRIPTS

WORDS = {"app": "web", "backend": "/b"}
ONLINE, RESTART = Pm2Online(**WORDS), Pm2Restart(**WORDS)
LOG = Pm2Log(**WORDS, without="P2022|does not exist", lines=2)


def process(**changed: object) -> dict[str, object]:
    texts = {"mode": "fork_mode", "script": "", "cwd": "", "out": "", "error": "/e.log"}
    numbers = {"id": 0, "pid": 9, "born": 90, "restarts": 0, "unstable": 0, "since": 5000.0}
    return {**texts, **numbers, "status": "online", **changed}


def log(text: str, **changed: object) -> dict[str, object]:
    kept = {"path": "/e.log", "inode": 1, "size": len(text), "changed": 6000.0}
    return {**kept, "tail": base64.b64encode(text.encode()).decode(), **changed}


def said(
    *processes: dict[str, object], logs: tuple[dict[str, object], ...] = (), **more: object
) -> RunAnswer:
    text = json.dumps({"daemon": True, "at": 9000, "processes": processes, "logs": logs, **more})
    return RunAnswer(exit_code=0, stdout=f"[PM2] banner\n{text}\n".encode())


def online(answer: RunAnswer, first: RunAnswer | None = None):
    now = Answers({ONLINE.processes: answer})
    return ONLINE.judge(Answers({ONLINE.processes: first}) if first else now, now)


def quiet(answer: RunAnswer, first: RunAnswer | None = None):
    now = Answers({LOG.question: answer})
    return LOG.judge(Answers({LOG.question: first}) if first else now, now)


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (said(process()), "web is online, pid 9"),
        (said(process(status="errored", pid=0, born=0, restarts=15)), "web is errored (15 restarts)"),
        (said(process(status="waiting restart", born=0)), "web is waiting restart (0 restarts)"),
        (said(process(born=0)), "web is online, but its process is dead (0 restarts)"),
        (said(process(), process(id=1, status="stopped")), "web is stopped (0 restarts)"),
        (said(), "pm2 knows no app called web"),
        (RunAnswer(exit_code=0, stdout=b'{"daemon": false}'), "pm2 does not run, so web does not"),
    ],
)
def test_online_means_every_process_of_that_name_really_lives(answer, seen):
    finding = online(answer)
    assert finding.seen == seen
    assert finding.healthy is seen.startswith("web is online, pid")


def test_a_restart_while_watching_is_unhealthy():
    first = said(process())
    assert online(said(process()), first).healthy
    for moved in ({"pid": 10, "born": 95}, {"restarts": 1}, {"born": 91}):
        assert not online(said(process(**moved)), first).healthy


@pytest.mark.parametrize(
    ("text", "changed", "healthy"),
    [
        ("a\nb\n", {}, True),
        ("a\nP2022\n", {}, False),
        ("P2022\na\nb\n", {}, True),
        ("a\nP2022\n", {"changed": 4999.0}, True),
        ("", {"inode": 0, "changed": 0}, True),
    ],
)
def test_a_first_look_reads_the_last_lines_of_what_this_process_can_have_written(text, changed, healthy):
    assert quiet(said(process(), logs=(log(text, **changed),))).healthy is healthy


@pytest.mark.parametrize(
    ("before", "after", "healthy"),
    [
        (log("P2022\n"), log("P2022\n"), True),
        (log("P2022\n"), log("P2022\nfine\n"), True),
        (log("a\n"), log("a\nP2022\n"), False),
        (log("a\n"), log("a\nP2022\nb\nc\nd\n"), False),
        (log("a long line\n"), log("P2022\n"), False),
        (log("P2022\n"), log("P2022\n", inode=2), False),
        (log("a\n", path="/other.log"), log("P2022\n"), False),
        (log("a\n"), log("P2022\n", size=10**9), False),
    ],
)
def test_while_watching_only_what_was_written_since_counts(before, after, healthy):
    first = said(process(), logs=(before,))
    assert quiet(said(process(), logs=(after,)), first).healthy is healthy


@pytest.mark.parametrize(
    ("before", "after", "healthy"),
    [
        (log("old P2022\n"), log("old P2022\nnew P2022\n", changed=4999.0), False),
        (log("old P2022\n"), log("old P2022\nfine\n", changed=4999.0), True),
        (log("", inode=0, changed=0), log("P2022\n", changed=4999.0), False),
        (log("", inode=0, changed=0), log("fine\n"), True),
    ],
)
def test_what_was_written_since_the_first_look_counts_across_a_restart(before, after, healthy):
    first = said(process(), logs=(before,))
    restarted = process(pid=10, born=95, restarts=1, since=8000.0)
    finding = quiet(said(restarted, logs=(after,)), first)
    assert finding.healthy is healthy
    assert finding.seen.endswith("since the mark")


def test_a_log_line_is_evidence_with_its_file():
    assert quiet(said(process(), logs=(log("column does not exist\n"),))).evidence == (
        "/e.log: column does not exist",
    )


def plan(processes: RunAnswer, newest: object):
    answer = newest if isinstance(newest, Uncertain) else RunAnswer(exit_code=0, stdout=str(newest).encode())
    return RESTART.plan(Answers({RESTART.processes: processes, RESTART.newest: answer}, "web1"))


@pytest.mark.parametrize(
    ("processes", "newest", "why"),
    [
        (said(process()), "4.9 dist/a.js\n", None),
        (said(process()), "", None),
        (said(process()), "5.1 dist/a.js\n", "it is older than dist/a.js"),
        (said(process(), process(id=1, since=9000.0)), "5.1 .env\n", "it is older than .env"),
        (said(process(status="errored", born=0)), "4.9 dist\n", "it is errored"),
        (said(process()), Uncertain(because="a build"), "what it runs will have changed"),
    ],
)
def test_a_restart_is_made_and_not_notified(processes, newest, why):
    changes = plan(processes, newest)
    assert [change.notes[0] for change in changes] == ([why] if why else [])


def test_what_pm2_has_not_got_is_not_started():
    with pytest.raises(Failed, match="start it first"):
        plan(said(), "")


def undone(world: MemoryWorld, undo) -> None:
    for _ in range(2):
        RESTART.undo(world.target().scoped(fresh_token()), undo)


def living(**changed: object) -> MemoryWorld:
    files = {"/b/dist/index.js": File(changed_ns=9_000)}
    app = {**process(since=0.002, restarts=0), **changed}
    return MemoryWorld(State(files=files, processes={"web": app}), SCRIPTS)


def restarted(world: MemoryWorld):
    target = world.target()
    [change] = RESTART.plan(target.answer(RESTART.ask()))
    undo = RESTART.snapshot(target, change)
    RESTART.apply(target.scoped(fresh_token()), change)
    return undo


def test_the_way_back_restarts_once_and_only_if_what_it_runs_was_put_back():
    world = living()
    undo = restarted(world)
    undone(world, undo)
    assert world.state.processes["web"]["restarts"] == 1, "it runs what is there"
    world.state.files["/b/dist/index.js"].changed_ns = world.state.tick()
    undone(world, undo)
    assert world.state.processes["web"]["restarts"] == 2


def test_a_process_that_was_never_restarted_is_left_alone():
    world = living()
    [change] = RESTART.plan(world.target().answer(RESTART.ask()))
    undone(world, RESTART.snapshot(world.target(), change))
    assert world.state.processes["web"]["restarts"] == 0


def test_a_process_that_was_stopped_is_stopped_again():
    world = living(status="stopped", pid=0, born=0)
    undone(world, restarted(world))
    assert world.state.processes["web"]["status"] == "stopped"


def test_what_pm2_cannot_tell_blocks(tmp_path, monkeypatch):
    for answer in (RunAnswer(exit_code=1, stderr=b"boom"), RunAnswer(exit_code=0, stdout=b"[]")):
        with pytest.raises(CouldNotLook, match="could not be asked"):
            online(answer)
    with pytest.raises(CouldNotLook, match="no pm2 or no node"):
        online(RunAnswer(exit_code=5))


def test_looking_where_no_pm2_runs_says_so_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("PM2_HOME", str(tmp_path / "pm2"))
    answer = CommandTarget().script(PM2_SCRIPT, ["look", "web", str(tmp_path), ""])
    assert (answer.exit_code, answer.text) == (0, '{"daemon": false}\n')
    assert list(tmp_path.iterdir()) == []


def test_when_anything_last_changed_is_told_even_of_a_file_with_an_old_time(tmp_path):
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/a.js").write_text("")
    time.sleep(0.02)
    os.utime(tmp_path / "dist/a.js", ns=(0, 0))
    answers = CommandTarget().answer([Pm2Restart(app="web", backend=str(tmp_path)).newest])
    changed, path = read_newest(next(iter(answers.values())))
    assert path == "dist/a.js"
    assert changed == pytest.approx((tmp_path / "dist/a.js").stat().st_ctime * 1000, abs=2)


def test_a_pattern_that_does_not_compile_is_refused():
    with pytest.raises(ValidationError):
        Pm2Log(**WORDS, without="(")


@pytest.mark.parametrize(
    ("age", "code", "steady"),
    [
        (4_000, None, False),
        (16_000, None, True),
        (16_000, 0, True),
        (16_000, 1, False),  # on a host that is far too busy a round of a crash loop takes so long
        (121_000, 1, True),
    ],
)
def test_only_a_process_that_was_up_for_a_while_must_come_up_on_the_way_back(age, code, steady):
    app = {"pid": 7, "born": 7, "status": "online", "restarts": 40, "since": 10_000.0 - age, "code": code}
    target = MemoryWorld(State(processes={"app": app}), SCRIPTS).target()
    action = Pm2Restart(app="app", backend="/srv/app")
    change = action._restart("it is old", "")
    assert action.snapshot(target, change).data["steady"] is steady


def test_what_was_removed_is_newer_than_a_process_that_still_runs_it(tmp_path):
    client = tmp_path / "node_modules/.prisma/client"
    client.mkdir(parents=True)
    (tmp_path / "dist").mkdir()
    question = newest_question(str(tmp_path), ("node_modules/.prisma/client", "dist", ".env"))
    client.rmdir()
    changed, path = read_newest(CommandTarget().answer([question])[question])
    assert path == "node_modules/.prisma"
    assert changed == pytest.approx(client.parent.stat().st_ctime * 1000, abs=1)
