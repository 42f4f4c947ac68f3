"""What is built can be installed and run, with its playbooks, by somebody who has no checkout."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, installed into a folder of its own without any of its dependencies."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("remediate-*.whl")
    target = folder / "installed"
    subprocess.run([*pip, "install", "--no-deps", "--target", target, wheel], check=True, capture_output=True)
    return target


def run(installed: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = "import sys; sys.path.insert(0, sys.argv.pop(1)); from remediate.cli import main; main()"
    line = [sys.executable, "-I", "-c", program, installed, *words]
    return subprocess.run(line, capture_output=True, text=True, check=False, cwd=installed.parent)


def test_an_installed_runner_knows_its_version_and_has_its_playbooks_with_it(installed: Path) -> None:
    assert run(installed, "--version").stdout.startswith("remediate ")
    listed = run(installed, "list")
    assert listed.returncode == 0, listed.stderr
    assert "missing-columns" in listed.stdout
    assert "prisma-import" in listed.stdout


def test_an_installed_runner_is_typed(installed: Path) -> None:
    assert (installed / "remediate" / "py.typed").exists()


def test_the_version_is_told_without_importing_anything_heavy() -> None:
    program = """
import atexit, sys
heavy = {'typer', 'pydantic', 'rich', 'fabric', 'psycopg'}
atexit.register(lambda: print(sorted(heavy & set(sys.modules))))
sys.argv = ['remediate', '--version']
import remediate.cli
remediate.cli.main()
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    assert ended.stdout.splitlines()[-1] == "[]"
