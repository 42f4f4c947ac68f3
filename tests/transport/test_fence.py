"""The lock is looked at where the change is made: over a real sh on this machine, and on a light host."""

import os
import subprocess
import threading
import time

import pytest

from remediate.errors import Blocked, Failed, Interrupted, Locked, Ousted, RemediateError
from remediate.owner import LockOwner
from remediate.questions import Read, ReadAnswer
from remediate.target import DatabaseChange, Job
from remediate.transport.call import Caller
from remediate.transport.fence import Fence
from remediate.transport.jobs import Jobs, Patience
from remediate.transport.lock import HostLock
from remediate.transport.refusals import Refused
from remediate.transport.trips import Trips

from .conftest import LocalWire
from .test_jobs import alive, beside, marker  # noqa: F401  (a fixture)

ANN = LockOwner(run="r1", who="ann@desk", since="noon", why="INC-1")
BOB = LockOwner(run="r2", who="bob@lap", since="one")
ABSENT = ReadAnswer(exists=False)


class Side:
    """One runner's lock, fence and jobs over a home on this machine."""

    def __init__(self, home, environment=None):
        self.home, self.environment, self.cut = home, {"HOME": str(home), **(environment or {})}, False
        caller = Caller("web1", self.open, "exec sh", {})
        self.lock = HostLock(caller, "app")
        self.fence = Fence(caller, self.lock)
        patience = Patience(grace=1, reconnect=1.0, answer=5.0)
        self.jobs = Jobs(caller, self.fence, Trips(), lambda _: None, patience=patience)

    def open(self, command):
        wire = LocalWire(command, self.environment)
        if self.cut:
            wire.cut()
        return wire

    def begin(self, owner):
        """Take the lock as a run does that never comes to leave it."""
        self.lock._enter(owner)

    @property
    def folder(self):
        return self.home / ".remediate" / "locks" / "app"


@pytest.fixture
def side(tmp_path):
    return lambda environment=None: Side(tmp_path, environment)


def test_a_script_that_changes_something_runs_where_the_lock_is_ours_and_not_where_it_was_taken_away(side):
    ann, bob = side(), side()
    with ann.lock.held(ANN):
        assert ann.fence.call("echo done").stdout == b"done\n"
        bob.lock.unlock(ANN, 1)
        with pytest.raises(Ousted, match="taken away from run r1; nobody has it now"):
            ann.fence.call("echo done")
        with bob.lock.held(BOB), pytest.raises(Ousted) as caught:
            ann.fence.check()
        assert caught.value.what == (
            "the lock was taken away from run r1; now it is locked by bob@lap since one in run r2"
        )
        assert caught.value.owner == BOB
        ann.lock.keep(ANN)  # so that it can be left


def test_without_a_lock_nothing_is_looked_at(side):
    assert side().fence.call("echo done").stdout == b"done\n"


def test_a_lock_is_kept_while_a_job_of_its_run_lives_on_and_left_when_it_is_over(side, marker):  # noqa: F811
    ann = side()

    def work():
        assert ann.jobs.run("r1/fix/1", Job(script="exit 0")).exit_code == 0
        results.append(beside(lambda: ann.jobs.run("r1/fix/2", Job(script="sleep $1", args=(marker,)))))
        until(lambda: alive(marker))

    results = []
    kept = "kept, as r1/fix/2 of run r1 may still run there"
    with pytest.raises(Failed, match=kept) as caught, ann.lock.held(ANN):
        work()
    assert "remediate resume r1" in caught.value.todo
    with pytest.raises(Locked), side().lock.held(BOB):
        pass
    ann.jobs.stop("r1/fix")
    assert isinstance(results[0](), Failed)
    with ann.lock.held(ANN):
        pass
    assert ann.lock.look() is None


def test_a_lock_that_is_kept_for_a_job_does_not_hide_the_error_and_unlock_ends_both(side, marker):  # noqa: F811
    ann, results = side(), []

    def fail():
        results.append(beside(lambda: ann.jobs.run("r1/fix/1", Job(script="sleep $1", args=(marker,)))))
        until(lambda: alive(marker))
        _ = 1 / 0

    with pytest.raises(ZeroDivisionError), ann.lock.held(ANN):
        fail()
    assert ann.lock.look().jobs == ("r1/fix/1",)
    side().lock.unlock(ANN, 1)
    assert not alive(marker)
    assert isinstance(results[0](), Failed)
    assert ann.lock.look() is None


def test_who_leaves_a_lock_that_is_another_s_by_now_leaves_it_alone_and_says_so(side):
    ann, bob = side(), side()

    def taken_over():
        bob.lock.unlock(ANN, 1)
        bob.lock.keep(BOB)

    with pytest.raises(Ousted, match="meanwhile, and bob@lap since one in run r2 has it"), ann.lock.held(ANN):
        taken_over()
    assert bob.lock.look().owner == BOB


def test_a_lock_is_taken_away_only_from_whom_it_was_believed_to_be(side):
    ann, bob = side(), side()
    with ann.lock.held(ANN):
        with pytest.raises(Locked, match="locked by ann@desk"):
            bob.lock.unlock(BOB, 1)
        assert bob.lock.look().owner == ANN
    bob.lock.unlock(ANN, 1)  # nobody's by now: fine


def test_a_change_that_is_just_being_made_is_waited_for(side, tmp_path):
    ann, bob = side(), side()
    ann.begin(ANN)
    script = "touch began; until [ -e go ]; do sleep 0.05; done; sleep 0.3; touch changed"
    changing = threading.Thread(target=ann.fence.call, args=(script,))
    changing.start()
    until((tmp_path / "began").exists)
    (tmp_path / "go").touch()
    bob.lock.unlock(ANN, 1)
    assert (tmp_path / "changed").exists()
    assert not ann.folder.exists()
    changing.join()


