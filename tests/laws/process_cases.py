"""The cases of the actions that start apps and change builds by what became of them, with what their scripts do."""

import json
from collections.abc import Callable
from typing import Any

from remediate.providers.node_previous import KEPT_SCRIPT, PREVIOUS_SCRIPT, UNPREVIOUS_SCRIPT, NodePrevious
from remediate.providers.node_rebuild import NodeRebuild
from remediate.providers.pm2_reload import Pm2Reload
from remediate.providers.pm2_saved import DUMP_SCRIPT, SAVED_SCRIPT, Pm2Save
from remediate.providers.pm2_start import NO_DEFINITION, START_SCRIPT, THERE_SCRIPT, Pm2Start
from remediate.providers.pm2_stop import Pm2Stop
from remediate.questions import RunAnswer
from remediate.steps import Action

from .memory import File, MemoryWorld, Script, State
from .simulated import SCRIPTS, move, remove, said

BACKEND = "/srv/lumiku/backend"
PM2_HOME = "/home/deploy/.pm2"
DYING = {"pid": 0, "born": 0, "status": "errored", "restarts": 15, "since": 0.005}


def kept_build(state: State, args: tuple[str, ...]) -> RunAnswer:
    backend, previous, entry = args
    one = state.files.get(f"{backend}/{previous}/{entry}")
    return said(f"{one.mtime_ns} {one.mtime_ns}\n" if one else "")


def put_previous(state: State, args: tuple[str, ...]) -> RunAnswer:
    backend, out, previous, _, name = args
    kept = f"{backend}/.{out}.remediate-{name}"
    state.files[f"{kept}/after"] = File()
    move(state, f"{backend}/{out}", f"{kept}/before")
    move(state, f"{backend}/{previous}", f"{backend}/{out}")
    return said()


def put_back(state: State, args: tuple[str, ...]) -> RunAnswer:
    backend, out, previous, name = args
    kept = f"{backend}/.{out}.remediate-{name}"
    if f"{kept}/after" in state.files:
        move(state, f"{backend}/{out}", f"{backend}/{previous}")
        move(state, f"{kept}/before", f"{backend}/{out}")
        remove(state, kept)
    return said()


def start(state: State, args: tuple[str, ...]) -> RunAnswer:
    verb, app, _, _, name, place, script, *_ = args
    kept, process = f"{PM2_HOME}/remediate-{name}.json", state.processes.get(app)
    if verb == "unstart":
        how = state.files.pop(kept).content if kept in state.files else b""
        if how == b"stopped":
            state.processes[app] |= {"status": "stopped", "pid": 0, "born": 0}
        if how == b"none":
            del state.processes[app]
        return said()
    if not (process or script or place in state.files):
        return said(exit_code=NO_DEFINITION)
    state.files[kept] = File(b"stopped" if process else b"none")
    began = state.tick()
    state.processes[app] = {
        "status": "online",
        "pid": began,
        "born": began,
        "since": began / 10**6,
        "restarts": 0,
    }
    return said()


DUMP = f"{PM2_HOME}/dump.pm2"


def saved(state: State, args: tuple[str, ...]) -> RunAnswer:
    verb, app, _, _, name, *planned = args
    dumped, runs = json.loads(state.files[DUMP].content), state.processes[app]["status"]
    kept = f"{PM2_HOME}/remediate-{name}.json"
    if verb == "look":
        return said(json.dumps({"daemon": True, "saved": dumped.get(app, ""), "runs": runs}))
    if verb == "unsave":
        if kept in state.files:
            state.files[DUMP] = state.files.pop(kept)
        return said()
    if [dumped.get(app, "")] != planned:
        return said(exit_code=9)
    state.files[kept] = state.files[DUMP]
    state.files[DUMP] = File(json.dumps({**dumped, app: runs}).encode(), mtime_ns=state.tick())
    return said()


PROCESS_SCRIPTS: dict[str, Script] = {
    KEPT_SCRIPT: kept_build,
    PREVIOUS_SCRIPT: put_previous,
    UNPREVIOUS_SCRIPT: put_back,
    START_SCRIPT: start,
    DUMP_SCRIPT: lambda state, _args: said(exit_code=0 if DUMP in state.files else 1),
    SAVED_SCRIPT: saved,
    THERE_SCRIPT: lambda state, args: said(exit_code=0 if args[0] in state.files else 1),
}


def world(*files: str, **processes: dict[str, Any]) -> Callable[[], MemoryWorld]:
    state = State(files={f"{BACKEND}/{name}": File(b"x") for name in files}, processes=processes)
    return lambda: MemoryWorld(state, {**SCRIPTS, **PROCESS_SCRIPTS})


APP = {"app": "app", "backend": BACKEND}
STOPPED = {**DYING, "status": "stopped"}
ONLINE = {**DYING, "status": "online", "pid": 7, "born": 7}
DUMPED = State(files={DUMP: File(b'{"app": "stopped", "other": "online"}')}, processes={"app": ONLINE})
SOURCES = ("src/index.ts", "dist/index.js")

PROCESS_CASES: tuple[tuple[str, Action, Callable[[], MemoryWorld]], ...] = (
    ("an app that pm2 has not got", Pm2Start(**APP, cwd=BACKEND), world("ecosystem.config.js", other=ONLINE)),
    ("an app without an ecosystem file", Pm2Start(**APP, script="dist/index.js", cwd=BACKEND), world()),
    ("an app that was stopped", Pm2Start(**APP, cwd=BACKEND), world("ecosystem.config.js", app=STOPPED)),
    ("a process to be reloaded", Pm2Reload(**APP), world("dist/index.js", app={**ONLINE, "since": 0.0005})),
    ("an app that dies again and again", Pm2Stop(**APP), world(app={**ONLINE, "again": 2})),
    (
        "an app that is saved otherwise than it runs",
        Pm2Save(**APP),
        lambda: MemoryWorld(DUMPED, {**SCRIPTS, **PROCESS_SCRIPTS}),
    ),
    ("a build that the app dies of", NodeRebuild(**APP), world(*SOURCES, app=DYING)),
    (
        "a build that was tried, and one from before",
        NodePrevious(**APP),
        world(*SOURCES, "dist.previous/index.js", app=ONLINE),
    ),
)
