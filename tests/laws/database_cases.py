"""The cases of the database's and Prisma's actions in memory, with what their statements and scripts do there."""

import hashlib
from collections.abc import Callable
from typing import Any

from remediate.providers.catalog import TABLES, live
from remediate.providers.catalog_keys import INDEXES
from remediate.providers.column_leaving import aside, size_of
from remediate.providers.column_removal import LEDGER_EXISTS, added, record_of_added, removal
from remediate.providers.live_tables import SIZES
from remediate.providers.node_installed import INSTALLED_SCRIPT
from remediate.providers.postgres import AddColumns, NewColumn, add_columns_sql
from remediate.providers.prisma import Generate
from remediate.providers.prisma_agreement import SHAPE
from remediate.providers.prisma_checks import FOLDER_SCRIPT, HISTORY, HISTORY_THERE
from remediate.providers.prisma_client import GENERATE, PUT_BACK
from remediate.providers.prisma_deploy import (
    ALONE,
    MAKE_HISTORY,
    PRISMAS_LOCK,
    RECORD,
    SQL_SCRIPT,
    MigrateDeploy,
)
from remediate.providers.prisma_presence import ELSEWHERE
from remediate.providers.prisma_push import OTHERS, DbPush
from remediate.providers.prisma_reset import UNTOUCHED, WRITTEN, MigrateReset
from remediate.providers.prisma_script import DIFF_SCRIPT, read_script
from remediate.providers.row_carrying import CONTENTS, carrying, contents_in
from remediate.providers.schema_aside import LIVE, SCHEMA, noted, put_aside, schema_in
from remediate.providers.schema_reach import OUTSIDE
from remediate.providers.schema_return import GUARD, MADE, NAMES, NEW
from remediate.providers.schema_return import WRITTEN as WRITTEN_SINCE
from remediate.providers.script_record import MAKE_SCRIPTS, SCRIPTS, SCRIPTS_THERE, ours, record_of, removed
from remediate.providers.sql_migrate import SqlMigrate
from remediate.questions import Query, QueryAnswer, RunAnswer

from .memory import File, MemoryWorld, State
from .simulated import move, remove

BACKEND = "/srv/lumiku/backend"
CLIENT = f"{BACKEND}/node_modules/.prisma/client"
COLUMNS = (NewColumn(name="a", type="TEXT"), NewColumn(name="n", type="INTEGER", nullable=False, default="0"))
ADD_COLUMNS = AddColumns(table="t", columns=list(COLUMNS))
GENERATE_CLIENT = Generate(
    backend=BACKEND,
    schema_file=f"{BACKEND}/prisma/schema.prisma",
    client=f"{BACKEND}/node_modules/.prisma/client",
)
TABLE = State(tables={"t": {"id": {"type": "integer", "nullable": False, "default": None, "number": 1}}})


def answered(columns: str, *rows: tuple[Any, ...]) -> QueryAnswer:
    return QueryAnswer(columns=tuple(columns.split()), rows=rows)


def shapes(state: State, query: Query) -> QueryAnswer:
    columns = [
        {key: value for key, value in {"name": name, **column}.items() if key != "number"}
        for name, column in state.tables["t"].items()
    ]
    return answered("schema_name name kind columns primary_key", ("public", "t", "r", columns, ["id"]))


def figures(state: State, query: Query) -> QueryAnswer:
    return answered("bytes rows longest_seconds prepared holders", (1, 0, 0, 0, []))


def has_ledger(state: State, query: Query) -> QueryAnswer:
    return answered("exists", (bool(state.ledger),))


def still_there(state: State, query: Query) -> QueryAnswer:
    recorded = state.ledger.get("added", {})
    rows = [
        (
            name,
            one["type"],
            one["nullable"],
            one["default"],
            recorded.get(name) == one["number"],
            name in recorded,
            [],
        )
        for name, one in state.tables["t"].items()
        if name in query.parameters[3]
    ]
    return answered("name type nullable default ours was_ours built_on", *rows)


def alter(state: State, parameters: tuple[Any, ...]) -> None:
    for column in COLUMNS:
        shape = column.as_it_will_be().model_dump(include={"type", "nullable", "default"})
        state.tables["t"][column.name] = {**shape, "number": state.tick()}


def record(state: State, parameters: tuple[Any, ...]) -> None:
    state.ledger["added"] = {name: state.tables["t"][name]["number"] for name in parameters[0]}


def drop(state: State, parameters: tuple[Any, ...]) -> None:
    for column in COLUMNS:
        del state.tables["t"][column.name]


