"""The report that nobody asked for: every field of the runbook's template, after healing and after an alarm."""

import html
import json
import re
import time
from pathlib import Path

import pytest

from remediate.cli import app, calling, escalating
from remediate.errors import JournalError
from remediate.escalation.delivery import Message, Sent
from remediate.inventory import load_inventory
from remediate.journal import Journal, Operator, RunHeader
from remediate.masking import Masker
from remediate.providers.pm2_host import PM2_SCRIPT
from remediate.providers.sql_corrupted import AMCHECK, Corrupted
from remediate.questions import QueryAnswer, RunAnswer, Unanswered
from remediate.watching.concerns import Concern
from remediate.watching.remembered import Memory
from remediate.watching.ward import Note, Turned
from tests.cli.test_escalating import CONTACTS, ENV, logs
from tests.cli.test_healing import COLOUR, CONFIG, FAILING, GREEN, RED, Ward, killed_half_way, ward
from tests.engine.conftest import LIMITS
from tests.laws.memory import File, State

__all__ = ["ward"]
HEALTH = """
name: health
title: Whether it is well
kind: tool
on: backend
diagnose: [{name: the process is online, pm2.online: {}}]
stable: 0s
"""
SCHEMA = """
name: schema-validate
title: Whether the database is as it is meant
kind: tool
on: backend
diagnose:
  - {name: every table is there, files.contains: {path: /srv/app/limits.ini, text: limit}}
  - {name: every column is there, files.contains: {path: /srv/app/limits.ini, text: personaName}}
stable: 0s
"""


def broken(state: State, args: tuple[str, ...]) -> RunAnswer:
    """What pm2 says of an app that has given up."""
    seen = json.loads(logs(state, args).stdout)
    seen["processes"][0] |= {"status": "errored", "pid": 0, "born": 0}
    return RunAnswer(exit_code=0, stdout=json.dumps(seen).encode())


@pytest.fixture
def called(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    """What contacts were told; their hosts have a broken app, a log and tools that look at both."""
    inventory = ward.here / "inventory" / "lab.yml"
    inventory.write_text(inventory.read_text() + CONTACTS)
    (ward.here / "inventory" / "pager").write_text("json://127.0.0.1:1/x\n")
    for book in (HEALTH, SCHEMA):
        ward.book(book)
    for world in ward.worlds.values():
        world.scripts[PM2_SCRIPT] = broken
        world.state.files["/srv/app/backend/.env"] = File(ENV)
    told: list[Message] = []

    def send(urls: list[str], message: Message) -> list[Sent]:
        told.append(message)
        return [Sent(taken=True) for _ in urls]

    monkeypatch.setattr(escalating, "send", send)
    return told


Parts = dict[str, tuple[str, list[str]]]


def parts_of(path: Path) -> Parts:
    """Return the fields of a report's file: what stands beside each, and what below it."""
    text = html.unescape(path.read_text()).replace("\u200b", "")
    assert re.search(r"^Subject: \[URGENT\] lumiku-backend issue - ", text, re.MULTILINE)
    pieces = re.split(r"^\*\*(.+?):\*\*(.*)$", text, flags=re.MULTILINE)[1:]
    found = zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True)
    return {name: (value.strip(" `"), _below(lines)) for name, value, lines in found}


def _below(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("```")]


def only_report(ward: Ward) -> Parts:
    (path,) = (ward.state / "escalations").iterdir()
    return parts_of(path)


def assert_attached(parts: Parts) -> None:
    """The log's last hundred lines and the schema validator's table are there, without secrets."""
    path, lines = parts["Logs (web1, last 100 lines)"]
    assert (path, len(lines)) == ("/var/log/error.log", 100)
    assert "Error: P2022 with the token ***" in lines
    table = parts["Database State (web1)"][1]
    assert table[0].startswith("✓ every table is there: ")
    assert table[1].startswith("✗ every column is there: ")
    said = str(parts)
    assert not any(secret in said for secret in ("canary-token-1", "Xk29sesame", "geheim"))


