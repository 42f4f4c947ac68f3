"""The runner's disk fills up in the middle of a run on a real host, and stays full until somebody makes room."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.operator import Operator, picture
from tests.practice import Practice


def take_all(filler: Path) -> None:
    """Take every byte that is left."""
    with filler.open("ab", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


@contextmanager
def greedy(filler: Path) -> Iterator[None]:
    """Somebody else who takes every byte there is, again and again: what the reserve leaves, too."""
    enough = threading.Event()

    def go_on() -> None:
        while not enough.wait(0.01):
            take_all(filler)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


@pytest.mark.fault(11)
def test_a_disk_that_fills_up_in_the_middle_ends_the_run_told_and_nothing_is_done_that_is_not_written(
    practice: Practice, small_disk: Path, web1: str
) -> None:
    operator = Operator(practice, small_disk)
    practice.break_("named-import")
    broken = picture(practice)
    filler = small_disk / "filler"
    with operator.start("run", "prisma-import", "--on", web1, "--yes", "--json") as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(json.loads(line))
            if (said[-1]["kind"], said[-1]["step"]) == ("change-started", "build"):
                break
        with greedy(filler):
            said += [json.loads(line) for line in process.stdout]
            assert process.stderr is not None
            assert "Traceback" not in process.stderr.read()
            code = process.wait(120)
    (end,) = [event for event in said if event["kind"] == "ended"]
    assert (code, end["data"]["outcome"]) in {(1, "rolled-back"), (7, "stuck")}, said
    assert "restart" not in [event["step"] for event in said if event["kind"] == "change-done"]

    filler.unlink()
    owed = {one["seq"] for one in operator.does("audit", "export").lines if one["kind"] == "owed"}
    made = [event["step"] for event in said if event["kind"] == "change-done"]
    assert len(made) <= len(owed), "every change has its entry, written before it"
    if code == 7:
        back = operator.does("rollback", operator.first_run, "--yes")
        assert back.code == 0, back.out + back.err
    assert picture(practice).settled_but_for_marks == broken.settled_but_for_marks
    assert operator.does("audit", "verify", "--on", web1).code == 0
    with closing(sqlite3.connect(small_disk / "remediate" / "journal.db")) as log:
        assert log.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
