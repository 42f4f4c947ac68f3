"""Jobs, over a real sh on this machine: they outlive the link, run once, and leave nothing behind."""

import os
import secrets
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from remediate.clock import Clock
from remediate.errors import Failed, Interrupted, Lost, Unreachable
from remediate.target import Job
from remediate.transport.call import Caller
from remediate.transport.fence import Fence
from remediate.transport.job_scripts import STOP, STOP_ALL, SUPERVISE
from remediate.transport.jobs import Jobs, Patience
from remediate.transport.lock import HostLock
from remediate.transport.refusals import Refused
from remediate.transport.trips import Trips
from remediate.transport.wire import Broken

from .conftest import LocalWire

PATIENCE = Patience(grace=1, reconnect=1.0, answer=5.0)
TOKEN = "run/fix/1"


def unfenced(caller):
    """Return what begins jobs under no lock."""
    return Fence(caller, HostLock(caller, "app"))


class Runner:
    """Jobs over local wires, with a home of their own on the `host`."""

    def __init__(self, home, patience=PATIENCE):
        self.home, self.wires, self.lines = home, [], []
        self.trips, self.cancelled, self.down = Trips(), threading.Event(), False
        caller = Caller("here", self.open, "exec sh", {"GIVEN": "a 'b'"})
        self.jobs = Jobs(
            caller, unfenced(caller), self.trips, self.lines.append, self.cancelled, Clock(), patience
        )

    def open(self, command):
        if self.down:
            raise Unreachable("here", "the host is down", "wait")
        self.wires.append(LocalWire(command, {"HOME": str(self.home)}))
        return self.wires[-1]

    def run(self, script, *args, token=TOKEN, timeout=20.0):
        return self.jobs.run(token, Job(script=script, args=args, timeout=timeout, doing="the job"))

    @property
    def state(self):
        return self.home / ".remediate"

    def folder(self, token=TOKEN):
        return self.state / "jobs" / token.replace("/", "%2F")


@pytest.fixture
def runner(tmp_path):
    return Runner(tmp_path)


