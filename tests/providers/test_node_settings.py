"""Module types that part, packages that do not resolve or agree: judged, and installed anew by the real npm."""

import json
import shutil
from pathlib import Path

import pytest

from remediate.errors import Conflict, CouldNotLook, Failed, Stale
from remediate.planner import after
from remediate.providers.node import NodeDist
from remediate.providers.node_host import build_question
from remediate.providers.node_module_type import ModuleTypes, NodeCommonjs, NodeModuleType, emitted_kind
from remediate.providers.node_packages import NodeCi, NodeClean, NodeResolves, NodeVersions
from remediate.questions import Answers, Read, ReadAnswer, RunAnswer
from tests.laws.build_machine_cases import INSTALLABLE, lay
from tests.laws.command import CommandTarget
from tests.laws.laws import carry_out, planned

needs_node = pytest.mark.skipif(
    not (shutil.which("node") and shutil.which("npm")), reason="needs node and npm on the PATH"
)
HERE = CommandTarget()
BACKEND = "/srv/app/backend"
COMMONJS = '"use strict";\nexports.a = require("express")\n'
ES_MODULE = "// exports.a\nimport express from 'express'\n"


def answers(
    entry: str, package: str, tsconfig: str, shown: object = "", own: str | None = None, resolution: str = ""
) -> Answers:
    check = NodeModuleType(backend=BACKEND)
    options = {"module": shown} | ({"moduleResolution": resolution} if resolution else {})
    listing = f"S1 src/index.ts\0C{json.dumps({'compilerOptions': options}) if shown else ''}\0"
    texts = (package, tsconfig, entry, own)
    reads = {
        question: ReadAnswer(exists=text is not None, content=(text or "").encode())
        for question, text in zip(check.ask()[1:], texts, strict=True)
    }
    return Answers(
        {build_question(BACKEND, "src", "dist"): RunAnswer(exit_code=0, stdout=listing.encode()), **reads}
    )


@pytest.mark.parametrize(
    ("entry", "package", "shown", "wrong"),
    [
        (COMMONJS, "{}", "commonjs", ""),
        (COMMONJS, '{"type": "commonjs"}', "commonjs", ""),
        (COMMONJS, '{"repository": {"type": "module"}}', "commonjs", ""),
        (COMMONJS, '{"type": "module"}', "commonjs", "package.json says"),
        (COMMONJS, '{"type": "module"}', "nodenext", "package.json says"),
        (ES_MODULE, "{}", "esnext", "the build is of ES modules"),
        (ES_MODULE, '{"type": "module"}', "es2022", ""),
        (ES_MODULE, '{"type": "module"}', "node16", ""),
        (COMMONJS, "{}", "ES2022", "tsconfig.json gives module"),
        ("", "{}", "esnext", ""),
        (COMMONJS, "{}", "umd", ""),
    ],
)
def test_settings_and_build_agree_or_part(entry, package, shown, wrong):
    seen = answers(entry, package, "{}", shown)
    finding = NodeModuleType(backend=BACKEND).judge(seen, seen)
    assert (finding.healthy, finding.seen.startswith(wrong)) == (not wrong, True), finding.seen


def test_without_the_compiler_the_settings_file_itself_is_read():
    seen = answers(COMMONJS, "{}", '{"compilerOptions": {"module": "esnext",},}')
    assert NodeModuleType(backend=BACKEND).types_in(seen) == ModuleTypes("module", "commonjs", "commonjs")


def test_a_package_json_of_the_build_itself_decides_what_node_takes_it_for():
    seen = answers(ES_MODULE, "{}", "{}", "esnext", own='{"type": "module"}')
    assert NodeModuleType(backend=BACKEND).judge(seen, seen).healthy


def test_how_modules_are_resolved_is_taken_from_the_settings_that_count():
    seen = answers(ES_MODULE, "{}", '{"extends": "./base.json"}', "esnext", resolution="bundler")
    action = NodeCommonjs(backend=BACKEND, root="/srv/app")
    (change,) = action.plan(inside(action, seen))
    assert '"moduleResolution": "node10"' in change.forecasts[0].answer.text


