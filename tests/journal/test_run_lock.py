import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from remediate.errors import JournalError, Locked
from remediate.journal.run_lock import held_run

HOLD = """
import sys, time
from pathlib import Path
from remediate.journal.run_lock import held_run
with held_run(Path(sys.argv[1]), "run1"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_run_is_held_by_one_process_at_a_time_and_by_another_afterwards(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with held_run(state, "run1"):
        with pytest.raises(Locked, match="another process is at work"), held_run(state, "run1"):
            raise AssertionError("held twice")
        with held_run(state, "run2"):
            pass
    with held_run(state, "run1"):
        pass
    assert list((state / "running").iterdir()) == []


def test_a_process_that_is_killed_holds_nothing_any_more(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with subprocess.Popen([sys.executable, "-c", HOLD, state], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(Locked), held_run(state, "run1"):
            raise AssertionError("held twice")
        os.kill(other.pid, signal.SIGKILL)
        other.wait(10)
    with held_run(state, "run1"):
        pass


def test_a_state_directory_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(JournalError, match="--state"), held_run(tmp_path / "state", "run1"):
        raise AssertionError("held")
