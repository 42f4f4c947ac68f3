"""What is promised of the actions and checks on rows, over a real PostgreSQL, besides the laws."""

import json
import re
import threading
import time
from dataclasses import dataclass
from typing import Any

import pytest

from remediate.errors import Conflict, CouldNotLook, Failed
from remediate.model import Change, Finding, Json, Undo, WayBack
from remediate.model import rows_of as rows_in_all
from remediate.providers.row_checks import Nulls, Orphans
from remediate.providers.row_delete import DeleteRows
from remediate.providers.row_insert import InsertRows
from remediate.providers.row_update import UpdateRows
from remediate.questions import Read, ReadAnswer
from remediate.steps import Action, Check
from remediate.transport.database_values import rows_of
from remediate.transport.database_wire import Command

from ..laws.laws import carry_out, fresh_token, planned  # noqa: TID252  (no package is installed for tests)
from .test_add_columns import DatabaseWorld
from .test_row_laws import RowWorld, applied, shared, undone, world

__all__ = ["shared", "world"]
BEGINNING = """
CREATE SCHEMA other;
CREATE TABLE other.avatars (id text PRIMARY KEY, "projectId" text, name text);
INSERT INTO other.avatars VALUES ('o', 'gone', NULL);
CREATE TABLE projects (id text PRIMARY KEY, "ownerId" text);
INSERT INTO projects VALUES ('p1', 'u');
CREATE TABLE avatars (id text PRIMARY KEY, "projectId" text, "userId" text, name text, email text, "lastUsedAt" int);
INSERT INTO avatars VALUES ('a', 'p1', 'u', 'A', 'a@example.org', 1), ('b', 'gone', 'u', NULL, 'b@example.org', 1),
 ('c', 'gone', 'u', NULL, 'c@example.org', 1), ('d', 'lost', 'u', '', 'd@example.org', 1),
 ('e', 'lost', 'v', 'E', 'e@example.org', 1), ('f', NULL, 'u', 'F', 'f@example.org', 1);
"""
ORPHANED = {"column": "projectId", "orphaned_from": {"table": "projects", "column": "id"}}
NAMELESS = {"column": "name", "operator": "is null"}


@pytest.fixture
def avatars(world: RowWorld) -> RowWorld:
    world.beginning = "DROP SCHEMA IF EXISTS other CASCADE;" + BEGINNING
    world.reset()
    return world


def deleting(*where: Json, table: str = "avatars", rows: Json = "1..1000", **more: Json) -> DeleteRows:
    return DeleteRows.model_validate(
        {"table": table, "where": list(where or [ORPHANED]), "expect": {"rows": rows}, **more}
    )


def naming(*where: Json, name: Json = "unknown", rows: Json = "1..1000", **more: Json) -> UpdateRows:
    base = {"table": "avatars", "set": {"name": name}, "expect": {"rows": rows}}
    return UpdateRows.model_validate({**base, "where": list(where or [NAMELESS]), **more})


def inserting(*rows: Json, table: str = "projects", **more: Json) -> InsertRows:
    return InsertRows.model_validate(
        {"table": table, "rows": list(rows), "expect": {"rows": "1..1000"}, **more}
    )


def looked(world: DatabaseWorld, check: Check) -> Finding:
    answers = world.target().answer(check.ask())
    return check.judge(answers, answers)


def all_avatars(world: DatabaseWorld) -> str:
    return world.sql("SELECT string_agg(id, '' ORDER BY id) FROM avatars")


PARENT = {"table": "projects"}


def test_orphans_are_counted_and_rows_that_name_no_parent_are_not_among_them(avatars: RowWorld) -> None:
    finding = looked(
        avatars, Orphans.model_validate({"table": "avatars", "column": "projectId", "parent": PARENT})
    )
    assert not finding.healthy
    assert (
        finding.seen == "4 rows of avatars name 2 projects that are not there (1 name none); no foreign key"
    )
    listing = finding.evidence[0].removeprefix("to export them: ")
    assert {line.partition("|")[0] for line in avatars.sql(listing).splitlines()} == set("bcde")
    assert finding.evidence[1:4] == ("id gone: 2 rows", "id lost: 2 rows", "row id b")
    facts = finding.facts
    assert (facts["count"], facts["nulls"], facts["missing"]) == (4, 1, ["gone", "lost"])
    assert sorted(key["id"] for key in facts["keys"]) == list("bcde")


