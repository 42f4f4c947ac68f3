"""`remediate explain`: sentences from a playbook alone, for people and machines, without inventory or network."""

import json
import re
import textwrap
from pathlib import Path

import pytest

from remediate.cli.app import run

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))
PLAYBOOK = """\
name: odd
title: Odd <b>things</b> \u202e happen
symptoms: ['odd (?P<word>\\w+)', 'a `word`']
on: backend
vars:
  word: {type: str, about: say it}
  deep: {type: bool, default: true}
notes: |
  Read <script>this</script> first.
diagnose:
  - name: the file says so
    files.contains: {path: a.conf, text: "{{ word }}"}
    as: said
  - name: it is there
    files.exists: {path: a.conf}
    alone: false
confirm:
  say: "Is {{ app.name }} odd?"
  risk: config
fix:
  - name: do it
    command.run:
      script: "true"
      about: ["file:a"]
      what: do it by hand
      unless: {script: "false"}
      way_back: none
      reason: it cannot be undone
verify:
  - name: it stays
    files.exists: {path: a.conf}
on_failure: keep
auto: {allowed: false}
"""


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    path = tmp_path / "odd.yml"
    path.write_text(textwrap.dedent(PLAYBOOK), encoding="utf-8")
    return path


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_playbook_fits_the_terminal(
    name: str, columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert run(["explain", name]) == 0
    lines = capsys.readouterr().out.splitlines()
    wide = [line for line in lines if len(line) > columns and " " in line.strip(" -|").rstrip()]
    assert not wide
    assert lines[0].startswith(f"{name}: ")


@pytest.mark.parametrize("columns", [60, 70, 80, 90, 100])
def test_a_command_to_copy_stands_on_one_line(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert run(["explain", "orphaned-rows"]) == 0
    text = capsys.readouterr().out
    assert "`remediate run orphaned-rows --on HOSTS --dry-run`" in text
    assert "{{ found.orphans.missing | length }}" in text


def test_a_name_that_is_misspelt_is_told_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "mising-columns"]) == 2
    assert "did you mean `missing-columns`?" in capsys.readouterr().err


def test_a_format_that_is_misspelt_is_told_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "health", "--format", "markdwon"]) == 2
    assert "did you mean `markdown`?" in capsys.readouterr().err


def test_a_machine_gets_one_object_with_every_promise(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "missing-tables", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert told["kind"] == "cure"
    (change,) = told["fix"]
    assert change["kind"] == "prisma.migrate_deploy"
    assert set(change["back"]) == {"none"}
    assert told["needs"]["secrets"] == ["token"]


def test_what_has_no_way_back_is_said_at_the_top_and_again_where_it_is_done(
    odd: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explain", str(odd)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Nothing that it does can be taken back." in text
    assert "There is no way back: it cannot be undone." in text
    assert "What was changed stays" in text


def test_variables_say_what_they_hold_and_where_a_value_comes_from(
    odd: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explain", str(odd)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert (
        "`--var word=…` (text): say it. It must be given. `triage` takes it from the text of the error."
        in text
    )
    assert "`--var deep=…` (`true` or `false`). Without it: `true`." in text


def test_a_check_that_is_no_fault_by_itself_is_told_so(odd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", str(odd)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "By itself this is not the fault" in text
    assert "The fault is there where number 1 is not well" in text


def test_a_page_has_neither_elements_nor_controls_of_a_playbook(
    odd: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explain", str(odd), "--format", "markdown"]) == 0
    page = capsys.readouterr().out
    assert "\u202e" not in page
    assert "Read &#60;script&#62;this&#60;/script&#62; first." in page
    assert "`odd (?P<word>\\w+)`" in page, "in code it means nothing"
    assert "`` a `word` ``" in page
    assert not re.search(r"<\w", re.sub(r"`[^`]*`", "", page))


def test_a_tool_is_told_with_its_own_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "health"]) == 0
    text = capsys.readouterr().out
    assert "`remediate health --on HOSTS`" in text
    assert "What it may change" not in text


@pytest.mark.parametrize("more", [(), ("--json",), ("--format", "markdown")])
def test_hosts_are_refused_where_none_is_asked(
    capsys: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    words = ("explain", "missing-columns", "--playbooks", str(ROOT / "playbooks"), "--on", "nowhere", *more)
    code, said = run(words), capsys.readouterr()
    assert (code, said.out) == (2, "")
    assert said.err == (
        "explain --on nowhere: asks no host without --verdict; add --verdict, or leave --on out\n"
    )
