"""`prisma.generate` with its real scripts on this machine. Prisma is a stand-in that writes what the real one does."""

import os
import shutil
from pathlib import Path

import pytest

from remediate.errors import Conflict, CouldNotLook, Failed
from remediate.model import Undo
from remediate.providers.prisma import STEPS, Client, Generate

from ..laws.command import CommandTarget, CommandWorld  # noqa: TID252  (no package is installed for tests)
from ..laws.laws import LAWS, carry_out, planned  # noqa: TID252

CATALOGUE = {step.kind: step for step in STEPS}
OLD = "model A {\n  id Int @id\n}\n"
NEW = "// two\nmodel A {\n    id Int @id\n  name   String? // new\n}\n"
STAND_IN = r"""#!/bin/sh
# As prisma 7.10 does: the client goes to node_modules/.prisma/client beside the real @prisma/client.
grep -q broken prisma/schema.prisma && { echo 'Error: Prisma schema validation - P1012' >&2; exit 1; }
root=$(dirname "$(dirname "$(dirname "$(readlink -f node_modules/@prisma/client/package.json)")")")
mkdir -p "$root/.prisma/client" node_modules/.cache/jiti
echo cached >node_modules/.cache/jiti/x
grep -v '^//' prisma/schema.prisma | sed 's/ *\/\/.*//; s/  */ /g' >"$root/.prisma/client/schema.prisma"
printf '{"made in": "%s", "config": "%s"}\n' "$PWD" "$(cat .env)" >"$root/.prisma/client/index.js"
"""


def lay(app: Path, *, client: bool = True) -> None:
    """Write a backend whose client was made from the old schema."""
    shutil.rmtree(app, ignore_errors=True)
    backend = app / "back end"
    files = {
        "prisma/schema.prisma": NEW,
        "prisma.config.ts": "config",
        "package.json": "{}",
        ".env": "SECRET",
        "src/index.ts": "",
        "node_modules/.bin/prisma": STAND_IN,
        "node_modules/prisma/package.json": '{"version": "7.10.0"}',
        "node_modules/@prisma/client/package.json": '{"version": "7.10.0"}',
        "node_modules/@prisma/other/package.json": "{}",
        "node_modules/.package-lock.json": "{}",
    }
    generated = {"schema.prisma": OLD, "index.js": "old", "deep/wasm": "\0"}
    files |= (
        {f"node_modules/.prisma/client/{name}": text for name, text in generated.items()} if client else {}
    )
    for name, text in files.items():
        (backend / name).parent.mkdir(parents=True, exist_ok=True)
        (backend / name).write_text(text)
    (backend / "node_modules/.bin/prisma").chmod(0o755)
    for path in (backend, *backend.rglob("*")):
        os.utime(path, ns=(10**18, 10**18 + 123_456_789))


@pytest.fixture
def backend(tmp_path: Path) -> Path:
    return tmp_path / "app/back end"


def action(backend: Path) -> Generate:
    return Generate(**places(backend))


def places(backend: Path) -> dict[str, str]:
    return {
        "backend": str(backend),
        "schema_file": f"{backend}/prisma/schema.prisma",
        "client": f"{backend}/node_modules/.prisma/client",
    }


def world(backend: Path, *, client: bool = True) -> CommandWorld:
    seen = (str(backend.parent), f"{backend}/node_modules/.prisma")
    made = CommandWorld(
        CommandTarget(),
        str(backend),
        seen if client else seen[:1],
        lambda: lay(backend.parent, client=client),
    )
    made.reset()
    return made


@pytest.mark.parametrize("client", [True, False], ids=["with a client", "with none"])
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_law_holds_with_the_real_scripts(backend, client, law, monkeypatch) -> None:
    monkeypatch.setenv("PM2_HOME", "/nonexistent")
    if not client and law.__name__ == "applied_is_done":
        pytest.skip("the fingerprint leaves node_modules out, where nothing else changes")
    law(action(backend), world(backend, client=client), CATALOGUE)


def listing(backend: Path) -> dict[str, tuple[int, int, str]]:
    """Return everything below with mode, time of change to the nanosecond (directories, too) and content."""
    return {
        str(path.relative_to(backend)): (
            path.lstat().st_mode,
            path.lstat().st_mtime_ns,
            path.read_text() if path.is_file() else "",
        )
        for path in (backend, *backend.rglob("*"))
    }


def generated(backend: Path, *, client: bool = True) -> tuple[CommandWorld, Undo]:
    here = world(backend, client=client)
    undos: list[Undo] = []
    carry_out(action(backend), here.target(), undos)
    return here, undos[0]


