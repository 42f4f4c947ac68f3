"""A message is brought to real services on loopback, three times at most, and no URL comes out of it."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from remediate.clock import Clock
from remediate.escalation import sending
from remediate.escalation.delivery import PAUSES, Address, Message, Sent, deliver, quiet, secrets_in
from remediate.escalation.sending import LACKING, send
from remediate.masking import Masker
from tests.escalation.services import PASSWORD, TOKEN, hook, mail_server

MESSAGE = Message(
    subject="[URGENT] lumiku issue - Two settings are wrong",
    whole="Environment: lab\n    web1  <b>all @everyone</b>\n",
    brief="Environment: lab\n",
)


class Waiting:
    """A clock by hand, which counts what is waited."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    @property
    def clock(self) -> Clock:
        return Clock(lambda: 0.0, lambda: 0.0, self.waited.append)


def test_it_reaches_a_mail_server_and_a_web_hook_and_tells_who_does_not_answer() -> None:
    with hook() as good, hook(503) as bad, mail_server() as post:
        urls = [good.url, post.url, f"{post.url}&format=html", bad.url, "json://127.0.0.1:1/x", "nonsense"]
        sent = send(urls, MESSAGE)
    assert [(one.taken, one.again) for one in sent] == [
        (True, True),
        (True, True),
        (True, True),
        (False, True),
        (False, True),
        (False, False),
    ]
    assert good.posted[0]["title"] == MESSAGE.subject
    assert good.posted[0]["message"] == MESSAGE.whole.rstrip("\n")
    plain, page = post.mails
    assert plain["Subject"] == MESSAGE.subject
    assert plain["To"] == "lead@example.org"
    assert plain.get_content_type() == "text/plain"
    assert plain.get_content().splitlines() == MESSAGE.whole.splitlines()
    html = page.get_body(("html",)).get_content()
    assert "Environment:" in html
    assert "<b>" not in html, "what a host said is no part of a page"
    said = " ".join(one.why for one in sent)
    assert "503" in said
    assert "apprise knows no such URL" in said
    masker = Masker(part for url in (good.url, bad.url, post.url) for part in secrets_in(url))
    assert not any(secret in masker.text(said) for secret in (PASSWORD, TOKEN, bad.url))


def test_what_is_too_long_for_a_service_is_brief_with_the_whole_as_a_file(tmp_path: Path) -> None:
    file = tmp_path / "run.md"
    file.write_text("# all of it\n")
    long = MESSAGE.model_copy(update={"whole": "x" * 40_000, "file": str(file)})
    with hook() as there:
        (sent,) = send([there.url], long)
    assert sent.taken
    assert there.posted[0]["message"] == MESSAGE.brief.rstrip("\n")
    (attached,) = there.posted[0]["attachments"]
    assert attached["filename"] == "run.md"


def test_a_service_is_tried_three_times_with_growing_pauses() -> None:
    waiting, tried = Waiting(), []
    answers = {
        "json://a": iter([False, False, True]),
        "json://b": iter([False, False, False]),
        "json://c": iter([True]),
    }

    def once(urls: Sequence[str], _: Message) -> list[Sent]:
        tried.append(list(urls))
        return [Sent(taken=next(answers[url]), why="no") for url in urls]

    addresses = [Address("Ada", "json://a"), Address("Bob", "json://b"), Address("Eve", "json://c")]
    told = deliver(addresses, MESSAGE, once, waiting.clock)
    assert [(one.contact, one.delivered, one.tries) for one in told] == [
        ("Ada", True, 3),
        ("Bob", False, 3),
        ("Eve", True, 1),
    ]
    assert tried == [["json://a", "json://b", "json://c"], ["json://a", "json://b"], ["json://a", "json://b"]]
    assert waiting.waited == list(PAUSES)
    assert PAUSES[1] > PAUSES[0]


