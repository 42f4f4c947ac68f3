"""The cases of the actions about files, module types and packages in memory, with what their scripts do there."""

import json
import posixpath
from collections.abc import Callable

from remediate.providers.aside import AWAY, BACK
from remediate.providers.files_aside import FilesAbsent
from remediate.providers.files_text import FilesJsonSet, FilesLine
from remediate.providers.node_module_type import NodeCommonjs
from remediate.providers.node_packages import NodeCi, NodeClean
from remediate.providers.node_packages_host import CI_SCRIPT, PACKAGES_SCRIPT, UNCI_SCRIPT
from remediate.questions import RunAnswer
from remediate.steps import Action

from .memory import File, MemoryWorld, Script, State
from .simulated import SCRIPTS, below, move, remove, said

ROOT, BACKEND = "/srv/lumiku", "/srv/lumiku/backend"


def renamed(state: State, old: str, new: str) -> None:
    if old in state.files:
        state.files[new] = state.files.pop(old)
    move(state, old, new)


def there(state: State, path: str) -> bool:
    return path in state.files or bool(below(state, path))


def away(state: State, args: tuple[str, ...]) -> RunAnswer:
    folder, name, kept = args
    old, new = posixpath.join(folder, name), posixpath.join(folder, kept)
    if not there(state, old):
        return said(exit_code=0 if there(state, new) else 4)
    renamed(state, old, new)
    return said()


def back(state: State, args: tuple[str, ...]) -> RunAnswer:
    folder, name, kept = args
    old, new = posixpath.join(folder, name), posixpath.join(folder, kept)
    if not there(state, new):
        return said()
    if there(state, old):
        return said(exit_code=9)
    renamed(state, new, old)
    return said()


def packages(state: State, args: tuple[str, ...]) -> RunAnswer:
    backend, *_ = args
    locked = json.loads(state.files[f"{backend}/package-lock.json"].content)
    installed = {
        key: json.loads(state.files[path].content)["version"] if path in state.files else ""
        for key in locked
        for path in [f"{backend}/{key}/package.json"]
    }
    wrong = [
        {"key": key, "wanted": locked[key], "found": found}
        for key, found in installed.items()
        if found != locked[key]
    ]
    return said(json.dumps({"lock": True, "dev": True, "count": len(wrong), "wrong": wrong}))


def ci(state: State, args: tuple[str, ...]) -> RunAnswer:
    backend, name, *_ = args
    kept = f"{backend}/.node_modules.remediate-{name}"
    state.files[f"{kept}/after"] = File()
    move(state, f"{backend}/node_modules", f"{kept}/before")
    for key, version in json.loads(state.files[f"{backend}/package-lock.json"].content).items():
        state.files[f"{backend}/{key}/package.json"] = File(json.dumps({"version": version}).encode())
    return said()


def unci(state: State, args: tuple[str, ...]) -> RunAnswer:
    backend, name = args
    kept = f"{backend}/.node_modules.remediate-{name}"
    if f"{kept}/after" in state.files:
        remove(state, f"{backend}/node_modules")
        move(state, f"{kept}/before", f"{backend}/node_modules")
        remove(state, kept)
    return said()


BUILD_SCRIPTS: dict[str, Script] = {
    AWAY: away,
    BACK: back,
    PACKAGES_SCRIPT: packages,
    CI_SCRIPT: ci,
    UNCI_SCRIPT: unci,
}


def world(files: dict[str, bytes]) -> Callable[[], MemoryWorld]:
    state = State(files={path: File(content, mode=0o640, owner="app") for path, content in files.items()})
    return lambda: MemoryWorld(state, {**SCRIPTS, **BUILD_SCRIPTS})


TSCONFIG = b"""\xef\xbb\xbf{\r
  // what Node can load\r
  "compilerOptions": {"module": "esnext", /* so */ "moduleResolution": "bundler",},\r
}\r
"""
COMMONJS = b'"use strict";\nObject.defineProperty(exports, "__esModule", { value: true });\n'
ES_MODULE = b"import express from 'express'\nexport default express\n"
PACKAGE = b'{"name": "app",\n  "type": "module",\n  "repository": {"type": "git"}}'


def built(entry: bytes, package: bytes, tsconfig: bytes) -> Callable[[], MemoryWorld]:
    return world(
        {
            f"{BACKEND}/src/index.ts": b"",
            f"{BACKEND}/dist/index.js": entry,
            f"{BACKEND}/package.json": package,
            f"{BACKEND}/tsconfig.json": tsconfig,
        }
    )


BUILD_CASES: tuple[tuple[str, Action, Callable[[], MemoryWorld]], ...] = (
    (
        "a line at the end of a file without a last newline",
        FilesLine(path="a", root=ROOT, line="new"),
        world({f"{ROOT}/a": b"one\r\ntwo"}),
    ),
    (
        "a line that is there three times",
        FilesLine(path="a", root=ROOT, line="same"),
        world({f"{ROOT}/a": b"same\nother\nsame\n same\nsame\n"}),
    ),
    (
        "a line that must not be there",
        FilesLine(path="a", root=ROOT, line="gone", absent=True),
        world({f"{ROOT}/a": b"gone\nstays\ngone"}),
    ),
    (
        "a key of a file with comments",
        FilesJsonSet(path="backend/t.json", root=ROOT, key=["compilerOptions", "module"], value="commonjs"),
        world({f"{BACKEND}/t.json": TSCONFIG}),
    ),
    (
        "a key that must not be there",
        FilesJsonSet(path="backend/package.json", root=ROOT, key=["type"], absent=True),
        world({f"{BACKEND}/package.json": PACKAGE}),
    ),
    ("a file in the way", FilesAbsent(path="a", root=ROOT), world({f"{ROOT}/a": b"x", f"{ROOT}/b": b"y"})),
    ("a directory in the way", FilesAbsent(path="d", root=ROOT), world({f"{ROOT}/d/e/f": b"x"})),
    (
        "modules said over a CommonJS build",
        NodeCommonjs(backend=BACKEND, root=ROOT),
        built(COMMONJS, PACKAGE, b'{"compilerOptions": {"module": "commonjs"}}'),
    ),
    (
        "modules emitted and not said",
        NodeCommonjs(backend=BACKEND, root=ROOT),
        built(ES_MODULE, b"{}", TSCONFIG),
    ),
    (
        "a package of another version",
        NodeCi(backend=BACKEND),
        world(
            {
                f"{BACKEND}/package-lock.json": b'{"node_modules/a": "2"}',
                f"{BACKEND}/node_modules/a/package.json": b'{"version": "1"}',
            }
        ),
    ),
    (
        "caches",
        NodeClean(backend=BACKEND, root=ROOT, paths=["node_modules/.cache", "none", "tsconfig.tsbuildinfo"]),
        world({f"{BACKEND}/node_modules/.cache/x/y": b"x", f"{BACKEND}/tsconfig.tsbuildinfo": b"z"}),
    ),
)
