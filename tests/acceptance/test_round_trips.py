"""What looking costs: counted in round trips, which do not flicker."""

import json
import re
import shutil
from pathlib import Path

import pytest

from remediate.cli.session import hosts_for, inventory_of, playbook_of, session
from remediate.model import Outcome
from tests.operator import Operator
from tests.practice import REPOSITORY, Practice

MORE = "".join(
    f"""
  - name: file {number} is there
    files.exists: {{path: backend/package.json}}
  - name: query {number} answers
    sql.query: {{sql: "SELECT {number}", expect: {{value: {number}}}}}
  - name: page {number} is there
    http.ok: {{path: /health?{number}, status: 200}}
"""
    for number in range(10)
)


@pytest.fixture
def playbooks(tmp_path: Path) -> Path:
    """The shipped playbooks, and `many-checks`: missing-columns with thirty more checks."""
    shipped = REPOSITORY / "playbooks"
    (tmp_path / "parts").mkdir()
    for path in (*shipped.glob("*.yml"), *shipped.glob("parts/*.yml")):
        (tmp_path / path.relative_to(shipped)).write_text(path.read_text())
    text = (shipped / "missing-columns.yml").read_text()
    many = text.replace("name: missing-columns", "name: many-checks").replace(
        "diagnose:\n", f"diagnose:{MORE}"
    )
    (tmp_path / "many-checks.yml").write_text(many)
    return tmp_path


@pytest.mark.parametrize("name", ["missing-columns", "many-checks"])
def test_diagnosis_and_plan_cost_three_round_trips_however_many_checks_there_are(
    practice: Practice, playbooks: Path, tmp_path: Path, name: str
) -> None:
    practice.break_("missing-columns")
    try:
        inventory, book = inventory_of(str(practice.inventory)), playbook_of(name, playbooks)
        (host,) = hosts_for(book, inventory, ["web1"])
        with session(inventory, tmp_path / "state") as opened:
            look = opened.host_run(book, host, {}).look()
            trips = opened.trips["web1"]
        assert look.outcome is Outcome.PLANNED, json.dumps(look.plan.model_dump(mode="json"))
        assert trips.looking <= 3, trips
        assert trips.jobs == 0
        assert trips.connecting == 1, "the database's URL is read once"
    finally:
        practice.reset()


def test_a_triage_costs_no_more_round_trips_the_more_playbooks_there_are(
    practice: Practice, operator: Operator, playbooks: Path, tmp_path: Path
) -> None:
    few = tmp_path / "few"
    shutil.copytree(playbooks / "parts", few / "parts")
    for path in (playbooks / "database-unreachable.yml", playbooks / "missing-columns.yml"):
        # What a playbook explains must be beside it.
        alone = re.sub(r"^explains: .*\n", "", path.read_text(), flags=re.MULTILINE)
        (few / path.name).write_text(alone)
    two, all_of_them = (
        operator.does("triage", "--on", "web1", "--json", "--playbooks", str(folder)).lines[0]
        for folder in (few, playbooks)
    )
    assert (len(two["diagnoses"]), len(all_of_them["diagnoses"]) > 7) == (2, True)
    assert two["round_trips"] == all_of_them["round_trips"] <= 3
