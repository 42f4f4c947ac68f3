"""A step's sentence says what the playbook gives it, as it was written, and leaves nothing out that was given."""

import re

import pytest

from remediate.catalogue import CATALOGUE
from remediate.explaining.wording import (
    Parameters,
    code,
    counted,
    duration,
    in_words,
    listed,
    mentioned,
    sentence,
)
from remediate.steps import Action


def told(tells: str, given: dict[str, object], **by_itself: object) -> str:
    return sentence(tells, Parameters(values={**by_itself, **given}, given=frozenset(given)))


def test_what_was_not_given_is_left_out_with_its_words() -> None:
    assert told("Looks at {path}[ for {seconds} seconds]", {"path": "/"}, seconds=3) == "Looks at `/`."
    assert told("Looks at {path}[ for {seconds} seconds]", {"path": "/", "seconds": 5}, seconds=3) == (
        "Looks at `/` for 5 seconds."
    )


def test_words_stand_on_condition_of_what_was_given_and_of_what_was_not() -> None:
    tells = "Is {path} [gone?no longer ][!gone?still ]there"
    assert told(tells, {"path": "a"}, gone=False) == "Is `a` still there."
    assert told(tells, {"path": "a", "gone": True}, gone=False) == "Is `a` no longer there."


def test_a_condition_within_a_condition_stands_only_where_both_hold() -> None:
    tells = "Looks[!one?[!two? at neither]]"
    assert told(tells, {}, one="", two="") == "Looks at neither."
    assert told(tells, {"two": ""}, one="") == "Looks."


def test_what_a_sentence_does_not_mention_stands_behind_it() -> None:
    assert told("Looks", {"deep": 2, "at": "x"}) == "Looks (`at` is `x`; `deep` is 2)."


def test_a_template_is_shown_as_it_was_written_and_on_one_line() -> None:
    assert in_words("{{ found.columns\n  .missing }}") == "`{{ found.columns .missing }}`"


def test_values_read_as_words() -> None:
    assert in_words(["a", "b", "c"]) == "`a`, `b` and `c`"
    assert in_words({"rows": "1..{{ most }}"}) == "`rows: 1..{{ most }}`"
    assert in_words([{"table": "t", "column": {"a": [1, True, None]}}]) == (
        "`table: t, column: {a: [1, true, null]}`"
    )
    assert [in_words(value) for value in (0.5, 10.0, True, None, "", [])] == [
        "0.5",
        "10",
        "`true`",
        "`null`",
        "nothing",
        "nothing",
    ]


def test_code_with_backticks_in_it_stays_code() -> None:
    assert code("a`b") == "``a`b``"
    assert code("`b`") == "`` `b` ``"


def test_lists_numbers_and_durations_are_english() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"], "or") == "a, b or c"
    assert (counted(1, "step"), counted(2, "step"), counted(30, "step")) == (
        "one step",
        "two steps",
        "30 steps",
    )
    assert [duration(seconds) for seconds in (1, 90, 300, 125)] == [
        "1 second",
        "90 seconds",
        "5 minutes",
        "125 seconds",
    ]


@pytest.mark.parametrize("kind", sorted(CATALOGUE))
def test_every_step_tells_what_it_does_and_names_only_parameters_that_it_has(kind: str) -> None:
    step = CATALOGUE[kind]
    assert re.match("[A-Z[]", step.tells)
    assert not step.tells.endswith("."), "the end of the sentence comes behind what it does not mention"
    assert mentioned(step.tells) <= {field.alias or name for name, field in step.model_fields.items()}
    assert step.tells.count("[") == step.tells.count("]")


@pytest.mark.parametrize("kind", sorted(kind for kind, step in CATALOGUE.items() if issubclass(step, Action)))
def test_every_action_promises_something_and_says_why_where_that_is_not_the_best(kind: str) -> None:
    action = CATALOGUE[kind]
    assert issubclass(action, Action)
    promise = action.promise
    assert promise.fidelity
    assert promise.back
    assert promise.risks
    assert all(promise.back.values())
    assert all(when for fidelity, when in promise.fidelity.items() if fidelity != "exact")
