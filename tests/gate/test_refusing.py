"""Which hazards stop a plan: by severity, by what the step allows, and by the environment."""

from pathlib import Path

import pytest

from remediate.errors import InventoryError
from remediate.gate import judge
from remediate.hazard import Hazard, Severity
from remediate.inventory import Policy, load_inventory
from remediate.model import Change, Fidelity, Plan, PlannedFix, WayBack
from remediate.policy import refusals
from remediate.sinks.plan_text import plan_lines

from .sample import sample


def plan_of(sql: str, *allow: str) -> Plan:
    change = Change(
        what="run it",
        target="the database",
        hazards=judge(sql, sample(), allow=allow).hazards,
        fidelity=Fidelity.ESTIMATE,
        way_back=WayBack.EXACT,
        risk="data",
    )
    fix = PlannedFix(step="fix", action="sql.migrate", parameters={}, changes=(change,))
    return Plan(
        playbook="p", playbook_digest="", environment="production", host="web1", findings=(), fixes=(fix,)
    )


def shown(plan: Plan) -> str:
    return "\n".join(line.text for line in plan_lines(plan))


def test_a_stop_is_refused_with_its_line_and_the_way_out() -> None:
    (line,) = refusals([plan_of("\nALTER TABLE avatars DROP gender")], Policy(), "")
    assert line.startswith("web1: “run it”: line 2: drop-column: drops a column")
    assert line.endswith("if it must be, `allow: [drop-column]` at the step")


def test_what_the_step_allows_is_done_and_shown_loudly() -> None:
    plan = plan_of("ALTER TABLE avatars DROP gender", "drop-column")
    assert refusals([plan], Policy(), "") == ()
    assert "ALLOWED BY THE STEP, would stop: line 1: drop-column" in shown(plan)
    assert "✗ stops line 1: drop-column" in shown(plan_of("ALTER TABLE avatars DROP gender"))


@pytest.mark.parametrize(
    "sql",
    ["DROP TABLE avatars", "DROP SCHEMA s", "TRUNCATE avatars", "DELETE FROM avatars", "DROP DATABASE d"],
)
def test_what_cannot_be_made_good_stays_refused_outside_development(sql: str) -> None:
    rule = next(one.rule for one in judge(sql, sample()).hazards if one.final)
    allowed = plan_of(sql, rule)
    (line,) = refusals([allowed], Policy(), "")
    assert "refused outside `development: true`" in line
    assert refusals([allowed], Policy(), "", development=True) == ()
    assert len(refusals([plan_of(sql)], Policy(), "", development=True)) == 1


def test_a_policy_can_refuse_warnings_too() -> None:
    plan = plan_of("DELETE FROM avatars WHERE id = 'a'")
    assert refusals([plan], Policy(), "") == ()
    (line,) = refusals([plan], Policy(refuse="warning"), "")
    assert "delete-rows" in line
    assert (
        refusals([plan_of("DELETE FROM avatars WHERE id = 'a'", "delete-rows")], Policy(refuse="warning"), "")
        == ()
    )


def test_an_inventory_says_which_severity_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lab.yml"
    text = "environment: lab\npolicy: {{refuse: {}}}\ngroups: {{backend: {{hosts: {{web1: }}}}}}\n"
    path.write_text(text.format("warning"))
    assert load_inventory(path).policy.refuse == "warning"
    path.write_text(text.format("notes"))
    with pytest.raises(InventoryError, match="refuse"):
        load_inventory(path)


def test_a_hazard_that_begins_to_stop_makes_another_change_of_it_and_live_figures_do_not() -> None:
    def essence(*hazards: Hazard) -> str:
        change = plan_of("SELECT 1").changes[0].model_copy(update={"hazards": hazards})
        return change.outline.essence

    stop = Hazard(rule="set-not-null", severity=Severity.STOP, why="w", blocks="for 2 s")
    assert essence(stop) == essence(stop.model_copy(update={"blocks": "for 3 s"}))
    assert essence(stop) != essence(stop.model_copy(update={"severity": Severity.WARNING}))
    assert essence(stop.model_copy(update={"severity": Severity.WARNING})) == essence()
