"""Every rule of the gate has a text that trips it and a near miss that does not; and how much each weighs."""

from dataclasses import dataclass, replace

import pytest

from remediate.gate import NOTHING, RULES, Known, judge
from remediate.gate.known import Index
from remediate.gate.looking import not_a_look
from remediate.gate.squawk import Lint
from remediate.hazard import Hazard, Severity
from remediate.providers.own_hazards import ROWS_KEPT

from .sample import migrations, no_squawk, sample

LIVE = replace(sample(), functions=frozenset({"purge"}))
SWEEPER = "CREATE OR REPLACE FUNCTION public.sweep() RETURNS void LANGUAGE sql AS $$DELETE FROM avatars$$"
FIRING = "CREATE TRIGGER t AFTER DELETE ON avatars FOR EACH ROW EXECUTE FUNCTION sweep()"
MERGE = "MERGE INTO avatars AS a USING avatar_projects AS p"
LATE = "ALTER TABLE avatars ADD CONSTRAINT c CHECK (name <> '') NOT VALID"


@dataclass(frozen=True)
class Pair:
    """A text that trips a rule, and one that nearly does."""

    trips: str
    misses: str


PAIRS: dict[str, tuple[Pair, ...]] = {
    "drop-table": (
        Pair("DROP TABLE IF EXISTS avatars CASCADE", "CREATE TABLE t (a int); DROP TABLE t"),
        Pair(
            "SELECT 1; DROP TABLE public.avatars, avatar_projects",
            "SELECT 'DROP TABLE avatars' -- DROP TABLE avatars",
        ),
    ),
    "drop-schema": (Pair("DROP SCHEMA public CASCADE", "CREATE SCHEMA other"),),
    "drop-database": (Pair("DROP DATABASE lumiku", "SELECT 'DROP DATABASE lumiku'"),),
    "truncate": (
        Pair("TRUNCATE avatars", "CREATE TABLE t (a int); TRUNCATE t"),
        Pair("truncate table only avatars restart identity cascade", "SELECT 1 -- truncate avatars"),
    ),
    "delete-without-where": (
        Pair("DELETE FROM avatars", "DELETE FROM avatars WHERE id = 'a'"),
        Pair("DELETE FROM avatars WHERE true", "DELETE FROM avatars WHERE false"),
        Pair("DELETE FROM avatar_projects", "CREATE TABLE t (a int); DELETE FROM t"),
        Pair("DELETE FROM avatars WHERE 1 = 1", "DELETE FROM avatars WHERE name = style"),
        Pair("DELETE FROM avatars WHERE id > '0' OR true", "DELETE FROM avatars WHERE id > '0' OR false"),
        Pair(
            "DELETE FROM avatars WHERE (id > '0' OR (NOT false AND 1 < 2))",
            "DELETE FROM avatars WHERE NOT true",
        ),
        Pair(
            "DELETE FROM avatars WHERE NOT (id = 'a' AND false)",
            "DELETE FROM avatars WHERE NOT (id = 'a' OR false)",
        ),
        Pair(
            "DELETE FROM avatars WHERE now() > '2020-01-01'", 'DELETE FROM avatars WHERE now() > "createdAt"'
        ),
        Pair(f"{MERGE} ON true WHEN MATCHED THEN DELETE", f"{MERGE} ON a.id = p.id WHEN MATCHED THEN DELETE"),
        Pair(
            f"{MERGE} ON a.id = p.id WHEN NOT MATCHED BY SOURCE THEN DELETE",
            f"{MERGE} ON true WHEN MATCHED AND a.id = 'x' THEN DELETE WHEN MATCHED THEN DO NOTHING",
        ),
        Pair(
            "WITH gone AS (DELETE FROM avatars RETURNING id) SELECT * FROM gone",
            "SELECT 'DELETE FROM avatars'",
        ),
    ),
    "drop-cascade": (
        Pair("DROP TYPE gender CASCADE", "DROP TYPE gender"),
        Pair("DROP EXTENSION IF EXISTS citext CASCADE", 'DROP TYPE "gender CASCADE"'),
        Pair("DROP OWNED BY lumiku", "DROP INDEX avatars_name_idx CASCADE"),
    ),
    "code-loses-data": (
        Pair("DO $$ BEGIN DROP TABLE avatars; END $$", "DO $$ BEGIN RAISE NOTICE 'DROP TABLE'; END $$"),
        Pair("DO $$ BEGIN EXECUTE 'DR' || 'OP TABLE avatars'; END $$", "DO $$ BEGIN PERFORM 1; END $$"),
        Pair("DO 'BEGIN TRUN'\n'CATE avatars; END'", "DO 'BEGIN -- DROP TABLE avatars\nNULL; END'"),
        Pair("DO E'BEGIN \\104ROP TABLE avatars; END'", "SELECT E'\\104ROP TABLE avatars'"),
        Pair("DO U&'BEGIN \\0044ROP TABLE avatars; END'", "SELECT 1"),
        Pair(
            "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'TRUNCATE avatars'",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        ),
        Pair(
            "CREATE PROCEDURE p() LANGUAGE plpython3u AS $$ plpy.execute('D' + 'ROP …') $$",
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN DELETE FROM avatars WHERE id = old.id; RETURN new; END $$",
        ),
        Pair("DO $$ BEGIN DELETE FROM avatars; END $$", "DO $$ BEGIN UPDATE avatars SET name = 'x'; END $$"),
        Pair("DO $$ BEGIN COPY avatars TO PROGRAM 'x'; END $$", "DO $$ BEGIN NULL; END $$"),
        Pair("SELECT dblink_exec('dbname=lumiku', 'DROP TABLE avatars')", "SELECT 'dblink_exec(1)'"),
        Pair(
            "DO $$ BEGIN ALTER TABLE avatars DROP name; END $$",
            "DO $$ BEGIN ALTER TABLE avatars ALTER name DROP NOT NULL; END $$",
        ),
        Pair(
            "DO $$ BEGIN ALTER TABLE avatars DROP index; END $$",
            "DO $$ BEGIN DROP INDEX IF EXISTS avatars_name_idx; END $$",
        ),
        Pair(
            "DO $$ BEGIN DROP VIEW v; END $$",
            "DO $$ BEGIN CREATE TEMP TABLE t (load int, program int) ON COMMIT DROP; END $$",
        ),
        Pair(
            "DO $$ BEGIN ALTER TABLE avatars DROP CONSTRAINT x, DROP name; END $$",
            "DO $$ BEGIN ALTER TABLE avatars DROP CONSTRAINT IF EXISTS x; END $$",
        ),
        Pair("DO $$ BEGIN LOAD 'x'; END $$", "DO $$ BEGIN INSERT INTO dblink_log (a) VALUES (1); END $$"),
        Pair("SELECT cron.schedule('* * * * *', 'DROP TABLE avatars')", "SELECT 'cron.schedule(1)'"),
        Pair(
            "CREATE RULE r AS ON INSERT TO users DO ALSO DELETE FROM avatars",
            "CREATE RULE r AS ON INSERT TO users DO ALSO DELETE FROM avatars WHERE id = new.id",
        ),
        Pair("COPY (DELETE FROM avatars RETURNING *) TO STDOUT", "COPY (SELECT * FROM avatars) TO STDOUT"),
    ),
    "catalog-rows": (
        Pair("DELETE FROM pg_class WHERE relname = 'avatars'", "SELECT * FROM pg_class"),
        Pair(
            "UPDATE pg_catalog.pg_attribute SET attnotnull = false WHERE attnum = 1", "DELETE FROM app.pg_x"
        ),
    ),
    "drop-column": (
        Pair(
            "ALTER TABLE avatars DROP COLUMN name, DROP gender", "ALTER TABLE avatars ALTER name DROP DEFAULT"
        ),
    ),
    "drop-own": (Pair("CREATE TABLE t (a int); DROP TABLE t", "DROP TABLE avatars"),),
    "update-without-where": (
        Pair(
            f"{MERGE} ON 1 = 1 WHEN MATCHED THEN UPDATE SET name = 'x'",
            f"{MERGE} ON a.id = p.id WHEN MATCHED THEN UPDATE SET name = 'x'",
        ),
        Pair("UPDATE avatars SET name = 'x'", "UPDATE avatars SET name = 'x' WHERE name IS NULL"),
        Pair(
            "WITH u AS (UPDATE avatars SET name = 'x' RETURNING 1) SELECT 1",
            "CREATE TABLE t (a int); UPDATE t SET a = 1",
        ),
    ),
    "delete-rows": (
        Pair("DELETE FROM avatars WHERE name IS NULL", "DELETE FROM avatars"),
        Pair(
            f"{MERGE} ON a.id = p.id WHEN MATCHED THEN DELETE",
            f"{MERGE} ON a.id = p.id WHEN MATCHED THEN DO NOTHING",
        ),
    ),
    "change-rows": (
        Pair(
            "UPDATE avatars SET name = 'x' WHERE id = 'a'",
            "SELECT name FROM avatars WHERE id = 'a' FOR UPDATE",
        ),
        Pair(
            'INSERT INTO avatar_projects (id, "userId", name, "updatedAt") VALUES (1, 2, 3, now())'
            " ON CONFLICT (id) DO UPDATE SET name = excluded.name",
            "INSERT INTO avatar_projects (id) VALUES (1) ON CONFLICT DO NOTHING",
        ),
    ),
    "duplicate-of-key": (
        Pair(
            "DELETE FROM avatars WHERE id = 'd' AND name = (SELECT min(name) FROM avatars WHERE id = 'd')",
            "DELETE FROM avatars WHERE gender = 'd' AND name = (SELECT min(name) FROM avatars)",
        ),
    ),
    "not-in-null": (
        Pair(
            'SELECT 1 FROM avatar_projects WHERE id NOT IN (SELECT "thumbnailUrl" FROM avatars)',
            'SELECT 1 FROM avatar_projects WHERE id NOT IN (SELECT "projectId" FROM avatars)',
        ),
        Pair(
            'DELETE FROM avatar_projects WHERE id NOT IN (SELECT "thumbnailUrl" FROM avatars)',
            'DELETE FROM avatar_projects WHERE id NOT IN (SELECT "thumbnailUrl" FROM avatars'
            ' WHERE "thumbnailUrl" IS NOT NULL)',
        ),
    ),
    "not-in-unproven": (
        Pair(
            "DELETE FROM avatars WHERE gender <> ALL (SELECT id FROM avatar_projects)",
            'DELETE FROM avatars WHERE "projectId" <> ALL (SELECT id FROM avatar_projects)',
        ),
        Pair(
            "DELETE FROM avatars WHERE gender NOT IN (SELECT id FROM avatar_projects)",
            "DELETE FROM avatars WHERE gender NOT IN ('a', 'b')",
        ),
        Pair(
            'DELETE FROM avatars WHERE "projectId" NOT IN (SELECT lower(id) FROM avatar_projects)',
            'DELETE FROM avatars WHERE "projectId" NOT IN (SELECT id FROM avatar_projects)',
        ),
    ),
    "unquoted-name": (
        Pair("SELECT 1 FROM avatars WHERE USERID = 1", 'SELECT 1 FROM "AVATARS" WHERE "USERID" = 1'),
        Pair("SELECT userId FROM avatars", 'SELECT "userId" FROM avatars'),
        Pair(
            "SELECT a.projectid FROM avatars a",
            "SELECT a.NAME AS Projectid FROM Avatars a ORDER BY projectid",
        ),
        Pair(
            "CREATE INDEX CONCURRENTLY i ON avatars (sourceType)",
            'CREATE INDEX CONCURRENTLY i ON avatars ("sourceType")',
        ),
        Pair(
            "ALTER TABLE avatars ALTER COLUMN sourceType DROP DEFAULT",
            "ALTER TABLE avatars ALTER NAME DROP DEFAULT",
        ),
        Pair(
            "INSERT INTO avatars (id, userId) VALUES (1, 2)", "INSERT INTO avatars (ID, Name) VALUES (1, 2)"
        ),
        Pair(
            "EXPLAIN SELECT 1 FROM avatars WHERE userId = 'user123'",
            "EXPLAIN SELECT 1 FROM avatars WHERE Id = 'userId'",
        ),
    ),
    "folded-name": (
        Pair("ALTER TABLE avatars ADD COLUMN newOne text", 'ALTER TABLE avatars ADD COLUMN "newOne" text'),
        Pair("CREATE TABLE newTable (a int)", 'CREATE TABLE "newTable" (a int)'),
    ),
    "set-not-null": (
        Pair(
            "ALTER TABLE avatars ALTER COLUMN gender SET NOT NULL",
            "ALTER TABLE avatars ALTER name SET NOT NULL",
        ),
        Pair(
            "ALTER TABLE avatars ALTER gender SET NOT NULL", "ALTER TABLE avatars ALTER gender DROP NOT NULL"
        ),
    ),
    "change-type": (
        Pair(
            'ALTER TABLE avatars ALTER "usageCount" TYPE bigint',
            "ALTER TABLE avatars ALTER name SET DEFAULT 'bigint'",
        ),
        Pair(
            "ALTER TABLE avatars ALTER name SET DATA TYPE varchar(20)",
            "ALTER TABLE avatars ALTER name TYPE text",
        ),
        Pair(
            "ALTER TABLE avatars ALTER name TYPE text USING upper(name)",
            "ALTER TABLE avatars ALTER name TYPE varchar",
        ),
    ),
    "volatile-default": (
        Pair(
            "ALTER TABLE avatars ADD u uuid DEFAULT gen_random_uuid()",
            "ALTER TABLE avatars ADD at timestamp DEFAULT now()",
        ),
        Pair("ALTER TABLE avatars ADD n serial", "ALTER TABLE avatars ADD n int DEFAULT 0"),
        Pair(
            "ALTER TABLE avatars ADD n int GENERATED ALWAYS AS (1 + 1) STORED",
            "ALTER TABLE avatars ADD n text[] DEFAULT ARRAY['a']::text[]",
        ),
    ),
    "index-blocks-writes": (
        Pair("CREATE INDEX i ON avatars (name)", "CREATE INDEX CONCURRENTLY i ON avatars (name)"),
        Pair(
            "create unique index on public.avatars (name)", "CREATE TABLE t (a int); CREATE INDEX i ON t (a)"
        ),
    ),
    "unique-blocks": (
        Pair(
            "ALTER TABLE avatars ADD CONSTRAINT u UNIQUE (name)",
            "ALTER TABLE avatars ADD CONSTRAINT u UNIQUE USING INDEX i",
        ),
        Pair(
            "ALTER TABLE avatars ADD EXCLUDE USING gist (name WITH =)", "ALTER TABLE avatars ADD excluded int"
        ),
        Pair("ALTER TABLE avatars ADD PRIMARY KEY (name)", "CREATE TABLE t (a int PRIMARY KEY)"),
        Pair("ALTER TABLE avatars ADD n int UNIQUE", "ALTER TABLE avatars ADD n int"),
    ),
    "foreign-key-scans": (
        Pair(
            'ALTER TABLE avatars ADD CONSTRAINT f FOREIGN KEY ("projectId") REFERENCES avatar_projects (id)',
            'ALTER TABLE avatars ADD CONSTRAINT f FOREIGN KEY ("projectId") REFERENCES avatar_projects (id) NOT VALID',
        ),
        Pair(
            "ALTER TABLE avatars ADD p text DEFAULT 'a' REFERENCES avatar_projects (id)",
            "ALTER TABLE avatars ADD p text REFERENCES avatar_projects (id)",
        ),
    ),
    "check-scans": (
        Pair(
            "ALTER TABLE avatars ADD CONSTRAINT c CHECK (name <> '')",
            "ALTER TABLE avatars ADD CONSTRAINT c CHECK (name <> '') NOT VALID",
        ),
        Pair(
            "ALTER TABLE avatars ADD CHECK (name <> '')",
            "ALTER TABLE avatars ADD CHECK (name <> '') NOT VALID",
        ),
    ),
    "validate-with-add": (
        Pair(
            f"{LATE}; ALTER TABLE avatars VALIDATE CONSTRAINT c",
            f"{LATE}; ALTER TABLE avatars VALIDATE CONSTRAINT d",
        ),
    ),
    "vacuum-full": (
        Pair("VACUUM FULL avatars", "VACUUM (ANALYZE) avatars"),
        Pair("VACUUM (FULL, ANALYZE) avatars", 'VACUUM "FULL"'),
        Pair("CLUSTER avatars", "SELECT 1 AS cluster"),
    ),
    "rewrites-table": (
        Pair("ALTER TABLE avatars SET UNLOGGED", "ALTER TABLE avatars SET (autovacuum_enabled = false)"),
        Pair("ALTER TABLE avatars SET TABLESPACE fast", "CREATE TABLE t (a int); ALTER TABLE t SET LOGGED"),
    ),
    "reindex-blocks": (Pair("REINDEX TABLE avatars", "REINDEX TABLE CONCURRENTLY avatars"),),
    "refresh-blocks": (Pair("REFRESH MATERIALIZED VIEW m", "REFRESH MATERIALIZED VIEW CONCURRENTLY m"),),
    "drop-index-blocks": (
        Pair('DROP INDEX "avatars_userId_idx"', 'DROP INDEX CONCURRENTLY "avatars_userId_idx"'),
    ),
    "lock-table": (Pair("LOCK TABLE avatars IN SHARE MODE", "SELECT 1 FROM avatars FOR SHARE"),),
    "lock-held": (
        Pair(
            "ALTER TABLE avatars ADD n int; UPDATE avatars SET n = 1 WHERE id = 'a'",
            "UPDATE avatars SET gender = 'x' WHERE id = 'a'; ALTER TABLE avatars ADD n int",
        ),
        Pair(
            "ALTER TABLE avatars ADD n int; SELECT 1; INSERT INTO avatar_projects (id) VALUES (1)"
            " ON CONFLICT (id) DO UPDATE SET name = 'x'",
            "ALTER TABLE avatars ADD n int; SELECT 1; INSERT INTO avatar_projects (id) VALUES (1)",
        ),
        Pair(
            "ALTER TABLE avatars DROP gender; DELETE FROM avatar_projects WHERE id = 'a'",
            "CREATE TABLE t (a int); ALTER TABLE t ADD b int; DELETE FROM avatars WHERE id = 'a'",
        ),
    ),
    "validate": (
        Pair(
            'ALTER TABLE ONLY "avatars" VALIDATE CONSTRAINT c', "ALTER TABLE avatars ALTER name DROP DEFAULT"
        ),
    ),
    "foreign-key-late": (
        Pair(
            'ALTER TABLE avatars ADD CONSTRAINT f FOREIGN KEY ("projectId") REFERENCES avatar_projects (id) NOT VALID',
            'ALTER TABLE avatars ADD CONSTRAINT f FOREIGN KEY ("projectId") REFERENCES avatar_projects (id)',
        ),
    ),
    "index-concurrently": (
        Pair(
            "CREATE INDEX CONCURRENTLY i ON avatars (name)",
            "CREATE TABLE t (a int); CREATE INDEX CONCURRENTLY i ON t (a)",
        ),
    ),
    "drop-index-concurrently": (
        Pair('DROP INDEX CONCURRENTLY "avatars_userId_idx"', 'DROP INDEX "avatars_userId_idx"'),
    ),
    "alter-table": (
        Pair(
            "ALTER TABLE avatars ADD CONSTRAINT c CHECK (name <> '') NOT VALID",
            'ALTER TABLE avatars ADD FOREIGN KEY ("projectId") REFERENCES avatar_projects (id) NOT VALID',
        ),
        Pair("ALTER TABLE avatars ADD n int", "CREATE TABLE t (a int); ALTER TABLE t ADD b int"),
        Pair("ALTER TABLE avatars ADD COLUMN IF NOT EXISTS name text NOT NULL", "ALTER TYPE e ADD VALUE 'x'"),
        Pair("ALTER TABLE avatars SET (fillfactor = 70)", "ALTER SEQUENCE s RESTART"),
    ),
    "not-null-without-default": (
        Pair("ALTER TABLE avatars ADD n int NOT NULL", "ALTER TABLE avatars ADD n int NOT NULL DEFAULT 0"),
        Pair(
            'ALTER TABLE "avatars" ADD n int NOT NULL DEFAULT NULL',
            "CREATE TABLE t (a int); ALTER TABLE t ADD n int NOT NULL",
        ),
    ),
    "not-the-same": (
        Pair(
            "ALTER TABLE avatars ADD COLUMN IF NOT EXISTS gender integer",
            "ALTER TABLE avatars ADD COLUMN IF NOT EXISTS gender TEXT",
        ),
        Pair(
            'ALTER TABLE avatars ADD COLUMN IF NOT EXISTS "usageCount" int NOT NULL DEFAULT 1',
            'ALTER TABLE avatars ADD COLUMN IF NOT EXISTS "usageCount" int NOT NULL DEFAULT 0',
        ),
        Pair(
            'CREATE INDEX IF NOT EXISTS "avatars_userId_idx" ON avatars ("projectId")',
            'CREATE INDEX IF NOT EXISTS "avatars_userId_idx" ON public.avatars USING btree ("userId" ASC)',
        ),
        Pair(
            'CREATE UNIQUE INDEX IF NOT EXISTS "avatars_userId_idx" ON avatars ("userId")',
            'CREATE INDEX IF NOT EXISTS other ON avatars ("userId")',
        ),
        Pair(
            "CREATE TABLE IF NOT EXISTS avatar_projects (id text)",
            "CREATE TABLE IF NOT EXISTS other (id text)",
        ),
    ),
    "there-already": (
        Pair("ALTER TABLE avatars ADD gender text", "ALTER TABLE avatars ADD other text"),
        Pair("CREATE TABLE avatars (id text)", "DROP TABLE avatars; CREATE TABLE avatars (id text)"),
        Pair(
            'CREATE INDEX "avatars_userId_idx" ON avatars ("userId")',
            'CREATE INDEX avatars_userId_idx ON avatars ("userId")',
        ),
    ),
    "missing-required": (
        Pair(
            'INSERT INTO avatar_projects (id, "userId", name) VALUES (1, 2, 3)',
            'INSERT INTO avatar_projects (id, "userId", name, "updatedAt") VALUES (1, 2, 3, now())',
        ),
    ),
    "information-schema": (
        Pair(
            "SELECT count(*) FROM information_schema.columns WHERE table_name = 'avatars'",
            "SELECT count(*) FROM pg_catalog.pg_attribute WHERE attrelid = 'avatars'::regclass",
        ),
    ),
    "adds-cascade": (
        Pair(
            'ALTER TABLE avatars ADD CONSTRAINT f FOREIGN KEY ("projectId") REFERENCES avatar_projects (id)'
            " ON DELETE CASCADE NOT VALID",
            'ALTER TABLE avatars ADD CONSTRAINT f FOREIGN KEY ("projectId") REFERENCES avatar_projects (id)'
            " ON UPDATE CASCADE NOT VALID",
        ),
    ),
    "drop-constraint": (
        Pair(
            "ALTER TABLE avatars DROP CONSTRAINT avatars_pkey", "ALTER TABLE avatars ALTER name DROP DEFAULT"
        ),
        Pair(
            f"{LATE}; ALTER TABLE avatars DROP CONSTRAINT d",
            f"{LATE}; ALTER TABLE avatars DROP CONSTRAINT c",
        ),
    ),
    "drop-object": (
        Pair("DROP VIEW v", "CREATE VIEW v AS SELECT 1"),
        Pair("DROP EXTENSION e", "CREATE EXTENSION e"),
    ),
    "drop-not-null": (
        Pair("ALTER TABLE avatars ALTER name DROP NOT NULL", "ALTER TABLE avatars ALTER name DROP DEFAULT"),
    ),
    "rename": (
        Pair("ALTER TABLE avatars RENAME TO people", "CREATE TABLE t (a int)"),
        Pair("ALTER TABLE avatars RENAME COLUMN name TO title", "ALTER TABLE avatars ADD title text"),
        Pair('ALTER SCHEMA "public" RENAME TO old', 'CREATE SCHEMA "public" AUTHORIZATION app'),
    ),
    "disables-triggers": (
        Pair("ALTER TABLE avatars DISABLE TRIGGER ALL", "ALTER TABLE avatars ENABLE TRIGGER ALL"),
    ),
    "long-name": (Pair(f"CREATE TABLE {'n' * 64} (a int)", f"CREATE TABLE {'n' * 63} (a int)"),),
    "domain-check": (Pair("CREATE DOMAIN d AS text CHECK (value <> '')", "CREATE DOMAIN d AS text"),),
    "several-statements": (Pair("SELECT 1; SELECT 2", "SELECT ';'; -- ;"),),
    "not-in-transaction": (
        Pair(
            "SELECT 1; CREATE INDEX CONCURRENTLY i ON avatars (name)",
            "CREATE INDEX CONCURRENTLY i ON avatars (name)",
        ),
        Pair("VACUUM avatars; ANALYZE avatars", "VACUUM avatars"),
    ),
    "own-transaction": (
        Pair("BEGIN; SELECT 1; COMMIT", "SELECT 1 AS begin"),
        Pair("COMMIT", "COMMENT ON TABLE avatars IS ''"),
    ),
    "atomic-body": (
        Pair(
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$",
        ),
    ),
    "session": (Pair("SET search_path = x", "SET LOCAL lock_timeout = '1s'"),),
    "client-copy": (Pair("COPY avatars FROM STDIN", "COPY avatars TO '/tmp/a'"),),
    "psql": (Pair("\\d avatars", "SELECT '\\d avatars'"),),
    "opaque": (
        Pair("DO $$ BEGIN DELETE FROM avatars; END $$", "SELECT '$$' AS \"do\""),
        Pair("CALL clean_up()", "SELECT 1 AS call"),
        Pair(f"{SWEEPER}; SELECT sweep()", f"{SWEEPER}; SELECT swept('sweep()')"),
        Pair(
            f'{SWEEPER}; WITH a AS (SELECT public . "sweep" ()) SELECT 1', f"{SWEEPER}; DROP FUNCTION sweep()"
        ),
        Pair(f"{SWEEPER}; ALTER TABLE avatars ADD n int DEFAULT sweep()", f"SELECT sweep(); {SWEEPER}"),
        Pair("SELECT purge(id) FROM avatars", "UPDATE avatars SET name = purge(id) WHERE id = 'a'"),
        Pair(
            f"{FIRING}; DELETE FROM avatars WHERE id = 'a'",  # noqa: S608
            f"{FIRING}; DELETE FROM avatar_projects WHERE id = 'a'",  # noqa: S608
        ),
    ),
    "function-with-effects": (
        Pair("SELECT pg_cancel_backend(pid) FROM pg_stat_activity", "SELECT 1 AS pg_cancel_backend"),
        Pair('SELECT "pg_terminate_backend" (1)', "SELECT setval('s', 1)"),
    ),
    "explain-analyze-writes": (
        Pair("EXPLAIN (VERBOSE, ANALYZE) DELETE FROM avatars WHERE id = 'a'", "EXPLAIN DELETE FROM avatars"),
        Pair("EXPLAIN ANALYZE nonsense", "EXPLAIN ANALYZE SELECT 'x'"),
    ),
    "explain-analyze": (Pair("EXPLAIN ANALYZE SELECT 'a' FROM avatars", "EXPLAIN VERBOSE SELECT 1"),),
    "syntax": (Pair("ALTER TABLE avatars ADD COLUMN (", "ALTER TABLE avatars ADD COLUMN n int"),),
    "unread": (
        Pair("LISTEN_TO x", "SELECT 1"),
        Pair(
            "CREATE RULE r AS ON DELETE TO avatars DO INSTEAD NOTHING",
            "CREATE OR REPLACE FUNCTION f() RETURNS trigger AS $$ BEGIN RETURN NEW; END $$ LANGUAGE plpgsql",
        ),
        Pair(
            "ALTER TABLE avatars ATTACH PARTITION p DEFAULT",
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO b",
        ),
        Pair(
            'ALTER TABLE avatars ADD COLUMN "columnName" TYPE',
            'ALTER TABLE avatars ADD COLUMN "columnName" text',
        ),
    ),
    "linted": (
        Pair("ALTER TABLE avatars DETACH PARTITION p", "ALTER TABLE avatars DETACH PARTITION p CONCURRENTLY"),
    ),
}