def test_a_null_parent_hides_no_orphan_and_a_foreign_key_is_told_with_its_validity(avatars: RowWorld) -> None:
    avatars.sql(
        "ALTER TABLE projects DROP CONSTRAINT projects_pkey; ALTER TABLE projects ALTER id DROP NOT NULL;"
        "INSERT INTO projects VALUES (NULL, NULL); CREATE UNIQUE INDEX one ON projects (id);"
        'ALTER TABLE avatars ADD CONSTRAINT "my FK" FOREIGN KEY ("projectId") REFERENCES projects (id) NOT VALID'
    )
    finding = looked(
        avatars, Orphans.model_validate({"table": "avatars", "column": "projectId", "parent": PARENT})
    )
    assert finding.facts["count"] == 4, "`NOT IN` with one NULL finds none"
    assert finding.seen.endswith("; foreign key my FK, NOT VALID")
    avatars.sql("""DELETE FROM avatars WHERE "projectId" IN ('gone', 'lost')""")
    avatars.sql('ALTER TABLE avatars VALIDATE CONSTRAINT "my FK"')
    finding = looked(
        avatars, Orphans.model_validate({"table": "avatars", "column": "projectId", "parent": PARENT})
    )
    assert finding.healthy
    assert (finding.facts["foreign_key"], finding.facts["validated"]) == ("my FK", True)


def test_a_lost_parent_that_several_users_share_is_not_made_up(avatars: RowWorld) -> None:
    check = {"table": "avatars", "column": "projectId", "parent": PARENT, "carry": ["userId"]}
    facts = looked(avatars, Orphans.model_validate(check)).facts
    assert facts["parents"] == [{"id": "gone", "userId": "u"}]
    assert facts["unclear"] == ["lost"]


def test_nulls_are_counted_by_column_with_keys_and_json_null_is_a_value(avatars: RowWorld) -> None:
    avatars.sql(
        'ALTER TABLE avatars ADD "it\'s ""100%s""" int, ADD j jsonb DEFAULT \'null\','
        " ADD must text NOT NULL DEFAULT ''"
    )
    columns = ["name", "projectId", "j", "must", "id", 'it\'s "100%s"']
    finding = looked(avatars, Nulls(table="avatars", columns=columns))
    assert finding.facts["counts"] == {'it\'s "100%s"': 6, "name": 2, "projectId": 1}
    assert sorted(key["id"] for key in finding.facts["keys"]["name"]) == ["b", "c"]
    assert len(finding.facts["keys"]['it\'s "100%s"']) == 5
    assert looked(avatars, Nulls(table="avatars", columns=["email", "j"])).healthy


def test_the_prisma_schema_says_which_columns_are_required(avatars: RowWorld) -> None:
    schema = 'model Avatar {\n id String @id\n title String @map("name")\n projectId String?\n @@map("avatars")\n}\n'
    check = Nulls(table="avatars", schema_file="/schema.prisma")
    answers = avatars.target().answer([one for one in check.ask() if not isinstance(one, Read)])
    file = ReadAnswer(exists=True, content=schema.encode())
    answers = answers.after((), {Read(path="/schema.prisma"): file}, "")
    assert check.judge(answers, answers).facts["counts"] == {"name": 2}


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (deleting(rows="1..3"), "4 rows of avatars are meant, expected are 1..3"),
        (deleting(rows=5), "4 rows of avatars are meant, expected are 5"),
        (deleting(table="nope"), "there is no table nope"),
        (
            deleting({"column": "projectid", "operator": "is null"}),
            "no column projectid; did you mean `projectId`",
        ),
        (deleting(key=["id", "name"]), r"the primary key of avatars is \(id\)"),
        (naming(name=None), "^$"),
        (inserting({"id": "x", "name": "y"}), "projects has no column name"),
        (inserting({"id": "x"}, {"id": "x"}), "have the same key"),
        (inserting({"id": None}), "needs a value for id"),
    ],
)
def test_what_is_not_as_expected_is_refused_while_planning(
    avatars: RowWorld, action: Action, said: str
) -> None:
    before = avatars.fingerprint()
    try:
        assert planned(action, avatars.target()) == ()
        refusal = ""
    except Failed as error:
        refusal = str(error)
    assert re.search(said, refusal), refusal
    assert avatars.fingerprint() == before
    assert avatars.sql("SELECT to_regnamespace('remediate') IS NULL") == "t"


