"""The unique index that a message names: in force, not in force, not there, or not known."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from remediate.catalogue import CATALOGUE
from remediate.errors import CouldNotLook
from remediate.model import Finding
from remediate.playbook import load_playbook
from remediate.providers.sql_unique import Unique
from remediate.questions import Answers, Unanswered
from remediate.transport.database import Database
from remediate.triage import matches

from .conftest import Cluster

TABLES = """
CREATE TABLE avatars (id text PRIMARY KEY, "userId" text, name text);
CREATE UNIQUE INDEX "avatars_userId_name_key" ON avatars ("userId", name);
CREATE INDEX avatars_name_idx ON avatars (name);
CREATE TABLE projects (id text PRIMARY KEY);
CREATE SCHEMA other; CREATE TABLE other.t (id text CONSTRAINT elsewhere_key UNIQUE);
"""
BROKEN = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'avatars_pkey'::regclass"


@pytest.fixture
def look(cluster: Cluster, dbname: str, open_database: Callable[..., Database]) -> Callable[..., Finding]:
    cluster.sql(TABLES, dbname)
    database = open_database(cluster.url(dbname))

    def looks(**named: str) -> Finding:
        check = Unique(**named)
        answers = Answers(database.answer(check.ask()), "db")
        return check.judge(answers, answers)

    return looks


def test_an_index_is_in_force_only_where_it_is_there_unique_and_valid(
    cluster: Cluster, dbname: str, look: Callable[..., Finding]
) -> None:
    there = look(index="avatars_userId_name_key")
    assert (there.healthy, there.seen) == (
        True,
        "avatars_userId_name_key on avatars (userId, name) is in force",
    )
    assert there.facts == {"indexes": ["avatars_userId_name_key"], "tables": ["avatars"]}
    gone = look(index="avatars_email_key")
    assert not gone.healthy
    assert "there is no index avatars_email_key in the app's schema" in gone.seen
    moved = look(index="elsewhere_key")
    assert not moved.healthy
    assert "the schema other has one, on t" in moved.evidence
    assert look(index="avatars_name_idx").seen.endswith("is not in force: it is not unique")
    cluster.sql(BROKEN, dbname)
    unfinished = look(index="avatars_pkey")
    assert (unfinished.healthy, unfinished.facts["tables"]) == (False, ["avatars"])
    assert "it is invalid, of a build that never ended" in unfinished.seen
    assert "not in force" in look(columns="`id`").seen


def test_columns_name_an_index_as_well_in_any_order_and_form(look: Callable[..., Finding]) -> None:
    assert look(columns="`id`").seen == "2 unique indexes are on (id), and in force"
    assert look(columns="`name`,`userId`").seen == "1 unique index is on (name, userId), and in force"
    assert look(columns='"userId", "name"').facts["tables"] == ["avatars"]


def test_what_is_not_known_is_not_called_in_force(look: Callable[..., Finding]) -> None:
    for finding in (look(), look(columns="'' "), look(columns="`email`"), look(columns="name")):
        assert finding.healthy
        assert finding.seen.startswith("not known: ")
        assert "in force" not in finding.seen


def test_a_database_that_does_not_answer_is_never_healthy() -> None:
    for check in (Unique(), Unique(index="a"), Unique(columns="id")):
        answers = Answers({question: Unanswered(reason="it is down") for question in check.ask()}, "db")
        with pytest.raises(CouldNotLook, match="it is down"):
            check.judge(answers, answers)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('duplicate key value violates unique constraint "a_pkey"', {"constraint": "a_pkey"}),
        ("P2002 Unique constraint failed on the constraint: `a_pkey`", {"constraint": "a_pkey"}),
        ("Unique constraint failed on the fields: (`userId`,`name`)", {"fields": "`userId`,`name`"}),
        ("""{code: 'P2002', constraint: { index: 'a_pkey' }}""", {"constraint": "a_pkey"}),
        (
            '{"code":"P2002","meta":{"modelName":"A","target":["userId","name"]}}',
            {"fields": '"userId","name"'},
        ),
        ("code: 'P2002', constraint: { fields: [ 'id' ] }", {"fields": " 'id' "}),
        ("Unique constraint failed on the (not available) P2002", {}),
        ("ERROR 23505", {}),
    ],
)
def test_the_playbook_takes_from_a_message_what_refused(line: str, named: Mapping[str, str]) -> None:
    book = load_playbook(Path(__file__).parents[2] / "playbooks" / "duplicate-key.yml", CATALOGUE)
    (match,) = matches([book], f"something else\n{line}\n")
    assert match.named == named
