"""Cases for this machine's own programs: files moved and edited, module types, packages installed by the real npm."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from remediate.providers.files_aside import FilesAbsent
from remediate.providers.files_text import FilesJsonSet, FilesLine
from remediate.providers.node_module_type import NodeCommonjs
from remediate.providers.node_packages import NodeCi, NodeClean
from remediate.steps import Action

Laid = tuple[Action, dict[str, str]]
"""An action, and the files that its world begins with, by their path below the root."""

LOCK = {
    "name": "small",
    "lockfileVersion": 3,
    "requires": True,
    "packages": {
        "": {"name": "small", "dependencies": {"part": "file:parts/part"}},
        "node_modules/part": {"resolved": "parts/part", "link": True},
        "parts/part": {"version": "2.0.0"},
    },
}
INSTALLABLE = {
    "backend/package.json": json.dumps({"name": "small", "dependencies": {"part": "file:parts/part"}}),
    "backend/package-lock.json": json.dumps(LOCK, indent=2),
    "backend/parts/part/package.json": '{"name": "part", "version": "2.0.0"}',
}
TSCONFIG = '{\n  // what Node can load\n  "compilerOptions": {"module": "esnext", "moduleResolution": "bundler"},\n}\n'


def line(root: Path) -> Laid:
    return FilesLine(path="a b", root=str(root), line="new"), {"a b": "old"}


def json_key(root: Path) -> Laid:
    keys = ["compilerOptions", "module"]
    action = FilesJsonSet(path="backend/tsconfig.json", root=str(root), key=keys, value="commonjs")
    return action, {"backend/tsconfig.json": TSCONFIG}


def in_the_way(root: Path) -> Laid:
    return FilesAbsent(path="a dir", root=str(root)), {"a dir/of/files": "x", "other": "y"}


def caches(root: Path) -> Laid:
    action = NodeClean(backend=f"{root}/backend", root=str(root), paths=["cache", "none", "x.tsbuildinfo"])
    return action, {"backend/cache/one": "1", "backend/x.tsbuildinfo": "2"}


def modules(root: Path) -> Laid:
    return NodeCommonjs(backend=f"{root}/backend", root=str(root)), {
        "backend/src/index.ts": "",
        "backend/dist/index.js": "import a from './a'\n",
        "backend/package.json": "{}",
        "backend/tsconfig.json": TSCONFIG,
    }


def packages(root: Path) -> Laid:
    return NodeCi(backend=f"{root}/backend"), INSTALLABLE


def packages_of_another_time(root: Path) -> Laid:
    return NodeCi(backend=f"{root}/backend"), {**INSTALLABLE, "backend/node_modules/old/package.json": "{}"}


CASES: tuple[Callable[[Path], Laid], ...] = (
    line,
    json_key,
    in_the_way,
    caches,
    modules,
    packages,
    packages_of_another_time,
)


def lay(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, ns=(10**18, 10**18 + 123_456_789))
