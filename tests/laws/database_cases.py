"""The cases of the database's and Prisma's actions in memory, with what their statements and scripts do there."""

import hashlib
from collections.abc import Callable
from typing import Any

from remediate.providers.catalog import TABLES, live
from remediate.providers.catalog_keys import INDEXES
from remediate.providers.column_removal import LEDGER_EXISTS, added, record_of_added, removal
from remediate.providers.live_tables import SIZES
from remediate.providers.node_installed import INSTALLED_SCRIPT
from remediate.providers.postgres import AddColumns, NewColumn, add_columns_sql
from remediate.providers.prisma import Generate
from remediate.providers.prisma_checks import FOLDER_SCRIPT, HISTORY, HISTORY_THERE
from remediate.providers.prisma_client import GENERATE, PUT_BACK
from remediate.providers.prisma_deploy import ALONE, PRISMAS_LOCK, RECORD, SQL_SCRIPT, MigrateDeploy
from remediate.providers.script_record import MAKE_SCRIPTS, SCRIPTS, SCRIPTS_THERE, record_of, removed
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
        if name in query.parameters[2]
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
        added("public", "t", names).sql: still_there,
    }
    *before, dropping = removal("public", "t", tuple(column.as_written() for column in COLUMNS), ("id",))
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


def noted(state: State, parameters: tuple[Any, ...]) -> None:
    state.tables["scripts"] = sorted({*state.tables["scripts"], parameters[0]})


def unnoted(state: State, parameters: tuple[Any, ...]) -> None:
    state.tables["scripts"] = [one for one in state.tables["scripts"] if one != parameters[0]]


def script_world() -> MemoryWorld:
    queries: dict[str, Callable[[State, Query], QueryAnswer]] = {
        TABLES.sql: lambda *_: answered("schema_name name kind columns primary_key"),
        SIZES.sql: lambda *_: answered("name bytes rows checks"),
        INDEXES.sql: lambda *_: answered("schema_name name indexes"),
        SCRIPTS_THERE.sql: lambda *_: answered("scripts ledger", (True, True)),
        SCRIPTS.sql: lambda state, _: answered("digest", *((one,) for one in state.tables["scripts"])),
    }
    statements = {
        MAKE_SCRIPTS.sql: nothing,
        record_of("", "").sql: noted,
        removed("").sql: unnoted,
        "CREATE TABLE n ()": made("n"),
        "DROP TABLE n": lambda state, _: state.tables.pop("n"),
    }
    return MemoryWorld(State(tables={"scripts": []}), queries=queries, statements=statements)


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