def rules_of(text: str, known: Known = LIVE) -> set[str]:
    several = {"several-statements"} if RULES["several-statements"].why in not_a_look(text) else set()
    return several | {hazard.rule for hazard in judge(text, known).hazards}


def the_hazard(text: str, rule: str, known: Known = LIVE) -> Hazard:
    (hazard,) = [hazard for hazard in judge(text, known, ask_squawk=no_squawk).hazards if hazard.rule == rule]
    return hazard


def test_every_rule_has_a_text_that_trips_it_and_a_near_miss() -> None:
    assert set(PAIRS) | set(INSTEAD.values()) == set(RULES)


INSTEAD = {**ROWS_KEPT, "lock-table": "schema-aside"}
"""Rules that no text trips by itself: they stand for others where an action of ours sees to what those warn of."""


@pytest.mark.parametrize("rule", INSTEAD)
def test_what_an_action_sees_to_is_told_by_another_rule(rule: str) -> None:
    for pair in PAIRS[rule]:
        found = {hazard.rule for hazard in judge(pair.trips, LIVE, instead=INSTEAD).hazards}
        assert INSTEAD[rule] in found
        assert rule not in found


@pytest.mark.parametrize(("rule", "pair"), [(rule, pair) for rule, pairs in PAIRS.items() for pair in pairs])
def test_a_rule_is_tripped_by_its_text_and_not_by_the_near_miss(rule: str, pair: Pair) -> None:
    assert rule in rules_of(pair.trips)
    assert rule not in rules_of(pair.misses)


