"""The laws over a real host of the practice ground: real sshd, TypeScript, Node and pm2."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from remediate.catalogue import CATALOGUE
from remediate.errors import CouldNotLook, Failed
from remediate.providers.command import CommandRun, Script
from remediate.providers.env_actions import EnvMend, EnvSet, EnvUnset
from remediate.providers.files_aside import FilesAbsent
from remediate.providers.files_text import FilesJsonSet, FilesLine, FilesReplace
from remediate.providers.node import NodeBuild, NodeDist
from remediate.providers.node_module_type import NodeCommonjs, NodeModuleType
from remediate.providers.node_packages import NodeCi, NodeClean, NodeResolves, NodeVersions
from remediate.providers.node_previous import NodePrevious
from remediate.providers.pm2 import Pm2Log, Pm2Online, Pm2Restart
from remediate.providers.pm2_recreate import Pm2Recreate
from remediate.providers.prisma_checks import Fields
from remediate.providers.system import SystemDisk, SystemMemory
from remediate.providers.system_serving import SystemClock, SystemPort, SystemService
from remediate.providers.typescript import TypescriptImport, TypescriptImports
from remediate.providers.typescript_compiler import TypescriptCompiles
from remediate.questions import Run
from remediate.steps import Check
from remediate.target import Target
from remediate.transport.host import SshTarget
from remediate.transport.settings import SshSettings
from remediate.transport.trips import Trips
from tests.practice import Practice

from .build_machine_cases import INSTALLABLE
from .command import TREE
from .laws import LAWS, carry_out, planned, the_way_back_leads_back

pytestmark = pytest.mark.ground
ROOT, BACKEND = "/srv/lumiku", "/srv/lumiku/backend"
REPOSITORY = "src/apps/avatar-creator/repositories/avatar-creator.repository.ts"
BEGIN = f"""
set -e
cd {BACKEND}
[ -d ~/beginning ] || {{ mkdir ~/beginning; cp -a src dist tsconfig.json ~/beginning; cp -a .env .env.away; }}
rm -rf src dist dist.previous released .dist.remediate-* ../.backend.remediate-* .env.remediate-*
cp -a ~/beginning/. .
cp -a .env.away .env
"""


@dataclass(frozen=True)
class Ground:
    """One host of the practice ground over the real transport, as a world that a case can begin in."""

    practice: Practice
    host: SshTarget
    begin: str = ""

    def sh(self, script: str, *args: str) -> str:
        question = Run(script=script, args=args, timeout=60)
        answer = self.host.answer([question])[question]
        assert answer.exit_code == 0, answer.error_text
        return answer.text

    def broken(self, script: str) -> "Ground":
        world = replace(self, begin=BEGIN + script)
        world.reset()
        return world

    def target(self) -> SshTarget:
        return self.host

    def fingerprint(self) -> str:
        return self.sh(TREE, BACKEND, ROOT)

    def reset(self) -> None:
        # Not over the connection: `--update-env` would give the app the environment of a session of ours.
        self.practice.shell("web1", self.begin)


@pytest.fixture(scope="module")
def ground(practice: Practice) -> Iterator[Ground]:
    practice.reset("web1")
    host = SshTarget(way_in(practice.inventory), app="laws", secrets={}, trips=Trips())
    yield Ground(practice, host)
    host.close()
    practice.reset("web1")


def way_in(inventory: Path) -> SshSettings:
    text = YAML(typ="safe").load(inventory)
    ssh, host = text["ssh"], text["groups"]["backend"]["hosts"]["web1"]
    return SshSettings(
        name="web1",
        address=host["address"],
        port=host.get("port") or ssh["port"],
        user=ssh["user"],
        identity=ssh["identity"],
        known_hosts=inventory.parent / ssh["known_hosts"],
    )


IMPORT_BY_NAME = f"sed -i '1s/import prisma/import {{ prisma }}/' {REPOSITORY}"
NEWER_SOURCE = "touch src/db/client.ts"
NO_BUILD = "rm -rf dist"
BUILD_IS_A_LINK = "mv dist released; ln -s released dist; touch src/index.ts"
NEWER_BUILD = "touch dist/index.js"
STRICT, LAX = '"strict": true', '"strict": false'
URL_TWICE = "echo DATABASE_URL=postgresql://old@127.0.0.9/lumiku >>.env"
GIVEN_ANOTHER_URL = "DATABASE_URL=old pm2 restart lumiku-backend --update-env >/dev/null"
APP = {"backend": BACKEND, "app": "lumiku-backend"}
TRIED = "cp -a dist dist.previous; pm2 restart lumiku-backend >/dev/null"
ES_MODULES = "sed -i s/commonjs/esnext/ tsconfig.json; echo \"import a from './a'\" >dist/index.js"
SMALL = "cd ..; rm -rf small .small.remediate-*; mkdir -p small/parts/part; cd small\n" + "\n".join(
    f"cat >{name.removeprefix('backend/')} <<'TEXT'\n{text}\nTEXT" for name, text in INSTALLABLE.items()
)
KEY = {"key": ["compilerOptions", "strict"], "value": False}
AT = {"backend": BACKEND, "root": ROOT}
MARK = "/srv/lumiku/a mark"
COMMAND = CommandRun(
    script='printf made >"$1"',
    args=[MARK],
    about=[f"file:{MARK}"],
    what="make a mark",
    unless=Script(script='[ -e "$1" ]', args=[MARK]),
    undo=Script(script='rm -f -- "$1"', args=[MARK]),
)

CASES = [
    pytest.param(FilesReplace(path="backend/tsconfig.json", root=ROOT, find=STRICT, replace_with=LAX), "", id="text"),
    pytest.param(TypescriptImport(backend=BACKEND, root=ROOT, module="src/db/client"), IMPORT_BY_NAME, id="import"),
    pytest.param(NodeBuild(backend=BACKEND), NEWER_SOURCE, id="build"),
    pytest.param(Pm2Restart(**APP), NEWER_BUILD, id="restart"),
    pytest.param(FilesLine(path="backend/tsconfig.json", root=ROOT, line="// last"), "", id="line"),
    pytest.param(FilesJsonSet(path="backend/tsconfig.json", root=ROOT, **KEY), "", id="json key"),
    pytest.param(FilesAbsent(path="backend/src/middleware", root=ROOT), "", id="in the way"),
    pytest.param(NodeClean(backend=BACKEND, root=ROOT, paths=["dist/apps", "none"]), "", id="clean"),
    pytest.param(NodeCommonjs(backend=BACKEND, root=ROOT), ES_MODULES, id="module type"),
    pytest.param(NodeCi(backend=f"{ROOT}/small"), SMALL, id="packages"),
    pytest.param(EnvSet(key="HOST", value="::1 # six", **AT), "", id="env set"),
    pytest.param(EnvUnset(key="HOST", **AT), "", id="env unset"),
    pytest.param(EnvMend(**AT), URL_TWICE, id="env mend"),
    pytest.param(Pm2Recreate(**APP, keys=["DATABASE_URL"]), GIVEN_ANOTHER_URL, id="recreate"),
    pytest.param(COMMAND, f"rm -f '{MARK}'", id="command"),
    pytest.param(NodePrevious(**APP), TRIED, id="previous"),
]  # fmt: skip


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize(("action", "broken_by"), CASES)
def test_every_law_holds_on_a_real_host(action, broken_by, law, ground):
    law(action, ground.broken(broken_by), CATALOGUE)


@pytest.mark.parametrize("broken_by", [NO_BUILD, BUILD_IS_A_LINK])
def test_whatever_was_there_before_a_build_comes_back(broken_by, ground):
    the_way_back_leads_back(NodeBuild(backend=BACKEND), ground.broken(broken_by), CATALOGUE)


def healthy(check: Check, target: Target) -> bool:
    answers = target.answer(check.ask())
    return check.judge(answers, answers).healthy


def test_the_runbooks_fault_is_found_and_cured_from_import_to_process(ground):
    ground.practice.reset("web1")
    ground.practice.break_("named-import")
    target = ground.host
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
    assert [planned(action, ground.host) for action in actions] == [(), (), ()]
    assert [healthy(check, ground.host) for check in checks] == [True] * 4


def test_a_build_that_fails_leaves_the_running_one_alone(ground):
    world = ground.broken("echo 'const x: number = \"\"' >> src/index.ts")
    before = world.fingerprint()
    with pytest.raises(Failed, match="was not built") as error:
        carry_out(NodeBuild(backend=BACKEND), world.target(), [])
    assert "TS2322" in error.value.output
    assert world.fingerprint() == before


def test_a_process_that_dies_at_once_is_no_restart(ground):
    world = ground.broken("echo 'throw new Error(\"died of it\")' > dist/index.js")
    with pytest.raises(Failed, match="did not come up") as error:
        carry_out(Pm2Restart(**APP), world.target(), [])
    assert "died of it" in error.value.output
    # One look may meet the moment in which a crash loop is "online"; two looks see that it is another process.
    check = Pm2Online(**APP)
    first = ground.host.answer(check.ask())
    time.sleep(2)
    assert not check.judge(first, ground.host.answer(check.ask())).healthy


def test_looking_never_starts_a_daemon(ground):
    ground.sh("pm2 kill >/dev/null")
    check = Pm2Online(**APP)
    answers = ground.host.answer(check.ask())
    assert check.judge(answers, answers).seen == "pm2 does not run, so lumiku-backend does not"
    assert ground.sh("pgrep -f 'God Daemo[n]' || echo none") == "none\n"


def test_looking_at_compiler_packages_and_prisma_writes_nothing_and_finds_nothing(ground):
    ground.practice.reset("web1")
    places = {
        "schema_file": f"{BACKEND}/prisma/schema.prisma",
        "client": f"{BACKEND}/node_modules/.prisma/client",
    }
    checks = (
        TypescriptCompiles(backend=BACKEND),
        NodeModuleType(backend=BACKEND),
        NodeResolves(backend=BACKEND),
        NodeVersions(backend=BACKEND),
        Fields(backend=BACKEND, **places),
    )
    everything = f"find {ROOT} -printf '%p %T@ %C@ %s\\n' | sort | sha256sum"
    before = ground.sh(everything)
    assert [healthy(check, ground.host) for check in checks] == [True] * 5
    assert planned(NodeCi(backend=BACKEND), ground.host) == ()
    assert ground.sh(everything) == before


def test_the_host_itself_is_looked_at_and_what_is_out_of_sight_is_not_guessed(ground):
    checks = (
        SystemDisk(path=ROOT, free_megabytes=1, free_percent=0),
        SystemMemory(free_percent=0),
        SystemPort(port=3000, user="deploy", process="node"),
        SystemClock(),
    )
    assert [healthy(check, ground.host) for check in checks] == [True] * 4
    assert not healthy(SystemPort(port=3000, user="postgres"), ground.host)
    assert not healthy(SystemPort(port=1), ground.host)
    answers = ground.host.answer(SystemClock().ask())
    assert 0 <= answers.clock.give_or_take < 5
    service = SystemService(unit="postgresql")
    answers = ground.host.answer(service.ask())
    with pytest.raises(CouldNotLook, match="no systemd runs there"):
        service.judge(answers, answers)


def test_the_compiler_tells_the_runbooks_fault_by_its_code(ground):
    world = ground.broken(IMPORT_BY_NAME)
    check = TypescriptCompiles(backend=BACKEND)
    answers = world.target().answer(check.ask())
    errors = check.judge(answers, answers).facts["errors"]
    assert [(one["file"], one["line"], one["code"]) for one in errors] == [(REPOSITORY, 1, "TS2614")]