@pytest.mark.parametrize("action", [naming(), deleting(), inserting({"id": "x"}, table="avatars")])
def test_a_table_from_which_others_inherit_is_refused(avatars: RowWorld, action: Action) -> None:
    avatars.sql("CREATE TABLE kept (extra int, PRIMARY KEY (id)) INHERITS (avatars)")
    avatars.sql("INSERT INTO kept (id, \"projectId\") VALUES ('h', 'gone')")
    with pytest.raises(Failed, match=r"rows of avatars may lie in a table that inherits from it \(kept\)"):
        planned(action, avatars.target())


def cut_off_after_one(world: RowWorld, action: Action) -> list[Undo]:
    """Begin a plan of two batches, and die after the first; return what is owed."""
    first, second = planned(action, world.target())
    target = world.target().scoped(fresh_token())
    owed = [action.snapshot(target, first)]
    action.apply(target, first)
    (left,) = planned(action, world.target())
    assert left.outline.same_as(second.outline), "what a crash left is planned as the same batch"
    return owed


FEW = "1 rows of avatars are meant, expected are 2..10"


@pytest.mark.parametrize(
    ("action", "again"),
    [
        (naming(rows="2..10"), "UPDATE avatars SET name = NULL WHERE id = 'a'"),
        (deleting(NAMELESS, rows="2..10"), "UPDATE avatars SET name = NULL WHERE id = 'a'"),
        (
            inserting({"id": "b"}, {"id": "c"}, table="others", expect={"rows": "2..10"}),
            "DELETE FROM others WHERE id = 'b'",
        ),
    ],
    ids=["update", "delete", "insert"],
)
def test_what_a_finished_run_did_does_not_lower_what_the_next_may_mean(
    avatars: RowWorld, action: Action, again: str
) -> None:
    avatars.sql("CREATE TABLE others (id text PRIMARY KEY, name text)")
    few = FEW.replace("avatars", "others") if isinstance(action, InsertRows) else FEW
    applied(avatars, action)
    avatars.sql(again)
    with pytest.raises(Failed, match=few):
        planned(action, avatars.target())


@pytest.mark.parametrize(
    "action",
    [naming(rows="2..10", batch=1), deleting(NAMELESS, rows="2..10", batch=1)],
    ids=["set", "delete"],
)
def test_what_was_cut_off_goes_on_below_the_bound_and_then_the_bound_holds_again(
    avatars: RowWorld, action: Action
) -> None:
    cut_off_after_one(avatars, action)
    applied(avatars, action)
    for row in "ad":
        assert planned(action, avatars.target()) == ()
        avatars.sql(f"UPDATE avatars SET name = NULL WHERE id = '{row}'")  # noqa: S608
        with pytest.raises(Failed, match=FEW):
            planned(action, avatars.target())
        avatars.sql(f"UPDATE avatars SET name = 'x' WHERE id = '{row}'")  # noqa: S608
    avatars.sql("UPDATE avatars SET name = NULL WHERE id IN ('a', 'd')")
    cut_off_after_one(avatars, action)


def test_what_was_put_back_counts_for_nothing(avatars: RowWorld) -> None:
    action = naming(rows="2..10", batch=1)
    outlines = [change.outline for change in planned(action, avatars.target())]
    undone(avatars, action, cut_off_after_one(avatars, action))
    again = planned(action, avatars.target())
    assert [change.outline for change in again] == outlines
    avatars.sql("UPDATE avatars SET name = 'x' WHERE id = 'b'")
    with pytest.raises(Failed, match=FEW):
        planned(action, avatars.target())