def test_an_invalid_index_is_not_what_was_written() -> None:
    text = 'CREATE INDEX IF NOT EXISTS broken ON avatars ("userId")'
    valid = Index("broken", "avatars", 'CREATE INDEX broken ON public.avatars USING btree ("userId")')
    broken = Index("broken", "avatars", valid.definition, valid=False)
    assert "not-the-same" not in rules_of(text, LIVE.with_index(valid))
    assert "not-the-same" in rules_of(text, LIVE.with_index(broken))


def test_an_empty_table_takes_a_column_that_is_not_null() -> None:
    text = "ALTER TABLE avatars ADD n int NOT NULL"
    empty = LIVE.with_table(replace(LIVE.table("avatars"), bytes=0, rows=0))
    assert "not-null-without-default" not in rules_of(text, empty)
    assert "not-null-without-default" in rules_of(text, sample(0.01))


def test_a_valid_check_spares_the_scan_of_set_not_null() -> None:
    checked = LIVE.with_table(replace(LIVE.table("avatars"), checks=("CHECK ((gender IS NOT NULL))",)))
    assert "set-not-null" in rules_of("ALTER TABLE avatars ALTER gender SET NOT NULL")
    assert "set-not-null" not in rules_of("ALTER TABLE avatars ALTER gender SET NOT NULL", checked)


