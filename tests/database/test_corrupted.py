"""Indexes that are really broken are found by amcheck, and told from those that could not be looked at."""

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from remediate.errors import CouldNotLook
from remediate.model import Finding
from remediate.providers.sql_corrupted import Corrupted
from remediate.questions import Answers
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