@pytest.mark.parametrize(
    "where",
    [
        {"column": "id", "operator": "=", "value": None},
        {"column": "id", "operator": "in", "value": ["a", None]},
        {"column": "id", "operator": "is null", "value": 1},
        {"column": "id", "operator": "like", "value": "%"},
        {"column": "id", "operator": "= '' OR true --", "value": "x"},
        {"column": "id", "value": "x", "orphaned_from": {"table": "t"}},
    ],
)
def test_a_condition_outside_the_grammar_is_none(where: Json) -> None:
    with pytest.raises(ValueError, match="validation error"):
        deleting(where)


def test_no_condition_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 item"):
        DeleteRows.model_validate({"table": "avatars", "where": [], "expect": {"rows": 1}})


def test_a_value_that_looks_like_sql_is_a_value_and_is_typed_by_its_column(avatars: RowWorld) -> None:
    assert (
        planned(deleting({"column": "id", "value": "' OR true; DROP TABLE avatars; --"}), avatars.target())
        == ()
    )
    (change,) = planned(deleting({"column": "lastUsedAt", "operator": "<=", "value": "1"}), avatars.target())
    assert change.what == "delete 6 rows of avatars"
    with pytest.raises(CouldNotLook, match="22P02"):
        planned(deleting({"column": "lastUsedAt", "value": "1 OR true"}), avatars.target())
    assert planned(deleting({"column": "id", "operator": "in", "value": []}), avatars.target()) == ()


def test_the_plan_shows_keys_and_what_changes_and_nothing_else_of_a_row(avatars: RowWorld) -> None:
    (change,) = planned(naming(), avatars.target())
    assert change.sample == (
        '  id b\n-   name: NULL\n+   name: "unknown"\n  id c\n-   name: NULL\n+   name: "unknown"'
    )
    assert 'UPDATE "public"."avatars" AS r SET "name" = v."name"' in change.script
    assert "2 rows in all, in 1 transaction of at most 500, by the key" in change.notes
    assert "example.org" not in change.model_dump_json()
    (change,) = planned(deleting(show=["email"]), avatars.target())
    assert change.sample.startswith('- id b\n-   email: "b@example.org"\n')
    assert "nothing in the database refers to them" in change.notes
    kept = (
        change.model_dump_json(exclude={"sample"})
        + DeleteRows.snapshot(deleting(), avatars.target(), change).model_dump_json()
    )
    assert "example.org" not in kept
    assert '"gone"' not in kept


def test_only_the_apps_own_schema_is_touched(avatars: RowWorld) -> None:
    applied(avatars, deleting())
    assert all_avatars(avatars) == "af"
    assert avatars.sql("SELECT count(*) FROM other.avatars") == "1"


@dataclass
class Overtaken(RowWorld):
    """A world where somebody does something between the plan and the change."""

    meanwhile: str = ""

    def carry_out(self, action: Action) -> None:
        (change,) = planned(action, self.target())
        self.sql(self.meanwhile)
        action.apply(self.target().scoped(fresh_token()), change)


def overtaken(world: RowWorld, meanwhile: str) -> Overtaken:
    return Overtaken(world.cluster, world.dbname, world.reach, world.beginning, meanwhile)


@pytest.mark.parametrize(
    ("action", "meanwhile", "named"),
    [
        (naming(), "UPDATE avatars SET name = 'mine' WHERE id = 'c'", "1 row of public.avatars is .*: id c"),
        (naming(), "DELETE FROM avatars WHERE id = 'b'", "id b"),
        (deleting(), "UPDATE avatars SET email = 'x' WHERE id IN ('b', 'd')", "2 rows .*: id b; id d"),
        (deleting(), "INSERT INTO projects VALUES ('gone')", "2 rows .*: id b; id c"),
        (
            inserting({"id": "x"}, {"id": "y"}),
            "INSERT INTO projects VALUES ('y')",
            "not all of these keys are free",
        ),
    ],
)
def test_a_row_that_changed_since_the_plan_stops_its_whole_batch(
    avatars: RowWorld, action: Action, meanwhile: str, named: str
) -> None:
    world = overtaken(avatars, meanwhile)
    with pytest.raises(Conflict, match=named):
        world.carry_out(action)
    left = world.fingerprint()
    world.reset()
    world.sql(meanwhile)
    assert left == world.fingerprint(), "only the others' change is there"