@pytest.mark.parametrize(
    "rule", [rule.id for rule in RULES.values() if rule.timed and rule.id != "reindex-blocks"]
)
def test_a_timed_rule_stops_at_a_large_table_and_only_warns_at_a_small_one(rule: str) -> None:
    text = PAIRS[rule][0].trips
    weights = [the_hazard(text, rule, known).severity for known in (sample(0.5), LIVE, NOTHING)]
    if rule == "validate-with-add":  # told of the constraint, whose table it does not name
        weights[0] = Severity.WARNING
    assert weights == [Severity.WARNING, Severity.STOP, Severity.STOP]


def test_a_hazard_tells_the_lock_whom_it_blocks_how_long_and_at_which_line() -> None:
    hazard = the_hazard("\n\n/* é\n */ ALTER TABLE avatars ALTER gender SET NOT NULL", "set-not-null")
    assert (hazard.line, hazard.lock, hazard.work, hazard.seconds) == (
        4,
        "ACCESS EXCLUSIVE",
        "full scan",
        4.0,
    )
    assert hazard.blocks == (
        "ACCESS EXCLUSIVE: blocks every reader and writer for about 4 s (full scan; 400.0 MB, about 2000000 rows)"
    )
    assert str(hazard).startswith("line 4: set-not-null: SET NOT NULL reads the whole table")


