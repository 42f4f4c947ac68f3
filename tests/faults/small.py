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
within: 60s
stable: STABLE
"""
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

    def write(self, path: str = "config.ini", stable: str = "0s") -> None:
        """Write the playbook."""
        text = PLAYBOOK.replace("PATH", path).replace("STABLE", stable)
        (self.folder / "one-word.yml").write_text(text)

    @property
    def words(self) -> tuple[str, ...]:
        """What is typed to run it."""
        return ("run", "one-word", "--on", HOST, "--yes", "--playbooks", str(self.folder))

    def runs(self, *more: str) -> Ended:
        """Run it to its end."""
        return self.operator.does(*self.words, *more)

    def until(self, kind: str, then: Callable[[subprocess.Popen[str]], None], *more: str) -> Ended:
        """Run it, do something as soon as an event of this kind is told, and return how it ended."""
        with self.operator.start(*self.words, *more, "--json") as process:
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

    def files(self) -> str:
        """Return a picture of all files that matter there."""
        return self.practice.shell(HOST, EVERYTHING)

    def content(self) -> str:
        """Return what stands in the file that is to be edited."""
        return self.practice.on(HOST, "cat", CONFIG)

    def lay(self) -> None:
        """Lay out the app anew, with the fault in it."""
        lines = f'mkdir -p {ROOT}; for n in $(seq 50); do echo "# line $n"; done >{CONFIG}; echo colour=red >>{CONFIG}'
        self.practice.on(HOST, "rm", "-rf", ROOT)
        self.practice.shell(HOST, lines)

    @contextmanager
    def wrong(self, make: str, mend: str) -> Iterator[None]:
        """Make something wrong on the host, as its administrator, and mend it in the end."""
        self.practice.as_root(HOST, make)
        try:
            yield
        finally:
            self.practice.as_root(HOST, mend)


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
