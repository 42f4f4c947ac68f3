"""What a host says cannot command the terminal: escapes, markup, broken bytes, in all that is shown of it."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.canary import CANARIES
from tests.operator import Operator
from tests.practice import BACKEND, REPOSITORY, Practice

CONTROLS = {
    "writes the clipboard (OSC 52)": b"\x1b]52;c;aGFja2Vk\x07",
    "retitles the window (OSC 0)": b"\x1b]0;owned\x1b\\",
    "clears the screen (CSI 2J)": b"\x1b[2J\x1b[H",
    "blinks in magenta (SGR)": b"\x1b[45;5m",
    "asks the terminal to type its answer (DSR)": b"\x1b[6n\x1b[c",
    "raw C1 controls": b"\x9b2J\x9d52;c;eA==\x9c",
    "C1 controls in UTF-8": "\x9b2J\x9d0;x\x9c".encode(),
    "turns the line round (bidi)": "\u202eevil\u2066\u200f".encode(),
    "breaks lines otherwise": "\u2028\u2029\x0b\x0c\x85".encode(),
    "goes back and overwrites": b"safe\rEVIL\b\b\b\b",
    "markup": b"[/foo][bold][link=https://evil.example]here[/link][red]",
    "bytes that are no UTF-8": b"\xff\xfe\xc3\x28\xed\xa0\x80",
    "a NUL": b"a\x00b",
    "a very long line": b"L" * 60_000,
}
HOSTILE = b"\n".join(CONTROLS.values()) + b"\n"
NAME = "evil\x1b]52;c;eA==\x07\x1b[2J[foo]\u202e.txt"
OURS = re.compile(
    r"\x1b\[(?:0|1|2|31|32|36|1;31|1;32|1;36|2;32)m"  # the few colours of the console
    r"|\x1b\[\?25[lh]|\x1b\[\d*A|\x1b\[2K|\r"  # what is drawn beneath the last line, and taken away again
)
"""All control sequences that we emit ourselves."""
PLAYBOOK = """
name: hostile
title: "Everything that the host says is hostile"
on: backend
diagnose:
  - name: the file is in order
    files.contains: {path: PATH, text: BROKEN, absent: true}
  - name: the database says so, too
    sql.query:
      sql: "SELECT chr(27) || ']52;c;eA==' || chr(7) || '[/foo]' || chr(155) || '2J' AS a"
      expect: {none: true}
  - name: a question that fails
    files.contains: {path: "backend/.evil-key", pattern: "=", absent: true}
fix:
  - name: mend it
    files.replace: {path: PATH, find: "BROKEN", replace_with: "mended"}
  - name: build
    node.build: {}
verify:
  - name: the file is in order
    files.contains: {path: PATH, text: BROKEN, absent: true}
within: 1s
stable: 0s
"""
REFUSED = """
name: refused
title: A database that refuses in hostile words
on: backend
diagnose:
  - name: a table that is not there
    sql.query:
      sql: SELECT ('"' || chr(27) || ']52;c;eA==' || chr(7) || '[/foo]' || chr(155) || '2J"')::regclass
      expect: {none: true}
fix:
  - name: build
    node.build: {}
verify:
  - name: the same
    sql.query: {sql: "SELECT 1", expect: {rows: 1}}
"""


@pytest.fixture
def hostile(practice: Practice, web1: str, tmp_path: Path) -> list[str]:
    """A host that is hostile throughout, and the options for the playbooks about it."""
    practice.put(web1, f"{BACKEND}/{NAME}", HOSTILE + b"BROKEN\n" + HOSTILE)
    practice.put(web1, f"{BACKEND}/.evil-key", "A\x1b]0;x\x07[/foo]=\x9b2J\n".encode())
    practice.put(web1, "/home/deploy/hostile", HOSTILE)
    said = "cat /home/deploy/hostile; cat /home/deploy/hostile >\\&2; exit 1; "
    practice.shell(
        web1, f"""cd {BACKEND} && sed -i 's#"build": "#&{said}#' package.json && touch src/index.ts"""
    )
    books = tmp_path / "playbooks"
    books.mkdir()
    (books / "hostile.yml").write_text(PLAYBOOK.replace("PATH", json.dumps(f"backend/{NAME}")))
    (books / "refused.yml").write_text(REFUSED)
    return ["--playbooks", str(books)]


def at_terminal(operator: Operator, *words: str) -> tuple[int, str]:
    """Run the program at a terminal, and return its exit code and every byte that reached the terminal, as text."""
    ours, theirs = pty.openpty()
    environment = {**operator.environment, "TERM": "xterm-256color", "COLUMNS": "120"}
    del environment["NO_COLOR"]
    line = [sys.executable, "-m", "remediate", *words]
    with subprocess.Popen(
        line, stdin=theirs, stdout=theirs, stderr=theirs, cwd=REPOSITORY, env=environment
    ) as process:
        os.close(theirs)
        said = b"".join(iter(lambda: _read(ours), b""))
        os.close(ours)
    shown = said.decode("utf-8")  # all that is printed is UTF-8
    assert "Traceback" not in shown
    assert not CANARIES.in_screen(shown)
    return process.returncode, shown


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end was closed: EIO
        return b""


def commands_of(shown: str) -> set[str]:
    """Return the controls that reached the terminal and are not our own."""
    bare = OURS.sub("", shown)
    return set(re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]", bare))


@pytest.mark.fault(20)
@pytest.mark.fault(21)
def test_nothing_that_a_host_prints_reaches_the_terminal_as_a_command(
    operator: Operator, hostile: list[str]
) -> None:
    where = ("--on", "web1", *hostile)
    for words, code in (
        (("plan", "hostile", *where), 3),
        (("run", "hostile", "--yes", *where), 1),
        (("show", "LAST"), 0),
        (("plan", "refused", *where), 6),
        (("runs",), 0),
    ):
        given = tuple(operator.last_run if word == "LAST" else word for word in words)
        ended, shown = at_terminal(operator, *given)
        assert ended == code, shown[-3000:]
        assert not commands_of(shown), f"{given}: {commands_of(shown)}"
        if given[0] in {"plan", "show"}:
            assert "[/foo]" in shown, "markup is shown as it is"


@pytest.mark.fault(9)
def test_json_stays_valid_whatever_a_host_prints(operator: Operator, hostile: list[str]) -> None:
    for command, code in (("plan", 3), ("run", 1)):
        ended = operator.does(
            command, "hostile", "--on", "web1", "--json", *hostile, *(["--yes"] if code == 1 else [])
        )
        assert ended.code == code, ended.out[-2000:] + ended.err
        assert all(isinstance(line, dict) for line in ended.lines)
        assert not commands_of(ended.out), "at a terminal it would be obeyed"


@pytest.mark.fault(20)
def test_a_shell_that_says_goodbye_in_escapes_is_one_clean_line(
    practice: Practice, operator: Operator, web1: str
) -> None:
    practice.shell(
        web1,
        r"printf 'printf \"\\\\033]52;c;eA==\\\\007\\\\033[2J[/foo]\\\\n\"; exit 3\n' >~/.bashrc; cat ~/.bashrc",
    )
    ended, shown = at_terminal(operator, "plan", "missing-columns", "--on", web1)
    assert ended == 6, shown
    assert not commands_of(shown)
    assert "[/foo]" in shown
