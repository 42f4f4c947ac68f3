"""NULLs in required columns of a real host's database: what has no default is filled with what a person gives."""

import json

from tests.operator import Operator
from tests.practice import Practice

from .test_rows import ROWS, sql

TWO = """ALTER TABLE avatars ALTER name DROP NOT NULL, ALTER "sourceType" DROP NOT NULL;
UPDATE avatars SET name = NULL WHERE id LIKE '%1';
UPDATE avatars SET name = NULL, "sourceType" = NULL WHERE id LIKE '%3'"""
TAKE_NULL = """SELECT count(*) FROM pg_attribute WHERE attrelid = 'avatars'::regclass AND NOT attnotnull
AND attname IN ('name', 'sourceType')"""


def test_what_has_no_default_is_refused_until_a_person_gives_it_and_comes_back_as_it_was(
    practice: Practice, operator: Operator, web1: str
) -> None:
    sql(practice, TWO)
    before = sql(practice, ROWS)
    refused = operator.does("run", "null-values", "--on", web1, "--yes")
    assert refused.code == 8, refused.out + refused.err
    said = " ".join(refused.out.replace("│", " ").split())
    assert (
        "2 rows of avatars have no name, and the schema no constant default next: nothing was changed" in said
    )
    assert sql(practice, ROWS) == before
    given = json.dumps({"name": 'Without "a" name'})
    cured = operator.does("run", "null-values", "--on", web1, "--yes", "--var", f"values={given}")
    assert cured.code == 0, cured.out + cured.err
    assert sql(practice, TAKE_NULL) == "0"
    named = sql(practice, "SELECT string_agg(name, '|') FROM avatars WHERE name LIKE 'Without%'")
    assert named == 'Without "a" name|Without "a" name'
    run = operator.does("runs", "--json").lines[0]["header"]["run"]
    kept = sql(practice, "SELECT count(*) || ' of ' || min(run) FROM remediate.rows")
    assert kept == f"3 of {run}", "what was filled can be told from real values"
    back = operator.does("rollback", run, "--yes")
    assert "everything is as it was" in back.out, back.out + back.err
    assert (sql(practice, ROWS), sql(practice, TAKE_NULL)) == (before, "2")
