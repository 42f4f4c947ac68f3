"""Standard streams that are closed, full, gone or of a small encoding: no traceback, and the exit code stays right."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from remediate.cli import app
from remediate.events import Event

FAILED, USAGE, DECLINED, BLOCKED, STUCK = 1, 2, 4, 6, 7
PROGRAM = "-m remediate"


def shell(here: Path, words: str) -> tuple[int, str]:
    """Run python with words that the shell reads, and return its exit code and all that it said."""
    line = ["sh", "-c", f'exec "$0" -W error {words}', sys.executable]
    repository = Path(__file__).parents[2]
    ended = subprocess.run(
        line,
        capture_output=True,
        cwd=repository,
        env={"PATH": "/usr/bin:/bin", "XDG_STATE_HOME": str(here / "state"), "PYTHONIOENCODING": "latin-1"},
        timeout=60,
        check=False,
    )
    said = (ended.stdout + ended.stderr).decode("latin-1")
    assert "Traceback" not in said
    return ended.returncode, said


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("list >&-", 0, ""),
        ("list <&- >&- 2>&-", 0, ""),
        ("show nosuch 2>/dev/full", USAGE, ""),
        ("show nosuch 2>&-", USAGE, ""),
        (">/dev/full", USAGE, ""),
        ("list >/dev/full", FAILED, "standard output cannot be written (No space left on device)"),
        ("--version >/dev/full", FAILED, "standard output cannot be written (No space left on device)"),
        ("list >/dev/full 2>&1", FAILED, ""),
    ],
)
def test_a_stream_that_is_closed_or_full_gives_the_right_exit_code(
    tmp_path: Path, words: str, code: int, says: str
) -> None:
    ended, said = shell(tmp_path, f"{PROGRAM} {words}")
    assert ended == code, said
    assert says in said


def test_a_list_whose_reader_has_gone_ends_well(tmp_path: Path) -> None:
    gone = "import os, sys; r, w = os.pipe(); os.close(r); os.dup2(w, 1); "
    gone += "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    assert shell(tmp_path, f"-c '{gone}' {PROGRAM} schema playbook") == (0, "")


def test_no_file_is_opened_where_a_closed_stream_was(tmp_path: Path) -> None:
    opens = "import os, sys; from remediate.cli.streams import prepare; prepare(); sys.exit(os.open(os.devnull, 0))"
    assert shell(tmp_path, f"-c '{opens}' <&- >&- 2>&-")[0] > 2


def test_a_sign_that_the_encoding_lacks_is_shown_as_an_escape(tmp_path: Path) -> None:
    says = "import sys; from remediate.cli.streams import prepare; prepare(); print(chr(0x2713), chr(0xdce4))"
    assert shell(tmp_path, f"-c '{says}'") == (0, "\\u2713 \\udce4\n")


def test_whoever_is_interrupted_leaves_at_once_also_where_nothing_can_be_written(tmp_path: Path) -> None:
    leaves = "from remediate.cli import app; print(chr(65), end=str()); app._leave_at_once()"
    for streams in (">/dev/full 2>/dev/full", ">&- 2>&-", ">/dev/null"):
        assert shell(tmp_path, f"-c '{leaves}' {streams}")[0] == DECLINED


@pytest.mark.parametrize(
    "error", [PermissionError(13, "Permission denied"), BrokenPipeError(32, "Broken pipe")]
)
def test_an_error_that_is_none_of_a_stream_is_not_told_as_one(
    does, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    def fails() -> None:
        raise error

    monkeypatch.delenv("REMEDIATE_TRACEBACK", raising=False)
    command = next(one for one in app.app.registered_commands if one.name == "runs")
    monkeypatch.setattr(command, "callback", fails)
    code, out, err = does("runs")
    assert (code, out) == (STUCK, "")
    assert f"internal error ({type(error).__name__})" in err
    assert "standard output" not in err


def test_what_a_sink_gets_wrong_is_told_once_at_the_end_and_changes_no_exit_code(
    does, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong:
        def __init__(self, stream: object) -> None:
            del stream

        def __call__(self, event: Event) -> None:
            raise KeyError(event.text)

    monkeypatch.delenv("REMEDIATE_TRACEBACK", raising=False)
    monkeypatch.setattr("remediate.cli.session.ConsoleSink", Wrong)
    code, _, err = does("run", "missing-columns", "--on", "web1", "--yes")
    assert code == BLOCKED
    assert err.count("remediate: internal error (KeyError) in what is shown") == 1
    _, out, _ = does("runs", "--json")
    assert json.loads(out)["outcomes"] == {"web1": "blocked"}
