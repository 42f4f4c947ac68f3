"""The cases of the actions that make indexes and constraints, in memory, with what their statements do there."""

from collections.abc import Callable
from typing import Any

from remediate.providers.catalog import TABLES, live
from remediate.providers.catalog_keys import FOREIGN_KEYS, INDEXES, ForeignKey
from remediate.providers.column_removal import LEDGER_EXISTS
from remediate.providers.foreign_key_sql import (
    add_sql,
    made_under,
    orphans,
    record_of_made,
    referring,
    taking_back,
    validate_sql,
)
from remediate.providers.index_leftovers import DropInvalidIndexes
from remediate.providers.index_removal import FOUND, NO_LONGER_BROKEN, creation, removal_of_leftover
from remediate.providers.live_notes import OPEN_TRANSACTIONS
from remediate.providers.not_null_sql import add_sql as add_check_sql
from remediate.providers.not_null_sql import (
    check_name,
    check_there,
    drop_check_sql,
    found_check,
    found_columns,
    nulls,
    record_of_check,
    record_of_columns,
    set_sql,
)
from remediate.providers.not_null_sql import taking_back as letting_nulls_in
from remediate.providers.not_null_sql import validate_sql as validate_check_sql
from remediate.providers.postgres_foreign_key import MakeForeignKey
from remediate.providers.postgres_index import CreateIndex
from remediate.providers.postgres_not_null import SetNotNull
from remediate.providers.wanted_keys import WantedColumn, WantedForeignKeyOn, WantedIndex
from remediate.questions import Query, QueryAnswer

from .database_cases import answered, figures, has_ledger, nothing
from .memory import MemoryWorld, State

Did = Callable[[State, tuple[Any, ...]], None]

BY_NAME = WantedIndex(columns=[WantedColumn(name="name", sort="desc")])
BY_TAG = WantedIndex(columns=[WantedColumn(name="tag")], name="tags")
CREATE_INDEXES = CreateIndex(table="t", indexes=[BY_NAME, BY_TAG])
DROP_INVALID = DropInvalidIndexes.model_validate({"indexes": [{"table": "t", "name": "tags"}]})
NAMES = {"t_name_idx": BY_NAME, "tags": BY_TAG}


def shapes(state: State, query: Query) -> QueryAnswer:
    columns = [{"name": name, "type": "text", "nullable": True} for name in ("id", "name", "tag")]
    return answered("schema_name name kind columns primary_key", ("public", "t", "r", columns, ["id"]))


def indexes(state: State, query: Query) -> QueryAnswer:
    there = [
        {
            "name": name, "method": "btree", "unique": False, "primary": False, "valid": one["valid"],
            "columns": [
                {"name": column.name, "descending": column.sort == "desc", "nulls_first": column.sort == "desc"}
                for column in NAMES[name].columns
            ],
        }
        for name, one in state.tables["indexes"].items()
    ]  # fmt: skip
    return answered("schema_name name indexes", ("public", "t", there))


def found(state: State, query: Query) -> QueryAnswer:
    name = query.parameters[3]
    made = [undo["made"] for undo in state.ledger.values() if undo.get("index") == name]
    one = state.tables["indexes"].get(name)
    rows = [(one["number"], name, bool(made), one["number"] in made, [])] if one else []
    return answered("oid name was_ours ours built_on", *rows)


def made(name: str) -> Did:
    return lambda state, _: state.tables["indexes"].update({name: {"valid": True, "number": 7}})


def dropped(name: str) -> Did:
    return lambda state, _: state.tables["indexes"].pop(name)


class RecordingWorld(MemoryWorld):
    """A world whose ledger keeps what tells an index from others of its name, as a database does."""

    def target(self) -> Any:
        for undo in self.state.ledger.values():
            undo.setdefault("made", 7)
        return super().target()

    def fingerprint(self) -> Any:
        """Return what pg_dump would see: no index that is invalid."""
        seen = super().fingerprint()
        there = seen["tables"]["indexes"]
        seen["tables"]["indexes"] = {name: one for name, one in there.items() if one["valid"]}
        return seen


def index_world(*, left: bool = False) -> MemoryWorld:
    queries: dict[str, Callable[[State, Query], QueryAnswer]] = {
        TABLES.sql: shapes,
        INDEXES.sql: indexes,
        live("t").sql: figures,
        OPEN_TRANSACTIONS.sql: lambda *_: answered("pid application state seconds"),
        LEDGER_EXISTS.sql: has_ledger,
        FOUND: found,
        NO_LONGER_BROKEN: lambda *_: answered("gone", (False,)),
    }
    statements = {
        **{creation("public", "t", one).statement.sql: made(name) for name, one in NAMES.items()},
        **{removal_of_leftover("public", "t", name).statement.sql: dropped(name) for name in NAMES},
    }
    broken = {"tags": {"valid": False, "number": 3}} if left else {}
    return RecordingWorld(State(tables={"indexes": broken}), queries=queries, statements=statements)


CASCADING = WantedForeignKeyOn(columns=["tId"], references="t", on_delete="CASCADE", name="fk")
MAKE_FOREIGN_KEY = MakeForeignKey(table="u", foreign_keys=[CASCADING])
OLD_KEY = ForeignKey(
    oid=3, name="fk", columns=("tId",), to_schema="public", to_table="t", to_columns=("id",),
    on_delete="r", on_update="c", valid=True,
)  # fmt: skip
NEW_KEY = OLD_KEY.model_copy(update={"oid": 0, "on_delete": "c", "valid": False})


