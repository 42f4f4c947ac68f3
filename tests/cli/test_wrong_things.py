"""Whatever a person gets wrong is one line: where, what, what to do; with the right exit code."""

from pathlib import Path

import pytest

USAGE, DECLINED, BLOCKED = 2, 4, 6


def one_line(text: str) -> str:
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    return lines[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rnu"], "Did you mean 'run'"),
        (["run"], "Missing argument 'PLAYBOOK'"),
        (["run", "missing-columns"], "Missing option '--on'"),
        (["run", "missing-columns", "--onn", "web1"], "--on"),
        (["run", "missing-colums", "--on", "web1"], "missing-columns"),
        (["run", "missing-columns", "--on", "web9"], "did you mean `web2`?"),
        (["run", "missing-columns", "--on", "db1"], "is in the group database"),
        (["run", "missing-columns", "--on", "web1", "-i", "production"], "production"),
        (["plan", "missing-columns", "--on", "web1", "--format", "xml"], "choose one of: text, json"),
        (["run", "missing-columns", "--on", "web1", "--var", "table"], "NAME=VALUE"),
        (["run", "missing-columns", "--on", "web1", "--var", "tabel=x"], "table"),
        (["run", "missing-columns", "--on", "web1", "--var", "table=a;drop"], "table"),
        (["rollback", "2026"], "no such run"),
        (["show", "2026"], "no such run"),
        (["schema", "playbok"], "playbook"),
        (["list", "--playbooks", "nowhere"], "no such folder"),
        (["check", "nowhere.yml"], "nowhere.yml"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line(does, words: list[str], said: str) -> None:
    code, out, err = does(*words)
    assert code == USAGE
    assert said in one_line(err or out)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("risk: schema", "rsik: schema", "risk"),
        ("prisma.columns", "prisma.colums", "prisma.columns"),
        ("within: 30s", "within: soon", "within"),
        ("stable: 3s", "stable: 3s\nstable: 4s", "stable"),
        ("http.ok: {path:", "http.ok: {pth:", "path"),
        ("status: 200", "status: yes please", "status"),
        ("{{ table }}", "{{ tabel }}", "table"),
        ("found.columns", "found.colums", "columns"),
        ("on_failure: roll_back", "on_failure: pray", "roll_back"),
        ("P2022\\b'", "P2022('", "regular expression"),
        ("verify:", "veriffy:", "verify"),
        ("title: A", "title: &anchor A", "anchor"),
        ("use: build-and-restart", "use: build-and-restrat", "build-and-restart"),
    ],
)
def test_a_wrong_playbook_is_told_with_its_line(does, here: Path, old: str, new: str, said: str) -> None:
    shipped = Path(__file__).parents[2] / "playbooks"
    (here / "playbooks" / "parts").mkdir(parents=True)
    part = shipped / "parts" / "build-and-restart.yml"
    (here / "playbooks" / "parts" / part.name).write_text(part.read_text())
    text = (shipped / "missing-columns.yml").read_text()
    assert old in text
    path = here / "playbooks" / "missing-columns.yml"
    path.write_text(text.replace(old, new, 1))
    for words in (["check", str(path)], ["run", "missing-columns", "--on", "web1"]):
        code, out, err = does(*words)
        line = one_line(err or out)
        assert code == USAGE
        assert "missing-columns.yml:" in line
        assert said in line


def test_a_host_that_is_down_is_one_line_and_nothing_was_touched(does) -> None:
    code, out, _ = does("plan", "missing-columns", "--on", "web1")
    assert code == BLOCKED
    assert "web1  ✗ blocked: " in out
    assert "127.0.0.1" in out
    assert "canary" not in out


def test_several_hosts_that_are_down_each_have_their_own_ending(does) -> None:
    code, out, _ = does("run", "missing-columns", "--on", "backend", "--yes")
    assert code == BLOCKED
    assert "web1  ✗ blocked: " in out
    assert "web2  ✗ blocked: " in out


def test_a_secret_that_cannot_be_had_is_named_and_not_shown(does, here: Path) -> None:
    (here / "inventory" / "token").unlink()
    code, _, err = does("plan", "missing-columns", "--on", "web1")
    assert code == USAGE
    assert "secret token" in one_line(err)


def test_no_arguments_at_all_is_answered_with_the_help(does) -> None:
    code, out, _ = does()
    assert code == USAGE
    assert "Commands:" in out


def test_an_audit_log_that_cannot_be_written_stops_a_run_before_it_looks(does, here: Path) -> None:
    (here / "state").mkdir()
    (here / "state" / "remediate").write_text("a file, not a directory")
    code, _, err = does("run", "missing-columns", "--on", "web1", "--yes")
    assert code == BLOCKED
    assert "remediate" in one_line(err)


def test_shipped_playbooks_and_inventories_are_in_order(does, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    code, out, _ = does("check")
    assert code == 0, out
    for name in ("missing-columns.yml", "prisma-import.yml", "staging.yml", "production.yml"):
        assert f"{name}: ok" in out


def test_every_command_explains_itself(does) -> None:
    _, out, _ = does("--help")
    listed = out.split("Commands:")[1].split("Exit codes:")[0]
    commands = [line.split()[0] for line in listed.splitlines() if line.strip()]
    assert {"check", "doctor", "list", "plan", "rollback", "run", "runs", "schema", "show"} <= set(commands)
    for command in commands:
        code, text, _ = does(command, "--help")
        assert code == 0
        assert text.startswith(f"Usage: remediate {command}")
