"""While somebody holds what an action needs, nobody else waits behind the action for longer than one try of its.

No clock is read: whoever holds the lock never lets go of it, so that a try ends by lock_timeout or never; and of every
statement of others it is seen, in pg_locks, behind which of our tries it waited.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
import pytest

from remediate.errors import Failed
from remediate.model import Undo
from remediate.providers.sql_vacuum import Analyze
from remediate.steps import Action
from remediate.target import DatabaseChange, OutsideTransaction, Statement
from remediate.transport.database import Database
from remediate.transport.database_door import DatabaseSettings

from ..laws.laws import carry_out, fresh_token  # noqa: TID252  (no package is installed for tests)
from .conftest import Cluster
from .sessions import Sessions
from .test_add_columns import DatabaseTarget
from .test_to_the_letter import (
    BEGINNING,
    COLUMNS,
    DELETE,
    INDEX,
    INSERT,
    KEY,
    NOT_NULL,
    SCRIPT,
    UPDATE,
    LetterWorld,
)

TRIES = 2
ENOUGH = 40
OTHERS = (
    "SELECT count(*) FROM avatars",
    "UPDATE avatars SET name = name WHERE id IN ('a1', 'o1')",
    "SELECT count(*) FROM avatar_projects",
    "UPDATE avatar_projects SET name = name WHERE id = 'p1'",
    "UPDATE likes SET id = id WHERE id = 'l1'",
)
"""What goes on meanwhile; it needs nothing of what is held, but for what an action holds or waits for before it."""
WAITING = """SELECT others.query, ours.waitstart::text FROM pg_stat_activity AS others
JOIN pg_locks AS ours ON ours.pid = ANY(pg_blocking_pids(others.pid)) AND NOT ours.granted
JOIN pg_stat_activity AS us ON us.pid = ours.pid AND us.application_name LIKE 'remediate%%'
WHERE others.application_name = 'others' AND others.wait_event_type = 'Lock'"""
OUR_TRIES = """SELECT l.waitstart::text FROM pg_locks AS l JOIN pg_stat_activity AS us ON us.pid = l.pid
WHERE NOT l.granted AND us.application_name LIKE 'remediate%%'"""


@dataclass
class Watch:
    """What was seen: our tries, and of each statement of others behind which of them it waited."""

    tries: set[str] = field(default_factory=set)
    behind: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    done: int = 0
    done_while_we_waited: int = 0
    refused: list[str] = field(default_factory=list)


@dataclass
class Crowd:
    """Somebody who works on, and somebody who watches, until told to stop."""

    sessions: Sessions
    stop: threading.Event = field(default_factory=threading.Event)
    seen: Watch = field(default_factory=Watch)

    def work(self, connection: psycopg.Connection) -> None:
        while not self.stop.is_set():
            for statement in OTHERS:
                try:
                    connection.execute(f"{statement} /* {self.seen.done} */")
                except psycopg.Error as error:
                    self.seen.refused.append(str(error))
                self.seen.done += 1

    def watch(self, connection: psycopg.Connection) -> None:
        while not self.stop.is_set():
            done = self.seen.done
            ours = {start for (start,) in connection.execute(OUR_TRIES) if start}
            for statement, start in connection.execute(WAITING):
                self.seen.behind[statement].add(start)
            self.seen.tries |= ours
            self.seen.done_while_we_waited += (self.seen.done - done) * bool(ours)

    @contextmanager
    def busy(self) -> Iterator[Watch]:
        plays = [
            threading.Thread(target=play, args=(self.sessions.open(name, "app", autocommit=True),))
            for name, play in (("others", self.work), ("watch", self.watch))
        ]
        for thread in plays:
            thread.start()
        try:
            yield self.seen
        finally:
            self.stop.set()
            for thread in plays:
                thread.join(20)


@pytest.fixture(scope="module")
def shared(cluster: Cluster) -> str:
    return cluster.new_database()


@pytest.fixture
def world(cluster: Cluster, shared: str, open_database: Callable[..., Database]) -> LetterWorld:
    patient = DatabaseSettings(tries=TRIES, settle=5.0)
    reach = open_database(cluster.url(shared), settings=patient, sleep=lambda _: None)
    made = LetterWorld(cluster, shared, reach, BEGINNING)
    made.reset()
    return made


@pytest.fixture
def crowd(world: LetterWorld) -> Iterator[Crowd]:
    sessions = Sessions(world.cluster, world.dbname)
    yield Crowd(sessions)
    sessions.close()


A_READER = "SELECT count(*) FROM avatars, avatar_projects, likes"
A_WRITER = "UPDATE likes SET id = id WHERE id = 'l2'"
HELD = (
    (COLUMNS, A_READER),
    (SCRIPT, A_READER),
    (NOT_NULL, A_READER),
    (KEY, f"{A_READER}; {A_WRITER}"),
    (UPDATE, "UPDATE avatars SET name = name WHERE id = 'a3'"),
    (DELETE, "UPDATE avatars SET name = name WHERE id = 'o2'"),
)
"""What somebody holds, and the action that needs it; the rows of others are taken before it gets there."""


def gives_up(work: Callable[[], object]) -> None:
    """Do what cannot be done, and see that it is given up with whoever holds it named."""
    with pytest.raises(Failed, match=rf"no lock after {TRIES} tries of 1 s each; held by pid \d+ \(held\)"):
        work()


def nobody_waited_for_long(seen: Watch) -> None:
    assert len(seen.tries) == TRIES, "each try is seen to wait"
    assert any(seen.behind.values()), "nobody was seen to wait behind us: the test shows nothing"
    assert all(len(tries) == 1 for tries in seen.behind.values()), "somebody waited behind two tries of ours"
    assert not seen.refused


@pytest.mark.parametrize(("action", "held"), HELD, ids=[action.kind for action, _ in HELD])
def test_others_wait_behind_one_try_of_an_action_at_most(
    world: LetterWorld, crowd: Crowd, action: Action, held: str
) -> None:
    crowd.sessions.holding("held", held, user="app")
    with crowd.busy() as seen:
        gives_up(lambda: world.applied(action))
    nobody_waited_for_long(seen)


@pytest.mark.parametrize("action", [COLUMNS, NOT_NULL], ids=lambda action: action.kind)
def test_others_wait_behind_one_try_of_its_way_back_at_most(
    world: LetterWorld, crowd: Crowd, action: Action
) -> None:
    undos = world.applied(action)
    crowd.sessions.holding("held", A_READER, user="app")
    with crowd.busy() as seen:
        gives_up(lambda: world.undone(action, undos))
    nobody_waited_for_long(seen)


@pytest.mark.parametrize(
    ("action", "mode"),
    [(INDEX, "SHARE UPDATE EXCLUSIVE"), (Analyze(tables=["avatars"]), "SHARE UPDATE EXCLUSIVE")],
    ids=lambda one: getattr(one, "kind", one),
)
def test_what_waits_for_its_own_kind_has_nobody_behind_it(
    world: LetterWorld, crowd: Crowd, action: Action, mode: str
) -> None:
    holder = crowd.sessions.open("held", "app")
    holder.execute(f"LOCK TABLE avatars IN {mode} MODE")
    done = threading.Thread(target=lambda: world.applied(action))
    with crowd.busy() as seen:
        done.start()
        while seen.done_while_we_waited < ENOUGH and done.is_alive():
            crowd.stop.wait(0.01)
        holder.rollback()
        done.join(30)
    assert seen.done_while_we_waited >= ENOUGH
    assert not any(seen.behind.values())
    assert not seen.refused


@dataclass
class Noting(DatabaseTarget):
    """A target whose transactions note how long they wait for a lock, by what the server itself goes by."""

    def change_database(self, change: DatabaseChange | OutsideTransaction) -> bool:
        if isinstance(change, DatabaseChange):
            change = change.model_copy(update={"statements": (NOTE, *change.statements)})
        return super().change_database(change)


NOTE = Statement(
    sql="INSERT INTO noted SELECT current_setting('lock_timeout'), current_setting('statement_timeout')"
)


def test_no_try_waits_for_longer_than_a_second_there_and_back(world: LetterWorld) -> None:
    world.sql("CREATE TABLE noted (lock text, statement text)")
    for action in (UPDATE, INSERT, COLUMNS, NOT_NULL, KEY, INDEX, SCRIPT, DELETE):
        target, undos = Noting(world.reach), list[Undo]()
        carry_out(action, target, undos)
        for undo in reversed(undos):
            action.undo(target.scoped(fresh_token()), undo)
    assert world.sql("SELECT DISTINCT lock FROM noted") == "1s"
    assert "0" not in world.sql("SELECT DISTINCT statement FROM noted").split()
