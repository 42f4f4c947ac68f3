"""`sql.tables`, `sql.columns`, `sql.indexes`, `sql.foreign_keys` over a real PostgreSQL: each difference is named."""

import pytest
from pydantic import ValidationError

from remediate.model import Finding
from remediate.providers.postgres import AddColumns
from remediate.providers.postgres_foreign_key import MakeForeignKey
from remediate.providers.postgres_index import CreateIndex
from remediate.providers.postgres_shape import STEPS, Columns, ForeignKeys, Indexes, Tables
from remediate.questions import Answers
from remediate.steps import Check
from remediate.transport.database import Database

BEGINNING = """DROP SCHEMA IF EXISTS old CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE SCHEMA old;
CREATE TABLE projects (id text PRIMARY KEY, name varchar(20));
CREATE TABLE avatars (id serial PRIMARY KEY, "projectId" text NOT NULL DEFAULT 'x', at timestamp(3), bare text,
  CONSTRAINT fk FOREIGN KEY ("projectId") REFERENCES projects ON DELETE CASCADE ON UPDATE CASCADE);
CREATE INDEX by_project ON avatars ("projectId", at DESC) WHERE bare IS NULL;
CREATE TABLE "Mixed" (id int); CREATE TABLE old.gone (id int); CREATE VIEW seen AS SELECT id FROM projects;
"""
PROJECT = {"name": "projectId", "type": "TEXT", "nullable": False, "default": "'x'"}
BY_PROJECT = {"columns": ["projectId", {"name": "at", "sort": "desc"}], "where": "bare IS NULL"}
KEY = {"columns": ["projectId"], "references": "projects", "on_delete": "cascade"}


@pytest.fixture(scope="module")
def shared(cluster) -> str:
    return cluster.new_database()


@pytest.fixture
def database(cluster, shared: str, open_database) -> Database:
    cluster.sql(BEGINNING, shared)
    return open_database(cluster.url(shared))


def look(database: Database, step: type[Check], **parameters: object) -> Finding:
    check = step.model_validate(parameters)
    answers = Answers(dict(database.answer(check.ask())), "web1")  # type: ignore[arg-type]
    return check.judge(answers, answers)


def test_what_is_there_is_found(database: Database) -> None:
    columns = [{"name": "id", "type": "SERIAL"}, PROJECT, {"name": "at", "type": "TIMESTAMP(3)"}]
    found = [
        look(database, Tables, tables=["avatars", "projects"]),
        look(database, Columns, table="avatars", columns=columns),
        look(database, Indexes, table="avatars", indexes=[BY_PROJECT, {"columns": ["id"], "primary": True}]),
        look(database, ForeignKeys, table="avatars", foreign_keys=[KEY]),
    ]
    assert [one.seen for one in found if one.healthy] == [
        "all 2 tables are there",
        "all 3 columns are as the playbook has them",
        "all 2 indexes are as they should be",
        "all 1 foreign keys are as they should be",
    ]


def test_a_missing_table_is_told_with_those_that_resemble_it(database: Database) -> None:
    finding = look(database, Tables, tables=["avatars", "mixed", "gone", "seen", "nowhere"])
    assert not finding.healthy
    assert finding.seen == "4 of 5 tables are missing: mixed, gone, seen, nowhere"
    assert finding.evidence == (
        "missing: mixed; there is public.Mixed",
        "missing: gone; there is old.gone",
        "missing: seen; there is a view public.seen",
        "missing: nowhere",
    )
    assert finding.facts == {"missing": ["mixed", "gone", "seen", "nowhere"]}


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"type": "VARCHAR(3)"}, ("type", "character varying(3)", "text")),
        ({"nullable": True}, ("nullability", "NULL", "NOT NULL")),
        ({"default": "'y'"}, ("default", "'y'", "'x'::text")),
    ],
)
def test_each_difference_of_a_column_is_named(database: Database, change, difference) -> None:
    finding = look(database, Columns, table="avatars", columns=[PROJECT | change])
    (wrong,) = finding.facts["wrong"]
    assert (wrong["what"], wrong["wanted"], wrong["found"]) == difference
    assert finding.seen == "1 columns of avatars are not as the playbook has them"


def test_what_the_playbook_leaves_out_is_not_compared(database: Database) -> None:
    assert look(database, Columns, table="avatars", columns=[{"name": "projectId", "type": "TEXT"}]).healthy


def test_what_is_missing_is_what_the_actions_make(cluster, shared, database: Database) -> None:
    columns = look(database, Columns, table="avatars", columns=[{"name": "new", "type": "TEXT"}])
    indexes = look(database, Indexes, table="avatars", indexes=[{"columns": ["bare"], "unique": True}])
    keys = look(database, ForeignKeys, table="avatars", foreign_keys=[{**KEY, "columns": ["bare"]}])
    assert [one.healthy for one in (columns, indexes, keys)] == [False] * 3
    AddColumns(table="avatars", columns=columns.facts["missing"])
    CreateIndex(table="avatars", indexes=indexes.facts["missing"])
    MakeForeignKey(table="avatars", foreign_keys=keys.facts["missing"])


def test_invalid_indexes_and_keys_of_other_rules_are_named(cluster, shared, database: Database) -> None:
    cluster.sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'by_project'::regclass", shared)
    indexes = look(database, Indexes, table="avatars", indexes=[BY_PROJECT])
    assert indexes.seen == "invalid in avatars, left by a build that failed: by_project"
    keys = look(database, ForeignKeys, table="avatars", foreign_keys=[{**KEY, "on_delete": "set null"}])
    assert keys.evidence[0] == "wrong ON DELETE: fk on avatars has CASCADE, wanted SET NULL"


@pytest.mark.parametrize("table", ["nowhere", "seen"])
def test_a_table_that_is_not_there_is_a_fault_where_the_playbook_demands_it(
    database: Database, table
) -> None:
    columns = look(database, Columns, table=table, columns=[PROJECT]) if table == "nowhere" else None
    indexes = look(database, Indexes, table=table, indexes=[BY_PROJECT])
    keys = look(database, ForeignKeys, table=table, foreign_keys=[KEY])
    assert [one.healthy for one in (columns, indexes, keys) if one] == [False] * (3 if columns else 2)
    assert indexes.seen == f"not looked at, for there is no such table: {table}"


@pytest.mark.parametrize(
    ("step", "wrong"),
    [
        (Tables, {"tables": []}),
        (Columns, {"table": "t", "columns": [{"name": "a", "type": "TEXT; DROP TABLE t"}]}),
        (Columns, {"table": "t", "columns": [{"name": "a", "type": "TEXT", "default": "f()"}]}),
        (Indexes, {"table": "t", "indexes": [{"columns": ["a"], "method": "nope"}]}),
        (ForeignKeys, {"table": "t", "foreign_keys": [{**KEY, "on_delete": "nope"}]}),
    ],
)
def test_what_cannot_be_compared_is_refused_at_load(step, wrong) -> None:
    assert step in STEPS
    with pytest.raises(ValidationError):
        step.model_validate(wrong)
