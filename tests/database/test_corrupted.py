"""Indexes that are really broken are found by amcheck, and told from those that could not be looked at."""

import itertools
import threading
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from remediate.errors import CouldNotLook
from remediate.model import Finding
from remediate.providers.sql_corrupted import Corrupted, CorruptedAnywhere
from remediate.questions import Answers, Query
from remediate.transport.database import Database
from remediate.transport.database_door import DatabaseSettings

from .conftest import QUOTED, Cluster
from .sessions import Sessions, login_roles, sessions

__all__ = ["login_roles", "sessions"]
CHECK = Corrupted(table="avatars")
# A function that is not immutable breaks an index as a changed collation does: rows are not where they are sought.
BREAK = """
CREATE FUNCTION folded(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)';
CREATE TABLE avatars (id text PRIMARY KEY, name text);
CREATE UNIQUE INDEX avatars_name ON avatars (folded(name));
INSERT INTO avatars VALUES ('a', 'One'), ('b', 'Two');
"""
CHANGED = "CREATE OR REPLACE FUNCTION folded(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)'"


@pytest.fixture
def look(
    cluster: Cluster, dbname: str, sessions: Sessions, open_database: Callable[..., Database]
) -> Callable[..., Finding]:
    cluster.sql(BREAK, dbname)

    def looks(check: Corrupted = CHECK, user: str = "app", **more: object) -> Finding:
        database = open_database(cluster.url(dbname, user=user, password=QUOTED), **more)
        answers = Answers(database.answer(check.ask()), "db")
        return check.judge(answers, answers)

    return looks


def test_a_broken_index_is_found_among_whole_ones_and_left_as_it_is(
    cluster: Cluster, dbname: str, look
) -> None:
    cluster.sql("CREATE EXTENSION amcheck SCHEMA public", dbname)
    assert look().seen == "the 2 indexes of avatars are whole"
    cluster.sql(CHANGED, dbname)
    before = cluster.dump(dbname)
    found = look()
    assert found.seen == "1 of 2 indexes of avatars are broken: avatars_name"
    assert found.facts == {"corrupted": ["avatars_name"]}
    assert "XX001" in found.evidence[0]
    assert any("REINDEX INDEX CONCURRENTLY" in line for line in found.evidence)
    assert cluster.dump(dbname) == before


def test_what_could_not_be_looked_at_is_not_called_whole(
    cluster: Cluster, dbname: str, look, sessions: Sessions
) -> None:
    with pytest.raises(CouldNotLook, match=r"amcheck is not installed.*CREATE EXTENSION amcheck"):
        look()
    cluster.sql("CREATE SCHEMA other; CREATE EXTENSION amcheck SCHEMA other", dbname)
    with pytest.raises(CouldNotLook, match="in the schema other, not in public; say extension_schema: other"):
        look()
    cluster.sql("GRANT SELECT ON avatars TO web", dbname)
    other = Corrupted(table="avatars", extension_schema="other")
    with pytest.raises(CouldNotLook, match=r"the role may not use amcheck; GRANT EXECUTE"):
        look(other, "web")
    assert look(other).healthy
    cluster.sql("INSERT INTO avatars SELECT g, g FROM generate_series(1, 30000) g", dbname)
    with pytest.raises(CouldNotLook, match="avatars_name is larger than 1 MB with its table"):
        look(other.model_copy(update={"largest_megabytes": 1}))
    sessions.holding("migration", "LOCK TABLE avatars IN ACCESS EXCLUSIVE MODE", user="app")
    with pytest.raises(CouldNotLook, match="55P03"):
        look(other, settings=DatabaseSettings(lock=0.1))


def test_a_table_is_meant_by_one_of_its_indexes_as_well_and_what_is_not_known_is_told(
    cluster: Cluster, dbname: str, look
) -> None:
    by_index = Corrupted(table="", index="avatars_pkey", optional=True)
    missing = look(by_index)
    assert (missing.healthy, missing.evidence) == (True, ("a superuser makes it: CREATE EXTENSION amcheck",))
    assert missing.seen == "not looked at: the extension amcheck is not installed in this database"
    cluster.sql("CREATE EXTENSION amcheck SCHEMA public", dbname)
    assert look(by_index).seen == "the 2 indexes of the table of avatars_pkey are whole"
    cluster.sql(CHANGED, dbname)
    assert look(by_index).facts == {"corrupted": ["avatars_name"]}
    assert look(Corrupted(table="", index="")).seen == "not known: no table is named"
    with pytest.raises(CouldNotLook, match="there is no table of nothing"):
        look(Corrupted(index="nothing"))
    with pytest.raises(ValidationError, match="say `table`, or `index`"):
        Corrupted()