@pytest.mark.parametrize(
    "broken", ["{", "\xff{", '{"type": "commonjs", // or "module"\n}', '{"a": ' + "1" * 5000 + "}"]
)
def test_settings_that_cannot_be_read_block_instead_of_passing(broken):
    seen = answers(COMMONJS, broken, "{}", "commonjs")
    with pytest.raises(CouldNotLook, match="cannot be read"):
        NodeModuleType(backend=BACKEND).judge(seen, seen)


def test_what_a_script_is_is_told_by_its_statements_alone():
    assert emitted_kind("/* import a from 'a' */\nmodule.exports = 1") == "commonjs"
    assert emitted_kind("export{a}") == "module"
    assert emitted_kind("console.log(1)") == ""


def edits(seen: Answers) -> list[str]:
    action = NodeCommonjs(backend=BACKEND, root="/srv/app")
    return [change.what for change in action.plan(inside(action, seen))]


def inside(action: NodeCommonjs, seen: Answers) -> Answers:
    places = [one for one in action.ask() if one not in seen]
    given = {one: RunAnswer(exit_code=0, stdout="\0".join((*one.args, "")).encode()) for one in places}
    return seen.laid_over(Answers(given))


def test_only_the_two_known_traps_are_mended_and_only_where_they_are():
    bundler = '{"compilerOptions": {"module": "esnext", "moduleResolution": "Bundler"}}'
    assert edits(answers(COMMONJS, '{"type": "module"}', "{}", "commonjs")) == [
        f"remove `type` in {BACKEND}/package.json"
    ]
    assert edits(answers(ES_MODULE, "{}", bundler, "esnext")) == [
        f"set `module` to commonjs in {BACKEND}/tsconfig.json"
    ]
    assert edits(answers(ES_MODULE, '{"type": "module"}', bundler, "esnext")) == []
    assert edits(answers(COMMONJS, '{"type": "module"}', bundler, "esnext")) == [], (
        "only the build is of before"
    )
    assert edits(answers(COMMONJS, "{}", "{}", "commonjs")) == []
    mended = '{"compilerOptions": {"module": "commonjs"}}'
    assert edits(answers(ES_MODULE, "{}", mended, "commonjs")) == [], "only the build is left to do"
    with pytest.raises(Failed, match="does not hold"):
        edits(answers(COMMONJS, '{"name": "a"}', "{}", "commonjs", own='{"type": "module"}'))


@pytest.fixture
def backend(tmp_path: Path) -> Path:
    lay(tmp_path / "app", INSTALLABLE)
    return tmp_path / "app/backend"


def judged(check: NodeResolves | NodeVersions | NodeDist):
    seen = HERE.answer(check.ask())
    return check.judge(seen, seen)


@needs_node
def test_a_package_that_is_imported_resolves_or_is_named(backend):
    lay(
        backend,
        {
            "dist/index.js": "require('fs'); require('part/lib/x'); // require('never')\nconst s = `require('no')`\n"
            "require('@/db'); require('~/db')",
            "dist/a/b.mjs": "import 'side-effect'\nexport const s = 'no'\nimport {\n  a,\n} from \"@scope/part/x\"\n",
        },
    )
    finding = judged(NodeResolves(backend=str(backend)))
    assert finding.facts == {
        "lost": ["side-effect", "@scope/part/x", "part/lib/x"],
        "packages": ["@scope/part", "part", "side-effect"],
    }
    lay(
        backend,
        {f"node_modules/{name}.js": "" for name in ("@scope/part/x", "side-effect/index", "part/lib/x")},
    )
    assert judged(NodeResolves(backend=str(backend))).healthy
    assert not judged(NodeResolves(backend=str(backend), modules=["nowhere"])).healthy


