"""Rows that somebody writes between a cure and its way back, on a real host: they stay, or the way back stops."""

from collections.abc import Callable
from pathlib import Path

from tests.acceptance.test_rows import ORPHANS, sql
from tests.acceptance.test_rows import PLAYBOOK as ORPHANED
from tests.dumps import in_order
from tests.operator import DUMP, Operator
from tests.practice import LUMIKU, Practice

MEANWHILE = """UPDATE avatars SET name = 'theirs' WHERE id = (SELECT min(id) FROM avatars);
INSERT INTO avatar_projects (id, "userId", name, "createdAt", "updatedAt")
VALUES ('theirs', 'user123', 'theirs', '2026-01-01', '2026-01-01');
DELETE FROM avatars WHERE id = (SELECT max(id) FROM avatars)"""
INTO_A_NEW_ONE = """UPDATE avatars SET "personaName" = 'theirs' WHERE id = (SELECT min(id) FROM avatars)"""

MADE_ANEW = """INSERT INTO avatars (id, "userId", "projectId", name, "baseImageUrl", "updatedAt")
SELECT 'orphan1', "userId", id, 'theirs', '', now() FROM avatar_projects LIMIT 1"""


def dump(practice: Practice) -> str:
    return in_order(practice.shell("web1", DUMP, LUMIKU.backend, user=LUMIKU.user))


def cured(operator: Operator, playbook: str, *words: str) -> str:
    ended = operator.does("run", playbook, "--on", "web1", "--yes", "--reason", "test", *words)
    assert ended.code == 0, ended.out + ended.err
    return operator.last_run


def test_what_was_written_while_columns_were_there_stays_and_what_was_in_them_is_kept_beside(
    practice: Practice, operator: Operator, web1: str, count: Callable[[str, int, int], None]
) -> None:
    practice.break_("missing-columns")
    run = cured(operator, "missing-columns")
    sql(practice, f"{MEANWHILE}; {INTO_A_NEW_ONE}")
    back = operator.does("rollback", run, "--yes")
    assert back.code == 0, back.out + back.err
    ended = dump(practice)
    kept = "SELECT columns ->> 'personaName' FROM remediate.saved WHERE columns ->> 'personaName' = 'theirs'"
    assert sql(practice, kept) == "theirs"
    practice.reset(web1)
    practice.break_("missing-columns")
    sql(practice, MEANWHILE)
    assert ended == dump(practice)
    count("undo to the letter", 1, 1)


def test_a_row_that_somebody_made_anew_keeps_all_that_were_deleted_from_coming_back(
    practice: Practice, operator: Operator, web1: str, tmp_path: Path, count: Callable[[str, int, int], None]
) -> None:
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "orphans.yml").write_text(ORPHANED)
    sql(practice, ORPHANS)
    before = dump(practice)
    run = cured(operator, "orphans", "--playbooks", str(tmp_path / "books"))
    sql(practice, MADE_ANEW)
    theirs = dump(practice)
    back = operator.does("rollback", run, "--yes")
    assert back.code == 7, back.out + back.err
    assert (
        "1 row of public.avatars is no longer deleted: somebody made them anew: id orphan1;"
        in back.out + back.err
    )
    assert dump(practice) == theirs, "other batches were put back"
    sql(practice, "DELETE FROM avatars WHERE id = 'orphan1'")
    again = operator.does("rollback", run, "--yes")
    assert again.code == 0, again.out + again.err
    assert dump(practice) == before
    count("undo to the letter", 1, 1)
