"""Packages installed by the real npm: what is never lost, never copied, never wanted where nothing is missing."""

import json
import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError

from remediate.errors import Conflict, Failed
from remediate.planner import after
from remediate.providers.node import NodeBuild, NodeDist
from remediate.providers.node_packages import NodeCi, NodeClean
from tests.laws.build_machine_cases import INSTALLABLE, lay
from tests.laws.command import CommandTarget
from tests.laws.laws import carry_out, planned

needs_node = pytest.mark.skipif(
    not (shutil.which("node") and shutil.which("npm")), reason="needs node and npm on the PATH"
)
HERE = CommandTarget()


@pytest.fixture
def backend(tmp_path: Path) -> Path:
    lay(tmp_path / "app", INSTALLABLE)
    return tmp_path / "app/backend"


@needs_node
@pytest.mark.parametrize("taken", [False, True], ids=["refused", "name taken meanwhile"])
def test_the_only_copy_of_what_was_installed_outlives_a_swap_that_fails(
    backend, tmp_path, monkeypatch, taken
):
    lay(backend, {"node_modules/mine/package.json": "{}"})
    programs, real = tmp_path / "programs", shutil.which("mv")
    programs.mkdir()
    took = f"mkdir -p {backend}/node_modules/theirs; " if taken else ""
    (programs / "mv").write_text(
        f'#!/bin/sh\ncase "$*" in */new*\\ node_modules) {took}exit 1;; esac\nexec {real} "$@"\n'
    )
    (programs / "mv").chmod(0o755)
    action, undos = NodeCi(backend=str(backend)), []
    with monkeypatch.context() as patched:
        patched.setenv("PATH", str(programs), prepend=":")
        with pytest.raises(Failed, match="was not installed") as error:
            carry_out(action, HERE, undos)
    assert ("/before; put it back by hand" in str(error.value)) == taken
    if taken:
        assert list(backend.glob(".node_modules.remediate-*/before/mine/package.json"))
        with pytest.raises(Conflict):
            action.undo(HERE, undos[0])
        shutil.rmtree(backend / "node_modules")
        with pytest.raises(Failed, match="was not installed"):
            carry_out(action, HERE, [])
    action.undo(HERE, undos[0])
    assert [one.name for one in (backend / "node_modules").iterdir()] == ["mine"]
    assert not list(backend.glob(".*remediate*"))


@needs_node
def test_nothing_is_installed_where_there_is_no_room_for_it(backend, tmp_path, monkeypatch):
    lay(backend, {"node_modules/mine/package.json": "{}"})
    (tmp_path / "df").write_text("#!/bin/sh\necho Avail; echo 1\n")
    (tmp_path / "df").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(Failed, match=r"no room for another node_modules of \d+ KiB"):
        carry_out(NodeCi(backend=str(backend)), HERE, [])
    assert not list(backend.glob(".*remediate*")) + list(backend.parent.glob(".*remediate*"))


@needs_node
def test_npm_gets_a_copy_of_what_it_reads_and_of_nothing_else(backend, tmp_path, monkeypatch):
    lay(backend, {"uploads/large": "x", ".npmrc": "fund=false", ".env": "SECRET=1"})
    seen = tmp_path / "seen"
    (tmp_path / "npm").write_text(f'#!/bin/sh\nls -A >{seen}\nexec {shutil.which("npm")} "$@"\n')
    (tmp_path / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    undos = []
    carry_out(NodeCi(backend=str(backend)), HERE, undos)
    assert seen.read_text().split() == [".npmrc", "package-lock.json", "package.json", "parts"]
    NodeCi(backend=str(backend)).undo(HERE, undos[0])
    carry_out(NodeCi(backend=str(backend), scripts=True), HERE, [])
    assert "uploads" in seen.read_text(), "a package's own scripts may read anything"


@needs_node
def test_packages_whose_own_scripts_are_not_run_are_named(backend):
    lock = json.loads((backend / "package-lock.json").read_text())
    lock["packages"]["node_modules/native"] = {"version": "1.0.0", "hasInstallScript": True}
    (backend / "package-lock.json").write_text(json.dumps(lock))
    (change,) = planned(NodeCi(backend=str(backend)), HERE)
    assert "their own install scripts are not run: native; `scripts: true` runs them" in change.notes
    (change,) = planned(NodeCi(backend=str(backend), scripts=True), HERE)
    assert not [note for note in change.notes if "scripts" in note]


@needs_node
@pytest.mark.parametrize(
    "lock", ["", '{"lockfileVersion": 1, "dependencies": {"part": {"version": "2.0.0"}}}']
)
def test_without_a_lock_file_that_says_what_to_install_only_what_is_missing_is_a_fault(backend, lock):
    (backend / "package-lock.json").unlink()
    if lock:
        (backend / "package-lock.json").write_text(lock)
    action = NodeCi(backend=str(backend))
    with pytest.raises(Failed, match=r"lacks part, and no package-lock\.json of npm 7"):
        planned(action, HERE)
    lay(backend.parent, {"node_modules/part/package.json": '{"version": "2.0.0"}'})
    assert planned(action, HERE) == (), "a workspace has it above"
    assert planned(NodeCi(backend=str(backend), packages=["part"]), HERE) == ()


@needs_node
def test_what_is_asked_for_by_name_is_installed_though_it_is_for_development(backend):
    lock = json.loads((backend / "package-lock.json").read_text())
    lock["packages"]["node_modules/tool"] = {"version": "1.0.0", "dev": True}
    (backend / "package-lock.json").write_text(json.dumps(lock))
    lay(
        backend,
        {"node_modules/other/x": "", "parts/part/package.json": '{"name": "part", "version": "2.0.0"}'},
    )
    (backend / "node_modules/part").symlink_to("../parts/part")
    assert planned(NodeCi(backend=str(backend)), HERE) == ()
    (change,) = planned(NodeCi(backend=str(backend), packages=["tool"]), HERE)
    assert change.data["dev"]


@needs_node
def test_a_build_that_needs_a_compiler_that_is_gone_says_so_and_is_planned_again_once_it_is_there(backend):
    lay(backend, {"src/index.ts": "", "tsconfig.json": "{}"})
    check = NodeDist(backend=str(backend))
    assert judged(check).facts["needs"] == ["typescript"]
    (change,) = planned(NodeCi(backend=str(backend)), HERE)
    build = NodeBuild(backend=str(backend))
    (later,) = build.plan(after(change, HERE.answer(build.ask()), "npm ci"))
    assert later.assumed == "npm ci"
    lay(backend, {"dist/index.js": ""})
    assert judged(check).facts["needs"] == [], "what is built needs no compiler"
    lay(backend, {"node_modules/.bin/tsc": "#!/bin/sh\n"})
    (backend / "node_modules/.bin/tsc").chmod(0o755)
    (backend / "dist/index.js").unlink()
    assert judged(check).facts["needs"] == []


@pytest.mark.parametrize("path", ["", ".", "..", "a/..", "../x", "/srv", "a/../.."])
def test_caches_above_or_beside_the_backend_are_refused(path):
    with pytest.raises(ValidationError, match="is not below the backend"):
        NodeClean(backend="/srv/app/backend", root="/srv/app", paths=[path])


def judged(check: NodeDist):
    seen = HERE.answer(check.ask())
    return check.judge(seen, seen)
