"""The verdict follows from its conditions alone, whichever of them fail."""

from itertools import combinations, permutations

import pytest

from remediate.healing.verdict import CONDITIONS, Condition, Verdict, ruled

NAMES = tuple(CONDITIONS)
FAILING = [some for many in range(4) for some in combinations(NAMES, many)]


def conditions(failing: tuple[str, ...]) -> list[Condition]:
    return [Condition(name=name, holds=name not in failing, said=f"{name}?") for name in NAMES]


def test_one_that_wants_a_person_counts_more_than_any_that_wants_a_review() -> None:
    for failing in FAILING:
        ruling = ruled(conditions(failing))
        wanted = [CONDITIONS[name] for name in failing]
        if Verdict.ESCALATE in wanted:
            assert ruling.verdict is Verdict.ESCALATE, failing
        else:
            assert ruling.verdict is (Verdict.PROPOSE if wanted else Verdict.HEAL), failing


def test_what_decides_is_the_first_of_the_table_that_leads_to_the_verdict() -> None:
    for failing in FAILING:
        ruling = ruled(conditions(failing))
        leading = (name for name in NAMES if name in failing and CONDITIONS[name] is ruling.verdict)
        deciding = next(leading, None)
        assert (ruling.deciding.name if ruling.deciding else None) == deciding
        assert ruling.why == (f"{deciding}?" if deciding else "every condition holds")


def test_the_order_in_which_conditions_come_makes_no_difference() -> None:
    some = [Condition(name=name, holds=False, said=name) for name in NAMES[::5]]
    assert len({ruled(order).model_dump_json() for order in permutations(some)}) == 1


def test_no_condition_leads_to_healing_where_it_does_not_hold() -> None:
    assert Verdict.HEAL not in CONDITIONS.values()


def test_a_condition_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="is not in"):
        ruled([Condition(name="the moon is full", holds=True, said="")])