def test_the_report_of_a_cure_that_did_not_hold_has_every_field_of_the_template(
    ward: Ward, called: list[Message]
) -> None:
    ward.book(FAILING)
    inventory = ward.here / "inventory" / "lab.yml"
    inventory.write_text(re.sub(r"(?m)^ +web2: .*\n", "", inventory.read_text()))
    assert ward.heals()[0] == 1
    parts = only_report(ward)
    assert parts["Environment"][0] == "lab"
    assert parts["Affected Users"][0] == "all users of lumiku-backend: it is broken on every host"
    assert re.match(
        r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC, 0 min before this report; run ", parts["Started At"][0]
    )
    assert parts["Current Status"][0] == "broken"
    assert any(
        line.startswith("web1: lumiku-backend: broken (the process is online: ")
        for line in parts["Current Status"][1]
    )
    error = parts["Error Message"][1]
    assert f"colour on web1 (lab): the colour is green: 'colour=green' is not in {CONFIG}" in error
    assert any(line.startswith("    web1: not cured after ") for line in error)
    done = parts["Steps Taken"][1]
    assert any("ruled on colour" in line for line in done)
    assert any("set the colour: replace a" in line and line.endswith("done, then put back") for line in done)
    assert any("ended: rolled back" in line for line in done)
    assert parts["Put Back"][1] == [f"web1: replace a text in {CONFIG}"]
    assert parts["Still Owed"] == ("nothing", [])
    assert parts["Contacts"][0] == "level 1, Team Lead (what could be tried did not cure it)"
    assert [line[:2] for line in parts["Contacts"][1]] == ["->", "  ", "  "]
    assert parts["Next level"][0].startswith(
        "level 3, Technical Director (an outage of more than 15 minutes), after "
    )
    assert parts["Told"][1] == ["Team Lead by json: reached"]
    assert len(called) == 1
    assert_attached(parts)


def test_the_report_of_what_an_earlier_healer_left_tells_what_is_owed(
    ward: Ward, called: list[Message]
) -> None:
    killed_half_way(ward)
    assert ward.does("stop", "--all", "--reason", "INC-1")[0] == 0
    assert ward.heals()[0] == 7
    parts = only_report(ward)
    begun = f"web1: replace a text in {LIMITS} (begun, and nothing was heard of it)"
    assert parts["Still Owed"][1] == [begun, f"web1: replace a text in {CONFIG} (done)"]
    assert any(
        "set the colour: replace a text" in line and line.endswith("done") for line in parts["Steps Taken"][1]
    )
    assert parts["Error Message"][1][0].startswith("web1: ")
    assert "healing is stopped" in parts["Error Message"][1][0]
    assert any(re.fullmatch(r"remediate rollback \S+", line) for line in parts["Next"][1])
    assert_attached(parts)


def test_what_an_earlier_healer_left_and_this_one_put_back_is_told(ward: Ward, called: list[Message]) -> None:
    killed_half_way(ward)
    ward.policy("auto: {allowed: true, cooldown: 1h}")
    assert ward.heals()[0] == 8
    parts = only_report(ward)
    assert f"web1: replace a text in {CONFIG}" in parts["Put Back"][1]
    assert parts["Still Owed"] == ("nothing", [])
    killed = r"its healer was killed \(run \S+\), and what it had changed is put back"
    again = r"the fault will be tried again after 20\d\d-\d\d-\d\d \d\d:\d\d.*, by watch or the next heal"
    assert re.search(f"{killed}; {again}$", parts["Why a person"][0])
    assert any(re.search(killed, line) for line in parts["Steps Taken"][1])


