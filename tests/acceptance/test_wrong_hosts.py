"""A host that is not as it must be: one clear line, the right exit code, nothing touched."""

import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.operator import Ended, Operator, picture
from tests.practice import BACKEND, Practice

BLOCKED, ROLLED_BACK, DECLINED = 6, 1, 4
ENV = f"{BACKEND}/.env"


@pytest.fixture
def altered(practice: Practice) -> Iterator[Callable[[str, str], str]]:
    """Write an inventory in which one text is another, and return its path."""
    made: list[Path] = []

    def alter(old: str, new: str) -> str:
        text = practice.inventory.read_text()
        assert old in text
        made.append(practice.inventory.with_name(f"altered{len(made)}.yml"))
        made[-1].write_text(text.replace(old, new))
        return str(made[-1])

    yield alter
    for path in made:
        path.unlink()


def blocked_line(ended: Ended) -> str:
    """Return the one line that says why a host was not touched."""
    assert ended.code == BLOCKED, ended.out + ended.err
    (line,) = [line for line in ended.out.splitlines() if "blocked:" in line]
    return line


@pytest.mark.fault(28)
def test_another_host_key_is_refused_with_both_fingerprints(
    practice: Practice, operator: Operator, altered
) -> None:
    address = practice.inventory.with_name("lab.known_hosts").read_text().split()[0]
    other = practice.folder / "other_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    wrong = practice.inventory.with_name("wrong.known_hosts")
    kind, key, *_ = other.with_suffix(".pub").read_text().split()
    wrong.write_text(f"{address} {kind} {key}\n")
    inventory = altered("lab.known_hosts", "wrong.known_hosts")
    said = blocked_line(operator.does("plan", "missing-columns", "--on", "web1", "-i", inventory))
    assert said.count("SHA256:") == 2
    wrong.write_text("")
    said = blocked_line(operator.does("plan", "missing-columns", "--on", "web1", "-i", inventory))
    assert said.count("SHA256:") == 1
    assert "known_hosts" in said


def test_a_user_who_may_not_log_in_is_named(operator: Operator, altered) -> None:
    inventory = altered("user: deploy", "user: nobody")
    said = blocked_line(operator.does("plan", "missing-columns", "--on", "web1", "-i", inventory))
    assert "nobody" in said


def test_an_env_file_that_is_not_there_is_named(practice: Practice, operator: Operator, web1: str) -> None:
    practice.shell(web1, f"mv {ENV} {ENV}.away")
    said = blocked_line(operator.does("run", "missing-columns", "--on", web1, "--yes"))
    assert ENV in said


def test_a_wrong_database_password_is_told_without_the_password(
    practice: Practice, operator: Operator, web1: str
) -> None:
    practice.shell(web1, f"sed -i 's#//lumiku:[^@]*@#//lumiku:wrong-pass-4711@#' {ENV}")
    ended = operator.does("run", "missing-columns", "--on", web1, "--yes")
    said = blocked_line(ended)
    assert "password" in said
    assert "wrong-pass-4711" not in ended.out + ended.err


def test_doctor_tells_each_thing_apart(practice: Practice, operator: Operator, web1: str) -> None:
    assert operator.does("doctor", "--on", "all").code == 0
    practice.shell(web1, f"mv {ENV} {ENV}.away")
    ended = operator.does("doctor", "--on", web1)
    assert ended.code == 8
    marks = {line.split(":")[0].strip() for line in ended.out.splitlines() if "✗" in line}
    assert marks == {"✗ database"}


def interrupted(operator: Operator, seen: Callable[[dict], bool], *words: str) -> tuple[int, str]:
    """Start a command, press Ctrl-C shortly after an event is seen, and return what it ended with."""
    with operator.start(*words, "--json") as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if seen(json.loads(line)):
                time.sleep(0.5)
                process.send_signal(signal.SIGINT)
                break
        rest, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    return process.returncode, said + rest + err


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that accepts and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_ctrl_c_while_looking_ends_at_once_with_nothing_touched(
    practice: Practice, operator: Operator, altered, silent: int
) -> None:
    address = practice.address("web1")
    inventory = altered(f"web1: {{address: {address}", f"web1: {{address: 127.0.0.1, port: {silent}")
    began = time.monotonic()
    words = ["run", "missing-columns", "--on", "web1", "--yes", "-i", inventory]
    code, said = interrupted(operator, lambda event: event["kind"] == "looking", *words)
    assert code == DECLINED
    assert "interrupted" in said
    assert time.monotonic() - began < 10, "it was ended by its own time limit"


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(lambda event: (event["kind"], event["step"]) == ("change-started", "build"), id="build"),
        pytest.param(lambda event: event["kind"] == "verifying", id="verify"),
    ],
)
def test_ctrl_c_once_something_was_changed_puts_everything_back(
    practice: Practice, operator: Operator, web1: str, moment: Callable[[dict], bool]
) -> None:
    practice.break_("named-import")
    broken = picture(practice)
    code, said = interrupted(operator, moment, "run", "prisma-import", "--on", web1, "--yes")
    assert code == ROLLED_BACK, said
    assert "everything is as it was" in said
    assert picture(practice).settled_but_for_marks == broken.settled_but_for_marks
    assert practice.shell(web1, "ps -eo args | grep -E '[n]pm run|[t]sc -p' || true") == ""
