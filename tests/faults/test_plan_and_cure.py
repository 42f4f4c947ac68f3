"""The world moves between plan and change, the cure does not last, the way back is barred: what is told and left."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.psql import Psql
from tests.operator import DUMP, Operator
from tests.practice import BACKEND, REPOSITORY, Practice

PLAYBOOK = """\
name: settings
title: Two settings and a column are wrong
symptoms: [never]
on: backend
notes: Two files in two folders, and a column.
diagnose:
  - name: the first setting is off
    files.contains: {path: backend/one/app.conf, text: "debug = off"}
  - name: the second setting is off
    files.contains: {path: backend/two/app.conf, text: "debug = off"}
  - name: the column is there
    sql.query: {sql: "SELECT count(*) FROM information_schema.columns WHERE column_name = 'probe'", expect: {value: 1}}
fix:
  - name: the first
    files.replace: {path: backend/one/app.conf, find: "debug = on", replace_with: "debug = off"}
  - name: the second
    files.replace: {path: backend/two/app.conf, find: "debug = on", replace_with: "debug = off"}
  - name: the column
    sql.add_columns: {table: avatars, columns: [{name: probe, type: TEXT}]}
verify:
  - name: nobody asks for a restart
    files.exists: {path: backend/one/relapsed, absent: true}
within: 3s
stable: 2s
on_failure: roll_back
"""
BEGIN = f"""
mkdir -p {BACKEND}/one {BACKEND}/two
for folder in one two; do printf 'debug = on\\nport = 1\\n' >{BACKEND}/$folder/app.conf; done
"""
END = f"chmod -f u+w {BACKEND}/one {BACKEND}/two; rm -rf {BACKEND}/one {BACKEND}/two ~/.remediate"
RELAPSE = f"""
setsid sh -c 'for try in $(seq 300); do
  [ -e {BACKEND}/one/app.conf ] || exit
  grep -q off {BACKEND}/two/app.conf && sleep 1.2 && touch {BACKEND}/one/relapsed && exit
  sleep 0.1
