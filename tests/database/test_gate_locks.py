"""What the gate says of locks, scans and rewrites is what a real PostgreSQL does; and what it asks of a catalog."""

import pytest

from remediate.gate import RULES, Known, judge
from remediate.gate.rules import Lock, Work
from remediate.providers.live_tables import CATALOG, SIZES, known_from
from remediate.questions import Answers, Unanswered
from remediate.transport.database import Database
from remediate.transport.database_door import DatabaseSettings
from remediate.transport.database_wire import Command

from .conftest import Cluster

BEGINNING = """
CREATE TABLE parents (id int PRIMARY KEY);
CREATE TABLE rows (id int PRIMARY KEY, a int NOT NULL, b text, late int);
INSERT INTO parents SELECT n FROM generate_series(1, 9) AS n;
INSERT INTO rows SELECT n, n % 9 + 1, 'b' || n, n FROM generate_series(1, 2000) AS n;
CREATE INDEX rows_a ON rows (a);
ALTER TABLE rows ADD CONSTRAINT late CHECK (late > 0) NOT VALID;
CREATE TABLE parts (id int, at int) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (9999);
INSERT INTO parts SELECT n, n FROM generate_series(1, 2000) AS n;
"""
STATEMENTS = {
    "drop-table": "DROP TABLE rows",
    "truncate": "TRUNCATE rows",
    "delete-without-where": "DELETE FROM rows",
    "drop-column": "ALTER TABLE rows DROP COLUMN b",
    "update-without-where": "UPDATE rows SET b = 'x'",
    "delete-rows": "DELETE FROM rows WHERE id = 1",
    "change-rows": "UPDATE rows SET b = 'x' WHERE id = 1",
    "set-not-null": "ALTER TABLE rows ALTER b SET NOT NULL",
    "change-type": "ALTER TABLE rows ALTER a TYPE bigint",
    "volatile-default": "ALTER TABLE rows ADD u uuid DEFAULT gen_random_uuid()",
    "rewrites-table": "ALTER TABLE rows SET UNLOGGED",
    "index-blocks-writes": "CREATE INDEX i ON rows (b)",
    "unique-blocks": "ALTER TABLE rows ADD UNIQUE (b)",
    "foreign-key-scans": "ALTER TABLE rows ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES parents (id)",
    "check-scans": "ALTER TABLE rows ADD CONSTRAINT c CHECK (a > 0)",
    "validate": "ALTER TABLE rows VALIDATE CONSTRAINT late",
    "drop-index-blocks": "DROP INDEX rows_a",
    "foreign-key-late": "ALTER TABLE rows ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES parents (id) NOT VALID",
    "lock-table": "LOCK TABLE rows",
    "alter-table": "ALTER TABLE rows ADD COLUMN IF NOT EXISTS b text",
    "drop-constraint": "ALTER TABLE rows DROP CONSTRAINT late",
    "drop-not-null": "ALTER TABLE rows ALTER a DROP NOT NULL",
    "rename": "ALTER TABLE rows RENAME b TO c",
    "disables-triggers": "ALTER TABLE rows DISABLE TRIGGER USER",
    "not-null-without-default": "ALTER TABLE rows ADD n int NOT NULL DEFAULT 0",
}
HARMLESS = (  # only the catalog is written, and the gate says no more than that
    "ALTER TABLE rows ADD n int NOT NULL DEFAULT 0",
    "ALTER TABLE rows ADD at timestamp DEFAULT now()",
    "ALTER TABLE rows ADD p int REFERENCES parents (id)",
    "ALTER TABLE rows ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
    "ALTER TABLE rows ALTER b TYPE varchar",
    "ALTER TABLE rows ALTER b SET DEFAULT 'x'",
)
STRENGTH = list(Lock)
MEASURE = """SELECT '{table}'::regclass::oid AS o, pg_relation_filenode('{table}') AS before \\gset
BEGIN;
{sql};
SELECT string_agg(DISTINCT mode, ',') FROM pg_locks WHERE relation = :o AND pid = pg_backend_pid();
SELECT count(*) FROM pg_class WHERE oid = :o AND relfilenode <> :before;
ROLLBACK;
"""


