"""Rows that a look sees: later steps have them, and neither what is shown nor what is written does."""

from collections.abc import Callable

import pytest

from remediate.model import Change, Fidelity, Finding, Plan, PlannedFix, WayBack
from remediate.providers.postgres_query import QueryCheck
from remediate.providers.row_checks import Orphans
from remediate.questions import Answers
from remediate.transport.database import Database

from .conftest import Cluster

TABLES = """
CREATE TABLE projects (id text PRIMARY KEY, "userId" text);
CREATE TABLE avatars (id text PRIMARY KEY, "projectId" text, "userId" text);
INSERT INTO avatars VALUES ('a', 'p1', 'alice@example.com');
"""
QUERY = {"sql": 'SELECT "userId" FROM avatars', "expect": {"none": True}}
LOST = {
    "table": "avatars",
    "column": "projectId",
    "parent": {"table": "projects"},
    "carry": ["userId"],
}


@pytest.fixture
def look(cluster: Cluster, dbname: str, open_database: Callable[..., Database]) -> Callable[..., Finding]:
    cluster.sql(TABLES, dbname)
    database = open_database(cluster.url(dbname))

    def looks(check: QueryCheck | Orphans) -> Finding:
        answers = Answers(database.answer(check.ask()), "db")
        return check.judge(answers, answers)

    return looks


def written(finding: Finding) -> str:
    plan = Plan(playbook="p", playbook_digest="", environment="lab", host="h", findings=(finding,), fixes=())
    return finding.model_dump_json() + str(plan.shown) + " ".join(finding.evidence)


def test_what_a_query_answers_is_for_later_steps_alone_unless_the_step_says_otherwise(look) -> None:
    found = look(QueryCheck.model_validate(QUERY))
    assert found.facts["rows"] == [["alice@example.com"]]
    assert "alice" not in written(found)
    assert '"columns":["userId"]' in written(found)
    shown = look(QueryCheck.model_validate({**QUERY, "show": True}))
    assert shown.evidence == ("['alice@example.com']",)
    assert '"rows":[["alice@example.com"]]' in written(shown)


def test_a_sample_of_rows_is_shown_with_a_plan_and_is_in_no_file_of_it() -> None:
    change = Change(
        what="",
        target="",
        sample="+ mail alice",
        fidelity=Fidelity.EXACT,
        way_back=WayBack.EXACT,
        risk="data",
    )
    fix = PlannedFix(step="s", action="sql.update_rows", parameters={}, changes=(change,))
    plan = Plan(playbook="p", playbook_digest="", environment="lab", host="h", findings=(), fixes=(fix,))
    assert "alice" in str(plan.shown)
    assert "alice" not in str(plan.kept)


def test_what_a_lost_parent_is_made_anew_from_is_for_later_steps_alone(look) -> None:
    found = look(Orphans.model_validate(LOST))
    assert found.facts["parents"] == [{"id": "p1", "userId": "alice@example.com"}]
    assert "alice" not in written(found)
    assert '"missing":["p1"]' in written(found)
