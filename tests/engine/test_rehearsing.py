"""A rehearsal on this machine's own node and npm: what it tells, and that nothing is left of it, whatever ends it."""

import os
import posixpath
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from remediate.errors import RemediateError
from remediate.events import Event, Events
from remediate.journal import Journal
from remediate.masking import Masker
from remediate.model import Change, Fidelity, Plan, Rehearsal, Undo
from remediate.owner import LockOwner
from remediate.planner import NamedFix, plan_fixes
from remediate.providers.catalog import ALL_TABLES
from remediate.providers.catalog_keys import ALL_FOREIGN_KEYS, ALL_INDEXES
from remediate.providers.command import CommandRun, Script
from remediate.providers.env_actions import EnvSet
from remediate.providers.files_text import FilesReplace
from remediate.providers.node import NodeBuild
from remediate.providers.node_packages import NodeCi
from remediate.providers.prisma import Generate
from remediate.rehearsal import failure_of, last_took, rehearse
from remediate.rehearsal_room import read_place, room_question
from remediate.rehearsal_staging import SCHEMA_FACTS
from remediate.runner import Runner
from remediate.steps import Action
from tests.laws.build_machine_cases import INSTALLABLE
from tests.laws.command import CommandTarget
from tests.laws.test_on_this_machine import FILES, LOADABLE, lay

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("node", "npm", "tar", "flock"))), reason="needs node, npm, tar and flock"
)
TOKEN = "0123456789ab"
MORE = {"backend/dist/gone.js": "exports.old = 1\n", "backend/dist/deep/gone too.js": ""}
HANGING = {
    "backend/build.js": "require('fs').writeFileSync('../../begun', ''); setInterval(() => {}, 1000)\n"
}


class Stage:
    """A backend on this machine, and the runner's side of a rehearsal of it."""

    def __init__(self, root: Path, journal: Journal) -> None:
        self.root, self.journal, self.told = root, journal, list[Event]()
        self.target = CommandTarget()

    @property
    def backend(self) -> str:
        return f"{self.root}/backend"

    def lay(self, *more: dict[str, str]) -> None:
        files: dict[str, str] = FILES | LOADABLE
        for one in more:
            files |= one
        lay(self.root, files)

    def rehearsed(self, *actions: Action, token: str = TOKEN) -> Plan:
        fixes = [NamedFix(f"step {number}", action) for number, action in enumerate(actions, start=1)]
        answers = self.target.answer(question for action in actions for question in action.ask())
        plan = Plan(
            playbook="p", playbook_digest="", environment="e", host="h", findings=(),
            fixes=plan_fixes(fixes, answers),
        )  # fmt: skip
        events = Events("run", [self.told.append], Masker(), time.time)
        runner = Runner(
            LockOwner(run="run", who="me", since="now"), self.journal, events, lambda *_: actions[0]
        )
        rehearsed = rehearse(plan, fixes, self.target, runner, token)  # type: ignore[arg-type]
        assert rehearsed.digest == plan.digest
        return rehearsed

    def tree(self) -> list[tuple[str, int, int, str]]:
        """Return all there is, with modes and times, directories' too."""
        return sorted(
            (
                str(path),
                path.lstat().st_mode,
                path.lstat().st_mtime_ns,
                path.read_text() if path.is_file() else "",
            )
            for path in (self.root, *self.root.rglob("*"))
        )


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with Journal.open(tmp_path / "state", Masker()) as journal:
        yield Stage(tmp_path / "app", journal)


def result(change: Change) -> Rehearsal:
    assert change.rehearsal is not None
    return change.rehearsal


