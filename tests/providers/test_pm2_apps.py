"""What is made of pm2's answers about apps that are stopped, not there, or dying. pm2 itself is tried in tests/laws."""

import pytest

from remediate.errors import Failed
from remediate.providers.node_tried import was_tried
from remediate.providers.pm2_host import read_seen
from remediate.providers.pm2_reload import Pm2Reload
from remediate.providers.pm2_stable import Pm2Stable
from remediate.providers.pm2_start import Pm2Start, Pm2Started
from remediate.questions import Answers, RunAnswer

from .test_pm2 import log, process, said

WORDS = {"app": "web", "backend": "/b"}
STABLE, STARTED = Pm2Stable(**WORDS), Pm2Started(**WORDS)
START = Pm2Start(**WORDS, cwd="/b")
NO_DAEMON = RunAnswer(exit_code=0, stdout=b'{"daemon": false}')
DEAD = {"pid": 0, "born": 0}
TRACE = """/b/dist/index.js:3
throw new Error('no licence')
^

Error: no licence
    at Timeout._onTimeout (/b/src/index.ts:31:3)

Node.js v20.20.2
"""


def judged(check, answer: RunAnswer):
    answers = Answers({check.processes: answer})
    return check.judge(answers, answers)


@pytest.mark.parametrize(
    ("answer", "runs", "lives"),
    [
        (said(process()), True, True),
        (said(process(status="stopped", **DEAD)), False, True),
        (said(process(status="stopped", **DEAD), process(id=1)), True, True),
        (said(process(status="stopped", again=1, **DEAD)), True, False),
        (said(process(status="errored", **DEAD)), True, False),
        (said(process(status="waiting restart", **DEAD)), True, False),
        (said(process(again=3)), True, False),
        (said(process(), process(id=1, again=1)), True, False),
        (said(), False, True),
        (NO_DAEMON, False, True),
    ],
)
def test_an_app_that_is_not_run_is_told_from_one_that_dies(answer, runs, lives):
    assert judged(STARTED, answer).healthy is runs
    assert judged(STABLE, answer).healthy is lives


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (TRACE, "Error: no licence"),
        (TRACE + TRACE.replace("no licence", "no disk"), "Error: no disk"),
        ("TypeError [ERR_X]: bad\n    at f\n", "TypeError [ERR_X]: bad"),
        ("listening\nport is taken\n\nNode.js v20.20.2\n", "port is taken"),
        ("", ""),
    ],
)
def test_what_an_app_died_of_is_what_its_log_says_last(text, reason):
    finding = judged(STABLE, said(process(status="errored", code=1, **DEAD), logs=(log(text),)))
    assert finding.facts == {"reason": reason, "codes": [1]}
    assert (reason or "its log says nothing of why") in finding.seen


def test_a_log_that_is_older_than_the_last_start_says_nothing_of_the_last_death():
    old = log(TRACE, changed=4000.0)
    assert judged(STABLE, said(process(status="errored", **DEAD), logs=(old,))).facts["reason"] == ""
    dying = said(process(again=2), logs=(old,))
    assert judged(STABLE, dying).facts["reason"] == "Error: no licence", "the one before it died a moment ago"


def planned(action: Pm2Start, processes: RunAnswer, *, file: bool = True):
    answers = {action.processes: processes}
    return action.plan(
        Answers(answers | {one: RunAnswer(exit_code=int(not file)) for one in action.there}, "web1")
    )


@pytest.mark.parametrize(
    "answer",
    [said(process()), said(process(status="errored", **DEAD)), said(process(status="launching", **DEAD))],
)
def test_what_pm2_runs_or_tries_to_is_not_started(answer):
    assert planned(START, answer) == ()


def test_a_start_says_what_it_is_made_from_and_how_it_is_taken_back():
    (new,) = planned(START, said())
    assert new.script == "pm2 start /b/ecosystem.config.js --only web"
    assert "deleted" in new.way_back_note
    (again,) = planned(START, said(process(status="stopped", **DEAD)), file=False)
    assert (again.script, again.way_back_note) == ("pm2 restart web", "stopped again")


def test_nothing_is_started_without_a_definition_or_without_leave_to_start_pm2():
    with pytest.raises(Failed, match="there is no such file"):
        planned(START, said(), file=False)
    assert planned(START.model_copy(update={"script": "dist/index.js"}), said(), file=False)
    with pytest.raises(Failed, match="daemon: true"):
        planned(START, NO_DAEMON)
    (change,) = planned(START.model_copy(update={"daemon": True}), NO_DAEMON)
    assert "pm2 itself is started" in change.notes


@pytest.mark.parametrize(("mode", "away"), [("cluster_mode", False), ("fork_mode", True)])
def test_a_reload_says_whether_the_app_will_be_away(mode, away):
    action = Pm2Reload(**WORDS)
    answers = {
        action.processes: said(process(mode=mode)),
        action.newest: RunAnswer(exit_code=0, stdout=b"9 dist\n"),
    }
    (change,) = action.plan(Answers(answers, "web1"))
    assert change.script == "pm2 reload web"
    assert ("so this is a restart" in change.notes[1]) is away


@pytest.mark.parametrize(
    ("since", "newest", "tried"),
    [
        ((5000.0,), "4.9 dist\n", True),
        ((5000.0,), "5.1 dist\n", False),
        ((5000.0, 4000.0), "4.9 dist\n", False),
    ],
)
def test_a_build_was_tried_where_every_process_began_with_it(since, newest, tried):
    seen = read_seen("web", said(*(process(since=one) for one in since)))
    assert was_tried(seen, RunAnswer(exit_code=0, stdout=newest.encode())) is tried
    assert not was_tried(read_seen("web", said()), RunAnswer(exit_code=0, stdout=newest.encode()))
