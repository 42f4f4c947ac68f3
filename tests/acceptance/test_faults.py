"""Every fault that names its cure: triage names it first and nothing else, it is cured, and taken back to the byte."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.operator import Operator, Picture, picture
from tests.practice import PROJECTS, REPOSITORY, Practice

HELD_ELSEWHERE = {"missing-columns", "named-import"}
"""By `test_playbooks`, with everything else that is tried of those two."""
DYING = re.compile(r'"(?:online|errored|launching|stopped|waiting restart)"')


def cures() -> list[tuple[str, str]]:
    """Return each fault with the playbook that its file names."""
    found = []
    for path in sorted((REPOSITORY / "vagrant" / "faults").glob("*.sh")):
        met = re.search(r"^# cured by: (\S+)$", path.read_text(), re.MULTILINE)
        if met:
            found.append((path.stem, met[1]))
    return found


def settled(practice: Practice) -> Picture:
    """The picture without the word that pm2 has, at one moment, for a process that dies again and again."""
    now = picture(practice).settled
    return replace(now, processes=DYING.sub('"dying or not"', now.processes))


def works(practice: Practice) -> bool:
    """Whether projects can be listed, and one be made; what was made is taken away again."""
    curl = 'curl -s -m 10 -H "Authorization: Bearer $1" -w "\\n%{http_code}" "$2" || true'
    port = next(known["app_port"] for known in practice.status()["hosts"] if known["name"] == "web1")
    token = (practice.state / "token").read_text()
    listed = practice.on("web1", "bash", "-c", curl, "curl", token, f"http://localhost:{port}{PROJECTS}")
    if not listed.endswith("\n200"):
        return False
    code, body = practice.answers("web1", "POST", body={"name": "probe"})
    if code == 200:
        made = json.loads(body)["id"]
        assert practice.answers("web1", "DELETE", f"{PROJECTS}/{made}")[0] == 204
    return code == 200


def named(operator: Operator) -> list[str]:
    """The playbooks that triage names, those apart that another one explains."""
    (host,) = operator.does("triage", "--on", "web1", "--json").lines
    wrong = [one for one in host["diagnoses"] if one["verdict"] != "healthy"]
    assert all(one["verdict"] == "found" for one in wrong), wrong
    return [one["playbook"] for one in wrong if not one["explained_by"]]


@pytest.mark.parametrize(
    ("fault", "playbook"),
    [pytest.param(*cure, id=cure[0]) for cure in cures() if cure[0] not in HELD_ELSEWHERE],
)
def test_a_fault_is_told_from_others_cured_and_taken_back(
    practice: Practice, operator: Operator, web1: str, fault: str, playbook: str
) -> None:
    practice.break_(fault)
    assert not works(practice)
    broken = settled(practice)
    assert named(operator) == [playbook]
    assert operator.does("run", playbook, "--on", web1, "--dry-run").code == 3
    assert settled(practice) == broken, "looking and planning are inert"

    cured = operator.does("run", playbook, "--on", web1, "--yes")
    assert cured.code == 0, cured.out + cured.err
    run, fixed = operator.last_run, picture(practice)
    assert works(practice)
    assert named(operator) == []
    assert operator.does("run", playbook, "--on", web1, "--yes").code == 0
    assert picture(practice) == fixed, "a second run changes nothing"

    back = operator.does("rollback", run, "--yes")
    assert back.code == 0, back.out + back.err
    assert not works(practice)
    assert settled(practice) == broken, "everything is back, to the byte"
    assert operator.does("audit", "verify").code == 0


def test_a_healthy_host_is_named_by_no_playbook(practice: Practice, operator: Operator) -> None:
    before = picture(practice)
    assert named(operator) == []
    assert picture(practice) == before


def test_every_fault_names_a_playbook_that_is_there() -> None:
    shipped = {path.stem for path in (Path(REPOSITORY) / "playbooks").glob("*.yml")}
    assert {playbook for _, playbook in cures()} <= shipped
