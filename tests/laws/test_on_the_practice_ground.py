"""The laws over a real host of the practice ground: real sshd, TypeScript, Node and pm2."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from remediate.catalogue import CATALOGUE
from remediate.errors import Failed
from remediate.providers.files import FilesReplace
from remediate.providers.node import NodeBuild, NodeDist
from remediate.providers.pm2 import Pm2Log, Pm2Online, Pm2Restart
from remediate.providers.typescript import TypescriptImport, TypescriptImports
from remediate.steps import Check
from tests.practice import Practice

from .command import CommandTarget, CommandWorld
from .laws import LAWS, carry_out, planned

pytestmark = pytest.mark.ground
ROOT, BACKEND = "/srv/lumiku", "/srv/lumiku/backend"
REPOSITORY = "src/apps/avatar-creator/repositories/avatar-creator.repository.ts"
BEGIN = f"""
set -e
cd {BACKEND}
[ -d ~/beginning ] || {{ mkdir ~/beginning; cp -a src dist tsconfig.json ~/beginning; }}
rm -rf src dist released .dist.remediate-* ../.backend.remediate-*
cp -a ~/beginning/. .
"""


@dataclass(frozen=True)
class Ground:
    """One host of the practice ground, reached as its operator does."""

    practice: Practice
    target: CommandTarget

    def sh(self, script: str) -> str:
        answer = self.target.script(script, [])
        assert answer.exit_code == 0, answer.error_text
        return answer.text

    def world(self, broken_by: str) -> CommandWorld:
        world = CommandWorld(self.target, BACKEND, (ROOT,), lambda: self.sh(BEGIN + broken_by))
        world.reset()
        return world


@pytest.fixture(scope="module")
def ground(practice: Practice) -> Iterator[Ground]:
    practice.reset("web1")
    yield Ground(practice, over_ssh(practice.inventory))
    practice.reset("web1")


def over_ssh(inventory: Path) -> CommandTarget:
    text = YAML(typ="safe").load(inventory)
    ssh, host = text["ssh"], text["groups"]["backend"]["hosts"]["web1"]
    port, known = host.get("port") or ssh["port"], inventory.parent / ssh["known_hosts"]
    options = ["-i", ssh["identity"], "-p", str(port), "-o", f"UserKnownHostsFile={known}"]
    return CommandTarget(("ssh", "-T", *options, f"{ssh['user']}@{host['address']}"), quoted=True)


IMPORT_BY_NAME = f"sed -i '1s/import prisma/import {{ prisma }}/' {REPOSITORY}"
NEWER_SOURCE = "touch src/db/client.ts"
NO_BUILD = "rm -rf dist"
BUILD_IS_A_LINK = "mv dist released; ln -s released dist; touch src/index.ts"
NEWER_BUILD = "touch dist/index.js"
STRICT, LAX = '"strict": true', '"strict": false'
APP = {"backend": BACKEND, "app": "lumiku-backend"}

CASES = [
    pytest.param(FilesReplace(path="backend/tsconfig.json", root=ROOT, find=STRICT, replace_with=LAX), "", id="replace"),
    pytest.param(TypescriptImport(backend=BACKEND, root=ROOT, module="src/db/client"), IMPORT_BY_NAME, id="import"),
    pytest.param(NodeBuild(backend=BACKEND), NEWER_SOURCE, id="build"),
    pytest.param(NodeBuild(backend=BACKEND), NO_BUILD, id="build, none before"),
    pytest.param(NodeBuild(backend=BACKEND), BUILD_IS_A_LINK, id="build, a link before"),
    pytest.param(Pm2Restart(**APP), NEWER_BUILD, id="restart"),
]  # fmt: skip


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize(("action", "broken_by"), CASES)
def test_every_law_holds_on_a_real_host(action, broken_by, law, ground):
    law(action, ground.world(broken_by), CATALOGUE)


def healthy(check: Check, target: CommandTarget) -> bool:
    answers = target.answer(check.ask())
    return check.judge(answers, answers).healthy


def test_the_runbooks_fault_is_found_and_cured_from_import_to_process(ground):
    ground.practice.reset("web1")
    ground.practice.break_("named-import")
    target = ground.target
    imports = TypescriptImports(backend=BACKEND)
    log = Pm2Log(**APP, without="Cannot read propert")
    assert not healthy(imports, target)
    assert not healthy(log, target)
    before = target.answer(log.ask())
    for action in (
        TypescriptImport(backend=BACKEND, root=ROOT),
        NodeBuild(backend=BACKEND),
        Pm2Restart(**APP),
    ):
        assert planned(action, target), action.kind
        carry_out(action, target, [])
        assert planned(action, target) == (), action.kind
    assert healthy(imports, target)
    assert healthy(log, target), "a first look leaves out what was written before the process began"
    assert log.judge(before, target.answer(log.ask())).healthy
    assert healthy(NodeDist(backend=BACKEND), target)


def test_a_healthy_host_gives_nothing_to_do(ground):
    ground.practice.reset("web1")
    actions = (TypescriptImport(backend=BACKEND, root=ROOT), NodeBuild(backend=BACKEND), Pm2Restart(**APP))
    checks = (
        TypescriptImports(backend=BACKEND),
        NodeDist(backend=BACKEND),
        Pm2Online(**APP),
        Pm2Log(**APP, without="Error"),
    )
    assert [planned(action, ground.target) for action in actions] == [(), (), ()]
    assert [healthy(check, ground.target) for check in checks] == [True] * 4


def test_a_build_that_fails_leaves_the_running_one_alone(ground):
    world = ground.world("echo 'const x: number = \"\"' >> src/index.ts")
    before = world.fingerprint()
    with pytest.raises(Failed, match="was not built") as error:
        carry_out(NodeBuild(backend=BACKEND), world.target(), [])
    assert "TS2322" in error.value.output
    assert world.fingerprint() == before


def test_a_process_that_dies_at_once_is_no_restart(ground):
    world = ground.world("echo 'throw new Error(\"died of it\")' > dist/index.js")
    with pytest.raises(Failed, match="did not come up") as error:
        carry_out(Pm2Restart(**APP), world.target(), [])
    assert "died of it" in error.value.output
    assert not healthy(Pm2Online(**APP), ground.target)


def test_looking_never_starts_a_daemon(ground):
    ground.sh("pm2 kill >/dev/null")
    check = Pm2Online(**APP)
    answers = ground.target.answer(check.ask())
    assert check.judge(answers, answers).seen == "pm2 does not run, so lumiku-backend does not"
    assert ground.sh("pgrep -f PM2 || echo none") == "none\n"
