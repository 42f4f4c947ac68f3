"""A build compared with its sources, and made aside: with real node and npm, on a backend that needs no TypeScript."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from remediate.errors import Conflict, CouldNotLook, Failed, Stale
from remediate.providers.node import NodeBuild, NodeDist
from remediate.providers.node_host import read_built
from remediate.questions import RunAnswer
from tests.laws.command import CommandTarget
from tests.laws.laws import carry_out, fresh_token, planned

needs_node = pytest.mark.skipif(
    not (shutil.which("node") and shutil.which("npm")), reason="needs node and npm on the PATH"
)
HERE = CommandTarget()
COPY = """require('fs').cpSync('src', 'dist', { recursive: true })
for (const f of ['index', 'db/client']) require('fs').renameSync(`dist/${f}.ts`, `dist/${f}.js`)
"""


@pytest.fixture
def backend(tmp_path: Path) -> Path:
    root = tmp_path / "app/backend"
    for name, text in {
        "src/index.ts": "require('./db/client')\n",
        "src/db/client.ts": "exports.a = 1\n",
        "build.js": COPY,
        "package.json": json.dumps({"name": "small", "private": True, "scripts": {"build": "node build.js"}}),
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def action(backend: Path, **words: str) -> NodeBuild:
    return NodeBuild(backend=str(backend), **words)


def finding(backend: Path):
    answers = HERE.answer(NodeDist(backend=str(backend)).ask())
    return NodeDist(backend=str(backend)).judge(answers, answers)


def listing(root: Path) -> dict[str, tuple[bytes, int]]:
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def built(sources: str, scripts: str, config: object = None) -> tuple[list[str], list[str]]:
    records = [f"S{one}" for one in sources.split()] + [f"D{one}" for one in scripts.split()]
    text = "\0".join(
        one.replace("@", " ") for one in [*records, "C" + (json.dumps(config) if config else "")]
    )
    answer = read_built("dist", RunAnswer(exit_code=0, stdout=f"{text}\0".encode()))
    return answer.missing(), answer.stale()


@pytest.mark.parametrize(
    ("sources", "scripts", "config", "wanted"),
    [
        ("5.0@src/a.ts", "5.0@dist/a.js", None, ([], [])),
        ("5.1@src/a.ts", "5.0@dist/a.js", None, ([], ["src/a.ts"])),
        ("1795342878.0000000001@src/a.ts", "1795342878.0000000000@dist/a.js", None, ([], ["src/a.ts"])),
        ("5.0@src/a.ts 5.0@src/b/c.ts", "6.0@dist/a.js", None, (["src/b/c.ts"], [])),
        ("5.0@src/a.tsx 5.0@src/m.mts", "6.0@dist/a.jsx 6.0@dist/m.mjs", None, ([], [])),
        ("5.0@src/a.ts 5.0@src/a.test.ts", "6.0@dist/a.js", {"files": ["./src/a.ts"]}, ([], [])),
        ("5.0@src/a.ts", "6.0@dist/src/a.js", {"compilerOptions": {"rootDir": "./"}}, ([], [])),
        ("5.0@src/sub/a.ts", "6.0@dist/a.js", None, ([], [])),
    ],
)
def test_each_source_is_compared_with_its_own_script(sources, scripts, config, wanted):
    assert built(sources, scripts, config) == wanted


@needs_node
def test_a_build_is_whole_stale_missing_or_lost_in_its_imports(backend):
    assert finding(backend).facts["missing"] == ["src/db/client.ts", "src/index.ts"]
    carry_out(action(backend), HERE, [])
    assert finding(backend).healthy
    os.utime(backend / "src/index.ts", ns=(2 * 10**18, 2 * 10**18))
    assert finding(backend).facts["stale"] == ["src/index.ts"]
    carry_out(action(backend), HERE, [])
    assert finding(backend).healthy, "a source from the future does not make the build stale for ever"
    (backend / "dist/db/client.js").rename(backend / "dist/db/other.js")
    assert finding(backend).facts["unresolved"] == ["dist/index.js: ./db/client"]


@needs_node
def test_a_build_from_before_that_was_put_back_is_stale_and_not_forgotten(backend):
    carry_out(action(backend), HERE, [])
    shutil.copytree(backend / "dist", backend / "dist.previous")
    for path in (backend / "dist.previous").rglob("*.js"):
        os.utime(path, ns=(10**18, 10**18))
    os.utime(backend / "dist/index.js", ns=(10**18, 10**18))
    future = (time.time_ns() + 3600 * 10**9,) * 2
    os.utime(backend / "src/index.ts", ns=future)
    forgotten = NodeDist(backend=str(backend), of=["unbuilt"])
    answers = HERE.answer(forgotten.ask())
    assert forgotten.judge(answers, answers).facts["unbuilt"] == ["src/index.ts"]
    os.utime(backend / "src/index.ts")
    time.sleep(0.05)
    shutil.rmtree(backend / "dist")
    (backend / "dist.previous").rename(backend / "dist")
    answers = HERE.answer(forgotten.ask())
    assert forgotten.judge(answers, answers).healthy
    assert "src/index.ts" in finding(backend).facts["stale"]


@needs_node
def test_imports_in_comments_and_strings_are_no_code(backend):
    carry_out(action(backend), HERE, [])
    (backend / "dist/index.js").write_text(
        "// require('./no1')\n/* require('./no2') */ const s = \"require('./no3')\", t = `require('./no4')`\n"
        "require('express'); require('./db/client'); import x from './yes'\n"
    )
    assert finding(backend).facts["unresolved"] == ["dist/index.js: ./yes"]


@needs_node
@pytest.mark.parametrize(
    ("build", "said"),
    [
        ("console.log('half'); console.error('TS2614'); process.exit(2)", "npm run build failed"),
        ("0", "the build made no dist/index.js"),
        (COPY + ";require('fs').writeFileSync('dist/index.js', 'const = 1')", "no script that Node can read"),
        (COPY + ";require('fs').rmSync('dist/db', { recursive: true })", "lead nowhere"),
        (COPY + ";require('fs').appendFileSync('dist/index.js', '//' + process.cwd())", "holds the path"),
    ],
)
def test_what_cannot_be_started_is_never_swapped_in(backend, build, said):
    carry_out(action(backend), HERE, [])
    (backend / "build.js").write_text(build)
    os.utime(backend / "src/index.ts")
    before = listing(backend.parent)
    with pytest.raises(Failed, match=said):
        carry_out(action(backend), HERE, [])
    assert listing(backend.parent) == before


@needs_node
def test_a_build_that_somebody_made_since_is_not_undone(backend):
    undos = []
    carry_out(action(backend), HERE, undos)
    (backend / "dist/index.js").write_text("// by hand\n")
    before = listing(backend)
    with pytest.raises(Conflict, match="somebody else"):
        action(backend).undo(HERE, undos[0])
    assert listing(backend) == before


@needs_node
@pytest.mark.parametrize("cut", ["before the swap", "between the renames", "in the undo"])
def test_the_way_back_leads_back_from_a_build_killed_half_way(backend, cut):
    carry_out(action(backend), HERE, [])
    shutil.rmtree(next(backend.glob(".dist.remediate-*")))
    os.utime(backend / "src/index.ts")
    before = listing(backend)
    undos = []
    carry_out(action(backend), HERE, undos)
    kept = next(backend.glob(".dist.remediate-*"))
    if cut == "before the swap":
        (backend / "dist").rename(kept / "new")
        (kept / "before").rename(backend / "dist")
    elif cut == "between the renames":
        (backend / "dist").rename(kept / "new")
    else:
        (backend / "dist").rename(kept / "gone")
    for _ in range(2):
        action(backend).undo(HERE.scoped(fresh_token()), undos[0])
    assert listing(backend) == before


@needs_node
def test_a_secret_file_is_in_no_copy_that_stays(backend):
    (backend / ".env").write_text("SECRET=1")
    carry_out(action(backend), HERE, [])
    assert [path.name for path in backend.parent.rglob(".env")] == [".env"]


def test_no_sources_block_instead_of_passing(tmp_path):
    (tmp_path / "src").mkdir()
    with pytest.raises(CouldNotLook, match="no TypeScript"):
        finding(tmp_path)
    with pytest.raises(CouldNotLook, match="could not be looked at"):
        finding(tmp_path / "nowhere")


def test_a_build_planned_on_an_assumption_must_be_planned_again(backend):
    answers = HERE.answer(action(backend).ask())
    later = answers.after((f"file:{backend}/src/index.ts",), {}, "an edit")
    [change] = action(backend).plan(later)
    assert change.assumed == "an edit"
    with pytest.raises(Stale):
        action(backend).apply(HERE, change)


@pytest.mark.parametrize(
    "words", [{"out": "../x"}, {"out": "a/b"}, {"source": "/etc"}, {"script": "-x"}, {"entry": ""}]
)
def test_names_that_could_lead_elsewhere_are_refused(backend, words):
    with pytest.raises(ValidationError):
        action(backend, **words)


def test_planning_twice_gives_the_same_change(backend):
    assert planned(action(backend), HERE) == planned(action(backend), HERE)


def test_a_build_that_was_moved_away_and_back_is_the_state_of_before(backend):
    (backend / "dist").mkdir()
    before = planned(action(backend), HERE)
    for old, new in (("dist", "away"), ("away", "dist")):
        time.sleep(0.02)
        (backend / old).rename(backend / new)
    assert planned(action(backend), HERE) == before
