"""Looking at a database: one round trip, no effects, clear words where it cannot be done."""

import json
from collections.abc import Callable

import pytest

from remediate.questions import Query, QueryAnswer, Unanswered
from remediate.transport.database import CLUSTER_IDENTITY, IDENTITY, Database
from remediate.transport.database_door import DatabaseSettings
from remediate.transport.trips import Trips

from .conftest import PASSWORD, QUOTED, RelayForwards


def rows(database: Database, sql: str, *parameters):
    query = Query(sql=sql, parameters=parameters)
    answer = database.answer([query])[query]
    assert isinstance(answer, QueryAnswer), answer
    return answer.rows


def reason(database: Database, sql: str = "SELECT 1") -> str:
    answer = database.answer([Query(sql=sql)])[Query(sql=sql)]
    assert isinstance(answer, Unanswered), answer
    return answer.reason


def test_many_queries_and_a_failing_one_cost_one_round_trip(cluster, dbname, open_database) -> None:
    database = open_database(cluster.url(dbname))
    queries = [Query(sql="SELECT %s::int AS n", parameters=(number,)) for number in range(40)]
    wrong = Query(sql="SELECT nonsense")
    answers = database.answer([*queries[:20], wrong, *queries[20:], queries[0]])
    assert [answers[query].rows for query in queries] == [((number,),) for number in range(40)]
    assert "42703" in answers[wrong].reason
    assert database._trips.database == 1


def test_values_are_what_json_has(database: Database) -> None:
    sql = """SELECT 1, 2.50::numeric, 'x', true, NULL, 1.5::float8, 'NaN'::float8,
        '2026-01-02 03:04:05.678+02'::timestamptz, 'infinity'::timestamp, '2026-01-02'::date, '\\xdeadbeef'::bytea,
        ARRAY[1,2], ARRAY[ARRAY['a,b', NULL]], ARRAY[1.10::numeric], '{"a": [1, null]}'::jsonb,
        '11111111-2222-3333-4444-555555555555'::uuid, '1 day 2 hours'::interval, int4range(1, 5), '10.0.0.1'::inet"""
    row = rows(database, sql)[0]
    assert json.loads(json.dumps(row)) == [
        *(1, "2.50", "x", True, None, 1.5, "nan"),
        *("2026-01-02T01:04:05.678+00", "infinity", "2026-01-02", "deadbeef"),
        *([1, 2], [["a,b", None]], ["1.10"], {"a": [1, None]}),
        *("11111111-2222-3333-4444-555555555555", "P1DT2H", "[1,5)", "10.0.0.1"),
    ]


def test_parameters_arrive_unchanged(database: Database) -> None:
    given = ("it's 100% %s $1 \\ \u00e9", 2**40, -1.5, None, False)
    sql = "SELECT %s::text, %s::bigint, %s::float8, %s::text, %s::bool, '%%'"
    assert rows(database, sql, *given) == ((*given, "%"),)
    assert rows(database, "SELECT x FROM unnest(%s::text[]) AS x", ("a", "b,'c")) == (("a",), ("b,'c",))


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE x (id int)",
        "SELECT 1; CREATE TABLE x (id int)",
        "COMMIT; CREATE TABLE x (id int)",
        "SET TRANSACTION READ WRITE",
        "CREATE TEMP TABLE x (id int)",
    ],
)
def test_nothing_can_be_written_while_looking(cluster, dbname, database: Database, sql: str) -> None:
    before = cluster.dump(dbname)
    reason(database, sql)
    assert rows(database, "SHOW transaction_read_only") == (("on",),)
    assert cluster.dump(dbname) == before


def test_the_search_path_is_the_schema_of_the_url(cluster, dbname, open_database) -> None:
    cluster.sql('CREATE SCHEMA "my ""Schema"; CREATE TABLE "my ""Schema".t (id int)', dbname)
    database = open_database(
        cluster.url(dbname, query="schema=my%20%22Schema&connection_limit=5&pool_timeout=2")
    )
    assert rows(database, "SELECT current_schema(), to_regclass('t') IS NOT NULL") == (('my "Schema', True),)


def test_identity_tells_the_database_and_the_cluster(database: Database, dbname: str) -> None:
    answers = database.answer([IDENTITY, CLUSTER_IDENTITY])
    assert answers[IDENTITY].records[0]["name"] == dbname
    assert answers[IDENTITY].records[0]["read_only_replica"] is False
    assert len(answers[CLUSTER_IDENTITY].rows[0][0]) > 10


