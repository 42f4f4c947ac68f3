"""The runner is killed with no warning, on a real host: resume goes on with what it left, rollback takes it back."""

import json
import time
from collections.abc import Callable

import pytest

from remediate.journal import Journal
from remediate.masking import Masker
from tests.operator import Operator, picture
from tests.practice import Practice

STARTED = [
    pytest.param("named-import", "prisma-import", "build", 0.7, id="while-it-builds"),
    pytest.param("named-import", "prisma-import", "restart", 0.3, id="while-it-restarts"),
    pytest.param(
        "missing-columns", "missing-columns", "add the missing columns", 0.0, id="while-columns-are-added"
    ),
]


def killed(operator: Operator, playbook: str, seen: Callable[[dict], bool], delay: float) -> None:
    """Start a run and kill it with SIGKILL some seconds after an event, and not before its change is owed."""
    with operator.start("run", playbook, "--on", "web1", "--yes", "--json") as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if seen(event):
                while not is_owed(operator, event["step"]):
                    time.sleep(0.01)
                time.sleep(delay)
                process.kill()
                break
        process.communicate(timeout=30)
    assert process.returncode == -9


def is_owed(operator: Operator, step: str) -> bool:
    with Journal.open(operator.folder / "remediate", Masker()) as journal:
        return any((entry.kind, entry.body.get("step")) == ("owed", step) for entry in journal.entries())


@pytest.mark.fault(1, 2)
@pytest.mark.parametrize(("fault", "playbook", "step", "delay"), STARTED)
def test_a_killed_run_is_gone_on_with_and_each_change_is_made_once(
    practice: Practice, operator: Operator, web1: str, fault: str, playbook: str, step: str, delay: float
) -> None:
    practice.break_(fault)
    broken = picture(practice)
    killed(
        operator, playbook, lambda event: (event["kind"], event["step"]) == ("change-started", step), delay
    )
    other = operator.does("run", playbook, "--on", web1, "--yes")
    run = operator.first_run
    assert other.code in (0, 6), "healthy by now, or locked"
    assert f"remediate resume {run}" in other.out, "whoever comes second is told of it, and what to do"

    gone_on = operator.does("resume", run, "--yes")
    assert gone_on.code == 0, gone_on.out + gone_on.err
    assert practice.answers(web1)[0] == 200
    assert operator.does("run", playbook, "--on", web1, "--yes").code == 0, "healthy, and the lock is free"
    owed = [one for one in operator.does("audit", "export", run).lines if one["kind"] == "owed"]
    assert len({one["body"]["token"] for one in owed}) == len(owed)

    assert operator.does("rollback", run, "--yes").code == 0
    assert picture(practice).settled == broken.settled
    assert operator.does("audit", "verify").code == 0
    nothing_left = operator.does("resume", run, "--yes")
    assert "nothing to go on with" in nothing_left.out


@pytest.mark.fault(1)
def test_what_a_crash_left_half_done_is_not_called_healthy(
    practice: Practice, operator: Operator, web1: str
) -> None:
    practice.break_("named-import")
    built = ("change-done", "build")
    killed(operator, "prisma-import", lambda event: (event["kind"], event["step"]) == built, 0.0)
    looked = operator.does("plan", "prisma-import", "--on", web1)
    assert looked.code == 3
    assert "it is older than dist" in looked.out
    again = operator.does("run", "prisma-import", "--on", web1, "--yes")
    assert again.code == 6
    assert "never ended here" in again.out
    assert operator.does("resume", operator.first_run, "--yes").code == 0
    assert practice.answers(web1)[0] == 200


@pytest.mark.fault(1, 2)
@pytest.mark.parametrize(("fault", "playbook", "step", "delay"), STARTED)
def test_a_killed_run_is_taken_back_whole(
    practice: Practice, operator: Operator, web1: str, fault: str, playbook: str, step: str, delay: float
) -> None:
    practice.break_(fault)
    broken = picture(practice)
    killed(
        operator, playbook, lambda event: (event["kind"], event["step"]) == ("change-started", step), delay
    )
    back = operator.does("rollback", operator.last_run, "--yes")
    assert back.code == 0, back.out + back.err
    assert picture(practice).settled_but_for_marks == broken.settled_but_for_marks
    assert operator.does("runs").out.count("STILL") == 0