def test_a_rehearsed_build_lists_what_would_be_another_and_leaves_all_as_it_was(stage: Stage) -> None:
    stage.lay(MORE)
    before = stage.tree()
    plan = stage.rehearsed(NodeBuild(backend=stage.backend))
    change = plan.changes[0]
    tried = result(change)
    assert (tried.outcome, tried.exit_code, change.fidelity) == ("done", 0, Fidelity.REHEARSED)
    assert (tried.appear, tried.disappear, tried.change) == (0, 2, 2)
    assert tried.files == ("~ db/client.js", "- deep/gone too.js", "- gone.js", "~ index.js")
    assert stage.tree() == before
    assert failure_of(plan) is None


def test_it_says_before_what_it_takes(stage: Stage) -> None:
    stage.lay()
    stage.rehearsed(NodeBuild(backend=stage.backend))
    said = [event.text for event in stage.told if event.kind == "rehearsing"]
    assert len(said) == 1
    assert said[0].startswith("npm run build (last time unknown): up to ")
    assert f" in {stage.root}, where " in said[0]


def test_a_build_that_fails_is_told_with_its_last_lines_before_anybody_is_asked(stage: Stage) -> None:
    stage.lay({"backend/build.js": "console.log('compiling'); throw new Error('no such type')"})
    before = stage.tree()
    plan = stage.rehearsed(NodeBuild(backend=stage.backend))
    tried = result(plan.changes[0])
    assert (tried.outcome, tried.exit_code, tried.files) == ("failed", 4, ())
    assert any("no such type" in line for line in tried.last_lines)
    failed = failure_of(plan)
    assert failed is not None
    assert "“step 1” would fail" in failed.what
    assert "no such type" in failed.output
    assert plan.changes[0].fidelity is Fidelity.ESTIMATE
    assert stage.tree() == before


def test_a_build_is_rehearsed_with_the_edit_before_it(stage: Stage) -> None:
    stage.lay({"backend/src/index.ts": "require('./wrong')\n"})
    build = NodeBuild(backend=stage.backend)
    assert result(stage.rehearsed(build).changes[0]).outcome == "failed"
    edit = FilesReplace(
        path="backend/src/index.ts", root=str(stage.root), find="./wrong", replace_with="./db/client"
    )
    before = stage.tree()
    edited, built = stage.rehearsed(edit, build).changes
    assert edited.rehearsal is None
    assert result(built).outcome == "done"
    assert stage.tree() == before


def test_what_is_installed_in_the_copy_is_there_for_the_build_after_it(stage: Stage) -> None:
    script = "require('part'); " + LINES
    stage.lay(INSTALLABLE, {"backend/package.json": PACKAGE_WITH_PART, "backend/build.js": script,
              "backend/parts/part/index.js": ""})  # fmt: skip
    before = stage.tree()
    installed, built = stage.rehearsed(
        NodeCi(backend=stage.backend), NodeBuild(backend=stage.backend)
    ).changes
    assert (result(installed).outcome, result(built).outcome) == ("done", "done"), (installed, built)
    assert result(installed).appear == 1 + 1  # the package, and the link to it
    assert stage.tree() == before


LINES = (
    "const fs = require('fs'); fs.mkdirSync('dist/db', { recursive: true });"
    "for (const name of ['index', 'db/client']) fs.copyFileSync(`src/${name}.ts`, `dist/${name}.js`)"
)
PACKAGE_WITH_PART = (
    '{"name": "small", "dependencies": {"part": "file:parts/part"}, "scripts": {"build": "node build.js"}}'
)


