"""A file judged by a real host's catalog, and a script run and taken back there."""

import json
from pathlib import Path

from tests.operator import Operator, picture
from tests.practice import Practice

RUNBOOK = """ALTER TABLE avatars ALTER COLUMN sourceType SET NOT NULL;
CREATE INDEX IF NOT EXISTS "avatars_userId_idx" ON avatars("userId");
DELETE FROM avatars WHERE projectId NOT IN (SELECT id FROM avatar_projects);
"""
PLAYBOOK = """
name: mark
title: Avatars have no marks
on: backend
diagnose:
  - name: there is a column for marks
    sql.query: {sql: "SELECT 1 FROM pg_attribute WHERE attname = 'mark'", expect: {rows: 1}}
fix:
  - name: make room for them
    sql.migrate:
      text: |
        ALTER TABLE "avatars" ADD COLUMN "mark" integer;
        UPDATE "avatars" SET "mark" = 1 WHERE "name" IS NOT NULL;
      down: {text: 'ALTER TABLE "avatars" DROP COLUMN "mark"'}
      allow: [drop-column]
verify:
  - name: every avatar has a mark
    sql.query: {sql: 'SELECT 1 FROM avatars WHERE "mark" IS NULL', expect: {none: true}}
within: 5s
stable: 0s
"""


def test_a_file_is_judged_by_the_names_indexes_and_sizes_of_a_real_database(
    practice: Practice, operator: Operator, tmp_path: Path, web1: str
) -> None:
    script = tmp_path / "runbook.sql"
    script.write_text(RUNBOOK)
    before = picture(practice)
    told = operator.does("sql", "check", str(script), "--on", web1, "--json")
    assert told.code == 8, told.out + told.err
    record = json.loads(told.out.splitlines()[-1])
    tripped = {(one["line"], one["rule"], one["severity"]) for one in record["hazards"]}
    assert {
        (1, "unquoted-name", "stop"),
        (3, "unquoted-name", "stop"),
        (3, "delete-rows", "warning"),
    } <= tripped
    assert not {one for one in tripped if one[0] == 2}, "the index is there, and the same"
    offered = [one["safer"] for one in record["hazards"] if one["rule"] == "unquoted-name"]
    assert offered == ['"sourceType"', '"projectId"']
    assert (record["host"], record["not_judged"], record["missing"]) == (web1, [], "")
    assert picture(practice) == before, "judging writes nothing"


def test_a_script_is_shown_run_and_taken_back(
    practice: Practice, operator: Operator, tmp_path: Path, web1: str
) -> None:
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "mark.yml").write_text(PLAYBOOK)
    books = ("--playbooks", str(tmp_path / "books"))
    before = picture(practice)
    dry = operator.does("run", "mark", "--on", web1, *books, "--dry-run")
    assert dry.code == 3, dry.out + dry.err
    assert "ALLOWED BY THE STEP, would stop: line 1 of the way back: drop-column" in dry.out
    assert picture(practice) == before
    done = operator.does("run", "mark", "--on", web1, *books, "--yes")
    assert done.code == 0, done.out + done.err
    back = operator.does("rollback", operator.last_run, "--yes")
    assert back.code == 0, back.out + back.err
