"""The virtual machine's files are sound, as far as that can be seen without one."""

import os
import shutil
import subprocess

import pytest

from tests.practice import LAB

VAGRANT = LAB.parent


@pytest.mark.skipif(
    shutil.which("vagrant") is None, reason="vagrant is not installed (apt-get install vagrant)"
)
def test_the_vagrantfile_is_valid(tmp_path):
    command = ["vagrant", "validate", "--ignore-provider"]
    environment = {**os.environ, "VAGRANT_HOME": str(tmp_path), "VAGRANT_DOTFILE_PATH": str(tmp_path / "dot")}
    result = subprocess.run(
        command, cwd=VAGRANT, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    "script", sorted([*VAGRANT.glob("*.sh"), *VAGRANT.glob("*/*.sh"), *VAGRANT.glob("*/*/*.sh")])
)
def test_every_script_of_the_ground_parses(script):
    result = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_no_lock_file_names_a_registry():
    for lock in VAGRANT.glob("*/package-lock.json"):
        assert '"resolved"' not in lock.read_text(), lock
