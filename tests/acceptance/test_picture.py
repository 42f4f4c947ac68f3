"""The README's picture is what the program shows today."""

import subprocess
import sys
from pathlib import Path

from tests.practice import REPOSITORY


def test_the_picture_is_fresh(tmp_path: Path) -> None:
    program = REPOSITORY / "vagrant" / "picture"
    drawn = tmp_path / "run.svg"
    subprocess.run([sys.executable, program, drawn], check=True, cwd=REPOSITORY)
    kept = REPOSITORY / "docs" / "run.svg"
    assert drawn.read_text() == kept.read_text(), "the words changed: run `make picture` and look at it"
