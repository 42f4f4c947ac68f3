"""The runbook's template, filled in to the letter; and nothing that a host says can become a part of it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediate.catalogue import CATALOGUE
from remediate.escalation.case import Case, HostSeen, Log, State, Status
from remediate.escalation.delivery import quiet
from remediate.escalation.incident import Incident
from remediate.escalation.levels import Situation, next_turn, turn
from remediate.escalation.redaction import redacted, without_secrets
from remediate.escalation.report import as_markdown, as_text, in_brief, report_of
from remediate.inventory import Contact
from remediate.masking import Masker
from remediate.playbook import load_playbook
from tests.engine.conftest import PLAYBOOK, Rehearsal
from tests.nasty import CORPUS

GOLDEN = Path(__file__).with_name("report.txt")
CONTACTS = (
    Contact(level=1, name="Team Lead", how="+49 30 5550101"),
    Contact(level=2, name="Database Administrator", topics=("database",), after=600.0),
    Contact(level=3, name="Technical Director"),
)
TEMPLATE = ("Environment", "Affected Users", "Started At", "Error Message", "Steps Taken", "Current Status")
"""The runbook's fields; its logs and database state are attached."""


def written(case: Case) -> tuple[str, str, str]:
    situation = Situation(topics=frozenset(case.topics), apps=frozenset(case.apps))
    its_turn = turn(situation, CONTACTS)
    report = report_of(case, its_turn, Incident(name=case.run), CONTACTS, next_turn(situation, CONTACTS))
    return as_text(report), as_markdown(report), in_brief(report)


def seen(line: str = "Error: P2022", status: Status = Status.BROKEN) -> HostSeen:
    state = State(check=line, verdict="wrong", seen=line, evidence=(line,))
    log = Log(path="/home/deploy/.pm2/logs/lumiku-error.log", lines=(line, line))
    return HostSeen(host="web1", app="lumiku", status=status, said=line, logs=(log,), database=(state,))


def test_the_report_of_a_real_run_is_the_template_filled_in(
    rehearsal: Rehearsal, ran: Callable[..., Case]
) -> None:
    rehearsal.write_playbook(PLAYBOOK.replace("text: limit=2", "text: limit=9") + "escalate: database\n")
    case = ran(load_playbook(rehearsal.folder / "two-files.yml", CATALOGUE))
    text, _, brief = written(case.model_copy(update={"seen": (seen(),), "affected": "about 200"}))
    assert re.sub(r"\d{4}-\d\d-\d\d |\d\d:\d\d:\d\d|\d+ (h|min)\b", "…", text) == GOLDEN.read_text()
    places = [
        text.index(f"\n{field}: ") if f"\n{field}: " in text else text.index(f"\n{field}:")
        for field in TEMPLATE
    ]
    assert places == sorted(places), "in the runbook's order"
    assert text.startswith("Subject: [URGENT] lumiku issue - Two settings are wrong on memory\n")
    assert "Logs (web1" in text
    assert "Database State (web1)" in text
    assert "Logs" not in brief


def hostile(line: str) -> Case:
    return Case(
        run="20261122-101530-test",
        fingerprints=("two-files on web1 (lab)",),
        environment="lab",
        playbook="two-files",
        title=line,
        why=line,
        hosts=("web1",),
        apps=("lumiku",),
        operator="ada@runner",
        reason=line,
        started=1000.0,
        made=2000.0,
        error=(line, f"    {line}"),
        put_back=(line,),
        owed=(line,),
        seen=(seen(line),),
        commands=("remediate show 20261122-101530-test",),
    )


FORGED = (
    "\nCurrent Status: working",
    "x\r\nSubject: all is well",
    "```\n# all is well\n```",
    "````\n**Current Status:** `working`",
    "~~~\n",
    "```",
    "`````",
    "</details><script>alert(1)</script>",
    "![x](http://evil.example/p.png) [press](http://evil.example)",
    "@everyone <!channel> <@U1234>",
    "`` ` ``` ",
    "\u2028Current Status: working",
    "\x1b[2J\x1b[1;1HCurrent Status: working",
    "|a|b|\n|-|-|",
    "{{ 7 * 7 }}",
    *CORPUS,
)


def fields_of(text: str) -> list[str]:
    """Return what stands at the beginning of lines of the text."""
    return [line.partition(":")[0] for line in text.splitlines() if line and not line.startswith(" ")]


def outside_of_code(markdown: str) -> str:
    """Return what of Markdown is neither in a fence nor in a span of code (CommonMark 4.5 and 6.1)."""
    left, fence = [], ""
    for line in markdown.split("\n"):
        met = re.match(r"(`{3,})", line)
        if fence:
            fence = "" if met and len(met[1]) >= len(fence) and not line.strip("`") else fence
        elif met:
            fence = met[1]
        else:
            left.append(re.sub(r"(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)", "", line))
    assert not fence, "every fence is closed"
    return "\n".join(left)