@pytest.fixture(scope="module")
def rows(cluster: Cluster):
    name = cluster.new_database()
    cluster.sql(BEGINNING, name)
    yield name
    cluster.sql(f"DROP DATABASE {name} WITH (FORCE)")


def measured(cluster: Cluster, dbname: str, sql: str) -> tuple[Lock, bool]:
    modes, rewritten = cluster.sql(MEASURE.format(table="rows", sql=sql), dbname).splitlines()[-2:]
    names = {mode.removesuffix("Lock").lower() for mode in modes.split(",")}
    locks = [lock for lock in STRENGTH if lock.lower().replace(" ", "") in names]
    return locks[-1], rewritten == "1"


def looked_at(database: Database) -> Known:
    return known_from(Answers(dict(database.answer(list(CATALOG))), "web1"))


@pytest.mark.parametrize(("rule", "sql"), STATEMENTS.items())
def test_a_rule_names_the_lock_that_is_taken_and_whether_the_table_is_rewritten(
    cluster: Cluster, rows: str, rule: str, sql: str
) -> None:
    lock, rewritten = measured(cluster, rows, sql)
    assert lock == RULES[rule].lock
    if rule not in {
        "truncate",
        "update-without-where",
    }:  # a new file for no rows; each row anew, in the same file
        assert rewritten == (RULES[rule].work is Work.REWRITE)


@pytest.mark.parametrize("sql", HARMLESS)
def test_what_only_writes_the_catalog_is_told_so(
    cluster: Cluster, rows: str, open_database, sql: str
) -> None:
    assert measured(cluster, rows, sql) == (Lock.ACCESS_EXCLUSIVE, False)
    known = looked_at(open_database(cluster.url(rows)))
    assert {hazard.rule for hazard in judge(sql, known).hazards} == {"alter-table"}


def test_the_catalog_tells_sizes_checks_indexes_and_partitions(
    cluster: Cluster, rows: str, open_database
) -> None:
    database: Database = open_database(cluster.url(rows))
    cluster.sql(
        "ALTER TABLE rows SET (autovacuum_enabled = false)", rows
    )  # it cuts off empty pages in between
    cluster.sql("ANALYZE", rows)
    known = looked_at(database)
    table = known.table("rows")
    assert table.bytes == int(cluster.sql("SELECT pg_relation_size('rows')", rows))
    assert (table.rows, table.primary_key, table.checks) == (2000, ("id",), ())
    assert known.indexes["rows_a"].definition == "CREATE INDEX rows_a ON public.rows USING btree (a)"
    assert known.table("parts").bytes == int(cluster.sql("SELECT pg_relation_size('parts_1')", rows)) > 0
    cluster.sql("ALTER TABLE rows VALIDATE CONSTRAINT late", rows)
    (sizes,) = (database.answer([SIZES])[SIZES],)
    assert "CHECK ((late > 0))" in str(sizes)


def test_a_catalog_that_is_not_known_yet_is_no_catalog() -> None:
    answers = Answers({question: Unanswered(reason="gone") for question in CATALOG})
    assert not known_from(answers).looked


def test_a_table_that_somebody_has_for_himself_keeps_no_size_from_being_known(
    cluster: Cluster, rows: str, open_database
) -> None:
    cluster.sql("ANALYZE", rows)
    before = looked_at(open_database(cluster.url(rows)))
    holder = open_database(cluster.url(rows))._door.wire()
    for table in ("rows", "parts_1"):
        lock = f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"
        holder.exchange([Command(sql="BEGIN"), Command(sql=lock)], 5)
        seen = looked_at(open_database(cluster.url(rows), settings=DatabaseSettings(lock=0.1)))
        holder.exchange([Command(sql="ROLLBACK")], 5)
        assert {name: one.bytes for name, one in seen.tables.items()} == {
            name: one.bytes for name, one in before.tables.items()
        }
