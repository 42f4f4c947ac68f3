import base64
import shlex
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediate.events import MASK, Event, Events, Masker

SECRET = "s3cr3t/pass word'x"


@pytest.mark.parametrize(
    "shown",
    [
        SECRET,
        quote(SECRET, safe=""),
        shlex.quote(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(b"user:" + SECRET.encode()).decode(),
        base64.b64encode(b"u:" + SECRET.encode() + b"@host").decode(),
    ],
)
def test_a_secret_is_masked_in_every_form_in_which_programs_print_it(shown: str) -> None:
    masked = Masker([SECRET]).text(f"before {shown} after")
    assert MASK in masked
    assert SECRET not in masked
    assert shown not in masked


@given(st.text(min_size=8, max_size=30), st.text(max_size=20), st.text(max_size=20))
def test_no_secret_survives_in_any_text(secret: str, before: str, after: str) -> None:
    assert secret not in Masker([secret]).text(before + secret + after).replace(MASK, "\0")


def test_a_short_value_is_not_masked() -> None:
    assert Masker(["a"]).text("banana") == "banana"


def test_a_sink_sees_only_masked_text_in_names_values_and_lists() -> None:
    seen: list[Event] = []
    events = Events("run1", [seen.append], Masker(["hunter22"]), clock=lambda: 1.0)
    events.tell("output", "web1", "pw hunter22", "step", nested={"hunter22": ["x hunter22"]}, number=3)
    assert seen == [
        Event(
            kind="output",
            run="run1",
            host="web1",
            at=1.0,
            step="step",
            text="pw ***",
            data={"nested": {"***": ["x ***"]}, "number": 3},
        )
    ]
