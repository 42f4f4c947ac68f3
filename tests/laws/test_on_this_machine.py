"""The laws over the real scripts, with this machine's own sh, node and npm, on a small backend without TypeScript."""

import os
import shutil
from pathlib import Path

import pytest

from remediate.catalogue import CATALOGUE
from remediate.providers.command import CommandRun, Script
from remediate.providers.env_actions import EnvSet, EnvUnset
from remediate.providers.files_text import FilesReplace
from remediate.providers.node import NodeBuild
from remediate.providers.typescript import TypescriptImport
from remediate.steps import Action

from . import build_machine_cases
from .command import CommandTarget, CommandWorld
from .laws import LAWS

NEEDED = ("node", "npm", "gzip", "tar")
pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, NEEDED)), reason=f"needs {', '.join(NEEDED)} on the PATH"
)
PACKAGE = '{"name": "small", "private": true, "scripts": {"build": "node build.js"}}'
BUILD = """
const fs = require('fs')
fs.mkdirSync('dist/db', { recursive: true })
for (const name of ['index', 'db/client']) fs.copyFileSync(`src/${name}.ts`, `dist/${name}.js`)
"""
FILES = {
    "backend/package.json": PACKAGE,
    "backend/build.js": BUILD,
    "backend/src/index.ts": "import { prisma } from './db/client'\n",
    "backend/src/db/client.ts": "export default prisma\n",
    "backend/.env": "SECRET=1\n",
    "backend/dist/index.js": "old",
    "backend/dist/db/client.js": "old",
}
LOADABLE = {"backend/src/index.ts": "require('./db/client')\n", "backend/src/db/client.ts": "exports.a = 1\n"}


def lay(root: Path, files: dict[str, str], *, without: str = "") -> None:
    """Write a backend whose build is older than its sources."""
    shutil.rmtree(root, ignore_errors=True)
    for name, text in files.items():
        path = root / name
        if not without or not name.startswith(without):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            os.utime(path, ns=(10**18, 10**18 + 1) if "dist" in name else (10**18, 10**18 + 123_456_789))
    (root / "backend/.env").chmod(0o600)


def small_world(root: Path, files: dict[str, str], *, without: str = "") -> CommandWorld:
    world = CommandWorld(
        CommandTarget(), str(root / "backend"), (str(root),), lambda: lay(root, files, without=without)
    )
    world.reset()
    return world


def replacing(root: Path) -> tuple[Action, CommandWorld]:
    find, new = "SECRET=1\n", "SECRET=1\nX=2\n"
    action = FilesReplace(path="backend/.env", root=str(root), find=find, replace_with=new)
    return action, small_world(root, FILES)


def importing(root: Path) -> tuple[Action, CommandWorld]:
    return TypescriptImport(backend=f"{root}/backend", root=str(root)), small_world(root, FILES)


def building(root: Path) -> tuple[Action, CommandWorld]:
    return NodeBuild(backend=f"{root}/backend"), small_world(root, FILES | LOADABLE)


def building_the_first(root: Path) -> tuple[Action, CommandWorld]:
    return NodeBuild(backend=f"{root}/backend"), small_world(root, FILES | LOADABLE, without="backend/dist")


def setting(root: Path) -> tuple[Action, CommandWorld]:
    action = EnvSet(key="SECRET", value="a # b", backend=f"{root}/backend", root=str(root))
    return action, small_world(root, FILES | {"backend/.env": "# ours\nSECRET=1\nA=2\nSECRET=3 # last"})


def unsetting(root: Path) -> tuple[Action, CommandWorld]:
    return EnvUnset(key="SECRET", backend=f"{root}/backend", root=str(root)), small_world(root, FILES)


def commanding(root: Path) -> tuple[Action, CommandWorld]:
    mark = f"{root}/a mark"
    action = CommandRun(
        script='printf made >"$1"',
        args=[mark],
        about=[f"file:{mark}"],
        what="make a mark",
        unless=Script(script='[ -e "$1" ]', args=[mark]),
        undo=Script(script='rm -f -- "$1"', args=[mark]),
    )
    return action, small_world(root, FILES)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize(
    "case", [replacing, importing, building, building_the_first, setting, unsetting, commanding]
)
def test_every_law_holds_with_the_real_scripts(case, law, tmp_path, monkeypatch):
    monkeypatch.setenv("PM2_HOME", str(tmp_path / "no-pm2"))
    action, world = case(tmp_path / "app")
    law(action, world, CATALOGUE)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("case", build_machine_cases.CASES)
def test_every_law_holds_over_files_and_packages(case, law, tmp_path, monkeypatch):
    monkeypatch.setenv("PM2_HOME", str(tmp_path / "no-pm2"))
    root = tmp_path / "app"
    action, files = case(root)

    def begin() -> None:
        shutil.rmtree(root, ignore_errors=True)
        build_machine_cases.lay(root, files)

    begin()
    law(action, CommandWorld(CommandTarget(), str(root / "backend"), (str(root),), begin), CATALOGUE)