def test_a_misspelt_name_is_offered_as_the_catalog_spells_it() -> None:
    hazard = the_hazard("UPDATE avatars SET sourceType = 'uploaded' WHERE id = 'a'", "unquoted-name")
    assert (hazard.severity, hazard.about, hazard.safer) == (Severity.STOP, "sourceType", '"sourceType"')
    without = the_hazard(
        "UPDATE avatars SET sourceType = 'uploaded' WHERE id = 'a'", "unquoted-name", NOTHING
    )
    assert (without.severity, without.safer) == (Severity.WARNING, '"sourceType"')


def test_a_table_of_another_schema_is_not_judged_by_the_apps_table_of_that_name() -> None:
    small = sample(0.5)
    text = "CREATE INDEX i ON {}.avatars (name)"
    weights = [
        the_hazard(text.format(schema), "index-blocks-writes", small).severity
        for schema in ("public", "audit")
    ]
    assert weights == [Severity.WARNING, Severity.STOP]
    assert "there-already" not in rules_of("CREATE TABLE audit.avatars (id int)", small)
    assert "drop-table" in rules_of("CREATE TABLE t (a int); DROP TABLE audit.t", small)


PROOF = "ALTER TABLE avatars ADD CONSTRAINT p CHECK ({}) NOT VALID; {}ALTER TABLE avatars ALTER gender SET NOT NULL"
VALIDATED = 'ALTER TABLE ONLY "avatars" VALIDATE CONSTRAINT p; '