def nothing(state: State, parameters: tuple[Any, ...]) -> None:
    return


def database_world() -> MemoryWorld:
    names = tuple(column.name for column in COLUMNS)
    queries: dict[str, Callable[[State, Query], QueryAnswer]] = {
        TABLES.sql: shapes,
        live("t").sql: figures,
        LEDGER_EXISTS.sql: has_ledger,
        added("public", "t", names, "").sql: still_there,
        size_of("public", "t").sql: lambda *_: answered("bytes", (1,)),
        aside("public", "t", "").sql: lambda *_: answered("name stands_as"),
    }
    *before, dropping = removal("public", "t", tuple(column.as_written() for column in COLUMNS), ("id",), "")
    statements = {
        add_columns_sql("public", "t", COLUMNS): alter,
        record_of_added("public", "t", names).sql: record,
        **{statement.sql: nothing for statement in before},
        dropping.sql: drop,
    }
    return MemoryWorld(TABLE, queries=queries, statements=statements)


def generate(state: State, args: tuple[str, ...]) -> RunAnswer:
    backend, schema, client, mark = args
    keep = f"{backend}/node_modules/.prisma/.client.remediate-{mark}"
    state.files[f"{keep}/after"] = File()
    move(state, f"{backend}/{client}", f"{keep}/before")
    state.files[f"{backend}/{client}/schema.prisma"] = File(state.files[f"{backend}/{schema}"].content)
    return RunAnswer(exit_code=0)


def put_back(state: State, args: tuple[str, ...]) -> RunAnswer:
    backend, _, client, mark = args
    keep = f"{backend}/node_modules/.prisma/.client.remediate-{mark}"
    if f"{keep}/after" in state.files:
        remove(state, f"{backend}/{client}")
        move(state, f"{keep}/before", f"{backend}/{client}")
        remove(state, keep)
    return RunAnswer(exit_code=0)


MIGRATIONS = f"{BACKEND}/prisma/migrations"
DEPLOY = MigrateDeploy(folder=MIGRATIONS)


def migrations_of(state: State) -> dict[str, bytes]:
    return {
        path.removeprefix(f"{MIGRATIONS}/").partition("/")[0]: file.content
        for path, file in sorted(state.files.items())
        if path.startswith(MIGRATIONS)
    }


def listed(state: State, args: tuple[str, ...]) -> RunAnswer:
    lines = (
        f"{hashlib.sha256(content).hexdigest()} {name}\n" for name, content in migrations_of(state).items()
    )
    return RunAnswer(exit_code=0, stdout="".join(lines).encode())


def told(state: State, args: tuple[str, ...]) -> RunAnswer:
    records = (f"{name}\0{content.decode()}\0" for name, content in migrations_of(state).items())
    return RunAnswer(exit_code=0, stdout="".join(records).encode())


def recorded(state: State, parameters: tuple[Any, ...]) -> None:
    checksum, name = parameters
    state.tables["_prisma_migrations"].append([name, checksum, True, False])


def made(table: str) -> Callable[[State, tuple[Any, ...]], None]:
    return lambda state, _: state.tables.update({table: {}})


def history(state: State, query: Query) -> QueryAnswer:
    rows = (tuple(row) for row in state.tables["_prisma_migrations"])
    return answered("migration_name checksum finished undone", *rows)


def migrations_world() -> MemoryWorld:
    scripts = [f"-- {number};\nCREATE TABLE t{number} ();\n".encode() for number in range(3)]
    files = {
        f"{MIGRATIONS}/{name}/migration.sql": File(script)
        for name, script in zip(("1_a", "2_b", "3 c"), scripts, strict=True)
    }
    tables = {"_prisma_migrations": [["1_a", hashlib.sha256(scripts[0]).hexdigest(), True, False]]}
    queries: dict[str, Callable[[State, Query], QueryAnswer]] = {
        HISTORY_THERE.sql: lambda *_: answered("there", (True,)),
        HISTORY.sql: history,
        TABLES.sql: lambda *_: answered("schema_name name kind columns primary_key"),
        ELSEWHERE.sql: lambda *_: answered("database schema_name search_path tables databases"),
    }
    statements = {
        PRISMAS_LOCK: nothing,
        ALONE: nothing,
        RECORD: recorded,
        **{f"-- {number};\nCREATE TABLE t{number} ()": made(f"t{number}") for number in range(3)},
    }
    looks = {FOLDER_SCRIPT: listed, SQL_SCRIPT: told}
    return MemoryWorld(State(files=files, tables=tables), looks, queries, statements)