def test_the_report_of_an_alarm_that_no_playbook_explains_has_every_field_of_the_template(
    ward: Ward, called: list[Message]
) -> None:
    seen = "91 % of / is used"
    header = RunHeader(
        run="watch", command="watch", playbook="", playbook_path="", environment="lab", inventory_path="",
        operator=Operator(user="watch", machine="runner"), reason="", hosts=("web1",),
    )  # fmt: skip
    with Journal.open(ward.state, Masker()) as journal:
        lab = load_inventory(ward.here / "inventory" / "lab.yml")
        concern = Concern("lab", "web1", "rule:disk", time.time() - 600, seen=seen)
        run = Memory(journal, header).call(Note(Turned.BEYOND, concern), lab, time.time())
    code, out, err = ward.does("escalate", run)
    assert code == 0, out + err
    parts = only_report(ward)
    assert out.startswith("Subject: [URGENT] lumiku-backend issue - The disk is nearly full on web1\n")
    assert parts["Environment"][0] == "lab"
    assert parts["Affected Users"][0] == "not known", "nobody has looked at the other host"
    assert ", 10 min before this report; " in parts["Started At"][0]
    assert f"; run {run} of rule:disk by watch@runner, because " in parts["Started At"][0]
    assert parts["Error Message"][1][0] == f"web1: rule:disk: {seen}"
    assert parts["Steps Taken"][1][0].endswith("web1 looked: no cure; 1 of 1 checks found something")
    assert parts["Current Status"][0] == "broken"
    assert [parts[name] for name in ("Put Back", "Still Owed")] == [("nothing", [])] * 2
    assert parts["Contacts"][0] == "level 1, Team Lead (what could be tried did not cure it)"
    assert parts["Contacts"][1][0].startswith("-> level 1 Team Lead")
    assert parts["Told"][1] == ["Team Lead by json: reached"]
    assert_attached(parts)


INDEX = Corrupted(table="avatars")
BOOK = """
name: broken-index
title: An index is broken
on: backend
diagnose: [{name: the indexes are whole, sql.corrupted: {table: avatars}}]
escalate: application
"""


def test_corrupted_indexes_that_healing_finds_call_the_highest_level_at_once(
    ward: Ward, called: list[Message]
) -> None:
    (ward.here / "playbooks" / "colour.yml").unlink()
    ward.book(BOOK)
    amcheck = QueryAnswer(columns=("schema_name", "may"), rows=(("public", True),))
    listed = QueryAnswer(columns=("oid", "name", "bytes"), rows=((1, "avatars_name", 8192),))
    broken = Unanswered(reason="XX001 (data_corrupted)", state="XX001")
    answers = {
        AMCHECK.sql: amcheck,
        INDEX.there.sql: QueryAnswer(columns=("exists",), rows=((True,),)),
        INDEX.indexes.sql: listed,
        INDEX.nth(0).sql: broken,
    }
    ward.worlds["web1"].queries = {sql: lambda *_, one=one: one for sql, one in answers.items()}
    assert ward.heals()[0] == 8
    parts = only_report(ward)
    assert parts["Contacts"][0] == "level 3, Technical Director (data are corrupted)"
    assert "1 of 1 indexes of avatars are broken: avatars_name" in parts["Error Message"][1][0]


def test_whoever_was_called_stands_in_the_last_json_line_and_on_the_jobs_page(
    ward: Ward, called: list[Message]
) -> None:
    ward.book(FAILING)
    page = ward.here / "page.md"
    code, healed = ward.told("--summary", str(page))
    (report,) = (ward.state / "escalations").iterdir()
    told = healed["escalation"]
    assert (code, told["file"], told["level"], told["problems"]) == (1, str(report), 1, [])
    assert [one["name"] for one in told["called"]] == ["Team Lead"]
    assert [(one["contact"], one["delivered"]) for one in told["told"]] == [("Team Lead", True)]
    assert len(called) == 1
    written = html.unescape(page.read_text())
    assert f"- the report is in {report}" in written
    assert "- Team Lead by json: told" in written


def test_where_nobody_is_called_the_last_json_line_says_so(ward: Ward, called: list[Message]) -> None:
    ward.book(COLOUR.replace("allowed: true", "allowed: false"))
    code, healed = ward.told("--propose")
    assert (code, healed["escalation"], called) == (3, None, [])
    ward.write(CONFIG, GREEN)
    code, healed = ward.told()
    assert (code, healed["escalation"], called) == (0, None, [])


