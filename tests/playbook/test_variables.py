from typing import Any

import pytest
from pydantic import ValidationError

from remediate.playbook.variables import Variable
from remediate.text.durations import seconds


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        ("str", "any thing", "any thing"),
        ("int", "-3", -3),
        ("int", 3, 3),
        ("float", "1.5", 1.5),
        ("float", 2, 2.0),
        ("bool", "true", True),
        ("bool", False, False),
        ("identifier", "myTable_1", "myTable_1"),
        ("path", "src/db/client", "src/db/client"),
        ("path", "/srv/a b", "/srv/a b"),
        ("regex", "P2022|x+", "P2022|x+"),
        ("duration", "1m30s", 90.0),
        ("duration", "2h", 7200.0),
    ],
)
def test_a_word_of_the_command_line_becomes_a_value_of_its_type(kind: Any, given: Any, value: object) -> None:
    got = Variable(type=kind).read(given)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("str", "bell\x07"),
        ("str", 3),
        ("int", "3.5"),
        ("int", "three"),
        ("int", True),
        ("float", "nan"),
        ("float", True),
        ("bool", "yes"),
        ("bool", 1),
        ("identifier", "a-b"),
        ("identifier", '"; DROP'),
        ("identifier", "1a"),
        ("identifier", "a" * 64),
        ("path", "../etc/passwd"),
        ("path", "a/../../b"),
        ("path", "a\nb"),
        ("path", ""),
        ("regex", "("),
        ("duration", "soon"),
        ("duration", ""),
        ("duration", -1),
        ("duration", True),
    ],
)
def test_a_word_of_another_type_is_refused(kind: Any, given: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Variable(type=kind).read(given)


def test_a_choice_is_one_of_its_choices() -> None:
    variable = Variable(type="choice", choices=("a", "b"), default="b")
    assert variable.read("a") == "a"
    with pytest.raises(ValueError, match="one of a, b"):
        variable.read("c")
    for wrong in ({"type": "choice"}, {"type": "str", "choices": ("a",)}, {"type": "int", "default": "x"}):
        with pytest.raises(ValidationError):
            Variable(**wrong)


@pytest.mark.parametrize(
    ("text", "value"), [("60s", 60), ("5m", 300), ("2h", 7200), ("1h1m1s", 3661), ("0s", 0)]
)
def test_durations_are_written_with_their_units(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["60", "s", "1s1m", "1.5s", "-1s", "1 m", "1d", "9999999s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a duration like"):
        seconds(text)
