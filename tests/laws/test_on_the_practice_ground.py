"""The laws over a real host of the practice ground: real sshd, TypeScript, Node and pm2."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from remediate.catalogue import CATALOGUE
from remediate.providers.files import FilesReplace
from remediate.providers.node import NodeBuild, NodeDist
from remediate.providers.pm2 import Pm2Log, Pm2Online, Pm2Restart
from remediate.providers.typescript import TypescriptImport, TypescriptImports
from remediate.steps import Action, Check

from .command import CommandTarget, CommandWorld
from .laws import LAWS, carry_out, planned

pytestmark = pytest.mark.ground
LAB = Path(__file__).parents[2] / "vagrant/lab"
ROOT, BACKEND = "/srv/lumiku", "/srv/lumiku/backend"
REPOSITORY = "src/apps/avatar-creator/repositories/avatar-creator.repository.ts"


@dataclass(frozen=True)
class Ground:
    """One lab with one host."""

    state: Path
    target: CommandTarget

    def lab(self, *words: str) -> None:
        command = [LAB, *words, "--state", self.state]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def sh(self, script: str) -> str:
        answer = self.target.script(script, [])
        assert answer.exit_code == 0, answer.error_text
        return answer.text

    def world(self, broken_by: Callable[["Ground"], object]) -> CommandWorld:
        def begin() -> None:
            self.lab("reset", "web1")
            broken_by(self)

        world = CommandWorld(self.target, BACKEND, (ROOT,), begin)
        world.reset()
        return world


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    if not shutil.which("ssh"):
        pytest.skip("needs the ssh client")
    with tempfile.TemporaryDirectory(prefix="laws-") as place:
        state = Path(place)
        inventory = state / "lab.yml"
        made = Ground(state, CommandTarget())
        made.lab("up", "--inventory", str(inventory))
        try:
            yield Ground(state, over_ssh(inventory))
        finally:
            made.lab("down")


def over_ssh(inventory: Path) -> CommandTarget:
    text = YAML(typ="safe").load(inventory)
    ssh, host = text["ssh"], text["groups"]["backend"]["hosts"]["web1"]
    known = inventory.parent / ssh["known_hosts"]
    options = ["-i", ssh["identity"], "-p", str(ssh["port"]), "-o", f"UserKnownHostsFile={known}"]
    return CommandTarget(("ssh", "-T", *options, f"{ssh['user']}@{host['address']}"), quoted=True)


def import_by_name(ground: Ground) -> None:
    ground.sh(f"cd {BACKEND} && sed -i '1s/import prisma/import {{ prisma }}/' {REPOSITORY}")


def newer_source(ground: Ground) -> None:
    ground.sh(f"touch {BACKEND}/src/db/client.ts")


def no_build(ground: Ground) -> None:
    ground.sh(f"rm -rf {BACKEND}/dist")


def build_is_a_link(ground: Ground) -> None:
    ground.sh(f"cd {BACKEND} && mv dist released && ln -s released dist && touch src/index.ts")


def newer_build(ground: Ground) -> None:
    ground.sh(f"sleep 3; touch {BACKEND}/dist/index.js")


CASES: list[tuple[Action, Callable[[Ground], object]]] = [
    (
        FilesReplace(path="backend/tsconfig.json", root=ROOT, find='"strict": true', replace_with='"strict": false'),
        lambda _: None,
    ),
    (TypescriptImport(backend=BACKEND, root=ROOT, module="src/db/client"), import_by_name),
    (NodeBuild(backend=BACKEND), newer_source),
    (NodeBuild(backend=BACKEND), no_build),
    (NodeBuild(backend=BACKEND), build_is_a_link),
    (Pm2Restart(app="lumiku-backend", backend=BACKEND), newer_build),
]  # fmt: skip


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize(
    ("action", "broken_by"), CASES, ids=[f"{action.kind}, {by.__name__}" for action, by in CASES]
)
def test_every_law_holds_on_a_real_host(action, broken_by, law, ground):
    law(action, ground.world(broken_by), CATALOGUE)


def healthy(check: Check, target: CommandTarget) -> bool:
    answers = target.answer(check.ask())
    return check.judge(answers, answers).healthy


def test_a_healthy_host_gives_nothing_to_do(ground):
    target = ground.world(lambda _: None).target()
    steps = {"backend": BACKEND, "app": "lumiku-backend"}
    for action in (
        TypescriptImport(backend=BACKEND, root=ROOT),
        NodeBuild(backend=BACKEND),
        Pm2Restart(**steps),
    ):
        assert planned(action, target) == (), action.kind
    for check in (
        TypescriptImports(backend=BACKEND),
        NodeDist(backend=BACKEND),
        Pm2Online(**steps),
        Pm2Log(**steps, without="Error"),
    ):
        assert healthy(check, target), check.kind


def test_the_runbooks_fault_is_found_and_cured_from_import_to_process(ground):
    ground.lab("reset", "web1")
    ground.lab("break", "named-import", "--on", "web1")
    target = ground.target
    imports, log = TypescriptImports(backend=BACKEND), Pm2Log(
        app="lumiku-backend", backend=BACKEND, without="Cannot read propert"
    )  # fmt: skip
    assert not healthy(imports, target)
    assert not healthy(log, target)
    before = target.answer(log.ask())
    for action in (
        TypescriptImport(backend=BACKEND, root=ROOT),
        NodeBuild(backend=BACKEND),
        Pm2Restart(app="lumiku-backend", backend=BACKEND),
    ):
        assert planned(action, target), action.kind
        carry_out(action, target, [])
        assert planned(action, target) == (), action.kind
    assert healthy(imports, target)
    assert log.judge(before, target.answer(log.ask())).healthy
    assert healthy(NodeDist(backend=BACKEND), target)


def test_a_build_that_fails_leaves_the_running_one_alone(ground):
    def broken(ground: Ground) -> None:
        ground.sh(f"echo 'const x: number = \"\"' >> {BACKEND}/src/index.ts")

    world = ground.world(broken)
    before = world.fingerprint()
    with pytest.raises(Exception, match="was not built") as error:
        carry_out(NodeBuild(backend=BACKEND), world.target(), [])
    assert "TS2322" in error.value.output
    assert world.fingerprint() == before


def test_a_process_that_dies_at_once_is_no_restart(ground):
    def dying(ground: Ground) -> None:
        ground.sh(f"sleep 3; echo 'throw new Error(\"died of it\")' > {BACKEND}/dist/index.js")

    world = ground.world(dying)
    with pytest.raises(Exception, match="did not come up") as error:
        carry_out(Pm2Restart(app="lumiku-backend", backend=BACKEND), world.target(), [])
    assert "died of it" in error.value.output
    assert not healthy(Pm2Online(app="lumiku-backend", backend=BACKEND), ground.target)


def test_looking_never_starts_a_daemon(ground):
    world = ground.world(lambda _: None)
    ground.sh("pm2 kill >/dev/null")
    check = Pm2Online(app="lumiku-backend", backend=BACKEND)
    answers = world.target().answer(check.ask())
    assert check.judge(answers, answers).seen == "pm2 does not run, so lumiku-backend does not"
    assert ground.sh("pgrep -f PM2 || echo none") == "none\n"
