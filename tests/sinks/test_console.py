import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from remediate.events import Event
from remediate.model import Change, Fidelity, Finding, Outcome, Plan, PlannedFix, WayBack
from remediate.sinks.clean import clean, clean_json, last_lines, one_line
from remediate.sinks.console import ConsoleSink, show
from remediate.sinks.jsonl import JsonLines
from remediate.sinks.plan_text import Line

HOSTILE = "\x1b]52;c;aGk=\x07\x1b[2J\x9b31m[/foo][link=x]\u202eabc\x00\r"


def event(kind, text="", step="", **data) -> Event:
    return Event(kind=kind, run="run1", host="web1", at=0.0, step=step, text=text, data=data)


def shown(*events: Event, terminal: bool = False) -> str:
    into = io.StringIO()
    sink = ConsoleSink(Console(file=into, width=200, force_terminal=terminal, highlight=False))
    for one in events:
        sink(one)
    return into.getvalue()


def plan_with(text: str) -> dict:
    change = Change(
        what=text, target=text, diff=f"-{text}\n+new", script=text, notes=(text,), assumed=text,
        fidelity=Fidelity.ESTIMATE, way_back=WayBack.NONE, way_back_note=text, risk="config",
    )  # fmt: skip
    finding = Finding(check=text, healthy=False, seen=text, evidence=(text,))
    fix = PlannedFix(step=text, action="files.replace", parameters={}, changes=(change,))
    plan = Plan(
        playbook=text,
        playbook_digest="",
        environment=text,
        host=text,
        database=text,
        findings=(finding,),
        fixes=(fix,),
        say=text,
    )
    return plan.model_dump(mode="json")


EVERY_KIND = [
    event("run-started", playbook=HOSTILE, title=HOSTILE),
    event("looking", HOSTILE),
    event("finding", finding={"check": HOSTILE, "healthy": True, "seen": HOSTILE}),
    event("planned", plan=plan_with(HOSTILE)),
    event("change-started", HOSTILE, HOSTILE),
    event("output", HOSTILE),
    event("change-done", HOSTILE, HOSTILE),
    event("change-failed", HOSTILE, output=HOSTILE),
    event("nothing-to-do", step=HOSTILE),
    event("verifying", HOSTILE),
    event("undo-started", HOSTILE),
    event("undo-done", HOSTILE),
    event("undo-failed", HOSTILE, output=HOSTILE),
    event("put-back", HOSTILE),
    event("warning", HOSTILE),
    *(event("ended", HOSTILE, outcome=outcome.value, todo=HOSTILE, output=HOSTILE) for outcome in Outcome),
]


@pytest.mark.parametrize("one", EVERY_KIND, ids=lambda one: f"{one.kind}-{one.data.get('outcome', '')}")
def test_nothing_that_a_host_says_controls_the_terminal(one: Event) -> None:
    text = shown(one)
    for control in ("\x1b", "\x07", "\x9b", "\u202e", "\x00", "\r"):
        assert control not in text


@given(st.text())
def test_clean_text_has_no_control_character_but_newline_and_tab(text: str) -> None:
    assert not any(ord(character) < 32 and character not in "\n\t" for character in clean(text))
    assert "\n" not in one_line(text)


def test_markup_of_a_host_is_shown_as_it_is() -> None:
    assert "[/foo][link=x]" in shown(event("warning", "[/foo][link=x]"))


@pytest.mark.parametrize("outcome", [Outcome.BLOCKED, Outcome.DECLINED, Outcome.STALE])
def test_what_was_not_touched_is_one_line_with_what_to_do(outcome: Outcome) -> None:
    text = shown(event("ended", "no route", outcome=outcome.value, todo="plug it in", output=""))
    assert text == f"web1  ✗ {outcome.value}: no route; plug it in\n"


def test_a_failure_is_a_card_with_the_last_lines_and_what_to_do_next() -> None:
    output = "\n".join(f"line {number}" for number in range(30))
    text = shown(event("ended", "the build failed", outcome="stuck", todo="call somebody", output=output))
    assert "web1: stuck" in text
    assert "line 29" in text
    assert "line 3 " not in text
    assert "next: call somebody" in text


def test_a_plan_reads_from_the_header_to_each_way_back() -> None:
    text = shown(event("planned", plan=plan_with("thing")))
    for wanted in (
        "Plan: thing on thing",
        "1 change: 1 estimate; way back: 1 none",
        "✗ thing",
        "-thing",
        "+new",
    ):
        assert wanted in text
    assert "decided for good when its turn comes" in text


def test_what_runs_is_drawn_beneath_the_last_line_at_a_terminal_and_nowhere_else() -> None:
    events = [
        event("change-started", "build it", "build"),
        event("output", "tsc 42%"),
        event("change-done", "x", "build"),
    ]
    assert "tsc 42%" not in shown(*events)
    into = io.StringIO()
    console = Console(file=into, width=80, force_terminal=True, force_interactive=True)
    sink = ConsoleSink(console)
    for one in events[:2]:
        sink(one)
    sink(events[2])
    assert "tsc 42%" in into.getvalue()


def test_json_lines_are_one_object_a_line_whatever_is_in_them() -> None:
    into = io.StringIO()
    sink = JsonLines(into)
    for one in EVERY_KIND:
        sink(one)
    lines = into.getvalue().splitlines()
    assert [json.loads(line)["kind"] for line in lines] == [one.kind for one in EVERY_KIND]


def test_only_the_last_lines_that_say_something_are_kept() -> None:
    assert last_lines("a\n\n b \n\nc\n", 2) == ["b", "c"]


@given(st.text())
def test_json_without_controls_says_the_same(text: str) -> None:
    written = clean_json(json.dumps({"a": text}, ensure_ascii=False))
    assert json.loads(written) == {"a": text}
    assert len(written.splitlines()) == 1
    assert written == clean(written).replace("\n", "")


def test_a_json_line_carries_no_half_of_a_character() -> None:
    into = io.StringIO()
    JsonLines(into)(event("output", "disk \udce4", nested={"\udce4": ["\udce4"]}))
    into.getvalue().encode("utf-8")
    line = json.loads(into.getvalue())
    assert line["text"] == "disk \\udce4"
    assert line["data"] == {"nested": {"\\udce4": ["\\udce4"]}}


def test_sentences_are_folded_into_their_column_and_what_is_copied_is_not() -> None:
    sentence, command = "      · " + "word " * 30, "     npm run build -- " + "--flag " * 30
    into = io.StringIO()
    lines = [Line(sentence, "faint", 8), Line(command, "code")]
    show(Console(file=into, width=40, force_terminal=True, no_color=True, highlight=False), lines)
    printed = re.sub(r"\x1b\[\d*m", "", into.getvalue()).splitlines()
    *folded, copied = printed
    assert copied.rstrip() == command.rstrip()
    assert len(folded) > 3
    assert all(len(line) <= 40 for line in folded)
    assert all(line.startswith("        word") for line in folded[1:])


def test_where_nobody_watches_a_line_stays_one_line() -> None:
    into = io.StringIO()
    show(Console(file=into, width=40, highlight=False), [Line("word " * 30, "plain", 2)])
    assert into.getvalue().count("\n") == 1