def test_a_column_that_others_refer_to_is_not_set(avatars: RowWorld) -> None:
    avatars.sql(
        "ALTER TABLE avatars ADD UNIQUE (name);"
        "CREATE TABLE fans (avatar text REFERENCES avatars (name) ON UPDATE CASCADE)"
    )
    with pytest.raises(Failed, match=r"avatars\.name is what fans refers to by fans_avatar_fkey"):
        planned(naming(), avatars.target())


def test_a_backfill_does_not_mind_what_else_happens_to_its_rows(avatars: RowWorld) -> None:
    undos = applied(avatars, naming())
    avatars.sql('UPDATE avatars SET "lastUsedAt" = 2')
    undone(avatars, naming(), undos)
    assert avatars.sql("""SELECT name IS NULL, "lastUsedAt" FROM avatars WHERE id = 'b'""") == "t|2"


@pytest.mark.parametrize(
    ("action", "since", "said"),
    [
        (
            naming(),
            "UPDATE avatars SET name = 'real' WHERE id = 'c'",
            "no longer as this run left them: id c",
        ),
        (naming(), "DELETE FROM avatars WHERE id = 'c'", "id c"),
        (deleting(), "INSERT INTO avatars (id) VALUES ('d')", "somebody made them anew: id d"),
        (
            inserting({"id": "x"}, {"id": "y"}),
            "UPDATE projects SET \"ownerId\" = '' WHERE id = 'y'",
            ": id y",
        ),
        (
            inserting({"id": "gone"}, {"id": "lost"}),
            "CREATE TABLE uses (p text REFERENCES projects ON DELETE CASCADE); INSERT INTO uses VALUES ('lost')",
            "without anything that refers to them: id lost",
        ),
    ],
)
def test_what_somebody_changed_since_is_named_and_none_of_the_batch_is_put_back(
    avatars: RowWorld, action: Action, since: str, said: str
) -> None:
    undos = applied(avatars, action)
    avatars.sql(since)
    before = avatars.fingerprint()
    with pytest.raises(Conflict, match=said):
        undone(avatars, action, undos)
    assert avatars.fingerprint() == before


def test_a_row_that_was_inserted_and_is_gone_already_is_put_back(avatars: RowWorld) -> None:
    before, action = avatars.fingerprint(), inserting({"id": "x"}, {"id": "y"})
    undos = applied(avatars, action)
    avatars.sql("DELETE FROM projects WHERE id = 'x'")
    undone(avatars, action, undos)
    assert avatars.fingerprint() == before


def test_many_keys_are_counted_and_ten_are_named(avatars: RowWorld) -> None:
    avatars.sql("INSERT INTO avatars (id) SELECT 'n' || n FROM generate_series(100, 130) AS n")
    undos = applied(avatars, naming())
    avatars.sql("UPDATE avatars SET name = 'x' WHERE id LIKE 'n%'")
    with pytest.raises(Conflict) as error:
        undone(avatars, naming(), undos)
    assert "31 rows of public.avatars are no longer" in error.value.what
    assert error.value.what.count("id n") == 10
    assert error.value.what.endswith(" …")


CHILDREN = """
CREATE TABLE images (id text PRIMARY KEY, avatar text REFERENCES avatars ON DELETE CASCADE, raw bytea);
CREATE TABLE tags (a text, b int, image text REFERENCES images ON DELETE CASCADE, PRIMARY KEY (b, a));
INSERT INTO images VALUES ('i1', 'b', '\\x00ff'), ('i2', 'a', NULL), ('i3', 'd', NULL);
INSERT INTO tags VALUES ('x', 1, 'i1'), ('y', 1, 'i1'), ('z', 2, 'i2');
"""


def test_rows_that_others_refer_to_are_refused_with_the_count_of_each_table(avatars: RowWorld) -> None:
    avatars.sql(CHILDREN)
    with pytest.raises(
        Failed, match=r"2 rows of images by images_avatar_fkey, 2 rows of tags .*cascade: true"
    ):
        planned(deleting(), avatars.target())
    assert planned(deleting({"column": "id", "value": "c"}), avatars.target())


