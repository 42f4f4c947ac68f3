"""A tool looks twice, and judges what moved."""

from pathlib import Path

import pytest

from remediate.catalogue import CATALOGUE
from remediate.clock import Clock
from remediate.errors import CouldNotLook
from remediate.examination import examine
from remediate.model import Finding
from remediate.playbook import load_playbook
from remediate.procedure import Procedure
from tests.engine.conftest import Rehearsal
from tests.laws.memory import File, MemoryTarget

HOST = {"app": {"root": "/srv/app"}, "host": {"name": "memory"}, "database": {}}
TOOL = """
name: look
title: Look
kind: tool
on: backend
diagnose:
  - name: the colour is red
    files.contains: {path: /srv/app/config.ini, text: colour=red}
  - name: nobody knows
    http.ok: {path: /, port: 3000, app: app}
stable: STABLE
"""


class Counting(MemoryTarget):
    """Counts how often it is asked."""

    asked = 0

    def answer(self, questions):
        self.asked += 1
        return super().answer(questions)


@pytest.fixture
def look(rehearsal: Rehearsal, tmp_path: Path):
    def with_(stable: str):
        path = tmp_path / "look.yml"
        path.write_text(TOOL.replace("STABLE", stable))
        book = load_playbook(path, CATALOGUE)
        target = Counting(rehearsal.world, "")
        clock: Clock = rehearsal.clock
        return target, examine(Procedure(book, book.scope(HOST), "lab"), target, clock)

    return with_


def healthy(seen) -> bool:
    return isinstance(seen, Finding) and seen.healthy


def test_a_tool_looks_again_after_its_time_and_what_counts_is_the_last_look(look, rehearsal) -> None:
    def paint() -> None:
        rehearsal.world.state.files["/srv/app/config.ini"] = File(b"colour=green")

    rehearsal.on_sleep = paint
    before = rehearsal.now
    target, seen = look("3s")
    assert (target.asked, rehearsal.now - before) == (2, 3)
    assert not healthy(seen["the colour is red"])


def test_a_tool_without_time_looks_once(look, rehearsal) -> None:
    target, seen = look("0s")
    assert (target.asked, healthy(seen["the colour is red"])) == (1, True)


def test_what_nobody_can_say_hides_nothing_and_is_no_finding(look) -> None:
    _, seen = look("0s")
    assert list(seen) == ["the colour is red", "nobody knows"]
    assert isinstance(seen["nobody knows"], CouldNotLook)
