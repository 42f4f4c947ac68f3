"""An app that does not get into its database: each cause really made, named by triage, cured, and put back."""

import json
import re
from pathlib import Path

import pytest

from tests.operator import Ended, Operator, picture
from tests.practice import BACKEND, REPOSITORY, Practice

PLAYBOOK = "database-unreachable"


def faults_of(relation: str) -> list[str]:
    """Return the faults whose files say that this playbook stands in that relation to them."""
    line = re.compile(rf"^# {relation}: {PLAYBOOK}$", re.MULTILINE)
    files = sorted((REPOSITORY / "vagrant" / "faults").glob("*.sh"))
    return [file.stem for file in files if line.search(file.read_text())]


def found_by_triage(ended: Ended) -> list[str]:
    (host,) = ended.lines
    found = [one for one in host["diagnoses"] if one["verdict"] == "found"]
    return [one["playbook"] for one in found if not one["explained_by"]]


def secrets_of(practice: Practice) -> list[str]:
    """Return every value of .env that may be seen nowhere, and the password alone."""
    env = practice.shell("web1", f"cat {BACKEND}/.env")
    passwords = re.findall(r"://[^:]*:([^\n]*?)@", env)
    assert passwords
    return [(practice.state / "token").read_text().strip(), *passwords]


# One for each way of curing: from the file itself, from the inventory, in what pm2 holds. The matrix has them all.
CURES = ("database-url-hash", "database-url-wrong-host", "database-url-stale-process")


@pytest.mark.parametrize("fault", CURES)
def test_each_cause_is_named_shown_cured_and_taken_back(
    practice: Practice, operator: Operator, web1: str, fault: str, tmp_path: Path
) -> None:
    assert fault in faults_of("cured by")
    practice.break_(fault)
    secrets = secrets_of(practice)
    broken, env = picture(practice), practice.shell(web1, f"cat {BACKEND}/.env")

    triaged = operator.does("triage", "--on", web1, "--json")
    assert found_by_triage(triaged) == [PLAYBOOK], triaged.out
    dry = operator.does("run", PLAYBOOK, "--on", web1, "--dry-run")
    planned = operator.does("plan", PLAYBOOK, "--on", web1, "--json")
    assert (dry.code, planned.code) == (3, 3), dry.out + dry.err
    assert picture(practice) == broken, "looking and planning are inert"

    cured = operator.does("run", PLAYBOOK, "--on", web1, "--yes", "--json")
    assert cured.code == 0, cured.out + cured.err
    run, fixed = operator.last_run, picture(practice)
    status, body = practice.answers(web1)
    assert (status, type(json.loads(body))) == (200, list)
    again = operator.does("run", PLAYBOOK, "--on", web1, "--yes")
    assert (again.code, picture(practice) == fixed) == (0, True), again.out

    back = operator.does("rollback", run, "--yes")
    assert back.code == 0, back.out + back.err
    assert "everything is as it was" in back.out
    assert practice.shell(web1, f"cat {BACKEND}/.env") == env
    assert picture(practice).settled == broken.settled, "everything is back, to the byte"
    assert practice.shell(web1, "ls ~/.pm2 | grep remediate || true") == "", "no copy of a secret is left"
    assert practice.answers(web1)[0] == 500
    assert operator.does("audit", "verify").code == 0

    said = "".join(one.out + one.err for one in (triaged, dry, planned, cured, again, back))
    exported = operator.does("audit", "export", run).out
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in secrets:
        assert secret not in said + exported
        assert secret.encode() not in kept


@pytest.mark.parametrize(("fault", "state"), [("database-stopped", "refused"), ("database-full", "too-many")])
def test_what_only_a_person_can_cure_is_told_and_left_alone(
    practice: Practice, operator: Operator, web1: str, fault: str, state: str
) -> None:
    assert fault in faults_of("recognised by")
    practice.break_(fault)
    triaged = operator.does("triage", "--on", web1, "--json")
    assert found_by_triage(triaged) == [PLAYBOOK], triaged.out
    (door,) = [
        finding["facts"]["state"]
        for one in triaged.lines[0]["diagnoses"]
        for finding in one["findings"]
        if "state" in finding["facts"]
    ]
    assert door == state
    left = operator.does("run", PLAYBOOK, "--on", web1, "--yes")
    assert left.code == 8, left.out + left.err
