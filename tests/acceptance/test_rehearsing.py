"""A plan rehearsed on a real host: what it tells, that it leaves no trace, and that it is applied like any other."""

import json
import signal
import time
from pathlib import Path

import pytest

from tests.operator import Operator, picture
from tests.practice import BACKEND, Practice

MIGRATE = """
name: migrate
title: Migrations are pending
on: backend
diagnose: [{name: all migrations are applied, prisma.migrations: {}}]
fix: [{name: apply them, prisma.migrate_deploy: {}}]
verify: [{name: they are in the history, prisma.migrations: {}}]
within: 5s
stable: 0s
"""


def databases(practice: Practice) -> str:
    login = ["psql", "-h", "/run/postgresql", "-U", "postgres", "-qAtc", "SELECT datname FROM pg_database"]
    return practice.on("web1", *login, "lumiku")


def test_a_rehearsed_build_is_told_leaves_no_trace_and_is_applied(
    practice: Practice, operator: Operator, web1: str, tmp_path: Path
) -> None:
    practice.break_("named-import")
    before, plan = picture(practice).settled, tmp_path / "plan.json"
    ended = operator.does("plan", "prisma-import", "--on", web1, "--rehearse", "-o", str(plan))
    assert ended.code == 3, ended.out + ended.err
    assert "rehearsed: npm run build in a copy beside /srv/lumiku/backend, exit code 0" in ended.out
    assert "~ apps/avatar-creator/repositories/avatar-creator.repository.js" in ended.out
    assert picture(practice).settled == before
    for form in ("markdown", "html", "json"):
        page = operator.does("show", str(plan), "--format", form).out
        assert "avatar" in page
        assert "rehearsed" in page
    document = json.loads(plan.read_text())
    fidelities = [change["fidelity"] for fix in document["hosts"][0]["fixes"] for change in fix["changes"]]
    assert fidelities == ["exact", "rehearsed", "estimate"]
    assert operator.does("apply", str(plan), "--yes").code == 0


def test_a_build_that_would_fail_ends_the_look_and_nothing_is_asked(
    practice: Practice, operator: Operator, web1: str
) -> None:
    practice.break_("named-import")
    practice.put("web1", f"{BACKEND}/src/broken.ts", b"export const one: number = 'no number'\n")
    before = picture(practice).settled
    ended = operator.does("run", "prisma-import", "--on", web1, "--rehearse", "--yes")
    assert ended.code == 8, ended.out + ended.err
    assert "“build” would fail" in ended.out
    assert "TS2322" in ended.out
    assert picture(practice).settled.files == before.files


def test_a_migration_is_rehearsed_on_the_server_and_one_that_would_fail_is_told(
    practice: Practice, operator: Operator, web1: str, tmp_path: Path
) -> None:
    (tmp_path / "migrate.yml").write_text(MIGRATE)
    words = ("plan", "migrate", "--on", web1, "--playbooks", str(tmp_path), "--rehearse")

    def write(name: str, sql: str) -> None:
        practice.shell("web1", f"mkdir '{BACKEND}/prisma/migrations/{name}'")
        practice.put("web1", f"{BACKEND}/prisma/migrations/{name}/migration.sql", sql.encode())

    write("20990101000000_note", 'ALTER TABLE "avatars" ADD COLUMN "note" TEXT;')
    before, there = picture(practice).settled, databases(practice)
    ended = operator.does(*words)
    assert ended.code == 3, ended.out + ended.err
    assert "1 rehearsed; way back: 1 none" in ended.out
    assert (picture(practice).settled, databases(practice)) == (before, there)
    write("20990202000000_wrong", 'CREATE TABLE "b" ("id" int REFERENCES "avatars" ("nothing"));')
    ended = operator.does(*words)
    assert ended.code == 8, ended.out + ended.err
    assert "42703" in ended.out  # undefined_column
    assert databases(practice) == there


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_what_a_runner_that_ended_in_the_middle_leaves_is_cleared_up(
    practice: Practice, operator: Operator, web1: str, number: signal.Signals
) -> None:
    practice.break_("named-import")
    before = picture(practice).settled_but_for_marks
    with operator.start("plan", "prisma-import", "--on", web1, "--rehearse", "--json") as process:
        assert process.stdout is not None
        next(line for line in process.stdout if json.loads(line)["kind"] == "output")
        process.send_signal(number)
        process.communicate(timeout=60)
    due = time.monotonic() + 60  # without its runner the job goes on to its end, and clears up after itself
    while number is signal.SIGKILL and rooms(practice) and time.monotonic() < due:
        time.sleep(0.5)
    assert not rooms(practice)
    after = picture(practice).settled_but_for_marks
    assert (after.database, after.processes) == (before.database, before.processes)


def rooms(practice: Practice) -> str:
    return practice.shell("web1", "ls -d /srv/lumiku/.backend.remediate-* 2>/dev/null || :").strip()