def test_a_table_that_is_not_there_is_no_healthy_one(cluster: Cluster, dbname: str, look) -> None:
    cluster.sql("CREATE EXTENSION amcheck SCHEMA public", dbname)
    with pytest.raises(CouldNotLook, match="there is no table nothing in the app's schema"):
        look(Corrupted(table="nothing"))


def test_indexes_of_all_tables_are_looked_at_up_to_so_much_and_no_lock_is_waited_for(
    cluster: Cluster, dbname: str, look, sessions: Sessions
) -> None:
    everywhere, strict = CorruptedAnywhere(optional=True), CorruptedAnywhere()
    assert look(everywhere).seen.startswith("not looked at: the extension amcheck is not installed")
    with pytest.raises(CouldNotLook, match="amcheck is not installed"):
        look(strict)
    cluster.sql("CREATE EXTENSION amcheck SCHEMA public; CREATE TABLE other (id int PRIMARY KEY)", dbname)
    assert look(strict).seen == "4 of 4 indexes were looked at, and are whole"
    cluster.sql(CHANGED, dbname)
    before = cluster.dump(dbname)
    found = look(everywhere)
    assert found.seen == "1 of 4 indexes are broken: avatars_name"
    assert found.facts == {"corrupted": ["avatars_name"]}
    assert "XX001" in found.evidence[0]
    assert cluster.dump(dbname) == before
    cluster.sql("DELETE FROM avatars; REINDEX TABLE avatars", dbname)
    cluster.sql("INSERT INTO other SELECT g FROM generate_series(1, 50000) g", dbname)
    small = everywhere.model_copy(update={"megabytes": 1})
    assert look(small).seen == "3 of 4 indexes were looked at, and are whole; 1 were not looked at"
    assert look(small).evidence[0].startswith("not looked at: beyond 1 MB with their tables")
    with pytest.raises(CouldNotLook, match="1 of 4 indexes: beyond 1 MB"):
        look(small.model_copy(update={"optional": False}))
    sessions.holding("migration", "LOCK TABLE avatars IN ACCESS EXCLUSIVE MODE", user="app")
    held = look(everywhere, settings=DatabaseSettings(lock=60.0, answer=20.0))
    assert held.seen == "2 of 4 indexes were looked at, and are whole; 2 were not looked at"


def test_a_broken_index_is_named_and_no_other_while_tables_grow_and_their_statistics_change(
    cluster: Cluster, dbname: str, look, sessions: Sessions
) -> None:
    tables = "".join(f"CREATE TABLE g{n} (id serial PRIMARY KEY, n text);" for n in range(12))
    cluster.sql(f"CREATE EXTENSION amcheck SCHEMA public; {tables}", dbname)
    cluster.sql(
        "INSERT INTO avatars SELECT 'k' || g, g FROM generate_series(1, 1000) g; ANALYZE avatars", dbname
    )
    cluster.sql(CHANGED, dbname)
    writer, over = sessions.open("writer", user="app", autocommit=True), threading.Event()

    def write() -> None:
        for number in itertools.cycle(range(12)):
            if over.is_set():
                return
            for statement in (
                "TRUNCATE g{}",
                "INSERT INTO g{} (n) SELECT repeat('x', 99) FROM generate_series(1, 2000)",
            ):
                writer.execute(statement.format(number))
                writer.execute(f"VACUUM (ANALYZE, TRUNCATE off) g{number}")

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        found = [look(CorruptedAnywhere(optional=True)) for _ in range(10)]
    finally:
        over.set()
        thread.join(20)
    assert {tuple(one.facts["corrupted"]) for one in found} == {("avatars_name",)}


def test_a_slow_look_at_indexes_ends_in_time_for_the_other_questions_of_its_look(
    cluster: Cluster, dbname: str, look, open_database: Callable[..., Database]
) -> None:
    slow = "CREATE OR REPLACE FUNCTION slow(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1{}'"
    tables = "".join(
        f"CREATE TABLE s{n} AS SELECT generate_series(1, 100) AS id; CREATE INDEX s{n}_i ON s{n} (slow(id));"
        for n in range(40)
    )
    cluster.sql(f"CREATE EXTENSION amcheck SCHEMA public; {slow.format('')}; {tables}", dbname)
    cluster.sql(slow.format(" FROM pg_sleep(0.2)"), dbname)
    database = open_database(cluster.url(dbname), settings=DatabaseSettings(answer=12.0))
    check, last = CorruptedAnywhere(optional=True, seconds=1), Query(sql="SHOW statement_timeout")
    answers = Answers(database.answer((*check.ask(), last)), "db")
    found = check.judge(answers, answers)
    assert found.healthy
    assert found.seen.endswith("; 40 were not looked at")
    assert answers[last].rows == (("15s",),)