done' >/dev/null 2>&1 </dev/null &
"""


@dataclass(frozen=True)
class World:
    """Two files and a table, on web1."""

    practice: Practice
    database: Psql
    playbook: str

    def shell(self, script: str) -> str:
        return self.practice.shell("web1", script)

    @property
    def files(self) -> tuple[str, str]:
        one, two = (self.shell(f"cat {BACKEND}/{folder}/app.conf") for folder in ("one", "two"))
        return one, two

    @property
    def has_column(self) -> bool:
        asked = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'probe'"
        return self.database.ask(asked) == "1"


@pytest.fixture
def world(practice: Practice, tmp_path: Path) -> Iterator[World]:
    playbook = tmp_path / "settings.yml"
    playbook.write_text(PLAYBOOK)
    practice.shell("web1", BEGIN)
    with Psql(practice) as database:
        yield World(practice, database, str(playbook))
        quiet = "SET client_min_messages = error"
        database.ask(f"{quiet}; DROP SCHEMA IF EXISTS remediate CASCADE")
        database.ask(f"{quiet}; ALTER TABLE avatars DROP COLUMN IF EXISTS probe CASCADE")
    practice.shell("web1", END)


OFF, ON = "debug = off\nport = 1\n", "debug = on\nport = 1\n"
MOVED = [
    pytest.param("file", "one/app.conf", id="a-file"),
    pytest.param("column", "avatars", id="a-column"),
]


def at_a_terminal(operator: Operator, *words: str) -> tuple["subprocess.Popen[bytes]", int]:
    """Start the program at a terminal of its own, and return it with the other end of that."""
    ours, its = os.openpty()
    line = [sys.executable, "-m", "remediate", *words]
    environment = {**operator.environment, "COLUMNS": "200"}
    process = subprocess.Popen(
        line, stdin=its, stdout=its, stderr=its, cwd=REPOSITORY, env=environment, start_new_session=True
    )
    os.close(its)
    return process, ours


def read_until(terminal: int, text: str) -> str:
    """Read until a text comes, or the program ends."""
    said = b""
    with suppress(OSError):  # the terminal's other end was closed
        while text.encode() not in said:
            said += os.read(terminal, 65536)
    return said.decode()


@pytest.mark.fault(29)
@pytest.mark.parametrize(("what", "told"), MOVED)
def test_what_moves_while_the_plan_waits_for_a_yes_is_told_and_nothing_is_touched(
    practice: Practice, operator: Operator, world: World, what: str, told: str
) -> None:
    process, terminal = at_a_terminal(operator, "run", world.playbook, "--on", "web1")
    try:
        read_until(terminal, "[y/N]")
        if what == "file":
            world.shell(f"echo mine >>{BACKEND}/one/app.conf")
        else:
            world.database.ask("ALTER TABLE avatars ADD COLUMN probe text")
        moved = (world.files, practice.shell("web1", DUMP))
        os.write(terminal, b"y\n")
        said = read_until(terminal, "\0")
    finally:
        os.close(terminal)
        process.wait(60)
    assert process.returncode == 5, said
    assert told in said
    assert (world.files, practice.shell("web1", DUMP)) == moved
    assert "remediate" not in world.database.ask("SELECT nspname FROM pg_namespace")
    kinds = {one["kind"] for one in operator.does("audit", "export", operator.last_run).lines}
    assert "owed" not in kinds


@pytest.mark.fault(30)
def test_a_cure_that_holds_for_a_moment_only_is_no_cure_and_all_is_put_back(
    practice: Practice, operator: Operator, world: World
) -> None:
    before = practice.shell("web1", DUMP)
    world.shell(RELAPSE)
    result = operator.does("run", world.playbook, "--on", "web1", "--yes", "--json")
    assert result.code == 1, result.out + result.err
    seen = [one["text"] for one in result.lines if one["kind"] == "verifying"]
    healthy = [text.startswith("healthy") for text in seen]
    assert True in healthy, seen
    assert healthy[-1] is False, "it was healthy for a while, and then no more"
    assert '"rolled back"' in result.out
    assert world.files == (ON, ON)
    assert practice.shell("web1", DUMP) == before


@pytest.fixture
def fixed(operator: Operator, world: World) -> str:
    """A run that has cured."""
    result = operator.does("run", world.playbook, "--on", "web1", "--yes")
    assert result.code == 0, result.out + result.err
    assert (world.files, world.has_column) == ((OFF, OFF), True)
    return operator.last_run


@pytest.mark.fault(31)
def test_a_way_back_that_is_barred_half_way_is_told_and_finishes_once_it_is_mended(
    operator: Operator, world: World, fixed: str
) -> None:
    world.shell(f"chmod a-w {BACKEND}/one")
    stuck = operator.does("rollback", fixed, "--yes", COLUMNS="300")
    assert stuck.code == 7, stuck.out + stuck.err
    assert "one/app.conf" in stuck.out
    assert f"remediate rollback {fixed}" in stuck.out
    assert (world.files, world.has_column) == ((OFF, ON), False), "last first, up to what is barred"
    assert "STILL" in operator.does("runs").out
    owed = operator.does("show", fixed).out
    assert "one/app.conf" in owed
    world.shell(f"chmod u+w {BACKEND}/one")
    back = operator.does("rollback", fixed, "--yes")
    assert back.code == 0, back.out + back.err
    assert world.files == (ON, ON)
    assert "STILL" not in operator.does("runs").out
    assert operator.does("audit", "verify").code == 0


@pytest.mark.fault(31)
def test_what_somebody_else_has_changed_since_is_not_overwritten_but_named(
    operator: Operator, world: World, fixed: str
) -> None:
    world.shell(f"echo mine >>{BACKEND}/two/app.conf")
    world.database.ask("CREATE INDEX mine ON avatars (probe)")
    column = operator.does("rollback", fixed, "--yes", COLUMNS="300")
    assert column.code == 7, column.out + column.err
    assert "index mine" in column.out
    assert world.has_column
    world.database.ask("DROP INDEX mine")
    file = operator.does("rollback", fixed, "--yes", COLUMNS="300")
    assert file.code == 7, file.out + file.err
    assert "two/app.conf" in file.out
    assert (world.files, world.has_column) == ((OFF, f"{OFF}mine\n"), False)
    assert "STILL" in operator.does("runs").out
