"""The connection to a host breaks, falls silent, or loses its answers in the middle of a run."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remediate.owner import LockOwner
from remediate.questions import Read, ReadAnswer, Run
from remediate.target import Job
from remediate.transport.host import SshTarget
from remediate.transport.jobs import Patience
from tests.faults.small import CONFIG, HOST, ROOT, Small
from tests.operator import Operator
from tests.practice import Practice
from tests.relay import Line


@pytest.mark.fault(3)
def test_a_connection_that_breaks_while_it_builds_is_made_again_and_the_run_goes_on(
    practice: Practice, operator: Operator, web1: str, line: Line, over_line: str
) -> None:
    practice.break_("named-import")
    with operator.start("run", "prisma-import", "--on", web1, "--yes", "--json", "-i", over_line) as process:
        assert process.stdout is not None
        said = ""
        for event in process.stdout:
            said += event
            if '"change-started"' in event and '"build"' in event:
                time.sleep(0.5)
                line.reset()
        assert process.wait(60) == 0, said
    assert practice.answers(web1)[0] == 200


HELLO = Run(script="echo hello")
NEW = b"written over a line that died\n"
NOTICED_WITHIN = 15.0
BEGUN_WITHIN = 60.0
"""A deadline for the test, of nobody's promise."""


class UnderWay:
    """Something done in a thread of its own, and what came of it."""

    def __init__(self, what: Callable[[], Any]) -> None:
        self._what, self._result, self._error = what, None, None
        self._thread = threading.Thread(target=self._do)
        self._thread.start()

    def _do(self) -> None:
        try:
            self._result = self._what()
        except Exception as error:  # noqa: BLE001 - handed to the test
            self._error = error

    def result(self) -> Any:
        """Wait for it, and return what it returned or raise what it raised."""
        self._thread.join(90)
        assert not self._thread.is_alive()
        if self._error:
            raise self._error
        return self._result


@pytest.mark.fault(3)
@pytest.mark.parametrize("fall", ["silence", "deafen"])
def test_whatever_is_under_way_on_a_line_that_died_is_noticed_within_15_seconds_and_gone_on_with(
    practice: Practice,
    small: Small,
    light_lines: list[Line],
    light_target: Callable[..., SshTarget],
    fall: str,
) -> None:
    patience = Patience(grace=1, reconnect=60.0, answer=15.0)
    lines: list[str] = []
    runs, writes, locks, looks = (
        light_target(line, patience=patience, on_output=lines.append) for line in light_lines
    )
    was = writes.answer([Read(path=CONFIG)])[Read(path=CONFIG)]
    assert isinstance(was, ReadAnswer)
    for target in (runs, locks, looks):
        target.answer([HELLO])
    script = 'echo $$ >>"$1/begun"; echo begun; until [ -e "$1/go" ]; do sleep 0.1; done; echo done'
    job = UnderWay(lambda: runs.scoped("r/1.1").run(Job(script=script, args=(ROOT,))))
    begun_by = time.monotonic() + BEGUN_WITHIN
    while "begun" not in lines:
        assert time.monotonic() < begun_by
        time.sleep(0.02)
    fell: list[float] = []
    for line in light_lines:
        getattr(line, fall)()
        fell.append(time.monotonic())
    write = UnderWay(lambda: writes.scoped("r/1.2").write(CONFIG, NEW, was))
    lock = UnderWay(lambda: _locked(locks))
    look = UnderWay(lambda: looks.answer([HELLO])[HELLO])
    _noticed(light_lines, fell)
    for line in light_lines:
        line.speak()
    practice.on(HOST, "touch", f"{ROOT}/go")
    assert (job.result().exit_code, lines) == (0, ["begun", "done"])
    assert practice.on(HOST, "cat", f"{ROOT}/begun").count("\n") == 1, (
        "the same job was followed, not begun again"
    )
    assert look.result().text == "hello\n"
    assert lock.result() == "held"
    write.result()
    assert practice.on(HOST, "cat", CONFIG).encode() == NEW
    looks.forget("r/")
    assert practice.shell(HOST, "ls -A ~/.remediate 2>/dev/null || true") == ""


def _noticed(lines: list[Line], fell: list[float]) -> None:
    """Wait until each has been given up and made anew, in time after it fell itself."""
    waiting = dict(zip(lines, fell, strict=True))
    while waiting:
        for line, since in list(waiting.items()):
            if line.connections > 1:
                del waiting[line]
            else:
                assert time.monotonic() - since < NOTICED_WITHIN
        time.sleep(0.05)


def _locked(target: SshTarget) -> str:
    with target.locked(
        LockOwner(run="s", who="tester", since="now")
    ):  # not the run of the job, which would keep it
        return "held"


@pytest.mark.fault(3)
def test_a_host_that_does_not_come_back_is_told_and_what_is_left_there_too(
    practice: Practice, small: Small, operator: Operator, light_line: Line, over_light_line: str
) -> None:
    def away(_: object) -> None:
        light_line.refusing = True
        light_line.reset()

    impatient = Path(over_light_line)
    impatient.write_text(impatient.read_text().replace("ssh: {", "ssh: {reconnect: 1s, "))

    light_line.refusing = True
    never = small.runs("-i", over_light_line)
    assert (never.code, never.out.count("blocked:")) == (6, 1)
    light_line.refusing = False
    small.write(within="3s", stable="3s")
    gone = small.until("verifying", away, "-i", over_light_line)
    assert gone.code == 7, gone.out
    run = operator.last_run
    (ended,) = [one for one in gone.lines if one["kind"] == "ended"]
    assert f"remediate rollback {run}" in ended["data"]["todo"]
    assert any("lock may still be there" in one["text"] for one in gone.lines if one["kind"] == "warning")
    again = operator.does("rollback", run, "--yes")
    assert again.code == 6, again.out
    light_line.refusing = False
    assert operator.does("rollback", run, "--yes").code == 0
    assert "colour=red" in small.content()
    assert practice.shell(HOST, "ls -A ~/.remediate/locks 2>/dev/null || true") == ""


@pytest.mark.fault(3)
def test_a_line_that_breaks_while_it_verifies_is_made_again_and_the_run_ends_well(
    small: Small, light_line: Line, over_light_line: str
) -> None:
    small.write(stable="1s")
    ended = small.until("verifying", lambda _: light_line.reset(), "-i", over_light_line)
    assert ended.code == 0, ended.out
    assert "colour=green" in small.content()
