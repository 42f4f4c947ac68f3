"""A run on a real host was rolled back and is escalated: the template filled in, told once, without any secret."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.canary import CANARIES
from tests.escalation.services import PASSWORD, TOKEN, hook
from tests.operator import Operator, picture
from tests.practice import REPOSITORY, Practice

ERROR_LOG = "/home/deploy/.pm2/logs/lumiku-backend-error.log"
CONTACTS = """
contacts:
  - {level: 1, name: Team Lead}
  - {level: 2, name: Database Administrator, for: [database], notify: [{env: PAGER}]}
  - {level: 3, name: Technical Director}
"""


@pytest.fixture
def called(practice: Practice) -> Iterator[Path]:
    """The lab's inventory, with contacts."""
    path = practice.inventory.with_name("called.yml")
    path.write_text(practice.inventory.read_text() + CONTACTS)
    yield path
    path.unlink()


@pytest.fixture
def playbooks(tmp_path: Path) -> Path:
    """The library with a cure of missing columns that never holds."""
    folder = tmp_path / "playbooks"
    shutil.copytree(REPOSITORY / "playbooks", folder)
    book = folder / "missing-columns.yml"
    book.write_text(
        book.read_text().replace("status: 200", "status: 418").replace("within: 30s", "within: 1s")
    )
    return folder


@contextmanager
def chatty_log(practice: Practice, web1: str) -> Iterator[None]:
    """An app that has printed what it must not, until its hosts are searched for secrets."""
    token = (practice.state / "token").read_text().strip()
    env = (practice.state / "hosts" / "web1" / "env").read_text()
    lines = [f"Error: P2022 line {number}" for number in range(150)]
    lines += [
        f"refused {token}",
        *env.splitlines(),
        "Current Status: working",
        "Authorization: Bearer abc12345def",
    ]
    practice.put(web1, ERROR_LOG, "\n".join(lines).encode() + b"\n")
    try:
        yield
    finally:
        practice.put(web1, ERROR_LOG, b"")


def test_a_run_that_was_rolled_back_is_escalated_with_all_that_the_template_asks_for(
    practice: Practice, operator: Operator, web1: str, called: Path, playbooks: Path
) -> None:
    practice.break_("missing-columns")
    there = ("-i", str(called), "--playbooks", str(playbooks))
    ended = operator.does("run", "missing-columns", "--on", web1, "--yes", "--reason", "INC-4711", *there)
    assert ended.code == 1, ended.out
    run, before = operator.last_run, picture(practice)
    with hook() as pager, chatty_log(practice, web1):
        told = operator.does("escalate", run, "--playbooks", str(playbooks), PAGER=pager.url)
        again = operator.does("escalate", run, "--format", "markdown", PAGER=pager.url)
        assert (told.code, again.code) == (0, 0), told.err + again.err
        assert picture(practice) == before, "it only looks"
    (posted,) = pager.posted
    assert "Database Administrator by json: told" in told.err
    kept = (operator.folder / "remediate" / "escalations" / f"{run}.md").read_text()
    for text in (told.out, kept):
        for field in ("Environment", "Affected Users", "Started At", "Error Message", "Steps Taken"):
            assert f"{field}:" in text
        assert "18 of 26 columns are missing in avatars" in text
        assert "add 18 columns to avatars: done, then put back" in text
        assert "missing: avatars.personaName TEXT" in text
        assert "Database Administrator" in text
        assert "INC-4711" in text
        assert "P2022 line 149" in text
        assert "P2022 line 40" not in text, "the last hundred lines"
    assert "\nCurrent Status: partially working\n" in told.out
    assert "\nStill Owed: nothing\n" in told.out
    everything = told.out + told.err + kept + again.out + posted["message"] + posted["title"]
    assert not CANARIES.in_bytes(everything.encode())
    assert not any(secret in everything for secret in (PASSWORD, TOKEN, "abc12345def"))
    assert not CANARIES.in_files([operator.folder])
    assert operator.does("audit", "verify").code == 0