HOSTILE_BUILD = (
    "const disk = require('fs'); const put = (name) => {"
    " disk.mkdirSync(require('path').dirname(name), { recursive: true }); disk.writeFileSync(name, 'hostile') };"
    "for (const name of ['node_modules/.prisma/client/index.js', 'node_modules/.cache/x', 'node_modules/linked/a.js',"
    " '../src/a.ts', '../beside.txt', 'src/written.ts', 'prisma/dev.db']) put(name);"
)
PRISMA = """#!/usr/bin/env node
const fs = require('fs'), path = require('path')
const put = (name, text) => {
  fs.mkdirSync(path.dirname(name), { recursive: true }); fs.writeFileSync(name, text)
}
const root = path.resolve(__dirname, '..', '..', '..')
put('src/zod/index.ts', 'made'); put('node_modules/zod-prisma/cache', 'made')
put(root + '/src/zod/again.ts', 'made'); put('node_modules/.cache/prisma', 'made')
put('node_modules/.prisma/client/schema.prisma', fs.readFileSync('prisma/schema.prisma', 'utf8'))
put('node_modules/.prisma/client/where.js', root)
"""
GENERATOR = (
    'generator zod {\n  provider = "zod-prisma"\n  output   = "../src/zod"\n}\nmodel A {\n  id Int @id\n}\n'
)
GENERATED = {
    "backend/prisma/schema.prisma": GENERATOR,
    "backend/node_modules/prisma/package.json": '{"name": "prisma", "version": "7.0.0"}',
    "backend/node_modules/prisma/bin/prisma.js": PRISMA,
    "backend/node_modules/@prisma/client/package.json": '{"name": "@prisma/client", "version": "7.0.0"}',
    "backend/node_modules/.prisma/client/schema.prisma": "model B {\n  id Int @id\n}\n",
    "backend/node_modules/.prisma/client/gone.js": "old",
    "backend/node_modules/.cache/prisma": "old",
    "backend/node_modules/zod-prisma/cache": "old",
    "backend/src/zod/index.ts": "old",
}


def with_prisma(stage: Stage, more: dict[str, str]) -> None:
    stage.lay(GENERATED, more)
    program = Path(stage.backend, "node_modules/prisma/bin/prisma.js")
    program.chmod(0o755)
    (program.parents[2] / ".bin").mkdir()
    (program.parents[2] / ".bin/prisma").symlink_to("../prisma/bin/prisma.js")


def generating(stage: Stage) -> Generate:
    client, schema = (
        f"{stage.backend}/{one}" for one in ("node_modules/.prisma/client", "prisma/schema.prisma")
    )
    return Generate(backend=stage.backend, schema_file=schema, client=client)


def test_what_a_build_writes_among_the_packages_and_beside_the_app_is_written_into_the_copy(
    stage: Stage,
) -> None:
    names = (
        "node_modules/.prisma/client/index.js",
        "node_modules/.cache/x",
        "../src/a.ts",
        "parts/linked/a.js",
    )
    stage.lay(
        {posixpath.normpath(f"backend/{name}"): "live" for name in names},
        {"backend/build.js": HOSTILE_BUILD + LINES},
    )
    Path(stage.backend, "node_modules/linked").symlink_to("../parts/linked")
    before = stage.tree()
    assert result(stage.rehearsed(NodeBuild(backend=stage.backend)).changes[0]).outcome == "done"
    assert stage.tree() == before
    assert [event.kind for event in stage.told] == ["rehearsing"]


def test_what_a_generator_writes_is_written_into_the_copy_and_is_there_for_the_build(stage: Stage) -> None:
    script = "for (const name of ['node_modules/.prisma/client/where.js', 'src/zod/again.ts'])"
    script += " require('fs').readFileSync(name);"
    with_prisma(stage, {"backend/build.js": script + LINES})
    before = stage.tree()
    made, built = stage.rehearsed(
        generating(stage),
        NodeBuild(backend=stage.backend),
    ).changes
    assert (result(made).outcome, result(built).outcome) == ("done", "done"), (made, built)
    assert result(made).files == ("- gone.js", "~ schema.prisma", "+ where.js")
    assert stage.tree() == before


@pytest.mark.parametrize("output", ['"../../out"', '"/tmp/out"', 'env("OUT")'])
def test_a_generator_that_writes_out_of_the_app_is_not_tried(stage: Stage, output: str) -> None:
    with_prisma(stage, {"backend/prisma/schema.prisma": GENERATOR.replace('"../src/zod"', output)})
    before = stage.tree()
    action = generating(stage)
    tried = result(stage.rehearsed(action).changes[0])
    assert tried.outcome == "not tried"
    assert "generator" in tried.told
    assert stage.tree() == before


