"""The laws of `prisma.migrate_reset` over a real PostgreSQL and real files, and what no general law says of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from remediate.errors import Conflict, Failed
from remediate.model import Undo
from remediate.providers.prisma_reset import STEPS, MigrateReset
from remediate.target import DatabaseChange
from remediate.transport.database import Database
from remediate.transport.database_door import DatabaseSettings

from ..laws.laws import LAWS, carry_out, fresh_token, planned  # noqa: TID252  (no package is installed for tests)
from .conftest import PASSWORD, QUOTED, Cluster
from .test_prisma_deploy import WithFiles, write
from .test_prisma_deploy import World as DeployWorld

CATALOGUE = {step.kind: step for step in STEPS}
BEGINNING = """
CREATE TYPE "Role" AS ENUM ('USER', 'ADMIN');
CREATE TABLE avatars (id text PRIMARY KEY, role "Role" NOT NULL, "odd ""100%% name" serial);
INSERT INTO avatars VALUES ('a', 'USER'), ('b', 'ADMIN');
CREATE VIEW names AS SELECT id FROM avatars;
CREATE FUNCTION count_them() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM public.avatars';
COMMENT ON SCHEMA public IS 'ours: 100%, it''s';
GRANT USAGE ON SCHEMA public TO pg_monitor WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO pg_monitor;
"""
FIRST = """CREATE TYPE "Role" AS ENUM ('USER');
CREATE TABLE "avatars" ("id" TEXT NOT NULL, "note" TEXT DEFAULT 'a;b', CONSTRAINT "avatars_pkey" PRIMARY KEY ("id"));
INSERT INTO "avatars" VALUES ('seeded', '100%');
"""
SECOND = """ALTER TYPE "Role" ADD VALUE 'ADMIN';
ALTER TABLE "avatars" ADD COLUMN "role" "Role" NOT NULL DEFAULT 'USER';
CREATE INDEX "avatars_note_idx" ON "avatars"("note");
"""
EMPTY = """SET client_min_messages = error; DO $$ DECLARE one name; BEGIN
 FOR one IN SELECT nspname FROM pg_namespace WHERE nspname ~ '^(remediate|public|elsewhere)' LOOP
  EXECUTE format('DROP SCHEMA %I CASCADE', one); END LOOP; END $$;
