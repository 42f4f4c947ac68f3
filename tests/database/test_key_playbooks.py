"""`orphaned-rows` and `foreign-key` as they are shipped, over the backend's own schema in a real database."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from remediate.catalogue import CATALOGUE
from remediate.errors import Conflict, Failed
from remediate.model import Finding, Undo, WayBack
from remediate.planner import found_by, judged, plan_fixes, questions_of
from remediate.playbook import load_playbook
from remediate.providers.row_checks import Orphans
from remediate.providers.row_delete import DeleteRows
from remediate.providers.row_insert import InsertRows
from remediate.providers.row_selection import written_out
from remediate.providers.sql_cascades import Cascades
from remediate.questions import Answers, Read, ReadAnswer
from remediate.steps import Action
from remediate.transport.database import Database
from remediate.transport.database_door import DatabaseSettings

from ..laws.laws import LAWS, carry_out, fresh_token, planned  # noqa: TID252  (no package is installed for tests)
from .conftest import Cluster
from .test_add_columns import DatabaseTarget, OvertakenTarget
from .test_row_laws import RowWorld

ROOT = Path(__file__).parents[2]
PRISMA = ROOT / "vagrant/backend/prisma"
SCHEMA = (PRISMA / "schema.prisma").read_text()
NULLABLE = SCHEMA.replace("projectId          String", "projectId          String?").replace(
    "project AvatarProject @", "project AvatarProject? @"
)
MIGRATED = "\n".join(path.read_text() for path in sorted(PRISMA.glob("migrations/*/migration.sql")))
HOST = {"host": {"name": "web1"}, "app": {"name": "lumiku", "backend": "/srv", "port": 3000, "root": "/srv"}}
ROWS = """
INSERT INTO avatar_projects (id, "userId", name, "updatedAt") VALUES ('p1', 'u', 'P', '2026-01-01'),
 ('p2', 'u', 'Q', '2026-01-01');
INSERT INTO avatars (id, "userId", "projectId", name, "baseImageUrl", "updatedAt") VALUES
 ('a', 'u', 'p1', 'A', '', '2026-01-01'), ('b', 'u', 'p1', 'B', '', '2026-01-01');
"""
KEY = 'ALTER TABLE avatars DROP CONSTRAINT "avatars_projectId_fkey"'
AGAIN = """, ADD CONSTRAINT "avatars_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES avatar_projects (id)
 ON DELETE {} ON UPDATE CASCADE {};"""
NEW = 'INSERT INTO avatars (id, "userId", "projectId", name, "baseImageUrl", "updatedAt") VALUES '
ORPHANS = f"""
{NEW}
 ('x', 'u', 'gone', 'X', '', '2026-01-01'), ('y', 'u', 'gone', 'Y', '', '2026-01-01'),
 ('z', 'v', 'lost', 'Z', '', '2026-01-01');
