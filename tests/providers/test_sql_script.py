"""SQL scripts are taken apart where the server would, and nowhere else."""

import pytest

from remediate.providers.sql_script import bare, not_in_a_transaction, statements_of

ONE = [
    "SELECT 'a;b'",
    "SELECT 'it''s; so'",
    r"SELECT E'it\'s; so'",
    'SELECT 1 AS "a;b"',
    'SELECT 1 AS "a"";b"',
    "SELECT 1 -- ; no\n + 1",
    "SELECT 1 /* ; /* ; */ ' ; */ + 1",
    "DO $$ BEGIN PERFORM 1; PERFORM ';'; END $$",
    "DO $body$ BEGIN EXECUTE $q$ SELECT 1; $q$; END $body$",
    "SELECT $1, a$b$c FROM t",
    "SELECT 'ä;'",
]


@pytest.mark.parametrize("statement", ONE)
def test_what_is_one_statement_stays_one(statement: str) -> None:
    assert statements_of(f"{statement};\n\n{statement}") == (statement, statement)
    assert statements_of(f";;{statement};;\n-- the end\n;/* nothing */") == (statement,)


def test_nothing_is_lost_but_what_parts_statements() -> None:
    text = (
        "-- CreateTable\nCREATE TABLE a (\n  b TEXT DEFAULT ';'\n);\r\n\r\n-- Index\nCREATE INDEX i ON a (b);"
    )
    first, second = statements_of(text)
    assert first.startswith("-- CreateTable\nCREATE TABLE a")
    assert second == "-- Index\nCREATE INDEX i ON a (b)"
    assert statements_of("") == ()


@pytest.mark.parametrize(
    "text", ["SELECT 'a; SELECT 1;", 'SELECT "a;', "/* /* */ ;", "DO $$ BEGIN;", "SELECT E'\\';"]
)
def test_what_has_no_end_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="has no end"):
        statements_of(text)


@pytest.mark.parametrize(
    "statement",
    [
        "BEGIN",
        "-- first\ncommit",
        "CREATE INDEX CONCURRENTLY i ON t (a)",
        "create unique index concurrently i ON t (a)",
        "VACUUM t",
        "SET search_path = ''",
        "SELECT pg_catalog.set_config('search_path', '', false)",
        "COPY t FROM STDIN",
        "CREATE DATABASE a",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END",
        "\\connect elsewhere",
    ],
)  # fmt: skip
def test_what_is_none_for_a_transaction_is_known(statement: str) -> None:
    assert not_in_a_transaction(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE t ADD COLUMN begin TEXT DEFAULT 'COMMIT; CONCURRENTLY'",
        "DO $$ BEGIN PERFORM set_config('a.b', '', true); END $$",
        "SET LOCAL lock_timeout = '1s'",
        "-- CONCURRENTLY\nCREATE INDEX i ON t (a)",
        "UPDATE t SET a = 1",
    ],
)
def test_what_is_for_a_transaction_is_let_through(statement: str) -> None:
    assert not not_in_a_transaction(statement)


def test_strings_and_comments_are_no_words() -> None:
    assert bare("SELECT 'DROP TABLE' /* DROP /* x */ TABLE */, \"DROP\" -- DROP").split() == [
        "SELECT",
        ",",
        '"DROP"',
    ]
