"""A small playbook on the light host: one word in one file, for faults to which it is all one what is cured.

It knows nothing of databases, builds and processes.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.operator import Ended, Operator
from tests.practice import Practice

HOST, ROOT = "light1", "/home/deploy/app"
CONFIG = f"{ROOT}/config.ini"
PLAYBOOK = """
name: one-word
title: A word is wrong
on: light
diagnose:
  - name: the colour is green
    files.contains: {path: PATH, root: /home/deploy/app, text: colour=green}
fix:
  - name: set the colour
    files.replace: {path: PATH, root: /home/deploy/app, find: colour=red, replace_with: colour=green}
verify:
  - name: the colour stays green
    files.contains: {path: PATH, root: /home/deploy/app, text: colour=green}
within: WITHIN
stable: STABLE
"""
BUILD = """
name: a-build
title: The build is older than its sources
on: light
diagnose:
  - name: the build is up to date
    node.dist: {backend: /home/deploy/app}
fix:
  - name: build
    node.build: {backend: /home/deploy/app}
verify:
  - name: the build is made
    node.dist: {backend: /home/deploy/app}
within: 20s
stable: 0s
"""
NPM = '{"name": "app", "version": "1.0.0", "private": true, "scripts": {"build": "sh /home/deploy/app/build.sh"}}'
GOOD_BUILD = "mkdir -p dist; cp src/index.ts dist/index.js"
EVERYTHING = r"""
cd /
find srv home/deploy opt var/tmp tmp -name node_modules -prune -o -printf '%y %m %u:%g %T@ %s %p %l\n' | LC_ALL=C sort
find home/deploy/app -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
"""


@dataclass(frozen=True)
class Small:
    """The small playbook, an operator who runs it, and the host it is for."""

    practice: Practice
    operator: Operator
    folder: Path

    def write(self, path: str = "config.ini", within: str = "60s", stable: str = "0s") -> None:
        """Write the playbook."""
        text = PLAYBOOK.replace("PATH", path).replace("WITHIN", within).replace("STABLE", stable)
        (self.folder / "one-word.yml").write_text(text)

    @property
    def words(self) -> tuple[str, ...]:
        """What is typed to run it."""
        return ("run", "one-word", "--on", HOST, "--yes", "--playbooks", str(self.folder))

    def runs(self, *more: str) -> Ended:
        """Run it to its end."""
        return self.operator.does(*self.words, *more)

    def until(self, kind: str, then: Callable[[subprocess.Popen[str]], object], *more: str) -> Ended:
        """Run it, do something as soon as an event of this kind is told, and return how it ended."""
        return until(self.operator, kind, then, *self.words, *more)

    def files(self) -> str:
        """Return a picture of all files that matter there."""
        return self.practice.shell(HOST, EVERYTHING)

    def content(self) -> str:
        """Return what stands in the file that is to be edited."""
        return self.practice.on(HOST, "cat", CONFIG)

    def lay(self) -> None:
        """Lay out the app anew, with the fault in it."""
        lines = f'mkdir -p {ROOT}; for n in $(seq 50); do echo "# line $n"; done >{CONFIG}; echo colour=red >>{CONFIG}'
        self.practice.on(HOST, "rm", "-rf", ROOT, "/home/deploy/.remediate")
        self.practice.shell(HOST, lines)

    @contextmanager
    def wrong(self, make: str, mend: str) -> Iterator[None]:
        """Make something wrong on the host, as its administrator, and mend it in the end."""
        self.practice.as_root(HOST, make)
        try:
            yield
        finally:
            self.practice.as_root(HOST, mend)


def until(
    operator: Operator, kind: str, then: Callable[[subprocess.Popen[str]], object], *words: str
) -> Ended:
    """Start a command, do something as soon as it tells an event of this kind, and return how it ended."""
    with operator.start(*words, "--json") as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if json.loads(line)["kind"] == kind:
                then(process)
                break
        out, err = process.communicate(timeout=120)
    assert "Traceback" not in said + out + err
    return Ended(process.returncode, said + out, err)


def blocked(small: Small, run: Callable[[], Ended]) -> str:
    """Run something that must be blocked with nothing touched, and return the one line that says why."""
    before = small.files()
    ended = run()
    assert ended.code == 6, ended.out + ended.err
    assert small.files() == before
    (line,) = [line for line in ended.out.splitlines() if "blocked:" in line]
    assert line.startswith(f"{HOST}  ✗ blocked: ")
    what, _, todo = line.partition("; ")
    assert what
    assert todo, "it says what to do"
    return line


@dataclass(frozen=True)
class Build:
    """An app on the light host whose build is out of date, and whose build script does what a test wants."""

    small: Small

    @property
    def words(self) -> tuple[str, ...]:
        """What is typed to build it."""
        return ("run", "a-build", "--on", HOST, "--yes", "--playbooks", str(self.small.folder))

    def lay(self, script: str) -> None:
        """Lay the app out, with this build script."""
        (self.small.folder / "a-build.yml").write_text(BUILD)
        lines = f"""
            mkdir -p {ROOT}/src {ROOT}/dist
            printf '%s\\n' "$1" >{ROOT}/package.json
            echo 'exports.old = 1' >{ROOT}/dist/index.js
            touch -d '1 hour ago' {ROOT}/dist/index.js
            echo 'exports.made = 1' >{ROOT}/src/index.ts"""
        self.small.practice.on(HOST, "sh", "-c", lines, "sh", NPM)
        self.says(script)

    def says(self, script: str) -> None:
        """Give it another build script."""
        self.small.practice.on(HOST, "sh", "-c", f'printf "%s\\n" "$1" >{ROOT}/build.sh', "sh", script)

    def until(self, kind: str, then: Callable[[subprocess.Popen[str]], object]) -> Ended:
        """Build it, do something as soon as an event of this kind is told, and return how it ended."""
        return until(self.small.operator, kind, then, *self.words)

    def listing(self) -> str:
        """Return all files of the app, with what is in them."""
        return self.small.practice.shell(
            HOST, f"cd {ROOT}; find . | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum"
        )