def test_what_a_cascade_takes_is_kept_and_put_back(avatars: RowWorld) -> None:
    avatars.sql(CHILDREN)
    before = avatars.fingerprint()
    (change,) = planned(deleting(cascade=True), avatars.target())
    assert change.what == "delete 4 rows of avatars and 4 rows that a cascade takes"
    assert change.rows == 8, "what a cascade takes is written, too"
    undos = applied(avatars, deleting(cascade=True))
    assert avatars.sql("SELECT count(*) FROM tags") == "1"
    assert avatars.sql("SELECT count(*) FROM remediate.rows") == "8"
    undone(avatars, deleting(cascade=True), undos)
    assert avatars.fingerprint() == before


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            "CREATE TABLE more (t int, a text, FOREIGN KEY (t, a) REFERENCES tags);INSERT INTO more VALUES (1, 'x')",
            "refuses",
        ),
        (
            "CREATE TABLE more (i text REFERENCES images ON DELETE SET NULL); INSERT INTO more VALUES ('i3')",
            "sets NULL",
        ),
        (
            (
                "CREATE TABLE more (id int PRIMARY KEY, i text REFERENCES images ON DELETE CASCADE,"
                " a text REFERENCES avatars ON DELETE CASCADE); INSERT INTO more VALUES (1, 'i1', 'b')"
            ),
            "more than one way",
        ),
        (
            "CREATE TABLE more (i text REFERENCES images ON DELETE CASCADE); INSERT INTO more VALUES ('i3')",
            "cannot be kept",
        ),
        (
            (
                "CREATE TABLE other.more (i text PRIMARY KEY REFERENCES images ON DELETE CASCADE);"
                "INSERT INTO other.more VALUES ('i3')"
            ),
            "cannot be kept",
        ),
    ],
)
def test_what_a_cascade_cannot_give_back_is_refused(avatars: RowWorld, more: str, said: str) -> None:
    avatars.sql(CHILDREN + more)
    with pytest.raises(Failed, match=said):
        planned(deleting(cascade=True), avatars.target())


@pytest.mark.parametrize(
    "meanwhile",
    [
        "INSERT INTO images VALUES ('i9', 'c')",
        "UPDATE images SET raw = '' WHERE id = 'i1'",
        "DELETE FROM tags WHERE a = 'x'",
        "CREATE TABLE new (a text REFERENCES avatars ON DELETE CASCADE); INSERT INTO new VALUES ('b')",
    ],
)
def test_a_child_that_came_or_changed_since_the_plan_is_not_taken(avatars: RowWorld, meanwhile: str) -> None:
    avatars.sql(CHILDREN)
    world = overtaken(avatars, meanwhile)
    with pytest.raises((Failed, Conflict)):
        world.carry_out(deleting(cascade=True))
    assert all_avatars(world) == "abcdef"


def test_a_child_that_came_since_the_plan_stops_a_delete_without_cascade(avatars: RowWorld) -> None:
    avatars.sql(CHILDREN)
    avatars.sql("TRUNCATE images CASCADE")
    world = overtaken(avatars, "INSERT INTO images VALUES ('i9', 'c')")
    with pytest.raises(Failed, match="1 row of images"):
        world.carry_out(deleting())
    assert world.sql("SELECT count(*) FROM images") == "1"


def test_a_tree_that_goes_whole_goes_and_comes_back(avatars: RowWorld) -> None:
    avatars.sql(
        "ALTER TABLE avatars ADD \"copyOf\" text REFERENCES avatars; UPDATE avatars SET \"copyOf\" = 'b' WHERE id = 'c'"
    )
    before = avatars.fingerprint()
    undos = applied(avatars, deleting())
    undone(avatars, deleting(), undos)
    assert avatars.fingerprint() == before
    with pytest.raises(Failed, match="1 row of avatars by"):
        planned(deleting({"column": "id", "value": "b"}), avatars.target())
    with pytest.raises(Failed, match="batch: 4"):
        planned(deleting(batch=2), avatars.target())


