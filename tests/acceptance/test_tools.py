"""The tools on a real host: health is judged and moves nothing, imports are checked, a full disk is told."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.operator import Operator, picture
from tests.practice import BACKEND, Practice

FULL = """
mount -t tmpfs -o size=8m,mode=1777 remediate-test /tmp
mkdir /tmp/.cache
head -c 2000000 /dev/zero >/tmp/.cache/a
head -c 9000000 /dev/zero >/tmp/huge.log 2>/dev/null || true
"""


def judged(operator: Operator, tool: str, *words: str) -> tuple[int, dict[str, dict]]:
    """Return a tool's exit code, and its findings by their checks' names."""
    ended = operator.does(tool, "--on", "web1", "--json", *words)
    (host,) = ended.lines
    assert host["healthy"] is {0: True, 8: False, 6: None}[ended.code], ended.out
    return ended.code, {one["check"]: one for one in host["findings"]}


def ill(findings: dict[str, dict]) -> set[str]:
    return {name for name, one in findings.items() if not one["healthy"]}


def test_a_healthy_host_is_called_so_and_looking_moves_nothing(
    practice: Practice, operator: Operator, web1: str
) -> None:
    before = picture(practice)
    assert judged(operator, "health")[0] == 0
    told = operator.does("import-check", "--on", web1)
    assert (told.code, "✓ all 2 are well" in told.out) == (0, True), told.out + told.err
    assert picture(practice) == before
    assert operator.does("runs").out == "", "a look is no run"


def test_what_nobody_can_say_is_neither_well_nor_ill(
    practice: Practice, operator: Operator, web1: str
) -> None:
    practice.shell(web1, f"rm {BACKEND}/node_modules/.bin/tsc")
    code, findings = judged(operator, "import-check")
    assert (code, len(findings), ill(findings)) == (6, 1, set())


def test_what_the_app_logs_while_health_looks_is_an_error_of_now(
    practice: Practice, operator: Operator, web1: str
) -> None:
    practice.break_("named-import")
    code, findings = judged(operator, "health")
    assert (code, ill(findings)) == (8, {"no new error in the log", "the API answers"})
    assert "TypeError" in findings["no new error in the log"]["evidence"][0]
    code, findings = judged(operator, "import-check")
    assert (code, len(ill(findings))) == (8, 2)
    assert "TS2614" in findings["the sources compile"]["evidence"][0]


def test_a_review_of_slow_queries_says_what_it_cannot_see_and_runs_none(
    practice: Practice, operator: Operator, web1: str
) -> None:
    before = picture(practice)
    code, findings = judged(operator, "slow-query-review")
    assert (code, ill(findings)) == (0, set())
    slow = findings["no statement takes long"]
    assert (
        "pg_stat_statements is not installed, so that only what runs at this moment is seen" in slow["seen"]
    )
    assert slow["evidence"][-1].startswith("plan (not run): Limit <- Sort <- ")
    assert picture(practice) == before
    sql = 'CREATE INDEX "avatars_wide_idx" ON avatars ("userId", "createdAt" DESC)'
    practice.on(web1, "psql", "-h", "/run/postgresql", "-U", "postgres", "-qc", sql, "lumiku")
    code, findings = judged(operator, "slow-query-review")
    assert (code, ill(findings)) == (8, {"no index has nothing of its own"})
    (line,) = findings["no index has nothing of its own"]["evidence"]
    assert line.startswith("avatars_userId_idx on avatars: all of it is in avatars_wide_idx; ")


def test_errors_of_before_do_not_count_and_columns_do(
    practice: Practice, operator: Operator, web1: str
) -> None:
    practice.break_("missing-columns")  # which shows itself in the log
    code, findings = judged(operator, "health")
    assert (code, ill(findings)) == (8, {"the database is as the schema means it"})


def test_a_token_that_is_not_accepted_is_no_health(
    practice: Practice, operator: Operator, tmp_path: Path
) -> None:
    text = practice.inventory.read_text().replace("lab.token", str(tmp_path / "expired"))
    text = text.replace("{file: lab.", f"{{file: {practice.inventory.parent}/lab.")
    (tmp_path / "expired").write_text("expired-long-ago")
    (tmp_path / "lab.yml").write_text(
        text.replace("known_hosts: ", f"known_hosts: {practice.inventory.parent}/")
    )
    code, findings = judged(operator, "health", "-i", str(tmp_path / "lab.yml"))
    assert code == 8
    assert "401 instead of 200: the token token was not accepted" in findings["the API answers"]["seen"]


@pytest.fixture
def full(practice: Practice, web1: str) -> Iterator[None]:
    """A host whose /tmp is full: a file system of its own, of 8 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only a lab that root started has an administrator, who can mount a file system")
    practice.as_root(web1, FULL)
    yield
    practice.as_root(web1, "umount -l /tmp")


@pytest.mark.usefixtures("full")
def test_a_full_disk_is_named_by_triage_alone_with_what_could_go_and_nothing_is_removed(
    practice: Practice, operator: Operator, web1: str
) -> None:
    before = picture(practice)
    ended = operator.does("triage", "--on", web1, "--json")
    found = [one for one in ended.lines[0]["diagnoses"] if one["verdict"] != "healthy"]
    assert (ended.code, [one["playbook"] for one in found]) == (8, ["disk-pressure"])
    (wrong,) = [one["facts"] for one in found[0]["findings"] if not one["healthy"]]
    assert [one["kind"] for one in wrong["large"]] == ["a log", "a cache"]
    assert operator.does("run", "disk-pressure", "--on", web1, "--yes").code == 8
    assert picture(practice) == before
