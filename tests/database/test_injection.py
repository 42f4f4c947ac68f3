"""Any text arrives in a real PostgreSQL as it is: as a parameter, a name, an array, and in the ledger's JSON."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings

from remediate.errors import Failed
from remediate.questions import Query, Unanswered
from remediate.sql import compose, literal
from remediate.target import DatabaseChange, Statement
from remediate.transport.database import Database
from tests.nasty import CORPUS, many

Count = Callable[[str, int, int], None]
LIMITS = settings(
    max_examples=3, deadline=None, database=None, suppress_health_check=[*HealthCheck], print_blob=False
)


def asked(database: Database, *queries: Query) -> list:
    answers = database.answer(list(queries))
    assert not [answer.reason for answer in answers.values() if isinstance(answer, Unanswered)]
    return [answers[query] for query in queries]


@pytest.mark.fault(24)
def test_any_text_arrives_unchanged_as_a_parameter_an_array_a_literal_and_a_name(
    database: Database, count: Count
) -> None:
    tried: list[int] = []

    @LIMITS
    @given(many)
    def arrives(texts: list[str]) -> None:
        names = [name for name in dict.fromkeys(texts) if 0 < len(name.encode()) < 64]
        each = Query(sql="SELECT " + ", ".join(["%s::text"] * len(texts)), parameters=tuple(texts))
        array = Query(sql="SELECT unnest(%s::text[])", parameters=(tuple(texts),))
        literals = Query(sql=f"SELECT {', '.join(map(literal, texts))}")
        named = Query(sql=compose("SELECT " + ", ".join(["1 AS {}"] * len(names)), *names))
        one, rows, written, columns = asked(database, each, array, literals, named)
        assert list(one.rows[0]) == texts
        assert [row[0] for row in rows.rows] == texts
        assert list(written.rows[0]) == texts
        assert list(columns.columns) == names
        tried.append(3 * len(texts) + len(names))

    arrives()
    count("injection strings", sum(tried), sum(tried))


@pytest.mark.fault(24)
def test_any_text_arrives_unchanged_in_a_change_and_in_the_recipe_back_beside_it(
    database: Database, count: Count
) -> None:
    tried: list[int] = []
    table = 'it\'s "a" {} table; --'
    made = Statement(sql=compose("CREATE TABLE {} (n int, t text)", table))
    database.change("run/0.1/1", DatabaseChange(statements=(made,)))

    @LIMITS
    @given(many)
    def arrives(texts: list[str]) -> None:
        token = f"run/1.{len(tried) + 1}/1"
        emptied = Statement(sql=compose("DELETE FROM {}", table))
        filled = Statement(
            sql=compose("INSERT INTO {} SELECT * FROM unnest(%s::int[], %s::text[])", table),
            parameters=(tuple(range(len(texts))), tuple(texts)),
        )
        undo = {"texts": texts, "keys": dict.fromkeys(texts, 1)}
        assert database.change(token, DatabaseChange(statements=(emptied, filled), undo=undo))
        query = Query(sql=compose("SELECT t FROM {} ORDER BY n", table))
        (answer,) = asked(database, query)
        assert [row[0] for row in answer.rows] == texts
        assert database.ledger(token) == undo
        tried.append(3 * len(texts))

    arrives()
    count("injection strings", sum(tried), sum(tried))


@pytest.mark.fault(24)
def test_a_nul_is_refused_in_one_line_and_nothing_is_changed(database: Database) -> None:
    query = Query(sql="SELECT %s::text", parameters=("a\0b",))
    answer = database.answer([query])[query]
    assert isinstance(answer, Unanswered)
    assert "\n" not in answer.reason
    statements = (
        Statement(sql="CREATE TABLE x (t text)"),
        Statement(sql="SELECT %s::text", parameters=("a\0b",)),
    )
    with pytest.raises(Failed) as caught:
        database.change("run/2.1/1", DatabaseChange(statements=statements))
    assert "\n" not in str(caught.value)
    with pytest.raises(Failed):
        database.change("run/2.2/1", DatabaseChange(statements=(statements[0],), undo={"a": "a\0b"}))
    (there,) = asked(database, Query(sql="SELECT to_regclass('x') IS NULL"))
    assert there.rows == ((True,),)


@pytest.mark.fault(24)
def test_a_text_that_would_end_the_statement_ends_nothing(database: Database) -> None:
    database.change("run/3.1/1", DatabaseChange(statements=(Statement(sql="CREATE TABLE avatars (t text)"),)))
    for number, text in enumerate(CORPUS):
        filled = Statement(sql="INSERT INTO avatars VALUES (%s)", parameters=(text,))
        database.change(f"run/3.{number + 2}/1", DatabaseChange(statements=(filled,)))
    (answer,) = asked(database, Query(sql="SELECT t FROM avatars"))
    assert sorted(row[0] for row in answer.rows) == sorted(CORPUS)
