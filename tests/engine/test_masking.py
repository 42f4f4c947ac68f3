"""Whatever a program makes of a secret before it prints it, it is masked."""

import base64
import html
import json
import re
import shlex
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.masking import MASK, Masker
from remediate.model import Change, Finding, Forecast, Plan, PlannedFix
from remediate.questions import Query, QueryAnswer
from remediate.sinks.clean import one_line

CORE = "c4n4rY9w"
"""What every secret here has in its middle, and no text around one: plainly there, or plainly gone."""

around = st.text(st.characters(exclude_characters="*\r\n", exclude_categories=("Cs",)), max_size=8)
secrets = st.builds(lambda before, after: before + CORE + after, around, around)


def percent(text: str, safe: str = "") -> str:
    return quote(text, safe=safe)


def lower_percent(text: str) -> str:
    encoded = quote(text, safe="")
    return "".join(
        part.lower()
        if encoded[max(0, at - 1) : at] == "%" or encoded[max(0, at - 2) : at - 1] == "%"
        else part
        for at, part in enumerate(encoded)
    )


def backslashed(text: str) -> str:
    """Return the text as a shell's `printf %q` writes it."""
    return "".join(letter if letter.isalnum() else f"\\{letter}" for letter in text)


ENCODERS = {
    "plain": lambda text: text,
    "percent-encoded": percent,
    "percent-encoded in small letters": lower_percent,
    "percent-encoded but for what may stand in a URL": lambda text: percent(text, "!'()*:@&=+$,~"),
    "as a form sends it": quote_plus,
    "quoted for a shell": shlex.quote,
    "with backslashes": backslashed,
    "as JSON": json.dumps,
    "as JSON in UTF-8": lambda text: json.dumps(text, ensure_ascii=False),
    "as JSON within JSON": lambda text: json.dumps(json.dumps(text)),
    "as Python shows it": repr,
    "as Python shows bytes": lambda text: repr(text.encode()),
    "as HTML": html.escape,
    "as an SQL literal": lambda text: "'" + text.replace("'", "''") + "'",
}


@pytest.mark.fault(19)
@pytest.mark.parametrize("encode", ENCODERS.values(), ids=ENCODERS)
@settings(max_examples=25, deadline=None)
@given(secret=secrets, before=around, after=around)
def test_a_secret_is_masked_however_it_is_written(encode, secret: str, before: str, after: str) -> None:
    masked = Masker([secret]).text(f"{before}{encode(secret)}{after}")
    assert CORE not in masked
    assert MASK in masked


@pytest.mark.fault(19)
@settings(max_examples=60, deadline=None)
@given(secret=secrets, before=st.binary(max_size=7), after=st.binary(max_size=7), form=st.sampled_from("+-"))
def test_a_secret_within_a_text_in_base64_is_masked_at_every_offset(
    secret: str, before: bytes, after: bytes, form: str
) -> None:
    encode = base64.b64encode if form == "+" else base64.urlsafe_b64encode
    masked = Masker([secret]).text(encode(before + secret.encode() + after).decode())
    for offset in range(3):
        inner = encode(b"\0" * offset + CORE.encode())[(0, 2, 3)[offset] : (offset + len(CORE)) // 3 * 4]
        assert inner.decode() not in masked


@pytest.mark.fault(19)
@settings(max_examples=60, deadline=None)
@given(secret=st.text("abcdefghij/@%0123456789", min_size=24, max_size=40), data=st.data())
def test_a_secret_broken_over_two_lines_or_two_events_leaves_less_than_eight_of_its_characters(
    secret: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(secret)))
    first, second = f"x: {secret[:at]}", f"{secret[at:]} :y"
    masker = Masker([secret])
    for shown in (masker.text(f"{first}\n{second}"), masker.text(first) + masker.text(second)):
        left = [secret[start : start + 8] for start in range(len(secret) - 7)]
        assert not [piece for piece in left if piece in shown]


def test_of_a_secret_that_was_cut_and_marked_so_nothing_is_left() -> None:
    secret = "canary-token-number-4711"
    for width in range(8, len(secret)):
        told = f"it says: {one_line('x ' * 10 + secret, 20 + width + 1)}, and more"
        assert "canary" not in Masker([secret]).text(told), told


def test_base64_that_is_wrapped_at_a_column_shows_no_line_of_the_secret() -> None:
    secret = "-----BEGIN KEY-----" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" * 3
    wrapped = base64.encodebytes(b"key=" + secret.encode()).decode()
    shown = Masker([secret]).text(wrapped)
    assert not [line for line in shown.splitlines() if len(line.replace(MASK, "")) > 12]


def test_a_number_that_is_a_secret_is_masked_in_json_and_a_short_one_is_left() -> None:
    masker = Masker(["4929123456781234", "1234"])
    assert masker.json({"card": 4929123456781234, "entry": 1234, "on": True}) == {
        "card": MASK,
        "entry": 1234,
        "on": True,
    }


WORDS = ("plan", "command", "config", "exact", "query", "target", "web1", "/srv/x", "check", "table", "text")


def test_what_names_a_thing_and_our_own_fields_stay_and_what_others_shaped_is_masked_whole() -> None:
    masker = Masker(WORDS)
    plan = {"host": "web1", "command": "plan", "say": "a plan", "risk": "the table", "text": "text"}
    change = {"risk": "config", "fidelity": "exact", "target": "/srv/x", "diff": "+config", "script": "query"}
    assert masker.json(
        {**plan, "changes": [{**change, "data": {"host": "web1", "table": ["x", "text"]}}]}
    ) == {
        **plan,
        "say": f"a {MASK}",
        "risk": f"the {MASK}",
        "text": MASK,
        "changes": [
            {**change, "diff": f"+{MASK}", "script": MASK, "data": {"host": MASK, MASK: ["x", MASK]}}
        ],
    }


def test_a_plan_whose_every_word_is_a_secret_is_shown_all_the_same() -> None:
    question = Query(sql="SELECT 1")
    answer = QueryAnswer(columns=("a",), rows=(({"password": "canary"},),))
    change = Change(
        what="write", target="/srv/x", fidelity="exact", way_back="exact", risk="config",
        forecasts=(Forecast(question=question, answer=answer),),
    )  # fmt: skip
    fix = PlannedFix(step="mend", action="files.replace", parameters={"path": "/srv/x"}, changes=(change,))
    finding = Finding(check="one", healthy=False, seen="bad", facts={"password": "canary"})
    plan = Plan(
        playbook="p", playbook_digest="d", environment="lab", host="web1", findings=(finding,), fixes=(fix,)
    )
    dumped = plan.model_dump(mode="json")
    words = re.findall(r"\w{4,}", json.dumps(dumped))
    masked = Masker(words).json(dumped)
    assert Plan.model_validate(masked).changes[0].target == "/srv/x"
    assert "canary" not in json.dumps(masked)
    assert "password" not in json.dumps(masked)


def test_values_shorter_than_four_characters_stay_and_common_words_go() -> None:
    assert Masker(["abc", "test"]).text("abc: a test of testing") == f"abc: a {MASK} of {MASK}ing"


def test_a_megabyte_of_text_is_masked_within_a_second_or_so() -> None:
    masker = Masker([f"secret/number@{number}%" for number in range(20)])
    begun = time.process_time()
    masker.text("a line of output of some length, with secret/numb in it\n" * 20_000)
    assert time.process_time() - begun < 5
