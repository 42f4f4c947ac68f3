"""The tools' commands without a network: what they refuse, and what they say of a host that is not there."""

import json
from pathlib import Path

import pytest

from remediate.catalogue import CATALOGUE
from remediate.cli.app import run
from remediate.errors import PlaybookError
from remediate.playbook import load_playbook, playbook_files

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
TOOL = "name: look\ntitle: Look\nkind: tool\non: backend\ndiagnose:\n  - {name: room, system.disk: {}}\n"
STEPS = {
    "fix": "fix: [{name: restart, pm2.restart: {}}]\nverify: [{name: room, system.disk: {}}]\n",
    "verify": "verify: [{name: room, system.disk: {}}]\n",
    "symptoms": "symptoms: [ENOSPC]\n",
    "explains": "explains: [look]\n",
}


@pytest.mark.parametrize(
    "tool", ["health", "database-health", "slow-query-review", "import-check", "schema-validate"]
)
def test_a_host_that_cannot_be_reached_is_not_called_ill(here: Path, tool: str, capsys) -> None:
    words = [tool, "--on", "web1,web2", "--playbooks", str(PLAYBOOKS)]
    assert run([*words, "--json"]) == 6
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["host"], one["healthy"]) for one in told] == [("web1", None), ("web2", None)]
    assert all(one["blocked"] for one in told)
    assert run(words) == 6
    assert "web2  ✗ " in capsys.readouterr().out


def test_a_tool_is_for_the_hosts_of_its_group(here: Path, capsys) -> None:
    assert run(["health", "--on", "db1", "--playbooks", str(PLAYBOOKS)]) == 2
    assert "db1: is in the group database, health is for backend" in capsys.readouterr().err


def test_a_folder_without_the_tool_says_so(here: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "books").mkdir()
    assert run(["health", "--on", "web1", "--playbooks", str(tmp_path / "books")]) == 2
    assert "there is no such playbook" in capsys.readouterr().err


@pytest.mark.parametrize("key", STEPS)
def test_a_tool_that_would_be_a_cure_is_refused(tmp_path: Path, key: str) -> None:
    path = tmp_path / "look.yml"
    path.write_text(TOOL)
    assert load_playbook(path, CATALOGUE).tool
    path.write_text(TOOL + STEPS[key])
    with pytest.raises(PlaybookError, match=rf"look\.yml:7:1: a tool only looks, and has no `{key}`"):
        load_playbook(path, CATALOGUE)


def test_a_cure_that_nobody_would_verify_is_refused_and_one_that_only_tells_is_not(tmp_path: Path) -> None:
    path = tmp_path / "look.yml"
    told = TOOL.replace("kind: tool\n", "")
    path.write_text(told)
    assert load_playbook(path, CATALOGUE).fix == ()
    path.write_text(told + STEPS["fix"].splitlines()[0])
    with pytest.raises(
        PlaybookError, match=r"look\.yml:6:1: a cure must be verified; add `verify:` with checks"
    ):
        load_playbook(path, CATALOGUE)


def test_the_tools_are_listed_as_what_they_are(here: Path, capsys) -> None:
    assert run(["list", "--json", "--playbooks", str(PLAYBOOKS)]) == 0
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {one["name"] for one in listed if one["kind"] == "tool"} == {
        "health",
        "database-health",
        "slow-query-review",
        "import-check",
        "schema-validate",
    }
    assert len(listed) == len(playbook_files(PLAYBOOKS))


def test_what_a_full_disk_makes_a_program_say_is_known() -> None:
    book = load_playbook(PLAYBOOKS / "disk-pressure.yml", CATALOGUE)
    said = (
        "Error: ENOSPC: no space left on device, write",
        'ERROR:  could not extend file "base/1/2": No space left on device',
        "ERROR: 53100: disk_full",
    )
    assert [any(one.search(line) for one in book.symptoms) for line in said] == [True] * 3
    assert not any(one.search("P2022: The column does not exist") for one in book.symptoms)


def test_triage_asks_no_tool(here: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "look.yml").write_text(TOOL)
    assert run(["triage", "--on", "web1", "--playbooks", str(tmp_path / "books")]) == 2
    assert "there are no playbooks" in capsys.readouterr().err
