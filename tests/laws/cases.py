"""One case or more for every action: a world in which it has something to do. An action without one fails the suite.

A case for another technology is added here, with what its scripts and statements do in `simulated` or beside the case.
"""

from collections.abc import Callable
from dataclasses import dataclass

from remediate.providers.files_text import FilesReplace
from remediate.providers.node import NodeBuild
from remediate.providers.pm2 import Pm2Restart
from remediate.providers.typescript import TypescriptImport
from remediate.steps import Action

from .build_cases import BUILD_CASES
from .database_cases import (
    ADD_COLUMNS,
    DEPLOY,
    GENERATE_CLIENT,
    PUSH,
    RESET,
    SCRIPT,
    database_world,
    migrations_world,
    prisma_world,
    push_world,
    reset_world,
    script_world,
)
from .environment_cases import COMMAND, MEND, RECREATE, SET, SET_SECRET, UNSET, env_world
from .key_cases import (
    CREATE_INDEXES,
    DROP_INVALID,
    MAKE_FOREIGN_KEY,
    OLD_KEY,
    SET_NOT_NULL,
    foreign_key_world,
    index_world,
    not_null_world,
)
from .memory import File, MemoryWorld, State
from .process_cases import PROCESS_CASES
from .row_cases import ROW_CASES
from .session_cases import SESSION_CASES
from .simulated import SCRIPTS
from .world import World

ROOT, BACKEND = "/srv/lumiku", "/srv/lumiku/backend"
APP = {"pid": 7, "born": 7, "status": "online", "restarts": 0, "since": 0.002}


@dataclass(frozen=True)
class Case:
    """An action, and how to make a world in which it has something to do."""

    name: str
    action: Action
    world: Callable[[], World]


def in_memory(files: dict[str, File] | None = None, **processes: dict[str, object]) -> Callable[[], World]:
    state = State(files=files or {}, processes=processes)
    return lambda: MemoryWorld(state, SCRIPTS)


def backend(text: str, built_ns: int) -> dict[str, File]:
    return {
        f"{BACKEND}/src/index.ts": File(text.encode(), mode=0o640, owner="app", mtime_ns=5_000),
        f"{BACKEND}/src/db/client.ts": File(b"export default prisma", mtime_ns=3_000),
        f"{BACKEND}/dist/index.js": File(b"old", mtime_ns=built_ns, changed_ns=built_ns),
        f"{BACKEND}/dist/db/client.js": File(b"old", mtime_ns=built_ns, changed_ns=built_ns),
    }


WRONG_IMPORT = "import { prisma } from './db/client'\n"
REPLACE = FilesReplace(path="backend/app.conf", root=ROOT, find="debug = on", replace_with="debug = off")
CONFIG = File(b"\xef\xbb\xbf# app\r\ndebug = on\r\nlast = \xff", mode=0o600, owner="app", group="www")

CASES: tuple[Case, ...] = (
    Case("a text in a file", REPLACE, in_memory({f"{BACKEND}/app.conf": CONFIG})),
    Case(
        "a setting in a file that bears secrets",
        FilesReplace(path="backend/.env", root=ROOT, find="LOG=no", replace_with="LOG=yes"),
        in_memory({f"{BACKEND}/.env": File(b"API_TOKEN=s3cr3t\nLOG=no\n", mode=0o640, owner="app")}),
    ),
    Case(
        "a text that its replacement contains",
        FilesReplace(path="a", root=ROOT, find="a", replace_with="ab"),
        in_memory({f"{ROOT}/a": File(b"ab a")}),
    ),
    Case(
        "a default imported by name",
        TypescriptImport(backend=BACKEND, root=ROOT),
        in_memory(backend(WRONG_IMPORT, 9_000)),
    ),
    Case(
        "wrong imports in two files",
        TypescriptImport(backend=BACKEND, root=ROOT, module="src/db/client"),
        in_memory(backend(WRONG_IMPORT, 9_000) | {f"{BACKEND}/src/b.ts": File(WRONG_IMPORT.encode())}),
    ),
    Case("a build older than a source", NodeBuild(backend=BACKEND), in_memory(backend("", 4_000))),
    Case(
        "no build at all",
        NodeBuild(backend=BACKEND),
        in_memory({f"{BACKEND}/src/index.ts": File()}),
    ),
    Case(
        "a process older than what it runs",
        Pm2Restart(app="app", backend=BACKEND),
        in_memory(backend("", 9_000), app=APP),
    ),
    Case(
        "a process that was stopped",
        Pm2Restart(app="app", backend=BACKEND),
        in_memory(backend("", 1_000), app={**APP, "status": "stopped", "pid": 0, "born": 0}),
    ),
    Case("a table that lacks two columns", ADD_COLUMNS, database_world),
    Case("a table that lacks two indexes", CREATE_INDEXES, index_world),
    Case("a table with what a failed build left", DROP_INVALID, lambda: index_world(left=True)),
    Case("a table that lacks a foreign key", MAKE_FOREIGN_KEY, foreign_key_world),
    Case("a foreign key of another rule", MAKE_FOREIGN_KEY, lambda: foreign_key_world(OLD_KEY)),
    Case("columns that take NULL", SET_NOT_NULL, not_null_world),
    Case("a client of another schema", GENERATE_CLIENT, prisma_world),
    Case("two migrations that are pending", DEPLOY, migrations_world),
    Case("a script that was not run yet", SCRIPT, script_world),
    Case("a schema that is to be made anew", RESET, reset_world),
    Case("a table that has a column of another type", PUSH, push_world),
    *(Case(*row) for row in BUILD_CASES),
    *(Case(*row) for row in PROCESS_CASES),
    *(Case(*row) for row in SESSION_CASES),
    *(Case(*row) for row in ROW_CASES),
    Case("a variable with a comment behind it", SET, env_world),
    Case("a database URL from the inventory", SET_SECRET, env_world),
    Case("a variable that is set twice", UNSET, env_world),
    Case("a URL that is set twice, and counts rightly", MEND, env_world),
    Case("a URL glued to another", MEND, lambda: env_world(b"URL=postgresql://a:x@db/aURL='right'")),
    Case("a password cut by #", MEND, lambda: env_world(b"URL=postgresql://a:p#right@db/a # new")),
    Case("a URL that only the inventory knows", MEND, lambda: env_world(b'URL="wrong"\n')),
    Case("a process that was given another URL", RECREATE, lambda: env_world(held={"URL": "old", "C": "3"})),
    Case("a command with its own check", COMMAND, env_world),
)
