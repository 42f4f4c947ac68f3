"""What a plan says for and against being carried out without a person, and what it is about."""

from pathlib import Path

import pytest

from remediate.catalogue import CATALOGUE
from remediate.healing.planned import allowed, target_of
from remediate.inventory import AutoPolicy, Policy
from remediate.model import Change, Fidelity, Plan, PlannedFix, WayBack
from remediate.playbook import Playbook, load_playbook

SHIPPED = Path(__file__).parents[2] / "playbooks"
BOOK, LEFT, KEEPS = (
    load_playbook(SHIPPED / f"{name}.yml", CATALOGUE) for name in ("prisma-import", "app-stopped", "vacuum")
)
FREE = Policy(auto=AutoPolicy(allowed=True))


def plan(action: str = "pm2.restart", database: str = "lumiku (7/5)", **change: object) -> Plan:
    known = {
        "what": "do it",
        "target": "it",
        "fidelity": Fidelity.EXACT,
        "way_back": WayBack.EXACT,
        "risk": "build",
    }
    changes = (Change.model_validate({**known, **change}),) if change.get("what") != "" else ()
    return Plan(
        playbook="one",
        playbook_digest="",
        environment="lab",
        host="web1",
        database=database,
        findings=(),
        fixes=(PlannedFix(step="step", action=action, parameters={}, changes=changes),),
    )


def failing(one: Plan, policy: Policy = FREE, book: Playbook = BOOK) -> list[str]:
    found = allowed(book, [one], policy, "because", development=False)
    return [condition.name for condition in found if not condition.holds]


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({}, []),
        ({"way_back": WayBack.EQUIVALENT, "fidelity": Fidelity.ESTIMATE}, []),
        ({"way_back": WayBack.NONE}, ["every change has a way back"]),
        ({"fidelity": Fidelity.OPAQUE}, ["no change is opaque"]),
    ],
)
def test_each_change_is_asked_what_it_is_as_planned(change: dict, wrong: list[str]) -> None:
    assert failing(plan(**change)) == wrong


@pytest.mark.parametrize(
    ("policy", "wrong"),
    [
        (Policy(), ["environment allows it"]),
        (FREE.model_copy(update={"approvals": 1, "approvers": "approvers"}), ["policy agrees"]),
        (
            FREE.model_copy(update={"approvals_for": {"build": 1}, "approvers": "approvers"}),
            ["policy agrees"],
        ),
        (FREE.model_copy(update={"reason": "required", "confirm": "type-name"}), []),
    ],
)
def test_the_policy_that_binds_people_binds_healing_too(policy: Policy, wrong: list[str]) -> None:
    assert failing(plan(), policy) == wrong


def test_a_playbook_says_itself_whether_it_may_be_run_alone() -> None:
    assert failing(plan(), book=LEFT) == ["playbook allows it"]
    assert failing(plan(), book=KEEPS) == ["is put back where it fails"]
    assert failing(plan(risk="none"), book=KEEPS) == [], "nothing of it would have to be put back"


@pytest.mark.parametrize(
    ("action", "database", "target"),
    [
        ("sql.add_columns", "lumiku (7/5)", "lumiku (7/5)"),
        ("prisma.migrate_deploy", "lumiku (7/5)", "lumiku (7/5)"),
        ("prisma.generate", "lumiku (7/5)", "web1"),
        ("pm2.restart", "lumiku (7/5)", "web1"),
        ("sql.add_columns", "", "web1"),
    ],
)
def test_what_several_hosts_share_is_one_thing(action: str, database: str, target: str) -> None:
    assert target_of(plan(action, database)) == target
    assert target_of(plan(action, database, what="")) == "web1", "nothing of it would be changed"