def test_a_change_that_does_not_come_to_its_end_keeps_the_lock(side):
    ann, bob = side(), side()
    ann.lock.keep(ANN)
    change = subprocess.Popen(["flock", "-s", ann.folder, "sleep", "60"], start_new_session=True)
    try:
        until(lambda: subprocess.run(["flock", "-n", "-x", ann.folder, "true"], check=False).returncode)
        with pytest.raises(Locked, match="a change of run r1 is being made at this moment"):
            bob.lock.unlock(ANN, 1)
        assert bob.lock.look().owner == ANN
    finally:
        os.killpg(change.pid, 9)
        change.wait()


def test_jobs_of_the_run_are_shown_and_ended_before_its_lock_is_given_away(side, marker):  # noqa: F811
    ann, bob = side(), side()
    ended = []
    ann.begin(ANN)
    job = threading.Thread(target=lambda: ended.append(failure(ann, f"sleep {marker}")))
    job.start()
    until(lambda: bob.lock.look().jobs)
    assert bob.lock.look().jobs == ("r1/1.1/1",)
    bob.lock.unlock(ANN, 1)
    assert alive(marker) == []
    assert bob.lock.look() is None
    job.join()
    assert isinstance(ended[0], Failed)
    assert "ended by the operator" in str(ended[0])


def test_a_job_that_is_just_beginning_is_found_too(side, tmp_path, marker):  # noqa: F811
    """Its supervisor has not come to run yet when the lock is taken away."""
    (tmp_path / "bin").mkdir()
    slow = tmp_path / "bin" / "setsid"
    slow.write_text('#!/bin/sh\ntouch "$HOME/late"; sleep 1\nPATH=${PATH#*:} exec setsid "$@"\n')
    slow.chmod(0o755)
    ann, bob = side({"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}), side()
    ended = []
    ann.begin(ANN)
    job = threading.Thread(target=lambda: ended.append(failure(ann, f"sleep {marker}")))
    job.start()
    until((tmp_path / "late").exists)
    bob.lock.unlock(ANN, 1)
    job.join()
    assert ended[0] is not None
    assert alive(marker) == []


def test_a_daemon_that_a_job_leaves_behind_keeps_nobody_from_taking_the_lock_away(side, marker):  # noqa: F811
    ann, bob = side(), side()
    ann.begin(ANN)
    ann.jobs.run("r1/1.1/1", Job(script='setsid sleep "$1" </dev/null >/dev/null 2>&1 &', args=(marker,)))
    bob.lock.unlock(ANN, 1)
    (daemon,) = alive(marker)
    os.kill(daemon, 9)


@pytest.mark.parametrize("owner", [b"", b"{}", b'{"run": "../x", "who": "", "since": ""}', b"\xff\n\n"])
def test_a_lock_that_does_not_say_whose_it_is_can_be_taken_away(side, owner):
    ann = side()
    ann.folder.mkdir(parents=True)
    (ann.folder / "owner").write_bytes(owner)
    with (
        pytest.raises(Locked, match=r"locked by an unknown runner.*remediate unlock web1"),
        ann.lock.held(BOB),
    ):
        pass
    lock = ann.lock.look()
    assert lock.owner.run == ""
    ann.lock.unlock(lock.owner, 1)
    with ann.lock.held(BOB):
        pass


def test_a_link_in_the_lock_s_place_is_not_followed(side, tmp_path):
    ann = side()
    ann.folder.parent.mkdir(parents=True)
    (tmp_path / "theirs").mkdir()
    ann.folder.symlink_to(tmp_path / "theirs")
    for verb in (ann.lock.look, lambda: ann.lock.unlock(BOB, 1), lambda: ann.lock.keep(BOB)):
        with pytest.raises(Blocked, match="lock cannot be"):
            verb()
    assert list((tmp_path / "theirs").iterdir()) == []


def test_a_link_that_breaks_at_the_look_before_a_change_of_the_database_changed_nothing(side):
    ann = side()
    with ann.lock.held(ANN):
        ann.cut = True
        with pytest.raises(Failed, match="nothing of it was changed"):
            ann.fence.check()
        ann.cut = False


def test_on_a_host_none_of_the_verbs_changes_anything_once_the_lock_is_gone(make_target, ground):
    ann, bob = make_target(), make_target()
    path = "/home/deploy/fenced"
    ann._lock._enter(ANN)
    ann.write(path, b"ours", ABSENT)
    now = ann.answer([Read(path=path)])[Read(path=path)]
    bob.unlock(ANN)
    changes = (
        lambda: ann.write(path, b"unasked", now),
        lambda: ann.delete(path, now),
        lambda: ann.scoped("r1/1.1").run(Job(script="touch /home/deploy/unasked")),
        lambda: ann.scoped("r1/1.1").change_database(DatabaseChange(statements=())),
    )
    for change in changes:
        with pytest.raises(Ousted):
            change()
    assert ground.on("light1", "cat", path) == "ours"
    assert "unasked" not in ground.on("light1", "ls", "/home/deploy")
    ground.on("light1", "rm", path)


def test_another_machine_than_the_confirmed_one_is_changed_in_nothing(make_target, ground):
    ann = make_target()
    ann.open()
    ann.fence._machine = lambda: "0123456789abcdef0123456789abcdef"
    with pytest.raises(Refused, match="another machine answers here"):
        ann.write("/home/deploy/fenced", b"unasked", ABSENT)
    assert "fenced" not in ground.on("light1", "ls", "/home/deploy")


def failure(side, script):
    try:
        side.jobs.run("r1/1.1/1", Job(script=script))
    except (RemediateError, Interrupted) as error:
        return error
    return None


def until(true, seconds=20.0):
    due = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < due
        time.sleep(0.02)
