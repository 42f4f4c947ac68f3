"""The cases of actions on an app's environment and of free commands, with what their scripts do in memory."""

import hashlib
import hmac
import json

from remediate.providers.command import CommandRun, Script
from remediate.providers.env_actions import EnvMend, EnvSet, EnvUnset
from remediate.providers.env_host import DOOR_SCRIPT, ENVIRON_SCRIPT, KEY_SCRIPT, READ_SCRIPT
from remediate.providers.pm2_recreate import RECREATE_SCRIPT, Pm2Recreate
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


def mark(value: str) -> str:
    return hmac.new(b"key", value.encode(), hashlib.sha256).hexdigest()


def environ(state: State, args: tuple[str, ...]) -> RunAnswer:
    app, *names = args
    held = state.processes.get(app, {}).get("held", {})
    marks = {name: mark(held[name]) for name in names if name in held}
    seen = [{"pid": 7, "since": 1.0, "marks": marks}] if app in state.processes else []
    return said(json.dumps(seen))


def door(state: State, args: tuple[str, ...]) -> RunAnswer:
    """A database that lets in one password, and one given by the inventory."""
    _, path, name, source, *literal = args
    values = {"given": [GIVEN], "literal": literal, "file": meant(state.files[path].content, name)}[source]
    return said(json.dumps([{"mark": mark(one), "code": "" if one in LET_IN else "28P01"} for one in values]))


def meant(content: bytes, name: str) -> list[str]:
    now = value_among(entries(as_text(content)), name)
    mine = [one for one in entries(as_text(unglued(content, [name]))) if one.key == name]
    return [now or "", *(one.value for one in mine), *(whole_line(one).replace("#", "%23") for one in mine)]


def recreate(state: State, args: tuple[str, ...]) -> RunAnswer:
    verb, app, _, _, name, *keys = args
    kept, process = f"{KEPT}-{name}.json", state.processes[app]
    if verb == "recreate":
        state.files[kept] = File(json.dumps(process["held"]).encode(), mode=0o600)
        process["held"] = {key: value for key, value in process["held"].items() if key not in keys}
    elif kept in state.files:
        process["held"] = json.loads(state.files.pop(kept).content)
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
    KEY_SCRIPT: lambda _state, _args: said("key  -\n"),
    READ_SCRIPT: lambda _state, _args: said(f"{GIVEN}\n"),
    ENVIRON_SCRIPT: environ,
    DOOR_SCRIPT: door,
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
    unless=Script(script=LOOK, args=[f"{BACKEND}/made"]),
    undo=Script(script=UNMAKE, args=[f"{BACKEND}/made"]),
)
