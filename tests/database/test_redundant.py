"""Indexes of which another one has everything: told with their use, and only those."""

from collections.abc import Callable

import pytest

from remediate.model import Finding
from remediate.providers.sql_redundant import RedundantIndexes
from remediate.questions import Answers
from remediate.transport.database import Database

from .conftest import Cluster

TABLE = "DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, a int, b int, c text);"


@pytest.fixture(scope="module")
def shared(cluster: Cluster) -> str:
    return cluster.new_database()


@pytest.fixture
def look(cluster: Cluster, shared: str, open_database: Callable[..., Database]) -> Callable[..., Finding]:
    database = open_database(cluster.url(shared))

    def looks(*made: str, **parameters: bool) -> Finding:
        cluster.sql(TABLE + "; ".join(made), shared)
        check = RedundantIndexes(**parameters)
        answers = Answers(database.answer(check.ask()), "db")
        return check.judge(answers, answers)

    return looks


@pytest.mark.parametrize(
    ("made", "other"),
    [
        ("CREATE INDEX x ON t (a)", "CREATE INDEX wide ON t (a, b)"),
        ("CREATE INDEX x ON t (a)", "CREATE INDEX first ON t (a)"),
        ("CREATE INDEX x ON t (a)", "CREATE UNIQUE INDEX y ON t (a)"),
        ("CREATE INDEX x ON t (a)", "CREATE INDEX y ON t (a) INCLUDE (b)"),
        ("CREATE INDEX x ON t (a DESC, b)", "CREATE INDEX y ON t (a DESC, b, c)"),
        ("CREATE INDEX x ON t (a) WHERE b > 1", "CREATE INDEX y ON t (a, c) WHERE b > 1"),
        ("CREATE INDEX x ON t (lower(c))", "CREATE INDEX y ON t (lower(c), a)"),
        ("CREATE INDEX x ON t USING hash (a)", "CREATE INDEX first ON t USING hash (a)"),
    ],
)
def test_one_that_has_nothing_of_its_own_is_told(look, made: str, other: str) -> None:
    found = look(made, other)
    assert not found.healthy
    name = other.split()[other.split().index("INDEX") + 1]
    assert found.facts == {"indexes": [{"table": "t", "name": "x", "covered_by": name}]}
    (line,) = found.evidence
    assert line.startswith(f"x on t: all of it is in {name}; 0.0 MB, used 0 times")


@pytest.mark.parametrize(
    ("made", "other"),
    [
        ("CREATE INDEX x ON t (b)", "CREATE INDEX y ON t (a, b)"),
        ("CREATE INDEX x ON t (a DESC)", "CREATE INDEX y ON t (a, b)"),
        ("CREATE INDEX x ON t (a NULLS FIRST)", "CREATE INDEX y ON t (a, b)"),
        ("CREATE INDEX x ON t (c text_pattern_ops)", "CREATE INDEX y ON t (c, a)"),
        ("CREATE UNIQUE INDEX x ON t (a)", "CREATE INDEX y ON t (a, b)"),
        ("CREATE INDEX x ON t (a)", "CREATE INDEX y ON t (a, b) WHERE b > 1"),
        ("CREATE INDEX x ON t (a) INCLUDE (c)", "CREATE INDEX y ON t (a, b)"),
        ("CREATE INDEX x ON t USING hash (a)", "CREATE INDEX y ON t (a)"),
        ("CREATE INDEX x ON t USING brin (a)", "CREATE INDEX y ON t USING brin (a, b)"),
        ("CREATE INDEX x ON t (lower(c))", "CREATE INDEX y ON t (upper(c), a)"),
        ("CREATE INDEX x ON t (a); ALTER TABLE t CLUSTER ON x", "CREATE INDEX y ON t (a, b)"),
        (
            "CREATE INDEX x ON t (a)",
            "CREATE INDEX y ON t (a, b); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'y'::regclass",
        ),
    ],
)
def test_one_that_has_something_of_its_own_is_not(look, made: str, other: str) -> None:
    assert look(made, other).healthy


def test_it_can_be_told_without_being_a_fault(look) -> None:
    found = look("CREATE INDEX x ON t (a)", "CREATE INDEX y ON t (a, b)", fault=False)
    assert found.healthy
    assert found.seen == "another index has all of: x"
    assert found.facts["indexes"]
