"""Commands that hang, wait, flood, or leave daemons behind: on the light host, over its real sshd."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from remediate.errors import Failed
from remediate.questions import Run
from remediate.target import Job
from remediate.transport.host import SshTarget
from remediate.transport.jobs import Patience
from tests.faults.small import HOST, Build
from tests.practice import Practice

KEPT = Run(script="du -sk ~/.remediate | cut -f 1")


@pytest.fixture
def target(light_target: Callable[..., SshTarget]) -> SshTarget:
    return light_target(patience=Patience(grace=1, reconnect=30.0, answer=15.0))


@pytest.fixture
def marker(practice: Practice) -> Iterator[str]:
    """Seconds that nobody else sleeps; whoever sleeps them is ended with the test."""
    number = f"{os.getpid()}{time.monotonic_ns() % 1000}.25"
    yield number
    practice.shell(HOST, f"pkill -KILL -f '[s]leep {number}' || true")


def living(practice: Practice, marker: str) -> list[str]:
    """Return the processes on the host that carry a marker, without those who look for it."""
    return practice.shell(HOST, f"pgrep -f '[s]leep {marker}' || true").split()


@pytest.mark.fault(5)
def test_a_command_that_hangs_is_ended_with_its_whole_group_one_that_ignores_term_too(
    practice: Practice, target: SshTarget, marker: str
) -> None:
    script = 'sleep "$1" & (trap "" TERM; sleep "$1"; sleep "$1") & sleep "$1"'
    with pytest.raises(Failed, match="took longer than 2 s; nothing of it runs any more"):
        target.scoped("hang").run(Job(script=script, args=(marker,), timeout=2.0))
    assert living(practice, marker) == []
    target.forget("hang")


@pytest.mark.fault(7)
def test_a_daemon_that_keeps_the_output_is_not_waited_for_and_lives_on(
    practice: Practice, target: SshTarget, marker: str
) -> None:
    answer = target.scoped("daemon").run(Job(script='setsid sleep "$1" & echo begun', args=(marker,)))
    assert (answer.exit_code, answer.text) == (0, "begun\n")
    assert len(living(practice, marker)) == 1, "what left the job's session on purpose is its own master"
    target.forget("daemon")


@pytest.mark.fault(6)
def test_a_command_that_waits_for_input_meets_its_end_and_fails_with_what_it_said(target: SshTarget) -> None:
    script = "printf 'Ok to proceed? (y) '; read -r answer || { echo 'no answer' >&2; exit 3; }"
    answer = target.scoped("ask").run(Job(script=script, timeout=60.0))
    assert (answer.exit_code, answer.text, answer.error_text) == (3, "Ok to proceed? (y) ", "no answer\n")
    target.forget("ask")


@pytest.mark.fault(9)
def test_binary_output_comes_back_byte_for_byte(target: SshTarget) -> None:
    script = 'i=0; while [ $i -lt 256 ]; do printf "\\\\$(printf %03o $i)"; i=$((i + 1)); done'
    answer = target.scoped("binary").run(Job(script=script))
    assert answer.stdout == bytes(range(256))
    target.forget("binary")


def peak_of(pid: int) -> int:
    """Return the most memory that a process has had, in KB; wait4 would tell that of whoever forked it, too."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) if "VmHWM:" in status else 0


@pytest.mark.fault(8)
@pytest.mark.fault(9)
def test_200_mb_of_anything_take_less_than_150_mb_of_the_runner_and_json_stays_valid(build: Build) -> None:
    build.lay("head -c 200000000 /dev/urandom; echo; echo the end; exit 3")
    with build.small.operator.start(*build.words, "--json") as process:
        assert process.stdout is not None
        events, most = [], 0
        for line in process.stdout:
            events.append(json.loads(line))
            most = max(most, peak_of(process.pid))
    assert (process.returncode, events[-1]["data"]["outcome"]) == (1, "rolled back")
    assert "the end" in events[-1]["data"]["output"]
    assert 30_000 < most < 150_000, f"{most} KB"
    shown = sum(len(event["text"]) for event in events if event["kind"] == "output")
    assert shown < 8_000_000, "head and tail, as escaped text"


@pytest.mark.fault(6)
def test_a_build_that_asks_something_fails_with_what_it_asked_and_nothing_is_changed(build: Build) -> None:
    build.lay("printf 'Ok to proceed? (y) '; read -r answer || exit 3")
    before = build.listing()
    ended = build.small.operator.does(*build.words, "--json")
    assert ended.code == 1, ended.out
    assert "Ok to proceed? (y)" in ended.lines[-1]["data"]["output"]
    assert build.listing() == before


@pytest.mark.fault(8)
def test_of_what_a_flood_left_out_the_size_is_told(target: SshTarget) -> None:
    script = "echo first; head -c 200000000 /dev/zero | tr '\\0' x; echo; echo last"
    answer = target.scoped("flood").run(Job(script=script, timeout=300.0))
    assert answer.stdout.startswith(b"first\nx")
    assert answer.stdout.endswith(b"x\nlast\n")
    assert len(answer.stdout) + answer.left_out == 200_000_012
    kept = target.answer([KEPT])[KEPT]
    assert int(kept.text) < 4096, "KB on the host"
    target.forget("flood")