def test_an_app_with_a_link_that_leads_out_of_it_is_not_tried(stage: Stage) -> None:
    stage.lay({"shared/a.js": "live"})
    Path(stage.backend, "shared").symlink_to("../shared")
    tried = result(stage.rehearsed(NodeBuild(backend=stage.backend)).changes[0])
    assert tried.outcome == "not tried"
    assert "shared leads to" in tried.told


def test_an_app_whose_settings_reach_beside_it_is_not_tried(stage: Stage) -> None:
    stage.lay({"backend/tsconfig.json": '{"extends": "../tsconfig.base.json"}'})
    tried = result(stage.rehearsed(NodeBuild(backend=stage.backend)).changes[0])
    assert tried.outcome == "not tried"
    assert "tsconfig.json has ../ in it" in tried.told


def test_what_is_written_into_the_app_by_its_real_name_is_told_loudly(stage: Stage) -> None:
    live = f"{stage.backend}/src/index.ts"
    stage.lay({"backend/build.js": f"require('fs').writeFileSync('{live}', 'other');" + LINES})
    stage.rehearsed(NodeBuild(backend=stage.backend))
    said = [event.text for event in stage.told if event.kind == "warning"]
    assert len(said) == 1
    assert "./src/index.ts" in said[0]


def test_files_of_a_later_edit_are_not_there_for_an_earlier_build_and_modes_are_kept(stage: Stage) -> None:
    check = (
        "const fs = require('fs'); const mode = (fs.statSync('src/index.ts').mode & 0o777).toString(8);"
        "if (mode !== '600') throw new Error('mode ' + mode);"
        "fs.mkdirSync('dist/db', { recursive: true }); fs.copyFileSync('src/db/client.ts', 'dist/db/client.js');"
        "fs.writeFileSync('dist/index.js', '// ' + fs.readFileSync('src/index.ts').length)"
    )
    stage.lay({"backend/build.js": check})
    source = Path(stage.backend, "src/index.ts")
    source.chmod(0o600)
    edit = FilesReplace(
        path="backend/src/index.ts", root=str(stage.root), find="./db/client", replace_with="./db/other/one"
    )
    early = NodeBuild(backend=stage.backend)
    built, _, again = stage.rehearsed(early, edit, early).changes
    assert (result(built).outcome, result(again).outcome) == ("done", "done"), (built, again)


@pytest.mark.parametrize("secret_or_free", ["secret", "free"])
def test_what_cannot_be_had_in_the_copy_is_told(stage: Stage, secret_or_free: str) -> None:
    stage.lay()
    mark = f"{stage.root}/mark"
    first: Action = (
        EnvSet(key="SECRET", value="2", backend=stage.backend, root=str(stage.root))
        if secret_or_free == "secret"
        else CommandRun(
            script='touch "$1"',
            args=[mark],
            about=[f"file:{mark}"],
            what="make a mark",
            unless=Script(script='[ -e "$1" ]', args=[mark]),
            undo=Script(script='rm -f "$1"', args=[mark]),
        )
    )
    before = stage.tree()
    plan = stage.rehearsed(first, NodeBuild(backend=stage.backend))
    told = result(plan.changes[-1])
    assert told.outcome == "not tried"
    assert plan.changes[-1].fidelity is Fidelity.ESTIMATE
    assert ("is secret" if secret_or_free == "secret" else "a free command is never rehearsed") in told.told
    assert stage.tree() == before