def foreign_keys(state: State, query: Query) -> QueryAnswer:
    there = [state.tables["key"]] if state.tables["key"] else []
    return answered("schema_name name foreign_keys", ("public", "t", []), ("public", "u", there))


def unique_id(state: State, query: Query) -> QueryAnswer:
    index = {"name": "k", "method": "btree", "unique": True, "primary": True, "valid": True}
    return answered("schema_name name indexes", ("public", "t", [{**index, "columns": [{"name": "id"}]}]))


def keyed(key: ForeignKey, number: int) -> Did:
    fresh = key.model_copy(update={"oid": number, "valid": False}).model_dump(mode="json")
    return lambda state, _: state.tables.update(key=fresh)


def validated(state: State, parameters: tuple[Any, ...]) -> None:
    state.tables["key"] = {**state.tables["key"], "valid": True}


def noted(state: State, parameters: tuple[Any, ...]) -> None:
    state.ledger["made"] = {"made": 7}


def unkeyed(state: State, parameters: tuple[Any, ...]) -> None:
    state.tables["key"] = None


def numbers(state: State, query: Query) -> QueryAnswer:
    return answered("made", *((undo["made"],) for undo in state.ledger.values() if "made" in undo))


class NumbersApart(MemoryWorld):
    """A world whose fingerprint leaves out the numbers of constraints, as a dump does."""

    def fingerprint(self) -> Any:
        key = self.state.tables["key"]
        return {name: value for name, value in key.items() if name != "oid"} if key else None


def foreign_key_world(before: ForeignKey | None = None) -> MemoryWorld:
    lock, guard, back = taking_back("public", "u", NEW_KEY, before)
    queries: dict[str, Callable[[State, Query], QueryAnswer]] = {
        FOREIGN_KEYS.sql: foreign_keys,
        INDEXES.sql: unique_id,
        live("t").sql: figures,
        LEDGER_EXISTS.sql: has_ledger,
        orphans("u", ("tId",), ("t",), ("id",)).sql: lambda *_: answered("count", (0,)),
        made_under("public", "u", "fk", "").sql: numbers,
        referring("u", ("tId",)).sql: lambda *_: answered("rows parents most", (3, 2, 2)),
    }
    statements: dict[str, Did] = {
        add_sql("public", "u", NEW_KEY, "fk" if before else ""): keyed(NEW_KEY, 7),
        record_of_made("public", "u", "fk").sql: noted,
        validate_sql("public", "u", "fk"): validated,
        lock.sql: nothing,
        guard.sql: nothing,
        back.sql: keyed(before, 9) if before else unkeyed,
    }
    key = before.model_dump(mode="json") if before else None
    return NumbersApart(State(tables={"key": key}), queries=queries, statements=statements)


SET_NOT_NULL = SetNotNull(table="t", columns=["a", "b"])
BOTH = ("a", "b")


def nullable(state: State, query: Query) -> QueryAnswer:
    columns = [
        {"name": name, "type": "text", "nullable": one, "default": None, "generated": False}
        for name, one in state.tables["nullable"].items()
    ]
    return answered("schema_name name kind columns primary_key", ("public", "t", "r", columns, ["id"]))


def check(value: bool) -> Did:
    return lambda state, _: state.tables.update(check=value)


def null(value: bool) -> Did:
    return lambda state, _: state.tables.update(nullable=dict.fromkeys(BOTH, value))


def not_null_noted(state: State, parameters: tuple[Any, ...]) -> None:
    state.ledger["not null"] = {}


def ours(state: State, query: Query) -> QueryAnswer:
    done = "not null" in state.ledger
    return answered(
        "name built_on", *((name, []) for name, one in state.tables["nullable"].items() if done and not one)
    )


def not_null_world() -> MemoryWorld:
    queries: dict[str, Callable[[State, Query], QueryAnswer]] = {
        TABLES.sql: nullable,
        nulls("t", BOTH).sql: lambda *_: answered("a b", (0, 0)),
        check_there("t", check_name("t", BOTH)).sql: lambda state, _: answered(
            "oid valid", *(((1, False),) if state.tables["check"] else ())
        ),
        live("t").sql: figures,
        LEDGER_EXISTS.sql: has_ledger,
        found_check("public", "t", BOTH, "").sql: lambda state, _: answered(
            "name", *((("check",),) if state.tables["check"] else ())
        ),
        found_columns("public", "t", BOTH, "").sql: ours,
    }
    lock, guard, back = letting_nulls_in("public", "t", BOTH, "")
    statements: dict[str, Did] = {
        add_check_sql("public", "t", BOTH): check(True),
        record_of_check("public", "t", BOTH).sql: nothing,
        validate_check_sql("public", "t", BOTH): nothing,
        set_sql("public", "t", BOTH): null(False),
        drop_check_sql("public", "t", BOTH): check(False),
        record_of_columns("public", "t", BOTH).sql: not_null_noted,
        lock.sql: nothing,
        guard.sql: nothing,
        back.sql: null(True),
    }
    state = State(tables={"nullable": dict.fromkeys(BOTH, True), "check": False})
    return MemoryWorld(state, queries=queries, statements=statements)
