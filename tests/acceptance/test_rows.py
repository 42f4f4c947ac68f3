"""Rows mended on a real host: shown before, put back to the byte, and what is kept of them removed on demand."""

from pathlib import Path

import pytest

from tests.operator import Operator
from tests.practice import Practice

PLAYBOOK = """
name: orphans
title: Avatars whose project is gone
on: backend
diagnose:
  - name: every avatar's project is there
    sql.orphans: {table: avatars, column: projectId, parent: {table: avatar_projects}}
    as: orphans
confirm: {risk: data}
fix:
  - name: delete them
    sql.delete_rows:
      table: avatars
      where: [{column: projectId, orphaned_from: {table: avatar_projects}}]
      expect: {rows: 1..10}
      batch: 2
      cascade: true
verify:
  - name: none is left
    sql.orphans: {table: avatars, column: projectId, parent: {table: avatar_projects}}
within: 5s
stable: 0s
"""


def sql(practice: Practice, statement: str) -> str:
    login = ["psql", "-h", "/run/postgresql", "-U", "postgres", "-qAtc", statement, "lumiku"]
    return practice.on("web1", *login).strip()


ORPHANS = """ALTER TABLE avatars DROP CONSTRAINT "avatars_projectId_fkey";
INSERT INTO avatars (id, "userId", "projectId", name, "baseImageUrl", "updatedAt", "personaAge")
SELECT 'orphan' || n, 'user123', 'gone', 'It''s a very private name', '', '2026-01-01', n
FROM generate_series(1, 5) AS n"""
ROWS = "SELECT string_agg((a.*)::text, '|' ORDER BY id) FROM avatars AS a"
PRIVATE = "very private name"


@pytest.fixture
def run_of(practice: Practice, operator: Operator, tmp_path: Path, web1: str):
    """Cure the orphans, and return the run's id with what it said."""
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "orphans.yml").write_text(PLAYBOOK)
    sql(practice, ORPHANS)

    def cured(*words: str) -> tuple[str, str]:
        ended = operator.does(
            "run", "orphans", "--on", web1, "--playbooks", str(tmp_path / "books"), "--yes", *words
        )
        assert ended.code == 0, ended.out + ended.err
        return operator.does("runs", "--json").lines[0]["header"]["run"], ended.out

    return cured


def test_orphans_go_in_batches_and_the_same_rows_come_back(
    practice: Practice, operator: Operator, run_of
) -> None:
    before = sql(practice, ROWS)
    run, said = run_of()
    assert "5 rows in all, in 3 transactions of at most 2, by the key" in said
    assert "as above, rows of public.avatars: id orphan5" in said
    assert PRIVATE not in said
    assert "orphan" not in sql(practice, ROWS)
    shown = operator.does("show", run).out + operator.does("show", run, "--json").out
    assert "delete 2 rows of avatars" in shown
    assert PRIVATE not in shown
    back = operator.does("rollback", run, "--yes")
    assert back.code == 0, back.out + back.err
    assert sql(practice, ROWS) == before


def test_what_is_kept_of_them_goes_on_demand_and_then_nothing_brings_them_back(
    practice: Practice, operator: Operator, run_of
) -> None:
    run, _ = run_of()
    kept = "SELECT count(*) FROM remediate.rows"
    young = operator.does("forget", run, "--yes")
    assert (young.code, sql(practice, kept)) == (1, "5")
    assert "5 rows are kept since" in young.err
    assert "--now --reason WHY" in young.err
    done = operator.does("forget", run, "--yes", "--now", "--reason", "asked for by their owner")
    assert (done.code, sql(practice, kept)) == (0, "0"), done.out + done.err
    assert "web1: 5 rows as they were are removed" in done.out
    assert "forgotten" in operator.does("show", run).out
    assert operator.does("audit", "verify", "--on", "web1").code == 0
    back = operator.does("rollback", run, "--yes")
    assert back.code == 7
    assert "are no longer kept: removed at" in back.out + back.err
    assert "asked for by their owner" in back.out + back.err
