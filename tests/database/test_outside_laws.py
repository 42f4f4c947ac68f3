"""An action that makes an index concurrently keeps every law, over a real database and in memory."""

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from remediate.model import Change, Fidelity, Forecast, Undo, WayBack
from remediate.promise import Promise
from remediate.questions import Answers, Query, QueryAnswer
from remediate.steps import Action, Questions
from remediate.target import OutsideTransaction, Statement, Target
from remediate.transport.database import Database
from remediate.transport.database_door import DatabaseSettings

from ..laws.laws import LAWS  # noqa: TID252  (no package is installed for tests)
from ..laws.memory import MemoryWorld, State  # noqa: TID252
from .conftest import Cluster
from .test_add_columns import DatabaseWorld

VALID = Query(
    sql="SELECT EXISTS (SELECT FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid"
    " WHERE c.relname = 't_id' AND i.indisvalid)",
    about=("index:t_id",),
)
GONE = Query(sql="SELECT to_regclass('t_id') IS NULL", about=("index:t_id",))
CREATE = Statement(sql="CREATE INDEX CONCURRENTLY t_id ON t (id)")
DROP = Statement(sql="DROP INDEX CONCURRENTLY IF EXISTS t_id")


class AddIndex(Action):
    kind: ClassVar[str] = "test.add_index"
    promise: ClassVar[Promise] = Promise(
        fidelity={Fidelity.EXACT: ""}, back={WayBack.EXACT: "it is dropped"}, risks=("schema",)
    )

    def ask(self) -> Questions:
        return (VALID,)

    def plan(self, answers: Answers) -> tuple[Change, ...]:
        if answers[VALID].rows[0][0]:
            return ()
        there = QueryAnswer(columns=("exists",), rows=((True,),))
        change = Change(
            what="make an index",
            target="index t_id",
            script=CREATE.sql,
            fidelity=Fidelity.EXACT,
            way_back=WayBack.EXACT,
            risk="schema",
            alters=("index:t_id",),
            forecasts=(Forecast(question=VALID, answer=there),),
        )
        return (change,)

    def apply(self, target: Target, change: Change) -> None:
        del change
        target.change_database(OutsideTransaction(statement=CREATE, came_about=VALID, clean_up=DROP))

    def undo(self, target: Target, undo: Undo) -> None:
        del undo
        if not target.answer((GONE,))[GONE].rows[0][0]:
            target.change_database(OutsideTransaction(statement=DROP, came_about=GONE))


def there(state: State) -> bool:
    return bool(state.tables.get("index"))


def told(answer: Callable[[State], bool]) -> Callable[[State, Query], QueryAnswer]:
    return lambda state, _: QueryAnswer(columns=("exists",), rows=((answer(state),),))


def put(value: bool) -> Callable[[State, tuple[Any, ...]], None]:
    return lambda state, _: state.tables.update(index=value)


def in_memory() -> MemoryWorld:
    return MemoryWorld(
        State(tables={"index": False}),
        queries={VALID.sql: told(there), GONE.sql: told(lambda state: not there(state))},
        statements={CREATE.sql: put(True), DROP.sql: put(False)},
    )


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_law_holds_in_memory(law) -> None:
    law(AddIndex(), in_memory(), {AddIndex.kind: AddIndex})


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_law_holds_on_a_real_database(
    cluster: Cluster, dbname: str, open_database: Callable[..., Database], law
) -> None:
    database = open_database(cluster.url(dbname), settings=DatabaseSettings(tries=2, settle=5.0))
    world = DatabaseWorld(cluster, dbname, database, beginning="CREATE TABLE t (id int);")
    world.reset()
    law(AddIndex(), world, {AddIndex.kind: AddIndex})
