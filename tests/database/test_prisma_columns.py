"""`prisma.columns` and `sql.query` over a real PostgreSQL, and the rules by which columns are compared."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from remediate.errors import CouldNotLook
from remediate.model import Finding
from remediate.providers.column_types import default_sql, postgres_type, same_default
from remediate.providers.postgres import AddColumns
from remediate.providers.postgres_query import QueryCheck
from remediate.providers.prisma import Columns
from remediate.questions import Answers, Read, ReadAnswer
from remediate.transport.database import Database

from .conftest import Cluster

PROVIDERS = Path(__file__).parents[1] / "providers/prisma"
SCHEMA_FILE = "/srv/app/prisma/schema.prisma"
RICH = (PROVIDERS / "rich.prisma").read_bytes()


def finding(database: Database, schema: bytes = RICH, table: str | None = None) -> Finding:
    check = Columns(table=table, schema_file=SCHEMA_FILE)
    read, query = check.ask()
    assert isinstance(read, Read)
    file = ReadAnswer(exists=True, content=schema)
    answers = Answers({read: file, query: database.answer([query])[query]}, "web1")
    return check.judge(answers, answers)


@pytest.fixture
def rich(cluster: Cluster, dbname: str) -> str:
    cluster.sql("CREATE EXTENSION citext", dbname)
    cluster.sql((PROVIDERS / "rich.sql").read_text(), dbname)
    return dbname


def test_a_database_that_prisma_made_is_found_to_be_as_its_schema_has_it(rich, database: Database) -> None:
    found = finding(database)
    assert found.facts["wrong"] == found.facts["missing"] == found.facts["extra"] == []
    assert found.healthy
    assert found.seen == "all 69 columns are as the schema has them"


def test_every_difference_is_named(cluster, rich, database: Database) -> None:
    cluster.sql(
        """ALTER TABLE "User" DROP COLUMN "tags", DROP COLUMN "txt", ALTER COLUMN "s" TYPE integer,
        ALTER COLUMN "b" DROP NOT NULL, ALTER COLUMN "role" SET DEFAULT 'admin', ALTER COLUMN "neg" DROP DEFAULT,
        ALTER COLUMN "id" DROP DEFAULT, ADD COLUMN "more" int; CREATE TABLE other (tags int, txt text)""",
        rich,
    )
    found = finding(database, table="User")
    assert not found.healthy
    assert found.facts["extra"] == ["more"]
    assert found.facts["missing"] == [
        {"name": "tags", "type": "TEXT[]", "nullable": True, "default": None},
        {
            "name": "txt",
            "type": "TEXT",
            "nullable": False,
            "default": "'multi \"quoted\" \\ back\nline'",
        },
    ]
    assert [(one["name"], one["what"], one["wanted"], one["found"]) for one in found.facts["wrong"]] == [
        ("id", "default", "a sequence", "nothing"),
        ("role", "default", "'USER'", "'admin'::roles"),
        ("s", "type", "smallint", "integer"),
        ("b", "nullability", "NOT NULL", "NULL"),
        ("neg", "default", "-5", "nothing"),
    ]
    assert (
        found.seen == "2 of 51 columns are missing in User, 5 columns of User are not as the schema has them"
    )


def test_what_is_missing_is_what_the_action_adds(cluster, rich, database: Database) -> None:
    cluster.sql('ALTER TABLE "User" DROP COLUMN "tags", DROP COLUMN "roles", DROP COLUMN "role"', rich)
    missing = finding(database, table="User").facts["missing"]
    action = AddColumns.model_validate({"table": "User", "columns": missing})
    answers = Answers(dict(database.answer(action.ask())), "web1")  # type: ignore[arg-type]
    (change,) = action.plan(answers)
    cluster.sql(change.script, rich)
    assert finding(database, table="User").healthy


def test_extra_columns_and_other_schemas_are_no_fault(cluster, rich, database: Database) -> None:
    cluster.sql(
        'CREATE SCHEMA old; CREATE TABLE old.posts (nothing int); ALTER TABLE posts ADD COLUMN "new" int',
        rich,
    )
    found = finding(database, table="Post")
    assert found.healthy
    assert found.evidence == ("only in the database: posts.new",)


def test_a_table_that_is_not_there_is_told(cluster, rich, database: Database) -> None:
    cluster.sql("DROP TABLE posts", rich)
    found = finding(database)
    assert not found.healthy
    assert found.seen == "there is no table posts"
    assert found.facts["tables"][0]["exists"] is False


def test_columns_are_seen_by_a_role_that_may_not_read_them(cluster, rich, open_database) -> None:
    cluster.sql("CREATE ROLE blind LOGIN PASSWORD 'blind'; GRANT USAGE ON SCHEMA public TO blind", rich)
    try:
        blind = open_database(cluster.url(rich, user="blind", password="blind"))
        assert finding(blind).healthy
        blind.close()
    finally:
        cluster.sql("DROP OWNED BY blind; DROP ROLE blind", rich)


def test_an_unknown_table_and_a_missing_schema_are_no_findings(rich, database: Database) -> None:
    with pytest.raises(CouldNotLook, match=r"no model or table Usr; did you mean User\?"):
        finding(database, table="Usr")
    check = Columns(schema_file=SCHEMA_FILE)
    answers = Answers({question: ReadAnswer(exists=False) for question in check.ask()}, "web1")
    with pytest.raises(CouldNotLook, match="there is no /srv/app"):
        check.judge(answers, answers)


@pytest.mark.parametrize(
    ("sql", "spelled"),
    [
        ("TEXT", "text"),
        ("TIMESTAMP(3)", "timestamp(3) without time zone"),
        ("timestamp(3) without time zone", "timestamp(3) without time zone"),
        ("TIMESTAMPTZ(6)", "timestamp(6) with time zone"),
        ("DECIMAL(65,30)", "numeric(65,30)"),
        ("Double  Precision", "double precision"),
        ("CHAR", "character(1)"),
        ("VARCHAR(3)[]", "character varying(3)[]"),
        ('"roles"', "roles"),
        ('"my ""Role"[]', '"my ""Role"[]'),
        ("TEXT DEFAULT 1", None),
        ("TEXT)", None),
        ("text(3)", None),
        ("nonsense", None),
        ('"a" int, "b"', None),
        ("timestamp(3,2)", None),
    ],
)
def test_a_type_is_spelled_as_the_catalog_spells_it_or_refused(sql, spelled) -> None:
    assert postgres_type(sql) == spelled


@pytest.mark.parametrize(
    ("wanted", "found", "same"),
    [
        ("'x'", "'x'::text", True),
        ("'x'", "'y'::text", False),
        ("0", "0", True),
        ("-5", "'-5'::integer", True),
        ("3.10", "3.1", True),
        ("CURRENT_TIMESTAMP", "now()", True),
        ("true", "true", True),
        ("true", "false", False),
        ("ARRAY['a', 'b''c']::TEXT[]", "ARRAY['a'::text, 'b''c'::text]", True),
        ("ARRAY['a']::TEXT[]", "ARRAY['b'::text]", False),
        ("'{\"a\": 1}'", "'{\"a\":1}'::jsonb", True),
        ("'2020-01-01 00:00:00 +00:00'", "'2020-01-01 00:00:00'::timestamp without time zone", None),
        ("0", "nextval('x'::regclass)", None),
        ("0", None, False),
        (None, None, True),
        (None, "0", False),
    ],
)
def test_defaults_are_compared_by_what_they_mean(wanted, found, same) -> None:
    assert same_default(wanted, found) is same


@pytest.mark.parametrize(
    "text", ["1; DROP TABLE x", "'a' || 'b'", "f()", "'a'::text; x", "'a", "(SELECT 1)", "1 + 1"]
)
def test_a_default_outside_the_grammar_is_refused(text) -> None:
    assert default_sql(text) is None


def asked(database: Database, sql: str, expect: dict[str, Any], **more: Any) -> Finding:
    check = QueryCheck.model_validate({"sql": sql, "expect": expect, **more})
    answers = Answers(dict(database.answer(check.ask())), "web1")  # type: ignore[arg-type]
    return check.judge(answers, answers)


def test_a_query_is_held_to_what_is_expected(database: Database) -> None:
    three = "SELECT n FROM generate_series(1, %s) AS n;"
    assert asked(database, three, {"rows": 3}, values=[3]).healthy
    assert asked(database, three, {"rows": "1..10"}, values=[3]).healthy
    assert not asked(database, three, {"rows": "4..10"}, values=[3]).healthy
    assert asked(database, "SELECT 1 WHERE false", {"none": True}).healthy
    assert asked(database, "SELECT 'a;b' -- ; c", {"value": "a;b"}).healthy
    assert asked(database, "/* a; */ SELECT'pg_sleep(1)'", {"value": "pg_sleep(1)"}).healthy
    assert asked(database, "SELECT date'2026-01-02' AS \"last_analyze\"", {"value": "2026-01-02"}).healthy
    assert asked(database, "SELECT 'x' LIKE '%some'", {"value": False}).healthy
    assert asked(database, "SELECT %s LIKE '%%some'", {"value": True}, values=["awesome"]).healthy
    assert asked(database, "SHOW transaction_read_only", {"value": "on"}).healthy
    assert asked(
        database, "EXPLAIN (COSTS OFF) DELETE FROM pg_class WHERE relname = 'x'", {"rows": "1..9"}
    ).healthy
    assert asked(database, "WITH a AS (VALUES (1), (2)) SELECT count(*) FROM a", {"value": 2}).healthy
    assert asked(database, "VALUES (1), (2)", {"rows": 2}).healthy
    assert asked(database, "TABLE pg_catalog.pg_database", {"rows": "1..99"}).healthy
    wrong = asked(database, "SELECT 2", {"value": 1})
    assert not wrong.healthy
    assert wrong.seen == "1 rows, expected the value 1"
    assert wrong.evidence == ()
    assert asked(database, "SELECT 2", {"value": 1}, show=True).evidence == ("[2]",)


@pytest.mark.parametrize(
    "wrong",
    [
        {"sql": "SELECT 1; SELECT 2"},
        {"sql": "DELETE FROM t"},
        {"sql": "SELECT pg_terminate_backend(1)"},
        {"sql": "EXPLAIN ANALYZE SELECT 1"},
        {"sql": ""},
        {"expect": {}},
        {"expect": {"rows": 1, "none": True}},
        {"expect": {"rows": "many"}},
        {"expect": {"none": False}},
        {"expect": {"none": None}},
        {"expect": {"rows": None}},
        {"sql": 'SELECT "pg_terminate_backend"(1)'},
        {"sql": 'SELECT pg_catalog . "pg_sleep" (1)'},
        {"sql": "SELECT E'\\'', pg_terminate_backend(1), '"},
        {"sql": "SELECT 1e'\\'', pg_terminate_backend(1), '"},
        {"sql": 'SELECT U&"pg\\005fsleep"(1)'},
        {"sql": "SELECT u&'a'"},
        {"sql": "SELECT x$$, pg_sleep(1), y$$ FROM t"},
        {"sql": "SELECT $a$b$a$"},
        {"sql": "SELECT 1 /* /* */ ' */, pg_sleep(1) --'"},
        {"sql": "SELECT 1 -- x\r, pg_sleep(1)"},
        {"sql": "EXPLAIN (ANALYSE) SELECT 1"},
        {"sql": 'EXPLAIN ("analyze") SELECT 1'},
        {"sql": "COPY t TO PROGRAM 'true'"},
        {"sql": "(SELECT 1)"},
        {"sql": "WITH gone AS (DELETE FROM t RETURNING 1) SELECT * FROM gone"},
        {"sql": "WITH RECURSIVE a AS (SELECT 1), b AS (UPDATE t SET a = 1 RETURNING 1) SELECT 1"},
        {"sql": "SELECT * INTO other FROM t"},
        {"sql": "SELECT * FROM t FOR UPDATE"},
        {"sql": "SELECT (a FROM t"},
        {"sql": "SELECT a FROM t WHERE"},
        {"sql": "EXPLAIN (ANALYZE OFF, ANALYZE) SELECT 1"},
        {"sql": "EXPLAIN nonsense of any kind"},
        {"sql": "EXPLAIN CREATE TABLE t (a int)"},
        {"sql": "SHOW a, b"},
        {"sql": "WITH x AS (SELECT 1)"},
        *(
            {"sql": f"SELECT {call}(1)"}
            for call in (
                *("pg_cancel_backend", "pg_stat_reset", "pg_stat_reset_shared", "pg_stat_statements_reset"),
                *(
                    "pg_logical_emit_message",
                    "pg_logical_slot_get_changes",
                    "pg_advisory_lock",
                    "pg_sleep_for",
                ),
                *("pg_try_advisory_lock", "pg_notify", "setval", "nextval", "lo_import", "dblink_exec"),
                *("pg_read_file", "pg_read_binary_file", "pg_ls_dir", "pg_ls_waldir", "pg_switch_wal"),
                *("pg_create_restore_point", "pg_drop_replication_slot", "pg_promote", "set_config"),
                *("pg_reload_conf", "pg_rotate_logfile", "query_to_xml", "pg_stat_file", "pg_backup_start"),
            )
        ),
        {"sql": "SELECT 1 WHERE 'a' LIKE '%something' AND 1 = %s", "values": [1]},
        {"sql": "SELECT '%something'", "values": [1]},
        {"sql": "SELECT %s, %s", "values": [1]},
        {"sql": "SELECT 1", "values": [1]},
    ],
)
def test_a_query_that_does_more_than_read_is_refused_at_load(wrong) -> None:
    with pytest.raises(ValidationError):
        QueryCheck.model_validate({"sql": "SELECT 1", "expect": {"rows": 1}, **wrong})
