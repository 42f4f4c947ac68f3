"""What the tests of the practice ground itself need beside the ground."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.practice import Practice


@pytest.fixture
def web1(practice: Practice) -> Iterator[str]:
    """The full host, left as it was found."""
    yield "web1"
    practice.reset("web1")


def processes_naming(text: str) -> list[tuple[int, str]]:
    """Return the living processes whose command line has `text` in it."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if text in words:
                found.append((int(folder.name), words))
    return found
