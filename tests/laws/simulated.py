"""What the constant scripts of providers do, told for a world in memory. The real ones are tried on real hosts."""

import json
import posixpath

from remediate.providers.edits import PLACE_SCRIPT
from remediate.providers.node_host import (
    BUILD_QUESTION_SCRIPT,
    BUILD_SCRIPT,
    REQUIRES_QUESTION_SCRIPT,
    UNBUILD_SCRIPT,
)
from remediate.providers.pm2_host import NEWEST_SCRIPT, NO_APP, PM2_SCRIPT
from remediate.providers.typescript_tree import TREE_SCRIPT, Tree, tree_answer
from remediate.questions import RunAnswer

from .memory import File, Script, State


def said(text: str | bytes = b"", exit_code: int = 0) -> RunAnswer:
    return RunAnswer(exit_code=exit_code, stdout=text if isinstance(text, bytes) else text.encode())


def below(state: State, directory: str) -> dict[str, File]:
    start = directory.rstrip("/") + "/"
    return {path: one for path, one in sorted(state.files.items()) if path.startswith(start)}


def place(state: State, args: tuple[str, ...]) -> RunAnswer:
    root, path = args
    return said(f"{root}\0{posixpath.normpath(path)}\0")


def tree(state: State, args: tuple[str, ...]) -> RunAnswer:
    root, _ = args
    files = {
        posixpath.relpath(path, root): one.content if path.endswith((".ts", ".tsx")) else None
        for path, one in below(state, root).items()
    }
    return tree_answer(Tree(root, files))


def seconds(nanoseconds: int) -> str:
    return f"{nanoseconds // 10**9}.{nanoseconds % 10**9:09d}0"


def build_listing(state: State, args: tuple[str, ...]) -> RunAnswer:
    backend, source, out = args
    records = [
        f"{kind}{seconds(one.mtime_ns)} {posixpath.relpath(path, backend)}\0"
        for kind, directory, extension in (("S", source, ".ts"), ("D", out, ".js"))
        for path, one in below(state, f"{backend}/{directory}").items()
        if path.endswith(extension)
    ]
    return said("".join(records) + "C\0")


def move(state: State, old: str, new: str) -> None:
    for path in below(state, old):
        one = state.files.pop(path)
        one.changed_ns = state.tick()
        state.files[new + path.removeprefix(old)] = one


def remove(state: State, directory: str) -> None:
    for path in below(state, directory):
        del state.files[path]


def build(state: State, args: tuple[str, ...]) -> RunAnswer:
    backend, source, out, _, _, name = args
    place, kept = f"{backend}/{out}", f"{backend}/.{out}.remediate-{name}"
    made = {
        f"{place}{path.removeprefix(f'{backend}/{source}').removesuffix('.ts')}.js": File(
            b"built from " + one.content, mtime_ns=state.tick(), changed_ns=state.now_ns
        )
        for path, one in below(state, f"{backend}/{source}").items()
    }
    state.files[f"{kept}/after"] = File()
    move(state, place, f"{kept}/before")
    state.files.update(made)
    return said()


def unbuild(state: State, args: tuple[str, ...]) -> RunAnswer:
    backend, out, name = args
    place, kept = f"{backend}/{out}", f"{backend}/.{out}.remediate-{name}"
    if f"{kept}/after" in state.files:
        remove(state, place)
        move(state, f"{kept}/before", place)
        remove(state, kept)
    return said()


def pm2(state: State, args: tuple[str, ...]) -> RunAnswer:
    verb, app, _, _ = args
    process = state.processes.get(app)
    if process is None:
        return said('{"daemon": true}', 0 if verb in ("look", "logs") else NO_APP)
    if verb in ("restart", "reload"):
        began = state.tick()
        process |= {"status": "online", "pid": began, "born": began, "since": began / 10**6}
        process["restarts"] += 1
    if verb == "stop":
        process |= {"status": "stopped", "pid": 0, "born": 0, "again": 0}
    texts = {"mode": "fork_mode", "script": "", "cwd": "", "out": "", "error": ""}
    seen = {"id": 0, "unstable": 0, **texts, **process}
    at = (state.now_ns + 10**10) / 10**6
    return said(json.dumps({"daemon": True, "at": at, "processes": [seen], "logs": []}))


def newest(state: State, args: tuple[str, ...]) -> RunAnswer:
    backend, *paths = args
    found = [
        (one.changed_ns, posixpath.relpath(path, backend))
        for path, one in state.files.items()
        if any(path == f"{backend}/{name}" or path.startswith(f"{backend}/{name}/") for name in paths)
    ]
    changed, path = max(found, default=(0, ""))
    return said(f"{seconds(changed)} {path}\n" if path else "")


SCRIPTS: dict[str, Script] = {
    PLACE_SCRIPT: place,
    TREE_SCRIPT: tree,
    BUILD_QUESTION_SCRIPT: build_listing,
    REQUIRES_QUESTION_SCRIPT: lambda _state, _args: said("[]"),
    BUILD_SCRIPT: build,
    UNBUILD_SCRIPT: unbuild,
    PM2_SCRIPT: pm2,
    NEWEST_SCRIPT: newest,
}
