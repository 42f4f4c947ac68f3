"""The lab as a whole: it comes up, again, and it goes away without a trace."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.ground.conftest import processes_naming
from tests.practice import LAB, done, new_practice, put_away


def test_up_again_says_that_it_is_up_and_starts_nothing(practice):
    before = (practice.state / "hosts" / "web1" / "processes.json").read_text()
    again = practice.up("--hosts", "1", "--light", "1")
    assert "already up: web1, light1" in again.stderr
    assert (practice.state / "hosts" / "web1" / "processes.json").read_text() == before


def test_up_with_more_hosts_adds_them_and_keeps_the_others(practice):
    before = (practice.state / "hosts" / "web1" / "processes.json").read_text()
    practice.up("--hosts", "1", "--light", "3")
    assert [host["name"] for host in practice.status()["hosts"]] == ["web1", "light1", "light2", "light3"]
    assert practice.on("light3", "hostname") == "light3\n"
    assert (practice.state / "hosts" / "web1" / "processes.json").read_text() == before
    assert "light3: {address: 127.0." in practice.inventory.read_text()


def test_status_tells_programs_all_they_need(practice):
    status = practice.status()
    web1 = status["hosts"][0]
    assert status["up"]
    assert (web1["name"], web1["role"], web1["projects"]) == ("web1", "full", 200)
    assert status["deploy"] in status["logins"]
    for file in ("identity", "known_hosts", "token_file", "inventory"):
        assert Path(status[file]).is_file()


def test_the_secrets_it_writes_are_for_their_owner_only(practice):
    secrets = (
        practice.inventory.with_suffix(".token"),
        practice.state / "token",
        practice.state / "id_ed25519",
    )
    assert [oct(file.stat().st_mode & 0o777) for file in secrets] == ["0o600"] * 3


def test_down_leaves_no_process_no_mount_and_no_file():
    ground = new_practice()
    try:
        ground.up("--hosts", "1", "--light", "2")
        assert processes_naming(str(ground.state))
        addresses = [host["address"] for host in ground.status()["hosts"]]
        done(ground.lab("down"))
        assert processes_naming(str(ground.state)) == []
        assert str(ground.state) not in Path("/proc/self/mountinfo").read_text()
        assert [path for path in ground.folder.rglob("*") if not path.is_dir()] == []
        listening = subprocess.run(["ss", "-tlnH"], capture_output=True, text=True, check=True).stdout
        assert not any(f"{address}:" in listening for address in addresses)
        assert "no lab is up" in ground.lab("down").stderr
    finally:
        put_away(ground)


def test_an_interrupted_up_leaves_nothing():
    ground = new_practice()
    try:
        code, said = interrupted_up(ground)
        while code == 0:  # on a loaded machine it may be done before the signal comes
            done(ground.lab("down"))
            code, said = interrupted_up(ground)
        assert code == 130, said
        assert said.splitlines()[-1] == "lab: interrupted; what was begun has been put away"
        assert processes_naming(str(ground.state)) == []
        assert not ground.state.exists()
    finally:
        put_away(ground)


def interrupted_up(ground):
    command = [
        sys.executable,
        LAB,
        "up",
        "--state",
        ground.state,
        "--inventory",
        ground.inventory,
        "--hosts",
        "3",
    ]
    up = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    wait_for(lambda: list(ground.state.glob("hosts/*/processes.json")))
    os.killpg(up.pid, signal.SIGINT)  # as a terminal does
    _, said = up.communicate(timeout=60)
    return up.returncode, said


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_down_ends_no_process_that_only_has_a_number_of_ours():
    ground = new_practice()
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        ground.up("--hosts", "0", "--light", "1")
        file = ground.state / "hosts" / "light1" / "processes.json"
        remembered = json.loads(file.read_text())
        done(ground.lab("exec", "light1", "--", "true"))
        stranger = {"pid": bystander.pid, "started": remembered[0]["started"] - 1}
        file.write_text(json.dumps([*remembered, stranger]))
        done(ground.lab("down"))
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
        put_away(ground)


def test_a_folder_with_other_things_in_it_is_refused_and_left_alone():
    ground = new_practice()
    try:
        ground.state.mkdir()
        (ground.state / "thesis.txt").write_text("chapter one")
        refused = ground.lab("up")
        assert refused.returncode == 2
        assert "not a lab's" in refused.stderr
        put_away_lab = ground.lab("down")
        assert put_away_lab.returncode == 0
        assert (ground.state / "thesis.txt").read_text() == "chapter one"
    finally:
        put_away(ground)


def test_a_misspelt_fault_is_one_line_with_the_name_that_was_meant(practice):
    refused = practice.lab("break", "mising-columns")
    assert refused.returncode == 2
    assert refused.stderr == "lab: mising-columns: no such fault; did you mean missing-columns?\n"


def test_wrong_usage_is_one_line_and_exit_code_2(practice):
    for words in (
        ["break", "named-import", "--on", "web9"],
        ["reset", "nobody"],
        ["exec", "web1"],
        ["up", "--hosts", "0"],
    ):
        refused = practice.lab(*words)
        assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1), words
        assert re.match(r"lab: \S.*[;:] \S", refused.stderr), words


def test_without_a_lab_it_says_how_to_start_one():
    ground = new_practice()
    try:
        refused = ground.lab("reset")
        assert refused.returncode == 1
        assert "start it with `vagrant/lab up`" in refused.stderr
    finally:
        put_away(ground)