"""
MISSING = f"{KEY};{ORPHANS}"
NOT_VALID = f"{KEY};{ORPHANS}{KEY.partition(' DROP')[0]} {AGAIN.format('CASCADE', 'NOT VALID')[2:]}"
OF_NONE = """INSERT INTO avatars (id, "userId", name, "baseImageUrl", "updatedAt")
VALUES ('n', 'u', 'N', '', '2026-01-01');"""
BESIDE_NULLS = f'ALTER TABLE avatars ALTER "projectId" DROP NOT NULL;{NOT_VALID}{OF_NONE}'
OWN = """CREATE TABLE other (id text PRIMARY KEY); INSERT INTO other VALUES ('u'), ('v');
ALTER TABLE avatars ADD CONSTRAINT own FOREIGN KEY ("userId") REFERENCES other ON DELETE CASCADE NOT VALID;"""
BROKEN = pytest.mark.parametrize(
    "broken", [MISSING, NOT_VALID, BESIDE_NULLS], ids=["missing", "not valid", "nulls"]
)


@dataclass
class KeyTarget(DatabaseTarget):
    """A target that has the Prisma schema, too."""

    schema: str = SCHEMA

    def answer(self, questions: Iterable[Any]) -> Answers:
        asked = tuple(questions)
        read = {
            one: ReadAnswer(exists=True, content=self.schema.encode())
            for one in asked
            if isinstance(one, Read)
        }
        return Answers({**read, **self.reach.answer([one for one in asked if one not in read])}, self.name)


@dataclass
class KeyWorld(RowWorld):
    schema: str = SCHEMA

    def target(self) -> KeyTarget:
        return KeyTarget(self.reach, schema=self.schema)

    def broken(self, by: str) -> "KeyWorld":
        self.schema = NULLABLE if by == BESIDE_NULLS else SCHEMA
        self.beginning = MIGRATED + ROWS + by
        self.reset()
        return self

    def looked(self, name: str, **given: str) -> tuple[tuple[Finding, ...], list[Any]]:
        """Return what a shipped playbook finds, and its fixes."""
        book = load_playbook(ROOT / "playbooks" / f"{name}.yml", CATALOGUE)
        scope = book.scope(HOST, given)
        checks = book.checks(scope)
        answers = self.target().answer(questions_of(named.check for named in checks))
        findings = judged(checks, answers, answers)
        return findings, list(book.fixes(scope, found_by(checks, findings)))

    def plan(self, fixes: list[Any]) -> list[Any]:
        answers = self.target().answer(questions_of(fix.action for fix in fixes))
        return [change for one in plan_fixes(fixes, answers) for change in one.changes]

    def essences(self, name: str, **given: str) -> list[str]:
        return [change.outline.essence for change in self.plan(self.looked(name, **given)[1])]

    def cured(self, name: str, **given: str) -> tuple[list[str], list[tuple[Action, Undo]]]:
        """Do what a shipped playbook does, and return what that was, with its way back."""
        _, fixes = self.looked(name, **given)
        changes, owed = self.plan(fixes), list[tuple[Action, Undo]]()
        for fix in fixes:
            undos: list[Undo] = []
            carry_out(fix.action, self.target(), undos)
            owed += [(fix.action, undo) for undo in undos]
        return [change.what for change in changes], owed

    def healthy(self, name: str) -> bool:
        return all(one.healthy for one in self.looked(name)[0])

    def taken_back(self, owed: list[tuple[Action, Undo]]) -> None:
        for action, undo in reversed(owed):
            action.undo(self.target().scoped(fresh_token()), undo)


@pytest.fixture(scope="module")
def shared(cluster: Cluster) -> str:
    return cluster.new_database()


@pytest.fixture
def world(cluster: Cluster, shared: str, open_database: Callable[..., Database]) -> KeyWorld:
    quick = DatabaseSettings(tries=2, lock=0.5)
    reach = open_database(cluster.url(shared), settings=quick, sleep=lambda _: None)
    return KeyWorld(cluster, shared, reach).broken("")


@BROKEN
def test_orphans_are_only_looked_at_where_nobody_chose(world: KeyWorld, broken: str) -> None:
    assert world.healthy("orphaned-rows")
    before = world.broken(broken).fingerprint()
    (orphans, _), fixes = world.looked("orphaned-rows")
    assert orphans.seen.startswith("3 rows of avatars name 2 avatar_projects that are not there")
    assert world.plan(fixes) == []
    assert world.fingerprint() == before


@BROKEN
@pytest.mark.parametrize("choice", ["delete", "recreate"])
def test_what_was_chosen_cures_and_the_way_back_leads_to_the_very_rows_and_constraint(
    world: KeyWorld, broken: str, choice: str
) -> None:
    before = world.broken(broken).fingerprint()
    planned_before = world.essences("orphaned-rows", orphans=choice)
    done, owed = world.cured("orphaned-rows", orphans=choice)
    first = {"delete": "delete 3 rows of avatars", "recreate": "insert 2 rows into avatar_projects"}[choice]
    added = ["add the foreign key avatars_projectId_fkey from avatars to avatar_projects"] * (
        broken == MISSING
    )
    assert done == [first, *added, "validate the foreign key avatars_projectId_fkey of avatars"]
    assert world.healthy("orphaned-rows")
    assert world.healthy("foreign-key")
    assert world.sql('SELECT count(*) FROM avatars WHERE "projectId" IS NULL') == str(
        int(broken == BESIDE_NULLS)
    )
    world.taken_back(owed)
    assert world.fingerprint() == before
    world.taken_back(owed)
    assert world.fingerprint() == before, "twice is once"
    assert world.essences("orphaned-rows", orphans=choice) == planned_before, "to a plan it is the same, too"


def test_of_a_lost_project_that_several_users_share_both_are_named_and_nothing_is_made_up(
    world: KeyWorld,
) -> None:
    world.broken(MISSING)
    world.sql("UPDATE avatars SET \"userId\" = 'v' WHERE id = 'y'")
    before = world.fingerprint()
    (orphans, _), fixes = world.looked("orphaned-rows", orphans="recreate")
    assert orphans.facts["undecided"] == ["avatar_projects id gone: its rows have u and v for userId"]
    assert "nobody can say of avatar_projects id gone: its rows have u and v for userId" in orphans.evidence
    with pytest.raises(
        Failed, match="nobody can say of avatar_projects id gone: its rows have u and v for userId"
    ):
        world.plan(fixes)
    assert world.fingerprint() == before


@pytest.mark.parametrize("broken", [MISSING, NOT_VALID], ids=["missing", "not valid"])
def test_a_parent_that_was_made_anew_stays_where_somebody_uses_it_since(world: KeyWorld, broken: str) -> None:
    world.broken(broken)
    _, owed = world.cured("orphaned-rows", orphans="recreate")
    world.sql(NEW + "('new', 'u', 'gone', 'New', '', '2026-01-02')")
    with pytest.raises(Conflict, match="other rows of avatars than before name what was inserted"):
        world.taken_back(owed)
    assert world.sql("SELECT count(*) FROM avatar_projects") == "4"
    assert world.sql("SELECT count(*) FROM avatars") == "6"


def test_an_orphan_that_somebody_gave_a_parent_since_is_not_put_back_over_it(world: KeyWorld) -> None:
    world.broken(NOT_VALID)
    _, owed = world.cured("orphaned-rows", orphans="delete")
    world.sql(NEW + "('x', 'u', 'p1', 'Mine', '', '2026-01-02')")
    with pytest.raises(Conflict, match="id x"):
        world.taken_back(owed)
    assert world.sql("SELECT name FROM avatars WHERE id = 'x'") == "Mine"
    assert world.sql("SELECT count(*) FROM pg_constraint WHERE conname = 'avatars_projectId_fkey'") == "1"


def test_who_comes_to_use_a_parent_while_it_is_taken_away_keeps_it(world: KeyWorld) -> None:
    world.broken(NOT_VALID)
    undos: list[Undo] = []
    carry_out(INSERTING, world.target(), undos)
    comes = NEW + "('new', 'u', 'gone', 'New', '', '2026-01-02')"
    target = OvertakenTarget(world.reach, fresh_token(), meanwhile=lambda: world.sql(comes))
    with pytest.raises(Conflict, match="other rows of avatars than before"):
        INSERTING.undo(target, undos[0])
    assert world.sql("SELECT count(*) FROM avatar_projects") == "4"


def test_another_foreign_key_of_the_table_is_left_to_its_own_playbook(world: KeyWorld) -> None:
    world.broken(f"{MISSING}{OWN}")
    done, _ = world.cured("orphaned-rows", orphans="delete")
    assert not [what for what in done if "own" in what]
    assert world.healthy("orphaned-rows")
    assert not world.healthy("foreign-key")


DELETING = DeleteRows.model_validate(
    {
        "table": "avatars",
        "where": [{"column": "projectId", "orphaned_from": {"table": "avatar_projects"}}],
        "expect": {"rows": "1..10"},
        "batch": 2,
    }
)
INSERTING = InsertRows.model_validate(
    {
        "table": "avatar_projects",
        "rows": [{"id": "gone", "userId": "u"}, {"id": "lost", "userId": "v"}],
        "same": {"name": "Again", "updatedAt": "2026-01-01"},
        "expect": {"rows": "1..10"},
        "batch": 1,
        "adopts": [{"table": "avatars", "column": "projectId"}],
    }
)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("action", [DELETING, INSERTING], ids=["delete", "insert"])
def test_every_law_holds_under_a_foreign_key_that_was_never_validated(
    world: KeyWorld, action: Action, law
) -> None:
    law(action, world.broken(NOT_VALID), CATALOGUE)


def test_without_being_told_who_names_them_it_promises_no_way_back_under_such_a_key(world: KeyWorld) -> None:
    world.broken(NOT_VALID)
    (change, _) = planned(INSERTING.model_copy(update={"adopts": []}), world.target())
    assert change.way_back is WayBack.NONE
    assert change.way_back_note.startswith(
        "by avatars_projectId_fkey, NOT VALID, rows may refer to them already"
    )


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (
            KEY + AGAIN.format("RESTRICT", ""),
            "wrong ON DELETE: avatars_projectId_fkey on avatars has RESTRICT",
        ),
        (KEY, "missing: avatars_projectId_fkey on avatars"),
        (KEY + AGAIN.format("CASCADE", "NOT VALID"), "not validated: avatars_projectId_fkey on avatars"),
    ],
    ids=["another rule", "missing", "not valid"],
)
def test_a_foreign_key_is_told_and_changed_only_when_asked(world: KeyWorld, broken: str, told: str) -> None:
    before = world.broken(broken).fingerprint()
    (keys, _), fixes = world.looked("foreign-key")
    assert keys.evidence[0].startswith(told)
    assert world.plan(fixes) == []
    _, owed = world.cured("foreign-key", change="true")
    assert world.healthy("foreign-key")
    world.taken_back(owed)
    assert world.fingerprint() == before


def test_the_plan_of_a_cascade_says_what_one_deletion_takes_and_where_it_goes_on(world: KeyWorld) -> None:
    world.broken(
        KEY + AGAIN.format("RESTRICT", "")
        + "CREATE TABLE likes (id int PRIMARY KEY, avatar text REFERENCES avatars ON DELETE SET NULL);"
    )  # fmt: skip
    _, fixes = world.looked("foreign-key", change="true")
    notes = world.plan(fixes)[0].notes
    assert "from then on deleting a row of avatar_projects deletes its rows of avatars, for good" in notes
    assert "now 2 rows of avatars refer to 1 of avatar_projects, at most 2 to one" in notes
    assert "and to a row of avatars refers likes by likes_avatar_fkey: ON DELETE SET NULL" in notes


def test_foreign_keys_of_several_tables_are_mended_at_once_and_those_only_the_database_has_are_validated(
    world: KeyWorld,
) -> None:
    world.broken(f"{KEY};{OWN}")
    done, _ = world.cured("foreign-key", change="true")
    assert done == [
        "add the foreign key avatars_projectId_fkey from avatars to avatar_projects",
        "validate the foreign key avatars_projectId_fkey of avatars",
        "validate the foreign key own of avatars",
    ]
    assert world.healthy("foreign-key")


def test_orphans_keep_a_foreign_key_from_being_added(world: KeyWorld) -> None:
    world.broken(MISSING)
    _, fixes = world.looked("foreign-key", change="true")
    with pytest.raises(
        Failed, match="3 rows of avatars refer to nothing in avatar_projects; nothing was changed"
    ):
        world.plan(fixes)


def test_what_refers_to_what_is_counted_and_too_large_a_cascade_is_a_fault(world: KeyWorld) -> None:
    def seen(**given: int) -> Finding:
        check = Cascades.model_validate(given)
        answers = world.target().answer(check.ask())
        return check.judge(answers, answers)

    line = 'avatars ("projectId") refers to avatar_projects, ON DELETE CASCADE'
    assert (seen().healthy, seen().seen) == (True, f"{line}: 2 rows to 1, at most 2 to one")
    assert seen(at_most=2).healthy
    assert not seen(at_most=1).healthy
    assert seen(counted_up_to=0).seen.startswith(f"{line}: not counted (0 MB")
    world.sql('ALTER TABLE avatars RENAME "projectId" TO "it\'s ""100%"')
    assert seen().seen.startswith('avatars ("it\'s ""100%") refers')
    world.sql(KEY)
    assert seen().seen == "nothing refers to any table"


def test_where_a_validated_foreign_key_holds_the_rows_none_is_read(world: KeyWorld) -> None:
    base = {"table": "avatars", "column": "projectId", "parent": {"table": "avatar_projects"}}
    check = Orphans.model_validate({**base, "trusts_keys": True})

    def seen() -> tuple[str, list[str]]:
        """Return what it saw, and how its questions would be answered."""
        answers = world.target().answer(check.ask())
        reads = [written_out(one.sql, one.parameters) for one in (check.lost, check.keys, check.without)]
        return check.judge(answers, answers).seen, [world.sql(f"EXPLAIN (ANALYZE) {one}") for one in reads]

    held, plans = seen()
    assert held == "no row was read: foreign key avatars_projectId_fkey, validated"
    assert all("Scan" not in plan or "never executed" in plan for plan in map(on_avatars, plans))
    world.broken(MISSING)
    read, plans = seen()
    assert read == "3 rows of avatars name 2 avatar_projects that are not there (0 name none); no foreign key"
    assert not any("never executed" in plan for plan in map(on_avatars, plans))


def on_avatars(plan: str) -> str:
    """Return the lines of a plan that read the table."""
    return "\n".join(line for line in plan.splitlines() if "on avatars" in line)


def test_a_table_that_is_not_there_has_no_orphans_where_that_is_another_playbooks_matter(
    world: KeyWorld,
) -> None:
    world.sql("DROP TABLE avatars")
    assert world.healthy("orphaned-rows")
    told = world.looked("orphaned-rows")[0][0].seen
    assert told == "not looked at, for there is no table avatars"
    lost = Orphans.model_validate(
        {
            "table": "avatar_projects",
            "column": "owner",
            "parent": {"table": "avatar_projects"},
            "must_exist": False,
        }
    )
    answers = world.target().answer(lost.ask())
    assert (
        lost.judge(answers, answers).seen == "not looked at, for there is no column owner of avatar_projects"
    )