@pytest.mark.parametrize("client", [True, False])
def test_the_way_back_restores_every_byte_and_time(backend, client) -> None:
    world(backend, client=client)
    before = listing(backend)
    here, undo = generated(backend, client=client)
    assert listing(backend) != before
    action(backend).undo(here.target(), undo)
    assert listing(backend) == before


def test_the_client_is_as_if_it_had_been_generated_in_place(backend) -> None:
    generated(backend)
    made = (backend / "node_modules/.prisma/client/index.js").read_text()
    assert made == f'{{"made in": "{backend}", "config": "SECRET"}}\n'


def test_only_the_client_differs_and_the_old_one_lies_beside_it(backend) -> None:
    world(backend)
    before = listing(backend)
    generated(backend)
    after = listing(backend)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert {Path(*Path(name).parts[:2]) for name in changed} == {Path("node_modules/.prisma")}
    (kept,) = (backend / "node_modules/.prisma").glob(".client.remediate-*")
    assert (kept / "before/index.js").read_text() == "old"


def test_a_schema_that_prisma_refuses_leaves_the_live_client_alone(backend) -> None:
    here = world(backend)
    (backend / "prisma/schema.prisma").write_text(NEW + "// broken\n")
    before = listing(backend)
    with pytest.raises(Failed, match="exit code 1") as raised:
        carry_out(action(backend), here.target(), [])
    assert "P1012" in raised.value.output
    assert listing(backend) == before


def test_a_client_that_somebody_generated_since_is_left_to_them(backend) -> None:
    here, undo = generated(backend)
    (backend / "node_modules/.prisma/client/index.js").write_text("theirs")
    before = listing(backend)
    with pytest.raises(Conflict, match="was changed since"):
        action(backend).undo(here.target(), undo)
    assert listing(backend) == before


def test_formatting_and_comments_do_not_make_a_client_stale(backend) -> None:
    here = world(backend)
    schema = backend / "node_modules/.prisma/client/schema.prisma"
    check = Client(**places(backend))

    def finding():
        answers = here.target().answer(check.ask())
        return check.judge(answers, answers)

    assert finding().seen == "the client was generated from another schema"
    schema.write_text("model A {\r\n  id   Int     @id\r\n  name String?\r\n}")
    assert finding().healthy
    schema.unlink()
    assert finding().seen == "the client was never generated"
    assert planned(action(backend), here.target())


def test_two_versions_of_prisma_are_told_and_nothing_is_planned(backend) -> None:
    here = world(backend)
    (backend / "node_modules/@prisma/client/package.json").write_text('{"version": "6.19.3"}')
    with pytest.raises(Failed, match=r"prisma is 7\.10\.0 and @prisma/client is 6\.19\.3; install both"):
        planned(action(backend), here.target())
    check = Client(**places(backend))

    def finding():
        answers = here.target().answer(check.ask())
        return check.judge(answers, answers)

    assert finding().seen == "prisma is 7.10.0 and @prisma/client is 6.19.3"
    (backend / "node_modules/prisma/package.json").unlink()
    with pytest.raises(
        Failed, match="from another schema, and prisma is not installed; npm ci --include=dev"
    ):
        planned(action(backend), here.target())
    assert finding().seen == "the client was generated from another schema"
    (backend / "node_modules/.prisma/client/schema.prisma").write_text(NEW)
    assert finding().healthy, "a production host has no command line, and needs none"
    assert planned(action(backend), here.target()) == ()


def test_a_client_of_a_workspace_is_not_called_ungenerated(backend) -> None:
    here = world(backend, client=False)
    (backend / "node_modules").rename(backend.parent / "node_modules")
    for step in (Client(**places(backend)), action(backend)):
        answers = here.target().answer(step.ask())
        with pytest.raises(
            CouldNotLook, match=rf"is it in {backend.parent}/node_modules/\.prisma/client\? set"
        ):
            step.judge(answers, answers) if isinstance(step, Client) else step.plan(answers)
    lay(backend.parent)
    (backend / "node_modules").rename(backend.parent / "node_modules")
    check = Client(**{**places(backend), "client": f"{backend.parent}/node_modules/.prisma/client"})
    answers = here.target().answer(check.ask())
    assert check.judge(answers, answers).seen == "the client was generated from another schema"


def test_a_client_outside_the_backend_is_refused(backend) -> None:
    here = world(backend)
    outside = Generate(**{**places(backend), "client": f"{backend}/../client"})
    with pytest.raises(Failed, match="is not inside"):
        planned(outside, here.target())
