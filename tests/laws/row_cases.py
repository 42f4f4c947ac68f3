"""The cases of the actions on rows in memory: one small table, with what their statements do there."""

import json
from collections.abc import Callable
from typing import Any

from remediate.model import Json
from remediate.providers.catalog import TABLES, live
from remediate.providers.row_cascade import no_other_key
from remediate.providers.row_delete import DeleteRows
from remediate.providers.row_facts import FOREIGN_KEYS, rights
from remediate.providers.row_fill import FillNulls
from remediate.providers.row_images import (
    MAKE_ROOM,
    THERE,
    RowsOf,
    TypedColumn,
    all_saved,
    as_before,
    delete,
    differing,
    done_before,
    keep_after,
    lock_rows,
    none_of,
    note_work,
    put_rows_back,
    put_values_back,
    save,
    save_new,
    settled,
    standing,
    there_again,
)
from remediate.providers.row_insert import InsertRows
from remediate.providers.row_update import UpdateRows
from remediate.questions import Query, QueryAnswer
from remediate.target import Statement

from .memory import MemoryWorld, State

COLUMNS = (TypedColumn(name="id", type="text"), TypedColumn(name="name", type="text"))
ROWS = RowsOf(schema_name="public", table="t", key=COLUMNS[:1], columns=COLUMNS)
WITHOUT_NAME = {"column": "name", "operator": "is null"}
AS_EXPECTED: dict[str, Json] = {"table": "t", "expect": {"rows": "1..2"}, "batch": 1}
UPDATE = UpdateRows.model_validate({**AS_EXPECTED, "where": [WITHOUT_NAME], "set": {"name": "unknown"}})
DELETE = DeleteRows.model_validate({**AS_EXPECTED, "where": [WITHOUT_NAME]})
INSERT = InsertRows.model_validate(
    {**AS_EXPECTED, "rows": [{"id": "c"}, {"id": "d"}], "same": {"name": None}}
)
FILL = FillNulls.model_validate({**AS_EXPECTED, "columns": ["name"], "given": '{"name": "unknown"}'})
GIVEN = {**dict.fromkeys("ab"), "z": "its own"}


def rows(columns: str, *found: tuple[Any, ...]) -> QueryAnswer:
    return QueryAnswer(columns=tuple(columns.split()), rows=found)


def kept(state: State, change: str) -> dict[str, Json]:
    return state.ledger.setdefault("kept", {}).setdefault(change, {})


def selected(state: State, query: Query) -> QueryAnswer:
    keys = sorted(key for key, name in state.tables["t"].items() if name is None)
    found = ((len(keys), {"id": key}, {}, f"{key} without a name") for key in keys)
    return rows("whole key shown image", *found)


def missing(state: State, query: Query) -> QueryAnswer:
    left = [(at, row["id"]) for at, row in enumerate(INSERT.rows) if row["id"] not in state.tables["t"]]
    return rows("whole key shown image", *((len(left), {"id": key}, {}, str(at)) for at, key in left))


def told(columns: str, *found: tuple[Any, ...]) -> Callable[[State, Query], QueryAnswer]:
    return lambda *_: rows(columns, *found)


def stands(state: State, query: Query) -> QueryAnswer:
    undos = (undo for undo in state.ledger.values() if undo.get("change") == query.parameters[0])
    undo = next(undos, None)
    return rows("undo committed", (undo or {}, undo is not None))


def saved(state: State, parameters: tuple[Any, ...]) -> None:
    for one in json.loads(parameters[5]):
        kept(state, parameters[0])[one["key"]["id"]] = state.tables["t"].get(one["key"]["id"])


def updated(state: State, parameters: tuple[Any, ...]) -> None:
    state.tables["t"] |= dict.fromkeys(kept(state, parameters[1]), "unknown")


def deleted(state: State, parameters: tuple[Any, ...]) -> None:
    for key in kept(state, parameters[0]):
        del state.tables["t"][key]


def inserted(state: State, parameters: tuple[Any, ...]) -> None:
    state.tables["t"] |= {row["id"]: None for row in json.loads(parameters[0])}


def back(state: State, parameters: tuple[Any, ...]) -> None:
    state.tables["t"] |= kept(state, parameters[0])


def noted(state: State, parameters: tuple[Any, ...]) -> None:
    for undo in state.ledger.values():
        if undo.get("change") == parameters[0]:
            undo["undone"] = True


def nothing(state: State, parameters: tuple[Any, ...]) -> None:
    return


def statements_of() -> dict[str, Callable[[State, tuple[Any, ...]], None]]:
    again, changed = there_again(ROWS, ""), differing(ROWS, "", ("name",), gone_is_fine=False)
    whole = differing(ROWS, "", ("id", "name"), gone_is_fine=True)
    removal, note = settled("")
    looks = (
        MAKE_ROOM,
        all_saved(ROWS, "", 1),
        keep_after(ROWS, "", ("name",)),
        lock_rows(ROWS, ""),
        note_work(""),
        as_before(ROWS, "", ("name",)),
        as_before(ROWS, "", ("id", "name")),
        *map(none_of, (again, changed, whole)),
        removal,
    )
    effects: dict[Statement, Any] = {
        **dict.fromkeys(looks, nothing),
        save(ROWS, "", "", planned="", image="(r.*)", where=DELETE._meant): saved,
        save(ROWS, "", "", planned="", image=UPDATE._image, where=UPDATE._meant): saved,
        no_other_key((ROWS,), ()): nothing,
        save_new(ROWS, "", "", ""): saved,
        UPDATE._update(ROWS, ""): updated,
        delete(ROWS, ""): deleted,
        INSERT._insert(ROWS, ""): inserted,
        put_values_back(ROWS, "", ("name",)): back,
        put_rows_back(ROWS, ""): back,
        note: noted,
    }
    return {statement.sql: effect for statement, effect in effects.items()}


def rows_world() -> MemoryWorld:
    shape = [{"name": one.name, "type": one.type, "nullable": one.name != "id"} for one in COLUMNS]
    nobody: Callable[[State, Query], QueryAnswer] = told("key whole")
    queries = {
        TABLES.sql: told("schema_name name kind columns primary_key", ("public", "t", "r", shape, ["id"])),
        rights("t").sql: told(
            "role guarded may_select may_insert may_update may_delete triggers computed",
            ("app", False, True, True, True, True, [], []),
        ),
        FOREIGN_KEYS.sql: told("name"),
        live("t").sql: told("bytes rows", (1, 3)),
        UPDATE.selected.sql: selected,
        DELETE.selected.sql: selected,
        DELETE.referring.sql: told("rows"),
        INSERT.missing.sql: missing,
        done_before("").sql: told("work rows whole"),
        THERE.sql: lambda state, _: rows("there", (bool(state.ledger),)),
        standing("").sql: stands,
        there_again(ROWS, "").sql: nobody,
        differing(ROWS, "", ("name",), gone_is_fine=False).sql: nobody,
        differing(ROWS, "", ("id", "name"), gone_is_fine=True).sql: nobody,
    }
    return MemoryWorld(State(tables={"t": dict(GIVEN)}), queries=queries, statements=statements_of())


ROW_CASES = (
    ("rows without a name, in two batches", UPDATE, rows_world),
    ("rows that lack a name, in two batches", FILL, rows_world),
    ("rows that are to go, in two batches", DELETE, rows_world),
    ("rows that are missing, in two batches", INSERT, rows_world),
)