def alive(marker):
    """Return the processes that carry a marker in their arguments."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if marker.encode() in words and state != "Z" and int(process.name) != os.getpid():
            found.append(int(process.name))
    return found


@pytest.fixture
def marker():
    """A number of seconds that no other process sleeps."""
    return f"{secrets.randbelow(10**6) + 10**4}.5"


def until(condition, seconds=5.0):
    due = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < due, "it did not come true in time"
        time.sleep(0.02)


def beside(function):
    """Run a function in a thread, and return what waits for its result or error."""
    outcome = []

    def record():
        try:
            outcome.append(function())
        except BaseException as error:  # noqa: BLE001 - handed to the test
            outcome.append(error)

    thread = threading.Thread(target=record)
    thread.start()

    def result():
        thread.join(30)
        return outcome[0]

    return result


def test_a_job_has_its_arguments_its_variables_an_empty_stdin_and_the_users_umask(runner):
    script = 'printf "%s|" "$@" "$GIVEN"; cat; umask; pwd; echo oops >&2; exit 7'
    answer = runner.run(script, "a b", "", "é'\n")
    mask = os.umask(0)
    os.umask(mask)
    assert answer.stdout == f"a b||é'\n|a 'b'|{mask:04o}\n{runner.home}\n".encode()
    assert (answer.stderr, answer.exit_code) == (b"oops\n", 7)


def test_output_is_told_line_by_line_while_it_runs(runner):
    result = beside(lambda: runner.run("echo one; echo two >&2; sleep 1; printf three"))
    until(lambda: sorted(runner.lines) == ["one", "two"], 0.9)
    assert result().exit_code == 0
    assert sorted(runner.lines) == ["one", "three", "two"]


def test_a_token_runs_once_and_gives_its_result_again(runner, tmp_path):
    script = 'echo run >>"$1"; echo said; exit 3'
    first = runner.run(script, str(tmp_path / "effects"))
    again = Runner(tmp_path).run(script, str(tmp_path / "effects"))
    assert first == again
    assert again.exit_code == 3
    assert (tmp_path / "effects").read_text() == "run\n"


def test_two_runners_with_one_token_run_it_once_and_both_get_the_result(tmp_path):
    script = 'echo run >>"$1"; sleep 0.5; echo said'
    results = [
        beside(lambda: Runner(tmp_path).run(script, str(tmp_path / "effects"), token="t")) for _ in range(4)
    ]
    assert [result().text for result in results] == ["said\n"] * 4
    assert (tmp_path / "effects").read_text() == "run\n"


def test_a_broken_link_is_opened_again_and_the_output_comes_once(runner):
    script = "i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo $i; sleep 0.05; done; exit 5"
    result = beside(lambda: runner.run(script))
    until(lambda: len(runner.lines) > 5)
    runner.wires[-1].cut()
    answer = result()
    assert answer.exit_code == 5
    assert answer.text.split() == [str(number) for number in range(1, 31)]


def test_a_link_that_breaks_before_the_job_is_begun_begins_it_once(runner, tmp_path):
    real, cuts = runner.open, [True, True]

    def open_cut(command):
        wire = real(command)
        if cuts:
            cuts.pop()
            wire.cut()
        return wire

    runner.jobs.caller._open_wire = open_cut
    assert runner.run('echo run >>"$1"', str(tmp_path / "effects")).exit_code == 0
    assert (tmp_path / "effects").read_text() == "run\n"


def test_a_new_channel_that_breaks_while_a_job_is_followed_does_not_say_that_it_was_not_begun(
    runner, tmp_path
):
    whole, breaks = runner.jobs.caller._open_wire, iter([False, False, True])  # begin, come back, follow
    calls = []

    def open_wire(command):
        calls.append(command)
        if next(breaks, False):
            raise Unreachable("here", "the connection broke", "try again")
        return whole(command)

    runner.jobs.caller._open_wire = open_wire
    result = beside(lambda: runner.run('echo run >>"$1"; sleep 1; echo said', str(tmp_path / "effects")))
    until((tmp_path / "effects").exists)
    runner.wires[0].cut()
    assert result().text == "said\n"
    assert (tmp_path / "effects").read_text() == "run\n"
    assert len(calls) > 3


def test_a_host_that_refuses_while_a_job_runs_there_is_not_asked_again(tmp_path):
    runner = Runner(tmp_path, Patience(grace=1, reconnect=600.0, answer=5.0))
    result = beside(lambda: runner.run('echo run >>"$1"; sleep 1', str(tmp_path / "effects")))
    until((tmp_path / "effects").exists)
    asked = []

    def refuse(_command):
        asked.append(1)
        raise Refused("here", "another machine answers here")

    runner.jobs.caller._open_wire = refuse
    runner.wires[0].cut()
    lost = result()
    assert isinstance(lost, Lost)
    assert "another machine answers here" in lost.what
    assert len(asked) == 1


def test_a_job_outlives_the_runner_and_can_be_asked_later(tmp_path):
    first = Runner(tmp_path, Patience(grace=1, reconnect=0.1, answer=1.0))
    result = beside(lambda: first.run("sleep 1; echo done; exit 4"))
    until((first.folder() / "session").exists)
    first.down = True
    first.wires[-1].cut()
    lost = result()
    assert isinstance(lost, Lost)
    assert "its end is unknown" in str(lost)
    answer = Runner(tmp_path).run("never run", token=TOKEN)
    assert (answer.text, answer.exit_code) == ("done\n", 4)


def test_a_job_out_of_time_is_ended_on_the_host_with_all_its_children(runner, marker):
    script = (
        f"echo before; sleep {marker} & (trap '' TERM; sleep {marker}) & "
        f"set -m 2>/dev/null; sleep {marker} & sleep {marker}"
    )
    with pytest.raises(Failed, match=r"here: the job took longer than 0.5 s; nothing of it runs") as caught:
        runner.run(script, timeout=0.5)
    assert caught.value.output == "before\n"
    assert alive(marker) == []


@pytest.mark.fault(5)
def test_a_deadline_is_kept_on_the_host_even_when_the_runner_is_gone(tmp_path, marker):
    runner = Runner(tmp_path, Patience(grace=1, reconnect=0.1, answer=1.0))
    result = beside(lambda: runner.run(f"sleep {marker}", timeout=1.0))
    until(lambda: alive(marker))
    runner.down = True
    runner.wires[-1].cut()
    assert isinstance(result(), Lost)
    until(lambda: not alive(marker))
    with pytest.raises(Failed, match="took longer than 1 s"):
        Runner(tmp_path).run("x", timeout=1.0)


def test_exit_code_124_of_the_job_itself_is_no_timeout(runner):
    assert runner.run("exit 124").exit_code == 124


def test_ctrl_c_ends_the_job_and_all_its_children(runner, marker):
    def interrupt(line):
        raise KeyboardInterrupt

    runner.jobs = replace(runner.jobs, on_output=interrupt)
    with pytest.raises(Interrupted, match="the job was interrupted; nothing of it runs any more"):
        runner.run(
            f"sleep {marker} & (trap '' TERM; sleep {marker}) & echo now; sleep {marker}; sleep {marker}"
        )
    assert alive(marker) == []
    with pytest.raises(Failed, match="was ended by the operator"):
        Runner(runner.home).run("x")


def test_cancelling_from_another_thread_ends_the_job(runner, marker):
    result = beside(lambda: runner.run(f"sleep {marker}"))
    until(lambda: alive(marker))
    runner.cancelled.set()
    assert isinstance(result(), Interrupted)
    assert alive(marker) == []


def test_a_daemon_that_keeps_the_output_open_holds_nothing_up_and_lives_on(runner):
    began = time.monotonic()
    script = "setsid sh -c 'sleep 3; echo late; echo still >$1; sleep 20' sh \"$1\" & echo $!"
    answer = runner.run(script, str(runner.home / "still"))
    assert time.monotonic() - began < 3
    pid = int(answer.text)
    until((runner.home / "still").exists)
    assert (runner.home / "still").read_text() == "still\n"
    os.kill(pid, 9)


def test_a_flood_of_output_fills_neither_disk_nor_memory(runner):
    script = "echo first; head -c 30000000 /dev/zero | tr '\\0' x; echo; echo last; echo err >&2"
    answer = runner.run(script)
    assert answer.stdout.startswith(b"first\n")
    assert answer.stdout.endswith(b"x\nlast\n")
    assert len(answer.stdout) + answer.left_out == 30_000_012
    assert answer.stderr == b"err\n"
    assert sum(file.stat().st_size for file in runner.folder().iterdir() if file.is_file()) < 2_000_000


@pytest.mark.fault(4)
def test_a_reboot_in_the_middle_is_lost_not_guessed(runner):
    folder = runner.folder()
    (folder / "began").mkdir(parents=True)
    (folder / "boot").write_text("another boot\n")
    mine = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    (folder / "leader").write_text(f"{os.getpid()} {mine[19]}\n")  # alive, for all its number and birth say
    for each in (runner.state, runner.state / "jobs"):
        each.chmod(0o700)
    with pytest.raises(Lost, match="cut short by a reboot or a kill"):
        runner.run("echo never")


def test_a_killed_supervisor_is_lost_not_guessed_and_what_it_left_can_be_ended(runner, marker):
    result = beside(lambda: runner.run(f"sleep {marker}"))
    leader = runner.folder() / "leader"
    until(lambda: (runner.folder() / "session").exists() and alive(marker))
    os.kill(int(leader.read_text().split()[0]), 9)
    assert isinstance(result(), Lost)
    runner.jobs.stop("run/fix")
    until(lambda: not alive(marker))  # a child that was about to become the job ends itself
    time.sleep(0.3)
    assert alive(marker) == []


def test_a_result_counts_after_a_reboot(runner):
    runner.run("echo said")
    (runner.folder() / "boot").write_text("another boot\n")
    assert Runner(runner.home).run("x").text == "said\n"


def test_a_state_directory_that_is_a_link_is_refused_and_nothing_is_started(runner, tmp_path):
    runner.state.parent.mkdir(exist_ok=True)
    (tmp_path / "elsewhere").mkdir()
    runner.state.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Failed, match="is a link, or not ours"):
        runner.run('echo run >"$1"', str(tmp_path / "effects"))
    assert not (tmp_path / "effects").exists()
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_state_directory_of_somebody_else_is_refused(runner, tmp_path):
    runner.state.mkdir(parents=True)
    os.chown(runner.state, 12345, 12345)
    with pytest.raises(Failed, match="is a link, or not ours"):
        runner.run("echo")


def test_what_is_kept_is_nobody_elses_to_read(runner):
    runner.run("echo secret")
    assert [
        each.stat().st_mode & 0o777 for each in (runner.state, runner.state / "jobs", runner.folder())
    ] == [0o700] * 3


def test_forgetting_a_run_removes_its_finished_jobs_and_what_is_then_empty(runner):
    runner.run("echo a", token="run1/fix/1")
    runner.run("echo b", token="run2/fix/1")
    runner.jobs.forget("run1")
    assert [each.name for each in (runner.state / "jobs").iterdir()] == ["run2%2Ffix%2F1"]
    runner.jobs.forget("run2")
    assert not runner.state.exists()


def test_forgetting_leaves_a_running_job_alone(runner):
    result = beside(lambda: runner.run("sleep 1; echo done"))
    until((runner.folder() / "session").exists)
    runner.jobs.forget("run")
    assert result().text == "done\n"


def test_a_script_too_long_for_the_host_is_refused_before_it_is_begun(runner):
    with pytest.raises(Failed, match="longer than"):
        runner.run("echo " + "x" * 200_000)
    assert not runner.state.exists()


def test_a_quick_job_costs_one_wait(runner):
    runner.run("echo a")
    assert runner.trips.jobs == 1


def test_a_job_is_told_apart_from_what_the_login_shell_says(runner):
    caller = Caller("here", runner.open, "echo noise; echo noise >&2; exec sh", {})
    runner.jobs = replace(runner.jobs, caller=caller, fence=unfenced(caller))
    assert runner.run("echo a").text == "a\n"
    assert runner.lines == ["a"]


def test_stopping_a_token_ends_its_running_job_and_all_its_children(runner, marker):
    first = Runner(runner.home)
    result = beside(lambda: first.run(f"sleep {marker} & (trap '' TERM; sleep {marker}) & sleep {marker}"))
    until(lambda: len(alive(marker)) >= 3)
    runner.jobs.stop("run/fix")
    assert alive(marker) == []
    assert "was ended by the operator" in str(result())
    runner.jobs.stop("run/fix")


def test_a_stop_whose_link_breaks_is_said_again_once_it_is_back(runner, marker):
    result = beside(lambda: Runner(runner.home).run(f"sleep {marker}"))
    until(lambda: alive(marker))
    asked = breaking(runner, times=2)
    runner.jobs.stop("run/fix")
    assert (alive(marker), asked.count(STOP_ALL)) == ([], 3)
    assert "was ended by the operator" in str(result())


def test_a_stop_whose_link_does_not_come_back_claims_nothing(runner):
    asked = breaking(runner, times=99)
    runner.down = True
    with pytest.raises(Lost, match="not known whether jobs of run/fix still run"):
        runner.jobs.stop("run/fix")
    assert asked.count(STOP_ALL) == 1


def breaking(runner, times):
    """Have the link break so often while jobs are ended; return what is asked."""
    real, asked = runner.jobs.caller.call, []

    def call(script, *args, **options):
        asked.append(script)
        if script == STOP_ALL and asked.count(STOP_ALL) <= times:
            raise Broken
        return real(script, *args, **options)

    runner.jobs.caller.call = call
    return asked


def test_a_job_that_comes_late_never_begins_under_a_stopped_token(runner, tmp_path):
    runner.jobs.stop("run/fix")
    for token in ("run/fix/1", "run/fix/2"):
        with pytest.raises(Failed, match="the job was called off before it ran; nothing was started"):
            runner.run('echo run >"$1"', str(tmp_path / "effects"), token=token)
    assert not (tmp_path / "effects").exists()


def test_a_supervisor_that_stalls_right_before_it_runs_the_job_is_called_off(runner, tmp_path):
    """It has made `began` and is put to sleep; whoever ends the job meanwhile must win."""
    folder = runner.folder()
    (folder / "began").mkdir(parents=True)
    for name in ("out", "err"):
        os.mkfifo(folder / f"{name}.pipe")
    for each in (runner.state, runner.state / "jobs", folder):
        each.chmod(0o700)
    runner.jobs.stop("run/fix")
    (folder / "began").rmdir()
    effects = tmp_path / "effects"
    words = [str(folder), "5", "1", "1000", "1000", 'echo run >"$1"', str(effects)]
    subprocess.run(["sh", "-c", SUPERVISE, "late", *words], check=False, timeout=10)
    assert not effects.exists()


def test_stopping_leaves_other_tokens_the_way_back_and_finished_jobs_alone(runner, marker):
    script = f"sleep {marker} >/dev/null 2>&1 & echo $!"
    daemon = int(runner.run(script).text)
    others = [
        beside(lambda token=token: Runner(runner.home).run("sleep 2; echo done", token=token))
        for token in ("run/fix/undo0/1", "run/fixed/1", "run2/fix/1")
    ]
    until(lambda: len(list(runner.state.glob("jobs/*/session"))) == 4)
    runner.jobs.stop("run/fix")
    assert alive(marker) == [daemon]
    os.kill(daemon, 9)
    assert [result().text for result in others] == ["done\n"] * 3


def test_stopping_ends_no_stranger_who_has_the_number_of_the_session_by_now(runner, marker):
    folder = runner.folder()
    (folder / "began").mkdir(parents=True)
    for each in (runner.state, runner.state / "jobs", folder):
        each.chmod(0o700)
    (folder / "boot").write_text(Path("/proc/sys/kernel/random/boot_id").read_text())
    (folder / "leader").write_text("4999999 1\n")
    with subprocess.Popen(["sleep", marker], start_new_session=True) as stranger:
        try:
            (folder / "session").write_text(f"{stranger.pid} 1\n")
            runner.jobs.stop("run/fix")
            assert alive(marker) == [stranger.pid]
        finally:
            stranger.kill()


def test_what_cannot_be_stopped_for_sure_is_lost(runner):
    runner.down = True
    with pytest.raises(Lost, match="it is not known whether jobs of run/fix still run"):
        runner.jobs.stop("run/fix")
    runner.down = False
    runner.state.write_text("in the way")
    with pytest.raises(Lost, match="the jobs of run/fix cannot be ended"):
        runner.jobs.stop("run/fix")


def test_forgetting_remembers_for_a_day_what_was_called_off(runner):
    runner.jobs.stop("run/fix")
    runner.jobs.forget("run/")
    mark = runner.state / "jobs" / "run%2Ffix" / "never"
    assert mark.exists()
    os.utime(mark, (time.time() - 90_000,) * 2)
    runner.jobs.forget("another/")
    assert not runner.state.exists()


def test_a_second_ctrl_c_while_the_job_is_ended_does_not_leave_it_running(runner, marker):
    real, impatient = runner.jobs.caller.call, [True]

    def call(script, *args, **options):
        if script == STOP and impatient:
            impatient.pop()
            raise KeyboardInterrupt
        return real(script, *args, **options)

    runner.jobs.caller.call = call
    result = beside(lambda: runner.run(f"sleep {marker}"))
    until(lambda: alive(marker))
    runner.cancelled.set()
    assert isinstance(result(), Interrupted)
    assert alive(marker) == []


def test_what_the_host_says_after_a_long_outage_counts_before_the_deadline(runner):
    ahead = [0.0]
    clock = Clock(monotonic=lambda: time.monotonic() + ahead[0])
    runner.jobs = replace(runner.jobs, clock=clock)
    result = beside(lambda: runner.run("sleep 0.5; echo done"))
    until((runner.folder() / "session").exists)
    real = runner.open

    def after_the_outage(command):
        until((runner.folder() / "rc").exists)
        ahead[0] = 1000.0
        return real(command)

    runner.jobs.caller._open_wire = after_the_outage
    runner.wires[-1].cut()
    assert result().text == "done\n"


def test_a_shell_that_is_ended_from_outside_does_not_end_the_job_nor_says_that_nothing_was_started(runner):
    result = beside(lambda: runner.run("sleep 1; echo done"))
    until((runner.folder() / "session").exists)
    os.kill(runner.wires[-1].process.pid, 15)
    assert result().text == "done\n"


def test_a_stop_that_is_itself_ended_from_outside_claims_nothing(runner, marker):
    real = runner.jobs.caller.call

    def call(script, *args, **options):
        return real("exit 129" if script == STOP else script, *args, **options)

    runner.jobs.caller.call = call
    result = beside(lambda: runner.run(f"sleep {marker}"))
    until(lambda: alive(marker))
    runner.cancelled.set()
    outcome = result()
    runner.jobs.stop("run/fix")
    assert isinstance(outcome, Lost)
    assert alive(marker) == []