def test_a_check_that_the_script_validates_proves_that_there_is_no_null() -> None:
    both = "gender IS NOT NULL AND style IS NOT NULL"
    assert "set-not-null" not in rules_of(PROOF.format(both, VALIDATED))
    assert "set-not-null" in rules_of(PROOF.format(both, ""))
    assert "set-not-null" in rules_of(PROOF.format("gender IS NOT NULL OR style IS NOT NULL", VALIDATED))


@pytest.mark.parametrize(
    ("check", "proves"),
    [
        ("CHECK ((gender IS NOT NULL))", True),
        ("CHECK (((style IS NOT NULL) AND (gender IS NOT NULL)))", True),
        ("CHECK (((gender IS NOT NULL) OR (style IS NOT NULL)))", False),
        ("CHECK ((gender IS NULL))", False),
        ("CHECK (whatever this is", False),
    ],
)
def test_only_a_check_that_no_null_passes_is_a_proof(check: str, proves: bool) -> None:
    known = LIVE.with_table(replace(LIVE.table("avatars"), checks=(check,)))
    found = rules_of("ALTER TABLE avatars ALTER gender SET NOT NULL", known)
    assert ("set-not-null" not in found) is proves


def test_one_late_constraint_of_two_is_not_both() -> None:
    both = "ALTER TABLE avatars ADD CONSTRAINT a CHECK (name <> ''){}, ADD CONSTRAINT b CHECK (gender <> '') NOT VALID"
    assert "check-scans" in rules_of(both.format(""))
    assert "check-scans" not in rules_of(both.format(" NOT VALID"))


