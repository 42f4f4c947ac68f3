import base64
import json
import shlex
import sys
import threading
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediate.events import Event, Events
from remediate.masking import MASK, Masker

SECRET = "s3cr3t/pass word'x"


@pytest.mark.parametrize(
    "shown",
    [
        SECRET,
        quote(SECRET, safe=""),
        "s3cr3t%2Fpass%20word'x",  # encodeURIComponent
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
    events.tell("output", "web1", "pw hunter22", "step", facts={"hunter22": ["x hunter22"]}, number=3)
    assert seen == [
        Event(
            kind="output",
            run="run1",
            host="web1",
            at=1.0,
            step="step",
            text="pw ***",
            data={"facts": {"***": ["x ***"]}, "number": 3},
        )
    ]


def test_a_secret_is_masked_as_json_writes_it() -> None:
    secret = 'pass"é\\word\n'
    for ascii_only in (True, False):
        assert Masker([secret]).text(json.dumps(secret, ensure_ascii=ascii_only)) == '"***"'


def test_each_long_line_of_a_secret_is_masked_and_a_short_one_is_not() -> None:
    masker = Masker(["-----BEGIN KEY-----\r\nMIIEvQIBADANBg\nend\n"])
    assert masker.text("1: MIIEvQIBADANBg, the end") == "1: ***, the end"


def test_what_many_threads_teach_at_once_is_all_learned() -> None:
    masker, gate = Masker(), threading.Barrier(8)
    before = sys.getswitchinterval()

    def teach(number: int) -> None:
        gate.wait()
        for each in range(40):
            masker.learn([f"secret-{number}-{each}-"])

    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=teach, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    for number in range(8):
        for each in range(40):
            assert masker.text(f"secret-{number}-{each}-") == MASK


def test_a_sinks_own_defect_keeps_no_event_from_anybody_and_is_kept_to_be_told() -> None:
    seen: list[str] = []

    def wrong(event: Event) -> None:
        seen.append(f"wrong {event.text}")
        raise UnicodeEncodeError("latin-1", event.text, 0, 1, "no such sign")

    events = Events("run1", [wrong, lambda event: seen.append(event.text)], Masker(), clock=lambda: 1.0)
    events.tell("output", "web1", "one")
    events.tell("output", "web1", "two")
    assert seen == ["wrong one", "one", "wrong two", "two"]
    assert [type(defect) for defect in events.defects] == [UnicodeEncodeError] * 2
