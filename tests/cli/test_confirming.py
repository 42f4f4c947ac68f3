from pathlib import Path

import pytest

from remediate.cli.confirming import confirm, confirm_rollback
from remediate.errors import Declined
from remediate.inventory import Inventory, Policy
from remediate.model import Change, Fidelity, Plan, PlannedFix, WayBack


def plan_with(
    fidelity: Fidelity = Fidelity.EXACT, way_back: WayBack = WayBack.EXACT, host: str = "web1"
) -> Plan:
    change = Change(what="do it", target="/x", fidelity=fidelity, way_back=way_back, risk="config")
    fix = PlannedFix(step="fix", action="files.replace", parameters={}, changes=(change,))
    return Plan(
        playbook="p", playbook_digest="", environment="production", host=host, findings=(), fixes=(fix,)
    )


def plan_with_rows(*batches: int | None) -> Plan:
    plan = plan_with()
    (fix,) = plan.fixes
    changes = tuple(fix.changes[0].model_copy(update={"rows": rows}) for rows in batches)
    return plan.model_copy(update={"fixes": (fix.model_copy(update={"changes": changes}),)})


def environment(**policy: object) -> Inventory:
    return Inventory(
        environment="production",
        path=Path("production.yml"),
        digest="",
        development=False,
        policy=Policy.model_validate(policy),
        hosts=(),
        contacts=(),
    )


def answering(text: str):
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return text

    return ask, asked


def confirmed(inventory: Inventory, plans=None, *, reason: str = "", yes: bool = False, ask=None) -> str:
    return confirm(plans or [plan_with()], inventory, reason, yes=yes, ask=ask)


@pytest.mark.parametrize(
    ("text", "passes"), [("y", True), ("YES", True), ("", False), ("n", False), ("yep", False)]
)
def test_only_a_clear_yes_is_a_yes(text: str, passes: bool) -> None:
    ask, asked = answering(text)
    if passes:
        assert confirmed(environment(), ask=ask) == "yes"
    else:
        with pytest.raises(Declined, match="nothing was changed"):
            confirmed(environment(), ask=ask)
    assert "web1" in asked[0]


def test_yes_on_the_command_line_answers_where_the_policy_wants_a_yes() -> None:
    ask, asked = answering("n")
    assert confirmed(environment(), yes=True, ask=ask) == "--yes"
    assert asked == []


def test_yes_on_the_command_line_never_types_a_name() -> None:
    ask, asked = answering("production")
    assert confirmed(environment(confirm="type-name"), yes=True, ask=ask) == "name typed"
    assert len(asked) == 1
    ask, _ = answering("prod")
    with pytest.raises(Declined, match="was not typed"):
        confirmed(environment(confirm="type-name"), yes=True, ask=ask)


@pytest.mark.parametrize("how", ["yes", "type-name"])
def test_without_a_terminal_a_confirmation_that_is_needed_is_a_refusal(how: str) -> None:
    with pytest.raises(Declined, match="no terminal"):
        confirmed(environment(confirm=how), yes=how == "type-name")


def test_an_environment_may_want_none() -> None:
    assert confirmed(environment(confirm="none")) == "no confirmation needed"


def test_a_reason_that_is_required_is_required_of_everything() -> None:
    inventory = environment(confirm="none", reason="required")
    with pytest.raises(Declined, match="--reason"):
        confirmed(inventory, reason="  ")
    with pytest.raises(Declined, match="--reason"):
        confirm_rollback([], inventory, "", yes=True, ask=None)
    assert confirmed(inventory, reason="INC-1")


@pytest.mark.parametrize(
    ("forbid", "plan", "said"),
    [
        ("opaque", plan_with(fidelity=Fidelity.OPAQUE), "is opaque"),
        ("no-way-back", plan_with(way_back=WayBack.NONE), "has no way back"),
    ],
)
def test_what_the_policy_forbids_is_refused_whatever_is_said(forbid: str, plan: Plan, said: str) -> None:
    with pytest.raises(Declined, match=said):
        confirmed(environment(confirm="none", forbid=(forbid,)), [plan], yes=True)
    assert confirmed(environment(confirm="none"), [plan])


def test_more_hosts_than_the_policy_allows_are_refused() -> None:
    two = [plan_with(), plan_with(host="web2")]
    with pytest.raises(Declined, match="2 hosts at once, the policy allows 1"):
        confirmed(environment(confirm="none", hosts_at_once=1), two)


def test_more_rows_than_the_policy_allows_are_refused_however_small_their_batches() -> None:
    inventory = environment(confirm="none", max_rows=1000)
    assert confirmed(inventory, [plan_with_rows(500, 500)], yes=True)
    with pytest.raises(Declined, match="writes 1001 rows, the policy allows 1000"):
        confirmed(inventory, [plan_with_rows(500, 500, 1)], yes=True)
    assert confirmed(environment(confirm="none"), [plan_with_rows(500, 500, 1)])


def test_rows_that_nobody_can_count_are_refused_where_they_are_capped_unless_the_policy_lets_them() -> None:
    uncounted = [plan_with_rows(1, None)]
    with pytest.raises(Declined, match="nobody can tell beforehand how many rows"):
        confirmed(environment(confirm="none", max_rows=1000), uncounted, yes=True)
    assert confirmed(environment(confirm="none", max_rows=1000, uncounted_rows="allow"), uncounted)
    assert confirmed(environment(confirm="none"), uncounted)
