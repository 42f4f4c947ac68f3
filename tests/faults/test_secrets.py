"""Secrets stay where they are: nothing the runner keeps, shows or runs has them; and the search for them can fail."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.canary import Canaries, Screen, Watch, on_hosts
from tests.operator import Operator, picture
from tests.practice import BACKEND, Practice

ENV = f"{BACKEND}/.env"
PLAYBOOK = """
name: env
title: The app listens where nobody else can reach it
on: backend
diagnose:
  - name: it listens on the loopback address by its name
    files.contains: {path: backend/.env, pattern: '^HOST="127', absent: true}
  - name: its token is there
    files.contains: {path: backend/.env, pattern: "^(API_TOKEN|SMTP_SECRET)="}
fix:
  - name: name the host
    files.replace: {path: backend/.env, find: 'HOST="127.0.0.1"', replace_with: 'HOST="localhost"'}
  - name: count aloud
    files.replace: {path: backend/.env, find: 'NEIGHBOUR="one"', replace_with: 'NEIGHBOUR="two"'}
verify:
  - name: it does
    files.contains: {path: backend/.env, text: 'HOST="localhost"'}
within: 1s
stable: 0s
"""


@pytest.fixture
def books(practice: Practice, web1: str, tmp_path: Path) -> list[str]:
    practice.shell(web1, f"""printf 'NEIGHBOUR="one"\\nSMTP_SECRET="mail-9f3a77c2e1-@x"\\n' >>{ENV}""")
    folder = tmp_path / "playbooks"
    folder.mkdir()
    (folder / "env.yml").write_text(PLAYBOOK)
    return ["--playbooks", str(folder)]


@pytest.mark.fault(19)
def test_an_env_file_is_edited_and_put_back_and_nothing_of_it_leaves_the_host(
    practice: Practice, operator: Operator, web1: str, books: list[str], tmp_path: Path
) -> None:
    beside = Canaries()
    beside.know("mail-9f3a77c2e1-@x")
    before = picture(practice)
    for words in (["plan", "env", "--on", web1, *books], ["plan", "env", "--on", web1, *books, "--json"]):
        ended = operator.does(*words)
        assert ended.code == 3, ended.out + ended.err
        assert "API_TOKEN=‹" in ended.out or "API_TOKEN=" not in ended.out
        assert not beside.in_screen(ended.out)
    ended = operator.does("run", "env", "--on", web1, "--yes", *books)
    assert ended.code == 0, ended.out + ended.err
    assert not beside.in_screen(ended.out + ended.err)
    kept = practice.shell(web1, f"stat -c '%a %U' {ENV}.remediate-*").splitlines()
    assert kept == ["600 deploy"] * 2, "the old bytes stay on the host, for their owner alone"
    assert 'HOST="localhost"' in practice.shell(web1, f"cat {ENV}")
    run = operator.last_run
    assert not beside.in_screen(operator.does("show", run).out + operator.does("audit", "export").out)
    ended = operator.does("rollback", run, "--yes")
    assert ended.code == 0, ended.out + ended.err
    assert picture(practice).settled == before.settled
    assert operator.does("audit", "verify").code == 0
    assert not beside.in_files([tmp_path / "remediate"])
    assert beside.searched["files"] >= 2


@pytest.mark.fault(19)
def test_an_env_file_that_somebody_changed_since_is_not_put_back(
    practice: Practice, operator: Operator, web1: str, books: list[str]
) -> None:
    assert operator.does("run", "env", "--on", web1, "--yes", *books).code == 0
    practice.shell(web1, f"echo OTHER=1 >>{ENV}")
    ended = operator.does("rollback", operator.last_run, "--yes")
    assert ended.code == 7, ended.out + ended.err
    assert "was changed by somebody else since" in ended.out + ended.err
    practice.shell(web1, f"sed -i '/^OTHER=/d' {ENV}")
    assert operator.does("rollback", operator.last_run, "--yes").code == 0
    assert ".remediate-" not in practice.shell(web1, f"ls -a {BACKEND}")


SECRET = "planted7Yq2Lw9Zb4/@% x"
FORMS = {
    "plain": SECRET,
    "percent-encoded": quote(SECRET, safe=""),
    "as JSON": json.dumps(SECRET),
    **{
        f"in base64 at offset {offset}": base64.b64encode(b"." * offset + SECRET.encode() + b"..").decode()
        for offset in range(3)
    },
    "broken over the lines of a frame": f"│ {SECRET[:9]} │\n│ {SECRET[9:]} │",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_secret_that_is_planted_on_a_screen_or_in_a_file_is_found(form: str, tmp_path: Path) -> None:
    canaries = Canaries()
    canaries.know(SECRET)
    assert canaries.in_screen(f"before {form} after")
    if "│" not in form:
        (tmp_path / "large").write_text("x" * (4 * 2**20 - 5) + form)  # over the border of two pieces
        (tmp_path / "allowed").write_text(form)
        assert canaries.in_files([tmp_path], [tmp_path / "allowed"]) == [str(tmp_path / "large")]
    assert not canaries.in_screen("before after")


def test_a_secret_that_is_planted_on_the_screen_of_the_program_fails_the_test(operator: Operator) -> None:
    token = (operator.practice.state / "token").read_text()
    read = f"import sys; print(open({str(operator.practice.state / 'token')!r}).read())"
    process = Screen([sys.executable, "-c", read], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline().strip() == token
    with pytest.raises(AssertionError, match="a secret is on the screen"):
        process.__exit__(None, None, None)


@pytest.mark.parametrize("place", ["arguments", "environment"])
def test_a_secret_that_is_planted_in_a_list_of_processes_is_found(place: str) -> None:
    canaries = Canaries()
    canaries.know(SECRET)
    line = ["sh", "-c", "read x", *([SECRET] if place == "arguments" else [])]
    ours = {"REMEDIATE_INVENTORY": "x", "SECRET": SECRET} if place == "environment" else {}
    with subprocess.Popen(line, stdin=subprocess.PIPE, env={**os.environ, **ours}) as process:
        snapshots, hits = Watch(canaries).ended()
        process.communicate(b"\n")
    assert snapshots >= 1
    assert [hit for hit in hits if hit.startswith(place)]


def test_a_secret_that_is_planted_on_a_host_is_found(practice: Practice) -> None:
    practice.shell("web1", f"cp {ENV} /tmp/planted")
    try:
        assert [Path(hit).name for hit in on_hosts(practice)] == ["planted"]
    finally:
        practice.shell("web1", "rm /tmp/planted")