def test_two_packages_are_of_one_version_or_told(backend):
    check = NodeVersions(backend=str(backend), packages=["a", "@b/c"])
    assert judged(check).healthy, "of one that is not installed nothing can be wrong"
    assert judged(check).seen == "a is not installed, @b/c is not installed"
    lay(
        backend,
        {
            "node_modules/a/package.json": '{"version": "1"}',
            "node_modules/@b/c/package.json": '{"version": "2"}',
        },
    )
    assert judged(check).facts == {"versions": {"a": "1", "@b/c": "2"}}
    assert not judged(check).healthy
    lay(backend, {"node_modules/@b/c/package.json": '{"version": "1"}'})
    assert judged(check).healthy
    shutil.rmtree(backend / "node_modules/a")
    lay(backend.parent, {"node_modules/a/package.json": '{"version": "3"}'})
    assert judged(check).facts == {"versions": {"a": "3", "@b/c": "1"}}, "a workspace hoists"


@needs_node
def test_packages_are_installed_as_locked_and_the_lock_file_is_not_touched(backend):
    action, lock = NodeCi(backend=str(backend)), (backend / "package-lock.json").read_bytes()
    lay(backend, {"node_modules/mine/package.json": "{}"})
    undos = []
    carry_out(action, HERE, undos)
    assert json.loads((backend / "node_modules/part/package.json").read_text())["version"] == "2.0.0"
    assert not (backend / "node_modules/mine").exists()
    assert (backend / "package-lock.json").read_bytes() == lock
    assert planned(action, HERE) == ()

    (backend / "node_modules/.package-lock.json").write_text("{}")
    with pytest.raises(Conflict, match="installed again by somebody else"):
        action.undo(HERE, undos[0])


@needs_node
def test_what_cannot_be_installed_is_never_swapped_in(backend):
    (backend / "package.json").write_text('{"dependencies": {"part": "file:parts/part", "new": "1"}}')
    lay(backend, {"node_modules/mine/package.json": "{}"})
    with pytest.raises(Failed, match="was not installed"):
        carry_out(NodeCi(backend=str(backend)), HERE, [])
    assert [one.name for one in (backend / "node_modules").iterdir()] == ["mine"]
    assert not list(backend.glob(".*remediate*")) + list(backend.parent.glob(".*remediate*"))


@needs_node
def test_only_packages_that_count_are_reason_enough_to_install(backend):
    assert planned(NodeCi(backend=str(backend)), HERE)
    assert planned(NodeCi(backend=str(backend), packages=["part"]), HERE)
    assert planned(NodeCi(backend=str(backend), packages=["other"]), HERE) == ()
    assert planned(NodeCi(backend=str(backend), packages=[]), HERE) == ()
    (backend / "package-lock.json").unlink()
    with pytest.raises(Failed, match="no package-lock"):
        planned(NodeCi(backend=str(backend)), HERE)


@needs_node
def test_an_installation_planned_on_an_assumption_must_be_planned_again(backend):
    action = NodeCi(backend=str(backend))
    (change,) = planned(action, HERE)
    (assumed,) = action.plan(after(change, HERE.answer(action.ask()), "an earlier step"))
    assert assumed.assumed
    with pytest.raises(Stale, match="run plan again"):
        action.apply(HERE, assumed)


def test_caches_that_are_not_there_need_no_cleaning(backend):
    assert planned(NodeClean(backend=str(backend), root=str(backend.parent)), HERE) == ()


def test_a_build_older_than_the_compilers_settings_is_stale(backend):
    lay(backend, {"src/index.ts": "", "dist/index.js": "", "tsconfig.json": "{}"})
    assert judged(NodeDist(backend=str(backend))).healthy
    (backend / "tsconfig.json").write_text("{ }")
    assert judged(NodeDist(backend=str(backend))).facts["stale"] == ["tsconfig.json"]
    assert judged(NodeDist(backend=str(backend), of=["missing", "unresolved"])).healthy


def test_settings_and_entry_are_asked_of_the_backend_alone():
    paths = {one.path for one in NodeModuleType(backend=BACKEND).ask() if isinstance(one, Read)}
    assert all(path.startswith(f"{BACKEND}/") for path in paths)