def test_without_a_catalog_it_is_said_which_rules_were_not_judged() -> None:
    assert set(judge("SELECT 1").unjudged) == {rule.id for rule in RULES.values() if rule.asks}
    assert judge("SELECT 1", LIVE).unjudged == ()


def test_what_is_allowed_is_told_and_what_is_final_is_refused_all_the_same() -> None:
    hazards = judge(
        "TRUNCATE avatars; ALTER TABLE avatars DROP gender", LIVE, allow=["truncate", "drop-column"]
    ).hazards
    stops = frozenset({Severity.STOP})
    assert all(hazard.allowed for hazard in hazards if hazard.severity is Severity.STOP)
    assert [hazard.rule for hazard in hazards if hazard.refused(stops, development=False)] == ["truncate"]
    assert [hazard.rule for hazard in hazards if hazard.refused(stops, development=True)] == []
    assert {rule.id for rule in RULES.values() if rule.final} == {
        *("drop-table", "drop-schema", "drop-database", "truncate", "delete-without-where"),
        *("drop-cascade", "code-loses-data", "catalog-rows", "explain-analyze-writes"),
    }


def test_the_samples_own_migrations_make_their_tables_and_then_take_a_lock_of_milliseconds() -> None:
    first, second = (path.read_text() for path in migrations())
    assert judge(first, Known(looked=True)).hazards == ()
    assert judge(first + second, Known(looked=True)).hazards == ()
    created = judge(first, Known(looked=True)).known
    live = created.with_table(replace(created.table("avatars"), own=False, bytes=8192, rows=3))
    hazards = {hazard.rule: (hazard.severity, hazard.line) for hazard in judge(second, live).hazards}
    assert hazards == {"alter-table": (Severity.NOTE, 2), "index-blocks-writes": (Severity.WARNING, 22)}
    again = {hazard.rule: hazard.severity for hazard in judge(second, LIVE).hazards}
    assert again == {"alter-table": Severity.NOTE}


@pytest.mark.parametrize(
    ("script", "at_stake"),
    [
        ("ALTER TABLE avatars ADD n int; CREATE INDEX CONCURRENTLY i ON avatars (name)", False),
        ("INSERT INTO avatars DEFAULT VALUES", True),
        ("UPDATE avatars SET name = 'x' WHERE id = 'a'", True),
        ("ALTER TABLE avatars DROP gender", True),
        ("DO $$ BEGIN END $$", True),
        ("WHATEVER THIS IS", True),
    ],
)
def test_it_is_told_whether_rows_are_at_stake(script: str, at_stake: bool) -> None:
    assert judge(script, LIVE).changes_rows is at_stake


def test_a_script_without_an_end_is_no_script() -> None:
    with pytest.raises(ValueError, match="has no end"):
        judge("SELECT 'a")


def test_an_unread_statement_is_one_that_squawk_may_still_name() -> None:
    said = Lint(missing="gone")
    verdict = judge("ALTER TABLE avatars ADD CHECK (name <> '')", LIVE, ask_squawk=lambda _: said)
    assert (verdict.missing, {one.rule for one in verdict.hazards}) == ("gone", {"check-scans"})