def test_what_no_further_try_can_help_is_tried_once() -> None:
    waiting = Waiting()
    (told,) = deliver(
        [Address("Ada", "what://x")],
        MESSAGE,
        lambda urls, _: [Sent(taken=False, again=False, why="no such") for _ in urls],
        waiting.clock,
    )
    assert (told.tries, waiting.waited, told.service) == (1, [], "what")


def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "find_spec", lambda _: None)
    (sent,) = send(["json://127.0.0.1:1/x"], MESSAGE)
    assert (sent.taken, sent.again, sent.why) == (False, False, LACKING)


@pytest.mark.parametrize(
    "program",
    ["raise SystemExit(9)", "print('[]')", "print('nonsense')", "import os; os.kill(os.getpid(), 9)"],
)
def test_a_program_that_ends_otherwise_has_delivered_nothing(tmp_path: Path, program: str) -> None:
    path = tmp_path / "program.py"
    path.write_text(program)
    (sent,) = send(["json://127.0.0.1:1/x"], MESSAGE, program=path)
    assert (sent.taken, sent.again) == (False, True)
    assert sent.why


HANGING = """
import json, sys, time
for url in json.load(sys.stdin)["urls"]:
    if url == "hangs":
        time.sleep(600)
    open(url.partition("#")[0], "a").write(url + chr(10))
    print(json.dumps({"taken": True}), flush=True)
"""


def test_a_service_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "program.py"
    path.write_text("import time; time.sleep(600)")
    monkeypatch.setattr(sending, "PATIENCE", 0.2)
    monkeypatch.setattr(sending, "PATIENCE_EACH", 0.1)
    assert send(["json://127.0.0.1:1/x"], MESSAGE, program=path)[0].why == "it did not answer in time"


def test_one_that_hangs_keeps_no_other_from_being_told_and_none_is_told_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, told = tmp_path / "program.py", tmp_path / "told"
    path.write_text(HANGING)
    monkeypatch.setattr(sending, "PATIENCE", 2.0)
    monkeypatch.setattr(sending, "PATIENCE_EACH", 0.1)
    urls = [f"{told}#a", "hangs", f"{told}#b", f"{told}#c"]
    assert [one.taken for one in send(urls, MESSAGE, program=path)] == [True, False, True, True]
    assert [line.rpartition("#")[2] for line in told.read_text().split()] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("url", "hidden", "shown"),
    [
        (
            "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/alerts",
            "T1JJ3T3L2 TIiajkdnlazkcOXrIdevi7FQ",
            "alerts",
        ),
        (
            "mailto://ada:p%40ss-wörd@smtp.example.org?to=ada@example.org",
            "p%40ss-wörd p@ss-wörd",
            "smtp.example.org",
        ),
        ("pagerduty://A1BRTD4JD0@TIiajkdnlazkcOXr/source", "A1BRTD4JD0 TIiajkdnlazkcOXr", "source"),
        ("json://127.0.0.1:8080/services/hooks?token=abc12345def", "abc12345def", "services hooks 127.0.0.1"),
        (
            "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
            "4174216298 JHMHI8qBe7bk2ZwO5U711o3dV_js",
            "discord",
        ),
        ("tgram://[broken/123456789", "tgram://[broken/123456789", ""),
    ],
)
def test_of_a_url_the_tokens_are_secret_and_words_are_not(url: str, hidden: str, shown: str) -> None:
    masked = Masker(secrets_in(url)).text(f"{url} | {hidden} | {shown}")
    assert not any(secret in masked for secret in hidden.split())
    assert all(word in masked for word in shown.split())


def test_an_address_shows_no_url() -> None:
    assert PASSWORD not in repr(Address("Ada", f"json://a:{PASSWORD}@b"))


def test_a_chat_finds_nobody_to_call_in_a_message() -> None:
    said = quiet("@everyone <!channel> <@U123> <https://evil.example|press here>")
    assert "@everyone" not in said
    assert "<!" not in said
    assert "<@" not in said
    assert "<https" not in said