SCRIPT = SqlMigrate.model_validate({"text": "CREATE TABLE n ();", "down": {"text": "DROP TABLE n"}})


def script_noted(state: State, parameters: tuple[Any, ...]) -> None:
    state.tables["scripts"] = sorted({*state.tables["scripts"], parameters[0]})


def script_unnoted(state: State, parameters: tuple[Any, ...]) -> None:
    state.tables["scripts"] = [one for one in state.tables["scripts"] if one != parameters[0]]


def script_world() -> MemoryWorld:
    queries: dict[str, Callable[[State, Query], QueryAnswer]] = {
        TABLES.sql: lambda *_: answered("schema_name name kind columns primary_key"),
        SIZES.sql: lambda *_: answered("name bytes rows checks"),
        INDEXES.sql: lambda *_: answered("schema_name name indexes"),
        SCRIPTS_THERE.sql: lambda *_: answered("scripts ledger", (True, True)),
        ours("", "").sql: lambda state, query: answered(
            "exists", (query.parameters[0] in state.tables["scripts"],)
        ),
        SCRIPTS.sql: lambda state, _: answered("digest", *((one,) for one in state.tables["scripts"])),
    }
    statements = {
        MAKE_SCRIPTS.sql: nothing,
        record_of("", "").sql: script_noted,
        removed("", "").sql: script_unnoted,
        "CREATE TABLE n ()": made("n"),
        "DROP TABLE n": lambda state, _: state.tables.pop("n"),
    }
    return MemoryWorld(State(tables={"scripts": []}), queries=queries, statements=statements)


RESET = MigrateReset(folder=MIGRATIONS)
KEPT = "remediate_kept_2200"
OLD = {"oid": 2200, "tables": ["t1", "old"], "history": []}


def named(state: State, oid: int) -> str | None:
    return next((name for name, one in state.tables.items() if one["oid"] == oid), None)


def the_schema(state: State, query: Query) -> QueryAnswer:
    public = state.tables["public"]
    facts = {
        "name": "public",
        "oid": public["oid"],
        "owner": "app",
        "version": 150000,
        "role": "app",
        "database": "app",
        "owned": True,
        "may_create": True,
        "comment": None,
        "granted": None,
        "defaults": [],
        "extensions": [],
        "tables": [{"name": name, "lockable": True} for name in public["tables"]],
        "outside": [],
        "kept_before": [],
    }
    return answered(" ".join(facts), tuple(facts.values()))


def made_of_it(state: State, query: Query) -> QueryAnswer:
    rows = [
        (undo["made_from"], False)
        for undo in state.ledger.values()
        if "made_from" in undo and state.tables["public"]["oid"] == 2201
    ]
    return answered("made_from altered", *rows)


def renamed(old: str, new: str) -> Callable[[State, tuple[Any, ...]], None]:
    return lambda state, _: state.tables.update({new: state.tables.pop(old)})


def added_table(name: str) -> Callable[[State, tuple[Any, ...]], None]:
    return lambda state, _: state.tables["public"]["tables"].append(name)


def history_row(state: State, parameters: tuple[Any, ...]) -> None:
    checksum, name = parameters
    state.tables["public"]["history"].append([name, checksum, True, False])


def made_schema(state: State, parameters: tuple[Any, ...]) -> None:
    state.tables["public"] = {"oid": 2201, "tables": [], "history": []}


def reset_world() -> MemoryWorld:
    scripts = [f"CREATE TABLE t{number} ();\n".encode() for number in range(2)]
    files = {f"{MIGRATIONS}/{number}/migration.sql": File(script) for number, script in enumerate(scripts)}
    state = State(files=files, tables={"public": OLD})
    schema = schema_in(the_schema(state, SCHEMA), "memory")
    queries: dict[str, Callable[[State, Query], QueryAnswer]] = {
        SCHEMA.sql: the_schema,
        LIVE.sql: figures,
        UNTOUCHED.sql: made_of_it,
        WRITTEN.sql: lambda *_: answered("written", (False,)),
        WRITTEN_SINCE: lambda *_: answered("written", (False,)),
        OUTSIDE.sql: lambda *_: answered("schemas extensions", (["remediate"], ["plpgsql"])),
        HISTORY_THERE.sql: lambda state, _: answered("there", (bool(state.tables["public"]["history"]),)),
        HISTORY.sql: lambda state, _: answered(
            "migration_name checksum finished undone", *map(tuple, state.tables["public"]["history"])
        ),
        NAMES: lambda state, _: answered("kept_is live", (named(state, 2200), state.tables["public"]["oid"])),
        MADE: lambda *_: answered("made shape content", (2201, "", "")),
        NEW: lambda *_: answered("altered tables extensions outside", (False, ["t0", "t1"], [], [])),
    }
    statements = {
        **dict.fromkeys((one.sql for one in put_aside(schema)), nothing),
        **dict.fromkeys((PRISMAS_LOCK, MAKE_HISTORY, GUARD, noted("public").sql), nothing),
        'ALTER SCHEMA "public" RENAME TO "remediate_kept_2200"': renamed("public", KEPT),
        'CREATE SCHEMA "public" AUTHORIZATION "app"': made_schema,
        RECORD: history_row,
        **{f"CREATE TABLE t{number} ()": added_table(f"t{number}") for number in range(2)},
        'LOCK TABLE "public"."t0", "public"."t1" IN ACCESS EXCLUSIVE MODE': nothing,
        'DROP SCHEMA "public" CASCADE': lambda state, _: state.tables.pop("public"),
        'ALTER SCHEMA "remediate_kept_2200" RENAME TO "public"': renamed(KEPT, "public"),
    }
    return MemoryWorld(state, {FOLDER_SCRIPT: listed, SQL_SCRIPT: told}, queries, statements)