def test_a_slow_question_is_ended_and_the_others_are_answered(cluster, dbname, open_database) -> None:
    database = open_database(cluster.url(dbname), settings=DatabaseSettings(statement=0.2))
    slow, quick = Query(sql="SELECT pg_sleep(30)"), Query(sql="SELECT 1")
    answers = database.answer([slow, quick])
    assert "57014" in answers[slow].reason
    assert answers[slow].state == "57014"
    assert answers[quick].rows == ((1,),)


def test_a_connection_that_died_while_idle_is_opened_again(cluster, dbname, database: Database) -> None:
    pid = rows(database, "SELECT pg_backend_pid()")[0][0]
    cluster.sql(f"SELECT pg_terminate_backend({pid}, 5000)")
    assert rows(database, "SELECT 1") == ((1,),)


def test_a_connection_that_ends_in_the_middle_is_told(database: Database) -> None:
    assert "the connection to the database broke" in reason(
        database, "SELECT pg_terminate_backend(pg_backend_pid(), 5000)"
    )
    assert rows(database, "SELECT 1") == ((1,),)


CANARY = "s3cretCanary"


class Nowhere:
    directory, port = "/nonexistent", 0

    def forward(self, destination, *, tcp=False):
        assert destination
        assert not tcp
        return self

    def close(self) -> None:
        return


def test_each_way_to_fail_has_its_words_and_never_the_password(cluster, open_database) -> None:
    told = {
        "password or the role": (f"app:{CANARY}", "postgres", None),
        "role of nobody_here": (f"nobody_here:{CANARY}", "postgres", None),
        "nothing answers": (f"app:{CANARY}", "postgres", Nowhere()),
        "has none; correct sslmode": (f"app:{CANARY}", "postgres?sslmode=require", None),
        "no such database": ("app:correct%20horse%2Fbattery%40staple", "nope", None),
        "wants a password": ("app", "postgres", None),
    }
    for words, (login, dbname, forwards) in told.items():
        said = reason(open_database(f"postgresql://{login}@127.0.0.1:{cluster.port}/{dbname}", forwards))
        assert words in said
        assert CANARY not in said
        assert "battery" not in said
        assert "\n" not in said


def test_a_full_server_has_its_words(cluster, open_database) -> None:
    cluster.sql(f"CREATE ROLE few LOGIN PASSWORD '{CANARY}' CONNECTION LIMIT 0")
    try:
        said = reason(open_database(cluster.url("postgres", user="few", password=CANARY)))
        assert "no connection left" in said
        assert "wants a password" in reason(
            open_database(f"postgresql://app@127.0.0.1:{cluster.port}/postgres")
        )
    finally:
        cluster.sql("DROP ROLE few")


def test_an_unusable_url_is_told_without_its_password(open_database) -> None:
    assert "not for PostgreSQL" in reason(open_database(f"mysql://root:{CANARY}@db/x"))
    said = reason(open_database(f"postgresql://app:{CANARY}/with@db:5432/x"))
    assert "percent-encode" in said
    assert CANARY not in said


def test_the_password_is_learned_before_it_is_used_as_it_is_and_as_it_is_written(
    cluster, dbname, open_database
) -> None:
    learned: list[str] = []
    database = open_database(cluster.url(dbname), learn=learned.append)
    rows(database, "SELECT 1")
    assert learned == database.secrets == [PASSWORD, QUOTED]


def test_no_query_costs_nothing_and_connects_to_nothing() -> None:
    def explodes() -> str:
        raise AssertionError

    trips = Trips()
    assert Database(explodes, None, trips).answer([]) == {}
    assert trips.looking == 0


def _silent(data: bytes) -> str:
    return "drop" if b"SELECT 42" in data else "pass"


def test_a_link_that_goes_silent_is_noticed(cluster, dbname, open_database: Callable[..., Database]) -> None:
    database = open_database(
        cluster.url(dbname), RelayForwards(cluster, _silent), settings=DatabaseSettings(answer=0.3)
    )
    assert "nothing came back in time" in reason(database, "SELECT 42")
    assert rows(database, "SELECT 43") == ((43,),)
