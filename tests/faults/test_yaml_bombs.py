"""Playbooks and inventories that are bombs: refused with file, line and column, in bounded time and memory."""

import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.practice import REPOSITORY

MEMORY = 1 << 30
"""Bytes of address space, of which Python with our libraries takes a good third."""
SECONDS = 40
"""Of processor time for all files together."""

LAUGHS = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (letter, letter, b", ".join([b"*%c" % (letter - 1)] * 9)) for letter in range(98, 123)
)
BOMBS = {
    "a billion laughs": (LAUGHS, 1),
    "an alias to itself": (b"a: &a [*a]\n", 1),
    "a merge key": (b"a: {x: 1}\nb:\n  <<: *a\n", 3),
    "a duplicate key": (b"name: a\ntitle: b\nname: c\n", 3),
    "a duplicate key, deep down": (b"name: a\nx:\n  y: {z: 1, z: 2}\n", 3),
    "lists in lists": (b"[" * 100_000, 1),
    "mappings in mappings": (b"{a: " * 60_000, 1),
    "blocks in blocks": (b"".join(b" " * depth + b"a:\n" for depth in range(600)), 33),
    "dashes": (b"- " * 100_000, 1),
    "question marks": (b"? " * 100_000, 1),
    "10 MB": (b"name: a\n" + b"# x\n" * 2_500_000, None),
    "10 MB in one line": (b"name: " + b"x" * 10_000_000, 1),
    "a key of 200 KB": (b"k" * 200_000 + b": 1\n", 1),
    "a quoted key of 200 KB": (b'"' + b"k" * 200_000 + b'": 1\n', 1),
    "30,000 keys": (b"".join(b"k%d: 1\n" % number for number in range(25_000)), 1),
    "a string that never ends": (b'name: "' + b"x\n" * 100_000, None),
    "bytes that are no UTF-8": (b"name: a\ntitle: caf\xe9\n", 2),
    "UTF-16": ("name: a\n".encode("utf-16"), 1),
    "control characters": (b"name: a\ntitle: \x1b]52;c;eA==\x07\n", 2),
    "a NUL": (b"name: a\n\0", 2),
    "a tab": (b"name: a\nx:\n\ty: 1\n", 3),
    "a tag that runs": (b"name: !!python/object/apply:os.system [touch /tmp/owned]\n", 1),
    "an octal of 1.1": (b"name: a\nmode: 0777\n", 2),
    "a number in base 60, which is text, where a number is wanted": (b"name: 22:22\nwithin: [22:22]\n", 1),
    "two documents": (b"name: a\n---\nname: b\n", 2),
    "nothing at all": (b"", 1),
    "a number of a million digits": (b"name: " + b"9" * 250_000 + b"\n", 1),
    "a list": (b"- a\n- b\n", 1),
    "a megabyte of templates": (b'name: a\ntitle: "' + b"{{ a }}" * 30_000 + b'"\n', None),
}


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


@pytest.mark.fault(25)
@pytest.mark.parametrize("kind", ["playbook", "inventory"])
def test_a_bomb_is_refused_with_its_place_in_bounded_time_and_memory(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / kind
    folder.mkdir()
    files = {}
    for number, (name, (content, line)) in enumerate(BOMBS.items()):
        files[name] = (folder / f"{number:02}.yml", line)
        files[name][0].write_bytes(content)
    ended = subprocess.run(
        [sys.executable, "-m", "remediate", "check", *(str(path) for path, _ in files.values())],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limited,
    )
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert not ended.stderr
    *said, counted = ended.stdout.splitlines()
    assert counted.startswith(f"{len(BOMBS)} files: {len(BOMBS)} errors"), counted
    assert len(said) == len(BOMBS), "one line each"
    for (name, (path, line)), text in zip(files.items(), said, strict=True):
        found = re.match(rf"{re.escape(str(path))}:(\d+):(\d+): ", text)
        assert found, f"{name}: {text[:300]}"
        assert line in (None, int(found[1])), f"{name}: {text[:300]}"
        assert len(text) < 2000, name
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", text), name


@pytest.mark.fault(25)
def test_a_variable_of_the_command_line_that_is_huge_is_taken_or_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "lab.yml").write_text(
        "environment: lab\ngroups: {backend: {hosts: {web1: {port: 1}}}}\n"
    )
    ended = subprocess.run(
        [sys.executable, "-m", "remediate", "plan", "missing-columns", "--on", "web1",
         "-i", tmp_path / "inventory" / "lab.yml", "--var", "table=" + "x" * 130_000],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limited,
    )  # fmt: skip
    assert ended.returncode == 2, ended.stdout + ended.stderr
    (line,) = ended.stderr.splitlines()
    assert "must be a name as SQL has it" in line
