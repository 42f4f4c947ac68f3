"""`prisma.indexes` and `prisma.foreign_keys` over a real PostgreSQL: each difference is named, and nothing else."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from remediate.errors import CouldNotLook
from remediate.model import Finding
from remediate.providers.prisma import Columns
from remediate.providers.prisma_shape import ForeignKeys, Indexes
from remediate.questions import Answers, QueryAnswer, Read, ReadAnswer
from remediate.transport.database import Database
from remediate.transport.database_wire import Command

from .conftest import Cluster

PROVIDERS = Path(__file__).parents[1] / "providers/prisma"
SCHEMA_FILE = "/srv/app/prisma/schema.prisma"
KEYS = (PROVIDERS / "keys.prisma").read_bytes()
Look = Callable[..., Finding]


def look(
    database: Database,
    check: type[Indexes | ForeignKeys | Columns],
    table: str | None = None,
    schema: bytes = KEYS,
) -> Finding:
    asked = check(table=table, schema_file=SCHEMA_FILE)
    read, query = asked.ask()
    assert isinstance(read, Read)
    answers = Answers(
        {read: ReadAnswer(exists=True, content=schema), query: database.answer([query])[query]}, "web1"
    )
    return asked.judge(answers, answers)


@pytest.fixture(scope="module")
def shared(cluster: Cluster) -> str:
    """Return a database that all tests of this file use, one after the other: making one takes long."""
    return cluster.new_database()


@pytest.fixture
def empty(cluster: Cluster, shared: str) -> str:
    cluster.sql("DROP SCHEMA IF EXISTS old CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public", shared)
    return shared


@pytest.fixture
def keys(cluster: Cluster, empty: str) -> str:
    cluster.sql((PROVIDERS / "keys.sql").read_text(), empty)
    return empty


@pytest.fixture
def database(cluster: Cluster, shared: str, open_database: Callable[..., Database]) -> Database:
    return open_database(cluster.url(shared))


def wrong(finding: Finding) -> list[tuple[str, ...]]:
    return [(one["name"], one["what"], one["wanted"], one["found"]) for one in finding.facts["wrong"]]


def test_what_prisma_made_is_found_to_be_as_its_schema_has_it(keys, database: Database) -> None:
    indexes, foreign_keys = look(database, Indexes), look(database, ForeignKeys)
    assert indexes.evidence == foreign_keys.evidence == ()
    assert indexes.healthy
    assert foreign_keys.healthy
    assert indexes.seen == "all 39 indexes are as they should be"
    assert foreign_keys.seen == "all 14 foreign keys are as they should be"


@pytest.mark.parametrize(
    ("made", "what", "wanted", "found"),
    [
        ("(at DESC, name)", "columns", "name, at", "at, name"),
        ("(name, lower(name))", "columns", "name, at", "name, (lower(name))"),
        ("(name, at)", "sort", "at DESC", "at ASC"),
        ("(name, at DESC NULLS LAST)", "sort", "at DESC", "at DESC NULLS LAST"),
        ("(name text_pattern_ops, at DESC)", "operator class", "the usual one", "text_pattern_ops"),
        ("(name, at DESC) WHERE num = 3", "condition", "none", "(num = 3)"),
        ("(name, at DESC) INCLUDE (num)", "kind", "a plain one", "1 further columns (INCLUDE)"),
    ],
)
def test_an_index_that_is_something_else_under_its_name_is_named(
    cluster, keys, database: Database, made, what, wanted, found
) -> None:
    cluster.sql(
        f"DROP INDEX accounts_name_at_idx; CREATE INDEX accounts_name_at_idx ON accounts {made}", keys
    )
    finding = look(database, Indexes, "Account")
    assert not finding.healthy
    assert finding.seen == "not as wanted in accounts: accounts_name_at_idx"
    assert wrong(finding) == [("accounts_name_at_idx", what, wanted, found)]
    assert finding.evidence == (
        f"wrong {what}: accounts_name_at_idx on accounts has {found}, wanted {wanted}",
    )


@pytest.mark.parametrize(
    ("drop", "make", "what", "wanted", "found"),
    [
        ("accounts_uuid_idx", "(uuid)", "method", "hash", "btree"),
        ("pattern_desc", "(name DESC)", "operator class", "text_pattern_ops", "text_ops"),
        ("no_note", "(tenant)", "condition", '"note" IS NULL', "none"),
        ("some_note", "(tenant) WHERE num = 4", "condition", '"note" IS NOT NULL AND "num" = 3', "(num = 4)"),
        ("one_done", "(name) WHERE num != 3 AND note = 'it''s'", "uniqueness", "unique", "not unique"),
    ],
)
def test_method_operators_and_condition_are_compared(
    cluster, keys, database: Database, drop, make, what, wanted, found
) -> None:
    cluster.sql(f"DROP INDEX {drop}; CREATE INDEX {drop} ON accounts {make}", keys)
    assert wrong(look(database, Indexes, "Account")) == [(drop, what, wanted, found)]


def test_missing_indexes_and_keys_are_named_and_extra_ones_are_no_fault(
    cluster, keys, database: Database
) -> None:
    cluster.sql(
        'DROP INDEX accounts_status_idx, account_mail; ALTER TABLE "Item" DROP CONSTRAINT "Item_pkey";'
        "CREATE INDEX more ON accounts (num, tenant)",
        keys,
    )
    finding = look(database, Indexes, "accounts")
    assert finding.seen == "2 of 23 indexes are missing in accounts"
    assert finding.evidence == (
        'missing: account_mail on accounts: UNIQUE INDEX ("e_mail" DESC)',
        'missing: accounts_status_idx on accounts: INDEX ("status")',
        "only in the database: more on accounts",
    )
    column = {"name": "status", "sort": "asc", "ops": ""}
    assert finding.facts["missing"][1] == {
        "columns": [column], "name": "", "unique": False, "method": "btree", "where": None,
    }  # fmt: skip
    item = look(database, Indexes, "Item")
    assert item.facts["missing"] == []
    assert item.facts["missing_primary_key"] == ["a", "b"]


def test_another_name_is_told_and_no_fault(cluster, keys, database: Database) -> None:
    cluster.sql(
        'ALTER INDEX accounts_status_idx RENAME TO by_status; ALTER TABLE "Item" RENAME CONSTRAINT'
        ' "fk_ignored" TO other',
        keys,
    )
    indexes, foreign_keys = look(database, Indexes), look(database, ForeignKeys)
    assert indexes.healthy
    assert indexes.evidence == ("another name: by_status on accounts is what accounts_status_idx should be",)
    assert foreign_keys.healthy
    assert foreign_keys.evidence == ("another name: other on Item is what fk_ignored should be",)


def test_an_index_that_a_failed_build_left_is_a_fault_of_its_own(cluster, keys, database: Database) -> None:
    cluster.sql(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid IN ('accounts_status_idx'::regclass);"
        "CREATE INDEX leftover ON accounts (num, note);"
        "UPDATE pg_index SET indisready = false WHERE indexrelid = 'leftover'::regclass",
        keys,
    )
    finding = look(database, Indexes, "Account")
    assert not finding.healthy
    assert finding.seen == "invalid in accounts, left by a build that failed: accounts_status_idx, leftover"
    assert finding.facts["invalid"] == ["accounts_status_idx", "leftover"]
    assert finding.facts["missing"] == []
    (to_make,) = look(database, Indexes).facts["to_make"]
    assert (to_make["table"], to_make["columns"][0]["name"]) == ("accounts", "status")
    assert finding.facts["leftovers"] == [{"table": "accounts", "name": "leftover"}]


def test_a_valid_twin_under_another_name_does_while_the_invalid_one_is_told(
    cluster, keys, database: Database
) -> None:
    cluster.sql(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'accounts_status_idx'::regclass;"
        "CREATE INDEX twin ON accounts (status)",
        keys,
    )
    finding = look(database, Indexes, "Account")
    assert finding.facts["invalid"] == ["accounts_status_idx"]
    assert finding.facts["to_make"] == []
    assert finding.facts["leftovers"] == [{"table": "accounts", "name": "accounts_status_idx"}]
    assert "another name: twin on accounts is what accounts_status_idx should be" in finding.evidence


def test_a_unique_constraint_is_as_good_as_an_index_unless_it_is_deferrable(
    cluster, keys, database: Database
) -> None:
    cluster.sql('DROP INDEX "Item_b_key"; ALTER TABLE "Item" ADD CONSTRAINT "Item_b_key" UNIQUE (b)', keys)
    assert look(database, Indexes, "Item").healthy
    cluster.sql(
        'ALTER TABLE "Item" DROP CONSTRAINT "Item_b_key"; ALTER TABLE "Item" ADD CONSTRAINT "Item_b_key"'
        " UNIQUE (b) DEFERRABLE",
        keys,
    )
    assert wrong(look(database, Indexes, "Item")) == [("Item_b_key", "kind", "a plain one", "deferrable")]


def test_nulls_that_count_as_equal_are_another_uniqueness(cluster, keys, database: Database) -> None:
    if int(cluster.sql("SHOW server_version_num")) < 150000:
        pytest.skip("NULLS NOT DISTINCT came with PostgreSQL 15")
    cluster.sql(
        'DROP INDEX "Team_leadId_key"; CREATE UNIQUE INDEX "Team_leadId_key" ON "Team" ("leadId") NULLS NOT DISTINCT',
        keys,
    )
    assert wrong(look(database, Indexes, "Team")) == [
        ("Team_leadId_key", "kind", "a plain one", "NULLS NOT DISTINCT")
    ]


def test_a_condition_that_cannot_be_compared_is_told_and_no_fault(cluster, keys, database: Database) -> None:
    cluster.sql(
        "DROP INDEX no_note; CREATE INDEX no_note ON accounts (tenant) WHERE lower(note) IS NULL", keys
    )
    finding = look(database, Indexes, "Account")
    assert finding.healthy
    assert finding.evidence == (
        'not compared: the condition of no_note: (lower(note) IS NULL), wanted "note" IS NULL',
    )


def test_the_key_that_prisma_before_6_gave_a_many_to_many_table_is_right(
    cluster, keys, database: Database
) -> None:
    cluster.sql(
        'ALTER TABLE _friends DROP CONSTRAINT "_friends_AB_pkey";'
        'CREATE UNIQUE INDEX "_friends_AB_unique" ON _friends ("A", "B")',
        keys,
    )
    assert look(database, Indexes).healthy
    cluster.sql('DROP INDEX "_friends_AB_unique"; CREATE INDEX x ON _friends ("A", "B")', keys)
    assert look(database, Indexes).facts["tables"][0]["missing_primary_key"] == ["A", "B"]


def test_every_difference_of_a_foreign_key_is_named(cluster, keys, database: Database) -> None:
    cluster.sql(
        """ALTER TABLE "Item" DROP CONSTRAINT "Item_ownerId_fkey", DROP CONSTRAINT "Item_editorId_fkey",
          DROP CONSTRAINT "Item_x_y_fkey", DROP CONSTRAINT "fk_ignored";
        ALTER TABLE "Item" ADD CONSTRAINT "Item_ownerId_fkey" FOREIGN KEY ("ownerId") REFERENCES accounts (id)
          ON DELETE CASCADE ON UPDATE NO ACTION;
        ALTER TABLE "Item" ADD CONSTRAINT "Item_editorId_fkey" FOREIGN KEY ("editorId") REFERENCES accounts (id)
          ON DELETE SET NULL ON UPDATE CASCADE NOT VALID;
        ALTER TABLE "Item" ADD CONSTRAINT "Item_x_y_fkey" FOREIGN KEY ("y", "x") REFERENCES "Team" (key2, id2)
          ON DELETE RESTRICT ON UPDATE CASCADE DEFERRABLE;
        ALTER TABLE "Item" ADD CONSTRAINT "fk_ignored" FOREIGN KEY (ig) REFERENCES "Item" (a) NOT VALID""".replace(
            '"Item" (a)', '"Team" ("leadId")'
        ),
        keys,
    )
    finding = look(database, ForeignKeys, "Item")
    assert not finding.healthy
    assert finding.seen == (
        "1 of 5 foreign keys are missing in Item, not as wanted in Item: Item_ownerId_fkey,"
        " never validated in Item: Item_editorId_fkey, fk_ignored"
    )
    assert wrong(finding) == [
        ("Item_ownerId_fkey", "ON DELETE", "RESTRICT", "CASCADE"),
        ("Item_ownerId_fkey", "ON UPDATE", "CASCADE", "NO ACTION"),
    ]
    assert [one["columns"] for one in finding.facts["missing"]] == [["ig"]]
    assert finding.facts["extra"] == ["fk_ignored"]
    assert "deferrable: Item_x_y_fkey on Item may be checked at COMMIT only" in finding.evidence
    assert "not validated: Item_editorId_fkey on Item" in finding.evidence


def test_a_second_foreign_key_beside_the_right_one_is_told_only(cluster, keys, database: Database) -> None:
    cluster.sql(
        'ALTER TABLE "Item" ADD CONSTRAINT "Again" FOREIGN KEY ("ownerId") REFERENCES accounts (id)', keys
    )
    finding = look(database, ForeignKeys)
    assert finding.healthy
    assert finding.evidence == ("only in the database: Again on Item",)


def test_a_table_that_is_not_there_is_left_to_the_columns_and_told(cluster, keys, database: Database) -> None:
    cluster.sql('DROP TABLE "Group" CASCADE', keys)
    indexes, foreign_keys = look(database, Indexes), look(database, ForeignKeys)
    assert indexes.healthy
    assert indexes.seen.endswith("; not looked at, for there is no such table: Group")
    assert foreign_keys.healthy  # those that would lead to it cannot be there
    assert not look(database, Columns).healthy


def test_tables_of_the_same_name_in_other_schemas_are_not_taken_for_the_apps(
    cluster, keys, database: Database
) -> None:
    cluster.sql(
        "CREATE SCHEMA old; CREATE TABLE old.accounts (status int); DROP INDEX accounts_status_idx;"
        'CREATE INDEX accounts_status_idx ON old.accounts (status); CREATE TABLE old."Team" ("leadId" int UNIQUE)',
        keys,
    )
    assert len(look(database, Indexes, "Account").facts["missing"]) == 1
    cluster.sql(
        'ALTER TABLE "Item" DROP CONSTRAINT fk_ignored; CREATE UNIQUE INDEX ON old.accounts (status);'
        "ALTER TABLE old.accounts RENAME status TO id;"
        'ALTER TABLE "Item" ADD CONSTRAINT fk_ignored FOREIGN KEY (ig) REFERENCES old.accounts (id)'
        " ON DELETE SET NULL ON UPDATE CASCADE",
        keys,
    )
    finding = look(database, ForeignKeys, "Item")
    assert [one["columns"] for one in finding.facts["missing"]] == [["ig"]]


PARTITIONED = b"""
model P {
  id Int @id
  cs C[]
}
model C {
  id  Int @id
  pId Int
  p   P   @relation(fields: [pId], references: [id])
}
"""


def test_what_partitions_inherit_is_no_foreign_key_of_its_own(cluster, empty, database: Database) -> None:
    cluster.sql(
        """CREATE TABLE "P" (id int PRIMARY KEY) PARTITION BY RANGE (id);
        CREATE TABLE one PARTITION OF "P" FOR VALUES FROM (0) TO (9); CREATE TABLE two PARTITION OF "P" DEFAULT;
        CREATE TABLE "C" (id int PRIMARY KEY, "pId" int REFERENCES "P" ON DELETE RESTRICT ON UPDATE CASCADE)""",
        empty,
    )
    finding = look(database, ForeignKeys, schema=PARTITIONED)
    assert finding.healthy
    assert finding.evidence == ()
    assert look(database, Indexes, schema=PARTITIONED).healthy


def test_an_index_that_somebody_builds_just_now_is_neither_missing_nor_left_by_a_failure(
    cluster, keys, database: Database, open_database
) -> None:
    cluster.sql("DROP INDEX accounts_status_idx", keys)
    wire = open_database(cluster.url(keys))._door.wire()
    wire.exchange([Command(sql="BEGIN"), Command(sql="DELETE FROM accounts")], 5)
    build = "CREATE INDEX CONCURRENTLY accounts_status_idx ON accounts (status)"
    with ThreadPoolExecutor(1) as builder:
        built = builder.submit(cluster.sql, build, keys)
        there = "SELECT count(*) FROM pg_class WHERE relname = 'accounts_status_idx'"
        while cluster.sql(there, keys).strip() == "0" and not built.done():
            time.sleep(0.1)
        finding = look(database, Indexes, "Account")
        wire.exchange([Command(sql="ROLLBACK")], 5)
        built.result()
    wire.close()
    assert not finding.healthy
    assert finding.seen == "being built in accounts: accounts_status_idx"
    assert look(database, Indexes, "Account").healthy


MULTI = b"""
model A {
  id Int @id
  @@schema("public")
}
model B {
  id Int @id
  @@schema("auth")
}
"""


@pytest.mark.parametrize("check", [Indexes, ForeignKeys, Columns])
def test_models_of_another_schema_are_left_out_and_not_compared_with_the_apps_tables(
    cluster, empty, database: Database, check
) -> None:
    cluster.sql('CREATE TABLE "A" (id int PRIMARY KEY); CREATE TABLE "B" (other text)', empty)
    assert look(database, check, schema=MULTI).healthy
    with pytest.raises(CouldNotLook, match="B lies in the schema auth, the app's is public"):
        look(database, check, "B", MULTI)
    cluster.sql('ALTER TABLE "A" DROP COLUMN id', empty)
    assert check is ForeignKeys or not look(database, check, schema=MULTI).healthy


def test_an_empty_database_has_all_tables_missing_whatever_schema_they_name(
    empty, database: Database
) -> None:
    assert look(database, Columns, schema=MULTI).facts["tables"][0]["exists"] is False


def test_indexes_are_seen_by_a_role_that_may_not_read_their_tables(cluster, keys, open_database) -> None:
    cluster.sql("CREATE ROLE blind LOGIN PASSWORD 'blind'; GRANT USAGE ON SCHEMA public TO blind", keys)
    try:
        blind = open_database(cluster.url(keys, user="blind", password="blind"))
        assert look(blind, Indexes).healthy
        assert look(blind, ForeignKeys).healthy
        blind.close()
    finally:
        cluster.sql("DROP OWNED BY blind; DROP ROLE blind", keys)


def test_the_answers_survive_the_journal(keys, database: Database) -> None:
    for check in (Indexes, ForeignKeys):
        query = check(schema_file=SCHEMA_FILE).question
        answer = database.answer([query])[query]
        assert isinstance(answer, QueryAnswer)
        assert QueryAnswer.model_validate_json(answer.model_dump_json()) == answer