CREATE SCHEMA public AUTHORIZATION pg_database_owner; GRANT USAGE ON SCHEMA public TO PUBLIC;"""
SCHEMAS = "SELECT string_agg(nspname, ' ' ORDER BY nspname) FROM pg_namespace WHERE nspname ~ '^(public|remediate_)'"


@dataclass
class World(DeployWorld):
    def reset(self) -> None:
        self.sql(EMPTY + self.beginning)

    @property
    def kept(self) -> str:
        return "remediate_kept_" + self.sql("SELECT 'public'::regnamespace::oid")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "20250101_init", FIRST)
    write(tmp_path, "20250202 with a space", SECOND)
    return tmp_path


@pytest.fixture
def opens(cluster: Cluster, dbname: str, open_database: Callable[..., Database]) -> Callable[..., World]:
    quick = DatabaseSettings(tries=2, lock=0.5)

    def world(beginning: str = BEGINNING, **login: str) -> World:
        url = cluster.url(dbname, **login)
        made = World(cluster, dbname, open_database(url, settings=quick, sleep=lambda _: None), beginning)
        made.reset()
        return made

    return world


@pytest.fixture
def world(opens: Callable[..., World]) -> World:
    return opens()


@pytest.fixture
def ordinary(cluster: Cluster, dbname: str) -> str:
    """A role that is no superuser, and owns nothing yet."""
    cluster.sql(f"CREATE ROLE {dbname} LOGIN PASSWORD '{PASSWORD}'")
    return dbname


def reset(folder: Path) -> MigrateReset:
    return MigrateReset(folder=str(folder))


def undone(world: World, undos: list[Undo], folder: Path) -> None:
    for undo in reversed(undos):
        reset(folder).undo(world.target().scoped(fresh_token()), undo)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_law_holds_on_a_real_database(world: World, folder: Path, law) -> None:
    law(reset(folder), world, CATALOGUE)


def test_all_migrations_are_applied_to_a_new_schema_like_the_old_and_the_old_is_kept(
    world: World, folder: Path
) -> None:
    kept = world.kept
    carry_out(reset(folder), world.target(), [])
    assert world.sql("TABLE avatars") == "seeded|100%|USER"
    assert world.sql(f"TABLE {kept}.avatars").splitlines() == ["a|USER|1", "b|ADMIN|2"]
    names = "SELECT string_agg(migration_name, ',' ORDER BY started_at), count(DISTINCT started_at) FROM"
    assert world.sql(f"{names} _prisma_migrations") == "20250101_init,20250202 with a space|2"
    acl = "(SELECT array_agg(a::text ORDER BY a::text) FROM unnest(nspacl) AS a)"
    same = f"""SELECT count(DISTINCT (nspowner, {acl}, obj_description(oid, 'pg_namespace'))), count(*)
        FROM pg_namespace WHERE nspname IN ('public', '{kept}')"""  # noqa: S608
    assert world.sql(same) == "1|2"
    assert world.sql("SELECT has_table_privilege('pg_monitor', 'avatars', 'SELECT')") == "t"
    assert (
        world.sql("SELECT to_regproc('public.count_them') IS NULL, to_regclass('remediate.ledger') IS NULL")
        == "t|f"
    )


def test_a_plan_says_what_is_kept_and_how_to_be_rid_of_it(world: World, folder: Path) -> None:
    world.sql(
        "CREATE SCHEMA remediate_kept_1; CREATE SCHEMA elsewhere; CREATE VIEW elsewhere.v AS TABLE avatars"
    )
    world.sql("CREATE TABLE elsewhere.t (id text REFERENCES public.avatars)")
    world.sql("SET client_min_messages = error; CREATE PUBLICATION ours FOR TABLE avatars")
    world.sql("SET client_min_messages = error; CREATE PUBLICATION all_of_it FOR TABLES IN SCHEMA public")
    (change,) = planned(reset(folder), world.target())
    kept = world.kept
    assert f'ALTER SCHEMA "public" RENAME TO "{kept}";' in change.script
    assert '+CREATE INDEX "avatars_note_idx"' in change.diff
    notes = "\n".join(change.notes)
    assert f'DROP SCHEMA "{kept}" CASCADE' in notes
    assert "kept from before, and left alone: remediate_kept_1" in notes
    assert "rule _RETURN on view elsewhere.v" in notes
    assert "constraint t_id_fkey on table elsewhere.t" in notes
    assert "20250202 with a space adds a value to an enum" in notes
    assert "avatars_pkey" not in notes
    assert "publication of table avatars in publication ours" in notes
    assert "publication of schema public in publication all_of_it" in notes
    assert (change.risk, change.way_back.value) == ("data", "exact")
    assert [one.rule for one in change.hazards] == ["schema-aside"], (
        "migrations of an empty schema hurt nobody"
    )


def test_a_migration_that_cannot_be_judged_stops_a_reset_unless_it_is_allowed(
    world: World, folder: Path
) -> None:
    write(folder, "20250303_late", "DO $$ BEGIN END $$;\nDROP TABLE avatars;")
    (change,) = planned(reset(folder), world.target())
    assert [(one.rule, one.allowed) for one in change.hazards] == [
        ("schema-aside", False),
        ("opaque", False),
        ("drop-own", False),
    ]
    assert change.hazards[1].why.startswith("20250303_late: runs code that cannot be judged")
    (change,) = planned(reset(folder).model_copy(update={"allow": ["opaque"]}), world.target())
    assert [one.rule for one in change.hazards if one.allowed] == ["opaque"]


def test_a_second_reset_keeps_a_second_schema_and_each_is_taken_back_in_its_turn(
    world: World, folder: Path
) -> None:
    before, first, second = world.fingerprint(), [], []
    carry_out(reset(folder), world.target(), first)
    between = world.fingerprint()
    world.sql("INSERT INTO avatars VALUES ('later')")
    carry_out(reset(folder), world.target(), second)
    assert len(world.sql(SCHEMAS).split()) == 3
    with pytest.raises(Conflict, match="is not the one that this run made"):
        undone(world, first, folder)
    undone(world, second, folder)
    world.sql("DELETE FROM avatars WHERE id = 'later'")
    assert world.fingerprint() == between
    undone(world, first, folder)
    assert world.fingerprint() == before


@pytest.mark.parametrize(
    "touch",
    [
        "INSERT INTO avatars VALUES ('later')",
        "UPDATE avatars SET note = ''",
        "DELETE FROM avatars",
        "TRUNCATE avatars",
        "CREATE TABLE theirs ()",
        "ALTER TABLE avatars ADD theirs int",
        "DROP INDEX avatars_note_idx",
    ],
)
def test_what_was_written_in_the_new_schema_is_kept_when_it_is_taken_back(
    world: World, folder: Path, touch: str
) -> None:
    before, undos = world.fingerprint(), []
    carry_out(reset(folder), world.target(), undos)
    world.sql(touch)
    assert planned(reset(folder), world.target())
    undone(world, undos, folder)
    (left,) = (name for name in world.sql(SCHEMAS).split() if name.startswith("remediate_left_"))
    assert world.sql(f"SELECT to_regclass('{left}.avatars') IS NOT NULL") == "t"
    world.sql(f"SET client_min_messages = error; DROP SCHEMA {left} CASCADE")
    assert world.fingerprint() == before


def test_rows_that_a_migration_wrote_in_a_subtransaction_are_nobody_elses(world: World, folder: Path) -> None:
    block = "DO $$ BEGIN INSERT INTO avatars VALUES ('nested'); EXCEPTION WHEN unique_violation THEN NULL; END $$;"
    write(folder, "20250303_block", f'CREATE TABLE "remediate row" ("remediate row" int, t text); {block}')
    before, undos = world.fingerprint(), []
    carry_out(reset(folder), world.target(), undos)
    assert not planned(reset(folder), world.target())
    world.sql("UPDATE avatars SET note = note")
    assert not planned(reset(folder), world.target()), "nothing is lost where a row is written as it was"
    undone(world, undos, folder)
    assert world.fingerprint() == before


def test_where_it_cannot_be_seen_whether_rows_were_written_the_new_schema_is_kept(
    world: World, folder: Path
) -> None:
    undos: list[Undo] = []
    carry_out(reset(folder), world.target(), undos)
    world.sql("UPDATE remediate.ledger SET undo = undo - 'content'")  # as an older version left it
    undone(world, undos, folder)
    assert world.sql(SCHEMAS).split()[1].startswith("remediate_left_")


def test_a_kept_schema_that_is_gone_or_a_new_one_that_others_use_is_not_touched(
    world: World, folder: Path
) -> None:
    undos, kept = [], world.kept
    carry_out(reset(folder), world.target(), undos)
    world.sql("CREATE SCHEMA elsewhere; CREATE VIEW elsewhere.v AS TABLE avatars")
    with pytest.raises(Conflict, match=r"used from outside: .*rule _RETURN on view elsewhere\.v"):
        undone(world, undos, folder)
    world.sql(f"DROP SCHEMA elsewhere CASCADE; ALTER SCHEMA {kept} RENAME TO remediate_mine")
    with pytest.raises(Conflict, match="it is called remediate_mine"):
        undone(world, undos, folder)
    world.sql("DROP SCHEMA remediate_mine CASCADE")
    with pytest.raises(Conflict, match="somebody dropped it"):
        undone(world, undos, folder)
    assert world.sql("SELECT count(*) FROM avatars") == "1"


def test_a_migration_that_fails_leaves_everything_as_it_was(world: World, folder: Path) -> None:
    write(folder, "20250303_broken", "CREATE TABLE half (id int); ALTER TABLE nowhere DROP COLUMN x;")
    before = world.fingerprint()
    with pytest.raises(Failed, match=r"the schema was not reset: .*42P01"):
        carry_out(reset(folder), world.target(), [])
    assert world.fingerprint() == before


ELSEWHERE = """
CREATE SCHEMA elsewhere; CREATE SCHEMA "Else  where";
CREATE TABLE elsewhere.old (id int); INSERT INTO elsewhere.old VALUES (1);
CREATE TABLE elsewhere.t (id int);
CREATE TABLE "Else  where".t (id int); CREATE EXTENSION citext SCHEMA elsewhere;
"""


REACHING = (
    ('UPDATE "elsewhere"."t" SET id = 2; DROP TABLE "elsewhere"."old"', "names the schema elsewhere"),
    ("DROP TABLE Elsewhere /* which */ . old", "names the schema elsewhere"),
    ('DELETE FROM "Else  where".t', "names the schema Else  where"),
    ("DO $$ BEGIN DELETE FROM elsewhere.old; END $$", "names the schema elsewhere"),
    ("SELECT setval('elsewhere.ids', 1)", "names the schema elsewhere"),
    ('ALTER TABLE "avatars" SET SCHEMA elsewhere', "names the schema elsewhere"),
    ("GRANT SELECT ON ALL TABLES IN SCHEMA elsewhere TO pg_monitor", "names the schema elsewhere"),
    ("SET LOCAL search_path = elsewhere; DROP TABLE old", "sets the search_path"),
    ("DO $$ BEGIN SET LOCAL search_path = elsewhere; DROP TABLE old; END $$", "sets the search_path"),
    ("CREATE SCHEMA another", r"belongs to no schema \(CREATE SCHEMA\)"),
    ("CREATE EXTENSION IF NOT EXISTS hstore", "makes the extension hstore, which is not installed"),
    ("DROP EXTENSION citext", r"belongs to no schema \(DROP EXTENSION\)"),
    ("CREATE ROLE somebody", r"belongs to no schema \(CREATE ROLE\)"),
    ("DO $$ BEGIN CREATE ROLE somebody; END $$", r"belongs to no schema \(CREATE ROLE\)"),
    ("GRANT pg_monitor TO CURRENT_USER", r"belongs to no schema \(GRANT\)"),
    ("ALTER DATABASE d SET work_mem = '1MB'", r"belongs to no schema \(ALTER DATABASE\)"),
    ("COMMENT ON DATABASE d IS 'ours'", r"belongs to no schema \(COMMENT ON DATABASE\)"),
    ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pg_monitor", "ALTER DEFAULT PRIVILEGES"),
)


def test_a_migration_that_reaches_outside_of_the_schema_is_refused_and_nothing_is_lost(
    opens: Callable[..., World], folder: Path
) -> None:
    world = opens(BEGINNING + ELSEWHERE)
    for sql, why in REACHING:
        write(folder, "20250303_far", f"SELECT 1;\n{sql};")
        with pytest.raises(
            Failed, match=rf"20250303_far/migration.sql: line 2: .*{why}.*; only the schema public"
        ):
            planned(reset(folder), world.target())
    assert world.sql("TABLE elsewhere.old") == "1"


def test_what_stays_in_the_schema_is_applied_whatever_it_looks_like(
    opens: Callable[..., World], folder: Path
) -> None:
    world = opens(BEGINNING + ELSEWHERE)
    inside = """CREATE SCHEMA IF NOT EXISTS "public"; CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA elsewhere;
    -- DROP TABLE elsewhere.old
    CREATE TABLE "public"."elsewhere" ("elsewhere" int, note text DEFAULT 'DROP ROLE x');
    UPDATE public.elsewhere AS e SET elsewhere = e.elsewhere + 1; COMMENT ON SCHEMA public IS 'of elsewhere';
    CREATE FUNCTION f() RETURNS int LANGUAGE sql SET search_path = '' AS 'SELECT 1';
    GRANT SELECT ON "avatars" TO pg_monitor;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO pg_monitor;
    DO $$ BEGIN CREATE TYPE "Role" AS ENUM ('USER'); EXCEPTION WHEN duplicate_object THEN NULL; END $$;"""
    write(folder, "20250303_near", inside)
    before, undos = world.fingerprint(), []
    (change,) = planned(reset(folder), world.target())
    assert change.way_back.value == "exact"
    carry_out(reset(folder), world.target(), undos)
    undone(world, undos, folder)
    assert world.fingerprint() == before


@pytest.mark.parametrize(
    "sql", ["DO $$ BEGIN EXECUTE 'DROP TABLE ' || 'else' || 'where.old'; END $$", "CALL p()"]
)
def test_a_migration_that_composes_sql_promises_no_way_back(world: World, folder: Path, sql: str) -> None:
    write(folder, "20250303_opaque", sql)
    (change,) = planned(reset(folder), world.target())
    assert change.way_back.value == "none"
    assert change.way_back_note.startswith("20250303_opaque composes SQL while it runs")


def test_a_transaction_that_is_open_is_not_waited_for_without_end_and_named(
    world: World, folder: Path
) -> None:
    world.sql("BEGIN; INSERT INTO avatars VALUES ('c', 'USER'); PREPARE TRANSACTION 'writer'")
    with pytest.raises(Failed, match=r"not reset: no lock after 2 tries .* a prepared transaction"):
        carry_out(reset(folder), world.target(), [])
    world.sql("ROLLBACK PREPARED 'writer'")
    assert world.sql(SCHEMAS) == "public"


def test_an_extension_moves_along_and_one_that_cannot_be_moved_is_refused(
    opens: Callable[..., World], folder: Path
) -> None:
    world = opens(BEGINNING + "CREATE EXTENSION citext; ALTER TABLE avatars ADD mail citext DEFAULT 'A@b'")
    write(
        folder,
        "20250303_mail",
        'CREATE EXTENSION IF NOT EXISTS citext; ALTER TABLE "avatars" ADD mail citext;',
    )
    before, undos = world.fingerprint(), []
    carry_out(reset(folder), world.target(), undos)
    assert (
        world.sql("SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'citext'") == "public"
    )
    undone(world, undos, folder)
    assert world.fingerprint() == before
    world.sql("UPDATE pg_extension SET extrelocatable = false WHERE extname = 'citext'")
    with pytest.raises(Failed, match="the extension citext lies in it and cannot be moved"):
        planned(reset(folder), world.target())


def test_a_role_that_may_not_is_told_what_it_lacks_and_one_that_owns_the_database_may(
    opens: Callable[..., World], ordinary: str, cluster: Cluster, dbname: str, folder: Path
) -> None:
    world = opens("", user=ordinary, password=QUOTED)
    with pytest.raises(
        Failed, match=f'belongs to pg_database_owner.*; ALTER DATABASE "{dbname}" OWNER TO "{ordinary}"'
    ):
        planned(reset(folder), world.target())
    cluster.sql(f"ALTER DATABASE {dbname} OWNER TO {ordinary}")
    world.sql("CREATE TABLE theirs (id int)")
    with pytest.raises(Failed, match=r"may not lock all of its tables \(theirs\)"):
        planned(reset(folder), world.target())
    world.sql("DROP TABLE theirs")
    before, undos = world.fingerprint(), []
    carry_out(reset(folder), world.target(), undos)
    owner = "SELECT nspowner::regrole, has_schema_privilege('pg_monitor', oid, 'USAGE') FROM pg_namespace"
    assert world.sql(f"{owner} WHERE nspname = 'public'") == "pg_database_owner|t"
    undone(world, undos, folder)
    assert world.fingerprint() == before


def test_a_schema_that_is_not_called_public_is_reset_alone(opens: Callable[..., World], folder: Path) -> None:
    world = opens(
        BEGINNING + 'CREATE SCHEMA "elsewhere 1"; CREATE TABLE "elsewhere 1".t (id int);',
        query="schema=elsewhere%201",
    )
    before = world.sql("SELECT 'public'::regnamespace::oid")
    carry_out(reset(folder), world.target(), [])
    assert world.sql('TABLE "elsewhere 1".avatars') == "seeded|100%|USER"
    assert world.sql("SELECT 'public'::regnamespace::oid, count(*) FROM public.avatars") == f"{before}|2"


@pytest.mark.parametrize("name", ["remediate", "remediate_kept_7"])
def test_a_schema_of_ours_is_never_put_aside(opens: Callable[..., World], folder: Path, name: str) -> None:
    world = opens(f"CREATE SCHEMA {name}", query=f"schema={name}")
    with pytest.raises(Failed, match=f"the schema {name} cannot be put aside: it is one of ours"):
        planned(reset(folder), world.target())


def test_default_privileges_of_another_role_are_refused(
    opens: Callable[..., World], ordinary: str, cluster: Cluster, dbname: str, folder: Path
) -> None:
    world = opens("", user=ordinary, password=QUOTED)
    cluster.sql(f"ALTER DATABASE {dbname} OWNER TO {ordinary}")
    world.sql("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO pg_monitor")
    with pytest.raises(Failed, match="default privileges of the role app, which"):
        planned(reset(folder), world.target())


def test_a_folder_without_migrations_resets_nothing(world: World, tmp_path: Path) -> None:
    with pytest.raises(Failed, match="there is no migration in it"):
        planned(reset(tmp_path), world.target())


@dataclass
class Meddling(WithFiles):
    """A target in whose database somebody does something just before a change is made."""

    meddle: Callable[[], object] = lambda: None

    def change_database(self, change: DatabaseChange) -> bool:
        self.meddle()
        return super().change_database(change)


def meddling(world: World, sql: str) -> Meddling:
    return Meddling(world.reach, fresh_token(), meddle=lambda: world.sql(sql))


def test_a_table_that_is_made_meanwhile_is_not_put_aside_unseen(world: World, folder: Path) -> None:
    (change,) = planned(reset(folder), world.target())
    with pytest.raises(Failed, match="not reset: tables came or went since it was planned"):
        reset(folder).apply(meddling(world, "CREATE TABLE theirs ()"), change)
    assert world.sql(SCHEMAS) == "public"


def test_a_row_that_is_written_while_it_is_taken_back_is_not_dropped_with_the_rest(
    world: World, folder: Path
) -> None:
    undos: list[Undo] = []
    carry_out(reset(folder), world.target(), undos)
    after = world.fingerprint()
    with pytest.raises(Conflict, match="somebody was at work in the schema public meanwhile"):
        reset(folder).undo(meddling(world, "INSERT INTO avatars VALUES ('late')"), undos[0])
    world.sql("DELETE FROM avatars WHERE id = 'late'")
    assert world.fingerprint() == after
