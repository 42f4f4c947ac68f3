"""A reviewed plan on a real host: one thing moves, and nothing of it is done; nothing moves, and it is done once."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.operator import Ended, Operator, picture
from tests.practice import BACKEND, REPOSITORY, Practice
from tests.traces import nothing_left, traces

FIXED, WRONG, PLANNED, STALE, BLOCKED = 0, 2, 3, 5, 6
SOURCE = f"{BACKEND}/src/apps/avatar-creator/repositories/avatar-creator.repository.ts"


@dataclass
class Reviewed:
    """An operator with playbooks and an inventory of their own, and one plan document."""

    practice: Practice
    operator: Operator
    folder: Path

    @property
    def plan(self) -> Path:
        return self.folder / "plan.json"

    @property
    def inventory(self) -> Path:
        return self.folder / "lab.yml"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    def set_up(self) -> None:
        shutil.copytree(REPOSITORY / "playbooks", self.folder / "playbooks")
        beside = self.practice.inventory.parent
        shutil.copy(beside / "lab.known_hosts", self.known_hosts)
        text = self.practice.inventory.read_text().replace("{file: lab.", f"{{file: {beside}/lab.")
        self.inventory.write_text(text.replace("known_hosts: lab.known_hosts", "known_hosts: known_hosts"))

    def makes(self, book: str, *words: str) -> None:
        made = self.does("plan", book, "--on", "web1", "-o", str(self.plan), *words)
        assert made.code == PLANNED, made.out + made.err

    def applies(self) -> Ended:
        return self.does("apply", str(self.plan), "--yes")

    def does(self, *words: str) -> Ended:
        given = ("--playbooks", str(self.folder / "playbooks"), "-i", str(self.inventory))
        return self.operator.does(*words, *given, COLUMNS="160")

    def shell(self, script: str, *args: str) -> None:
        self.practice.shell("web1", script, *args)

    def refused(self, code: int, *said: str) -> None:
        """Demand that the plan is not applied, and that it is said why."""
        ended = self.applies()
        told = ended.out + ended.err
        assert ended.code == code, told
        assert all(one in told for one in said), told

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """Demand that nothing at all comes of what is done meanwhile."""
        before, then = picture(self.practice), traces(self.practice)
        yield
        assert picture(self.practice) == before
        nothing_left(self.practice, then)


@pytest.fixture
def reviewed(practice: Practice, operator: Operator, web1: str, tmp_path: Path) -> Reviewed:
    assert web1
    ground = Reviewed(practice, operator, tmp_path)
    ground.set_up()
    return ground


@contextmanager
def rewritten(path: Path, change: Callable[[str], str]) -> Iterator[None]:
    """Give a file of the runner's another text for a while."""
    kept = path.read_text()
    path.write_text(change(kept))
    assert path.read_text() != kept
    yield
    path.write_text(kept)


@contextmanager
def altered(ground: Reviewed, script: str, path: str) -> Iterator[None]:
    """Alter a file of the host's for a while; its time is put back as well."""
    ground.shell('cp -p "$1" "$1.kept" && ' + script, path)
    yield
    ground.shell('mv "$1.kept" "$1"', path)


def other_key(text: str) -> str:
    """Return a known_hosts with another key for the same host, as it is where a host's key was swapped."""
    address = text.split(maxsplit=1)[0]
    made = subprocess.run(
        [
            "sh",
            "-ec",
            "cd $(mktemp -d); ssh-keygen -q -t ed25519 -N '' -f k; cat k.pub; rm k k.pub; rmdir $PWD",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    return f"{address} {made[0]} {made[1]}\n"


def test_whatever_moves_alone_is_named_and_nothing_is_touched_and_then_it_is_done_once(
    reviewed: Reviewed,
) -> None:
    reviewed.practice.break_("named-import")
    book = reviewed.folder / "playbooks" / "prisma-import.yml"
    reviewed.makes("prisma-import", "--lifetime", "1s")
    with reviewed.untouched():
        time.sleep(1.0)
        reviewed.refused(STALE, "it expired at")
        reviewed.makes("prisma-import")
        with rewritten(book, lambda text: f"{text}# a word\n"):
            reviewed.refused(STALE, "the playbook prisma-import has changed since")
        with rewritten(reviewed.inventory, lambda text: f"{text}# a word\n"):
            reviewed.refused(STALE, "has changed since")
        with rewritten(reviewed.plan, lambda text: text.replace("mend 1 import", "mend 2 import", 1)):
            reviewed.refused(WRONG, "somebody altered it")
        with rewritten(reviewed.known_hosts, other_key):
            reviewed.refused(BLOCKED, "SHA256:")
    with altered(reviewed, "printf '// somebody was here\\n' >>\"$1\"", SOURCE), reviewed.untouched():
        mended, look = "what “mend the imports” would do", f"a look at file:{BACKEND}/src"
        reviewed.refused(STALE, mended, "when it was planned", look)
    done = reviewed.applies()
    assert done.code == FIXED, done.out + done.err
    reviewed.refused(STALE, "was applied already, by run")


def test_a_column_or_another_database_is_named_side_by_side(reviewed: Reviewed) -> None:
    reviewed.practice.break_("missing-columns")
    reviewed.makes("missing-columns")
    with altered(reviewed, "sed -i 's#/lumiku?#/postgres?#' \"$1\"", f"{BACKEND}/.env"), reviewed.untouched():
        reviewed.refused(STALE, "the database", "when it was planned")
    sql = 'ALTER TABLE avatars ADD COLUMN "lastUsedAt" timestamp(3)'
    reviewed.shell('psql -h /run/postgresql -U postgres -qc "$1" lumiku', sql)
    with reviewed.untouched():
        reviewed.refused(STALE, "would do", "when it was planned", "ADD COLUMN")


def test_a_restart_counts_where_the_plan_goes_by_it(reviewed: Reviewed) -> None:
    reviewed.practice.break_("stale-process")
    reviewed.makes("stale-process")
    reviewed.shell("pm2 restart lumiku-backend")
    with reviewed.untouched():
        reviewed.refused(
            STALE, "what the look came to", "“the process runs what is there”", "it is older than"
        )
