"""Both playbooks on a real host: really broken, truly planned, cured, cured once only, and put back."""

import json
import shutil
import subprocess
from pathlib import Path

from tests.operator import Operator, picture
from tests.practice import REPOSITORY, Practice


def status(practice: Practice, method: str) -> int:
    return practice.answers("web1", method, body={"name": "probe"} if method == "POST" else None)[0]


def statuses(practice: Practice) -> tuple[int, int]:
    return status(practice, "GET"), status(practice, "POST")


def never_verified(folder: Path, name: str) -> Path:
    """Return a folder with the shipped playbook, but what it verifies can never be, and it is soon told."""
    shutil.copytree(REPOSITORY / "playbooks", folder)
    book = folder / f"{name}.yml"
    text = book.read_text()
    assert "status: 200" in text
    assert "within: 30s" in text
    book.write_text(text.replace("status: 200", "status: 418").replace("within: 30s", "within: 3s"))
    return folder


def test_a_fault_is_shown_cured_and_taken_back_and_stands_in_the_log(
    practice: Practice, operator: Operator, web1: str
) -> None:
    playbook = "missing-columns"
    practice.break_(playbook)
    broken = picture(practice)

    planned = operator.does("plan", playbook, "--on", web1)
    dry = operator.does("run", playbook, "--on", web1, "--dry-run")
    assert (planned.code, dry.code) == (3, 3), planned.out + planned.err
    assert picture(practice) == broken, "looking and planning are inert"
    assert operator.does("runs").out == "", "a dry run is no run"

    cured = operator.does("run", playbook, "--on", web1, "--yes", "--reason", "test")
    assert cured.code == 0, cured.out + cured.err
    run, fixed = operator.last_run, picture(practice)
    assert status(practice, "GET") == 200

    again = operator.does("run", playbook, "--on", web1, "--yes")
    assert again.code == 0
    assert picture(practice) == fixed, "a second run changes nothing"

    assert f"{run} {playbook}" in operator.does("runs").out
    entries = operator.does("audit", "export", run).lines
    (confirmed,) = [entry["body"] for entry in entries if entry["kind"] == "confirmed"]
    key = subprocess.run(
        ["ssh-keygen", "-lf", practice.status()["identity"]], capture_output=True, text=True, check=True
    )
    assert confirmed["login"]["key"] == key.stdout.split()[1]

    back = operator.does("rollback", run, "--yes")
    assert back.code == 0, back.out + back.err
    assert "everything is as it was" in back.out
    assert picture(practice).settled == broken.settled, "everything is back, to the byte"
    assert 500 in statuses(practice), "it is broken again"

    twice = operator.does("rollback", run, "--yes")
    assert (twice.code, "nothing is owed" in twice.out) == (0, True)
    assert operator.does("audit", "verify").code == 0


def test_a_cure_that_does_not_hold_is_rolled_back_whole(
    practice: Practice, operator: Operator, web1: str, tmp_path: Path
) -> None:
    """The kill matrix has every playbook fail so."""
    playbook = "missing-columns"
    practice.break_(playbook)
    broken = picture(practice)
    hopeless = never_verified(tmp_path / "playbooks", playbook)
    failed = operator.does("run", playbook, "--on", web1, "--yes", "--playbooks", str(hopeless))
    assert failed.code == 1, failed.out + failed.err
    assert "rolled back" in failed.out
    assert picture(practice).settled == broken.settled
    assert 500 in statuses(practice), "it is broken again"
    shown = operator.does("show", operator.last_run)
    assert "put back on" not in shown.out.lower()


def test_a_healthy_host_is_left_alone(practice: Practice, operator: Operator) -> None:
    before = picture(practice)
    for playbook in ("missing-columns", "prisma-import"):
        for words in (["plan"], ["run", "--yes"]):
            ended = operator.does(words[0], playbook, "--on", "web1", *words[1:])
            assert ended.code == 0, ended.out + ended.err
    assert picture(practice) == before


def test_a_run_on_two_hosts_ends_for_each_and_the_worst_decides(
    practice: Practice, operator: Operator, web1: str, tmp_path
) -> None:
    text = (
        practice.inventory.read_text()
        .replace(
            "        hosts:\n          web1:",
            "        hosts:\n          gone: {address: 127.0.0.1, port: 1}\n          web1:",
        )
        .replace(
            "    hosts:\n      web1:", "    hosts:\n      gone: {address: 127.0.0.1, port: 1}\n      web1:"
        )
    )
    two = practice.inventory.with_name("two.yml")
    two.write_text(text)
    try:
        ended = operator.does("run", "missing-columns", "--on", "backend", "--yes", "--json", "-i", str(two))
    finally:
        two.unlink()
    outcomes = {line["host"]: line["data"]["outcome"] for line in ended.lines if line["kind"] == "ended"}
    assert outcomes == {"gone": "blocked", "web1": "healthy"}
    assert ended.code == 6


def test_the_plan_as_json_is_one_object_with_its_digest(
    practice: Practice, operator: Operator, web1: str
) -> None:
    practice.break_("missing-columns")
    ended = operator.does("plan", "missing-columns", "--on", web1, "--json")
    plan = json.loads(ended.out)
    assert ended.code == 3
    assert plan["fixes"][0]["changes"][0]["fidelity"] == "exact"
    assert len(plan["digest"]) == 64
    token = (practice.state / "token").read_text().strip()
    password = practice.shell(
        web1, "sed -n 's#.*//[^:]*:\\([^@]*\\)@.*#\\1#p' /srv/lumiku/backend/.env"
    ).strip()
    assert token not in ended.out
    assert password
    assert f":{password}@" not in ended.out
