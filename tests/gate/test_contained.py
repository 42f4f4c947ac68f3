"""What may be tried in a copy on a server that lives: a closed list, and nothing that reaches beyond one database."""

import pytest

from remediate.gate.contained import HARMLESS, Code, reaches_beyond
from remediate.gate.effects import WITH_EFFECTS

NOTHING = Code()
WITHIN = (
    "CREATE TYPE mood AS ENUM ('good'); ALTER TYPE mood ADD VALUE 'bad'; CREATE SCHEMA IF NOT EXISTS \"public\"",
    "CREATE TABLE a (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), at timestamp(3) NOT NULL DEFAULT now(), n serial)",
    "CREATE TABLE a (t text[] DEFAULT ARRAY[]::text[], j jsonb DEFAULT '{}', c int CHECK (abs(c) > 1))",
    'CREATE UNIQUE INDEX "i" ON "a" (lower("x")) WHERE "x" IS NOT NULL; DROP INDEX CONCURRENTLY "i"',
    'ALTER TABLE "a" ADD COLUMN "b" text DEFAULT \'pg_terminate_backend(1)\', DROP COLUMN "c"',
    'ALTER TABLE "a" ADD CONSTRAINT "f" FOREIGN KEY ("b") REFERENCES "b"("id") ON DELETE CASCADE ON UPDATE CASCADE',
    "ALTER TABLE a ALTER b SET NOT NULL, ALTER c TYPE int USING c::int; ALTER TABLE a VALIDATE CONSTRAINT f",
    "CREATE VIEW v AS SELECT count(*), coalesce(b, 'x') FROM a; COMMENT ON COLUMN a.b IS 'DROP ROLE x'",
    "INSERT INTO a (id) VALUES (gen_random_uuid()) ON CONFLICT DO NOTHING; UPDATE a SET x = upper(y); DELETE FROM a",
    "SET LOCAL lock_timeout = '1s'; CREATE SEQUENCE s; ALTER SEQUENCE s OWNED BY a.b; DROP TYPE mood",
)
BEYOND = (
    *("ALTER DATABASE app SET work_mem = '1MB'", "CREATE DATABASE x", "DROP DATABASE x", "ALTER SYSTEM SET a = 1"),
    *("CREATE ROLE x", "DROP ROLE x", "ALTER ROLE app PASSWORD 'x'", "CREATE USER x", "GRANT a TO b"),
    *("REVOKE CONNECT ON DATABASE app FROM PUBLIC", "GRANT SELECT ON a TO b", "REASSIGN OWNED BY a TO b"),
    *("DO $$ BEGIN EXECUTE 'ALTER ROLE x'; END $$", "CALL f()", "CREATE EXTENSION dblink", "DROP OWNED BY a"),
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$",
    "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION f()",
    *("SELECT pg_terminate_backend(1)", 'SELECT "pg_terminate_backend" (1)', "SELECT pg_catalog.pg_reload_conf()"),
    *("SELECT * FROM pg_terminate_backend(1)", "SELECT mine(1)", "SELECT 1 FROM a WHERE public.mine(b)"),
    "ALTER TABLE a ADD COLUMN b bool DEFAULT pg_cancel_backend(1)",
    "CREATE TABLE a (b bool DEFAULT pg_cancel_backend(1))",
    "INSERT INTO a SELECT pg_terminate_backend(pid) FROM b",
    "WITH d AS (DELETE FROM pg_authid RETURNING 1) SELECT * FROM d",
    *("UPDATE pg_catalog.pg_database SET datallowconn = false", "UPDATE pg_database SET datallowconn = false"),
    *("SELECT query_to_xml('ALTER ROLE x', true, true, '')", "SELECT dblink_exec('x', 'y')", "SELECT lo_create(1)"),
    *("COPY a TO PROGRAM 'x'", "COPY a FROM '/etc/passwd'", "NOTIFY x", "LISTEN x", "LOAD 'x'", "CHECKPOINT"),
    *("SET ROLE x", "SET LOCAL ROLE x", "SET SESSION AUTHORIZATION x", "RESET ALL"),
    *("SELECT set_config('a', 'b', false)",),
    *("CREATE TABLESPACE x LOCATION '/x'", "CREATE TABLE a (id int) TABLESPACE x", "ALTER TABLE a SET TABLESPACE x"),
    *("COMMENT ON DATABASE app IS 'x'", "COMMENT ON ROLE app IS 'x'", "SECURITY LABEL ON ROLE a IS 'x'"),
    *("CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p", "CREATE SERVER s FOREIGN DATA WRAPPER f"),
    *("IMPORT FOREIGN SCHEMA s FROM SERVER t INTO u",),
    *("ALTER TABLE a OWNER TO b", "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO b", "VACUUM", "'no end"),
    'SELECT U&"pg\\005fcancel_backend"(1)',
    "ALTER TYPE mood ADD VALUE 'x'; ALTER ROLE app SUPERUSER",
    "EXPLAIN ANALYZE SELECT pg_terminate_backend(1)",
    "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f()",
)  # fmt: skip


@pytest.mark.parametrize("script", WITHIN)
def test_what_stays_within_the_database_may_be_tried(script: str) -> None:
    assert not reaches_beyond(script, NOTHING)


@pytest.mark.parametrize("script", BEYOND)
def test_what_is_not_on_the_list_may_not(script: str) -> None:
    assert reaches_beyond(script, NOTHING)


def test_code_that_the_database_has_itself_is_not_run() -> None:
    trigger = Code(with_rows=("the trigger t on a",), functions=frozenset({"lower"}))
    for rows in ("INSERT INTO a VALUES (1)", "SELECT * FROM a", "CREATE TABLE b AS SELECT * FROM a", "DELETE FROM a",
                 "CREATE MATERIALIZED VIEW v AS SELECT * FROM a"):  # fmt: skip
        assert "the trigger t on a" in reaches_beyond(rows, trigger)
    assert not reaches_beyond("CREATE TABLE b (id int); CREATE VIEW v AS SELECT 1", trigger)
    assert "lower" in reaches_beyond("CREATE INDEX i ON a (lower(b))", trigger)
    assert "on_ddl" in reaches_beyond("CREATE TABLE b (id int)", Code(always=("the event trigger on_ddl",)))


def test_no_function_with_effects_is_taken_for_harmless_but_those_of_a_sequence() -> None:
    assert {name for name in HARMLESS if WITH_EFFECTS.fullmatch(name)} == {"nextval", "setval"}