def test_five_thousand_rows_are_ten_transactions_of_one_statement_each(avatars: RowWorld) -> None:
    avatars.sql(
        "INSERT INTO avatars (id) SELECT 'n' || n FROM generate_series(1, 4998) AS n; CREATE TABLE seen (tx xid8);"
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN INSERT INTO seen VALUES (pg_current_xact_id()); RETURN NULL; END';"
        "CREATE TRIGGER noting AFTER UPDATE ON avatars EXECUTE FUNCTION note()"
    )
    action = naming(rows="1..5000")
    changes = planned(action, avatars.target())
    assert [change.what for change in changes] == ["set name in 500 rows of avatars"] * 10
    assert rows_in_all(changes) is None, "nobody counts what a trigger writes"
    avatars.sql("ALTER TABLE avatars DISABLE TRIGGER noting")
    assert rows_in_all(planned(action, avatars.target())) == 5000, "batches are added up"
    avatars.sql("ALTER TABLE avatars ENABLE TRIGGER noting")
    assert changes[0].way_back is WayBack.EQUIVALENT
    assert any("triggers of the table may fire" in note and "noting" in note for note in changes[0].notes)
    undos = applied(avatars, action)
    assert avatars.sql("SELECT count(*), count(DISTINCT tx) FROM seen") == "10|10"
    assert avatars.sql("SELECT count(*) FROM remediate.rows") == "5000"
    assert avatars.sql("SELECT count(*) FROM avatars WHERE name = 'unknown'") == "5000"
    undone(avatars, action, undos)
    assert avatars.sql("SELECT count(*), count(DISTINCT tx) FROM seen") == "20|20"
    assert avatars.sql("SELECT count(*) FROM avatars WHERE name IS NULL") == "5000"


def test_what_is_left_after_some_batches_is_planned_as_the_same_batches(avatars: RowWorld) -> None:
    action = deleting(batch=1, rows="4..4")
    confirmed = planned(action, avatars.target())
    assert len({change.target for change in confirmed}) == 4
    for change in confirmed[:2]:
        scoped = avatars.target().scoped(fresh_token())
        action.apply(scoped, change)
    left = planned(action, avatars.target())
    assert [change.outline for change in left] == [change.outline for change in confirmed[2:]]


def test_a_row_that_somebody_has_locked_is_waited_for_then_given_up_with_the_name(
    avatars: RowWorld, open_database: Any
) -> None:
    wire = open_database(avatars.cluster.url(avatars.dbname))._door.wire()
    wire.exchange([Command(sql="BEGIN"), Command(sql="SELECT FROM avatars WHERE id = 'c' FOR UPDATE")], 5)
    with pytest.raises(Failed, match=f"no lock after 2 tries of 1 s each; held by pid {wire.pid}"):
        carry_out(deleting(batch=1), avatars.target(), [])
    wire.close()
    assert all_avatars(avatars) == "acdef", "what was committed before is in the ledger, the rest untouched"
    assert avatars.sql("SELECT count(*) FROM remediate.rows") == "1"


@pytest.mark.parametrize("action", [deleting(), naming()], ids=["delete", "update"])
def test_a_row_that_somebody_is_changing_meanwhile_is_waited_for_and_then_left_to_them(
    avatars: RowWorld, open_database: Any, action: Action
) -> None:
    theirs, watching = (open_database(avatars.cluster.url(avatars.dbname))._door.wire() for _ in range(2))
    (change,) = planned(action, avatars.target())
    update = "UPDATE avatars SET name = 'theirs', email = 'theirs' WHERE id = 'b'"
    theirs.exchange([Command(sql="BEGIN"), Command(sql=update)], 5)

    def commit_once_they_wait() -> None:
        blocked = Command(
            sql=f"SELECT count(*) FROM pg_stat_activity WHERE {theirs.pid} = ANY(pg_blocking_pids(pid))"  # noqa: S608
        )
        while rows_of(watching.exchange([blocked], 5)[0]).rows[0][0] == 0:
            time.sleep(0.01)
        theirs.exchange([Command(sql="COMMIT")], 5)

    waiting = threading.Thread(target=commit_once_they_wait)
    waiting.start()
    with pytest.raises(Conflict, match=r"1 row of public\.avatars is no longer what was planned: id b"):
        action.apply(avatars.target().scoped(fresh_token()), change)
    waiting.join()
    assert all_avatars(avatars) == "abcdef"
    assert avatars.sql("SELECT name, email FROM avatars WHERE id = 'b'") == "theirs|theirs"
    assert avatars.sql("SELECT count(*) FROM avatars WHERE name = 'unknown'") == "0"