@pytest.mark.parametrize("error", [JournalError("the log", "is full", "make room"), KeyboardInterrupt()])
def test_a_call_that_fails_keeps_nobody_from_reading_what_it_came_to(
    ward: Ward, called: list[Message], monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    ward.book(FAILING)

    def refused(*_: object, **named: object) -> None:
        raise error

    monkeypatch.setattr(calling, "case_of_healing", refused)
    monkeypatch.setattr(app, "_leave_at_once", lambda: None)
    page = ward.here / "page.md"
    code, healed = ward.told("--summary", str(page))
    by_signal = isinstance(error, KeyboardInterrupt)
    assert code == (app.INTERRUPTED if by_signal else 1)
    assert healed["hosts"]["web1"]["outcome"] == "rolled back"
    (problem,) = healed["escalation"]["problems"]
    assert ("second signal" if by_signal else "is full") in problem
    assert problem in html.unescape(page.read_text())
    assert called == []


def test_a_damaged_entry_of_an_older_run_is_told_in_the_report_and_the_call_goes_out(
    ward: Ward, called: list[Message]
) -> None:
    killed_half_way(ward)
    with Journal.open(ward.state, Masker()) as journal:
        older = next(one for one in journal.runs() if one.owed)
        run, seq = older.header.run, journal.append(older.header.run, "web1", "looked", {"findings": 5})
    assert ward.does("stop", "--all", "--reason", "INC-1")[0] == 0
    code, healed = ward.told()
    assert (code, len(called)) == (7, 1)
    assert healed["escalation"]["problems"] == []
    parts = only_report(ward)
    (owed,) = parts["Still Owed"][1]
    damaged = f"the record of run {run} cannot be read whole, and is left out: the audit log: entry {seq} is damaged"
    assert owed.startswith(f"2 of its changes; {damaged}")
    assert any(damaged in line for line in parts["Steps Taken"][1])
    assert f"remediate rollback {run}" in parts["Next"][1]


def test_a_log_that_nobody_can_read_any_more_keeps_no_call_from_going_out(
    ward: Ward, called: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    ward.book(FAILING)
    read = calling._records

    def gone(*_: object) -> None:
        raise JournalError("the audit log", "cannot be read", "look at the disk")

    def records(*words: object) -> object:
        monkeypatch.setattr(Journal, "runs", gone)
        return read(*words)

    monkeypatch.setattr(calling, "_records", records)
    code, healed = ward.told()
    assert (code, len(called)) == (1, 1)
    assert healed["escalation"]["told"][0]["delivered"]
    (owed,) = only_report(ward)["Still Owed"][1]
    assert owed.startswith("what runs did and owe is not known: the audit log: cannot be read")


SAID = f"""
name: said
title: The settings say something
on: backend
diagnose: [{{name: nothing is said, files.contains: {{path: {CONFIG}, text: colour=, absent: true}}}}]
escalate: application
"""


def test_a_fault_without_a_cure_has_its_evidence_in_the_report_and_not_in_the_lines(
    ward: Ward, called: list[Message]
) -> None:
    (ward.here / "playbooks" / "colour.yml").unlink()
    ward.book(SAID)
    ward.write(CONFIG, b"".join(b"colour=red %d canary-token-1\n" % number for number in range(3)))
    code, said = ward.heals()
    assert code == 8
    error = only_report(ward)["Error Message"][1]
    assert error[0].startswith("said on web1 (lab): nothing is said: ")
    assert [one.strip() for one in error[1:4]] == [f"{CONFIG}:{n}: colour=red {n - 1} ***" for n in (1, 2, 3)]
    assert "colour=red 1" not in said
    assert "canary-token-1" not in str(error)


def test_no_time_at_all_is_told_as_that_and_not_as_nothing_to_do(ward: Ward, called: list[Message]) -> None:
    code, said = ward.heals("--within", "0s")
    assert (code, ward.content(), len(called)) == (8, RED, 1)
    assert "heal lab: nothing was tried, and not all is well (0 rounds, " in said
    assert "nothing to do" not in said
    late = "nothing was tried against colour: the 0 s for healing were over; give it more with --within"
    assert f"web1  = no cure: a person is needed for: colour ({late})" in said
    assert called[0].subject.startswith(
        "[URGENT] lumiku-backend issue - something is wrong, and nothing more was tried on web1"
    )
    ward.write(CONFIG, GREEN)
    assert "heal lab: nothing to do (0 rounds, " in ward.heals("--within", "0s")[1]
