"""What the server says of a refusal comes into errors and the audit log; a value of a row does not."""

import re
import uuid

import pytest

from remediate.errors import Failed
from remediate.questions import Query
from remediate.target import DatabaseChange, Statement
from remediate.transport.database import Database

ALICE = "alice@example.org"


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (f"SELECT '{ALICE}'::int", "invalid text representation: invalid input syntax for type integer …"),
        (f"SELECT ('{{' || '\"{ALICE}')::int[]", "22P02"),
        (f"SELECT to_date('{ALICE}', 'YYYY')", "22007"),
        (f"SELECT ('{ALICE}' || n)::date FROM generate_series(1, 2) AS n", "22007"),  # noqa: S608
        (f"SELECT '{ALICE}'::mood", "invalid input value for enum mood …, the rest is left out"),
        ("SELECT 1/0", "division by zero (SQLSTATE 22012)"),
        (f"DO $$ BEGIN RAISE EXCEPTION 'no %', '{ALICE}'; END $$", "raise exception, the rest"),
        (f"DO $$ BEGIN RAISE EXCEPTION '{ALICE}' USING ERRCODE = 'AL001'; END $$", "an error of the app's own"),
        (f"SELECT * FROM nowhere WHERE x = '{ALICE}'", 'relation "nowhere" does not exist'),  # noqa: S608
    ],
)  # fmt: skip
def test_a_value_of_a_row_is_in_no_error(
    database: Database, cluster, dbname: str, statement: str, said: str
) -> None:
    cluster.sql("CREATE TYPE mood AS ENUM ('good')", dbname)
    with pytest.raises(Failed) as raised:
        database.change(f"run/{uuid.uuid4().hex}", DatabaseChange(statements=(Statement(sql=statement),)))
    assert said in str(raised.value)
    for part in ("alice", "example"):
        assert part not in f"{raised.value} {raised.value.output}"
    unanswered = database.answer([query := Query(sql=statement)])[query]
    assert "alice" not in str(unanswered)


def test_an_error_of_a_constraint_names_no_value(database: Database, cluster, dbname: str) -> None:
    cluster.sql("CREATE TABLE t (mail text UNIQUE CHECK (mail <> 'bob'), n int NOT NULL)", dbname)
    for values in ("('alice', 1), ('alice', 1)", "('bob', 1)", "('alice', NULL)"):
        insert = Statement(sql=f"INSERT INTO t VALUES {values}")  # noqa: S608
        with pytest.raises(Failed, match="SQLSTATE 23") as raised:
            database.change(f"run/{uuid.uuid4().hex}", DatabaseChange(statements=(insert,)))
        assert not re.search("alice|bob", str(raised.value))
