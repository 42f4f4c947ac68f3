"""The cases of actions on an app's environment and of free commands, with what their scripts do in memory."""

import json

from remediate.model import digest_of
from remediate.providers.command import CommandRun, Script
from remediate.providers.env_actions import EnvMend, EnvSet, EnvUnset
from remediate.providers.env_marks import Marks, place_of
from remediate.providers.env_scripts import (
    DOOR_SCRIPT,
    ENVIRON_SCRIPT,
    HELD_DOOR_SCRIPT,
    KEY_SCRIPT,
    READ_SCRIPT,
)
from remediate.providers.pm2_definition import RECREATE_SCRIPT
from remediate.providers.pm2_recreate import Pm2Recreate
from remediate.providers.secret_files import key_of
from remediate.questions import RunAnswer
from remediate.text.dotenv import as_text, entries, value_among
from remediate.text.dotenv_edits import unglued, whole_line

from .memory import File, MemoryWorld, State
from .simulated import SCRIPTS, said

ROOT, BACKEND = "/srv/lumiku", "/srv/lumiku/backend"
ENV = f"{BACKEND}/.env"
KEPT = "/home/deploy/.pm2/remediate"
GIVEN = "postgresql://app:right-given@db/app"
LET_IN = (GIVEN, "right", "postgresql://a:right@db/a", "postgresql://a:p%23right@db/a")


def marks(state: State, path: str) -> Marks:
    return Marks.under(path, state.files[path].content)


def environ(state: State, args: tuple[str, ...]) -> RunAnswer:
    _, app, _, path, *names = args
    held, mark = state.processes.get(app, {}).get("held", {}), marks(state, path).of
    told = {name: mark(held[name]) for name in names if name in held}
    seen = [{"pid": 7, "since": 1.0, "marks": told}] if app in state.processes else []
    return said(json.dumps(seen))


def tried(state: State, path: str, values: list[str]) -> RunAnswer:
    """A database that lets in one password, and one given by the inventory; `busy` is what it has no connection for."""
    content, mark = state.files[path].content, marks(state, path).of
    codes = {value: "" if value in LET_IN else "53300" if "busy" in value else "28P01" for value in values}
    return said(
        json.dumps(
            [
                {
                    "mark": mark(value),
                    "code": code,
                    "place": place_of(value, content),
                    "leads": mark(place_of(value, b"") or value),
                }
                for value, code in codes.items()
            ]
        )
    )


def door(state: State, args: tuple[str, ...]) -> RunAnswer:
    _, path, name, source = args
    return tried(state, path, [GIVEN] if source == "given" else meant(state.files[path].content, name))


def held_door(state: State, args: tuple[str, ...]) -> RunAnswer:
    _, app, _, path, *names = args
    held = state.processes.get(app, {}).get("held", {})
    return tried(
        state,
        path,
        [
            value
            for name in names
            for value in (*meant(state.files[path].content, name), *([held[name]] if name in held else []))
        ],
    )


def meant(content: bytes, name: str) -> list[str]:
    now = value_among(entries(as_text(content)), name)
    mine = [one for one in entries(as_text(unglued(content, [name]))) if one.key == name]
    return [now or "", *(one.value for one in mine), *(whole_line(one).replace("#", "%23") for one in mine)]


def recreate(state: State, args: tuple[str, ...]) -> RunAnswer:
    verb, app, _, _, name, *more = args
    process = state.processes[app]
    defined = digest_of([app, process["held"]])
    if verb == "look":
        return said(json.dumps({"daemon": True, "digest": defined}))
    planned, *keys = more
    kept = f"{KEPT}-{name}.json"
    if verb == "recreate":
        state.files[kept] = File(json.dumps(process["held"]).encode(), mode=0o600)
        process["held"] = {key: value for key, value in process["held"].items() if key not in keys}
    elif kept in state.files:
        process["held"] = json.loads(state.files.pop(kept).content)
    elif defined != planned:
        return said(exit_code=8)
    process["pid"] = process["born"] = state.tick()
    return said()


def make(state: State, args: tuple[str, ...]) -> RunAnswer:
    state.files[args[0]] = File(b"made", mtime_ns=state.tick())
    return said()


def unmake(state: State, args: tuple[str, ...]) -> RunAnswer:
    state.files.pop(args[0], None)
    return said()


MAKE, LOOK, UNMAKE = 'printf made >"$1"', '[ -e "$1" ]', 'rm -f -- "$1"'
ENVIRONMENT_SCRIPTS = {
    **SCRIPTS,
    KEY_SCRIPT: lambda state, args: said(key_of(args[0], state.files[args[0]].content).hex()),
    READ_SCRIPT: lambda _state, _args: said(f"{GIVEN}\n"),
    ENVIRON_SCRIPT: environ,
    DOOR_SCRIPT: door,
    HELD_DOOR_SCRIPT: held_door,
    RECREATE_SCRIPT: recreate,
    MAKE: make,
    LOOK: lambda state, args: said(exit_code=0 if args[0] in state.files else 1),
    UNMAKE: unmake,
}
UNTIDY = b"\xef\xbb\xbf# ours\r\nA=1 # one\r\nexport URL='postgresql://a:wrong@db/a' # old\r\nB=2\r\nURL=postgresql://a:right@db/a"


def env_world(content: bytes = UNTIDY, held: dict[str, str] | None = None) -> MemoryWorld:
    process = {"pid": 7, "born": 7, "status": "online", "restarts": 0, "since": 0.002, "held": held or {}}
    files = {ENV: File(content, mode=0o600, owner="app", group="www")}
    return MemoryWorld(State(files=files, processes={"app": process}), ENVIRONMENT_SCRIPTS)


AT = {"backend": BACKEND, "root": ROOT}
SET = EnvSet(key="B", value="two # words", **AT)
SET_SECRET = EnvSet(key="URL", secret="database_url", trial=True, **AT)
UNSET = EnvUnset(key="URL", **AT)
MEND = EnvMend(key="URL", secret="database_url", **AT)
RECREATE = Pm2Recreate(app="app", keys=["URL"], backend=BACKEND)
COMMAND = CommandRun(
    script=MAKE,
    args=[f"{BACKEND}/made"],
    what="make a file",
    about=[f"file:{BACKEND}/made"],
    unless=Script(script=LOOK, args=[f"{BACKEND}/made"]),
    undo=Script(script=UNMAKE, args=[f"{BACKEND}/made"]),
)
