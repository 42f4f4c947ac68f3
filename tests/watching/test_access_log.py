"""What an access log says of the last minutes, by the script that runs on the host."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from remediate.errors import CouldNotLook
from remediate.questions import Answers, RunAnswer
from remediate.watching.access_log import read_requests, requests_question

MINUTE = 60


def line(ago: float, status: int, took: str = "0.100", shift: int = 0, path: str = "/api") -> str:
    moment = time.strftime("%d/%b/%Y:%H:%M:%S", time.gmtime(time.time() - ago + shift * 60))
    zone = f"{'-' if shift < 0 else '+'}{abs(shift) // 60:02d}{abs(shift) % 60:02d}"
    return f'192.0.2.7 - someone [{moment} {zone}] "GET {path} HTTP/1.1" {status} 512 "-" "curl/8.0" {took}\n'


def counted(log: Path, within: float = 300, home: Path | None = None):
    question = requests_question(str(log) if home is None else f"~/{log.name}", within)
    ran = subprocess.run(
        ["sh", "-c", question.script, "sh", *question.args],
        capture_output=True,
        check=False,
        env={
            **os.environ,
            "LANG": "de_DE.UTF-8",
            "TZ": "Asia/Tokyo",
            **({"HOME": str(home)} if home else {}),
        },
    )
    answer = RunAnswer(exit_code=ran.returncode, stdout=ran.stdout, stderr=ran.stderr)
    assert ran.stderr == b""
    return read_requests(Answers({question: answer}, "web1"), question)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


def test_requests_of_the_last_minutes_are_counted_and_older_ones_are_not(log: Path) -> None:
    log.write_text(line(310, 500, "9.000") + line(290, 503, "2.000") + line(5, 200) + line(4, 404, "0.500"))
    seen = counted(log)
    assert (seen.total, seen.failed, seen.timed, seen.seconds) == (3, 1, 3, 2.6)
    assert (round(seen.percent_failed), round(seen.average, 3)) == (33, 0.867)


@pytest.mark.parametrize("shift", [0, 330, -480])
def test_what_was_written_while_the_clock_was_ahead_does_not_count_until_then(log: Path, shift: int) -> None:
    ahead = [line(-86_400 + second, 500, "9.000", shift) for second in range(3)]
    log.write_text("".join(ahead) + line(-120, 500) + line(-20, 200) + line(5, 404))
    seen = counted(log)
    assert (seen.total, seen.failed, seen.seconds) == (2, 0, 0.2)


@pytest.mark.parametrize("shift", [0, 330, -480, 840, -570])
def test_the_log_may_be_written_in_any_time_zone(log: Path, shift: int) -> None:
    log.write_text(line(310, 500, shift=shift) + line(290, 500, shift=shift))
    assert counted(log).failed == 1


@pytest.mark.parametrize("took", ["-", "512", '"-"', ""])
def test_a_line_without_seconds_counts_as_a_request_and_not_as_a_quick_one(log: Path, took: str) -> None:
    log.write_text(line(5, 200, took) + line(5, 200, "3.000"))
    seen = counted(log)
    assert (seen.total, seen.timed, seen.average) == (2, 1, 3.0)


@pytest.mark.parametrize(
    "noise",
    [
        "2026-11-23T03:00:00Z lumiku-backend listening\n",
        "\x00\xff\n",
        "[23/Nov/2026:03:00:00 +0000] no request\n",
        line(5, 200).replace(" 200 ", " abc "),
        "x" * 100_000 + "\n",
        "    at Object.<anonymous> (/srv/app.js:1:1)\n",
    ],
    ids=range(6),  # the text of one has the time in it, and every worker must collect the same names
)
def test_what_is_no_request_counts_for_nothing(log: Path, noise: str) -> None:
    log.write_bytes(noise.encode("latin-1") + line(5, 200).encode() + b"half a line")
    assert counted(log).total == 1


def test_a_path_that_looks_like_a_status_is_none(log: Path) -> None:
    log.write_text(line(5, 200, path="/500 HTTP/1.1 500 [01/Jan/1970:00:00:00 +0000]"))
    seen = counted(log)
    assert (seen.total, seen.failed) == (1, 0)


def test_a_log_that_was_rotated_meanwhile_counts_too_and_one_of_yesterday_does_not(log: Path) -> None:
    log.write_text(line(5, 200))
    rotated = Path(f"{log}.1")
    rotated.write_text(line(60, 500))
    assert counted(log).total == 2
    os.utime(rotated, (time.time() - 4000,) * 2)
    assert counted(log).total == 1


def test_a_log_may_be_named_by_home_and_have_blanks(tmp_path: Path) -> None:
    log = tmp_path / "the log.log"
    log.write_text(line(5, 500))
    assert counted(log, home=tmp_path).failed == 1


def test_an_empty_log_says_that_there_were_none(log: Path) -> None:
    log.touch()
    seen = counted(log)
    assert (seen.total, seen.percent_failed, seen.average) == (0, 0, 0)


def test_a_log_that_is_not_there_says_so_and_what_to_do(log: Path) -> None:
    with pytest.raises(CouldNotLook, match="could not be read; name the app's log"):
        counted(log)