@pytest.mark.parametrize(
    ("grants", "said"),
    [
        ("GRANT SELECT ON avatars, projects TO small", "the role small may not delete in avatars"),
        ("GRANT DELETE ON avatars TO small", "the role small may not select in avatars"),
        (
            "GRANT ALL ON avatars, projects TO small; ALTER TABLE avatars ENABLE ROW LEVEL SECURITY",
            "row-level security",
        ),
    ],
)
def test_what_the_role_may_not_do_or_see_is_refused_in_one_line(
    avatars: RowWorld, open_database: Any, grants: str, said: str
) -> None:
    made = "DROP ROLE IF EXISTS small; CREATE ROLE small LOGIN PASSWORD 'small';"
    avatars.sql(f"{made} GRANT USAGE ON SCHEMA public TO small; {grants}")
    url = avatars.cluster.url(avatars.dbname, user="small", password="small")
    theirs = RowWorld(avatars.cluster, avatars.dbname, open_database(url))
    with pytest.raises(Failed, match=said) as error:
        planned(deleting(), theirs.target())
    assert "\n" not in str(error.value)
    if "security" in said:
        avatars.sql(
            "ALTER TABLE avatars DISABLE ROW LEVEL SECURITY; ALTER TABLE projects ENABLE ROW LEVEL SECURITY"
        )
        with pytest.raises(Failed, match="security hides rows of projects"):
            planned(deleting(), theirs.target())
        with pytest.raises(CouldNotLook, match=said):
            looked(
                theirs, Orphans.model_validate({"table": "avatars", "column": "projectId", "parent": PARENT})
            )
    avatars.sql("DROP OWNED BY small; DROP ROLE small")


def test_what_was_inserted_stays_where_those_who_may_refer_to_it_are_hidden(
    avatars: RowWorld, open_database: Any
) -> None:
    avatars.sql(
        "DROP ROLE IF EXISTS small; CREATE ROLE small LOGIN PASSWORD 'small'; GRANT ALL ON SCHEMA public TO small;"
        "GRANT ALL ON projects TO small; CREATE SCHEMA remediate AUTHORIZATION small;"
        "CREATE TABLE uses (p text REFERENCES projects ON DELETE CASCADE); GRANT ALL ON uses TO small"
    )
    url = avatars.cluster.url(avatars.dbname, user="small", password="small")
    theirs = RowWorld(avatars.cluster, avatars.dbname, open_database(url))
    undos = applied(theirs, inserting({"id": "x"}))
    avatars.sql("INSERT INTO uses VALUES ('x'); ALTER TABLE uses ENABLE ROW LEVEL SECURITY")
    with pytest.raises(Failed, match="row-level security hides rows of uses"):
        undone(theirs, inserting({"id": "x"}), undos)
    assert avatars.sql("SELECT count(*) FROM uses") == "1"
    avatars.sql("DROP OWNED BY small; DROP ROLE small")


def test_parents_are_made_anew_from_what_the_check_found(avatars: RowWorld) -> None:
    check = {"table": "avatars", "column": "projectId", "parent": PARENT, "carry": ["userId"]}
    found = looked(avatars, Orphans.model_validate(check)).facts
    rows = [{"id": parent["id"], "ownerId": parent["userId"]} for parent in found["parents"]]
    applied(avatars, inserting(*rows))
    assert avatars.sql("SELECT \"ownerId\" FROM projects WHERE id = 'gone'") == "u"


def test_an_outline_holds_no_value_of_a_row(avatars: RowWorld) -> None:
    changes: tuple[Change, ...] = planned(naming({"column": "id", "value": "e"}), avatars.target())
    assert '"E"' in changes[0].sample
    assert "sample" not in json.loads(changes[0].outline.model_dump_json())
    again = changes[0].model_copy(update={"sample": ""})
    assert again.outline == changes[0].outline