PUSH = DbPush(backend=BACKEND, schema_file=f"{BACKEND}/prisma/schema.prisma")
PUSHED = 'CREATE TABLE "t" ("id" INTEGER NOT NULL)'


def of_one_table(state: State, query: Query) -> QueryAnswer:
    column = {"name": "id", "type": "bigint" if state.tables["public"]["oid"] == 2200 else "integer"}
    columns = [{**column, "nullable": False, "default": None}]
    return answered("schema_name name kind columns primary_key", ("public", "t", "r", columns, []))


def filled(state: State, parameters: tuple[Any, ...]) -> None:
    state.tables["public"]["tables"] = ["t"]


def push_world() -> MemoryWorld:
    state = State(tables={"public": {**OLD, "tables": ["t"]}})
    schema = schema_in(the_schema(state, SCHEMA), "memory")
    found = '<found>{"rows": 0, "values": {"id": "0"}}</found>'
    queries: dict[str, Callable[[State, Query], QueryAnswer]] = {
        **reset_world().queries,
        UNTOUCHED.sql: lambda *_: answered("made_from"),
        TABLES.sql: of_one_table,
        SHAPE.sql: lambda *_: answered("schema_name enums indexes keys", ("public", {}, {}, {})),
        CONTENTS.sql: lambda *_: answered("name types sequences found", ("t", {"id": "bigint"}, {}, found)),
        OTHERS.sql: lambda *_: answered("views", (1,)),
        NEW: lambda *_: answered("altered tables extensions outside", (False, ["t"], [], [])),
    }
    carried = tuple(
        carrying(read_script(PUSHED, ""), contents_in(queries[CONTENTS.sql](state, CONTENTS)), "public", KEPT)
    )
    statements = {
        **reset_world().statements,
        **dict.fromkeys((one.sql for one in put_aside(schema) if "RENAME" not in one.sql), nothing),
        **dict.fromkeys(carried, filled),
        PUSHED: nothing,
        'CREATE SCHEMA "public" AUTHORIZATION "app"': made_schema,
    }
    prints = {DIFF_SCRIPT: lambda *_: RunAnswer(exit_code=0, stdout=f"{PUSHED};".encode())}
    return MemoryWorld(state, prints, queries, statements)


def installed(state: State, args: tuple[str, ...]) -> RunAnswer:
    backend, *names = args
    place = f"{backend}/node_modules"
    texts = {name: state.files.get(f"{place}/{name}/package.json", File()) for name in names}
    records = (f"{name}\0{place}\0".encode() + one.content + b"\0" for name, one in texts.items())
    return RunAnswer(exit_code=0, stdout=place.encode() + b"\0" + b"".join(records))


def prisma_world() -> MemoryWorld:
    version = File(b'{"version": "7.10.0"}')
    files = {
        f"{BACKEND}/prisma/schema.prisma": File(b"model A {\n  id Int @id\n}\n"),
        f"{BACKEND}/node_modules/prisma/package.json": version,
        f"{BACKEND}/node_modules/@prisma/client/package.json": version,
        f"{CLIENT}/schema.prisma": File(b"model B {\n  id Int @id\n}\n"),
        f"{CLIENT}/index.js": File(b"old"),
    }
    return MemoryWorld(
        State(files=files), scripts={GENERATE: generate, PUT_BACK: put_back, INSTALLED_SCRIPT: installed}
    )