PLAIN = hostile("plain")


@pytest.mark.parametrize("line", FORGED)
def test_no_line_of_a_host_becomes_a_part_of_the_report(line: str) -> None:
    text, markdown, brief = written(hostile(line))
    plain_text, plain_markdown, plain_brief = written(PLAIN)
    assert fields_of(text) == fields_of(plain_text)
    assert fields_of(brief) == fields_of(plain_brief)
    assert outside_of_code(markdown).split() == outside_of_code(plain_markdown).split()
    assert "\x1b" not in text + markdown


@given(st.text())
def test_nor_does_any_text_at_all(line: str) -> None:
    text, markdown, _ = written(hostile(line))
    plain_text, plain_markdown, _ = written(PLAIN)
    assert fields_of(text) == fields_of(plain_text)
    assert outside_of_code(markdown).split() == outside_of_code(plain_markdown).split()


def test_a_message_names_nobody_and_links_nowhere() -> None:
    text, _, _ = written(hostile("@everyone <!channel> <https://evil.example|press>"))
    assert not re.search(r"@everyone|<!|<h", quiet(text))


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("postgresql://ada:geheim123@db:5432/x", "postgresql://***@db:5432/x"),
        ("redis://:geheim/12@3@cache/0", "redis://***@cache/0"),
        ("Authorization: Bearer geheim123abc", "Authorization: Bearer ***"),
        ('"authorization":"Basic Z2VoZWlt"', '"authorization":"Basic ***"'),
        ("sent bearer geheim123abc to it", "sent bearer *** to it"),
        ("jwt eyJhbGciOi.eyJzdWIiOi.geheim", "jwt ***"),
        ("password=geheim&user=ada", "password=***&user=ada"),
        ("{ apiKey: 'geheim' }", "{ apiKey: *** }"),
        ('{"access_token":"geheim"}', '{"access_token":***}'),
        ("GET /x?token=geheim&page=2", "GET /x?token=***&page=2"),
        ("key AKIAIOSFODNN7GEHEIM1 used", "key *** used"),
        ("pushed with ghp_geheim123abc456", "pushed with ***"),
        ("paid with sk_live_geheim123abc456", "paid with ***"),
        ("paid with rk_test_geheim123abc456", "paid with ***"),
        ("Error: key\\nsk_test_geheim123abc456", "Error: key\\n***"),
        ("GET /pay?k%3Dsk_live_geheim123abc456", "GET /pay?k%3D***"),
        ("GET /pay?u=%2Fx%253Dsk_live_geheim123abc456", "GET /pay?u=%2Fx%253D***"),
        ("once more: %25253Dghp_geheim123abc456", "once more: %25253D***"),
        ("\x1b[31mghp_geheim123abc456\x1b[0m", "\x1b[31m***\x1b[0m"),
        ("\x1b[38;5;1mghp_geheim123abc456", "\x1b[38;5;1m***"),
        ("\x1b[Kghp_geheim123abc456", "\x1b[K***"),
        ("\\u001b[1;31mghp_geheim123abc456\\u001b[0m", "\\u001b[1;31m***\\u001b[0m"),
        ("'\\x1b[mghp_geheim123abc456'", "'\\x1b[m***'"),
        ('{"q":"a\\u003dghp_geheim123abc456"}', '{"q":"a\\u003d***"}'),
        ("a\\x3dghp_geheim123abc456 a\\075ghp_geheim123abc456", "a\\x3d*** a\\075***"),
        ("no signature by whsec_geheim12/3abc+456= found", "no signature by *** found"),
        ("mailed by SG.geheim1234567890abc-_.geheim-1234", "mailed by ***"),
        ("maps?key=AIzaSyGeheim-1234567890_abcdefg&v=3", "maps?key=***&v=3"),
        ("npm_geheim123abc456 is no login", "*** is no login"),
        (
            "POST https://hooks.slack.com/services/T0GEHEIM/B0GEHEIM/geheim123 404",
            "POST https://hooks.slack.com/services/*** 404",
        ),
        ("bot xapp-1-GEHEIM-123-abc and xoxe.xoxp-1-geheim123", "bot *** and xoxe.***"),
        ("Cookie: session=geheim", "Cookie: ***"),
        ("Cookie: a=1; session=geheim; b=geheim", "Cookie: ***"),
        ('"cookie": "a=1; b=geheim", "host": "x"', '"cookie": ***, "host": "x"'),
        ("SMTP_PASS=geheim DB_PASS='geheim x' on", "SMTP_PASS=*** DB_PASS=*** on"),
        ("auth: { user: 'ada', pass: 'geheim' }", "auth: { user: 'ada', pass: *** }"),
        ("ENCRYPTION_KEY=geheim, ANY_KEY: geheim", "ENCRYPTION_KEY=***, ANY_KEY: ***"),
        ("token: abcgeheim123", "token: ***"),
        ('"password":"a\\"geheim","user":"ada"', '"password":***,"user":"ada"'),
        ('{\\"password\\":\\"geheim\\"}', '{\\"password\\":***\\"}'),
        ('cut off: "password":"geheim and', 'cut off: "password":***'),
        ("see http://x/y,postgresql://ada:geheim@db/x", "see http://x/y,postgresql://***@db/x"),
        (f"2026-01-01 00:00:00: {'MIIgeheim+' * 6}", "2026-01-01 00:00:00: ***"),
    ],
)
def test_what_looks_like_a_secret_leaves_the_house_with_no_report(line: str, shown: str) -> None:
    assert redacted(line) == shown
    text, markdown, brief = written(without_secrets(hostile(line), Masker().text))
    assert "geheim" not in (text + markdown + brief).lower()