def test_without_room_for_a_copy_it_is_refused_in_one_line(stage: Stage, small_disk: Path) -> None:
    stage.root = small_disk / "app"
    stage.lay({"backend/src/large.bin": "x" * 2_500_000})
    before = stage.tree()
    told = result(stage.rehearsed(NodeBuild(backend=stage.backend)).changes[0])
    assert told.outcome == "not tried"
    assert "a copy needs" in told.told
    assert "\n" not in told.told
    assert stage.tree() == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_a_kill_leaves_is_gone_at_the_latest_with_the_next(stage: Stage, number: signal.Signals) -> None:
    stage.lay(HANGING)
    before = stage.tree()
    jobs: list[subprocess.Popen[bytes]] = []

    class Killed(CommandTarget):
        def run(self, job):
            one = subprocess.Popen(
                ["sh", "-c", job.script, "sh", *job.args], start_new_session=True, stdout=subprocess.DEVNULL
            )
            jobs.append(one)
            due = time.monotonic() + 60
            while not (stage.root / "begun").exists() and time.monotonic() < due:
                time.sleep(0.05)
            everything = subprocess.run(
                ["ps", "-o", "pid=", "-s", str(one.pid)], capture_output=True, text=True, check=True
            ).stdout.split()
            for _ in range(2):  # as timeout(1) does, which passes on what it got
                for pid in everything:
                    with suppress(ProcessLookupError):
                        os.kill(int(pid), number)
                time.sleep(0.02)
            one.wait(30)
            raise RemediateError("h", "the link is gone")

    stage.target = Killed()
    stage.rehearsed(NodeBuild(backend=stage.backend))
    (stage.root / "begun").unlink()
    left = list(stage.root.glob(".backend.remediate-rehearsal-*"))
    assert bool(left) is (number is signal.SIGKILL)
    stage.target = CommandTarget()
    lay_again(stage)
    stage.rehearsed(NodeBuild(backend=stage.backend), token="ba9876543210")
    assert not list(stage.root.glob(".backend.remediate-rehearsal-*"))
    assert [one[0] for one in stage.tree()] == [one[0] for one in before]


def lay_again(stage: Stage) -> None:
    """Make the build one that ends, without touching what was left."""
    Path(f"{stage.backend}/build.js").write_text(LINES)


def test_a_rehearsal_that_is_at_work_is_left_alone_by_another(stage: Stage) -> None:
    stage.lay()
    room = stage.root / f".backend.remediate-rehearsal-{'a' * 12}"
    room.mkdir()
    alive = subprocess.Popen(["flock", str(room), "sleep", "600"], start_new_session=True)
    try:
        while subprocess.run(["flock", "-n", str(room), "true"], check=False).returncode == 0:
            time.sleep(0.05)
        assert result(stage.rehearsed(NodeBuild(backend=stage.backend)).changes[0]).outcome == "done"
        assert room.exists()
    finally:
        os.killpg(alive.pid, signal.SIGKILL)
        alive.wait()
    stage.rehearsed(NodeBuild(backend=stage.backend))
    assert not room.exists()


def test_the_time_that_it_took_in_earnest_is_known_from_the_log(stage: Stage) -> None:
    stage.lay()
    change = NodeBuild(backend=stage.backend).plan(
        stage.target.answer(NodeBuild(backend=stage.backend).ask())
    )[0]
    assert last_took(stage.journal, "h", change) is None
    owed = stage.journal.owe(
        "run", "h", "build", "run/1.1", change, Undo(action="node.build", parameters={}, data={})
    )
    stage.journal.done(owed)
    took = last_took(stage.journal, "h", change)
    assert took is not None
    assert 0 <= took < 60
    assert last_took(stage.journal, "another", change) is None


def test_a_place_that_cannot_be_looked_at_is_told(stage: Stage) -> None:
    with pytest.raises(RemediateError, match="its size could not be asked"):
        read_place("/none", stage.target.answer([room_question("/none")])[room_question("/none")])


def test_what_a_change_of_a_schema_alters_is_called_as_the_providers_call_it() -> None:
    assert {ALL_TABLES, ALL_INDEXES, ALL_FOREIGN_KEYS} < SCHEMA_FACTS
