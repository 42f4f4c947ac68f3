"""The scripts that look at an app's environment, on this machine: real processes, and a driver that only pretends."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from remediate.providers.env_host import (
    door_question,
    environ_question,
    held_door_question,
    read_started,
    read_tried,
)
from remediate.providers.env_marks import Marks
from remediate.questions import Run, RunAnswer
from tests.laws.command import CommandTarget

URL = "postgresql://u:right@db/a"
DRIVER = """
const fs = require('node:fs')
exports.Client = class {
  constructor({ connectionString }) { this.url = connectionString }
  on() {}
  async end() {}
  async connect() {
    fs.appendFileSync('knocked', this.url + '\\n')
    if (!this.url.includes('right')) throw Object.assign(new Error(), { code: '28P01' })
  }
}
"""


@pytest.fixture
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "node_modules/pg").mkdir(parents=True)
    (tmp_path / "node_modules/pg/index.js").write_text(DRIVER)
    (tmp_path / "pm2").mkdir()
    monkeypatch.setenv("PM2_HOME", str(tmp_path / "pm2"))
    return tmp_path


@contextmanager
def process(**variables: str) -> Iterator[int]:
    """Run a process with these variables alone."""
    held = {"PATH": os.environ["PATH"], **variables}
    with subprocess.Popen(["sleep", "60"], env=held) as running:
        try:
            yield running.pid
        finally:
            running.kill()


def asked(question: Run) -> RunAnswer:
    return CommandTarget().answer([question])[question]


def env(backend: Path, text: str) -> Marks:
    (backend / ".env").write_text(text)
    return Marks.under(str(backend / ".env"), text.encode())


@pytest.mark.parametrize("mode", ["fork", "cluster"])
def test_what_a_process_was_given_is_found_in_either_mode_and_however_the_home_is_written(
    backend: Path, mode: str
) -> None:
    marks, home = env(backend, f"URL={URL}\n"), f"{backend}/pm2/"
    own = {"name": "app", "pm_id": "0", "PM2_HOME": home, "pm_uptime": "5", "URL": "old"}
    handed = {"name": "app", "pm_id": 0, "pm_uptime": 5, "env": {"PM2_HOME": home, "URL": "old"}}
    held = own if mode == "fork" else {"name": "pm2", "pm2_env": json.dumps(handed)}
    with process(**held) as pid, process(**{**own, "name": "other"}):
        (one,) = read_started(asked(environ_question("app", str(backend), f"{backend}/.env", ("URL", "NO"))))
    assert (one.pid, one.since, one.marks) == (pid, 5.0, {"URL": marks.of("old")})


def test_of_an_app_without_a_process_pm2_tells_what_it_would_be_given(
    backend: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = env(backend, f"URL={URL}\n")
    listed = json.dumps([{"name": "app", "pm2_env": {"env": {"URL": "old"}}}, {"name": "b", "pm2_env": {}}])
    (backend / "pm2/rpc.sock").touch()
    (backend / "pm2/pm2.pid").write_text("")
    question = environ_question("app", str(backend), f"{backend}/.env", ("URL",))
    assert read_started(asked(question)) == (), "no daemon runs, and none is started"
    # What is asked of a daemon is asked on the practice ground; here its answer counts.
    program = backend / "node_modules/.bin/pm2"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho '[PM2] banner'\necho '{listed}'\n")
    program.chmod(0o755)
    script = question.script.replace("if runs; then", "if true; then")
    assert script != question.script
    (one,) = read_started(asked(question.model_copy(update={"script": script})))
    assert (one.pid, one.marks) == (0, {"URL": marks.of("old")})


def test_the_value_that_counts_is_tried_first_and_then_what_may_be_meant(backend: Path) -> None:
    marks = env(
        backend, f'SHADOW_URL=postgresql://u:right@shadow/a\nURL="postgresql://u:p#right@db/a"\nURL={URL}\n'
    )
    tried = read_tried(asked(door_question(str(backend), f"{backend}/.env", "URL")))
    knocked = (backend / "knocked").read_text().splitlines()
    assert knocked == [URL, "postgresql://u:p#right@db/a", "postgresql://u:p%23right@db/a"]
    assert [tried[marks.of(url)].place for url in knocked] == ["u@db/a", "", "u@db/a"]


def test_what_pm2_holds_is_tried_and_told_by_where_it_leads(backend: Path) -> None:
    marks = env(backend, f"URL={URL}\nOTHER=x\n")
    held = {"name": "app", "pm_id": "0", "URL": "postgresql://u:wrong@db:5432/a", "OTHER": "y"}
    question = held_door_question("app", str(backend), f"{backend}/.env", ("URL", "OTHER"))
    with process(**held, PM2_HOME=str(backend / "pm2")):
        tried = read_tried(asked(question))
    ours, theirs = tried[marks.of(URL)], tried[marks.of(held["URL"])]
    assert (ours.code, theirs.code, theirs.place) == ("", "28P01", "u@db:5432/a")
    assert ours.leads == theirs.leads, "the password and the default port make no other place"
    assert len(tried) == 2, "what is no URL is not tried"
