import fcntl
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from remediate.errors import JournalError, Locked
from remediate.journal.run_lock import held_run, is_held

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


def test_whoever_asks_whether_a_run_is_held_makes_nothing_and_keeps_nobody_from_it(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert not is_held(state, "run1")
    assert not state.exists()
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            is_held(state, "run1")

    asking = [threading.Thread(target=ask) for _ in range(3)]
    for one in asking:
        one.start()
    try:
        for _ in range(200):
            with held_run(state, "run1"):
                assert is_held(state, "run1")
    finally:
        ended.set()
        for one in asking:
            one.join()
    assert not is_held(state, "run1")


def test_those_who_only_ask_do_not_take_each_other_for_a_holder(tmp_path: Path) -> None:
    (tmp_path / "running").mkdir()
    (tmp_path / "running" / "run1").touch()
    with (tmp_path / "running" / "run1").open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert not is_held(tmp_path, "run1")