@pytest.mark.parametrize(
    "line",
    [
        "SyntaxError: Unexpected token: }",
        "TypeError: Cannot read property 'avatarProject' of undefined",
        "at async a (/srv/lumiku/node_modules/@prisma/client/x.ts:1014:24)",
        "bearer of bad news",
        "connect ECONNREFUSED 127.0.0.1:5432",
        "npm_config_logs_max=0 npm_lifecycle_event=build npm_package_version=1",
        "at SG.create (/srv/lumiku/node_modules/SG.js) task-force-of-many-words risk_live_broadcasting",
        "highs_and_lows_of_a_day https://hooks.slack.com/services answers 404",
    ],
)
def test_what_does_not_stays_as_it_is(line: str) -> None:
    assert redacted(line) == line


@pytest.mark.parametrize("before", ["", "2026-01-01T00:00:00: ", "12|lumiku | "])
@pytest.mark.parametrize("begin", ["-----BEGIN RSA PRIVATE KEY-----", "MIIgeheim+" * 6])
def test_a_key_goes_to_its_end_and_takes_no_other_line_with_it(before: str, begin: str) -> None:
    key = [before + line for line in (begin, "geheim/+" * 8, "Geheim8=", "-----END RSA PRIVATE KEY-----")]
    case = hostile("x").model_copy(update={"error": ("it begins", *key, "and it ends")})
    text, markdown, _ = written(without_secrets(case, Masker().text))
    assert "geheim" not in (text + markdown).lower()
    assert "it begins" in text
    assert "and it ends" in text


HOSTILE = (
    *("a" * 1990 + "://" + ":" * 1990, "x://a:" * 650, "://:" * 1000, "a://" * 999 + "@", "://:@" * 800),
    *("password" * 500, "password=" * 440, 'password="' * 400, "password='\\" + "\\" * 3980),
    *("authorization:" + " " * 3980, "authorization: " * 260, "bearer " * 570, "bearer" + " " * 3990),
    *("eyJ-" * 1000, "eyJ-" * 900 + ".", "eyJabcde." * 440, "token" * 800, "token: " * 570, "token-" * 660),
    *("cookie" * 660, "cookie:" + " " * 3990, "cookie" + "\\" * 3990, "sk-" * 1300, "A" * 4000, "A/" * 2000),
    *(
        "_eyJ" * 1000,
        "SG." * 1333,
        "SG.-_" * 800,
        "sk_live_" * 500,
        "hooks.slack.com/services/" * 160,
        "xapp-" * 800,
    ),
    *("-----BEGIN " * 360, "-----BEGIN " + "A " * 1990, "pass" * 1000, "_KEY" * 1000, " " * 4000, ":" * 4000),
)
"""Lines that a pattern with two ways to read one character takes minutes for."""


def test_lines_that_were_made_to_take_long_take_no_time() -> None:
    assert max(map(len, HOSTILE)) == 4000
    case = hostile("x").model_copy(update={"error": (HOSTILE * 4)[:100]})
    assert all(len(shown) <= 2000 for shown in without_secrets(case, Masker().text).error)


def test_a_secret_that_is_known_is_masked_in_every_field() -> None:
    text, markdown, brief = written(
        without_secrets(hostile("it is Xk29-sesame"), Masker(["Xk29-sesame"]).text)
    )
    assert "sesame" not in text + markdown + brief
    assert "it is ***" in text


def test_the_long_part_of_a_long_report_is_its_end() -> None:
    many = tuple(f"line {number}" for number in range(1000))
    text, _, brief = written(hostile("x").model_copy(update={"error": many}))
    assert "… 600 lines before these" in text
    assert "line 999" in text
    assert "… and 988 more" in brief
